"""Faults on the wire: each does what its table says, byte for byte, whatever app is behind it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.json import parse_service_error
from nai_proto.codecs.sse import SSEDecoder
from nai_proto.emulator.faults import (
    FAULTS,
    Crlf,
    CutOff,
    Delay,
    Failure,
    Fault,
    FaultList,
    FaultyApp,
    Jitter,
    Refusal,
    Split,
    describe_faults,
    parse_fault,
)
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import App, Handler, Read, Start, StoreState, Wait, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.http.wire import ConnectionClosed, Data, EndOfMessage, Wire
from nai_proto.testing import Clock, MemoryConnection
from nai_proto.testing.strategies import chunkings
from tests.cases import for_each
from tests.support import an_emulator, answers, reading, streams, token

EVENTS: Final = (token("Once", 0), token(" upon", 1), token(" a time", 2, final=True))
STREAM: Final = b"".join(EVENTS)
TALE: Final = streams(*EVENTS)
BODY: Final = b'{"output":"Once upon a time"}'
WHOLE: Final = answers(200, BODY, content_type="application/json")
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\ncontent-type: application/json\r\n\r\n"  # of WHOLE
STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def request_bytes(method: str = "POST", target: str = "/ai/generate-stream", body: bytes = b"{}") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class RawClient:
    """A client without HTTP, that notes which bytes it reads, and when."""

    def __init__(self, app: App) -> None:
        self.clock = Clock()
        self.link = MemoryConnection(app, self.clock)
        self.reads: list[tuple[float, bytes]] = []

    def send(self, request: bytes = request_bytes()) -> bytes:
        """Send bytes; return those that come until 50 seconds of silence, or the end."""
        self.reads = []
        self.link.send_all(request)
        while True:
            try:
                data = self.link.receive_some(50.0)
            except TimeoutError:
                break
            if not data:
                break
            self.reads.append((self.clock(), data))
        return b"".join(data for _, data in self.reads)


def get_response(app: App, request: bytes = request_bytes()) -> tuple[bytes, bool]:
    """Return an app's response, and whether it closes the connection."""
    line = RawClient(app)
    return line.send(request), line.link.closed


def body_of(answer: bytes, method: str = "POST") -> bytes:
    """Return the body of a response as an HTTP client reads it."""
    wire = Wire("client")
    wire.send_request(Request(method, "/", Headers.of(host="h")))
    wire.receive_data(answer)
    wire.receive_data(b"")
    found = bytearray()
    while not isinstance(event := wire.next_event(), EndOfMessage | ConnectionClosed):
        if isinstance(event, Data):
            found += event.data
    return bytes(found)


# ---- what is not met is left alone


def test_without_faults_an_app_is_unchanged() -> None:
    assert get_response(FaultyApp(TALE)) == get_response(TALE)
    assert get_response(FaultyApp(WHOLE)) == get_response(WHOLE) == (HEAD + BODY, False)


@for_each(
    "where, met",
    [
        ("", True),
        ("method=POST", True),
        ("method=post", True),
        ("method=GET", False),
        ("path=/ai/", True),
        ("path=/ai/generate-stream", True),
        ("path=/user", False),
        ("endpoint=generate_stream", True),
        ("endpoint=api_generate_stream", True),
        ("endpoint=generate", False),
        ("endpoint=generate_stream,path=/user", False),
    ],
)
def test_a_fault_applies_to_requests_that_fulfil_its_conditions(where: str, met: bool) -> None:
    app = FaultyApp(TALE, f"cut:{where}" if where else "cut")
    assert (get_response(app) == (b"", True)) is met


def test_a_fault_applies_as_often_as_times_says() -> None:
    app = FaultyApp(WHOLE, "refuse:times=2,message=busy")
    line = RawClient(app)
    assert [line.send()[:12] for _ in range(4)] == [b"HTTP/1.1 429"] * 2 + [b"HTTP/1.1 200"] * 2
    assert len(app.faults) == 0
    app.faults.add(Refusal(503))
    assert [line.send()[:12] for _ in range(4)] == [b"HTTP/1.1 503"] * 4


def test_of_each_kind_one_fault_acts_and_the_next_waits() -> None:
    app = FaultyApp(WHOLE, "refuse:times=1", "gateway:times=1", "delay:seconds=2,times=1", "delay:seconds=3,times=1")
    line = RawClient(app)
    seen = [(line.send()[:12], round(line.reads[0][0] - before)) for before in (0.0, 52.0, 105.0)]
    assert seen == [(b"HTTP/1.1 429", 2), (b"HTTP/1.1 502", 3), (b"HTTP/1.1 200", 0)]


