"""Connections as drivers use them, against servers that misbehave: reuse, opening, limits, and how many there are."""

from __future__ import annotations

import errno
import gc
import os
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
import trustme
import uvloop

from nai_proto import errors, text
from nai_proto.exchange.actions import Sleep, Steps, compute
from nai_proto.exchange.budget import LimitReached
from nai_proto.exchange.connection_pool import PoolLimits
from nai_proto.exchange.flow import flow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from nai_transports import sync as on_sync
from nai_transports.asyncio import AsyncioIO
from nai_transports.sync import SyncIO
from nai_transports.transport_errors import transport_error
from nai_transports.trio import TrioIO
from tests.cases import for_each
from tests.drivers import DRIVERS, RAW, RAW_ASYNCHRONOUS, at_once, make_client, opened, run, sleep
from tests.raw_servers import RawConnection, RawServer, echo, raw_server, response
from tests.support import token

on_every_driver = pytest.mark.parametrize("driver", DRIVERS)
on_raw_drivers = pytest.mark.parametrize("driver", RAW)

SERVER_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CLIENT_TLS = ssl.create_default_context()
_AUTHORITY = trustme.CA()
_AUTHORITY.issue_cert("localhost").configure_cert(SERVER_TLS)
_AUTHORITY.configure_trust(CLIENT_TLS)


def ask(prompt: str, **options: Any) -> Operation[Any, text.Completion]:
    """Ask for text, once; `echo` answers with the prompt."""
    return text.generate(prompt, max_length=5).with_options(retry=NO_RETRY, **options)


def stream(prompt: str = "Once", **options: Any) -> Operation[text.Token, text.Completion]:
    """Ask for a stream of text, once."""
    return text.generate_stream(prompt, max_length=5).with_options(retry=NO_RETRY, **options)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def answers_to(client: Any, *prompts: str) -> list[str]:
    """What comes for some prompts, one after the other."""
    return [(await client.run(ask(prompt))).text for prompt in prompts]


async def error_of(awaitable: Awaitable[object]) -> errors.NaiError:
    with pytest.raises(errors.NaiError) as caught:
        await awaitable
    return caught.value


def with_client(
    driver: str, main: Callable[[Any], Coroutine[Any, Any, Any]], session: Session | str, **options: Any
) -> Any:
    """Run a program with an open client."""

    async def opening() -> Any:
        made = Session(base_url=session) if isinstance(session, str) else session
        async with opened(driver, made, **options) as client:
            return await main(client)

    return run(driver, opening)


def failure(driver: str, flow: Any, session: Session | str, **options: Any) -> errors.NaiError:
    """The error of one run."""

    async def main(client: Any) -> errors.NaiError:
        return await error_of(client.run(flow))

    error = with_client(driver, main, session, **options)
    assert isinstance(error, errors.NaiError)
    return error


# ---- idle connections


@on_every_driver
@pytest.mark.parametrize("moment", ["with the response", "while idle", "just before the next request"])
def test_stray_bytes_on_an_idle_connection_never_answer_the_next_request(
    driver: str, moment: str, request: pytest.FixtureRequest
) -> None:
    if driver.startswith("httpx") and moment == "with the response":
        reason = "httpx keeps what it has read behind a response, and takes it for the next one"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    speak, spoken = threading.Event(), threading.Event()

    def script(connection: RawConnection) -> None:
        stray = response("stray") if connection.number == 0 else b""
        prompt = connection.read_request().input
        if moment == "with the response":
            connection.send(response(prompt) + stray)
        else:
            connection.send(response(prompt))
            speak.wait(10)
            connection.send(stray)
        spoken.set()
        echo(connection)

    async def main(client: Any) -> list[str]:
        first = await answers_to(client, "one")
        speak.set()
        assert spoken.wait(10)  # the loop does not turn meanwhile
        if moment == "while idle":
            await sleep(driver, 0.05)
        return [*first, *await answers_to(client, "two", "three")]

    with raw_server(script) as server:
        assert with_client(driver, main, server.url) == ["one", "two", "three"]
    assert len(server.connections) == 2


