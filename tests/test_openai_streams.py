"""Streams of chunks: their forms, their ends, their errors, and what they make together.

See:
    docs/protocol/openai.md#6-streaming
    docs/protocol/openai.md#13-sdk-page-coverage-list
    docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top
"""

from __future__ import annotations

import base64
import json
import pickle
import re
from itertools import pairwise
from typing import Any, Final
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.codecs.sse import SSEDecoder
from nai_proto.errors import LimitExceeded, NaiError, RemoteProtocolError, StreamError, Truncated
from nai_proto.exchange.call import Call
from nai_proto.exchange.operation import Operation
from nai_proto.http import Head, Headers
from nai_proto.limits import Limits
from nai_proto.openai import (
    ChatAccumulator,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    CompletionAccumulator,
    CompletionChoice,
    CompletionChunk,
    Delta,
    Message,
    OpenAILogprobs,
    Usage,
    chat_completion,
    chat_completion_stream,
    completion,
    completion_stream,
)
from nai_proto.openai.chunk_stream import ChunkReader
from nai_proto.openai.response_parser import tolerant_decoder
from nai_proto.testing import FlowTrace, play
from nai_proto.testing.strategies import chunkings, hostile_bodies
from tests.cases import for_each
from tests.protocol_data import DATA

STREAM: Final = Head(200, Headers.of(content_type="text/event-stream"))
JSON: Final = Head(200, Headers.of(content_type="application/json"))
HELLO: Final = [Message("user", "Tell me a story")]
CHAT: Final = chat_completion_stream(HELLO, max_tokens=200)
TEXT: Final = completion_stream("The quick brown fox", max_tokens=100)
VECTORS: Final[list[dict[str, Any]]] = [
    vector for vector in json.loads((DATA / "sse_vectors.json").read_bytes()) if vector["category"] == "openai"
]
USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DONE: Final = b"data: [DONE]\n\n"


def event(*choices: dict[str, Any], **more: Any) -> bytes:
    document = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "glm-4-6", "choices": choices}
    return b"data: " + json.dumps({**document, **more}).encode() + b"\n\n"


def delta_chunk(content: str | None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "delta": {} if content is None else {"content": content}, "finish_reason": None, **more}


FIRST: Final = event(
    {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None, "token_ids": []}
)
LAST: Final = event({"index": 0, "delta": {}, "finish_reason": "stop", "token_ids": [151336]})
STORY: Final = (
    FIRST + event(delta_chunk("\n", token_ids=[198])) + event(delta_chunk(" there", token_ids=[1078])) + LAST + DONE
)


def played(body: bytes, operation: Operation[Any, Any] = CHAT) -> FlowTrace[Any, Any]:
    return play(operation, [STREAM, body, b""])


# ---- everyday streams, as the page reads them


def test_a_chat_is_read_by_the_deltas_contents_of_which_some_are_missing() -> None:
    story = played(STORY)
    pieces = [chunk.choices[0].delta.content for chunk in story.events if chunk.choices]
    assert pieces == ["", "\n", " there", None]
    assert [chunk.text for chunk in story.events] == ["", "\n", " there", ""]
    assert "".join(piece or "" for piece in pieces) == story.result.text == "\n there"
    assert story.result.choices[0].message == Message("assistant", "\n there")
    assert story.result.choices[0].token_ids == (198, 1078, 151336)
    assert story.result.choices[0].finish_reason == "stop"
    assert story.result.object == "chat.completion"
    assert (story.result.id, story.result.model, story.result.created) == ("c-1", "glm-4-6", 1)
    assert played(event(created=0) + DONE).result.created == 0
    assert story.events[0].choices[0].delta.role == "assistant"