def test_a_stream_fault_waits_for_a_stream() -> None:
    line = RawClient(app := FaultyApp(WHOLE, "crlf:times=1", "error:times=1"))
    assert line.send() == HEAD + BODY
    assert len(app.faults) == 2


def test_clearing_faults_does_not_affect_responses_that_have_begun() -> None:
    def app(request: Request) -> Handler:
        yield from reading(request)
        yield Start(Head(200, Headers.of(content_type="text/event-stream")))
        faulty.faults.clear()
        yield Write(EVENTS[0])

    faulty = FaultyApp(app, "cut:at=5")
    assert get_response(faulty) == (STREAM_HEAD + chunk(EVENTS[0][:5]), True)
    assert not faulty.faults


# ---- in place of the app


def test_a_refusal_has_status_message_and_retry_after() -> None:
    answer, closed = get_response(FaultyApp(TALE, Refusal(503, retry_after=4, message="not now")))
    assert answer == (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 39\r\n"
        b"Access-Control-Allow-Origin: *\r\n"
        b"X-Emulator-Reason: a fault was injected: the service did not get the request\r\nRetry-After: 4\r\n\r\n"
        b'{"statusCode":503,"message":"not now"}\n'
    )
    assert not closed
    assert b"Retry-After" not in get_response(FaultyApp(TALE, "refuse"))[0]
    assert b'"Too Many Requests"' in get_response(FaultyApp(TALE, "refuse"))[0]


@for_each(
    "status, title",
    [
        (502, "502 Bad Gateway"),
        (503, "503 Service Unavailable"),
        (504, "504 Gateway Timeout"),
        (530, "530 Unknown Status"),
    ],
)
def test_a_gateway_sends_a_page(status: int, title: str) -> None:
    answer, closed = get_response(FaultyApp(TALE, f"gateway:status={status},retry_after=7"))
    head, _, page = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: text/html" in head
    assert b"Retry-After: 7" in head
    assert f"<title>{title}</title>".encode() in page
    assert not closed


def test_garbage_is_not_http_and_closes_the_connection() -> None:
    assert get_response(FaultyApp(TALE, "garbage")) == (b"SSH-2.0-OpenSSH_9.9\r\n\x00\x01\xfe\xff\r\n\r\n", True)


def test_an_app_does_not_get_requests_whose_response_is_replaced() -> None:
    heard: list[Request] = []

    def app(request: Request) -> Handler:
        heard.append(request)
        yield from WHOLE(request)

    faulty = FaultyApp(app, "refuse:times=1", "cut:times=1")
    get_response(faulty)
    assert not heard
    get_response(FaultyApp(app, "cut"))
    assert len(heard) == 1  # it has acted, and nobody knows


# ---- what is said


SHAPES: Final = {
    "object": b'data: {"error":{"message":"no","code":503,"type":"server_error","param":null}}\n\n',
    "text": b'data: {"error":"no"}\n\n',
    "status": b'data: {"statusCode":503,"message":"no"}\n\n',
    "event": b'event: error\ndata: {"statusCode":503,"message":"no"}\n\n',
    "native": b'event: error\ndata: {"error":"no","ptr":2,"final":true}\n\n',
    "bare": b'{"statusCode":503,"message":"no"}\n',
    "broken": b'data: {"statusCode":503,"message":"no\n\n',
}


@for_each("shape", SHAPES)
def test_an_error_replaces_an_event_and_ends_the_stream(shape: str) -> None:
    app = FaultyApp(TALE, f"error:at=2,shape={shape},status=503,message=no")
    expected = STREAM_HEAD + b"".join(map(chunk, (*EVENTS[:2], SHAPES[shape]))) + b"0\r\n\r\n"
    assert get_response(app) == (expected, False)


