"""What a client tells of itself: events in order, without secrets, to a callable and to the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from nai_proto import errors, text
from nai_proto.exchange.connection_pool import PoolLimits
from nai_proto.exchange.retry import RetryPolicy
from nai_proto.exchange.session import Session
from nai_transports.events import (
    ConnectionDiscarded,
    ConnectionOpened,
    ConnectionReused,
    Event,
    ExchangeEnded,
    RequestSent,
    ResponseReceived,
    Waiting,
)
from tests.connect_proxy import proxying
from tests.drivers import DRIVERS, RAW
from tests.raw_servers import RawConnection, echo, raw_server, response
from tests.test_connections import (
    CLIENT_TLS,
    SERVER_TLS,
    STREAM_HEAD,
    answers_to,
    ask,
    chunk,
    stream,
    with_client,
)

TOKEN = "pst-" + "Sec" * 20 + "ret7"
PROMPT = "a prompt that nobody else may read"
COOKIE = "a cookie of the server's"


def _busy_once(connection: RawConnection) -> None:
    connection.read_request()
    connection.send(response("busy", "Set-Cookie: " + COOKIE, status="503 Service Unavailable"))
    connection.read_request()
    connection.send(response("done", "Connection: close"))


@pytest.mark.parametrize("driver", RAW)
def test_events_tell_what_a_client_does_in_its_order(driver: str) -> None:
    events: list[Event] = []
    operation = text.generate(PROMPT, max_length=5).with_options(retry=RetryPolicy(base_delay=0.01))

    async def main(client: Any) -> None:
        assert (await client.run(operation)).text == "done"

    with raw_server(_busy_once) as server:
        session = Session(base_url=server.url, token=TOKEN)
        with_client(driver, main, session, on_event=events.append)
    kinds = [type(event) for event in events]
    assert kinds == [
        ConnectionOpened,
        RequestSent,
        ResponseReceived,
        ExchangeEnded,
        Waiting,
        ConnectionReused,
        RequestSent,
        ResponseReceived,
        ExchangeEnded,
        ConnectionDiscarded,
    ]
    opened, _, _, _, _, reused, _, _, _, closed = events
    assert isinstance(opened, ConnectionOpened)
    assert opened == ConnectionOpened("127.0.0.1", server.port, opened.seconds, tls=None, proxy=None)
    assert 0 <= opened.seconds < 10
    assert reused == ConnectionReused("127.0.0.1", server.port)
    assert isinstance(closed, ConnectionDiscarded)
    assert closed.reason == "not reusable"


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_events_of_an_exchange_have_its_status_fields_sizes_and_times(driver: str) -> None:
    events: list[Any] = []
    operation = text.generate(PROMPT, max_length=5).with_options(retry=RetryPolicy(base_delay=0.01))

    async def main(client: Any) -> None:
        assert (await client.run(operation)).text == "done"

    with raw_server(_busy_once) as server:
        session = Session(base_url=server.url, token=TOKEN)
        with_client(driver, main, session, on_event=events.append)
        body = server.requests[0].body
    sent, received, ended, waiting, *again = [event for event in events if "Connection" not in type(event).__name__]
    url = f"{server.url}/ai/generate"
    assert sent == RequestSent("POST", url, sent.headers, len(body))
    assert sent.headers.get("content-type") == "application/json"
    assert received == ResponseReceived("POST", url, 503, received.headers, received.seconds)
    assert received.headers.get("content-length") == str(len('{"output": "busy"}'))
    assert ended == ExchangeEnded("POST", url, 503, len('{"output": "busy"}'), ended.seconds, is_complete=True)
    assert 0 <= received.seconds <= ended.seconds < 10
    assert (waiting.reason, waiting.attempt, waiting.attempts) == ("ServerError 503", 2, 3)
    assert isinstance(waiting.error, errors.ServerError)
    assert 0 < waiting.seconds < 1
    assert [type(event) for event in again] == [RequestSent, ResponseReceived, ExchangeEnded]
    assert (again[2].status, again[2].body_bytes, again[2].is_complete) == (200, len('{"output": "done"}'), True)


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_may_be_secret_in_header_fields_is_hidden_in_events(driver: str) -> None:
    events: list[Any] = []
    fields = {"User-Agent": f"mine/1 {TOKEN}", "X-Api-Key": "Secret7", "Cookie": COOKIE}

    async def main(client: Any) -> None:
        await client.run(text.generate(PROMPT, max_length=5).with_options(retry=RetryPolicy(base_delay=0.01)))

    with raw_server(_busy_once) as server:
        session = Session(base_url=server.url, token=TOKEN, headers=fields)
        with_client(driver, main, session, on_event=events.append)
    sent = next(event for event in events if isinstance(event, RequestSent))
    received = next(event for event in events if isinstance(event, ResponseReceived))
    shown = dict(sent.headers)
    assert {shown[name] for name in ("Authorization", "X-Api-Key", "Cookie")} == {"[hidden]"}
    assert shown["User-Agent"] == "mine/1 [hidden]"
    assert received.headers.get("set-cookie") == "[hidden]"


def _die_within_the_body(connection: RawConnection) -> None:
    connection.read_request()
    connection.send(response("a")[:-3])


def _die_at_once(connection: RawConnection) -> None:
    connection.read_request()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("script", "status", "size"), [(_die_within_the_body, 200, len('{"output": "a"}') - 3), (_die_at_once, None, 0)]
)
def test_an_exchange_that_fails_has_ended_too(driver: str, script: Any, status: int | None, size: int) -> None:
    events: list[Any] = []

    async def main(client: Any) -> None:
        with pytest.raises(errors.NaiError):
            await client.run(ask(PROMPT))

    with raw_server(script) as server:
        with_client(driver, main, server.url, on_event=events.append)
    ended = [event for event in events if isinstance(event, ExchangeEnded)]
    assert [(each.status, each.body_bytes, each.is_complete) for each in ended] == [(status, size, False)]


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_exchange_that_is_given_up_has_ended_once(driver: str) -> None:
    events: list[Any] = []

    async def main(client: Any) -> None:
        async with client.stream(stream(PROMPT)) as running:
            await anext(running)
        assert len([event for event in events if isinstance(event, ExchangeEnded)]) == 1

    def script(connection: RawConnection) -> None:
        connection.read_request()
        piece = b'event: newToken\ndata: {"token": "a", "ptr": 0, "final": false}\n\n'
        connection.send(STREAM_HEAD + chunk(piece))
        connection.read_request()

    with raw_server(script) as server:
        with_client(driver, main, server.url, on_event=events.append)
    ended = next(event for event in events if isinstance(event, ExchangeEnded))
    assert (ended.status, ended.is_complete) == (200, False)
    assert ended.body_bytes > 0


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_wait_for_another_generation_is_not_counted_as_an_attempt(driver: str) -> None:
    events: list[Any] = []
    body = b'{"statusCode": 429, "message": "Concurrent generation is locked"}'
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nRetry-After: 0.01\r\n\r\n"
    locked = b"HTTP/1.1 429 Too Many Requests\r\n" + fields.encode() + body

    async def main(client: Any) -> None:
        retry = RetryPolicy(base_delay=0.01)
        assert (await client.run(text.generate(PROMPT, max_length=5).with_options(retry=retry))).text == "done"

    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(locked)
        connection.read_request()
        connection.send(response("busy", status="503 Service Unavailable"))
        connection.read_request()
        connection.send(response("done", "Connection: close"))

    with raw_server(script) as server:
        with_client(driver, main, server.url, on_event=events.append)
    waits = [(each.reason, each.attempt, each.attempts) for each in events if isinstance(each, Waiting)]
    assert waits == [("ConcurrentGenerationError 429", None, None), ("ServerError 503", 2, 3)]


@pytest.mark.parametrize("driver", RAW)
def test_a_connection_tells_its_version_of_tls_and_its_proxy(driver: str) -> None:
    events: list[Any] = []

    async def main(client: Any) -> None:
        assert await answers_to(client, "one") == ["one"]

    with raw_server(echo, tls=SERVER_TLS) as server, proxying() as proxy:
        options = {"ssl_context": CLIENT_TLS, "proxy": proxy.url("user:Secret7")}
        with_client(driver, main, server.url, on_event=events.append, **options)
    opened = next(event for event in events if isinstance(event, ConnectionOpened))
    assert (opened.host, opened.port, opened.tls) == ("localhost", server.port, "TLSv1.3")
    assert opened.proxy == f"127.0.0.1:{proxy.port}"


@pytest.mark.parametrize("driver", RAW)
def test_a_connection_that_is_closed_says_why(driver: str) -> None:
    events: list[Event] = []

    async def main(client: Any) -> None:
        await answers_to(client, "one")
        await answers_to(client, "two")

    with raw_server(echo) as server:
        with_client(driver, main, server.url, on_event=events.append, pool=PoolLimits(keep_alive=0))
    reasons = [event.reason for event in events if isinstance(event, ConnectionDiscarded)]
    assert len(reasons) == 2
    assert all("idle for too long" in reason for reason in reasons)


@pytest.mark.parametrize("driver", DRIVERS)
def test_neither_events_nor_the_log_hold_a_secret(driver: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nai_transports")
    events: list[Event] = []

    async def main(client: Any) -> None:
        error = None
        try:
            await client.run(text.generate(PROMPT, max_length=5).with_options(retry=RetryPolicy(base_delay=0.01)))
            await client.run(ask(PROMPT))
        except errors.NaiError as failed:
            error = failed
        assert error is None

    def script(connection: RawConnection) -> None:
        if connection.number == 0:
            _busy_once(connection)
        else:
            echo(connection)

    with raw_server(script) as server:
        with_client(driver, main, Session(base_url=server.url, token=TOKEN), on_event=events.append)
    texts = repr(events) + caplog.text
    assert [type(each).__name__ for each in events].count("RequestSent") == 3
    assert "RequestSent" in caplog.text
    assert {record.name for record in caplog.records if "RequestSent" in record.getMessage()} == {"nai_transports"}
    for secret in (TOKEN, "Secret", "SecSec", PROMPT, COOKIE, "Bearer"):
        assert secret not in texts


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_log_is_silent_above_debug(driver: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nai_transports")
    with raw_server(echo) as server:
        assert with_client(driver, lambda client: answers_to(client, "one"), server.url) == ["one"]
    assert [record for record in caplog.records if record.name == "nai_transports"] == []


class _Odd(Exception):
    pass


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    "kind",
    [RequestSent, ResponseReceived, ExchangeEnded, Waiting, ConnectionOpened, ConnectionReused],
)
@pytest.mark.parametrize(
    "error",
    [
        _Odd("from the callable"),
        errors.TransportError("from the callable", sent=False, phase="connect"),
        KeyboardInterrupt(),
    ],
)
def test_what_on_event_raises_reaches_the_caller_unchanged(
    driver: str, kind: type[Event], error: BaseException
) -> None:
    if driver.startswith("httpx") and kind in (ConnectionOpened, ConnectionReused):
        pytest.skip("httpx keeps the connections")
    if isinstance(error, KeyboardInterrupt) and driver not in ("sync", "httpx", "httpx2"):
        pytest.skip("a loop ends on it")
    armed = [True]

    def on_event(event: Event) -> None:
        if armed[0] and isinstance(event, kind):
            raise error

    def script(connection: RawConnection) -> None:
        while True:
            busy = len(server.requests) == 0
            prompt = connection.read_request().input
            connection.send(response(prompt, status="503 Service Unavailable" if busy else "200 OK"))

    async def main(client: Any) -> list[str]:
        with pytest.raises(type(error)) as caught:
            await client.run(text.generate("x", max_length=5).with_options(retry=RetryPolicy(base_delay=0.01)))
        assert caught.value is error
        assert caught.value.__cause__ is None
        armed[0] = False
        if driver in RAW:
            assert client._transport.pool.used == 0
        return await answers_to(client, "one", "two") if server.requests else ["one", "two"]

    with raw_server(script) as server:
        assert with_client(driver, main, server.url, on_event=on_event) == ["one", "two"]
        assert server.wait_all_closed()


@pytest.mark.parametrize("driver", RAW)
def test_what_on_event_raises_while_a_connection_is_closed_reaches_the_caller(driver: str) -> None:
    failed = _Odd("from the callable")

    def on_event(event: Event) -> None:
        if isinstance(event, ConnectionDiscarded):
            raise failed

    async def main(client: Any) -> None:
        with pytest.raises(_Odd) as caught:
            await answers_to(client, "one")
        assert caught.value is failed
        assert client._transport.pool.used == 0

    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(response("one", "Connection: close"))

    with raw_server(script) as server:
        with_client(driver, main, server.url, on_event=on_event)
