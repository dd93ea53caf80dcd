"""One call: every state with every input, which reader gets an answer, what is an error, what is complete.

See:
    docs/protocol/native.md#4-errors-and-limits-all-endpoints
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/openai.md#65-errors-inside-a-stream
    docs/protocol/openai.md#9-errors
    docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_proto.codecs.sse import ServerSentEvent, encode_event
from nai_proto.errors import (
    ConcurrentGenerationError,
    InvalidRequestError,
    InvalidTypeError,
    LimitExceeded,
    LocalProtocolError,
    NaiError,
    RateLimitError,
    RemoteProtocolError,
    ServerError,
    StatusError,
    StreamError,
    TimedOut,
    TransportError,
    Truncated,
)
from nai_proto.exchange.actions import Receive, Send, Steps
from nai_proto.exchange.call import TRANSITIONS, Call, CallState, Input
from nai_proto.exchange.endpoints import build, endpoint
from nai_proto.exchange.flow import flow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.readers import NOTHING, BodyReader
from nai_proto.exchange.session import Session
from nai_proto.exchange.status_errors import error_from_response, parse_date, parse_retry_after
from nai_proto.http import Head, Headers, Host, Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.testing import play
from nai_proto.testing.strategies import chunkings, hostile_bodies
from nai_proto.text import Completion, Token, generate, generate_stream
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

STREAM = generate_stream("Once upon a time", max_length=3)
WHOLE = generate("Once upon a time")
EVENT_STREAM = "text/event-stream"
JSON = "application/json"


class Kept:
    """A reader's factory: the body as it came."""

    def __call__(self, _where: str, _head: Head, limits: Limits, /) -> BodyReader[bytes]:
        return BodyReader(bytes, limits)


VIBE = Operation(build(endpoint("encode_vibe")), (("application/binary", Kept()),))
ANYTHING = Operation(build(endpoint("classify")), (("*/*", Kept()),))


@dataclass(frozen=True)
class Bounded(Head):
    """A head with the limits of the call that is to get it."""

    limits: Limits | None = None


def head(
    content_type: str | None = None, status: int = 200, *fields: tuple[str, str], limits: Limits | None = None
) -> Bounded:
    typed = [] if content_type is None else [("Content-Type", content_type)]
    return Bounded(status, Headers([*typed, *fields]), limits)


def limits_of(answer: Head) -> Limits | None:
    return getattr(answer, "limits", None)


def token(text: str, ptr: int = 0, *, final: bool = False) -> bytes:
    data = json.dumps({"token": text, "ptr": ptr, "final": final, "logprobs": None})
    return encode_event(ServerSentEvent("newToken", data, str(ptr)))


def event(data: object, kind: str = "message") -> bytes:
    return encode_event(ServerSentEvent(kind, data if isinstance(data, str) else json.dumps(data)))


ONE, TWO, LAST = token("It", 0), token(" was", 1), token(" dark", 2, final=True)
STORY = ONE + TWO + LAST
TOKENS = [Token("It", 0), Token(" was", 1), Token(" dark", 2, final=True)]
COMPLETION = Completion("It was dark", None, "length")
LOST = TransportError("the line is dead", sent=True, phase="idle")
FAILURES_OF_THE_LINE: dict[str, Callable[[], NaiError]] = {
    "transport": lambda: TransportError("the line is dead", sent=True, phase="idle"),
    "idle": lambda: TimedOut("nothing within 60 s", sent=True, phase="idle"),
    "total": lambda: TimedOut("the total of 5 s ran out", sent=True, phase="total"),
    "truncated": lambda: Truncated("the connection closed inside a chunked body"),
    "malformed": lambda: RemoteProtocolError("malformed chunk"),
    "limit": lambda: LimitExceeded("trailers", limit=1, value=2),
}
every_loss = for_each("lost", FAILURES_OF_THE_LINE.values())


@dataclass
class Outcome:
    """How a call went, for comparison."""

    events: list[Any] = field(default_factory=list)
    result: Any = None
    error: NaiError | None = None


def feed(operation: Operation[Any, Any], answer: Head, body: Iterable[bytes], end: NaiError | None = None) -> Outcome:
    """Feeds an answer to a call by hand, as somebody with an HTTP library of their own does."""
    outcome = Outcome()
    call = Call(operation, limits=limits_of(answer))
    call.send()
    try:
        call.receive_head(answer)
        for piece in body:
            if piece:
                outcome.events += call.receive_data(piece)
        outcome.result = call.receive_eof() if end is None else call.receive_error(end)
        assert call.state is CallState.DONE
    except NaiError as error:
        assert call.state is CallState.FAILED
        outcome.error = error
    return outcome


def result_of(operation: Operation[Any, Any], answer: Head, *body: bytes) -> Any:
    outcome = feed(operation, answer, body)
    if outcome.error is not None:
        raise outcome.error
    return outcome.result


def error_of(operation: Operation[Any, Any], answer: Head, *body: bytes) -> NaiError:
    outcome = feed(operation, answer, body)
    assert outcome.error is not None, outcome
    return outcome.error


# ---- states


def reached(state: CallState) -> Call[Token, Completion]:
    """A stream's call in this state; in BODY its final event has come."""
    call = Call(STREAM)
    if state is CallState.IDLE:
        return call
    call.send()
    match state:
        case CallState.UNTYPED:
            call.receive_head(head())
        case CallState.BODY | CallState.DONE:
            call.receive_head(head(EVENT_STREAM))
            call.receive_data(STORY)
            if state is CallState.DONE:
                call.receive_eof()
        case CallState.REFUSED:
            call.receive_head(head(JSON, 503))
            call.receive_data(b'{"mess')
        case CallState.FAILED:
            with pytest.raises(TransportError):
                call.receive_error(LOST)
        case _:
            pass
    return call


ACTS: dict[Input, Callable[[Call[Token, Completion]], object]] = {
    Input.SEND: lambda call: call.send(),
    Input.ACCEPTED: lambda call: call.receive_head(head(EVENT_STREAM)),
    Input.UNKNOWN: lambda call: call.receive_head(head()),
    Input.NOT_ACCEPTED: lambda call: call.receive_head(head(JSON, 404)),
    Input.DATA: lambda call: call.receive_data(b" "),
    Input.DECIDED: lambda call: call.receive_data(b"data"),
    Input.EOF: lambda call: call.receive_eof(),
    Input.ERROR: lambda call: call.receive_error(LocalProtocolError("stop")),
}


@for_each("happened", Input)
@for_each("state", CallState)
def test_every_state_takes_the_inputs_of_the_table_and_no_other(state: CallState, happened: Input) -> None:
    call = reached(state)
    assert call.state is state
    following = TRANSITIONS.get((state, happened))
    if happened is Input.DECIDED and state is not CallState.UNTYPED:
        assert following is None  # no method says this elsewhere: bytes are DATA
    elif happened is Input.EOF and state in (CallState.UNTYPED, CallState.REFUSED):
        assert following is None  # the end of the body decides, or explains: the call ends by itself
        with pytest.raises(Truncated if state is CallState.UNTYPED else ServerError):
            call.receive_eof()
        assert call.state is CallState.FAILED
    elif following is None:
        with pytest.raises(LocalProtocolError, match=f"'{state.value}'") as caught:
            ACTS[happened](call)
        assert call.where in str(caught.value)
        assert call.state is state
    elif following is CallState.FAILED:
        with pytest.raises(LocalProtocolError, match="stop"):
            ACTS[happened](call)
        assert call.state is CallState.FAILED
    else:
        ACTS[happened](call)
        assert call.state is following