def test_a_completion_is_read_by_the_choices_texts() -> None:
    body = event({"text": " jumps", "index": 0, "token_ids": [1]}) + event({"text": "", "index": 0})
    body += event({"text": "!", "index": 0, "finish_reason": "length", "stop_reason": 151336}) + DONE
    story = played(body, TEXT)
    assert [chunk.choices[0].text for chunk in story.events] == [" jumps", "", "!"]
    assert [chunk.text for chunk in story.events] == [" jumps", "", "!"]
    assert story.result.choices[0].text == story.result.text == " jumps!"
    assert story.result.object == "text_completion"
    assert (story.result.choices[0].finish_reason, story.result.choices[0].stop_reason) == ("length", 151336)


def test_the_answer_in_one_piece_is_the_stream_put_together_without_events() -> None:
    whole = played(STORY, chat_completion(HELLO))
    assert whole.kinds == "Send Receive Receive"
    assert whole.result == played(STORY).result
    text = event({"text": "a"}) + DONE
    assert played(text, completion("x", stream=True)).result == played(text, TEXT).result


@for_each(
    "choice",
    [
        {"text": "Hi"},
        {"text": "Hi", "delta": {}},
        {"text": "Hi", "delta": None},
        {"text": "Hi", "delta": {"content": None}},
        {"text": "no", "delta": {"content": "Hi"}},
        {"message": {"role": "assistant", "content": "Hi"}},
        {"delta": {"content": "Hi", "token_ids": [5]}, "logprobs": None, "token_ids": None},
    ],
)
def test_text_is_found_in_each_of_three_places(choice: dict[str, Any]) -> None:
    story = played(event(choice) + DONE)
    assert story.events[0].choices[0].delta.content == story.events[0].text == story.result.text == "Hi"
    assert story.events[0].choices[0].extra == {}
    assert played(event(choice) + DONE, TEXT).result.text == ("no" if choice.get("text") == "no" else "Hi")


def test_unknown_keys_are_kept_on_chunks_and_on_what_they_make() -> None:
    body = event(
        delta_chunk("a", processed_logprobs=None, x=[1]), prompt_token_ids=[1, 2], metadata={"a": 1}, error=None
    )
    story = played(body + event(delta_chunk("b", x=[2]), metadata={"a": 2}) + DONE)
    assert story.events[0].extra == {"prompt_token_ids": [1, 2], "metadata": {"a": 1}, "error": None}
    assert story.result.extra == {"prompt_token_ids": [1, 2], "metadata": {"a": 2}, "error": None}
    assert story.result.choices[0].extra == {"processed_logprobs": None, "x": [1, 2]}


KEYS: Final = st.sampled_from(["x", "y", "*", "", "é", "text", "message", "reasoning", "token_ids", "error", "detail"])
UNKNOWN: Final = st.dictionaries(
    KEYS, st.sampled_from([None, 1, 0.5, "a", [1, {"b": None}], {"content": "c"}]), max_size=2
)


def with_unknown(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda unknown, own: unknown | own, UNKNOWN, st.fixed_dictionaries({}, optional=known))


def chat_chunks() -> st.SearchStrategy[dict[str, Any]]:
    delta = with_unknown({"content": st.sampled_from(["a", "", None]), "role": st.just("assistant")})
    choice = with_unknown({"index": st.integers(0, 1), "delta": delta, "finish_reason": st.none()})
    return with_unknown(
        {"choices": st.lists(choice, max_size=2), "usage": st.none() | with_unknown({"total_tokens": st.just(3)})}
    )


@given(st.lists(chat_chunks(), min_size=1, max_size=4).map(lambda chunks: [each for each in chunks for _ in (0, 1)]))
def test_chunks_with_unknown_keys_are_the_same_whether_such_keys_came_before(chunks: list[dict[str, Any]]) -> None:
    """The first chunk with a key is read the general way, and those behind it by a class that has the key."""

    def read(reader: ChunkReader[ChatChunk, ChatCompletion], chunk: dict[str, Any]) -> object:
        try:
            events = reader.receive_data(b"data: %b\n\n" % json.dumps(chunk).encode())
        except NaiError as error:
            return type(error)
        return [(event, [type(each) for each in (event, *event.choices, event.usage)]) for event in events]

    def new_reader() -> ChunkReader[ChatChunk, ChatCompletion]:
        return ChunkReader(ChatChunk, ChatAccumulator, "chat", Limits())

    learning = new_reader()
    for chunk in chunks:
        assert read(learning, chunk) == read(new_reader(), chunk)


