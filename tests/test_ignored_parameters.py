"""The emulator names the parameters that change nothing in its answer, unknown and misspelt ones above all.

See docs/protocol/native.md#171-general-behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.cases import for_each

from .support import an_emulator
from .test_emulator import send_request
from .test_emulator_images import STRUCTURED

CHAT: Final = "/oa/v1/chat/completions"
MESSAGES: Final = [{"role": "user", "content": "Hello"}]
V45: Final = "nai-diffusion-4-5-full"


def send(path: str, body: Mapping[str, object]) -> tuple[str | None, tuple[str, ...]]:
    """Return the header field of the answer, and what the log of requests makes of it."""
    emulator, owner = an_emulator()
    head, _ = send_request(emulator, "POST", path, body, owner=owner)
    assert head.status in (200, 201)
    return head.headers.get("x-emulator-ignored"), emulator.requests[-1].ignored


def text(parameters: Mapping[str, object], **beside: object) -> tuple[str, dict[str, object]]:
    given = {"max_length": 2, "min_length": 1, "use_string": True, **parameters}
    return "/ai/generate", {"input": "Once", "model": "kayra-v1", "parameters": given, **beside}


def chat(**beside: object) -> tuple[str, dict[str, object]]:
    return CHAT, {"model": "glm-4-6", "messages": MESSAGES, "max_tokens": 2, **beside}


def picture(parameters: Mapping[str, object], path: str = "/ai/generate-image", **beside: object) -> tuple[str, Any]:
    given = {"width": 64, "height": 64, "steps": 1, "seed": 1, **STRUCTURED, **parameters}
    return path, {"input": "a lake", "model": V45, "action": "generate", "parameters": given, **beside}


@for_each(
    "request_, ignored",
    [
        (text({"temprature": 2.0}, temperature=2.0), ("temperature", "temprature")),
        (text({"use_cache": False, "unknown": None, "top_k": 1}), ()),
        (
            chat(response_format={"type": "json_object"}, max_completion_tokens=9),
            ("response_format", "max_completion_tokens"),
        ),
        (chat(stream=True, tools=[], top_k=1), ("tools",)),
        (chat(tools=None, parallel_tool_calls=False, enable_thinking=True), ()),
        (picture({"guidance": 5}, seed=5), ("seed", "guidance")),
        (picture({"stream": "sse", "guidance": 5}, "/ai/generate-image-stream"), ("guidance",)),
        (picture({"legacy": False, "autoSmea": False, "add_original_image": True, "params_version": 4}), ()),
        (picture({"add_original_image": False, "mask": "AAAA"}), ("add_original_image", "mask")),
        (picture({"characterPrompts": [], "qualityToggle": True, "ucPreset": 0}, use_new_shared_trial=True), ()),
    ],
)
def test_what_changes_nothing_is_named_in_the_answer(request_: tuple[str, Any], ignored: tuple[str, ...]) -> None:
    assert send(*request_) == (", ".join(ignored) or None, ignored)


def test_a_name_that_no_header_field_can_hold_does_no_harm() -> None:
    field, _ = send(*chat(**{"Töne\r\nX-Evil: 1": 1, "x" * 2_000: 1}))
    assert field == f"T?ne X-Evil: 1, {'x' * 2_000}"[:500]