@on_raw_drivers
@pytest.mark.parametrize("stray", [False, True])
def test_over_tls_too_an_idle_connection_is_reused_unless_bytes_are_on_it(driver: str, stray: bool) -> None:
    speak, spoken = threading.Event(), threading.Event()

    def script(connection: RawConnection) -> None:
        connection.send(response(connection.read_request().input))
        speak.wait(10)
        if stray and connection.number == 0:
            connection.send(response("stray"))
        spoken.set()
        echo(connection)

    async def main(client: Any) -> list[str]:
        first = await answers_to(client, "one")
        speak.set()
        assert spoken.wait(10)
        return [*first, *await answers_to(client, "two", "three")]

    with raw_server(script, SERVER_TLS) as server:
        assert with_client(driver, main, server.url, ssl_context=CLIENT_TLS) == ["one", "two", "three"]
    assert len(server.connections) == (2 if stray else 1)


@on_every_driver
@pytest.mark.parametrize("goodbye", ["close", "reset"])
def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced(driver: str, goodbye: str) -> None:
    leave, left = threading.Event(), threading.Event()

    def script(connection: RawConnection) -> None:
        connection.send(response(connection.read_request().input))
        if connection.number == 0:
            leave.wait(10)
            getattr(connection, goodbye)()
            left.set()
        else:
            echo(connection)

    async def main(client: Any) -> list[str]:
        first = await answers_to(client, "one")
        leave.set()
        assert left.wait(10)  # the loop has not seen the goodbye when the next request begins
        return [*first, *await answers_to(client, "two", "three")]

    with raw_server(script) as server:
        assert with_client(driver, main, server.url) == ["one", "two", "three"]
    assert len(server.connections) == 2


@for_each("driver", RAW, at_once=True)
@pytest.mark.parametrize(("keep_alive", "connections"), [(0.1, 2), (30.0, 1)])
def test_an_idle_connection_is_kept_for_so_long(driver: str, keep_alive: float, connections: int) -> None:
    async def main(client: Any) -> list[str]:
        first = await answers_to(client, "one")
        await sleep(driver, 0.2)
        return [*first, *await answers_to(client, "two")]

    with raw_server(echo) as server:
        pool = PoolLimits(keep_alive=keep_alive)
        assert with_client(driver, main, server.url, pool=pool) == ["one", "two"]
    assert len(server.connections) == connections


def test_a_forked_process_uses_no_connection_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(echo) as server, on_sync.Client(base_url=server.url) as client:
        assert [client.run(ask(name)).text for name in ("a", "b")] == ["a", "b"]
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert [client.run(ask(name)).text for name in ("c", "d")] == ["c", "d"]
        assert len(server.connections) == 2
        monkeypatch.undo()
        assert client.run(ask("e")).text == "e"
    assert len(server.connections) == 2


@on_raw_drivers
def test_no_more_idle_connections_are_kept_than_the_pool_allows(driver: str) -> None:
    ready = threading.Barrier(4, timeout=10)

    def script(connection: RawConnection) -> None:
        request = connection.read_request()
        ready.wait()
        connection.send(response(request.input))
        echo(connection)

    async def main(client: Any) -> None:
        await at_once(driver, [partial(answers_to, client, str(number)) for number in range(4)])
        assert client._transport.pool.idle == 2
        await sleep(driver, 0)
        assert server.wait_until(lambda: len(server.open) == 2)

    with raw_server(script) as server:
        with_client(driver, main, server.url, pool=PoolLimits(idle=2))