def test_every_state_can_be_reached_by_the_table() -> None:
    found = {CallState.IDLE}
    while more := {after for (before, _), after in TRANSITIONS.items() if before in found} - found:
        found |= more
    assert found == {*CallState}
    assert not [before for before, _ in TRANSITIONS if before in (CallState.DONE, CallState.FAILED)]


@for_each("happened", Input)
@for_each("state", [CallState.BODY, CallState.REFUSED])
def test_an_input_out_of_order_changes_nothing(state: CallState, happened: Input) -> None:
    if (state, happened) in TRANSITIONS or happened in (Input.DECIDED, Input.EOF):
        return
    call = reached(state)
    with pytest.raises(LocalProtocolError):
        ACTS[happened](call)
    if state is CallState.BODY:
        assert call.receive_eof() == COMPLETION
    else:
        with pytest.raises(ServerError) as caught:
            call.receive_eof()
        assert caught.value.status == 503


def test_a_call_shows_where_it_is_but_not_what_it_asks() -> None:
    assert repr(reached(CallState.BODY)) == "Call(POST /ai/generate-stream, BODY)"
    assert "Once" not in repr(STREAM) + repr(reached(CallState.IDLE))


@flow
def pair() -> Steps[Any, None]:
    yield from WHOLE
    yield from WHOLE


@for_each(
    "wrong, message",
    [
        (generate, "generate was not called: write generate("),
        (Operation, "Operation was not called"),
        (pair(), "a Flow may perform several"),
        ([STREAM], "a list may perform several"),
        ("Once upon a time", "this is of type str"),
        (b"Once upon a time", "this is of type bytes"),
        (None, "this is of type NoneType"),
    ],
)
def test_what_is_no_operation_is_refused_with_what_to_write_instead(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidTypeError, match=r"^operation takes ") as caught:
        Call(wrong)
    assert message in str(caught.value)
    assert caught.value.parameter == "operation"


def test_what_can_be_called_without_a_name_is_refused_by_its_class() -> None:
    nameless: Any = partial(generate, "Once upon a time")
    with pytest.raises(InvalidTypeError, match=r"partial was not called: write partial\("):
        Call(nameless)


def test_a_call_has_no_header_fields_before_its_response() -> None:
    call = Call(STREAM)
    assert call.headers == Headers()
    call.send()
    call.receive_head(head(JSON))
    assert call.headers == Headers([("Content-Type", JSON)])


def test_send_gives_the_operations_request() -> None:
    assert Call(STREAM).send() == STREAM.request


def test_a_token_of_an_operation_needs_a_session_that_signs_with_it() -> None:
    operation = STREAM.with_options(token="pst-other")
    with pytest.raises(InvalidRequestError, match="give session=") as caught:
        Call(operation).send()
    assert caught.value.parameter == "session"
    assert "other" not in str(caught.value)
    assert Call(operation, session=Session()).send().token is not None


def test_started_says_whether_an_event_was_given_out() -> None:
    call = Call(STREAM)
    call.send()
    call.receive_head(head(EVENT_STREAM))
    assert not call.receive_data(b": ping\n\n")
    assert not call.receive_data(ONE[:-1])
    assert not call.started
    assert call.receive_data(ONE[-1:]) == [Token("It", 0)]
    assert call.started


def test_the_partial_result_grows() -> None:
    call = Call(STREAM)
    assert call.partial is None
    call.send()
    call.receive_head(head(EVENT_STREAM))
    assert call.partial is None
    call.receive_data(ONE)
    assert call.partial == Completion("It")
    call.receive_data(TWO)
    assert call.partial == Completion("It was")
    assert not call.complete
    call.receive_data(LAST)
    assert call.complete
    assert call.partial == COMPLETION


# ---- who reads


@for_each(
    "content_type",
    [
        EVENT_STREAM,
        "Text/Event-Stream",
        "text/event-stream; charset=utf-8",
        "text/event-stream;charset=utf-8;boundary=x",
        " text/event-stream ;x",
        None,
        "",
        "text/plain",
        "text/plain; charset=utf-8",
        "application/octet-stream",
    ],
)
@for_each(
    "start", [b"", b"\xef\xbb\xbf", b"\n\n", b": hello\n\n", b"retry: 10\n\n", b"\xef\xbb\xbf\r\n", b" x\n", b"\f{\n"]
)
@for_each("status", [200, 201, 299])
def test_a_stream_is_read_as_one(content_type: str | None, start: bytes, status: int) -> None:
    for body in ([start + STORY], [start, ONE, TWO + LAST], [bytes([byte]) for byte in start + STORY]):
        assert feed(STREAM, head(content_type, status), body) == Outcome(TOKENS, COMPLETION)


