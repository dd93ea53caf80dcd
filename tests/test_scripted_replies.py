"""Scripted replies: an emulator answers what it was told, through the endpoints' own tokens, streams and checks."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

import nai_proto as nai
from nai_proto.codecs.pixels import Pixels, read_pixels, write_png
from nai_proto.emulator import Clock, Emulator, ScriptedReply
from nai_proto.emulator.replies import ReplyList
from nai_proto.errors import InvalidRequestError, RateLimitError, ServerError
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.image import PreviewStep
from nai_transports.asgi import AsgiApp
from nai_transports.memory import Client
from tests.cases import for_each
from tests.support import ByteTokenizer

DRAGON = " a small green dragon."


def make_client(*replies: ScriptedReply | dict[str, Any], **options: Any) -> tuple[Emulator, Client]:
    emulator = Emulator(replies=replies, **options)
    account = emulator.add_account("writer@example.com", nai.Password("secret"))
    return emulator, Client(emulator, nai.Session(token=account.persistent_token, base_url="http://emulator.invalid"))


# ---- texts


def test_a_text_answers_the_next_request_and_then_the_model_answers_again() -> None:
    emulator, client = make_client({"text": DRAGON})
    assert client.run(nai.text.generate("Once")).text == DRAGON
    assert not emulator.replies
    assert client.run(nai.text.generate("Once")).text != DRAGON


def test_a_text_is_streamed_token_by_token_at_its_pace() -> None:
    emulator, client = make_client({"text": DRAGON, "pace": 0.5})
    start = emulator.clock()
    with client.stream(nai.text.generate_stream("Once", max_length=2)) as stream:
        tokens = [token.text for token in stream]
    assert "".join(tokens) == DRAGON
    assert len(tokens) > 2
    assert emulator.clock() - start == pytest.approx(0.5 * len(tokens))


def test_a_text_has_the_log_probabilities_that_were_asked_for() -> None:
    _, client = make_client({"text": DRAGON, "times": 2})
    completion = client.run(nai.text.generate("Once", num_logprobs=3))
    assert completion.logprobs is not None
    assert all(len(one.before) == 3 for one in completion.logprobs)
    with client.stream(nai.text.generate_stream("Once", num_logprobs=3)) as stream:
        streamed = [token.logprobs for token in stream]
    assert [one and one.chosen for one in streamed] == [one.chosen for one in completion.logprobs]


def test_a_text_answers_a_prompt_of_token_ids_in_token_ids() -> None:
    tokenizer = ByteTokenizer()
    _, client = make_client({"text": DRAGON, "prompt": "dragon"}, tokenizers=lambda _: tokenizer)
    ids = client.run(nai.text.generate(tokenizer.encode("The dragon"), model="kayra-v1")).ids
    assert tokenizer.decode(ids) == DRAGON


def test_a_tokenizer_is_looked_up_only_for_token_ids() -> None:
    looked_up: list[str] = []

    def look_up(model: str) -> ByteTokenizer:
        looked_up.append(model)
        return ByteTokenizer()

    emulator = Emulator(replies=[{"status": 503, "times": None}], tokenizers=look_up)
    client = Client(emulator, nai.Session(base_url="http://emulator.invalid"))
    operations: list[Any] = [nai.image.generate(""), nai.text.generate([66, 67], model="kayra-v1")]
    for operation in operations:
        with pytest.raises(nai.NaiError):
            client.run(operation.with_options(retry=NO_RETRY))
    assert looked_up == ["kayra-v1"]


@for_each("stream", [False, True])
@for_each("reason", ["stop", "length"])
def test_a_text_answers_chats_and_completions_with_its_finish_reason(stream: bool, reason: str) -> None:
    _, client = make_client({"text": DRAGON, "times": 2, "finish_reason": reason})
    messages: list[Any] = [{"role": "user", "content": "Hello"}]
    if stream:
        chat = client.run(nai.openai.chat_completion_stream(messages, model="glm-4-6"))
        completion = client.run(nai.openai.completion_stream("Hello", model="glm-4-6"))
    else:
        chat = client.run(nai.openai.chat_completion(messages, model="glm-4-6"))
        completion = client.run(nai.openai.completion("Hello", model="glm-4-6"))
    assert (chat.choices[0].message.content, chat.choices[0].finish_reason) == (DRAGON, reason)
    assert (completion.choices[0].text, completion.choices[0].finish_reason) == (DRAGON, reason)


def test_reasoning_comes_before_the_text_of_a_chat() -> None:
    _, client = make_client({"text": "Yes.", "reasoning": "Is it green?"})
    message = (
        client.run(nai.openai.chat_completion([{"role": "user", "content": "?"}], model="glm-4-6")).choices[0].message
    )
    assert (message.reasoning_content or "", message.content) == ("Is it green?", "Yes.")


def test_an_empty_text_is_an_empty_answer() -> None:
    _, client = make_client({"text": "", "times": None})
    assert client.run(nai.text.generate("Once")).text == ""
    assert client.run(nai.text.generate_stream("Once")).text == ""
    assert client.run(nai.openai.completion("Once", model="glm-4-6")).choices[0].text == ""


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_arrives_as_it_was_scripted(text: str) -> None:
    _, client = make_client({"text": text, "times": None})
    assert client.run(nai.text.generate("Once")).text == text
    assert client.run(nai.text.generate_stream("Once")).text == text
    chat = client.run(nai.openai.chat_completion_stream([{"role": "user", "content": "?"}], model="glm-4-6"))
    assert (chat.choices[0].message.content or "") == text


# ---- chunks


def test_texts_as_chunks_keep_their_cuts_and_get_an_opening_and_an_end() -> None:
    _, client = make_client({"chunks": ["Hel", "lo", "!"]})
    with client.stream(
        nai.openai.chat_completion_stream([{"role": "user", "content": "?"}], model="glm-4-6")
    ) as stream:
        chunks = [chunk.choices[0].delta for chunk in stream if chunk.choices]
        result = stream.result
    assert [delta.content for delta in chunks if delta.content] == ["Hel", "lo", "!"]
    assert (result.choices[0].message.content, result.choices[0].finish_reason) == ("Hello!", "stop")


def test_objects_as_chunks_are_sent_as_they_are() -> None:
    odd = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "content_filter", "odd": 1}]}
    emulator, client = make_client({"chunks": [odd]})
    client.run(nai.openai.chat_completion_stream([{"role": "user", "content": "?"}], model="glm-4-6"))
    body = b"".join(getattr(sent.action, "data", b"") for sent in emulator.requests[-1].exchange.answer)
    (event,) = [line for line in body.split(b"\n") if line.startswith(b"data: {")]
    assert json.loads(event[6:])["choices"] == odd["choices"]


def test_a_request_that_does_not_stream_gets_the_texts_of_all_chunks() -> None:
    _, client = make_client({"chunks": ["Hel", {"choices": [{"index": 0, "delta": {"content": "lo"}}]}]})
    body = nai.openai.chat_completion([{"role": "user", "content": "?"}], model="glm-4-6", extra={"stream": False})
    assert client.run(body).choices[0].message.content == "Hello"


# ---- statuses


def test_a_status_replaces_the_whole_response() -> None:
    reply = {"path": "/ai/generate", "status": 429, "headers": {"Retry-After": "2"}, "json": {"message": "busy"}}
    emulator, client = make_client(reply)
    start = emulator.clock()
    assert client.run(nai.text.generate("Once")).text
    assert [seen.status for seen in emulator.requests] == [429, 200]
    assert emulator.clock() - start >= 2.0


def test_a_status_answers_requests_without_a_token_and_unknown_paths() -> None:
    emulator, _ = make_client({"path": "/new/endpoint", "status": 200, "body": "hello"})
    response = TestClient(AsgiApp(emulator)).get("/new/endpoint?a=1")
    assert (response.status_code, response.text) == (200, "hello")
    assert emulator.requests[-1].account is None


def test_an_error_without_a_body_has_the_form_of_the_service() -> None:
    emulator, client = make_client({"status": 503})
    with pytest.raises(ServerError, match="Service Unavailable"):
        client.run(nai.text.generate("Once").with_options(retry=NO_RETRY))
    assert emulator.requests[-1].reason == "a scripted reply"


# ---- pictures


def draw_file(colour: tuple[int, int, int]) -> bytes:
    return write_png(Pixels(64, 64, bytes(colour) * 64 * 64))


def test_a_picture_answers_every_endpoint_that_gives_pictures() -> None:
    file = draw_file((10, 200, 30))
    emulator, client = make_client({"picture": base64.b64encode(file).decode(), "times": None})
    operations: list[Any] = [
        nai.image.generate("a cat", width=64, height=64, steps=2),
        nai.image.generate_stream("a cat", width=64, height=64, steps=2),
        nai.image.upscale(draw_file((0, 0, 0))),
        nai.image.augment(draw_file((0, 0, 0)), "lineart"),
    ]
    for operation in operations:
        result = client.run(operation)
        assert {one.data for one in (result if isinstance(result, tuple) else (result,))} == {file}
    assert [seen.status for seen in emulator.requests] == [200] * 4


def test_the_previews_of_a_scripted_picture_are_its_own() -> None:
    _, client = make_client(ScriptedReply(picture=draw_file((10, 200, 30))))
    with client.stream(nai.image.generate_stream("a cat", width=64, height=64, steps=8)) as stream:
        previews = [event.image for event in stream if isinstance(event, PreviewStep)]
    last = read_pixels(previews[-1])
    assert all(abs(a - b) < 60 for a, b in zip(last.data[:3], (10, 200, 30), strict=True))


def test_a_picture_that_is_none_is_sent_as_it_is() -> None:
    _, client = make_client(ScriptedReply(picture=b"no picture", times=None))
    emulated = client.run(nai.image.generate("a cat", width=64, height=64, steps=2))
    assert [one.data for one in emulated] == [b"no picture"]


# ---- which requests


@for_each(
    "condition, matches",
    [
        ({}, True),
        ({"path": "/ai/generate"}, True),
        ({"path": "/ai/generate-stream"}, False),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"model": "kayra-v1"}, True),
        ({"model": "clio-v1"}, False),
        ({"prompt": "dragon"}, True),
        ({"prompt": "Dragon"}, False),
        ({"prompt_pattern": "(?i)DRAG.n$"}, True),
        ({"prompt_pattern": "^dragon"}, False),
    ],
)
def test_a_reply_answers_the_requests_that_fulfil_its_conditions(condition: dict[str, str], matches: bool) -> None:
    _, client = make_client({"status": 429, **condition})
    operation = nai.text.generate("The dragon", model="kayra-v1").with_options(retry=NO_RETRY)
    if matches:
        with pytest.raises(RateLimitError):
            client.run(operation)
    else:
        client.run(operation)


@for_each(
    "operation",
    [
        nai.openai.chat_completion([{"role": "user", "content": "The dragon"}], model="glm-4-6"),
        nai.openai.completion(["Once", "The dragon"], model="glm-4-6"),
        nai.image.generate("a dragon"),
        nai.image.suggest_tags("dragon"),
        nai.voice.speak("The dragon sleeps"),
    ],
)
def test_every_endpoint_with_a_prompt_can_be_matched_by_it(operation: Any) -> None:
    emulator, client = make_client({"prompt": "dragon", "status": 418})
    with pytest.raises(nai.NaiError):
        client.run(operation.with_options(retry=NO_RETRY))
    assert [seen.status for seen in emulator.requests] == [418]


def test_the_first_reply_that_matches_is_used_as_often_as_it_says() -> None:
    emulator, client = make_client({"text": "one", "times": 2}, {"text": "two"})
    assert [client.run(nai.text.generate("Once")).text for _ in range(3)] == ["one", "one", "two"]
    assert not emulator.replies


def test_a_request_that_is_refused_uses_no_text() -> None:
    emulator, client = make_client({"text": DRAGON})
    with pytest.raises(nai.NaiError):
        client.run(nai.text.generate("Once", extra={"max_length": "many"}))
    with pytest.raises(nai.NaiError):
        client.run(nai.text.generate_stream("Once", extra={"num_return_sequences": 2}))
    assert len(emulator.replies) == 1


def test_a_question_about_the_model_uses_no_text() -> None:
    emulator, client = make_client({"text": DRAGON})
    client.run(nai.text.get_hidden_states("Once", model="krake-v2"))
    client.run(nai.text.get_next_words("Once", model="krake-v2"))
    assert len(emulator.replies) == 1


def test_every_answer_of_a_request_is_the_text() -> None:
    _, client = make_client({"text": DRAGON, "times": None})
    completion = client.run(nai.openai.completion("Once", model="glm-4-6", n=2, best_of=3, echo=True))
    assert [choice.text for choice in completion.choices] == ["Once" + DRAGON] * 2
    texts = client.run(nai.text.generate("Once", num_return_sequences=2))
    assert [texts.text, *[one.text for one in texts.alternatives]] == [DRAGON] * 2


# ---- values


@for_each(
    "reply, problem",
    [
        ({}, "a reply has a text, chunks, a picture or a status, and this one has none of them"),
        ({"text": "a", "status": 200}, "not text and status"),
        ({"text": "a", "json": {}}, "belong to a reply with a status"),
        ({"status": 200, "json": None, "body": ""}, "one body, not json and body"),
        ({"status": 42}, "a reply's status: Expected `int` >= 200"),
        ({"text": 3}, "a reply's text: Expected `str | null`"),
        ({"txt": "a"}, "a reply has no 'txt', only method, path, model"),
        ({"text": "a", "times": 0}, "a reply's times: Expected `int` >= 1"),
        ({"text": "a", "path": "ai/generate"}, "path 'ai/generate' does not begin with /"),
        ({"text": "a", "path": "/ai/genrate"}, "path /ai/genrate does not answer with text: /ai/generate, "),
        ({"picture": "", "path": "/ai/generate"}, "does not answer with picture: "),
        ({"text": "a", "prompt_pattern": "("}, "prompt_pattern '(' is not a regular expression"),
        ({"reasoning": "a", "status": 200}, "reasoning belongs to a reply with a text"),
        ({"chunks": []}, "chunks must not be empty"),
        ([], "a reply is an object such as"),
        ({1: "a"}, "a reply has no '1', only method, path, model"),
        ({"text": "\ud800"}, "a reply's text: this cannot be written as JSON"),
        ({"status": 200, "json": float("nan")}, "a reply's json: this cannot be written as JSON"),
        ({"status": 200, "json": object()}, "a reply's json: this cannot be written as JSON"),
        ({"chunks": [{"choices": object()}]}, "a reply's chunks: this cannot be written as JSON"),
        ({"status": 204, "body": "a"}, "a response with the status 204 has no body"),
        ({"status": 304, "json": None}, "a response with the status 304 has no body"),
        ({"status": 200, "headers": {"X-A": "b\r\nX-C: d"}}, "a reply's headers: header field X-A"),
        ({"status": 200, "headers": {"X-A": "\u20ac"}}, "a reply's headers: header field X-A"),
        ({"status": 200, "headers": {"X A": "b"}}, "a reply's headers: header field 1"),
        ({"status": 200, "headers": {"content-length": "1"}, "body": "a"}, "Content-Length follows from the body"),
        ({"status": 200, "headers": {"Transfer-Encoding": "gzip"}}, "a reply's headers: header fields: "),
    ],
)
def test_an_invalid_reply_is_an_error_of_one_line_that_names_the_problem(reply: Any, problem: str) -> None:
    replies = ReplyList({"text": "first"})
    with pytest.raises(InvalidRequestError) as found:
        replies.add({"text": "fine"}, reply)
    assert str(found.value).startswith("replies[1]: ")
    assert problem in str(found.value)
    assert "\n" not in str(found.value)
    assert len(replies) == 1


def test_a_reply_as_value_and_as_object_is_the_same() -> None:
    value = ScriptedReply(picture=b"\x89PNG", path="/ai/generate-image", times=None)
    document = msgspec.to_builtins(value)
    assert document == {"path": "/ai/generate-image", "times": None, "picture": base64.b64encode(b"\x89PNG").decode()}
    assert [*ReplyList(value)] == [*ReplyList(document)] == [value]


def test_the_values_of_a_reply_are_checked_when_it_is_added() -> None:
    with pytest.raises(InvalidRequestError, match="a reply's text"):
        ReplyList(ScriptedReply(text=3))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="a reply's json"):
        ReplyList(ScriptedReply(status=200, json=object()))


def test_the_text_of_a_reply_names_what_it_was_given() -> None:
    assert repr(ReplyList({"text": "a", "path": "/ai/generate"})) == (
        "ReplyList(ScriptedReply(path='/ai/generate', text='a'),)"
    )


_HEADERS = st.dictionaries(st.text(max_size=4) | st.just("Connection"), st.text(max_size=6), max_size=2)


@given(st.integers(200, 599), _HEADERS, st.none() | st.text(max_size=5) | st.binary(max_size=5))
def test_a_status_is_refused_when_it_is_added_or_answers(
    status: int, headers: dict[str, str], body: str | bytes | None
) -> None:
    bodies = {} if body is None else {"body" if isinstance(body, str) else "body_bytes": body}
    try:
        _, client = make_client({"status": status, "headers": headers, **bodies})
    except InvalidRequestError:
        return
    failure = None
    try:
        client.run(nai.text.generate("Once").with_options(retry=NO_RETRY))
    except nai.NaiError as error:
        failure = error
    assert type(failure) is not InvalidRequestError, "the emulator could not send it"


# ---- the clock and the entropy of an emulator without arguments


def test_an_emulator_without_arguments_is_the_same_each_time() -> None:
    emulator, client = make_client()
    other, twin = make_client()
    assert emulator.clock() == other.clock()
    assert client.run(nai.text.generate("Once")) == twin.run(nai.text.generate("Once"))
    assert emulator.accounts[0].persistent_token == other.accounts[0].persistent_token


def test_time_passes_only_when_the_clock_is_advanced() -> None:
    emulator, client = make_client()
    before = emulator.clock()
    client.run(nai.text.generate("Once"))
    assert emulator.clock() == before
    emulator.clock.advance(3600.0)
    assert emulator.clock() == before + 3600.0


def test_a_running_clock_can_be_advanced_too() -> None:
    times = iter([10.0, 11.0])
    clock = Clock(source=lambda: next(times))
    clock.advance(100.0)
    assert [clock(), clock()] == [110.0, 111.0]
