"""Large requests and large responses: refusals that come early, and peers that are slow."""

from __future__ import annotations

import ssl
import time
from typing import Any

import pytest

from nai_proto import errors
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from tests.cases import for_each
from tests.drivers import ASYNCHRONOUS, DRIVERS, RAW, sleep
from tests.raw_servers import RawConnection, echo, raw_server, response
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

REFUSAL = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\r\n"
    b'{"statusCode":413,"message":"much too large"}'
)
LAST_REFUSAL = REFUSAL.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
LARGE = "x" * 6_000_000


def refuse(how: str) -> Any:
    """Refuse what comes on the first connection, in one of these ways."""

    def script(connection: RawConnection) -> None:
        if connection.number:
            echo(connection)
        head = connection.read_head()
        match how:
            case "after reading it, and keep the connection":
                connection.read_body(head)
                connection.send(REFUSAL)
                echo(connection)
            case "without reading it, and close":
                connection.send(LAST_REFUSAL)
                connection.close()
            case "without reading it, and reset":
                connection.send(LAST_REFUSAL)
                connection.wait(0.1)
                connection.reset()
            case "after reading some of it, and close":
                _read(connection, 1_000_000)
                connection.send(LAST_REFUSAL)
                connection.close()
            case "after reading some of it, and reset":
                _read(connection, 1_000_000)
                connection.send(LAST_REFUSAL)
                connection.wait(0.1)
                connection.reset()
            case "without reading it, and linger":
                connection.send(REFUSAL)
                connection.wait(20)
            case "and read on":
                connection.send(REFUSAL)
                connection.read_body(head)
                echo(connection)

    return script


def _read(connection: RawConnection, size: int) -> None:
    while size > 0 and (data := connection.socket.recv(min(size, 65_536))):
        size -= len(data)


HURRIED = (
    "without reading it, and close",
    "without reading it, and reset",
    "after reading some of it, and close",
    "after reading some of it, and reset",
)
PATIENT = ("after reading it, and keep the connection", "and read on", "without reading it, and linger")
# httpx writes the request to its end before it reads, and its asynchronous clients lose what came when a write fails.
SEEN_BY_HTTPX = ("after reading it, and keep the connection", "and read on")
CASES = [
    *((driver, how) for driver in RAW for how in (*HURRIED, *PATIENT)),
    *((driver, how) for driver in ("httpx", "httpx2") for how in (*HURRIED, *SEEN_BY_HTTPX)),
    *((driver, how) for driver in ASYNCHRONOUS if driver.startswith("httpx") for how in SEEN_BY_HTTPX),
]


@pytest.mark.parametrize(("driver", "how"), CASES)
@pytest.mark.parametrize("tls", [None, SERVER_TLS], ids=["http", "https"])
def test_a_refusal_that_comes_during_the_upload_is_the_refusal(
    driver: str, how: str, tls: ssl.SSLContext | None
) -> None:
    if tls is not None and driver.startswith("httpx"):
        pytest.skip("httpx has its own certificates")

    async def main(client: Any) -> tuple[errors.NaiError, list[str]]:
        error = await error_of(client.run(ask(LARGE)))
        return error, await answers_to(client, "two")

    options = {} if tls is None else {"ssl_context": CLIENT_TLS}
    with raw_server(refuse(how), tls) as server:
        session = Session(base_url=server.url, timeouts=Timeouts(write=8, read=8, idle=8))
        began = time.monotonic()
        error, texts = with_client(driver, main, session, **options)
        took = time.monotonic() - began
    assert isinstance(error, errors.RejectedRequestError), error
    assert error.status == 413
    assert "much too large" in str(error)
    assert texts == ["two"]
    assert took < 6


@for_each("driver", RAW, at_once=True)
def test_a_server_that_does_not_read_ends_at_the_write_timeout(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_head()
        connection.wait(20)

    with raw_server(script, buffer=65_536) as server:
        error = failure(driver, ask(LARGE), Session(base_url=server.url, timeouts=Timeouts(write=0.3)))
    assert isinstance(error, errors.TimedOut)
    assert (error.phase, error.sent) == ("write", True)


# On trio httpx leaves the generator of a request's body to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("goodbye", ["close", "reset"])
def test_a_connection_lost_during_the_upload_is_told_with_the_systems_reason(driver: str, goodbye: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_head()
        getattr(connection, goodbye)()

    with raw_server(script) as server:
        error = failure(driver, ask(LARGE), server.url)
    assert type(error) is errors.TransportError
    assert error.sent
    reasons = ("Connection reset by peer", "Broken pipe", "closed the connection without a response")
    assert any(reason in str(error) for reason in reasons), error


@for_each(
    "driver, tls",
    [(driver, None) for driver in DRIVERS] + [(driver, SERVER_TLS) for driver in RAW],  # httpx has its own certificates
    at_once=True,
)
def test_a_slow_consumer_makes_the_server_wait(driver: str, tls: ssl.SSLContext | None) -> None:
    accepted = [0]
    most = 96_000_000
    # libuv hands over up to 32 reads of 256 KiB in one turn of the loop, before anybody can pause it
    ahead = 48_000_000 if driver == "httpx-uvloop" else 16_000_000

    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD)
        piece = chunk(token("x" * 60_000, 0))
        while accepted[0] < most:
            connection.send(piece)
            accepted[0] += len(piece)

    async def main(client: Any) -> int:
        async with client.stream(stream()) as story:
            assert await anext(story)
            before = -1
            while before != accepted[0]:
                before = accepted[0]
                await sleep(driver, 0.25)
            assert await anext(story)
            return before

    options = {} if tls is None else {"ssl_context": CLIENT_TLS}
    with raw_server(script, tls, buffer=262_144) as server:
        assert with_client(driver, main, server.url, **options) < ahead


@pytest.mark.parametrize("driver", RAW)
def test_a_response_that_came_whole_before_the_request_was_sent_is_the_response(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        head = connection.read_head()
        connection.send(response("early" if connection.number == 0 else "two"))
        connection.read_body(head)
        echo(connection)

    async def main(client: Any) -> list[str]:
        return await answers_to(client, LARGE, "two")

    with raw_server(script) as server:
        assert with_client(driver, main, server.url) == ["early", "two"]
    assert len(server.connections) == 1