@for_each("where", ["chunk", "choice", "delta", "usage"])
def test_an_unknown_key_that_came_before_is_read_without_the_general_way(where: str) -> None:
    delta = {"content": "a", **({"x": 1} if where == "delta" else {})}
    choice = {"index": 0, "delta": delta, **({"x": 1} if where == "choice" else {})}
    usage = {"total_tokens": 1, **({"x": 1} if where == "usage" else {})}
    chunk = {"choices": [choice], "usage": usage, "error": None, **({"x": [1]} if where == "chunk" else {})}
    general = Mock(side_effect=tolerant_decoder(ChatChunk).decode)
    reader = ChunkReader(ChatChunk, ChatAccumulator, "chat", Limits())
    reader._general = Mock(decode=general)
    events = [event for _ in range(5) for event in reader.receive_data(b"data: %b\n\n" % json.dumps(chunk).encode())]
    assert general.call_count == 1
    assert len(events) == 5
    assert all(event == events[0] for event in events)


def test_a_stream_with_a_new_unknown_key_in_each_chunk_is_read_the_general_way() -> None:
    reader = ChunkReader(ChatChunk, ChatAccumulator, "chat", Limits())
    for number in range(20):
        (event,) = reader.receive_data(b'data: {"choices": [], "x%d": 1}\n\n' % number)
        assert event.extra == {f"x{number}": 1}
    assert len(reader._unknown_keys) < 10


@for_each("name", ["reasoning_content", "reasoning"])
def test_reasoning_that_the_service_tells_apart_is_joined_apart(name: str) -> None:
    deltas = [{name: "2 + "}, {name: "2", "content": None}, {"content": "4"}]
    story = played(b"".join(event({"delta": delta}) for delta in deltas) + DONE)
    assert [chunk.choices[0].delta.reasoning_content for chunk in story.events] == ["2 + ", "2", None]
    assert story.result.choices[0].message == Message("assistant", "4", None, "2 + 2")


# ---- usage


@for_each(
    "body",
    [
        event(delta_chunk("a"), usage=None) + event({**delta_chunk(None), "finish_reason": "stop"}, usage=USAGE) + DONE,
        event(delta_chunk("a")) + event({**delta_chunk(None), "finish_reason": "stop"}) + event(usage=USAGE) + DONE,
        event(delta_chunk("a"), usage={"total_tokens": 1})
        + LAST
        + b'data: {"choices": null, "usage": {"prompt_tokens": 3, '
        b'"completion_tokens": 2, "total_tokens": 5}}\n\n',
    ],
    ids=["last chunk", "chunk without choices", "chunk with null choices, no [DONE]"],
)
def test_the_usage_is_the_last_one_of_the_stream(body: bytes) -> None:
    story = played(body)
    assert story.result.usage == Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
    assert "".join(chunk.text for chunk in story.events) == "a"
    assert len(story.result.choices) == 1


def test_a_stream_that_tells_no_usage_has_none() -> None:
    assert played(STORY).result.usage is None


# ---- several answers, logprobs


def test_several_answers_are_joined_by_their_index() -> None:
    order = [(1, "b"), (0, "a"), (1, "B"), (0, "A")]
    body = b"".join(event(delta_chunk(text, index, token_ids=[index])) for index, text in order)
    story = played(body + event({"index": 0, "finish_reason": "stop"}, {"index": 1, "finish_reason": "length"}))
    assert [choice.message.content for choice in story.result.choices] == ["aA", "bB"]
    assert [choice.finish_reason for choice in story.result.choices] == ["stop", "length"]
    assert [choice.token_ids for choice in story.result.choices] == [(0, 0), (1, 1)]
    assert "".join(chunk.text for chunk in story.events) == story.result.text == "aA"


