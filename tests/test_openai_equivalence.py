"""What we ask is what the ``openai`` package asks for the same call: the same path, and JSON that is equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai as theirs

from nai_proto import openai as ours
from tests.cases import for_each

MODEL = "glm-4-6"
MESSAGES = [
    {"role": "system", "content": "You tell tales."},
    {"role": "user", "content": "Tell me one about the sea.", "name": "Wren"},
    {"role": "assistant", "content": "There was"},
]
SAMPLING: dict[str, Any] = {
    "max_tokens": 100,
    "temperature": 0.7,
    "top_p": 0.9,
    "stop": ["\n\n", "The End"],
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "seed": 7,
    "n": 2,
    "user": "wren",
    "logit_bias": {"151336": -5},
}
OWN: dict[str, Any] = {
    "top_k": 40,
    "min_p": 0.05,
    "unified_linear": 0.4,
    "unified_quadratic": 0.3,
    "unified_cubic": 0.1,
    "unified_increase_linear_with_entropy": 0.2,
    "enable_thinking": True,
    "generation_prefix": "Once",
}
"""Which their client sends as ``extra_body``."""


def asked_by_theirs(call: Callable[[Any], Any]) -> tuple[str, str, Any]:
    """Method, path and JSON of the one request that a call makes."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"object": "list", "data": [], "choices": [], "id": "x", "model": MODEL})

    http = httpx2.Client(transport=httpx2.MockTransport(answer), trust_env=False)
    client = theirs.OpenAI(api_key="pst-x", base_url="https://text.novelai.net/oa/v1", http_client=http)
    call(client)
    (request,) = seen
    body = json.loads(request.content) if request.content else None
    return request.method, request.url.path, body


def asked_by_ours(operation: Any) -> tuple[str, str, Any]:
    request = operation.request
    return request.method, request.path, json.loads(request.body) if request.body else None


@for_each(
    "prompt", ["Once upon a time", ["Once", "Twice"], [1, 2, 3], [[1, 2], [3]]], ids=["text", "texts", "ids", "lists"]
)
def test_completions_are_requested_alike(prompt: Any) -> None:
    their = asked_by_theirs(
        lambda client: client.completions.create(model=MODEL, prompt=prompt, logprobs=3, **SAMPLING)
    )
    assert asked_by_ours(ours.completion(prompt, model=MODEL, logprobs=3, **SAMPLING)) == their


def test_streamed_completions_are_requested_alike() -> None:
    usage = {"include_usage": True}
    their = asked_by_theirs(
        lambda client: client.completions.create(
            model=MODEL, prompt="Once", stream=True, stream_options=usage, extra_body=OWN, best_of=2, echo=True
        )
    )
    operation = ours.completion_stream("Once", model=MODEL, stream_options=usage, best_of=2, echo=True, **OWN)
    assert asked_by_ours(operation) == their


def test_chats_are_requested_alike() -> None:
    their = asked_by_theirs(
        lambda client: client.chat.completions.create(model=MODEL, messages=MESSAGES, extra_body=OWN, **SAMPLING)
    )
    operation = ours.chat_completion(MESSAGES, stream=False, model=MODEL, **SAMPLING, **OWN)
    assert asked_by_ours(operation) == their


def test_streamed_chats_are_requested_alike() -> None:
    their = asked_by_theirs(
        lambda client: client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **SAMPLING
        )
    )
    assert asked_by_ours(ours.chat_completion_stream(MESSAGES, model=MODEL, **SAMPLING)) == their


def test_models_are_requested_alike() -> None:
    assert asked_by_ours(ours.list_models()) == asked_by_theirs(lambda client: client.models.list())


def test_unknown_parameters_go_out_as_they_are() -> None:
    extra = {"response_format": {"type": "json_object"}, "top_z": 1}
    their = asked_by_theirs(
        lambda client: client.chat.completions.create(model=MODEL, messages=MESSAGES[:2], extra_body=extra)
    )
    assert asked_by_ours(ours.chat_completion(MESSAGES[:2], stream=False, model=MODEL, extra=extra)) == their
