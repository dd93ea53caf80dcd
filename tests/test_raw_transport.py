"""Requests over raw connections, with scripted I/O in virtual time: what each wait is for, and what becomes of connections.

See docs/connections.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nai_proto.errors import LimitExceeded, Phase, TimedOut, TransportError, Truncated
from nai_proto.exchange.connection_pool import Lease, PoolLimits
from nai_proto.exchange.connections import host_and_port
from nai_proto.exchange.driving import run_steps
from nai_proto.exchange.observation import ConnectionDiscarded, ConnectionOpened, ConnectionReused
from nai_proto.http import Request
from nai_proto.limits import Limits, Timeouts
from tests.cases import for_each
from tests.scripted_io import GET, TIMEOUTS, DescribedError, Log, Proxy, Rig, Script, Wait, read_body

UPLOAD = Request("POST", "/x", body=b"x" * 150_000, base="http://h:81")
PIECE = 65_536
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TOO_LARGE = b"HTTP/1.1 413 \r\nContent-Length: 0\r\n\r\n"


# ---- what becomes of a connection


def test_a_connection_is_opened_and_used_again_and_an_observer_is_told() -> None:
    rig = Rig()
    script = rig.script(OK, OK, connect=[Wait(None, 2)])
    assert [rig.run(script), rig.run(script)] == [(200, b"ok")] * 2
    assert rig.log.events == [ConnectionOpened("h", 81, 2.0, None, None), ConnectionReused("h", 81)]
    assert (rig.transport.opened, rig.transport.pool.idle, rig.transport.pool.used) == (1, 1, 0)
    assert not script.streams[0].is_aborted
    assert rig.transport.close() == "settled"
    assert rig.log.events[2:] == [ConnectionDiscarded("h", 81, "the client is closed")]
    assert script.streams[0].is_aborted


def test_nothing_is_told_if_nobody_is_watching() -> None:
    rig = Rig(log=Log(is_watching=False))
    script = rig.script(OK, OK)
    assert [rig.run(script), rig.run(script)] == [(200, b"ok")] * 2
    rig.transport.close()
    assert script.streams[0].is_aborted


def test_a_connection_that_cannot_be_used_again_is_closed() -> None:
    rig = Rig()
    script = rig.script(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert rig.run(script) == (200, b"ok")
    assert rig.log.events[1:] == [ConnectionDiscarded("h", 81, "not reusable")]
    assert script.streams[0].is_aborted
    assert (rig.transport.pool.idle, rig.transport.pool.used) == (0, 0)


def test_an_exchange_that_is_given_up_closes_its_connection_once() -> None:
    rig = Rig()
    script = rig.script(OK[:-1])
    exchange = rig.send(script)
    for _ in range(2):
        exchange.abort()
    assert rig.log.events[1:] == [ConnectionDiscarded("h", 81, "the exchange was given up")]
    assert script.streams[0].is_aborted
    assert (rig.transport.pool.idle, rig.transport.pool.used) == (0, 0)


def test_an_exchange_that_has_ended_leaves_its_connection_alone() -> None:
    rig = Rig()
    script = rig.script(OK)
    exchange = rig.send(script)
    assert [*read_body(exchange)] == [b"ok"]
    reads = len(script.calls)
    assert run_steps(exchange.receive(None)) == b""
    exchange.abort()
    assert len(script.calls) == reads
    assert (rig.transport.pool.idle, script.streams[0].is_aborted) == (1, False)


def test_an_idle_connection_on_which_something_came_is_replaced() -> None:
    rig = Rig()
    script = rig.script(OK, OK, OK)
    rig.run(script)
    script.streams[0].readable = True
    assert [rig.run(script), rig.run(script)] == [(200, b"ok")] * 2
    assert [stream.is_aborted for stream in script.streams] == [True, False]
    why = "the server closed it, or sent bytes, while it was idle"
    assert rig.log.events[1:] == [
        ConnectionDiscarded("h", 81, why),
        ConnectionOpened("h", 81, 0.0, None, None),
        ConnectionReused("h", 81),
    ]
    assert rig.transport.opened == 2


@for_each("other", [GET, replace(GET, base="http://other")])
def test_a_connection_that_was_idle_for_too_long_is_closed_before_the_next_request(other: Request) -> None:
    rig = Rig(PoolLimits(keep_alive=30))
    script = rig.script(OK, OK)
    rig.run(script)
    rig.clock.advance(30)
    rig.run(script, other)
    assert rig.log.events[1] == ConnectionDiscarded("h", 81, "idle for too long")
    assert isinstance(rig.log.events[2], ConnectionOpened)
    assert [stream.is_aborted for stream in script.streams] == [True, False]


def test_a_connection_that_is_one_too_many_is_closed_when_its_response_ends() -> None:
    rig = Rig(PoolLimits(idle=0))
    script = rig.script(OK)
    rig.run(script)
    assert rig.log.events[1:] == [ConnectionDiscarded("h", 81, "idle for too long, or one too many")]
    assert script.streams[0].is_aborted


@for_each("base, key", [("https://h:81", "a loop"), ("http://h", "a loop"), ("http://h:81", "another loop")])
def test_another_scheme_address_or_event_loop_has_connections_of_its_own(base: str, key: str) -> None:
    rig = Rig()
    script = rig.script(OK, OK)
    rig.run(script)
    script.loop = key
    rig.run(script, replace(GET, base=base))
    assert (rig.transport.opened, rig.transport.pool.idle) == (2, 2)


@for_each(
    "base, host, port",
    [
        ("http://h", "h", 80),
        ("https://h", "h", 443),
        ("http://h:81", "h", 81),
        ("https://[::1]", "::1", 443),
        ("http://[::1]:81", "::1", 81),
    ],
)
def test_a_request_goes_to_the_host_and_port_of_its_address(base: str, host: str, port: int) -> None:
    request = replace(GET, base=base)
    assert host_and_port(request) == (host, port)
    rig = Rig()
    script = rig.script(OK)
    rig.run(script, request)
    assert script.calls[0] == ("connect", host, port, 10)
    assert (rig.log.events[0], rig.bases) == (ConnectionOpened(host, port, 0.0, None, None), [base])


# ---- limits


def test_every_wait_has_the_limit_of_its_phase() -> None:
    rig = Rig()
    head, body = OK[:-2], OK[-2:]
    script = rig.script(Wait(head[:9], 4), head[9:], Wait(body[:1], 2), Wait(body[1:], 2), write=[Wait(None, 6)] * 3)
    assert rig.run(script, UPLOAD) == (200, b"ok")
    size = len(b"".join(script.written))
    assert script.calls == [
        ("connect", "h", 81, 10),
        *[("write", PIECE, 7), ("write", PIECE, 7), ("write", size - 2 * PIECE, 7)],  # each piece anew
        *[("read", 5), ("read", 1)],  # one for the whole head
        *[("read", 3), ("read", 3)],  # each piece of the body anew
    ]
    assert b"".join(script.written).endswith(b"\r\n\r\n" + UPLOAD.body)


def test_the_end_of_a_body_may_be_waited_for_less_long() -> None:
    rig = Rig()
    script = rig.script(OK[:-1])
    exchange = rig.send(script)
    assert run_steps(exchange.receive(None)) == b"o"
    with pytest.raises(TimedOut):
        script.waits["read"] = iter([Wait(b"k", 1)])
        run_steps(exchange.receive(0.25))
    assert script.calls[-1] == ("read", 0.25)


PHASES: dict[Phase, Callable[[Any], dict[str, list[Any]]]] = {
    "connect": lambda wait: {"connect": [wait]},
    "write": lambda wait: {"write": [wait]},
    "read": lambda wait: {"read": [wait]},
    "idle": lambda wait: {"read": [OK[:-2], wait]},
}


def scripted(rig: Rig, phase: Phase, wait: Any) -> Script:
    waits = PHASES[phase](wait)
    return rig.script(*waits.pop("read", []), **waits)


@for_each("phase, limit", [("connect", 10), ("write", 7), ("read", 5), ("idle", 3)])
def test_a_limit_that_is_reached_is_an_error_of_its_phase(phase: Phase, limit: float) -> None:
    rig = Rig()
    error = rig.fail(scripted(rig, phase, Wait(OK, limit)))
    assert isinstance(error, TimedOut)
    assert (error.phase, error.sent) == (phase, phase != "connect")
    assert f"within {limit} s" in str(error)
    assert "h:81" in str(error)
    assert rig.clock() == 1000 + limit


@for_each("phase", PHASES)
def test_the_total_bounds_every_wait_and_is_charged_for_it(phase: Phase) -> None:
    rig = Rig()
    error = rig.fail(scripted(rig, phase, Wait(OK, 2)), timeouts=Timeouts(total=2))
    assert isinstance(error, TimedOut)
    assert (error.phase, error.sent) == ("total", phase != "connect")
    assert "h:81" in str(error)


@for_each("phase", PHASES)
def test_an_error_of_the_system_is_described_with_what_failed(phase: Phase) -> None:
    rig, failed = Rig(), ConnectionResetError()
    error = rig.fail(scripted(rig, phase, failed))
    assert isinstance(error, DescribedError)
    assert error.described == (phase, failed, "h", 81, phase != "connect")


@for_each("phase", PHASES)
def test_what_is_no_error_of_the_system_passes_and_leaves_nothing_behind(phase: Phase) -> None:
    rig = Rig()
    script = scripted(rig, phase, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        rig.run(script)
    assert (rig.transport.pool.used, rig.transport.pool.idle) == (0, 0)
    assert all(stream.is_aborted for stream in script.streams)


def test_a_server_that_closes_without_a_response_is_named_by_the_exchange() -> None:
    error = Rig().fail(Rig().script(b""))
    assert isinstance(error, TransportError)
    assert (error.phase, error.sent) == ("read", True)
    assert "h:81 closed the connection without a response" in str(error)


# ---- a response that comes before the request is written


@for_each("answer, writes, idle", [(TOO_LARGE, 1, 0), (OK, 3, 1), (b"", 1, 0)])
def test_what_can_be_read_between_two_pieces_may_end_the_request(answer: bytes, writes: int, idle: int) -> None:
    rig = Rig()
    script = rig.script(answer)
    script.ready_after = 1
    if answer:
        assert rig.run(script, UPLOAD)[0] == (413 if answer is TOO_LARGE else 200)
    else:
        assert "without a response" in str(rig.fail(script, UPLOAD))
    assert (len(script.written), rig.transport.pool.idle) == (writes, idle)
    assert ("read", 7) in script.calls  # the limit of the piece that is next


@for_each("answer, writes, idle", [(TOO_LARGE, 1, 0), (OK, 3, 1)])
def test_what_comes_within_a_piece_may_end_the_request(answer: bytes, writes: int, idle: int) -> None:
    rig = Rig()
    script = rig.script(write=[answer])
    assert rig.run(script, UPLOAD)[0] == (413 if answer is TOO_LARGE else 200)
    assert (len(script.written), rig.transport.pool.idle) == (writes, idle)


def test_a_response_that_came_early_and_is_cut_is_truncated() -> None:
    rig = Rig()
    script = rig.script(b"", write=[TOO_LARGE.replace(b"0", b"3") + b"no"])
    with pytest.raises(Truncated):
        rig.run(script, UPLOAD)


def test_a_response_counts_more_than_the_error_of_writing_the_request() -> None:
    rig = Rig()
    script = rig.script(TOO_LARGE, write=[BrokenPipeError()])
    assert rig.run(script, UPLOAD) == (413, b"")
    assert (len(script.written), rig.transport.pool.idle) == (1, 0)


@for_each("answer", [b"", ConnectionResetError()])
def test_without_a_response_the_error_of_writing_counts(answer: Any) -> None:
    rig, failed = Rig(), BrokenPipeError()
    error = rig.fail(rig.script(answer, write=[None, failed]), UPLOAD)
    assert isinstance(error, DescribedError)
    assert error.described == ("write", failed, "h", 81, True)


# ---- a pool that is full


def test_a_request_waits_for_a_connection_and_uses_the_one_that_becomes_free() -> None:
    rig = Rig(PoolLimits(per_host=1))
    first = rig.send(rig.script(OK))
    script = rig.script(OK, wait_for=[Wait(lambda _: [*read_body(first)], 2)])
    assert rig.run(script) == (200, b"ok")
    assert script.calls[0] == ("wait_for", 11)
    assert (rig.transport.opened, rig.transport.pool.idle, rig.transport.pool.used) == (1, 1, 0)


@for_each("timeouts, phase, limit", [(TIMEOUTS, "pool", 11), (Timeouts(total=2), "total", 2)])
def test_a_wait_for_a_connection_has_a_limit(timeouts: Timeouts, phase: Phase, limit: float) -> None:
    rig = Rig(PoolLimits(per_host=1))
    first = rig.send(rig.script(OK))
    with pytest.raises(TimedOut, match="h:81") as caught:
        rig.run(rig.script(wait_for=[Wait(None, 20)]), timeouts=timeouts)
    assert (caught.value.phase, caught.value.sent) == (phase, False)
    assert rig.clock() == 1000 + limit
    assert [*read_body(first)] == [b"ok"]  # which nobody waits for now
    assert (rig.transport.pool.idle, rig.transport.pool.used) == (1, 0)


def test_a_connection_that_becomes_free_while_its_wait_is_cancelled_is_kept() -> None:
    rig = Rig(PoolLimits(per_host=1))
    first = rig.send(rig.script(OK))

    def cancel(lease: Lease[Any]) -> None:
        assert [*read_body(first)] == [b"ok"]
        assert lease.is_granted
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rig.run(rig.script(wait_for=[cancel]))
    assert (rig.transport.pool.idle, rig.transport.pool.used) == (1, 0)


# ---- TLS and proxies

HTTPS = replace(GET, base="https://h")


def test_over_tls_all_bytes_are_encrypted_after_the_handshake() -> None:
    rig = Rig(tls=True)
    script = rig.script(b"\x16hello", Wait(b"new keys", 1), b"sealed " + OK)
    assert rig.run(script, HTTPS) == (200, b"ok")
    assert script.written[0] == b"hello h"
    assert script.written[1].startswith(b"sealed GET /x HTTP/1.1\r\n")
    assert script.written[2:] == [b"new keys too"]
    assert script.calls[-3:] == [("read", 5), ("write", len(b"new keys too"), 4), ("read", 4)]
    assert rig.log.events == [ConnectionOpened("h", 443, 0.0, "TLSv1.3", None)]


def test_what_comes_while_new_keys_are_sent_is_decrypted_too() -> None:
    rig = Rig(tls=True)
    script = rig.script(b"\x16hello", b"new keys", write=[None, None, b"sealed " + OK])
    assert rig.run(script, HTTPS) == (200, b"ok")
    assert not script.stopped  # the peer gets its keys, whatever it has said


def test_a_peer_that_does_not_speak_tls_is_named() -> None:
    rig = Rig(tls=True)
    with pytest.raises(TransportError, match=r"connecting to h:443: .* does not speak TLS") as caught:
        rig.run(rig.script(OK), HTTPS)
    assert (caught.value.phase, caught.value.sent) == ("connect", False)


def test_http_has_no_tls() -> None:
    rig = Rig(tls=True)
    assert rig.run(rig.script(OK)) == (200, b"ok")
    assert rig.log.events == [ConnectionOpened("h", 81, 0.0, None, None)]


GRANTED = b"HTTP/1.1 200 \r\n\r\n"


def test_through_a_proxy_the_tunnel_and_tls_share_the_limit_of_connecting() -> None:
    rig = Rig(tls=True, proxy=Proxy())
    script = rig.script(
        Wait(GRANTED, 2), Wait(b"\x16hello", 2), b"sealed " + OK, connect=[Wait(None, 3)], write=[Wait(None, 1)] * 2
    )
    assert rig.run(script, HTTPS) == (200, b"ok")
    limits = [(call[0], call[-1]) for call in script.calls]
    assert limits[:5] == [("connect", 10), ("write", 7), ("read", 6), ("write", 4), ("read", 3)]
    assert script.calls[0] == ("connect", "p", 3128, 10)
    assert script.written[0].startswith(b"CONNECT h:443 HTTP/1.1\r\n")
    assert rig.log.events == [ConnectionOpened("h", 443, 9.0, "TLSv1.3", "p:3128")]
    assert rig.bases == ["https://h"]


def test_a_response_has_the_limits_of_its_request() -> None:
    size = len(OK) - 2  # of its head
    rig = Rig()
    assert rig.send(rig.script(OK), limits=Limits(head=size)).head.status == 200
    with pytest.raises(LimitExceeded) as caught:
        rig.send(rig.script(OK), limits=Limits(head=size - 1))
    assert (caught.value.what, caught.value.limit) == ("head", size - 1)


def test_the_response_of_a_proxy_has_the_limits_of_the_request() -> None:
    for limits, fits in ((Limits(head=len(GRANTED)), True), (Limits(head=len(GRANTED) - 1), False), (None, True)):
        rig = Rig(proxy=Proxy())
        script = rig.script(GRANTED, b"HTTP/1.1 200 \r\n\r\n")
        if fits:
            assert rig.send(script, limits=limits).head.status == 200
        else:
            with pytest.raises(TransportError, match="opens no tunnel"):
                rig.send(script, limits=limits)


@for_each(
    "waits, host, port",
    [
        ({"connect": [ConnectionRefusedError()]}, "the proxy p", 3128),
        ({"write": [ConnectionResetError()]}, "h", 81),
        ({"read": [ConnectionResetError()]}, "h", 81),
    ],
)
def test_an_error_names_the_proxy_if_it_cannot_be_reached_and_else_the_host(
    waits: dict[str, list[Any]], host: str, port: int
) -> None:
    rig = Rig(proxy=Proxy())
    ((failed,),) = waits.values()
    error = rig.fail(rig.script(*waits.pop("read", []), **waits))
    assert isinstance(error, DescribedError)
    assert error.described == ("connect", failed, host, port, False)


@for_each("waits, where", [({"connect": [Wait(None, 20)]}, "the proxy p:3128"), ({"write": [Wait(None, 20)]}, "h:81")])
def test_a_limit_that_is_reached_names_it_alike(waits: dict[str, list[Any]], where: str) -> None:
    rig = Rig(proxy=Proxy())
    error = rig.fail(rig.script(**waits))
    assert isinstance(error, TimedOut)
    assert (error.phase, error.sent) == ("connect", False)
    assert where in str(error)