def test_logprobs_are_joined_in_both_forms() -> None:
    lists = [{"tokens": ["a"], "token_logprobs": [-1], "text_offset": [0]}, {"tokens": ["b"], "token_logprobs": [-2]}]
    body = b"".join(event({"text": "a", "logprobs": one}) for one in lists)
    joined = played(body + DONE, TEXT).result.choices[0].logprobs
    assert joined == OpenAILogprobs(("a", "b"), (-1, -2), (), (0,))
    contents: list[dict[str, Any]] = [
        {"content": [{"token": text, "logprob": -1, "bytes": None, "top_logprobs": []}]} for text in "ab"
    ]
    body = b"".join(event(delta_chunk("a", logprobs=one)) for one in contents)
    joined = played(body + event(delta_chunk("")) + DONE).result.choices[0].logprobs
    assert [token.token for token in joined.content] == ["a", "b"]


# ---- ends


@for_each(
    "body",
    [
        STORY,
        STORY.removesuffix(DONE),
        STORY + b"data: nonsense\n\n\xff<html>",
        event(delta_chunk("a")) + DONE,
        event(delta_chunk("a")) + b"data:  [DONE] \r\n\r\n",
        DONE,
    ],
)
def test_a_stream_is_whole_after_a_finish_reason_or_done(body: bytes) -> None:
    assert played(body).error is None


def test_done_without_a_finish_reason_leaves_the_reason_unknown() -> None:
    assert played(event(delta_chunk("a")) + DONE).result.choices[0].finish_reason is None


@for_each(
    "body",
    [STORY.removesuffix(LAST + DONE), LAST + event(delta_chunk("b", 1)), b"", b": ping\n\n", b"event: x\ndata: 1\n\n"],
)
def test_a_stream_that_just_ends_is_truncated_and_what_came_is_kept(body: bytes) -> None:
    story = played(body)
    assert isinstance(story.error, Truncated)
    assert story.error.partial == (ChatAccumulator(story.events).result if story.events else None)
    silent = played(body, chat_completion(HELLO))
    assert isinstance(silent.error, Truncated)
    assert silent.error.partial == story.error.partial


def test_a_connection_that_breaks_keeps_what_came() -> None:
    lost = nai.TransportError("gone", sent=True, phase="idle")
    for operation in (CHAT, chat_completion(HELLO)):
        story = play(operation, [STREAM, event(delta_chunk("Once")), lost])
        assert story.error is lost
        partial: Any = lost.partial
        assert (partial.text, partial.choices[0].finish_reason) == ("Once", None)


def test_after_done_a_broken_connection_is_no_loss() -> None:
    lost = nai.TransportError("gone", sent=True, phase="idle")
    assert play(CHAT, [STREAM, STORY, lost]).result.text == "\n there"


def test_comments_pings_and_events_of_other_names_are_left_out() -> None:
    nothing = b": ping\n\ndata:\n\nretry: 5\n\ndata:   \n\ndata: null\n\ndata: {}\n\ndata: { }\n\n"
    body = nothing + b'event: meter\ndata: {"x": 1}\n\nevent: meter\ndata: rubbish\n\n'
    named = b"event: chunk\n" + event(delta_chunk("a"))
    assert [chunk.text for chunk in played(body + named + body + DONE).events] == ["a"]


@for_each("ends", [".0", "e0", "00e-2"])
def test_whole_numbers_may_be_written_as_floats_and_a_time_may_have_a_fraction(ends: str) -> None:
    counts = {name: f"#{count}" for name, count in USAGE.items()}
    body = event(delta_chunk("a", token_ids=["#5"], stop_reason="#7"), created="#9", usage=counts)
    floats = re.sub(rb'"#([0-9]+)"', rb"\g<1>" + ends.encode(), body)
    story = played(floats + event(delta_chunk("b", index=0), created=1.5) + DONE)
    assert story.result == played(re.sub(rb'"#([0-9]+)"', rb"\g<1>", body) + event(delta_chunk("b")) + DONE).result
    assert (story.result.created, story.events[1].created) == (9, 1.5)
    assert all(type(each) is int for each in story.result.choices[0].token_ids)


