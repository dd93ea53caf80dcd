"""The options of completions and chats."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nai_proto.openai import chat_completion, completion

from .row import ABSENT, BYTES, Ignored, Refused, Row, Shows, Table, differs

ONCE: Final = "Once upon a time"
HELLO: Final = [{"role": "user", "content": "Tell me a tale."}]
Q: Final = BYTES.encode("Q")[0]
UNIFIED: Final[dict[str, Any]] = {"unified_linear": 1.0}


def parameter(option: str, value: Any, shows: Shows | Refused | Ignored = differs, **given: Any) -> Row:
    """A row for a parameter that is on the wire as it is given."""
    return Row(option, value, {option: value}, shows, given)


def has_usage(a: Any, b: Any) -> bool:
    return a.usage is not None and b.usage is None


def without_moment(result: Any) -> Any:
    return msgspec.structs.replace(result, created=None)


COMMON: Final = (
    parameter("model", "glm-0", Refused(400, "glm-0")),
    parameter("max_tokens", 3, lambda a, b: len(a.choices[0].token_ids) > 3 == len(b.choices[0].token_ids)),
    parameter("temperature", 1.95),
    parameter("top_p", 0.01),
    parameter("top_k", 1),
    parameter("min_p", 0.99),
    parameter("stop", [" "], lambda a, b: b.text.endswith(" ") and a.text.startswith(b.text) and a.text != b.text),
    parameter("n", 3, lambda a, b: (len(a.choices), len(b.choices)) == (1, 3)),
    parameter("frequency_penalty", 1.95),
    parameter("presence_penalty", -1.95),
    parameter("seed", 123_456_789),
    parameter("logprobs", 3, lambda a, b: a.choices[0].logprobs is None and b.choices[0].logprobs is not None),
    Row("logit_bias", {Q: 60.5}, {"logit_bias": {str(Q): 60.5}}, lambda a, b: "QQQ" in b.text and "QQQ" not in a.text),
    parameter("generation_prefix", "Quux", lambda a, b: b.text.startswith("Quux") and not a.text.startswith("Quux")),
    parameter("unified_linear", 4.5),
    parameter("unified_quadratic", 1.5, **UNIFIED),
    parameter("unified_cubic", 1.5, **UNIFIED),
    parameter("unified_increase_linear_with_entropy", 2.5, **UNIFIED),
    parameter("stream_options", {"include_usage": False}, has_usage, stream=True),
    parameter("user", "wren", Ignored("names the end user to the service, which answers all of them alike", 5)),
    parameter(
        "recaptcha_token",
        "proof",
        Ignored("proves that a human asks, which the emulator believes", 5),
    ),
    Row("validate", False, {"top_p": 5.5}, Refused(400, "top_p must be from 0 to 1"), {"top_p": 5.5}),
    Row("extra", {"top_p": 5.5}, {"top_p": 5.5}, Refused(400, "top_p must be from 0 to 1")),
)

COMPLETION: Final = Table(
    "completion",
    completion,
    given={"prompt": ONCE, "max_tokens": 25, "seed": 5},
    read=without_moment,
    rows=(
        *COMMON,
        parameter("prompt", "The lighthouse"),
        parameter("stream", True, lambda a, b: a == b, logprobs=2),
        parameter(
            "enable_thinking", True, Ignored("acts through the template of chats, and a completion has none", "x")
        ),
        parameter("best_of", 5),
        parameter("echo", True, lambda a, b: b.text == ONCE + a.text),
        parameter("suffix", " ", lambda a, b: a.text.startswith(b.text) and " " not in b.text),
    ),
)

CHAT: Final = Table(
    "chat_completion",
    chat_completion,
    given={"messages": HELLO, "max_tokens": 25, "seed": 5},
    read=without_moment,
    rows=(
        *COMMON,
        parameter("messages", [{"role": "assistant", "content": "Once"}]),
        Row("stream", False, {"stream": ABSENT}, lambda a, b: a == b),
        parameter("enable_thinking", True, lambda a, b: b.choices[0].message.reasoning_content),
    ),
)