@on_every_driver
@pytest.mark.parametrize(
    "answer",
    [
        response("one", "Connection: close"),
        response("one", "connection: Keep-Alive, CLOSE"),
        response("one").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["close", "list", "1.0"],
)
def test_a_connection_is_not_used_again_when_the_server_says_so(driver: str, answer: bytes) -> None:
    def script(connection: RawConnection) -> None:
        request = connection.read_request()
        if connection.number:
            connection.send(response(request.input))
            echo(connection)
        connection.send(answer)
        connection.read_request()  # the server does not close
        connection.send(response("nobody should have asked here"))

    with raw_server(script) as server:
        assert with_client(driver, answers_to_two, server.url) == ["one", "two"]
    assert len(server.connections) == 2


async def answers_to_two(client: Any) -> list[str]:
    return await answers_to(client, "one", "two")


@on_raw_drivers
def test_a_server_that_lingers_after_the_last_event_is_left_soon_and_its_connection_is_not_used_again(
    driver: str,
) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        if connection.number:
            connection.send(response("two"))
            echo(connection)
        connection.send(STREAM_HEAD + chunk(token("The end", 0, final=True)))
        connection.wait_closed()

    async def main(client: Any) -> list[str]:
        story = await client.run(stream())
        assert client._transport.pool.idle == client._transport.pool.used == 0
        return [story.text, *await answers_to(client, "two")]

    began = time.monotonic()
    with raw_server(script) as server:
        assert with_client(driver, main, server.url) == ["The end", "two"]
    assert time.monotonic() - began < 5
    assert len(server.connections) == 2


# ---- opening a connection


@on_every_driver
def test_nobody_listening_is_told_with_host_port_and_the_systems_reason(driver: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = failure(driver, ask("x"), f"http://127.0.0.1:{port}")
    assert type(error) is errors.TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert f"connecting to 127.0.0.1:{port}: " in str(error)
    assert "Connection refused" in str(error)


@on_every_driver
def test_an_address_without_a_route_is_told_with_the_systems_reason(driver: str) -> None:
    error = failure(driver, ask("x"), "http://255.255.255.255:9")
    assert type(error) is errors.TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert "255.255.255.255:9: " in str(error)
    assert any(reason in str(error) for reason in ("unreachable", "Permission denied"))


@on_every_driver
def test_a_name_that_is_not_known_is_told_as_such(driver: str) -> None:
    error = failure(driver, ask("x"), "http://no-such-host.invalid:8080")
    assert type(error) is errors.TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert "connecting to no-such-host.invalid:8080: no address is known for this name" in str(error)


def answer_look_ups(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> None:
    """Look names up here: on asyncio and in threads by Python's function, on uvloop by the loop's own."""

    class Loop(uvloop.Loop):
        async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
            return await self.run_in_executor(None, lambda: answer(host, port, **options))

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(uvloop, "new_event_loop", Loop)


@pytest.mark.parametrize("driver", ["sync", "asyncio", "uvloop", "trio"])
def test_a_name_look_up_that_hangs_ends_at_the_limit_of_connecting(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*arguments: Any, flags: int = 0, **__: object) -> Any:
        if not (flags | (arguments[5] if len(arguments) > 5 else 0)) & socket.AI_NUMERICHOST:
            release.wait(20)
        raise socket.gaierror(socket.EAI_NONAME, "released")

    answer_look_ups(monkeypatch, hang)
    session = Session(base_url="http://slow.example:8080", timeouts=Timeouts(connect=0.2))

    async def main(client: Any) -> tuple[errors.NaiError, float]:
        began = time.monotonic()
        error = await error_of(client.run(ask("x")))
        took = time.monotonic() - began
        release.set()  # asyncio waits for its threads at the end
        return error, took

    error, took = with_client(driver, main, session)
    assert isinstance(error, errors.TimedOut)
    assert (error.phase, error.sent) == ("connect", False)
    assert "slow.example:8080" in str(error)
    assert took < 5


@contextmanager
def blackhole() -> Generator[tuple[str, int], None, None]:
    """An address that does not answer: a listener whose backlog is full."""
    fillers: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        try:
            for _ in range(8):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
                fillers.append(filler)
            time.sleep(0.02)
            yield listener.getsockname()
        finally:
            for filler in fillers:
                filler.close()


@for_each("driver", DRIVERS, at_once=True)
def test_a_host_that_does_not_answer_ends_at_the_limit_of_connecting(driver: str) -> None:
    with blackhole() as (host, port):
        session = Session(base_url=f"http://{host}:{port}", timeouts=Timeouts(connect=0.2))
        error = failure(driver, ask("x"), session)
    assert isinstance(error, errors.TimedOut)
    assert (error.phase, error.sent) == ("connect", False)
    assert f"{host}:{port}" in str(error)


class Resolver(trio.abc.HostnameResolver):
    """trio's look-up, with a result of the test's."""

    def __init__(self, addresses: list[tuple[str, int]]) -> None:
        self.found: Any = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    async def getaddrinfo(self, *_: object, **__: object) -> Any:
        return self.found

    async def getnameinfo(self, *_: object) -> Any:
        raise AssertionError("nobody asks for the name of an address")


@pytest.mark.parametrize("driver", ["sync", "asyncio", "uvloop", "trio"])
def test_an_address_that_does_not_answer_holds_up_the_next_one_only_shortly(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(echo) as server, blackhole() as dead:
        resolver = Resolver([dead, ("127.0.0.1", server.port)])
        answer_look_ups(monkeypatch, lambda *_, **__: resolver.found)

        async def main() -> list[str]:
            if driver == "trio":
                trio.socket.set_custom_hostname_resolver(resolver)
            async with opened(driver, Session(base_url="http://twofold.example:8080")) as client:
                return await answers_to(client, "one")

        began = time.monotonic()
        assert run(driver, main) == ["one"]
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("driver", ["sync", "asyncio", "uvloop", "trio"])
@pytest.mark.parametrize("known", [True, False])
def test_an_address_of_a_family_that_the_system_does_not_have_is_passed_over(
    driver: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(echo) as server:
        resolver = Resolver([("127.0.0.1", server.port)])
        alien = (4000, socket.SOCK_STREAM, 6, "", ("::1", server.port))
        resolver.found = [alien, *(resolver.found if known else [])]
        answer_look_ups(monkeypatch, lambda *_, **__: resolver.found)

        async def main() -> object:
            if driver == "trio":
                trio.socket.set_custom_hostname_resolver(resolver)
            async with opened(driver, Session(base_url="http://twofold.example:8080")) as client:
                if known:
                    return await answers_to(client, "one")
                return await error_of(client.run(ask("one")))

        found = run(driver, main)
    assert found == ["one"] if known else isinstance(found, errors.TransportError), found


@on_raw_drivers
def test_what_a_server_says_before_tls_is_refused_and_nothing_is_sent(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[bytes] = []

    def script(connection: RawConnection) -> None:
        connection.send(response("before TLS"))
        while data := connection.socket.recv(1000):
            received.append(data)

    async def slowly(connect: Any, self: Any, *args: Any) -> Any:
        stream = await connect(self, *args)
        await anyio.sleep(0.1)  # so that it is there when TLS would begin
        return stream

    monkeypatch.setattr(AsyncioIO, "connect", _method(slowly, AsyncioIO.connect))
    monkeypatch.setattr(TrioIO, "connect", _method(slowly, TrioIO.connect))
    monkeypatch.setattr(SyncIO, "connect", _method(_slowly_sync, SyncIO.connect))
    with raw_server(script) as server:
        error = failure(driver, ask("x"), f"https://127.0.0.1:{server.port}", ssl_context=CLIENT_TLS)
        assert server.wait_all_closed()
    assert type(error) is errors.TransportError
    assert (error.phase, error.sent) == ("connect", False)
    assert "does not speak TLS" in str(error)
    assert received == []


def _method(function: Callable[..., Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args: function(inner, self, *args)


def _slowly_sync(connect: Any, self: Any, *args: Any) -> Any:
    stream = connect(self, *args)
    time.sleep(0.1)
    return stream


# ---- limits


@for_each("driver", DRIVERS, at_once=True)
@pytest.mark.parametrize("first", ["a computation", "a pause"])
def test_computations_and_pauses_are_charged_to_the_total(driver: str, first: str) -> None:
    @flow
    def program() -> Steps[Any, None]:
        if first == "a pause":
            yield Sleep(0.3, 0.3)
        else:
            yield from compute(lambda: time.sleep(0.3))
        yield Sleep(0.3, 0.3)  # each fits alone

    error = failure(driver, program(), Session(base_url="http://localhost:9", timeouts=Timeouts(total=0.5)))
    assert isinstance(error, errors.TimedOut)
    assert error.phase == "total"


@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_the_kernels_timeout_is_not_taken_for_a_limit_of_ours(runtime: str) -> None:
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        failed = OSError(errno.ETIMEDOUT, "the kernel's")
        if runtime == "trio":
            raise trio.BrokenResourceError from failed
        raise failed

    async def main() -> None:
        io: Any = AsyncioIO() if runtime == "asyncio" else TrioIO()
        with pytest.raises(TimeoutError) as caught:
            await io._within(5, fail() if runtime == "asyncio" else fail)
        assert caught.value.errno == errno.ETIMEDOUT
        with pytest.raises(LimitReached):
            await io._within(0.01, anyio.sleep(5) if runtime == "asyncio" else partial(anyio.sleep, 5))

    run(runtime, main)


def test_the_kernels_timeout_is_an_error_of_the_transport_with_its_reason() -> None:
    error = transport_error("connect", OSError(errno.ETIMEDOUT, ""), "text.example", 443, sent=False)
    assert type(error) is errors.TransportError
    assert "connecting to text.example:443: Connection timed out" in str(error)


@for_each(
    "error, reason",
    [
        (ConnectionResetError(), "Connection reset by peer"),
        (OSError(errno.EHOSTUNREACH, ""), "No route to host"),
        (ConnectionAbortedError(), "Software caused connection abort"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (RuntimeError(), "the connection was lost"),
    ],
)
def test_an_error_of_the_transport_never_says_only_its_class(error: Exception, reason: str) -> None:
    message = str(transport_error("read", error, "text.example", 443, sent=True))
    assert "text.example:443" in message
    assert reason in message
    assert type(error).__name__ not in message


# ---- how many


@pytest.mark.parametrize("driver", [each for each in DRIVERS if "httpx2" not in each])  # that one brings its own pool
def test_more_than_a_hundred_streams_run_at_once(driver: str) -> None:
    count = 120
    ready = threading.Barrier(count, timeout=20)

    def script(connection: RawConnection) -> None:
        request = connection.read_request()
        connection.send(STREAM_HEAD)
        ready.wait()
        connection.send(chunk(token(request.input, 0, final=True)) + b"0\r\n\r\n")
        connection.wait_closed()

    async def one(client: Any, name: str) -> str:
        return str((await client.run(stream(name))).text)

    async def main(client: Any) -> list[str]:
        return await at_once(driver, [partial(one, client, f"<{number}>") for number in range(count)])

    with raw_server(script) as server:
        assert with_client(driver, main, server.url) == [f"<{number}>" for number in range(count)]


def _held(release: threading.Event) -> Callable[[RawConnection], None]:
    """A script whose first answer waits."""

    def script(connection: RawConnection) -> None:
        request = connection.read_request()
        release.wait(10)
        connection.send(response(request.input))
        echo(connection)

    return script


@on_raw_drivers
def test_a_full_pool_is_a_phase_of_its_own(driver: str) -> None:
    release = threading.Event()

    async def first(client: Any) -> Any:
        return await answers_to(client, "one")

    async def second(client: Any, server: RawServer) -> Any:
        while not server.requests:
            await sleep(driver, 0.005)
        error = await error_of(client.run(ask("two", timeouts=Timeouts(pool=0.2))))
        release.set()
        return error

    async def main(client: Any) -> Any:
        return await at_once(driver, [partial(first, client), partial(second, client, server)])

    with raw_server(_held(release)) as server:
        texts, error = with_client(driver, main, server.url, pool=PoolLimits(per_host=1))
    assert texts == ["one"]
    assert isinstance(error, errors.TimedOut)
    assert (error.phase, error.sent) == ("pool", False)
    assert f"127.0.0.1:{server.port}" in str(error)
    assert "connect" not in str(error).replace("connection", "")


@on_raw_drivers
def test_a_request_that_waits_for_the_pool_goes_on_when_the_connection_comes_back(driver: str) -> None:
    release = threading.Event()

    async def release_soon() -> list[str]:
        while not server.requests:
            await sleep(driver, 0.005)
        await sleep(driver, 0.1)
        release.set()
        return []

    async def main(client: Any) -> Any:
        waiting = [partial(answers_to, client, str(number)) for number in range(5)]
        results = await at_once(driver, [*waiting, release_soon])
        assert client._transport.pool.used == 0
        return results

    with raw_server(_held(release)) as server:
        results = with_client(driver, main, server.url, pool=PoolLimits(per_host=1))
    assert results == [["0"], ["1"], ["2"], ["3"], ["4"], []]
    assert len(server.connections) == 1


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the loops warn of what was open when they were closed
@pytest.mark.parametrize("driver", RAW_ASYNCHRONOUS)
def test_a_client_in_a_second_event_loop_opens_new_connections_and_works(driver: str) -> None:
    made: list[Any] = []

    with raw_server(echo) as server:

        async def first() -> list[str]:
            made.append(make_client(driver, Session(base_url=server.url)))
            return await answers_to(made[0], "one", "two")

        async def second() -> list[str]:
            return await answers_to(made[0], "three", "four")

        async def last() -> list[str]:
            found = await answers_to(made[0], "five")
            await made[0].close()
            return found

        assert [*run(driver, first), *run(driver, second), *run(driver, last)] == [
            "one",
            "two",
            "three",
            "four",
            "five",
        ]
        assert len(server.connections) == 3
        assert server.wait_all_closed()
    del made[:]
    gc.collect()  # now, while what the loops say is ignored


def _pool(client: Any) -> Any:
    return client._transport.pool


def test_threads_share_a_client() -> None:
    with raw_server(echo) as server, on_sync.Client(Session(base_url=server.url)) as client:
        results: dict[str, list[str]] = {}

        def work(name: str) -> None:
            results[name] = [client.run(ask(f"{name} {number}")).text for number in range(20)]

        threads = [threading.Thread(target=work, args=(f"<{number}>",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert _pool(client).used == 0
    assert results == {f"<{each}>": [f"<{each}> {number}" for number in range(20)] for each in range(8)}
    assert len(server.connections) <= 8