def test_a_document_in_the_place_of_a_stream_gives_the_result() -> None:
    story = play(CHAT, [JSON, b'{"choices":[{"message":{"content":"a"}}]}', b""])
    assert (story.events, story.result.text) == ([], "a")


# ---- errors inside


ERRORS: Final = {
    b'data: {"error": {"message": "node lost", "code": 500}}\n\n': 500,
    b'data: {"error": {"message": "node lost", "code": null, "type": "server_error"}}\n\n': None,
    b'data: {"error": "node lost"}\n\n': None,
    b'data: {"statusCode": 500, "message": "node lost"}\n\n': 500,
    b'event: error\ndata: {"error": {"message": "node lost"}}\n\n': None,
    b'event: error\ndata: {"statusCode": 500, "message": "node lost"}\n\n': 500,
    b'event: error\ndata: {"message": "node lost"}\n\n': None,
    b"event: error\ndata: node lost\n\n": None,
    b'{"statusCode": 500, "message": "node lost"}\n': 500,
    b'{"error": "node lost"}': None,
    b'data: {"detail": "node lost"}\n\n': None,
    b'data: {"detail": [{"loc": ["body"], "msg": "node lost"}], "status": 503}\n\n': 503,
}


@for_each("wrong", ERRORS)
def test_an_error_inside_a_stream_is_one_in_every_shape_and_keeps_what_came(wrong: bytes) -> None:
    story = played(event(delta_chunk("Once")) + event(delta_chunk(" upon")) + wrong)
    assert isinstance(story.error, StreamError)
    assert (story.error.message, story.error.status) == ("node lost", ERRORS[wrong])
    assert [chunk.text for chunk in story.events] == ["Once", " upon"]
    partial: Any = story.error.partial
    assert partial.choices[0].message.content == "Once upon"
    silent = played(event(delta_chunk("Once")) + event(delta_chunk(" upon")) + wrong, chat_completion(HELLO))
    assert isinstance(silent.error, StreamError)
    assert silent.error.partial == partial


def test_a_bare_error_behind_the_end_is_no_error() -> None:
    assert played(STORY + b'{"statusCode": 500, "message": "no"}\n').error is None
    assert played(STORY.removesuffix(DONE) + b'{"statusCode": 500, "message": "no"}\n').error is None


def test_an_error_before_the_first_chunk_has_no_partial_result() -> None:
    error = played(b'data: {"error": "Concurrent generation is locked"}\n\n').error
    assert isinstance(error, StreamError)
    assert error.partial is None


def test_after_an_error_behind_chunks_only_the_error_comes() -> None:
    call = Call(CHAT)
    call.send()
    call.receive_head(STREAM)
    assert len(call.receive_data(event(delta_chunk("a")) + b'data: {"error": "no"}\n\n')) == 1
    with pytest.raises(StreamError, match="no"):
        call.receive_data(event(delta_chunk("b")))


