"""`nai_proto.testing` is part of the product: what others build their tests on has to hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import text
from nai_proto.errors import NaiError, ServerError, TimedOut, Truncated
from nai_proto.exchange.actions import Sleep, Steps, compute
from nai_proto.exchange.flow import flow
from nai_proto.exchange.reply import Handler, Start, StoreState, Wait, Write
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Timeouts
from nai_proto.testing import Clock, MemoryConnection, cut, play, run_in_memory
from nai_proto.testing.strategies import chunkings, cutters, hostile_bodies, hostile_bytes, native_streams
from tests.peer import Peer
from tests.support import cuts, reading, stalls, streams, token

STREAM = text.generate_stream("x", max_length=40).with_options(retry=NO_RETRY)
EVENTS = Head(200, Headers.of(content_type="text/event-stream"))


# ---- play


def test_a_script_that_is_too_short_is_the_tests_fault_and_no_error_of_the_flow() -> None:
    @flow
    def forgiving() -> Steps[text.Token, str]:
        try:
            yield from STREAM
        except NaiError:
            return "caught"
        return "done"

    with pytest.raises(AssertionError, match="no reply for Receive"):
        play(forgiving(), [EVENTS])


def test_an_error_in_the_script_is_thrown_into_the_flow() -> None:
    lost = Truncated("lost")
    played = play(STREAM, [EVENTS, token("It", 0), lost])
    assert played.error is lost
    with pytest.raises(Truncated):
        _ = played.result
    assert [event.text for event in played.events] == ["It"]


def test_waiting_is_skipped_and_computing_is_done() -> None:
    @flow
    def program() -> Steps[str, int]:
        yield Sleep(1000, 2000)
        return (yield from compute(lambda: 42))

    played = play(program(), [])
    assert (played.kinds, played.result) == ("Sleep Compute", 42)


# ---- a server in the same process


def test_time_passes_only_where_somebody_waits() -> None:
    def silence() -> Handler:
        yield Wait(30)
        yield Write(token("late", 1, final=True))

    clock = Clock()
    played = run_in_memory(STREAM, streams(token("soon", 0), then=silence), clock=clock)
    assert played.result.text == "soonlate"
    assert clock() == 30


def test_a_server_that_is_silent_for_longer_than_the_limit_is_given_up() -> None:
    clock = Clock()
    session = Session(base_url="http://x", timeouts=Timeouts(read=5, idle=7))
    played = run_in_memory(STREAM, stalls(b""), session, clock=clock)
    assert isinstance(played.error, TimedOut)
    assert (played.error.phase, clock()) == ("read", 5)


def test_where_nobody_ever_speaks_again_there_is_no_hang() -> None:
    patient = Session(base_url="http://x", timeouts=Timeouts(read=None, idle=None))
    assert isinstance(run_in_memory(STREAM, stalls(b""), patient).error, TimedOut)


def test_a_retry_gets_a_connection_that_works() -> None:
    answers = iter(
        [cuts(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), streams(token("x", 0, final=True))]
    )

    def app(request: Request) -> Handler:
        yield from next(answers)(request)

    played = run_in_memory(text.generate_stream("x"), app)
    assert played.kinds == "Send Receive Sleep Send Receive Emit Receive"
    assert played.result.text == "x"


def test_a_change_is_stored_before_the_answer_is_written() -> None:
    log: list[object] = []

    def app(request: Request) -> Handler:
        yield from reading(request)
        yield StoreState("the change")
        yield Start(Head(204))

    peer = Peer(MemoryConnection(app, Clock(), store=log.append))
    log.append(peer.send(Request("POST", "/x", base="http://x"), 1).status)
    assert log == ["the change", 204]


def test_a_closed_link_takes_nothing_more() -> None:
    link = MemoryConnection(streams(), Clock())
    link.close()
    link.close()
    assert link.closed
    assert link.receive_some(1) == b""
    with pytest.raises(BrokenPipeError):
        link.send_all(b"x")


# ---- strategies


@given(st.data(), st.binary(max_size=60))
def test_pieces_make_the_whole_and_none_is_empty(data: st.DataObject, whole: bytes) -> None:
    for pieces in (
        data.draw(chunkings(whole)),
        data.draw(cutters())(whole),
        cut(whole, data.draw(st.lists(st.integers()))),
    ):
        assert b"".join(pieces) == whole
        assert all(pieces) or pieces == [b""]


@settings(deadline=None)
@given(native_streams(), st.data())
def test_a_native_stream_of_any_legal_form_is_read_as_its_tokens(
    made: tuple[bytes, list[str]], data: st.DataObject
) -> None:
    body, texts = made
    played = play(STREAM, [EVENTS, *(piece for piece in data.draw(chunkings(body)) if piece), b""])
    assert [event.text for event in played.events] == texts
    assert played.result.text == "".join(texts)


@settings(deadline=None)
@given(native_streams(final=False))
def test_a_native_stream_without_a_final_event_is_truncated(made: tuple[bytes, list[str]]) -> None:
    body, texts = made
    played = play(STREAM, [EVENTS, body, b""])
    assert isinstance(played.error, Truncated)
    assert isinstance(played.error.partial, text.Completion)
    assert played.error.partial.text == "".join(texts)


@settings(deadline=None)
@given(hostile_bytes(), cutters())
def test_hostile_bytes_end_in_a_result_or_a_documented_error(
    said: bytes, pieces: Callable[[bytes], list[bytes]]
) -> None:
    played = run_in_memory(STREAM, cuts(said), pieces=pieces)
    assert played.error is None or isinstance(played.error, NaiError)


@settings(deadline=None)
@given(hostile_bodies())
def test_a_hostile_body_ends_in_a_result_or_a_documented_error_and_a_refusal_stays_one(said: bytes) -> None:
    body = [*([said] if said else []), b""]
    accepted = play(STREAM, [EVENTS, *body])  # lets through whatever is no NaiError
    assert accepted.error is not None or isinstance(accepted.result, text.Completion)
    assert isinstance(play(STREAM, [Head(500, EVENTS.headers), *body]).error, ServerError)