@for_each("app", [TALE, WHOLE])
def test_an_error_can_be_a_document_with_a_status_of_success(app: App) -> None:
    answer, closed = get_response(FaultyApp(app, "error:shape=document,status=503,message=no"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Type: application/json\r\nContent-Length: 33" in head
    assert body == b'{"statusCode":503,"message":"no"}'
    assert not closed


def test_an_error_fault_does_not_change_refusals() -> None:
    refused = answers(401, b"{}", content_type="application/json")
    assert get_response(FaultyApp(refused, "error:shape=document")) == get_response(refused)


@given(cuts=chunkings(b": hello\n\n" + STREAM.replace(b"\n", b"\r\n")), at=st.integers(0, 4))
def test_events_are_counted_with_any_pieces_and_line_ends(cuts: list[bytes], at: int) -> None:
    """Comments are no events; a stream that ends before the event is as it was."""
    body = body_of(get_response(FaultyApp(streams(*cuts), f"error:at={at},shape=text"))[0])
    decoder = SSEDecoder()
    events = decoder.receive_data(body)
    assert [event.event for event in events] == ["newToken"] * min(at, 3) + ["message"] * (at <= 3)
    assert (parse_service_error(events[-1].data.encode()) is not None) is (at <= 3)


@given(chunkings(STREAM + b"data: end\r\rdata: of\r\ndata: it"))
def test_crlf_replaces_every_line_end(cuts: list[bytes]) -> None:
    body = body_of(get_response(FaultyApp(streams(*cuts), Crlf()))[0])
    assert body == STREAM.replace(b"\n", b"\r\n") + b"data: end\r\n\r\ndata: of\r\ndata: it"


def test_a_stream_whose_length_changes_loses_its_content_length() -> None:
    measured = answers(200, STREAM, content_type="text/event-stream")
    for one in ("crlf", "error:at=1"):
        assert b"ontent-Length" not in get_response(FaultyApp(measured, one))[0]


# ---- how it arrives


@for_each("size", [1, 7, 1000])
def test_a_split_body_has_a_write_for_each_piece(size: int) -> None:
    line = RawClient(FaultyApp(TALE, Split(size)))
    crumbs = [event[at : at + size] for event in EVENTS for at in range(0, len(event), size)]
    assert line.send() == STREAM_HEAD + b"".join(map(chunk, crumbs)) + b"0\r\n\r\n"
    assert [data for _, data in line.reads[1:-1]] == [*map(chunk, crumbs)]


@for_each("at", [0, 1, 100, 194])
def test_a_cut_comes_after_exactly_this_many_bytes_of_the_body(at: int) -> None:
    answer, closed = get_response(FaultyApp(streams(STREAM), CutOff(at)))
    assert answer == STREAM_HEAD + (chunk(STREAM[:at]) if at else b"")
    assert closed
    assert get_response(FaultyApp(WHOLE, "cut:at=5")) == (HEAD + BODY[:5], True)


def test_a_cut_without_a_position_comes_before_the_head() -> None:
    assert get_response(FaultyApp(TALE, "cut")) == (b"", True)


def test_a_cut_after_the_end_of_the_body_does_nothing() -> None:
    assert get_response(FaultyApp(TALE, f"cut:at={len(STREAM) + 1}")) == get_response(TALE)


@for_each("at", [0, 1, 100])
def test_a_stall_comes_after_exactly_this_many_bytes(at: int) -> None:
    answer, closed = get_response(FaultyApp(streams(STREAM), f"stall:at={at}"))
    assert answer == STREAM_HEAD + (chunk(STREAM[:at]) if at else b"")
    assert not closed
    assert get_response(FaultyApp(TALE, "stall")) == (b"", False)


def test_a_stall_ends_when_the_client_leaves() -> None:
    emulator, owner = an_emulator()
    line = RawClient(FaultyApp(emulator, "stall:at=100"))
    authorized = b"Authorization: Bearer %b\r\n" % owner.persistent_token.reveal().encode()
    request = request_bytes(body=b'{"input":"Once","model":"kayra-v1","parameters":{"max_length":5}}')
    line.send(request.replace(b"Host", authorized + b"Host"))
    assert owner.generating
    line.link.close()
    assert not owner.generating


@for_each("by", [-1000, -1, 1, 1000])
def test_a_wrong_length_differs_by_the_given_number(by: int) -> None:
    length = max(0, len(STREAM) + by)
    answer, closed = get_response(FaultyApp(TALE, f"length:by={by}"))
    assert (
        answer == b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % length + STREAM
    )
    assert closed


def test_a_delay_comes_before_the_head_with_jitter_that_is_the_same_each_time() -> None:
    def times(app: App) -> list[float]:
        line = RawClient(app)
        found: list[float] = []
        for _ in range(3):
            began = line.clock()
            line.send()
            found.append(line.reads[0][0] - began)
        return found

    assert times(FaultyApp(WHOLE, "delay:seconds=2.5")) == [2.5] * 3
    drawn = times(FaultyApp(WHOLE, Delay(1, jitter=4)))
    assert len({*drawn}) == 3
    assert all(1 <= seconds < 5 for seconds in drawn)
    assert times(FaultyApp(WHOLE, Delay(1, jitter=4))) == drawn
    assert times(FaultyApp(WHOLE, Delay(1, jitter=4), seed="another")) != drawn
    assert times(FaultyApp(WHOLE, Delay(1, jitter=4), Jitter(0))) == drawn  # each fault has chance of its own


def test_jitter_delays_each_piece_of_the_body() -> None:
    line = RawClient(FaultyApp(TALE, "jitter:seconds=2"))
    line.send()
    at = [time for time, _ in line.reads]
    gaps = [after - before for before, after in pairwise(at)][:3]
    assert at[0] == 0
    assert len({*gaps}) == 3
    assert all(0 <= gap < 2 for gap in gaps)


@for_each("rate", [1, 50, 1000, 1_000_000])
def test_throughput_limits_the_bytes_per_second(rate: int) -> None:
    line = RawClient(FaultyApp(WHOLE, f"throughput:rate={rate}"))
    assert line.send() == HEAD + BODY
    came = 0
    for time, data in line.reads[1:]:
        came += len(data)
        assert time == pytest.approx(came / rate)
        assert len(data) <= max(1, rate / 50)


def test_a_slow_head_comes_byte_by_byte_and_the_body_unchanged() -> None:
    line = RawClient(FaultyApp(TALE, "slow_head:seconds=0.5"))
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = line.send()
    assert sorted(answer[: len(head)].lower().split(b"\r\n")) == sorted(head.lower().split(b"\r\n"))
    assert line.reads[: len(head)] == [(0.5 * n, answer[n - 1 : n]) for n in range(1, len(head) + 1)]
    assert answer[len(head) :] == b"".join(map(chunk, EVENTS)) + b"0\r\n\r\n"
    assert line.link.closed


def test_faults_of_different_kinds_act_together() -> None:
    app = FaultyApp(TALE, "split", "throughput:rate=10", "cut:at=30", "crlf", "delay:seconds=3", "slow_head:seconds=1")
    line = RawClient(app)
    answer = line.send()
    crumbs = STREAM.replace(b"\n", b"\r\n")[:30]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"".join(chunk(bytes((byte,))) for byte in crumbs)
    assert line.reads[0][0] == 4
    assert line.clock() == pytest.approx(3 + len(head) + 4 + 3)
    assert line.link.closed
    short = get_response(FaultyApp(TALE, "length:by=-5", "cut:at=40"))
    assert short[0].endswith(b"Content-Length: %d\r\n\r\n%b" % (len(STREAM) - 5, STREAM[:40]))


@for_each("one", FAULTS)
def test_a_response_to_head_has_no_body_with_any_fault(one: str) -> None:
    app = FaultyApp(WHOLE, one + ":at=0" if one == "stall" else one)
    answer = get_response(app, request_bytes("HEAD", "/"))[0]
    assert one == "garbage" or answer == b"" or answer.endswith(b"\r\n\r\n")
    assert BODY not in answer


@for_each("one", FAULTS)
def test_an_app_can_use_every_action_under_a_fault(one: str) -> None:
    """Reading, computing and storing behind the head, as any app may."""
    got: list[Any] = []

    def app(request: Request) -> Handler:
        yield Start(Head(200, Headers.of(content_type="text/event-stream")))
        for event in EVENTS:
            got.append((yield Read()))
            yield Compute(lambda: got.append("computed"))
            yield StoreState("change")
            yield Wait(0.1)
            yield Write(event)

    answer, _ = get_response(FaultyApp(app, f"{one}:{ANYTHING.get(one, 'times=1')}"), request_bytes(body=b"{}"))
    if one not in ("refuse", "gateway", "garbage"):
        assert got == [b"{}", "computed", b"", "computed", b"", "computed"]
        assert answer.count(b"newToken") == 3 or one == "split"


ANYTHING: Final = {"error": "at=3", "stall": "at=194", "cut": "at=194", "slow_head": "seconds=0"}


def test_100_continue_is_sent_at_most_once() -> None:
    def app(request: Request) -> Handler:
        yield Start(Head(200, Headers.of(content_type="text/event-stream")))
        yield Read()
        yield Write(EVENTS[2])

    request = request_bytes().replace(b"Host", b"Expect: 100-continue\r\nHost")
    assert b" 100 " not in get_response(FaultyApp(app, "slow_head"), request)[0]
    assert get_response(FaultyApp(TALE, "slow_head"), request.removesuffix(b"{}"))[0] == b"HTTP/1.1 100 \r\n\r\n"


# ---- as text


@for_each(
    "text, value",
    [
        ("cut", CutOff()),
        ("cut:at=100,path=/ai/generate-stream,times=1", CutOff(100, path="/ai/generate-stream", times=1)),
        ("refuse:status=503,retry_after=2,method=POST", Refusal(503, 2, method="POST")),
        ("error:at=3,shape=native,message=a=b: c", Failure(3, "native", message="a=b: c")),
        ("delay:seconds=0.5,jitter=1e-1,endpoint=login", Delay(0.5, 0.1, endpoint="login")),
        ("length:by=-3", parse_fault("length:by=-3")),
    ],
)
def test_a_fault_as_text_as_json_and_as_value_is_the_same(text: str, value: Fault) -> None:
    assert parse_fault(text) == value
    document = msgspec.json.decode(msgspec.json.encode(value))
    assert [*FaultList(text)] == [*FaultList(value)] == [*FaultList(document)] == [value]


@for_each(
    "text, problem",
    [
        ("", "no fault is called ''; there are refuse, gateway"),
        ("cutt", "no fault is called 'cutt'; did you mean 'cut'"),
        ("cut:", "'cut:': '' is not KEY=VALUE"),
        ("cut:at", "'cut:at': 'at' is not KEY=VALUE"),
        ("cut:at=1,at=2", "'cut:at=1,at=2': at is there twice"),
        ("cut:fault=stall", "fault is there twice"),
        (
            "cut:att=1",
            "no option of cut is called 'att'; did you mean 'at'? There are at, method, path, endpoint, times",
        ),
        ("cut:at=x", "cut: at=x: Expected `int | null`"),
        ("cut:at=-1", "cut: at=-1: Expected `int` >= 0"),
        ("cut:times=0", "cut: times=0: Expected `int` >= 1"),
        ("cut:endpoint=nowhere", "no endpoint is called 'nowhere'"),
        ("delay:seconds=nan", "delay: seconds=nan: Expected `float` >= 0"),
        ("delay:seconds=inf", "delay: seconds=inf: Expected `float` <="),
        ("error:shape=round", "error: shape=round: Expected one of bare, broken, document"),
        ("refuse:status=200", "refuse: status=200: Expected `int` >= 400"),
        ("refuse:message=\udcff", "lone surrogate"),
        ("split:size=0", "split: size=0: Expected `int` >= 1"),
    ],
)
def test_an_invalid_text_is_an_error_of_one_line_that_names_the_problem(text: str, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(problem)) as found:
        parse_fault(text)
    assert "\n" not in str(found.value)


@given(
    st.text()
    | st.from_regex(r"\A(cut|error|delay|length|refuse):((at|by|message|seconds|status|shape|times)=[-\w.]*,?){1,3}\Z")
)
def test_any_text_is_a_fault_or_an_error_of_one_line(text: str) -> None:
    problem = ""
    try:
        assert isinstance(parse_fault(text), Fault)
    except InvalidRequestError as error:
        problem = str(error)
    assert len(problem.splitlines()) <= 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["fault", "at", "times", "path", "by"]), inner),
)


@given(st.sampled_from([*FAULTS]), st.dictionaries(st.sampled_from(["at", "times", "path", "by", "message"]), _JSON))
def test_any_object_is_a_fault_or_an_error_of_one_line(name: str, options: dict[str, Any]) -> None:
    faults, problem = FaultList(), ""
    try:
        faults.add({"fault": name, **options})
    except InvalidRequestError as error:
        problem = str(error)
    assert len(problem.splitlines()) == 1 - len(faults)


def test_a_fault_out_of_range_is_refused_with_all_faults_added_with_it() -> None:
    faults = FaultList()
    with pytest.raises(InvalidRequestError, match=r"cut: at=-1: Expected `int` >= 0"):
        faults.add("split", CutOff(-1))
    assert not faults


def test_every_option_of_a_fault_is_described() -> None:
    lines = describe_faults().splitlines()
    for name, kind in FAULTS.items():
        assert any(line.startswith(f"{name}: ") for line in lines)
        for key in kind.__struct_fields__:
            assert any(line.startswith(f"  {key} ") for line in lines)
    assert "None" not in describe_faults()
