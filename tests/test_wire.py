"""The wire equals h11 in both roles, whatever arrives and however it is cut; and client and server understand each other."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nai_proto.errors import (
    InvalidRequestError,
    LimitExceeded,
    LocalProtocolError,
    NaiError,
    RemoteProtocolError,
    Truncated,
    excerpt,
)
from nai_proto.http import NO_HEADERS, Head, Headers, Request
from nai_proto.http.heads import format_request_head
from nai_proto.http.wire import (
    CONNECTION_CLOSED,
    END_OF_MESSAGE,
    NEED_DATA,
    PAUSED,
    ConnectionClosed,
    Data,
    EndOfMessage,
    Event,
    Signal,
    Tunnel,
    Wire,
)
from nai_proto.limits import Limits
from nai_proto.secret import AccessToken
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

Role: TypeAlias = Literal["client", "server"]
Story: TypeAlias = list[object]

GET = Request("GET", "/", Headers.of(host="h"))
POST = Request("POST", "/", Headers.of(host="h"), b"abc")
HEAD = Request("HEAD", "/", Headers.of(host="h"))
CONNECT = Request("CONNECT", "api.novelai.net:443", Headers.of(host="api.novelai.net:443"))
OK = Head(200, Headers.of(content_length="2"))
SECRET = "S3CRET"


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def ways(data: bytes) -> list[list[bytes]]:
    """Whole, byte by byte, and cut once at every place."""
    return [[data], split(data, range(len(data))), *(split(data, [at]) for at in range(1, len(data)))]


def take(wire: Wire, pieces: Iterable[bytes] = ()) -> list[Event]:
    """The events of these reads up to the end of the message."""
    found: list[Event] = []
    over = EndOfMessage | ConnectionClosed | Tunnel
    for piece in [None, *pieces]:
        if found and isinstance(found[-1], Tunnel):
            break
        if piece is not None:
            wire.receive_data(piece)
        while not (found and isinstance(found[-1], over)) and not isinstance(event := wire.next_event(), Signal):
            if isinstance(event, Data) and found and isinstance(last := found[-1], Data):
                found[-1] = Data(last.data + event.data)
            else:
                found.append(event)
    return found


def waiting_client(request: Request = GET, limits: Limits = Limits()) -> Wire:
    """A client that waits for the answer."""
    wire = Wire("client", limits)
    wire.send_request(request)
    return wire


def requested(data: bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") -> Wire:
    """A server that has read a request."""
    wire = Wire("server")
    take(wire, [data])
    return wire


# Equal to h11. Each tells the story of a connection: events, with the body's bytes joined, and what was answered.


def record(history: Story, event: object) -> None:
    if isinstance(event, bytes) and history and isinstance(last := history[-1], bytes):
        history[-1] = last + event
    else:
        history.append(event)


def story(role: Role, request: Request, pieces: list[bytes], *, length: bool = False, noisy: bool = False) -> Story:
    """Until the client has its answer, or the server's connection has to close; each request is answered.

    If it is noisy, tunnels are granted, and what depends on how the bytes are cut is left out.
    """
    wire = waiting_client(request) if role == "client" else Wire("server")
    history: Story = []
    method = ""
    try:
        for piece in [*pieces, b""]:
            wire.receive_data(piece)
            while not isinstance(event := wire.next_event(), Signal):
                if isinstance(event, Tunnel):
                    return [*history, "tunnel"]
                record(history, event.data if isinstance(event, Data) else event)
                if isinstance(event, Request):
                    method = event.method
                    if wire.expects_continue and not noisy:
                        history.append(wire.send_informational())
                    if method == "CONNECT" and noisy:
                        wire.send_response(Head(200))
                elif event is CONNECTION_CLOSED or (event is END_OF_MESSAGE and role == "client"):
                    return history if noisy else [*history, wire.can_send_request, left(wire)]
                elif event is END_OF_MESSAGE:
                    history += [answer(wire, 403 if method == "CONNECT" else 200, length), wire.can_start_next_cycle]
                    if not wire.can_start_next_cycle:
                        return history
                    wire.start_next_cycle()
    except NaiError as error:
        history += ["error", len(str(error)) < 200]
    return history


def left(wire: Wire) -> str:
    """What the client got that it has not asked for."""
    try:
        wire.next_event()
    except RemoteProtocolError as error:
        return error.excerpt
    return ""


def answer(wire: Wire, status: int = 200, length: bool = True) -> bytes:
    head = wire.send_response(Head(status, Headers([("Content-Length", "2")] if length else [])))
    return head + wire.send_data(b"ok") + wire.send_end()


def story_by_h11(role: Role, request: Request, pieces: list[bytes], *, length: bool = False) -> Story:
    """The same, told by h11; but where both framings are given, we do not go on with the connection."""
    peer = h11.Connection(h11.CLIENT if role == "client" else h11.SERVER)
    history: Story = []
    method, doubtful = b"", False
    if role == "client":
        peer.send(h11.Request(method=request.method, target="/", headers=request.fields()))
        peer.send(h11.EndOfMessage())
    try:
        for piece in [*pieces, b""]:
            peer.receive_data(piece)
            while (event := peer.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Data):
                    record(history, bytes(event.data))
                elif isinstance(event, h11.Request | h11.Response):
                    names = dict(event.headers)
                    headers = Headers((name.decode(), value.decode("latin-1")) for name, value in event.headers)
                    doubtful = {b"content-length", b"transfer-encoding"} <= names.keys()
                    if isinstance(event, h11.Response):
                        history.append(Head(event.status_code, headers))
                        continue
                    method = event.method
                    history.append(Request(method.decode(), event.target.decode(), headers))
                    bodied = doubtful or b"transfer-encoding" in names or int(names.get(b"content-length", 0))
                    if peer.they_are_waiting_for_100_continue and bodied and not peer.trailing_data[0]:
                        history.append(peer.send(h11.InformationalResponse(status_code=100, headers=[])))
                elif isinstance(event, h11.ConnectionClosed):
                    return [*history, CONNECTION_CLOSED, False, ""]
                elif isinstance(event, h11.EndOfMessage):
                    history.append(END_OF_MESSAGE)
                    if role == "server":
                        history.append(answer_by_h11(peer, method, [(b"Content-Length", b"2")] * length, doubtful))
                    goes_on = peer.our_state is h11.DONE and peer.their_state is h11.DONE and not doubtful
                    stray, eof = peer.trailing_data
                    if role == "client":
                        return [*history, goes_on and not eof and not stray, excerpt(stray)]
                    history.append(goes_on)
                    if not goes_on:
                        return history
                    peer.start_next_cycle()
    except h11.RemoteProtocolError:
        history += ["error", True]
    return history


def answer_by_h11(peer: h11.Connection, method: bytes, headers: list[tuple[bytes, bytes]], close: bool) -> bytes:
    headers = [*headers, *([(b"Connection", b"close")] if close else [])]
    status, reason = (403, "Forbidden") if method == b"CONNECT" else (200, "OK")
    sent = peer.send(h11.Response(status_code=status, headers=headers, reason=reason))
    sent += peer.send(h11.Data(data=b"ok")) if method != b"HEAD" else b""
    return sent + peer.send(h11.EndOfMessage())


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    extension = st.sampled_from([b"", b"", b";a=b", b' ; a="x"', b"  ", b"\t", b";"])
    trailer = st.sampled_from([b"", b"", b"X-T: 1\r\n", b"A: b\r\nC: d\r\n", b"A: b\n", b"A: b\r\n c\r\n"])
    out = b""
    for chunk in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6)):
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x"])) % len(chunk)
        out += size + draw(extension) + b"\r\n" + chunk + b"\r\n"
    return out + b"0" + draw(extension) + b"\r\n" + draw(trailer) + b"\r\n"


@st.composite
def framed(draw: st.DrawFn, kinds: list[str]) -> tuple[bytes, bytes]:
    """Header fields and the body they promise."""
    kind = draw(st.sampled_from(kinds))
    connection = ["", "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n"]
    head = draw(st.sampled_from(connection)).encode() + draw(
        st.sampled_from([b"", b"X: \xe9\r\n", b"X: a\r\n b\r\n", b"X:\n"])
    )
    body = draw(st.binary(max_size=80))
    if kind in ("chunked", "both"):
        head, body = head + b"Transfer-Encoding: Chunked\r\n", draw(chunked())
    if kind == "both":
        head += b"Content-Length: 3\r\n"
    elif kind == "length":
        head += b"Content-Length: %d\r\n" % len(body)
    elif kind == "twice":
        head += b"Content-Length: %d\r\nContent-Length: %d, %d\r\n" % (len(body), len(body), len(body))
    elif kind == "none":
        body = b""
    return head, body


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    interim = st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"])
    out = b"".join(draw(st.lists(interim, max_size=2)))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 500]))
    head, body = draw(framed(["chunked", "chunked", "length", "close", "none", "both", "twice"]))
    return out + b"HTTP/%b %d X\r\n" % (version, status) + head + b"\r\n" + body


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"POST", b"CONNECT", b"PURGE"]))
    version = draw(st.sampled_from([b"1.1"] * 7 + [b"1.0"]))
    head, body = draw(framed(["chunked", "chunked", "length", "length", "none", "both", "twice"]))
    head += draw(st.sampled_from([b"", b"Expect: 100-continue\r\n"]))
    return method + b" /x HTTP/" + version + b"\r\nHost: h\r\n" + head + b"\r\n" + body


Damage: TypeAlias = list[tuple[int, int | None]]
damages = st.lists(
    st.tuples(st.integers(0, 400), st.none() | st.sampled_from(b"\r\n0123afAFxX;_+ \t:,\x00")), max_size=2
)
cuttings = st.none() | st.lists(st.integers(0, 400), max_size=8)


def pieces_of(data: bytes, damage: Damage, cuts: list[int] | None) -> list[bytes]:
    """Bytes changed or left out, then cut; without cuts: byte by byte."""
    hurt = bytearray(data)
    for at, byte in damage:
        hurt[at : at + 1] = b"" if byte is None else bytes([byte]) * len(hurt[at : at + 1])
    return split(bytes(hurt), range(len(hurt)) if cuts is None else cuts)


equality = settings(max_examples=scale_examples(500), deadline=None, suppress_health_check=list(HealthCheck))


@equality
@given(st.sampled_from([GET, HEAD, POST]), answers(), st.binary(max_size=10), damages, cuttings)
def test_a_client_reads_what_h11_reads(
    request: Request, data: bytes, behind: bytes, damage: Damage, cuts: list[int] | None
) -> None:
    pieces = pieces_of(data + behind, damage, cuts)
    assert story("client", request, pieces) == story_by_h11("client", request, pieces)


@equality
@given(st.lists(requests(), min_size=1, max_size=4), st.binary(max_size=5), damages, cuttings, st.booleans())
def test_a_server_reads_and_writes_what_h11_does(
    data: list[bytes], behind: bytes, damage: Damage, cuts: list[int] | None, length: bool
) -> None:
    pieces = pieces_of(b"".join(data) + behind, damage, cuts)
    assert story("server", GET, pieces, length=length) == story_by_h11("server", GET, pieces, length=length)


SCRAPS = (
    "HTTP/1.1 200 OK\r\n|HTTP/1.1 100 \r\n\r\n|HTTP/1.1 101 \r\n|GET / HTTP/1.1\r\n|CONNECT h:1 HTTP/1.1\r\n|Host: h\r\n"
    "|\r\n|\n|Transfer-Encoding: chunked\r\n|Content-Length: 3\r\n|Expect: 100-continue\r\n|Upgrade: x\r\n|3\r\nabc"
    "|0\r\n|A: b\r\n|abc|\0"
)
noise = st.binary(max_size=60) | st.lists(st.sampled_from(SCRAPS.encode().split(b"|")), max_size=12).map(b"".join)


@equality
@given(st.sampled_from(["client", "server"]), st.sampled_from([GET, POST, HEAD, CONNECT]), noise, cuttings)
def test_whatever_comes_gives_the_same_events_or_error_however_it_is_cut(
    role: Role, request: Request, data: bytes, cuts: list[int] | None
) -> None:
    pieces = pieces_of(data, [], cuts)
    assert story(role, request, pieces, noisy=True) == story(role, request, [data] if data else [], noisy=True)


# Client and server in memory.


@dataclass
class Exchange:
    request: Request
    head: Head
    body: list[bytes] = field(default_factory=list)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    body = draw(st.lists(st.binary(max_size=30), max_size=4))
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]))
    headers = Headers.of(host="h", x="\xe9") if draw(st.booleans()) else Headers.of(host="h", expect="100-continue")
    length = Headers.of(content_length=str(sum(map(len, body)))) if draw(st.booleans()) else Headers()
    sent = draw(st.binary(max_size=30)) if method != "HEAD" else b""
    return Exchange(
        Request(method, "/a?b", headers, sent), Head(draw(st.sampled_from([200, 204, 304, 404])), length), body
    )


@equality
@given(st.lists(exchanges(), min_size=1, max_size=4), st.lists(st.integers(0, 400), max_size=8))
def test_client_and_server_understand_each_other_over_many_exchanges(found: list[Exchange], cuts: list[int]) -> None:
    client, server = Wire("client"), Wire("server")
    for exchange in found:
        assert client.can_send_request
        request, *rest = take(server, split(client.send_request(exchange.request), cuts))
        assert isinstance(request, Request)
        assert (request.method, request.target) == (exchange.request.method, exchange.request.target)
        assert request.headers[: len(exchange.request.headers)] == exchange.request.headers
        assert rest == [*([Data(exchange.request.body)] if exchange.request.body else []), END_OF_MESSAGE]
        assert (request.body, request.host) == (b"", None)
        sent = server.send_informational(103) + server.send_response(exchange.head)
        sent += b"".join(server.send_data(piece) for piece in exchange.body) + server.send_end()
        head, *rest = take(client, split(sent, cuts))
        body = b"" if request.method == "HEAD" or exchange.head.status in (204, 304) else b"".join(exchange.body)
        assert isinstance(head, Head)
        assert (head.status, rest) == (exchange.head.status, [*([Data(body)] if body else []), END_OF_MESSAGE])
        server.start_next_cycle()
    assert take(server, [b""]) == take(client, [b""]) == [CONNECTION_CLOSED]


# A little tunnel.


@for_each("late", [False, True], ids=["granted at once", "granted after the end"])
def test_a_granted_connect_becomes_a_tunnel_on_both_sides(late: bool) -> None:
    client, server = Wire("client"), Wire("server")
    sent = client.send_request(CONNECT)
    assert sent == b"CONNECT api.novelai.net:443 HTTP/1.1\r\nhost: api.novelai.net:443\r\n\r\n"
    server.receive_data(sent)
    request = server.next_event()
    assert isinstance(request, Request)
    assert (request.method, request.target) == ("CONNECT", "api.novelai.net:443")
    if late:
        assert server.next_event() is END_OF_MESSAGE
    server.receive_data(b"\x16\x03")
    sent = server.send_response(Head(200, Headers.of(content_length="5", via="x")))
    assert sent == b"HTTP/1.1 200 OK\r\nvia: x\r\n\r\n"
    server.receive_data(b"\x01")
    assert server.next_event() == Tunnel(b"\x16\x03\x01")
    for pieces in ways(sent + b"hi"):
        client = waiting_client(CONNECT)
        (head, *found) = take(client, pieces)
        assert isinstance(head, Head)
        assert head.status == 200
        assert found in ([Tunnel(b"hi")], [Tunnel(b"h")], [Tunnel(b"")])
        for wire in (client, server):
            assert (wire.can_send_request, wire.can_start_next_cycle) == (False, False)
            for use in (
                wire.next_event,
                lambda wire=wire: wire.receive_data(b"x"),
                lambda wire=wire: wire.send_data(b"x"),
            ):
                with pytest.raises(LocalProtocolError):
                    use()


def test_a_refused_connect_leaves_the_connection_as_it_was() -> None:
    client, server = Wire("client"), Wire("server")
    assert take(server, [client.send_request(CONNECT)])[-1] is END_OF_MESSAGE
    head, *rest = take(client, [answer(server, 403)])
    assert isinstance(head, Head)
    assert (head.status, rest) == (403, [Data(b"ok"), END_OF_MESSAGE])
    assert client.can_send_request
    assert server.can_start_next_cycle


def test_a_connect_with_a_body_is_not_sent_and_not_granted_before_the_body_is_read() -> None:
    with pytest.raises(LocalProtocolError, match="no body"):
        Wire("client").send_request(Request("CONNECT", "h:1", Headers.of(host="h"), b"x"))
    server = Wire("server")
    server.receive_data(b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n")
    server.next_event()
    with pytest.raises(LocalProtocolError, match="before granting it"):
        server.send_response(Head(200))
    assert take(server, [b"x"]) == [Data(b"x"), END_OF_MESSAGE]
    server.send_response(Head(200))
    assert take(server) == [Tunnel(b"")]


# What servers and clients meet.


def test_a_request_is_written_with_host_token_and_length() -> None:
    request = Request("POST", "/x", Headers.of(accept="*/*"), b"abc", token=AccessToken("t"), base="https://h:1")
    assert Wire("client").send_request(request) == (
        b"POST /x HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer t\r\naccept: */*\r\nContent-Length: 3\r\n\r\nabc"
    )


@for_each(
    "method, body, length",
    [("GET", b"", None), ("DELETE", b"", None), ("GET", b"x", 1), ("POST", b"", 0), ("PUT", b"", 0), ("PATCH", b"", 0)],
)
def test_a_request_says_its_length_if_it_has_a_body_or_should_have_one(
    method: str, body: bytes, length: int | None
) -> None:
    sent = Wire("client").send_request(Request(method, "/", Headers.of(host="h"), body))
    assert (b"Content-Length: %d\r\n" % length in sent) if length is not None else (b"Content-Length" not in sent)


def test_a_length_that_is_given_is_sent_once_and_the_fields_behind_it_too() -> None:
    fields = [("Host", "h"), ("Content-Length", "3"), ("content-length", "3"), ("X", "y")]
    sent = Wire("client").send_request(Request("POST", "/", Headers(fields), b"abc"))
    assert sent == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX: y\r\n\r\nabc"


def test_a_client_of_http_1_0_gets_a_body_that_ends_with_the_connection() -> None:
    server = requested(b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
    assert not server.expects_continue
    assert server.send_informational() == b""
    sent = server.send_response(Head(200, Headers.of(transfer_encoding="chunked")))
    assert sent == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    assert server.send_data(b"abc") + server.send_end() == b"abc"
    assert not server.can_start_next_cycle
    client = waiting_client()
    assert take(client, [sent, b"abc", b""])[1:] == [Data(b"abc"), END_OF_MESSAGE]
    assert not client.can_send_request


@for_each(
    "request_",
    [b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"],
)
@for_each("length", [[], [("content-length", "9")]])
def test_a_body_that_may_not_be_sent_is_dropped(request_: bytes, length: list[tuple[str, str]]) -> None:
    for status in [200, 204, 304] if request_.startswith(b"HEAD") else [204, 304]:
        server = requested(request_)
        sent = server.send_response(Head(status, Headers(length)))
        assert (b"length" in sent) == (status != 204 and bool(length))
        assert server.send_data(b"abc") + server.send_end() == b""
        assert server.can_start_next_cycle == (b"1.1" in request_)


@for_each(
    "request_, status", [(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 204), (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 200)]
)
@for_each("field_", [("Content-Length", "5"), ("Transfer-Encoding", "chunked")])
def test_a_204_and_a_granted_connect_have_no_framing(request_: bytes, status: int, field_: tuple[str, str]) -> None:
    sent = requested(request_).send_response(Head(status, Headers([field_, ("Via", "x")])))
    assert sent.split(b"\r\n")[1:] == [b"Via: x", b"", b""]


def test_a_client_that_expects_100_is_told_to_go_on() -> None:
    client, server = Wire("client"), Wire("server")
    sent = client.send_request(Request("POST", "/", Headers.of(host="h", expect="100-continue"), b"abc"))
    head, body = sent[:-3], sent[-3:]
    assert not server.expects_continue
    assert len(take(server, [head])) == 1
    assert server.expects_continue
    sent = server.send_informational(103)
    assert server.expects_continue
    sent += server.send_informational()
    assert not server.expects_continue
    assert take(server, [body]) == [Data(b"abc"), END_OF_MESSAGE]
    take(client, [sent + answer(server)])
    assert (client.can_send_request, server.can_start_next_cycle) == (True, True)


@for_each("body", [b"a", b"abc"])
def test_a_body_on_its_way_expects_nothing(body: bytes) -> None:
    server = Wire("server")
    server.receive_data(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n" + body)
    server.next_event()
    assert not server.expects_continue
    server.next_event()
    assert not server.expects_continue


def test_a_client_that_has_gone_expects_nothing() -> None:
    server = requested(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert server.expects_continue
    with pytest.raises(Truncated):
        take(server, [b""])
    assert not server.expects_continue


def test_an_answer_instead_of_100_closes_since_the_body_may_follow_or_not() -> None:
    server = requested(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in answer(server, 417)
    assert not server.expects_continue
    assert take(server, [b"abc"]) == [Data(b"abc"), END_OF_MESSAGE]
    assert not server.can_start_next_cycle


def test_an_offer_of_h2c_is_served_as_http_1_1() -> None:
    offer = b"Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"
    server = Wire("server")
    for _ in range(2):
        assert take(server, [b"GET / HTTP/1.1\r\n" + offer])[-1] is END_OF_MESSAGE
        assert answer(server)
        server.start_next_cycle()


def test_pipelined_requests_are_answered_in_their_order() -> None:
    server, got = Wire("server"), list[object]()
    sent = b"".join(Wire("client").send_request(request) for request in (GET, POST, HEAD, POST))
    for piece in [*split(sent, [5, 90, 100]), b""]:
        server.receive_data(piece)
    while (found := take(server)) != [CONNECTION_CLOSED]:
        got += [event.method if isinstance(event, Request) else event for event in found]
        assert server.next_event() in (PAUSED, NEED_DATA, CONNECTION_CLOSED)
        assert answer(server)
        server.start_next_cycle()
    assert got == [
        "GET",
        END_OF_MESSAGE,
        "POST",
        Data(b"abc"),
        END_OF_MESSAGE,
        "HEAD",
        END_OF_MESSAGE,
        "POST",
        Data(b"abc"),
        END_OF_MESSAGE,
    ]


def test_a_server_that_announces_to_close_has_to() -> None:
    server = requested()
    server.send_response(Head(204, Headers.of(connection="close")))
    server.send_end()
    assert not server.can_start_next_cycle


def test_an_answer_may_begin_before_the_request_has_ended() -> None:
    server = requested(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na")
    answer(server)
    assert not server.can_start_next_cycle
    assert take(server, [b"bc"]) == [Data(b"bc"), END_OF_MESSAGE]
    assert server.can_start_next_cycle


@for_each(
    "request_, answer, reusable",
    [
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (GET, b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 304 \r\n\r\n", True),
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", False),
        (GET, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n!", False),
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (Request("GET", "/", Headers.of(host="h", connection="close")), b"HTTP/1.1 204 \r\n\r\n", False),
        (Request("GET", "/", Headers.of(host="h", connection="x,Close")), b"HTTP/1.1 204 \r\n\r\n", False),
        (GET, b"HTTP/1.1 102 \r\n\r\nHTTP/1.1 199 \r\n\r\nHTTP/1.1 204 \r\n\r\n", True),
    ],
)
def test_a_connection_is_reused_only_when_nothing_speaks_against_it(
    request_: Request, answer: bytes, reusable: bool
) -> None:
    client = waiting_client(request_)
    assert not client.can_send_request
    assert take(client, [answer])[-1] is END_OF_MESSAGE
    assert client.can_send_request == reusable
    if reusable:
        assert client.send_request(GET)
    else:
        with pytest.raises(LocalProtocolError, match="no request can be sent now"):
            client.send_request(GET)


def test_an_idle_connection_that_closes_or_speaks_is_not_reusable() -> None:
    client = Wire("client")
    assert (client.can_send_request, client.next_event()) == (True, NEED_DATA)
    client.receive_data(b"")
    assert (client.can_send_request, client.next_event(), client.next_event()) == (
        False,
        CONNECTION_CLOSED,
        CONNECTION_CLOSED,
    )
    client = Wire("client")
    client.receive_data(b"HTTP/1.1 408 \r\n\r\n")
    assert not client.can_send_request
    with pytest.raises(RemoteProtocolError, match="bytes without a request") as caught:
        client.next_event()
    assert caught.value.excerpt == "HTTP/1.1 408"


# Ends that come too early.


@for_each("role", ["client", "server"])
def test_an_end_before_a_message_begins_is_an_event(role: Role) -> None:
    wire = waiting_client() if role == "client" else Wire("server")
    assert take(wire, [b""]) == [CONNECTION_CLOSED]
    assert wire.next_event() is CONNECTION_CLOSED
    assert (wire.can_send_request, wire.can_start_next_cycle) == (False, False)


@for_each(
    "data",
    [
        b"H",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
    ],
)
def test_an_end_inside_a_message_means_that_it_is_truncated(data: bytes) -> None:
    for pieces in ways(data):
        with pytest.raises(Truncated):
            take(waiting_client(), [*pieces, b""])


def test_nothing_follows_an_end_or_a_mistake() -> None:
    client = waiting_client()
    client.receive_data(b"")
    with pytest.raises(LocalProtocolError, match="has closed"):
        client.receive_data(b"x")
    server = Wire("server")
    with pytest.raises(RemoteProtocolError, match="malformed head"):
        take(server, [b"nonsense\r\n\r\n"])
    server.receive_data(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    with pytest.raises(LocalProtocolError, match="failed"):
        server.next_event()


@for_each(
    "data, status, body",
    [
        (b"nonsense\r\n\r\n", 400, b"no"),
        (b"", 408, b"no"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 90 + b"\r\n\r\n", 431, b"2\r\nno\r\n0\r\n\r\n"),
        (b"HEAD / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 90 + b"\r\n\r\n", 431, b""),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n:\n", 400, b"2\r\nno\r\n0\r\n\r\n"),
    ],
)
def test_a_server_can_say_what_was_wrong_and_then_closes(data: bytes, status: int, body: bytes) -> None:
    server = Wire("server", Limits(head=99))
    try:
        take(server, [data])
    except RemoteProtocolError:
        assert data
    sent = server.send_response(Head(status))
    assert b"\r\nConnection: close\r\n" in sent
    assert (b"Transfer-Encoding: chunked" in sent) == (b" HTTP/1.1" in data)
    assert server.send_data(b"no") + server.send_end() == body
    assert not server.can_start_next_cycle


def test_a_switch_of_protocols_that_nobody_asked_for_is_refused() -> None:
    for request in (GET, Request("GET", "/", Headers.of(host="h", upgrade="x", connection="upgrade"))):
        with pytest.raises(RemoteProtocolError):
            take(waiting_client(request), [b"HTTP/1.1 101 \r\nUpgrade: x\r\n\r\n"])


@for_each("base, peer", [("http://h:1", "what answers at h:1"), ("", "it")])
def test_what_does_not_speak_http_is_named_by_its_address(base: str, peer: str) -> None:
    client = waiting_client(Request("GET", "/", NO_HEADERS if base else Headers.of(host="h"), base=base))
    with pytest.raises(RemoteProtocolError, match=f"^{peer} does not speak HTTP$"):
        take(client, [b"SSH-2.0-OpenSSH_9.2\r\n"])


# Limits.


@for_each("role", ["client", "server"])
@for_each("interim", [b"", b"HTTP/1.1 103 \r\n\r\n"])
@for_each("size", [80, 81])
def test_a_head_may_be_as_long_as_the_limit(role: Role, interim: bytes, size: int) -> None:
    start = interim + b"HTTP/1.1 204 \r\nX: " if role == "client" else b"GET / HTTP/1.1\r\nHost: h\r\nX: "
    data = start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"
    for pieces in ways(data):
        wire = waiting_client(limits=Limits(head=80)) if role == "client" else Wire("server", Limits(head=80))
        if size == 80:
            assert take(wire, pieces)[-1] is END_OF_MESSAGE
        else:
            with pytest.raises(LimitExceeded) as caught:
                take(wire, pieces)
            assert (caught.value.what, caught.value.limit, caught.value.value) == ("head", 80, 81)


@for_each("role", ["client", "server"])
@for_each("by", [1000, Limits().head])
def test_a_head_may_be_as_long_as_the_default_limit_in_any_pieces(role: Role, by: int) -> None:
    start = b"HTTP/1.1 204 \r\nX: " if role == "client" else b"GET / HTTP/1.1\r\nHost: h\r\nX: "
    data = start + b"x" * (Limits().head - len(start) - 4) + b"\r\n\r\n"
    wire = waiting_client() if role == "client" else Wire("server")
    assert take(wire, split(data, range(0, len(data), by)))[-1] is END_OF_MESSAGE


@for_each("role", ["client", "server"])
def test_a_head_that_does_not_end_is_stopped_at_the_limit(role: Role) -> None:
    wire = waiting_client(limits=Limits(head=80)) if role == "client" else Wire("server", Limits(head=80))
    assert take(wire, [b"HTTP/1.1 200 \r\n", b"x" * 65]) == []
    with pytest.raises(LimitExceeded):
        take(wire, [b"x"])


def test_the_limits_of_chunked_bodies_are_the_wires() -> None:
    start = b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"
    limits = Limits(head=len(start), chunk_line=9)
    for data, what in ((b"1;xxxxxx\r\n", "chunk_line"), (b"0\r\nX: " + b"x" * len(start), "trailers")):
        with pytest.raises(LimitExceeded) as caught:
            take(waiting_client(limits=limits), [start + data])
        assert caught.value.what == what
    assert isinstance(take(waiting_client(limits=limits), [start])[0], Head)


def test_an_exchange_may_have_limits_of_its_own() -> None:
    wire = Wire("client")
    wire.send_request(GET, Limits(head=20))
    with pytest.raises(LimitExceeded):
        take(wire, [b"HTTP/1.1 200 \r\nX: " + b"x" * 20])


def test_what_nobody_reads_is_bounded() -> None:
    for ahead in range(49):
        server = Wire("server", Limits(head=60, body=40))
        server.receive_data(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + b"x" * ahead)
        server.receive_data(b"x" * (49 - ahead))
        assert isinstance(take(server)[0], Request)
        server.receive_data(b"x" * 51)
        with pytest.raises(LimitExceeded) as caught:
            server.receive_data(b"x")
        assert (caught.value.what, caught.value.limit, caught.value.value) == ("unread", 100, 101)
        with pytest.raises(LocalProtocolError):
            server.next_event()
    client = waiting_client(limits=Limits(body=0, head=100))
    take(client, [b"HTTP/1.1 200 \r\n\r\n"])
    assert [take(client, [b"x" * 101]) for _ in range(9)] == [[Data(b"x" * 101)]] * 9


def test_a_large_read_is_one_event_up_to_the_largest_that_asyncio_makes() -> None:
    start, most = b"HTTP/1.1 200 \r\n\r\n", 262_144
    client = waiting_client()
    take(client, [start])
    client.receive_data(b"x" * (2 * most + 1))
    assert [client.next_event() for _ in range(4)] == [Data(b"x" * most), Data(b"x" * most), Data(b"x"), NEED_DATA]


# Errors tell no secrets.

ILLEGAL = [f"{SECRET}\r\nX: y", f"{SECRET}\0", f"{SECRET}\u4e2d", f" {SECRET}", f"{SECRET}\n", f"{SECRET}\ud800"]


def check_silent(error: BaseException) -> None:
    assert SECRET not in f"{error} {error!r} {error.args} {vars(error)}"
    assert error.__cause__ is None
    assert error.__context__ is None


NAMES = st.sampled_from(["Connection", "content-length", "Content-Length", "Transfer-Encoding", "X-Key", "a b", ""])
VALUES = st.sampled_from(["0", "00", "0, 0", "close", "x, Close", "chunked", ""]) | st.text(
    st.characters(max_codepoint=0x101) | st.sampled_from(" \t\r\n\0~"), max_size=5
)


@given(
    st.sampled_from(["GET", "P\u00f6st", "A B"]), st.text(max_size=3), st.lists(st.tuples(NAMES, VALUES), max_size=4)
)
def test_a_request_s_head_is_written_as_h11_writes_it_or_refused(
    method: str, rest: str, more: list[tuple[str, str]]
) -> None:
    fields = [("Host", "h"), *more]
    try:
        head, close = format_request_head(method, f"/{rest}", fields, 0)
    except InvalidRequestError:
        return
    event = h11.Request(
        method=method, target=f"/{rest}", headers=[(name.encode(), value.encode("latin-1")) for name, value in fields]
    )
    peer = h11.Connection(h11.CLIENT)
    assert head == peer.send(event)
    peer.send(h11.EndOfMessage())
    assert close == (peer.our_state is h11.MUST_CLOSE)


@for_each(
    "fields_, what",
    [
        *(([("host", "h"), ("X-Key", value)], "header field X-Key") for value in ILLEGAL),
        ([("host", "h"), (f"a: {SECRET}", "x")], "header field 2"),
        ([("host", "h"), (f"{SECRET}\u4e2d", "x")], "header field 2"),
        ([("host", "h"), ("Content-Length", SECRET)], "header field Content-Length"),
        ([("host", "h"), ("Content-Length", "5")], "Content-Length"),
        ([("host", "h"), ("content-length", "5"), ("content-length", "6")], "Content-Length"),
        ([("host", "h"), ("Transfer-Encoding", SECRET)], "header field Transfer-Encoding"),
        ([("host", "h"), ("Transfer-Encoding", "chunked")], "Transfer-Encoding"),
        ([("X-Key", SECRET)], "Host"),
        ([("host", "h"), ("Host", SECRET)], "Host"),
    ],
)
def test_a_request_that_cannot_be_sent_is_refused_by_the_name_of_its_field(
    fields_: list[tuple[str, str]], what: str
) -> None:
    client = Wire("client")
    with pytest.raises(InvalidRequestError, match=what) as caught:
        client.send_request(Request("GET", f"/?{SECRET}", Headers(fields_)))
    check_silent(caught.value)
    assert client.can_send_request
    assert client.send_request(GET)


@for_each(
    "method, target, what",
    [
        (f"GET {SECRET}", "/", "method"),
        ("", "/", "method"),
        ("GET", f"/ {SECRET}", "target"),
        ("GET", f"/{SECRET}\u4e2d", "target"),
        ("GET", "", "target"),
    ],
)
def test_a_request_that_cannot_be_sent_is_refused_by_its_part(method: str, target: str, what: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{what}") as caught:
        Wire("client").send_request(Request(method, target, Headers.of(host="h")))
    check_silent(caught.value)


@for_each(
    "head, what",
    [
        *((Head(200, Headers([("X-Key", value)])), "header field X-Key") for value in ILLEGAL),
        (Head(200, Headers([("content-length", "5"), ("content-length", "6")])), "Content-Length"),
        *((Head(status, Headers([("X-Key", SECRET + "\n")])), "header field X-Key") for status in (200, 999)),
        (Head(199), "status 199"),
        (Head(1000), "status 1000"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_refused_by_name_and_another_may_follow(head: Head, what: str) -> None:
    server = requested()
    with pytest.raises(InvalidRequestError, match=what) as caught:
        server.send_response(head)
    check_silent(caught.value)
    assert server.send_response(OK)


@for_each("role", ["client", "server"])
def test_what_a_peer_does_wrong_is_quoted_beside_the_message_only(role: Role) -> None:
    start = b"HTTP/1.1 200 \r\n" if role == "client" else b"GET / HTTP/1.1\r\nHost: h\r\n"
    for bad in (b"X-Key " + SECRET.encode() * 50, b"Authorization: Bearer " + SECRET.encode() + b"\0"):
        wire = waiting_client() if role == "client" else Wire("server")
        with pytest.raises(RemoteProtocolError) as caught:
            take(wire, [start + bad + b"\r\n\r\n"])
        assert 0 < len(caught.value.excerpt) <= 200
        assert (SECRET in caught.value.excerpt) == (b"Bearer" not in bad)
        again = pickle.loads(pickle.dumps(caught.value))
        assert again.excerpt == caught.value.excerpt
        caught.value.excerpt = ""
        check_silent(caught.value)


def test_events_show_nothing_of_what_they_carry() -> None:
    assert [repr(event) for event in (Data(b"x"), Tunnel(b"x"), END_OF_MESSAGE, CONNECTION_CLOSED)] == [
        "Data()",
        "Tunnel()",
        "EndOfMessage()",
        "ConnectionClosed()",
    ]


# Steps out of order.

STEPS: dict[str, Callable[[Wire], object]] = {
    "request": lambda wire: wire.send_request(GET),
    "informational": lambda wire: wire.send_informational(),
    "response": lambda wire: wire.send_response(OK),
    "data": lambda wire: wire.send_data(b"ok"),
    "end": lambda wire: wire.send_end(),
    "next": lambda wire: wire.start_next_cycle(),
}


def prepared(place: str) -> Wire:
    match place:
        case "idle client":
            return Wire("client")
        case "busy client":
            return waiting_client()
        case "idle server":
            return Wire("server")
    server = requested()
    for step in place.split()[1:]:
        STEPS[step](server)
    return server


@for_each(
    "place, allowed",
    [
        ("idle client", {"request"}),
        ("busy client", set[str]()),
        ("idle server", {"response"}),
        ("asked", {"informational", "response"}),
        ("asked informational", {"informational", "response"}),
        ("asked response", {"data"}),
        ("asked response data", {"end"}),
        ("asked response data end", {"next"}),
        ("asked response data end next", {"response"}),
    ],
)
def test_a_step_out_of_order_is_refused_and_changes_nothing(place: str, allowed: set[str]) -> None:
    wire = prepared(place)
    for name, step in STEPS.items():
        if name not in allowed:
            with pytest.raises(LocalProtocolError):
                step(wire)
    for name in allowed:
        STEPS[name](prepared(place))
        if name in {"request", "response", "data", "end", "next"}:
            STEPS[name](wire)


@for_each("status", [99, 101, 200])
def test_an_interim_answer_has_an_interim_status(status: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"status {status}"):
        requested().send_informational(status)


@for_each("status", [100, 102, 199, 200, 999])
def test_every_other_status_from_100_to_999_can_be_sent(status: int) -> None:
    server = requested()
    sent = server.send_informational(status) if status < 200 else server.send_response(Head(status))
    assert sent.startswith(b"HTTP/1.1 %d " % status)
