"""Deadlines hold however a peer behaves: it drips, floods, reads slowly, or never ends what it has begun.

A peer that drips sends a byte often enough that no single wait reaches its limit; one that floods lets no wait begin. All
limits are short, and their bounds many times as long, for the machine may be busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from nai_proto import errors, text
from nai_proto.exchange.session import Session
from nai_proto.limits import Limits, Timeouts
from nai_transports import httpx as httpx_driver
from nai_transports import tls_connection
from tests.cases import for_each
from tests.raw_servers import RawConnection, raw_server, response
from tests.support import token
from tests.test_connections import (
    CLIENT_TLS,
    SERVER_TLS,
    STREAM_HEAD,
    answers_to,
    ask,
    chunk,
    error_of,
    failure,
    stream,
    with_client,
)

LIMIT = 0.3
"""Seconds that a peer has."""
BOUND = 5.0
"""Seconds after which a limit was certainly not honoured, on a busy machine too."""
PAUSE = 0.05
"""Seconds between two bytes that drip."""

DRIVERS = ("sync", "asyncio", "trio", "httpx", "httpx-asyncio", "httpx-trio")
on_every_driver = for_each("driver", DRIVERS, at_once=True)


def timed_out(driver: str, operation: Any, session: Session, phase: str, **options: Any) -> errors.TimedOut:
    """The error of a run that ends soon, by the limit of a phase."""
    began = time.monotonic()
    error = failure(driver, operation, session, **options)
    took = time.monotonic() - began
    assert isinstance(error, errors.TimedOut), repr(error)
    assert error.phase == phase
    assert took < BOUND
    return error


def flood(connection: RawConnection, data: bytes) -> None:
    """Send as fast as the client reads, for as long as it is there."""
    while not connection.server.ending.is_set():
        connection.send(data)


# ---- the head


HEADS: dict[str, Callable[[RawConnection], None]] = {
    "a field": lambda connection: connection.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500, PAUSE),
    "interim responses": lambda connection: connection.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, PAUSE),
    "a flood of interim responses": lambda connection: flood(connection, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200),
}


@on_every_driver
@pytest.mark.parametrize("kind", HEADS)
def test_from_the_request_to_the_head_there_is_one_deadline(driver: str, kind: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        HEADS[kind](connection)

    with raw_server(script) as server:
        session = Session(base_url=server.url, timeouts=Timeouts(read=LIMIT), limits=Limits(head=1 << 40))
        assert timed_out(driver, ask("x"), session, "read").sent


@on_every_driver
def test_the_second_request_of_a_connection_has_a_deadline_too(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.send(response(connection.read_request().input))
        connection.read_request()
        connection.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500, PAUSE)

    async def main(client: Any) -> tuple[errors.NaiError, float]:
        await answers_to(client, "one")
        began = time.monotonic()
        return await error_of(client.run(ask("two"))), time.monotonic() - began

    with raw_server(script) as server:
        error, took = with_client(driver, main, Session(base_url=server.url, timeouts=Timeouts(read=LIMIT)))
    assert isinstance(error, errors.TimedOut)
    assert (error.phase, error.sent) == ("read", True)
    assert took < BOUND
    assert len(server.connections) == 1


# ---- the body


@on_every_driver
def test_a_piece_of_the_body_has_one_deadline(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD + chunk(token("Once", 0)))
        connection.drip(b"5;" + b"x" * 500, PAUSE)  # the line of the next chunk

    with raw_server(script) as server:
        error = timed_out(driver, stream(), Session(base_url=server.url, timeouts=Timeouts(idle=LIMIT)), "idle")
    assert isinstance(error.partial, text.Completion)
    assert error.partial.text == "Once"


@on_every_driver
def test_every_piece_of_the_body_begins_the_deadline_anew(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD)
        for number in range(8):
            connection.wait(0.15)
            connection.send(chunk(token("drip ", number)))
        connection.wait_closed()

    with raw_server(script) as server:
        session = Session(base_url=server.url, timeouts=Timeouts(idle=1))
        error = timed_out(driver, stream(), session, "idle")
    assert isinstance(error.partial, text.Completion)
    assert error.partial.text == "drip " * 8


# ---- the total


def run_out_of_total(
    driver: str, operation: Any, script: Callable[[RawConnection], None], **server_options: Any
) -> errors.TimedOut:
    """Return the error of a total that runs out after the request began: on a busy machine, a short one may do so before."""
    for total in (LIMIT, 4 * LIMIT, 16 * LIMIT):
        with raw_server(script, **server_options) as server:
            session = Session(base_url=server.url, timeouts=Timeouts(total=total, idle=30))
            error = timed_out(driver, operation, session, "total")
        if error.sent:
            break
    return error


BODIES: dict[str, Callable[[RawConnection], None]] = {
    "drips": lambda connection: connection.drip(chunk(token("drip ", 0)) * 50, 0.01),
    "floods": lambda connection: flood(connection, chunk(token("flood ", 0)) * 200),
    "begins a line and is silent": lambda connection: connection.send(b"5;"),
    "drips a line": lambda connection: connection.drip(b"5;" + b"x" * 500, PAUSE),
}


@on_every_driver
@pytest.mark.parametrize("kind", BODIES)
def test_the_total_ends_a_body_whatever_it_does(driver: str, kind: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD)
        BODIES[kind](connection)
        connection.wait_closed()

    assert run_out_of_total(driver, stream(), script).sent


@on_every_driver
def test_the_total_ends_a_head_that_drips(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        HEADS["interim responses"](connection)

    with raw_server(script) as server:
        timed_out(driver, ask("x"), Session(base_url=server.url, timeouts=Timeouts(total=LIMIT)), "total")


# ---- the request


LARGE = "x" * 8_000_000
# trio warns of the generator of a body, which httpx leaves to the garbage collector.
while_writing = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@while_writing
@on_every_driver
@pytest.mark.parametrize("kind", ["is silent", "sends interim responses", "reads slowly"])
def test_a_server_that_does_not_take_the_request_ends_at_the_limit_of_writing(driver: str, kind: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_head()
        if kind == "sends interim responses":
            connection.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, PAUSE)
        while kind == "reads slowly":
            connection.socket.recv(1000)
            connection.wait(PAUSE)
        connection.wait(BOUND)

    with raw_server(script, buffer=4096) as server:
        session = Session(base_url=server.url, timeouts=Timeouts(write=LIMIT))
        assert timed_out(driver, ask(LARGE), session, "write").sent


@while_writing
@on_every_driver
def test_the_total_ends_a_request_that_is_taken_slowly(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_head()
        while True:
            connection.socket.recv(20_000)
            connection.wait(0.02)

    assert run_out_of_total(driver, ask(LARGE), script, buffer=4096).sent


# ---- the connection


@for_each(
    "driver, scheme",
    [(each, "https") for each in DRIVERS] + [(each, "http") for each in DRIVERS if not each.startswith("httpx")],
    at_once=True,  # httpx opens tunnels to https only
)
def test_a_tunnel_whose_grant_drips_ends_at_the_limit_of_connecting(driver: str, scheme: str) -> None:
    def proxy(connection: RawConnection) -> None:
        connection.read_head()
        connection.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 50, PAUSE)

    with raw_server(proxy) as server:
        session = Session(base_url=f"{scheme}://text.example", timeouts=Timeouts(connect=LIMIT))
        assert not timed_out(driver, ask("x"), session, "connect", proxy=server.url).sent


@on_every_driver
def test_a_tls_handshake_that_drips_ends_at_the_limit_of_connecting(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.socket.recv(1)  # the client has begun
        connection.drip(b"\x16\x03\x03\x01\x00\x02" + b"\0" * 500, PAUSE)

    with raw_server(script) as server:
        session = Session(base_url=f"https://127.0.0.1:{server.port}", timeouts=Timeouts(connect=LIMIT))
        assert not timed_out(driver, ask("x"), session, "connect").sent


@on_every_driver
def test_what_connecting_takes_is_not_charged_to_the_head(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tls_connection, httpx_driver):
        monkeypatch.setattr(module, "default_context", lambda: CLIENT_TLS)

    def script(connection: RawConnection) -> None:
        connection.wait(1.2)
        connection.socket = SERVER_TLS.wrap_socket(connection.socket, server_side=True)
        connection.send(response(connection.read_request().input))

    async def main(client: Any) -> list[str]:
        return await answers_to(client, "one")

    with raw_server(script) as server:
        session = Session(base_url=f"https://localhost:{server.port}", timeouts=Timeouts(read=1))
        assert with_client(driver, main, session) == ["one"]


@pytest.mark.skipif(find_spec("socksio") is None, reason="httpx speaks SOCKS with the package socksio only")
@pytest.mark.parametrize(
    ("says", "hangs"), [(b"", True), (b"\5\0", True), (b"", False), (b"HTTP/1.1 400 Bad Request\r\n\r\n", False)]
)
@for_each("driver", ["httpx", "httpx-asyncio", "httpx-trio"], at_once=True)
def test_a_socks_proxy_is_part_of_connecting(driver: str, says: bytes, hangs: bool) -> None:
    def proxy(connection: RawConnection) -> None:
        connection.socket.recv(100)
        connection.send(says)
        if hangs:
            connection.wait(BOUND)

    with raw_server(proxy) as server:
        session = Session(base_url="http://text.example", timeouts=Timeouts(connect=LIMIT))
        error = failure(driver, ask("x"), session, proxy=server.url.replace("http:", "socks5:"))
    assert isinstance(error, errors.TimedOut if hangs else errors.TransportError)
    assert (error.phase, error.sent) == ("connect", False)
