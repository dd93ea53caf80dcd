"""The server's side of one answer, and of one connection, both turned by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.emulator import Emulator
from nai_proto.errors import LocalProtocolError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import (
    REPLY_TRANSITIONS,
    App,
    Cut,
    Finish,
    Handler,
    Output,
    RawWrite,
    Read,
    Reply,
    ReplyState,
    ServerAction,
    Start,
    StoreState,
    Wait,
    Write,
)
from nai_proto.exchange.server import NeedData, ServerStep, server_connection
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Limits, ServerTimeouts
from nai_proto.testing import Clock
from nai_proto.testing.strategies import chunkings, hostile_bytes
from tests.cases import for_each

Kind: TypeAlias = type[Output]

PATIENT = ServerTimeouts(idle=None, head=None, body=None)

HEAD = Head(200, Headers([("Content-Length", "2")]))
ACTIONS: dict[Kind, ServerAction | None] = {
    Read: Read(),
    Start: Start(HEAD),
    Write: Write(b"x"),
    Wait: Wait(1),
    Compute: Compute(lambda: None),
    StoreState: StoreState("a change"),
    RawWrite: RawWrite(b"raw"),
    Cut: Cut(),
    Finish: None,  # said by returning
}
BEFORE: dict[ReplyState, list[ServerAction]] = {
    ReplyState.OPEN: [],
    ReplyState.STARTED: [Start(HEAD)],
    ReplyState.BROKEN: [RawWrite(b"raw")],
    ReplyState.DONE: [Cut()],
}


# ---- one answer


@dataclass
class Acting:
    """A handler that yields these actions and notes what becomes of it."""

    actions: list[ServerAction]
    got: list[bytes | None] = field(default_factory=list)
    closed: bool = False

    def __call__(self, _: Request | None = None) -> Handler:
        try:
            for action in self.actions:
                self.got.append((yield action))
        finally:
            self.closed = True


@for_each("kind", ACTIONS)
@for_each("state", ReplyState)
def test_every_state_takes_the_actions_of_the_table_and_no_other(state: ReplyState, kind: Kind) -> None:
    action = ACTIONS[kind]
    handler = Acting([*BEFORE[state], *([] if action is None else [action])])
    reply = Reply(handler())
    for expected in BEFORE[state]:
        assert reply.next_action() == expected
    assert reply.state is state
    following = REPLY_TRANSITIONS.get((state, kind))
    if kind is Finish and state is ReplyState.BROKEN:
        assert following is None  # what was torn cannot be finished: returning means Cut
        assert reply.next_action() == Cut()
        assert reply.state is ReplyState.DONE
    elif following is None:
        with pytest.raises(LocalProtocolError, match=f"{kind.__name__} while its response is {state.value}"):
            reply.next_action()
        assert reply.state is state
        assert handler.closed
    else:
        assert reply.next_action() == (action or Finish())
        assert reply.state is following


def test_every_state_of_an_answer_can_be_reached_by_the_table() -> None:
    found = {ReplyState.OPEN}
    while more := {after for (before, _), after in REPLY_TRANSITIONS.items() if before in found} - found:
        found |= more
    assert found == {*ReplyState}
    assert not [before for before, _ in REPLY_TRANSITIONS if before is ReplyState.DONE]
    assert {kind for _, kind in REPLY_TRANSITIONS} == {*ACTIONS}


def test_a_whole_answer_in_order() -> None:
    handler = Acting([Read(), Read(), StoreState(1), Start(HEAD), Wait(2), Write(b"o"), Write(b"k")])
    reply = Reply(handler())
    reply.receive_data(b"body")
    reply.receive_eof()
    done: list[Output] = []
    while not done or not isinstance(done[-1], Finish):
        done.append(reply.next_action())
    assert done == [StoreState(1), Start(HEAD), Wait(2), Write(b"o"), Write(b"k"), Finish()]
    assert handler.got == [b"body", b"", None, None, None, None, None]
    assert handler.closed
    assert reply.state is ReplyState.DONE


def test_read_gives_all_that_came_and_an_empty_piece_at_the_end_for_ever() -> None:
    handler = Acting([Read(), Read(), Read(), Read(), Start(HEAD)])
    reply = Reply(handler())
    for _ in range(3):
        assert reply.next_action() == Read()  # asking again changes nothing
    reply.receive_data(b"")
    assert reply.next_action() == Read()  # nothing is not the end
    reply.receive_data(b"on")
    reply.receive_data(b"ce")
    assert reply.next_action() == Read()
    reply.receive_data(b" upon")
    reply.receive_eof()
    assert reply.next_action() == Start(HEAD)
    assert handler.got == [b"once", b" upon", b"", b""]


def test_what_the_handler_does_not_read_does_no_harm() -> None:
    reply = Reply(Acting([Start(HEAD), Write(b"ok")])())
    reply.receive_data(b"x" * 100)
    reply.receive_eof()
    assert [reply.next_action() for _ in range(3)] == [Start(HEAD), Write(b"ok"), Finish()]


def test_data_after_the_end_of_the_body_is_a_local_protocol_error() -> None:
    reply = Reply(Acting([])())
    reply.receive_eof()
    reply.receive_eof()
    with pytest.raises(LocalProtocolError, match="ended"):
        reply.receive_data(b"x")


@for_each(
    "last", [Read(), Start(HEAD), Wait(None), RawWrite(b"x"), StoreState(1)], ids=lambda last: type(last).__name__
)
def test_a_closed_reply_runs_the_handlers_finally(last: ServerAction) -> None:
    handler = Acting([last, Read()])
    reply = Reply(handler())
    reply.next_action()
    assert not handler.closed
    reply.close()
    assert handler.closed
    assert handler.got == []
    reply.close()


def test_a_handler_that_never_ran_can_be_closed() -> None:
    handler = Acting([])
    Reply(handler()).close()
    assert not handler.closed


def test_a_handlers_own_error_passes() -> None:
    def broken() -> Handler:
        yield Start(HEAD)
        raise ZeroDivisionError

    reply = Reply(broken())
    reply.next_action()
    with pytest.raises(ZeroDivisionError):
        reply.next_action()


# ---- one connection


@dataclass
class Served:
    """What came of a connection."""

    out: bytes = b""
    stored: list[object] = field(default_factory=list)
    cut: bool = False
    steps: list[ServerStep] = field(default_factory=list)


def drive(
    app: App,
    pieces: Iterable[bytes],
    *,
    clock: Clock | None = None,
    limits: Limits | None = None,
    timeouts: ServerTimeouts = PATIENT,
) -> Served:
    """The smallest driver: feeds these pieces and then hangs up."""
    clock = clock or Clock()
    served = Served()
    steps = server_connection(app, clock, limits or Limits(), timeouts)
    coming = iter(pieces)
    incoming: bytes | None = None
    while not served.cut:
        step = steps.send(incoming)
        served.steps.append(step)
        incoming = None
        match step:
            case NeedData(None):
                incoming = next(coming, b"")
            case NeedData(float() | int() as seconds):
                clock.advance(seconds)  # nobody speaks
            case Write(data):
                assert data
                served.out += data
            case Compute():
                step.perform()
            case StoreState(change):
                served.stored.append(change)
            case Cut():
                served.cut = True
    assert [*steps] == []
    return served


def echo(request: Request) -> Handler:
    """Tells what it got; in chunks if the path says so."""
    body = b""
    while data := (yield Read()):
        body += data
    echoed = f"{request.method} {request.target} ".encode() + body + b"\n"
    length = [] if "chunks" in request.target else [("Content-Length", str(len(echoed)))]
    yield Start(Head(200, Headers(length)))
    half = len(echoed) // 2
    yield Write(echoed[:half])
    yield Write(echoed[half:])


def deaf(request: Request) -> Handler:
    """Answers without a look at the body."""
    yield Start(Head(200, Headers([("Content-Length", "3")])))
    yield Write(b"ok\n")


REQUESTS = {
    "get": b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "post": b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    "empty post": b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "chunked post": (
        b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6;x=y\r\n again\r\n0\r\nTrailer: t\r\n\r\n"
    ),
    "chunked answer": b"GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n",
    "head": b"HEAD /d HTTP/1.1\r\nHost: x\r\n\r\n",
    "expect": b"PUT /f HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nwait",
    "h2c": (
        b"GET /g HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    ),
}
ANSWERS = {
    "get": b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nGET /a \n",
    "post": b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nPOST /b hello\n",
    "empty post": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nPOST /e \n",
    "chunked post": b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nPOST /c hello again\n",
    "chunked answer": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nGET /c\r\n7\r\nhunks \n\r\n0\r\n\r\n"
    ),
    "head": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
    "expect": b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nPUT /f wait\n",
    "h2c": b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nGET /g \n",
}
CONTINUE = b"HTTP/1.1 100 \r\n\r\n"


def plain(out: bytes) -> bytes:
    """Field names are the same in any case."""
    return out.replace(b"Content-Length", b"content-length").replace(b"Transfer-Encoding", b"transfer-encoding")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_has_its_answer(name: str) -> None:
    served = drive(echo, [REQUESTS[name]])
    assert plain(served.out) == ANSWERS[name]
    assert served.cut


@settings(deadline=None)
@given(st.lists(st.sampled_from([*REQUESTS]), max_size=6), st.data())
def test_pipelined_requests_cut_anywhere_give_the_same_bytes(names: list[str], data: st.DataObject) -> None:
    requests = b"".join(REQUESTS[name] for name in names)
    served = drive(echo, [piece for piece in data.draw(chunkings(requests)) if piece])
    # Whether 100 is worth saying depends on whether the body is there already.
    assert plain(served.out).replace(CONTINUE, b"") == b"".join(ANSWERS[name] for name in names)
    assert served.cut


@settings(deadline=None)
@given(st.lists(st.sampled_from([*REQUESTS]), max_size=6), st.data())
def test_a_body_that_nobody_reads_does_not_stop_the_next_request(names: list[str], data: st.DataObject) -> None:
    names = [name for name in names if name not in ("expect", "head")]
    requests = b"".join(REQUESTS[name] for name in names)
    served = drive(deaf, [piece for piece in data.draw(chunkings(requests)) if piece])
    assert served.out.count(b"ok\n") == len(names)


def test_100_is_said_when_the_handler_reads_and_the_body_is_not_there() -> None:
    head, body = REQUESTS["expect"][:-4], REQUESTS["expect"][-4:]
    served = drive(echo, [head, body])
    assert plain(served.out) == CONTINUE + ANSWERS["expect"]
    assert served.steps[:3] == [NeedData(), Write(CONTINUE), NeedData()]
    assert plain(drive(echo, [head + body]).out) == ANSWERS["expect"]


def test_a_client_that_waits_for_100_in_vain_is_cut() -> None:
    """Its body may come or not: nobody could tell it from the next request, and it is not waited for."""
    head = REQUESTS["expect"][:-4]
    served = drive(deaf, [head, REQUESTS["get"]])
    assert served.steps.count(NeedData()) == 1
    assert served.out.count(b"HTTP/1.1") == 1
    assert served.out.endswith(b"ok\n")
    assert b"connection: close" in served.out.lower()
    assert CONTINUE not in served.out


def test_an_answer_to_head_has_no_body_and_the_connection_lives_on() -> None:
    served = drive(echo, [b"HEAD /chunks HTTP/1.1\r\nHost: x\r\n\r\n" + REQUESTS["get"]])
    head, _, rest = plain(served.out).partition(b"\r\n\r\n")
    assert b"HTTP/1.1 200" in head
    assert rest == ANSWERS["get"]


@pytest.mark.parametrize("path", [b"/a", b"/chunks"])
def test_http_1_0_gets_an_answer_without_chunks_that_ends_with_the_connection(path: bytes) -> None:
    served = drive(echo, [b"GET %b HTTP/1.0\r\n\r\n" % path + REQUESTS["get"]])
    head, _, body = served.out.partition(b"\r\n\r\n")
    assert body == b"GET %b \n" % path
    assert b"chunked" not in head
    assert b"connection: close" in head.lower()
    assert served.cut


@for_each(
    "target, seen",
    [
        *(("http://x/a?b", "/a?b"), ("HTTPS://x:1/a/http://y", "/a/http://y"), ("https://x", "/")),
        *(("http://x?q=/", "/?q=/"), ("/http://x/a", "/http://x/a"), ("*", "*")),
    ],
)
def test_an_absolute_url_is_a_path_to_the_handler(target: str, seen: str) -> None:
    served = drive(echo, [f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()])
    assert served.out.endswith(f"OPTIONS {seen} \n".encode())


def test_a_wait_takes_its_whole_time() -> None:
    served = drive(Acting([Wait(0.5), Start(HEAD), Write(b"ok")]), [REQUESTS["get"]])
    assert NeedData(0.5) in served.steps


@for_each("more, needs", [(0, 3), (1, 2)])
def test_a_client_may_pipeline_a_mebibyte_while_it_waits(more: int, needs: int) -> None:
    served = drive(Acting([Wait(None)]), [REQUESTS["get"], b"x" * (1_048_576 + more)])
    assert served.steps == [NeedData()] * needs + [Cut()]


def test_the_client_may_ask_to_close() -> None:
    served = drive(echo, [b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + REQUESTS["get"]])
    assert served.out.count(b"HTTP/1.1") == 1
    assert served.cut


def test_nothing_asked_is_nothing_answered() -> None:
    assert drive(echo, []).steps == [NeedData(), Cut()]


MALFORMED = {
    "rubbish": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a bad field": b"GET / HTTP/1.1\r\nHost: a\r\nbad field: x\r\n\r\n",
    "a bad coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a torn head": b"GET / HTTP/1.1\r\nHos",
}


@for_each("name", MALFORMED)
@for_each("before", [b"", REQUESTS["post"]])
def test_what_is_no_request_is_answered_with_400_and_cut(name: str, before: bytes) -> None:
    served = drive(echo, [before + MALFORMED[name], REQUESTS["get"]])
    out = plain(served.out)
    assert out.startswith(ANSWERS["post"] if before else b"")
    check_refusal(out.removeprefix(ANSWERS["post"]), 400)
    assert served.cut


def check_refusal(out: bytes, status: int) -> None:
    """A refusal is complete without a body, and tells the client that the connection closes."""
    assert out.startswith(b"HTTP/1.1 %d " % status)
    head, _, body = out.lower().partition(b"\r\n\r\n")
    assert {b"connection: close", b"content-length: 0"} <= {*head.split(b"\r\n")}
    assert body == b""


def test_an_http_2_preface_comes_to_its_end() -> None:
    served = drive(echo, [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", REQUESTS["get"]])
    assert b"HTTP/1.1 400 " in served.out
    assert b"GET /a" not in served.out
    assert served.cut


@pytest.mark.parametrize("size", [300, 5000, 300_000])
@pytest.mark.parametrize("ends", [True, False])
def test_a_head_that_is_too_large_is_answered_with_431_and_cut(size: int, ends: bool) -> None:
    requests = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * size + (b"\r\n\r\n" if ends else b"")
    served = drive(echo, [requests], limits=Limits(head=256))
    assert served.out.startswith(b"HTTP/1.1 431 ")
    assert served.out.count(b"HTTP/1.1") == 1
    assert served.cut


def test_a_body_that_is_malformed_is_cut_and_the_handler_closed() -> None:
    handler = Acting([Read(), Read(), Read(), Start(HEAD)])
    served = drive(
        handler, [b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\nzz\r\n"]
    )
    assert served.cut
    assert handler.closed
    assert handler.got in ([], [b"hello"])


def test_a_client_that_leaves_within_its_body_closes_the_handler() -> None:
    handler = Acting([Read(), Read(), Start(HEAD)])
    served = drive(handler, [REQUESTS["post"][:-2]])
    assert served.cut
    assert handler.closed
    assert handler.got == [b"hel"]
    assert served.out == b""


# ---- waiting


def streaming(*, pause: float | None) -> Acting:
    return Acting([Read(), Start(Head(200)), Write(b"a"), Wait(pause), Write(b"b")])


def until_need(steps: Iterator[ServerStep], out: list[bytes]) -> NeedData | Cut:
    """Goes on to where the server waits."""
    while not isinstance(step := next(steps), NeedData | Cut):
        if isinstance(step, Write):
            out.append(step.data)
    return step


def test_waiting_lets_time_pass() -> None:
    clock = Clock()
    handler = streaming(pause=10)
    served = drive(handler, [REQUESTS["get"]], clock=clock)
    assert NeedData(10) in served.steps
    assert clock() == 10
    assert plain(served.out).endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
    assert handler.closed


def test_a_wait_that_is_woken_too_early_goes_on() -> None:
    clock, out = Clock(), list[bytes]()
    steps = server_connection(streaming(pause=10), clock, timeouts=PATIENT)
    assert until_need(steps, out) == NeedData()
    assert isinstance(steps.send(REQUESTS["get"]), Write)
    assert until_need(steps, out) == NeedData(10)
    clock.advance(4)
    assert steps.send(None) == NeedData(6)
    clock.advance(6)
    assert steps.send(None) == Write(b"1\r\nb\r\n")
    steps.close()


@for_each("pause", [10, None])
def test_waiting_notices_a_vanished_client(pause: float | None) -> None:
    handler, out = streaming(pause=pause), list[bytes]()
    steps = server_connection(handler, Clock(), timeouts=PATIENT)
    next(steps)
    steps.send(REQUESTS["get"])
    assert until_need(steps, out) == NeedData(pause)
    assert not handler.closed
    assert steps.send(b"") == Cut()
    assert handler.closed


def test_what_is_pipelined_while_the_server_waits_is_answered_afterwards() -> None:
    clock, out = Clock(), list[bytes]()
    steps = server_connection(streaming(pause=10), clock, timeouts=PATIENT)
    next(steps)
    steps.send(REQUESTS["get"])
    assert until_need(steps, out) == NeedData(10)
    assert steps.send(REQUESTS["post"][:20]) == NeedData(10)
    assert steps.send(REQUESTS["post"][20:]) == NeedData(10)
    clock.advance(10)
    assert steps.send(None) == Write(b"1\r\nb\r\n")
    assert until_need(steps, out) == NeedData(10)  # the second answer has begun
    steps.close()


@for_each("limits", [Limits(), Limits(head=300, body=300)])
def test_a_client_that_floods_a_waiting_server_is_cut(limits: Limits) -> None:
    handler = streaming(pause=None)
    steps = server_connection(handler, Clock(), limits)
    next(steps)
    step = steps.send(REQUESTS["get"])
    for _ in range(1000):
        if isinstance(step, Cut):
            break
        step = steps.send(b"x" * 10_000 if isinstance(step, NeedData) else None)
    assert step == Cut()
    assert handler.closed


@for_each("when", range(5))
def test_a_driver_that_stops_closes_the_handler(when: int) -> None:
    handler = streaming(pause=5)
    steps = server_connection(handler, Clock(), timeouts=PATIENT)
    next(steps)
    step = steps.send(REQUESTS["get"])
    for _ in range(when):
        if isinstance(step, NeedData):
            break
        step = steps.send(None)
    steps.close()
    assert handler.closed


def test_a_handlers_own_error_passes_through_the_connection_and_closes_it() -> None:
    def broken(request: Request) -> Handler:
        yield Start(Head(200))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(broken, [REQUESTS["get"]])


# ---- storing, and misbehaving on purpose


def test_a_change_is_stored_before_anything_is_acknowledged() -> None:
    handler = Acting([Read(), StoreState("a change"), Start(HEAD), Write(b"ok")])
    served = drive(handler, [REQUESTS["get"]])
    assert served.stored == ["a change"]
    kinds = [type(step) for step in served.steps]
    assert kinds.index(StoreState) < kinds.index(Write)


def test_raw_bytes_go_out_as_they_are_and_the_connection_is_cut() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nshort"
    handler = Acting([RawWrite(raw), RawWrite(b"er")])
    served = drive(handler, [REQUESTS["get"] * 2])
    assert served.out == raw + b"er"
    assert served.cut
    assert handler.closed


def test_raw_bytes_may_follow_a_head() -> None:
    served = drive(Acting([Start(Head(200)), Write(b"a"), RawWrite(b"zz\r\n")]), [REQUESTS["get"] * 2])
    assert served.out.endswith(b"1\r\na\r\nzz\r\n")
    assert served.out.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("actions", "out"),
    [
        ([Cut()], b""),
        ([Start(HEAD), Cut()], b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"),
        ([Start(HEAD), Write(b"o"), Cut()], b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no"),
        ([Start(Head(200)), Write(b"o"), Cut()], b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n"),
    ],
    ids=["before the head", "after the head", "in mid-body", "between chunks"],
)
def test_cut_closes_at_once(actions: list[ServerAction], out: bytes) -> None:
    handler = Acting(actions)
    served = drive(handler, [REQUESTS["get"] * 2])
    assert plain(served.out) == out
    assert served.cut
    assert handler.closed


@for_each(
    "actions",
    [[Start(HEAD), Write(b"too long")], [Start(HEAD), Write(b"o")], [Write(b"x")], [Start(HEAD), Start(HEAD)], []],
    ids=["longer than said", "shorter than said", "no head", "two heads", "nothing"],
)
def test_a_handler_that_breaks_the_rules_is_told_so_and_closed(actions: list[ServerAction]) -> None:
    handler = Acting(actions)
    with pytest.raises(LocalProtocolError):
        drive(handler, [REQUESTS["get"]])
    assert handler.closed


# ---- whatever arrives


def an_emulator() -> App:
    return Emulator(now=lambda: 0.0, entropy=bytes)


@settings(deadline=None)
@given(
    st.lists(st.one_of(hostile_bytes(), st.binary(), st.sampled_from([*REQUESTS.values()])).filter(bool), max_size=6),
    st.sampled_from([lambda: echo, lambda: deaf, lambda: streaming(pause=1), an_emulator]),
    st.sampled_from([Limits(), Limits(head=100, body=20, chunk_line=8)]),
)
def test_whatever_a_client_sends_the_connection_comes_to_its_end(
    pieces: list[bytes], make: Callable[[], App], limits: Limits
) -> None:
    """Fuzz: no exception at all."""
    served = drive(make(), pieces, limits=limits)
    assert served.cut
    assert served.out == b"" or served.out.startswith(b"HTTP/1.1 ")


# ---- slow clients, docs/testing.md#slow-and-idle-clients

IMPATIENT = ServerTimeouts(idle=300, head=30, body=60)


def send_slowly(app: App, pieces: Iterable[tuple[float, bytes]], timeouts: ServerTimeouts) -> tuple[bytes, float]:
    """Send each piece after so many seconds, and then nothing; return what the server has sent, and when it has cut."""
    clock, out, coming = Clock(), b"", iter(pieces)
    steps = server_connection(app, clock, timeouts=timeouts)
    pause, data = next(coming, (math.inf, b""))
    step = next(steps)
    while not isinstance(step, Cut):
        incoming = None
        if isinstance(step, Write):
            out += step.data
        elif isinstance(step, NeedData):
            seconds = math.inf if step.seconds is None else step.seconds
            assert min(pause, seconds) < math.inf, "the server waits without a limit"
            clock.advance(min(pause, seconds))
            pause -= min(pause, seconds)
            if not pause:
                incoming = data
                pause, data = next(coming, (math.inf, b""))
        step = steps.send(incoming)
    return out, clock()


def test_a_connection_without_a_request_is_cut_when_it_has_been_idle_for_too_long() -> None:
    assert send_slowly(echo, [], IMPATIENT) == (b"", 300)
    out, end = send_slowly(echo, [(200, REQUESTS["get"])], IMPATIENT)
    assert out.startswith(b"HTTP/1.1 200 ")
    assert end == 500


@for_each("pause", [1, 29, 31])
def test_a_head_that_drips_is_answered_with_408_and_cut_at_its_deadline(pause: int) -> None:
    pieces = [(pause, REQUESTS["get"][at : at + 1]) for at in range(len(REQUESTS["get"]) - 1)]
    out, end = send_slowly(echo, pieces, IMPATIENT)
    check_refusal(out, 408)
    assert end == pause + 30


def test_a_body_that_never_comes_is_answered_with_408_and_cut() -> None:
    out, end = send_slowly(echo, [(0, REQUESTS["post"][:-1])], IMPATIENT)
    check_refusal(out, 408)
    assert end == pytest.approx(60, abs=0.01)


def test_a_body_that_drips_is_cut_and_one_that_comes_at_a_kib_a_second_is_not() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n"
    out, end = send_slowly(echo, [(0, head), *[(1, b"x")] * 1000], IMPATIENT)
    check_refusal(out, 408)
    assert end == pytest.approx(60, abs=1)
    out, end = send_slowly(echo, [(0, head), *[(1, b"x" * 1024)] * 1000], IMPATIENT)
    assert out.startswith(b"HTTP/1.1 200 ")
    assert end > 900


def test_a_body_that_the_app_has_answered_already_has_the_same_deadline() -> None:
    def answer_at_once(request: Request) -> Handler:
        yield Start(HEAD)
        yield Write(b"OK")

    out, end = send_slowly(answer_at_once, [(0, REQUESTS["post"][:-1])], IMPATIENT)
    assert out.startswith(b"HTTP/1.1 200 ")
    assert end == pytest.approx(60, abs=0.01)
