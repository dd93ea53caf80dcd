"""The programs of the service's page, over the transports, against a server that plays its part.

See:
    docs/protocol/openai.md#10-cancellation
    docs/protocol/openai.md#13-sdk-page-coverage-list
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
import trio

import nai_proto as nai
from nai_proto.exchange.actions import Runnable, Steps
from nai_proto.exchange.flow import flow
from nai_proto.exchange.reply import Handler, Read, Start, Wait, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.openai import (
    ChatChunk,
    ChatCompletion,
    OpenAICompletion,
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
    count_tokens,
    list_models,
)
from nai_transports.httpx import Client
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each

from .support import Outcome, connecting, counting, on, running

TRANSPORTS: Final = ("memory", "httpx", "asyncio", "trio", "httpx-trio")
WORDS: Final = ("Once", " upon", "", " a", " time")
MODELS: Final = {"object": "list", "data": [{"id": "glm-4-6", "owned_by": "novelai"}, {"id": "glm-4-5"}]}
TOKEN: Final = nai.PersistentToken("pst-good")


def service(request: Request) -> Handler:
    """The four endpoints, just so far; a chat that is not streamed is answered without a message.

    See docs/protocol/openai.md#43-response-not-streamed-observed-form--important.
    """
    body = b""
    while data := (yield Read()):
        body += data
    document = json.loads(body or b"{}")
    if request.headers.get("authorization") != "Bearer pst-good":
        yield from _answer(401, {"statusCode": 401, "message": "Invalid token"})
    elif request.path == "/oa/v1/models":
        yield from _answer(200, MODELS)
    elif request.path == "/oa/v1/internal/token-count":
        yield from _answer(200, {"length": 9, "encoded": [*range(9)]})
    elif document["model"] == "busy":
        yield from _answer(429, {"statusCode": 429, "message": "Concurrent generation is locked"})
    elif document.get("temperature", 0) > 2:
        yield from _answer(400, {"statusCode": 400, "message": "temperature must not be greater than 2"})
    elif document.get("stream"):
        yield Start(Head(200, Headers.of(content_type="text/event-stream")))
        yield from _stream(document)
    else:
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "text": "".join(WORDS), "token_ids": [1]}
        yield from _answer(200, {"choices": [choice if "prompt" in document else {**choice, "text": ""}]})


def _answer(status: int, document: object) -> Handler:
    data = json.dumps(document).encode()
    yield Start(Head(status, Headers.of(content_type="application/json", content_length=str(len(data)))))
    yield Write(data)


def _stream(request: Any) -> Handler:
    def chunk(choice: dict[str, Any] | None, **more: Any) -> Write:
        return Write(b"data: " + json.dumps({"choices": [choice] if choice else [], **more}).encode() + b"\n\n")

    chat = "messages" in request
    if chat:
        yield chunk({"index": 0, "delta": {"role": "assistant", "content": ""}})
    for word in WORDS:
        yield chunk({"index": 0, "delta": {"content": word}} if chat else {"index": 0, "text": word})
    while request["model"] == "endless" or (chat and request["messages"][0]["content"] == "Write a long story"):
        yield Wait(0.01)
        yield chunk({"index": 0, "delta": {"content": " and"}})
    yield chunk({"index": 0, "delta": {}, "finish_reason": "stop"} if chat else {"index": 0, "finish_reason": "stop"})
    yield chunk(None, usage={"prompt_tokens": 1, "completion_tokens": 5, "total_tokens": 6})
    yield Write(b"data: [DONE]\n\n")


def session(url: str) -> nai.Session:
    return nai.Session(base_url=url, token=TOKEN)


def ran(transport: str, make: Callable[[], Runnable[Any, Any]], token: nai.PersistentToken = TOKEN) -> Outcome:
    return on(transport, service, make, lambda url: nai.Session(base_url=url, token=token))


@for_each("transport", TRANSPORTS)
def test_the_first_of_the_models_completes_a_prompt(transport: str) -> None:
    @flow
    def program() -> Steps[Any, OpenAICompletion]:
        models = yield from list_models()
        prompt = "Once upon a time, in a kingdom far away,"
        return (yield from completion(prompt, model=models[0].id, max_tokens=100, temperature=0.7))

    assert ran(transport, program).result.choices[0].text == "Once upon a time"


@for_each("transport", TRANSPORTS)
def test_a_chat_is_answered_with_a_message(transport: str) -> None:
    def program() -> Runnable[Any, ChatCompletion]:
        system = {"role": "system", "content": "You are a helpful assistant."}
        return chat_completion([system, {"role": "user", "content": "Hello!"}], model="glm-4-6", max_tokens=100)

    assert ran(transport, program).result.choices[0].message.content == "Once upon a time"


def test_a_chat_that_is_not_streamed_tells_why_there_is_no_text() -> None:
    outcome = ran("memory", lambda: chat_completion([{"role": "user", "content": "Hello!"}], stream=False))
    assert isinstance(outcome.error, nai.RemoteProtocolError)
    assert "token ids and no text" in str(outcome.error)


@for_each("transport", TRANSPORTS)
def test_streams_are_read_piece_by_piece(transport: str) -> None:
    text = ran(transport, lambda: completion_stream("The quick brown fox", model="glm-4-6", max_tokens=100))
    pieces = [chunk.choices[0].text for chunk in text.events if chunk.choices]
    assert "".join(pieces) == text.result.choices[0].text == "Once upon a time"
    chat = ran(
        transport, lambda: chat_completion_stream([{"role": "user", "content": "Tell me a story"}], max_tokens=200)
    )
    deltas = [chunk.choices[0].delta for chunk in chat.events if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == chat.result.text == "Once upon a time"
    assert (deltas[0].role, deltas[0].content, deltas[-1].content) == ("assistant", "", None)
    assert chat.events[-1].choices == ()
    assert chat.result.usage.total_tokens == 6


@for_each("transport", TRANSPORTS)
def test_the_models_are_a_list_and_a_count_is_a_number(transport: str) -> None:
    assert [f"{model.id} (owned by {model.owned_by})" for model in ran(transport, list_models).result] == [
        "glm-4-6 (owned by novelai)",
        "glm-4-5 (owned by None)",
    ]
    count = ran(transport, lambda: count_tokens("Hello, world! This is a test.", "llama-3-erato-v1"))
    assert count.result == 9


@for_each("transport", TRANSPORTS)
def test_three_kinds_of_errors_reach_three_branches(transport: str) -> None:
    hello = [{"role": "user", "content": "Hello"}]
    wrong = ran(transport, lambda: chat_completion(hello), nai.PersistentToken("pst-bad")).error
    assert isinstance(wrong, nai.AuthenticationError)
    unfit = ran(transport, lambda: chat_completion(hello, temperature=3, validate=False)).error
    assert isinstance(unfit, nai.RejectedRequestError)
    assert unfit.message == "temperature must not be greater than 2"
    busy = ran(transport, lambda: chat_completion(hello, model="busy").with_options(retry=nai.NO_RETRY)).error
    assert isinstance(busy, nai.RateLimitError)
    assert isinstance(busy, nai.ConcurrentGenerationError)


LONG: Final = chat_completion_stream([{"role": "user", "content": "Write a long story"}])


def _gone(at_work: list[int]) -> bool:
    """Has the server noticed, within a few seconds?"""
    for _ in range(400):
        if not at_work[0]:
            return True
        time.sleep(0.01)
    return False


def test_leaving_a_stream_tells_the_server_and_keeps_the_text() -> None:
    with counting(service) as (app, at_work), serve_in_thread(app) as url, Client(session(url)) as client:
        with client.stream(LONG) as stream:
            for chunk in stream:
                if chunk.text == " and":
                    break
        assert _gone(at_work)
        partial: Any = stream.partial
        assert partial.text.startswith("Once upon a time and")
        assert client.run(completion("x")).text == "Once upon a time"


@pytest.mark.parametrize("transport", ["asyncio", "trio", "httpx-asyncio"])
def test_a_deadline_ends_a_stream_tells_the_server_and_keeps_the_text(transport: str) -> None:
    with counting(service) as (app, at_work), serve_in_thread(app) as url:
        pieces: list[str] = []

        async def read(stream: Any) -> None:
            async for chunk in stream:
                assert isinstance(chunk, ChatChunk)
                pieces.append(chunk.text)

        async def main() -> Any:
            async with connecting(transport, session(url)) as client, client.stream(LONG) as stream:
                if transport == "trio":
                    with trio.move_on_after(0.3) as scope:
                        await read(stream)
                    assert scope.cancelled_caught
                else:
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.3):
                            await read(stream)
                return stream.partial

        partial = running(transport, main)
        assert partial.text.startswith("Once upon a time")
        assert partial.text.startswith("".join(pieces))
        assert _gone(at_work)