@for_each(
    "content_type",
    [
        JSON,
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "application/x+json;v=1",
        None,
        "",
        "text/plain",
    ],
)
@for_each("start", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n "])
@for_each("operation", [WHOLE, STREAM])
def test_a_document_is_read_as_one(
    content_type: str | None, start: bytes, operation: Operation[Any, Completion]
) -> None:
    document = start + b'{"output":" dark","logprobs":null,"other":[1]}\n'
    for body in ([document], [bytes([byte]) for byte in document]):
        assert feed(operation, head(content_type), body) == Outcome([], Completion(" dark"))


def test_a_list_without_a_content_type_is_a_document() -> None:
    assert type(error_of(STREAM, head(), b"[]")) is RemoteProtocolError
    assert type(error_of(STREAM, head(), b"5")) is Truncated


class Recorder(BodyReader[bytes]):
    """A reader that keeps what it was made of and what it received, and returns each piece as an event."""

    def __init__(self, where: str, head: Head, limits: Limits, /) -> None:
        super().__init__(bytes, limits)
        self.made_of, self.received = (where, head, limits), list[bytes]()

    def receive_data(self, data: bytes) -> Any:
        self.received.append(data)
        return [data]


def recorded() -> tuple[Operation[Any, bytes], list[Recorder]]:
    """An operation, and the readers that its calls make."""
    made: list[Recorder] = []

    def make(where: str, head: Head, limits: Limits, /) -> Recorder:
        made.append(Recorder(where, head, limits))
        return made[-1]

    return Operation(WHOLE.request, ((JSON, make),)), made


@for_each("content_type", [JSON, None])
def test_a_reader_is_made_of_the_place_the_head_and_the_limits(content_type: str | None) -> None:
    answer = head(content_type, limits=Limits(body=100))
    operation, readers = recorded()
    feed(operation, answer, [b"{}"])
    assert [each.made_of for each in readers] == [("POST /ai/generate", answer, answer.limits)]


def test_a_reader_whose_events_no_error_followed_gets_the_body_only() -> None:
    operation, readers = recorded()
    assert play(operation, [head(JSON), b"{", b"}", b""]).events == [b"{", b"}"]
    assert [each.received for each in readers] == [[b"{", b"}"]]


def test_a_type_that_only_ends_like_json_is_none() -> None:
    error = error_of(WHOLE, head("text/json"), b'{"output":" dark"}')
    assert isinstance(error, RemoteProtocolError)
    assert "text/json" in str(error)


def test_a_document_in_the_place_of_a_stream_gives_no_events_but_the_result() -> None:
    played = play(STREAM, [head(JSON), b'{"output":"x"}', b""])
    assert played.kinds == "Send Receive Receive"
    assert played.result == Completion("x")


@for_each("content_type", [None, "text/plain", "application/octet-stream"])
@for_each("page", [b"<!DOCTYPE html><title>502", b"\n <html>", b"\xef\xbb\xbf<head>"])
@for_each("operation", [WHOLE, STREAM])
def test_a_page_in_a_200_is_told_as_one(content_type: str | None, page: bytes, operation: Operation[Any, Any]) -> None:
    error = error_of(operation, head(content_type), page)
    assert type(error) is RemoteProtocolError
    assert "HTML page" in str(error)


@for_each("operation", [WHOLE, STREAM, VIBE], ids=["whole", "stream", "vibe"])
def test_a_page_that_says_so_is_told_before_its_body(operation: Operation[Any, Any]) -> None:
    call = Call(operation)
    call.send()
    with pytest.raises(RemoteProtocolError, match="HTML page"):
        call.receive_head(head("text/html; charset=utf-8"))
    assert call.state is CallState.FAILED


@for_each(
    "operation, content_type, expected",
    [
        (STREAM, "audio/mpeg", "expected text/event-stream or application/json, got audio/mpeg"),
        (WHOLE, EVENT_STREAM, "expected application/json, got text/event-stream"),
        (WHOLE, "application/jsonx", "expected application/json, got application/jsonx"),
        (VIBE, JSON, "expected application/binary, got application/json"),
        (STREAM, "a" * 500, "expected text/event-stream or application/json, got aaa"),
    ],
)
def test_a_wrong_type_names_what_was_expected_and_what_came(
    operation: Operation[Any, Any], content_type: str, expected: str
) -> None:
    error = error_of(operation, head(content_type), b"x")
    assert type(error) is RemoteProtocolError
    assert expected in str(error)
    assert operation.request.path in str(error)
    assert len(str(error)) < 300


def test_a_type_that_holds_a_token_does_not_show_it() -> None:
    assert "hunter" not in str(error_of(STREAM, head("x/pst-hunter2"), b""))


def test_an_untyped_answer_that_nobody_can_read_says_so() -> None:
    error = error_of(VIBE, head(), b"\x00\x01")
    assert type(error) is RemoteProtocolError
    assert "got no content type" in str(error)
    assert "expected application/binary" in str(error)


@for_each("content_type", [None, "", "text/html", "what/ever", JSON])
def test_whoever_takes_any_type_gets_any(content_type: str | None) -> None:
    assert result_of(ANYTHING, head(content_type), b"<x", b">") == b"<x>"
    nothing = Operation(ANYTHING.request, NOTHING)
    assert result_of(nothing, head(content_type), b"<x", b">") is None
    assert result_of(nothing, head(content_type)) is None


@for_each("coding", ["gzip", "br", "GZIP, identity", "x-pst-hunter2"])
def test_a_content_coding_that_was_not_asked_for_is_refused(coding: str) -> None:
    error = error_of(STREAM, head(EVENT_STREAM, 200, ("Content-Encoding", coding)), STORY)
    assert type(error) is RemoteProtocolError
    assert "content coding" in str(error)
    assert "hunter" not in str(error)


@for_each("codings", [["gzip", "identity"], ["identity", "gzip"]])
def test_each_field_of_content_codings_counts(codings: list[str]) -> None:
    fields = [("Content-Encoding", coding) for coding in codings]
    assert type(error_of(STREAM, head(EVENT_STREAM, 200, *fields), STORY)) is RemoteProtocolError
    assert result_of(STREAM, head(EVENT_STREAM, 200, *[("Content-Encoding", "identity")] * 2), STORY) == COMPLETION


@for_each("coding", ["identity", "Identity", "", "identity, identity"])
def test_no_coding_is_fine(coding: str) -> None:
    assert result_of(STREAM, head(EVENT_STREAM, 200, ("Content-Encoding", coding)), STORY) == COMPLETION


@for_each("body", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb"])
def test_an_untyped_answer_without_a_body_is_an_error(body: bytes) -> None:
    assert type(error_of(STREAM, head(), body)) is Truncated
    assert type(error_of(WHOLE, head(), body)) is RemoteProtocolError
    assert type(error_of(VIBE, head(), body)) is RemoteProtocolError


def test_a_reader_gets_the_blanks_of_an_untyped_answer_too() -> None:
    operation, readers = recorded()
    feed(operation, head(), [b" ", b"\n"])
    assert [each.received for each in readers] == [[b" \n"]]


@every_loss
def test_the_end_of_the_line_adds_nothing_to_the_body(lost: Callable[[], NaiError]) -> None:
    operation, readers = recorded()
    feed(operation, head(JSON), [b"{"], lost())
    assert [b"".join(each.received) for each in readers] == [b"{"]


# ---- refusals

SHAPES: dict[str, tuple[str | None, bytes, str | None]] = {
    "native": (JSON, b'{"statusCode":%d,"message":"so it is"}', "so it is"),
    "nest": (JSON, b'{"statusCode":%d,"message":"so it is","error":"Bad Request"}', "so it is"),
    "openai": (JSON, b'{"error":{"message":"so it is","code":%d,"type":"x","param":null}}', "so it is"),
    "text": (JSON, b'{"error":"so it is"}', "so it is"),
    "message": (JSON, b'{"message":"so it is"}', "so it is"),
    "detail": (JSON, b'{"detail":"so it is"}', "so it is"),
    "list": (JSON, b'{"message":["so","it is"]}', "so; it is"),
    "nested": (JSON, b'{"message":{"message":{"message":"so it is"}}}', "so it is"),
    "untyped": (None, b'{"message":"so it is"}', "so it is"),
    "with a BOM": (JSON, b'\xef\xbb\xbf{"message":"so it is"}', "so it is"),
    "wrong type": ("text/html", b'{"message":"so it is"}', "so it is"),
    "plain": ("text/plain", b"so it is", "so it is"),
    "html": ("text/html", b"<!doctype html><title>502 so it is</title><p>x", None),
    "html, untyped": (None, b"<html><body>x", None),
    "empty": (JSON, b"", None),
    "blank": (JSON, b" \n", None),
    "rubbish": ("audio/mpeg", b"\xff\x00\xfe", None),
    "torn": (JSON, b'{"message":"so it', None),
    "no object": (JSON, b"[]", None),
    "null": (JSON, b'{"message":null,"error":null}', None),
    "deep": (JSON, b"[" * 15_000, None),
    "stream": (EVENT_STREAM, b'data: {"message":"so it is"}\n\n', None),
}
STATUSES = [300, 301, 304, 307, 399, *range(400, 430), 451, 499, *range(500, 512), 520, 530, 599, 600, 999]


@for_each("shape", SHAPES)
def test_a_refusal_is_a_status_error_whatever_its_body(shape: str) -> None:
    content_type, template, message = SHAPES[shape]
    for status in STATUSES:
        body = template.replace(b"%d", b"%d" % status)
        error = error_of(STREAM, head(content_type, status), body[:5], body[5:])
        assert isinstance(error, StatusError)
        assert type(error) is StatusError.kind(status)
        assert error.status == status
        assert error.body == body
        assert (error.method, error.url) == ("POST", "/ai/generate-stream")
        assert str(error).startswith(f"{status} {error.message}")
        assert error.message
        assert "<" not in error.message
        assert message is None or error.message == message
        assert error.partial is None


@for_each("shape", SHAPES)
@for_each("operation", [WHOLE, VIBE, ANYTHING])
def test_a_refusal_is_one_for_every_operation(shape: str, operation: Operation[Any, Any]) -> None:
    content_type, body, _ = SHAPES[shape]
    error = error_of(operation, head(content_type, 503), body)
    assert type(error) is ServerError
    assert (error.method, error.url) == (operation.request.method, operation.request.path)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@for_each("status", [100, 101, 199])
def test_an_interim_status_is_no_answer_to_accept(status: int) -> None:
    assert type(error_of(STREAM, head(EVENT_STREAM, status), STORY)) is StatusError


def test_the_generation_lock_has_a_class_of_its_own() -> None:
    error = error_of(STREAM, head(JSON, 429), b'{"statusCode":429,"message":"Concurrent generation is locked"}')
    assert type(error) is ConcurrentGenerationError
    assert type(error_of(STREAM, head("text/html", 429), b"<html>")) is RateLimitError


@for_each("cut", [1, 7, 99, 1000])
def test_a_refusal_longer_than_its_limit_is_told_at_once(cut: int) -> None:
    limits = Limits(error_body=100)
    body = b'{"message":"so it is","more":"' + b"x" * 10_000
    call = Call(STREAM, limits=limits)
    call.send()
    call.receive_head(head(JSON, 500))
    enough = range(0, len(body), cut)[(99 // cut)]  # where the piece begins that reaches the limit
    for at in range(0, enough, cut):
        assert call.receive_data(body[at : at + cut]) == ()
    with pytest.raises(ServerError) as caught:
        call.receive_data(body[enough : enough + cut])
    assert caught.value.body == body[:100]
    assert call.state is CallState.FAILED


def test_a_refusal_keeps_the_url_the_request_id_and_the_wait() -> None:
    fields = [("X-Request-Id", "r1"), ("Retry-After", "7")]
    call = Call(STREAM, session=Session(text="https://text.example"))
    call.send()
    call.receive_head(Head(429, Headers(fields)))
    with pytest.raises(StatusError) as caught:
        call.receive_eof()
    error = caught.value
    assert isinstance(error, StatusError)
    assert (error.url, error.request_id, error.retry_after) == ("https://text.example/ai/generate-stream", "r1", 7.0)
    assert "https://text.example/ai/generate-stream" in str(error)


def test_a_401_of_an_endpoint_that_is_not_known_is_about_the_token() -> None:
    request = Request("GET", "/user/something-new", Headers())
    error = error_from_response(request, request, Head(401, Headers()), b"")
    assert "the request had no token" in (error.advice or "")


@for_each("host, about_the_token", [(Host.ACCOUNT, False), (Host.TEXT, True)])
def test_a_login_at_its_own_address_is_the_one_whose_401_is_not_about_the_token(
    host: Host, about_the_token: bool
) -> None:
    request = Request("POST", "/user/login", Headers(), host=host)
    error = error_from_response(request, request, Head(401, Headers()), b"")
    assert (error.advice is not None) is about_the_token


def test_only_a_401_is_about_the_token() -> None:
    error = error_of(STREAM, head(JSON, 403))
    assert isinstance(error, StatusError)
    assert error.advice is None


def test_a_redirect_without_a_body_says_what_it_is() -> None:
    assert "found elsewhere" in str(error_of(STREAM, head(None, 302)))


def test_the_service_s_own_request_id_comes_before_those_of_its_gateways() -> None:
    names = ["x-request-id", "x-correlation-id", "cf-ray"]
    for first in range(3):
        fields = [(name, f"id {name}") for name in reversed(names[first:])]
        error = error_of(STREAM, Head(500, Headers(fields)))
        assert isinstance(error, StatusError)
        assert error.request_id == f"id {names[first]}"


@for_each("field_name", ["x-request-id", "x-correlation-id", "cf-ray"])
def test_a_request_id_is_shown_in_moderation(field_name: str) -> None:
    error = error_of(STREAM, Head(500, Headers([(field_name, "pst-hunter2 " + "x" * 500)])))
    assert isinstance(error, StatusError)
    assert error.request_id is not None
    assert "hunter" not in error.request_id
    assert len(error.request_id) <= 100


@every_loss
def test_a_refusal_that_is_cut_short_stays_a_status_error(lost: Callable[[], NaiError]) -> None:
    outcome = feed(STREAM, head(JSON, 503), [b'{"message":"so it is"}'], lost())
    assert type(outcome.error) is ServerError
    assert outcome.error.message == "so it is"
    assert type(feed(STREAM, head(JSON, 503), [], lost()).error) is ServerError
    played = play(Call(STREAM), [head(JSON, 404), b'{"mess', lost()])
    assert type(played.error) is StatusError.kind(404)


# ---- retry_after

DATE = ("Date", "Wed, 21 Oct 2026 07:27:00 GMT")


@for_each(
    "fields, seconds",
    [
        ([], None),
        ([("Retry-After", "30")], 30.0),
        ([("retry-after", "0")], 0.0),
        ([("Retry-After", "1.5")], 1.5),
        ([("Retry-After", "0.000001")], 0.000001),
        ([("retry-after-ms", "1500")], 1.5),
        ([("Retry-After-Ms", "250.5")], 0.2505),
        ([("Retry-After-Ms", "250"), ("Retry-After", "9")], 0.25),
        ([("Retry-After-Ms", "soon"), ("Retry-After", "9")], 9.0),
        ([("Retry-After", "Wed, 21 Oct 2026 07:28:30 GMT"), DATE], 90.0),
        ([("Retry-After", "Thu, 22 Oct 2026 07:27:00 GMT"), DATE], 86_400.0),
        ([("Retry-After", "Sun, 01 Mar 2026 00:00:00 GMT"), ("Date", "Sat, 28 Feb 2026 00:00:00 GMT")], 86_400.0),
        ([("Retry-After", "Wed, 21 Oct 2026 07:26:00 GMT"), DATE], 0.0),
        ([("Retry-After", "Wed, 21 Oct 2026 07:28:30 GMT")], None),
        ([("Retry-After", "Wed, 21 Oct 2026 07:28:30 GMT"), ("Date", "today")], None),
        ([("Retry-After", "Wed, 99 Oct 2026 07:28:30 GMT"), DATE], None),
        ([("Retry-After", "Wed, 21 Foo 2026 07:28:30 GMT"), DATE], None),
        ([("Retry-After", "Wed, 21 Oct 0000 07:28:30 GMT"), DATE], None),
        ([("Retry-After", "Wed, 21 Oct 2026 25:28:30 GMT"), DATE], None),
        ([("Retry-After", "Wednesday, 21-Oct-26 07:28:30 GMT"), DATE], None),
        ([("Retry-After", "")], None),
        ([("Retry-After", "-1")], None),
        ([("Retry-After", "+1")], None),
        ([("Retry-After", "1e9")], None),
        ([("Retry-After", "nan")], None),
        ([("Retry-After", "inf")], None),
        ([("Retry-After", "0x10")], None),
        ([("Retry-After", "1_000")], None),
        ([("Retry-After", "٣")], None),
        ([("Retry-After", "1 2")], None),
        ([("Retry-After", "9" * 9)], 999_999_999.0),
        ([("Retry-After", "9" * 10)], None),
        ([("Retry-After", "9" * 5000)], None),
        ([("Retry-After", "a while")], None),
    ],
)
def test_retry_after_in_all_its_forms(fields: list[tuple[str, str]], seconds: float | None) -> None:
    assert parse_retry_after(Headers(fields)) == seconds
    error = error_of(STREAM, Head(429, Headers(fields)))
    assert isinstance(error, StatusError)
    assert error.retry_after == seconds


def test_a_date_is_in_utc() -> None:
    assert parse_date(DATE[1]) == datetime(2026, 10, 21, 7, 27, tzinfo=UTC)
    assert parse_date("Tue, 01 Dec 2026 23:59:58 GMT") == datetime(2026, 12, 1, 23, 59, 58, tzinfo=UTC)


@given(
    st.dictionaries(
        st.sampled_from(["Retry-After", "retry-after-ms", "Date"]),
        st.text() | st.from_regex(r"\A\w{3}, \d{2} (Oct|\w{3}) \d{4} \d\d:\d\d:\d\d GMT\Z"),
    )
)
def test_retry_after_is_none_or_a_time_that_is_not_negative(fields: dict[str, str]) -> None:
    seconds = parse_retry_after(Headers(fields.items()))
    assert seconds is None or 0 <= seconds < float("inf")


# ---- errors inside a 200

FAILURES: dict[str, tuple[object, str, int | None]] = {
    "text": ({"error": "so it is"}, "so it is", None),
    "object": ({"error": {"message": "so it is", "code": 500}}, "so it is", 500),
    "object, other code": ({"error": {"message": "so it is", "code": "overloaded", "type": "x"}}, "so it is", None),
    "native": ({"statusCode": 500, "message": "so it is"}, "so it is", 500),
    "beside the keys of a token": ({"token": "x", "ptr": 3, "final": True, "error": "so it is"}, "so it is", None),
    "beside the keys of a document": ({"output": "x", "logprobs": None, "error": "so it is"}, "so it is", None),
    "anything but null": ({"error": True}, "", None),
    "an empty text": ({"error": ""}, "", None),
}
FINE: dict[str, dict[str, object]] = {
    "null": {"error": None},
    "null and a message": {"error": None, "message": "all is well"},
    "status without message": {"statusCode": 200},
    "status null": {"statusCode": None, "message": "all is well"},
    "the word in a text": {"token": 'say "error" and "statusCode"'},
    "the word within": {"extra": {"error": "not here"}},
}

every_failure = for_each("shape", FAILURES)
every_fine_one = for_each("shape", FINE)


def check_failure(error: NaiError | None, shape: str, partial: object) -> None:
    _, message, status = FAILURES[shape]
    assert type(error) is StreamError
    assert error.message if not message else error.message == message
    assert error.message in str(error)
    assert error.status == status
    assert error.partial == partial


@every_failure
@for_each("content_type", [JSON, "application/problem+json", None, "text/plain"])
@for_each("operation", [WHOLE, STREAM])
def test_an_error_in_the_place_of_a_document_is_raised(
    shape: str, content_type: str | None, operation: Operation[Any, Any]
) -> None:
    body = json.dumps(FAILURES[shape][0], indent=1).encode()
    check_failure(error_of(operation, head(content_type), body[:4], body[4:]), shape, None)


@every_failure
@pytest.mark.parametrize("kind", ["message", "error", "newToken"])
def test_an_error_inside_a_stream_is_raised_and_keeps_what_came(shape: str, kind: str) -> None:
    failure = event(FAILURES[shape][0], kind)
    for body in ([ONE + TWO + failure], [ONE, TWO, failure], [ONE + TWO, failure + LAST]):
        outcome = feed(STREAM, head(EVENT_STREAM), body)
        check_failure(outcome.error, shape, Completion("It was"))
        assert outcome.events == TOKENS[:2]  # an error behind events waits until they are given out
        played = play(Call(STREAM), [head(EVENT_STREAM), *body, b""])
        check_failure(played.error, shape, Completion("It was"))
        assert played.events == TOKENS[:2]
    check_failure(error_of(STREAM, head(EVENT_STREAM), failure), shape, None)


def test_an_error_behind_events_is_told_at_the_next_input_whatever_that_is() -> None:
    def call() -> Call[Token, Completion]:
        call = Call(STREAM)
        call.send()
        call.receive_head(head(EVENT_STREAM))
        assert call.receive_data(ONE + event({"error": "so it is"}) + LAST) == TOKENS[:1]
        return call

    nexts: list[Callable[[Call[Token, Completion]], object]] = [
        lambda call: call.receive_data(b""),
        lambda call: call.receive_data(LAST),
        lambda call: call.receive_eof(),
        lambda call: call.receive_error(LOST),
    ]
    for happens in nexts:
        with pytest.raises(StreamError, match="so it is"):
            happens(call())


def test_a_flow_is_told_of_an_error_behind_events_without_another_read() -> None:
    played = play(Call(STREAM), [head(EVENT_STREAM), ONE + event({"error": "so it is"})])
    assert played.kinds == "Send Receive Emit"
    assert type(played.error) is StreamError


@every_failure
@for_each("end", [b"", b"\n", b"\n\n", b"\r\n\r\n"])
def test_a_bare_error_at_the_end_of_a_stream_is_raised(shape: str, end: bytes) -> None:
    bare = json.dumps(FAILURES[shape][0]).encode() + end
    check_failure(error_of(STREAM, head(EVENT_STREAM), ONE + TWO + bare), shape, Completion("It was"))
    check_failure(error_of(STREAM, head(EVENT_STREAM), bare), shape, None)


def test_a_bare_line_is_looked_at_only_when_the_stream_is_incomplete() -> None:
    assert result_of(STREAM, head(EVENT_STREAM), ONE + b'{"error":"no"}\n\n' + TWO + LAST) == COMPLETION
    error = error_of(STREAM, head(EVENT_STREAM), ONE + b'{"hello":"no"}\n\n')
    assert type(error) is Truncated


@every_fine_one
def test_what_is_no_error_is_none_in_a_document(shape: str) -> None:
    body = json.dumps({"output": "x", **FINE[shape]}).encode()
    assert result_of(WHOLE, head(JSON), body) == Completion("x")


@every_fine_one
def test_what_is_no_error_is_none_in_a_stream(shape: str) -> None:
    ours = {"token": "x", "ptr": 0, "final": False, **FINE[shape]}
    events = feed(STREAM, head(EVENT_STREAM), [event(ours) + LAST]).events
    assert [token.text for token in events] == [ours["token"], " dark"]


def test_an_error_does_not_show_a_token_that_the_service_quotes() -> None:
    error = error_of(STREAM, head(EVENT_STREAM), event({"error": "no such token: pst-hunter2"}))
    assert "hunter" not in str(error)


# ---- what cannot be read


@for_each("data", ["{", "5", "[]", '"x"', '{"token":5}', '{"ptr":"x"}', "hello", '{"final":1}', "[" * 3000])
def test_an_event_that_is_no_token_is_a_protocol_error_that_keeps_what_came(data: str) -> None:
    error = error_of(STREAM, head(EVENT_STREAM), ONE + TWO + event(data) + LAST)
    assert isinstance(error, RemoteProtocolError)
    assert error.partial == Completion("It was")
    assert isinstance(error, LimitExceeded) or "/ai/generate-stream" in str(error)


@for_each(
    "body", [b"", b"{", b"[]", b"null", b'{"logprobs":null}', b'{"output":5}', b'{"output":"\xff"}', b"[" * 100_000]
)
def test_a_document_that_is_none_is_a_protocol_error(body: bytes) -> None:
    error = error_of(WHOLE, head(JSON), body)
    assert isinstance(error, RemoteProtocolError)
    assert isinstance(error, LimitExceeded) or "/ai/generate" in str(error)


def test_an_error_of_reading_quotes_nothing_of_the_text() -> None:
    for operation, kind, body in (
        (WHOLE, JSON, b'{"output":{"hunter2":"hunter2"}}'),
        (STREAM, EVENT_STREAM, event({"token": ["hunter2"]})),
        (STREAM, EVENT_STREAM, event("hunter2")),
    ):
        error = error_of(operation, head(kind), body)
        assert isinstance(error, RemoteProtocolError)
        assert "hunter2" not in str(error)
        assert "hunter2" not in repr(error)


def test_bad_utf_8_in_a_stream_becomes_a_replacement_character() -> None:
    bad = b'data: {"token":"a\xffb","ptr":0,"final":true}\n\n'
    assert feed(STREAM, head(EVENT_STREAM), [bad]).events == [Token("a\ufffdb", 0, final=True)]


@for_each("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_a_line_ends_at_cr_and_lf_only(separator: str) -> None:
    data = json.dumps({"token": separator, "ptr": 0, "final": True}, ensure_ascii=separator < " ")
    assert feed(STREAM, head(EVENT_STREAM), [event(data)]).events == [Token(separator, 0, final=True)]


def test_a_ping_is_no_token() -> None:
    body = [b"data:\n\n", b"data\n\n", b": ping\n\n", b"event: ping\n\n", ONE, b"data:\n\n", TWO, LAST]
    assert feed(STREAM, head(EVENT_STREAM), body) == Outcome(TOKENS, COMPLETION)
    assert feed(STREAM, head(EVENT_STREAM), [b"".join(body)]) == Outcome(TOKENS, COMPLETION)


# ---- limits


def at_limit(**limits: int) -> Limits:
    return Limits(**limits)


def test_a_body_may_be_as_large_as_its_limit_and_no_larger() -> None:
    body = b'{"output":"x"}'
    assert result_of(WHOLE, head(JSON, limits=at_limit(body=len(body))), body) == Completion("x")
    error = error_of(WHOLE, head(JSON, limits=at_limit(body=len(body) - 1)), body[:5], body[5:])
    assert isinstance(error, LimitExceeded)
    assert (error.what, error.limit, error.value) == ("body", len(body) - 1, len(body))


def test_an_event_may_be_as_large_as_its_limit_and_no_larger() -> None:
    size = len(json.dumps({"token": " dark", "ptr": 2, "final": True, "logprobs": None}))
    assert result_of(STREAM, head(EVENT_STREAM, limits=at_limit(event=size)), LAST)
    error = error_of(STREAM, head(EVENT_STREAM, limits=at_limit(event=size - 1)), LAST)
    assert isinstance(error, LimitExceeded)
    assert (error.what, error.limit) == ("event", size - 1)


def test_the_depth_of_a_document_is_bounded() -> None:
    body = b'{"output":"x","other":%b%b}' % (b"[" * 7, b"]" * 7)
    assert result_of(WHOLE, head(JSON, limits=at_limit(json_depth=8)), body) == Completion("x")
    assert type(error_of(WHOLE, head(JSON, limits=at_limit(json_depth=7)), body)) is LimitExceeded


def test_a_call_has_limits_of_its_own_or_those_of_its_session() -> None:
    large = Call(WHOLE, session=Session(limits=Limits(body=3)), limits=Limits(body=1000))
    large.send()
    large.receive_head(head(JSON))
    large.receive_data(b'{"output":"x"}')
    call = Call(WHOLE, session=Session(limits=Limits(body=3)))
    call.send()
    call.receive_head(head(JSON))
    with pytest.raises(LimitExceeded):
        call.receive_data(b'{"output":"x"}')


# ---- the end


@for_each("body", [b"", ONE, ONE + TWO, ONE + TWO + LAST[:-1], ONE + TWO + LAST[:-2]])
def test_a_stream_without_its_final_event_is_truncated_and_keeps_what_came(body: bytes) -> None:
    error = error_of(STREAM, head(EVENT_STREAM), body)
    assert type(error) is Truncated
    text = "".join(token.text for token in TOKENS[: body.count(b"\n\n")])
    assert error.partial == (Completion(text) if text else None)


@every_loss
def test_a_stream_whose_final_event_came_is_complete_whatever_happens_afterwards(lost: Callable[[], NaiError]) -> None:
    assert feed(STREAM, head(EVENT_STREAM), [STORY], lost()) == Outcome(TOKENS, COMPLETION)
    assert feed(STREAM, head(), [STORY], lost()) == Outcome(TOKENS, COMPLETION)
    played = play(Call(STREAM), [head(EVENT_STREAM), STORY, lost()])
    assert played.result == COMPLETION
    assert played.events == TOKENS
    assert played.kinds == "Send Receive Emit Receive"


@every_loss
def test_a_stream_that_is_cut_before_its_final_event_keeps_what_came(lost: Callable[[], NaiError]) -> None:
    error = lost()
    outcome = feed(STREAM, head(EVENT_STREAM), [ONE + TWO], error)
    assert outcome.error is error
    assert error.partial == Completion("It was")


@every_loss
def test_half_a_document_is_none(lost: Callable[[], NaiError]) -> None:
    error = lost()
    assert feed(WHOLE, head(JSON), [b'{"output":"x"}'], error).error is error
    assert feed(WHOLE, head(), [b""], error).error is error
    assert error.partial is None


@for_each("rest", [STORY, event({"error": "no"}), b"data: {\n\n", b"\x00" * 100, b"data: " + b"x" * 2000, b"y" * 2000])
def test_what_follows_the_final_event_is_ignored(rest: bytes) -> None:
    answer = head(EVENT_STREAM, limits=Limits(line=1000, event=1000))
    for body in ([STORY + rest], [STORY, rest], [STORY, rest, rest], [STORY + rest[:3], rest[3:]]):
        assert feed(STREAM, answer, body) == Outcome(TOKENS, COMPLETION)
        assert play(Call(STREAM), [answer, *body, b""]).result == COMPLETION


def test_after_the_final_event_only_a_short_wait_for_the_end_is_worth_while() -> None:
    played = play(Call(STREAM), [head(EVENT_STREAM), ONE, TWO + LAST, b"\n", b""])
    waits = [action.at_most for action in played.actions if isinstance(action, Receive)]
    assert waits[:2] == [None, None]
    assert all(wait is not None and 0 < wait <= 1 for wait in waits[2:])
    assert len(waits) == 4


def test_a_peer_that_never_stops_after_the_final_event_is_left() -> None:
    endless = [b"x" * 10_000] * 1000
    played = play(Call(STREAM), [head(EVENT_STREAM), STORY, *endless])
    assert played.result == COMPLETION
    assert len(played.actions) < 20


@for_each("max_length", [1, 2, 3, 4, 100])
def test_the_reason_of_the_end_is_the_length_when_that_many_tokens_came(max_length: int) -> None:
    operation = generate_stream("x", max_length=max_length)
    expected = "length" if max_length <= 3 else "stop"
    assert result_of(operation, head(EVENT_STREAM), STORY).finish_reason == expected


# ---- as a flow


def test_a_call_is_a_flow_of_one_attempt() -> None:
    played = play(Call(STREAM), [head(EVENT_STREAM), ONE[:5], ONE[5:], TWO + LAST, b""])
    assert played.kinds == "Send Receive Receive Emit Receive Emit Receive"
    assert played.events == TOKENS
    assert played.result == COMPLETION
    assert type(play(Call(STREAM), [head(JSON, 503), b""]).error) is ServerError


@for_each("script", [[b""], [head(EVENT_STREAM), head(EVENT_STREAM)]])
def test_a_wrong_answer_to_an_action_is_the_drivers_mistake(script: list[Head | bytes]) -> None:
    assert type(play(Call(STREAM), script).error) is LocalProtocolError


def test_a_call_that_failed_inside_the_body_has_ended() -> None:
    call = Call(STREAM)
    call.send()
    call.receive_head(head(EVENT_STREAM))
    call.receive_data(ONE)
    with pytest.raises(Truncated):
        call.receive_eof()
    with pytest.raises(LocalProtocolError, match=r"'failed'$"):
        call.receive_eof()


def test_a_call_runs_once() -> None:
    call = Call(STREAM)
    assert play(call, [head(EVENT_STREAM), STORY, b""]).result == COMPLETION
    again = play(call, [])
    assert type(again.error) is LocalProtocolError
    assert "a call is used once" in str(again.error)
    assert call.state is CallState.DONE
    with pytest.raises(LocalProtocolError, match=r"'done'$"):
        call.receive_eof()


def test_a_request_is_sent_with_the_timeouts_and_limits_that_are_nearest() -> None:
    timeouts, limits = Timeouts(read=7), Limits(head=70_000)
    played = play(STREAM.with_options(timeouts=timeouts, limits=limits), [head(EVENT_STREAM), STORY, b""])
    sent = played.actions[0]
    assert isinstance(sent, Send)
    assert (sent.timeouts, sent.limits) == (timeouts, limits)
    assert sent.call is not None
    assert sent.call.partial == COMPLETION


# ---- properties

# The texts of any model: JSON escapes what it must, all else is raw.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Native streams in every legal form, whole, torn or with an error inside."""
    newline = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    space = draw(st.booleans())
    ensure_ascii = draw(st.booleans())
    out = [draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", newline, b": hi" + newline]))]
    pieces = draw(st.lists(texts, min_size=1, max_size=6))
    last_id = ""
    for ptr, text in enumerate(pieces):
        data: dict[str, object] = {"token": text, "ptr": ptr, "final": ptr == len(pieces) - 1}
        if draw(st.booleans()):
            data["logprobs"] = {"chosen": [[[ptr], [-0.5, None]]], "before": [], "after": []}
        written = json.dumps(data, ensure_ascii=ensure_ascii, indent=draw(st.sampled_from([None, None, 1])))
        one = ServerSentEvent(
            draw(st.sampled_from(["newToken", "message"])), written, draw(st.sampled_from(["", str(ptr)]))
        )
        out.append(encode_event(one, last_event_id=last_id, space=space, newline=newline))
        last_id = one.id
        out.append(draw(st.sampled_from([b"", b"", b": ping" + newline + newline, b"data:" + newline + newline])))
    broken = draw(st.sampled_from(["", "", "", "torn", "error", "bare", "rubbish"]))
    at = draw(st.integers(0, len(out)))
    match broken:
        case "torn":
            body = b"".join(out)
            return body[: draw(st.integers(0, len(body)))]
        case "error":
            out.insert(at, event(draw(st.sampled_from([shape[0] for shape in FAILURES.values()]))))
        case "bare":
            return b"".join([*out[: min(at, len(out) - 2)], b'{"statusCode":500,"message":"no"}'])
        case "rubbish":
            out.insert(at, draw(hostile_bodies()))
    return b"".join(out)


documents = st.one_of(
    st.builds(
        lambda text, pad: pad + json.dumps({"output": text}).encode() + pad,
        texts,
        st.sampled_from([b"", b" ", b"\xef\xbb\xbf"]),
    ),
    st.sampled_from([json.dumps(shape[0]).encode() for shape in FAILURES.values()]),
    st.sampled_from([b" " * size + b'{"output":"x"}' for size in (1000, 1023, 1024, 1025, 3000)]),
)
heads = st.builds(
    head,
    st.sampled_from([EVENT_STREAM, EVENT_STREAM, JSON, None, "text/plain", "text/html", "audio/mpeg"]),
    st.sampled_from([200, 200, 200, 201, 204, 400, 429, 503]),
    limits=st.sampled_from([None, None, Limits(line=200, event=150, body=100, error_body=50, json_depth=3)]),
)


class Seen(NamedTuple):
    """What must not depend on how the bytes were cut."""

    events: Sequence[Any]
    result: Any
    error: type[NaiError] | None
    partial: object


def seen(outcome: Outcome) -> Seen:
    error = outcome.error
    if error is None:
        return Seen(outcome.events, outcome.result, None, None)
    return Seen(outcome.events, None, type(error), error.partial)


@settings(deadline=None, max_examples=scale_examples(150))
@given(st.sampled_from([STREAM, STREAM, WHOLE, ANYTHING]), heads, streams() | documents | hostile_bodies(), st.data())
@example(STREAM, head(), b"\xef\xbb\xbf" + b'{"output":"x"}', None)
@example(STREAM, head(), b" " * 2000 + b'{"output":"x"}', None)
@example(STREAM, head(EVENT_STREAM, limits=Limits(line=200)), STORY + b"x" * 300, None)
def test_how_the_bytes_are_cut_changes_nothing(
    operation: Operation[Any, Any], answer: Head, body: bytes, data: st.DataObject | None
) -> None:
    whole = feed(operation, answer, [body])
    bytewise = feed(operation, answer, [body[at : at + 1] for at in range(len(body))])
    assert seen(bytewise) == seen(whole)
    cut = feed(operation, answer, data.draw(chunkings(body)) if data else [body[:1], body[1:1500], body[1500:]])
    assert seen(cut) == seen(whole)
    if whole.events and whole.error is not None:  # what was given out is what is kept
        assert isinstance(whole.error.partial, Completion)
        assert whole.error.partial.text == "".join(token.text for token in whole.events)


@settings(deadline=None)
@given(streams(), st.data())
def test_a_call_as_a_flow_gives_what_it_gives_by_hand(body: bytes, data: st.DataObject) -> None:
    pieces = [piece for piece in data.draw(chunkings(body)) if piece]
    by_hand = feed(STREAM, head(EVENT_STREAM), pieces)
    played = play(Call(STREAM), [head(EVENT_STREAM), *pieces, b""])
    assert played.events == by_hand.events
    assert type(played.error) is type(by_hand.error)
    if played.error is None:
        assert played.result == by_hand.result


any_heads = st.builds(
    lambda status, fields, _, limits: Bounded(status, fields, limits),
    st.integers(100, 999),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["Content-Type", "content-encoding", "Retry-After", "retry-after-ms", "Date", "x-request-id"]
            )
            | st.text(),
            st.sampled_from([EVENT_STREAM, JSON, "text/plain", "", "gzip", "identity", "1", ";", "+json"])
            | st.text(st.characters(exclude_categories=())),
        ),
        max_size=4,
    ).map(Headers),
    st.text(),
    st.none()
    | st.builds(
        Limits,
        line=st.integers(0, 50),
        event=st.integers(0, 50),
        body=st.integers(0, 50),
        error_body=st.integers(0, 50),
    ),
)
failures = st.one_of(
    st.builds(LocalProtocolError, st.just("stop")), *(st.builds(make) for make in FAILURES_OF_THE_LINE.values())
)
inputs = st.lists(
    st.one_of(
        st.tuples(st.just("send")),
        st.tuples(st.just("receive_head"), any_heads | heads),
        st.tuples(st.just("receive_data"), hostile_bodies() | streams() | st.binary(min_size=1)),
        st.tuples(st.just("receive_eof")),
        st.tuples(st.just("receive_error"), failures),
    ),
    max_size=8,
)
every_operation = st.sampled_from([STREAM, WHOLE, VIBE, ANYTHING, Operation(ANYTHING.request, NOTHING)])


@settings(deadline=None, max_examples=scale_examples(150))
@given(every_operation, inputs)
def test_whatever_happens_in_whatever_order_is_an_event_or_a_documented_error(
    operation: Operation[Any, Any], happenings: list[tuple[Any, ...]]
) -> None:
    """Fuzz: NaiError and nothing else; every error prints, pickles and shows no more than its bounds."""
    call = Call(operation)
    for method, *arguments in happenings:
        if arguments == [b""]:
            continue
        before = call.state
        raised: NaiError | None = None
        try:
            getattr(call, method)(*arguments)
        except NaiError as error:
            raised = error
        if raised is not None:
            assert len(str(raised)) < 2000
            assert str(pickle.loads(pickle.dumps(raised))) == str(raised)
            out_of_order = isinstance(raised, LocalProtocolError) and str(raised) != "stop"
            assert call.state is (before if out_of_order else CallState.FAILED)
        _ = (repr(call), call.partial, call.complete, call.started)


@settings(deadline=None, max_examples=scale_examples(150))
@given(
    every_operation,
    any_heads | heads,
    st.lists((hostile_bodies() | streams() | st.binary()).filter(bool), max_size=5),
    st.none() | failures,
)
def test_whatever_a_server_answers_is_a_result_or_a_documented_error(
    operation: Operation[Any, Any], answer: Head, body: list[bytes], end: NaiError | None
) -> None:
    """Fuzz: NaiError and nothing else."""
    played = play(Call(operation, limits=limits_of(answer)), [answer, *body, b"" if end is None else end])
    if played.error is None:
        _ = played.result
    else:
        assert str(pickle.loads(pickle.dumps(played.error))) == str(played.error)


def test_an_event_that_is_called_error_is_a_failure_whatever_it_holds() -> None:
    body = event({"token": "It", "ptr": 0}) + event({"message": "the node is gone"}, "error")
    outcome = feed(STREAM, head(EVENT_STREAM), [body])
    assert isinstance(outcome.error, StreamError)
    assert outcome.error.message == "the node is gone"


def test_an_event_of_an_unknown_name_is_a_token_if_it_has_one_and_else_nothing() -> None:
    body = (
        event({"t": 1}, "ping") + event({"token": "It", "ptr": 0}, "newerToken") + event({"final": True, "token": ""})
    )
    outcome = feed(STREAM, head(EVENT_STREAM), [body])
    assert [token.text for token in outcome.events] == ["It", ""]


def test_an_event_may_not_be_deeper_than_the_limit_even_where_nobody_looks() -> None:
    deep = {"token": "x", "unknown": json.loads("[" * 40 + "]" * 40)}
    outcome = feed(STREAM, head(EVENT_STREAM, limits=Limits(json_depth=20)), [event(deep)])
    assert isinstance(outcome.error, LimitExceeded)


def test_a_long_answer_is_read_off_the_event_loop_and_a_long_stream_where_it_comes() -> None:
    text = "x" * 1_100_000
    body = json.dumps({"output": text}).encode()
    played = play(WHOLE, [head(JSON), body[:9], body[9:], b""])
    assert (played.kinds, played.result.text) == ("Send Receive Receive Receive Compute", text)
    assert play(WHOLE, [head(JSON), body[:-9], body[-9:], b""]).kinds == played.kinds
    assert "Compute" not in play(WHOLE, [head(JSON), body[:14] + b'"}', b""]).kinds
    broken = play(WHOLE, [head(JSON), body[:-1], b""])
    assert broken.kinds == "Send Receive Receive Compute"
    assert isinstance(broken.error, RemoteProtocolError)
    streamed = play(STREAM, [head(EVENT_STREAM), ONE * 20_000, LAST, b""])
    assert streamed.kinds == "Send Receive Emit Receive Emit Receive"