@for_each(
    "block, about",
    [
        (b"{oops", "not JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b'"a secret"', "Expected `object`, got `str`"),
        (b'{"a": 1}', "Object missing required field `choices`"),
        (
            b'{"choices": [{"delta": {"content": 5}}]}',
            "Expected `str | null`, got `int` - at `$.choices[0].delta.content`",
        ),
        (b'{"choices": [{"delta": [1]}]}', "Expected `object`, got `array` - at `$.choices[0].delta`"),
        (b'{"choices": [5]}', "Expected `object`, got `int` - at `$.choices[0]`"),
    ],
)
def test_an_error_about_an_event_has_its_number_and_path_and_quotes_nothing(block: bytes, about: str) -> None:
    story = played(event(delta_chunk("a")) + b"data: " + block + b"\n\n")
    assert isinstance(story.error, RemoteProtocolError)
    assert str(story.error).startswith(f"POST /oa/v1/chat/completions: event 1: {about}")
    assert "secret" not in str(story.error)
    partial: Any = story.error.partial
    assert partial.text == "a"


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert played(event(delta_chunk("a")).replace(b'"a"', b'"\xff"') + DONE).result.text == "\ufffd"


def test_limits_hold() -> None:
    deep = b'data: {"choices": [], "x": ' + b"[" * 300 + b"]" * 300 + b"}\n\n"
    for body, what in ((deep, "JSON depth"), (b"data: " + b"x" * 2_000_000, "line")):
        story = played(body)
        assert isinstance(story.error, LimitExceeded)
        assert story.error.what == what
    limited = CHAT.with_options(limits=Limits(line=64, event=64))
    head = Head(200, Headers.of(content_type="text/event-stream"))
    assert isinstance(play(limited, [head, STORY, b""]).error, LimitExceeded)


# ---- vectors


@for_each("vector", VECTORS, ids=lambda vector: vector["name"])
@for_each("bytewise", [False, True])
def test_the_streams_of_the_vectors_are_read_as_the_standard_cuts_them(vector: dict[str, Any], bytewise: bool) -> None:
    pieces = [base64.b64decode(piece) for piece in vector["chunks_base64"]]
    if bytewise:
        pieces = [bytes([byte]) for byte in b"".join(pieces)]
    story = play(CHAT, [STREAM, *filter(None, pieces), b""])
    data = [event["data"].strip() for event in vector["events"]]
    documents = [json.loads(one) for one in data if one != "[DONE]"]
    if any("error" in document for document in documents):
        assert isinstance(story.error, StreamError)
    elif any("choices" not in document for document in documents):
        assert isinstance(story.error, RemoteProtocolError)
        assert "Object missing required field `choices`" in str(story.error)
    else:
        text = "".join(document["choices"][0]["delta"].get("content") or "" for document in documents)
        assert story.result.text == "".join(chunk.text for chunk in story.events) == text
        assert len(story.events) == len(documents)
        assert data[-1] == "[DONE]"


# ---- laws

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_chunks = st.builds(
    ChatChunk,
    id=st.sampled_from(["", "c-1"]),
    choices=st.lists(
        st.builds(
            ChatChunkChoice,
            index=st.integers(0, 2),
            delta=st.builds(
                Delta,
                role=st.sampled_from([None, "assistant"]),
                content=st.none() | _texts,
                reasoning_content=st.none() | _texts,
            ),
            finish_reason=st.none() | st.sampled_from(["stop", "length"]),
            token_ids=st.lists(st.integers(0, 9), max_size=3).map(tuple),
            stop_reason=st.none() | st.integers() | _texts,
        ),
        max_size=3,
    ).map(tuple),
    usage=st.none() | st.builds(Usage, total_tokens=st.integers(0, 99)),
    extra=st.dictionaries(st.sampled_from(["metadata", "x"]), st.none() | st.integers() | st.lists(st.integers())),
)


@given(st.lists(_chunks, max_size=6), st.data())
def test_how_the_bytes_are_cut_never_matters(chunks: list[ChatChunk], data: st.DataObject) -> None:
    body = b"".join(b"data: " + json.dumps(_written(chunk)).encode() + b"\n\n" for chunk in chunks) + DONE
    whole = played(body)
    cut = play(CHAT, [STREAM, *data.draw(chunkings(body)), b""])
    assert cut.events == whole.events == chunks
    assert cut.result == whole.result == ChatAccumulator(chunks).result
    assert played(body, chat_completion(HELLO)).result == whole.result


def _written(chunk: ChatChunk) -> dict[str, Any]:
    """The chunk as the service writes it."""
    choices = [
        {
            "index": choice.index,
            "delta": {
                "role": choice.delta.role,
                "content": choice.delta.content,
                "reasoning_content": choice.delta.reasoning_content,
            },
            "finish_reason": choice.finish_reason,
            "token_ids": choice.token_ids,
            "stop_reason": choice.stop_reason,
        }
        for choice in chunk.choices
    ]
    usage = chunk.usage and {"total_tokens": chunk.usage.total_tokens}
    return {"id": chunk.id, "choices": choices, "usage": usage, **chunk.extra}


@given(st.lists(_chunks, max_size=6), st.integers(0, 6))
def test_chunks_make_the_same_at_any_moment_and_after_a_cut(chunks: list[ChatChunk], at: int) -> None:
    so_far = ChatAccumulator(chunks[:at])
    assert so_far.result == ChatAccumulator(chunks[:at]).result
    so_far.receive(chunks[at:])
    assert so_far.result == ChatAccumulator(chunks).result
    for choice in so_far.result.choices:
        mine = [piece for chunk in chunks for piece in chunk.choices if piece.index == choice.index]
        assert choice.message.content == "".join(piece.delta.content or "" for piece in mine)
        assert choice.token_ids == tuple(one for piece in mine for one in piece.token_ids)


@given(_texts, st.lists(st.integers(0, 8)))
def test_a_text_that_is_cut_anywhere_comes_together(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    body = b"".join(event({"text": piece}) for piece in pieces)
    assert played(body + DONE, TEXT).result.text == text
    error = played(body, TEXT).error
    assert isinstance(error, Truncated)
    partial: Any = error.partial
    assert partial.text == text


_crumbs = st.sampled_from(
    [
        *ERRORS,
        *(FIRST, LAST, DONE, event(usage=USAGE), event({"text": "a"}), event(delta_chunk("b"))),
        *(
            b"data: {}\n\n",
            b'data: {"choices":[[]]}\n\n',
            b"data: 5\n\n",
            b'data: {"*":5,"choices":[]}\n\n',
            b"event: x\n",
        ),
    ]
)


@given(
    st.sampled_from([CHAT, TEXT, chat_completion(HELLO)]), st.lists(_crumbs | hostile_bodies(), max_size=6), st.data()
)
def test_whatever_bytes_arrive_there_are_chunks_or_a_documented_error(
    operation: Operation[Any, Any], crumbs: list[bytes], data: st.DataObject
) -> None:
    body = b"".join(crumbs)
    whole = played(body, operation)
    cut = play(operation, [STREAM, *data.draw(chunkings(body)), b""])
    assert cut.events == whole.events
    assert (type(cut.error), str(cut.error)) == (type(whole.error), str(whole.error))
    assert whole.error is None or isinstance(whole.error, NaiError)
    assert (cut.error and cut.error.partial) == (whole.error and whole.error.partial)


def test_the_reader_agrees_with_the_decoder_of_events() -> None:
    events = SSEDecoder().receive_data(STORY)
    assert [json.loads(one.data)["choices"][0]["delta"].get("content") for one in events[:-1]] == [
        chunk.choices[0].delta.content for chunk in played(STORY).events
    ]


# ---- values


def test_operations_chunks_responses_and_errors_pickle() -> None:
    story = played(STORY.removesuffix(LAST + DONE) + event(delta_chunk("x", y=1)) + b'data: {"error": "no"}\n\n')
    assert pickle.loads(pickle.dumps(CHAT)) == CHAT
    assert pickle.loads(pickle.dumps(story.events)) == story.events
    error = pickle.loads(pickle.dumps(story.error))
    assert isinstance(error.partial, ChatCompletion)
    assert story.error is not None
    assert error.partial == story.error.partial


def test_an_operation_may_run_any_number_of_times() -> None:
    assert played(STORY).result == played(STORY).result
    assert played(event({"text": "a"}) + DONE, TEXT).result.text == "a"


def test_an_accumulator_tells_how_much_came_and_whether_it_is_finished() -> None:
    so_far = CompletionAccumulator()
    assert (len(so_far), so_far.is_finished, so_far.result.choices) == (0, False, ())
    so_far.receive(played(event({"text": "a"}) + DONE, TEXT).events)
    assert (len(so_far), so_far.is_finished, so_far.result.text) == (1, False, "a")
    so_far.receive([CompletionChunk(choices=(CompletionChoice(finish_reason="stop"),))])
    assert (len(so_far), so_far.is_finished) == (2, True)
