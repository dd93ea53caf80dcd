"""Runs that end early: cancelled, closed, timed out by their caller, or dropped."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing

from nai_proto import errors, text
from nai_proto.exchange.actions import Emit, Sleep, Steps
from nai_proto.exchange.connection_pool import PoolLimits
from nai_proto.exchange.flow import flow
from nai_proto.exchange.retry import RetryPolicy
from nai_proto.exchange.session import Session
from nai_transports import sync as on_sync
from nai_transports.streams import AsyncStream
from tests.drivers import ASYNCHRONOUS, BLOCKING, DRIVERS, RAW_ASYNCHRONOUS, make_client, opened, run
from tests.hypothesis_profiles import scale_examples
from tests.raw_servers import RawConnection, RawServer, raw_server, response
from tests.support import token
from tests.test_connections import (
    CLIENT_TLS,
    STREAM_HEAD,
    answers_to,
    ask,
    blackhole,
    chunk,
    error_of,
    stream,
    with_client,
)

# ---- a storm


def _echo_slowly(connection: RawConnection) -> None:
    """Answer each request with its prompt, in pieces."""
    while True:
        answer = response(connection.read_request().input)
        for at in range(0, len(answer), 40):
            connection.send(answer[at : at + 40])
            connection.wait(0.0005)


# On trio httpx leaves the generator of a request's body to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("driver", [*RAW_ASYNCHRONOUS, "httpx-asyncio", "httpx-trio"])
def test_after_cancellations_at_random_moments_each_response_belongs_to_its_request(driver: str) -> None:
    chance = random.Random(16)
    rounds, workers = (scale_examples(125), 8) if not driver.startswith("httpx") else (20, 5)

    async def work(client: Any, name: int, counts: list[int]) -> None:
        for number in range(rounds):
            with anyio.move_on_after(chance.uniform(0, 0.012)) as scope:
                prompt = f"{name}.{number}"
                assert (await client.run(ask(prompt))).text == prompt
            counts[scope.cancelled_caught] += 1

    async def main(client: Any) -> list[int]:
        counts = [0, 0]
        async with anyio.create_task_group() as tasks:
            for name in range(workers):
                tasks.start_soon(work, client, name, counts)
        assert await answers_to(client, "one", "two") == ["one", "two"]
        if driver in RAW_ASYNCHRONOUS:
            assert client._transport.pool.used == 0
        return counts

    with raw_server(_echo_slowly) as server:
        finished, cancelled = with_client(driver, main, server.url)
        assert server.wait_all_closed()
    assert finished + cancelled == rounds * workers
    assert cancelled > rounds * workers // 10


def test_after_streams_are_cancelled_from_another_thread_each_response_belongs_to_its_request() -> None:
    chance = random.Random(16)
    counts = [0, 0]

    def work(client: on_sync.Client, name: int) -> None:
        for number in range(25):
            prompt = f"{name}.{number}"
            asking = client.stream(ask(prompt))
            timer = threading.Timer(chance.uniform(0, 0.012), asking.cancel)
            timer.start()
            try:
                with asking:
                    while asking.next_batch() is not None:
                        pass
                    assert asking.result.text == prompt
                counts[0] += 1
            except errors.ClosedError:
                counts[1] += 1
            timer.join()

    with raw_server(_echo_slowly) as server:
        with on_sync.Client(Session(base_url=server.url)) as client:
            threads = [threading.Thread(target=work, args=(client, name)) for name in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert client.run(ask("last")).text == "last"
            transport: Any = client._transport
            assert transport.pool.used == 0
        assert server.wait_all_closed()
    assert sum(counts) == 200
    assert counts[1] > 20


# ---- cancelling a wait from another thread


def _cancelled(client: on_sync.Client, flow: Any, when: Callable[[], bool]) -> float:
    """Cancel a stream from another thread as soon as something holds; return how long it took to end."""
    asking = client.stream(flow)
    moments: list[float] = []

    def cancel() -> None:
        until = time.monotonic() + 10
        while not when() and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(0.05)
        moments.append(time.monotonic())
        asking.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with asking, pytest.raises(errors.ClosedError):
        while asking.next_batch() is not None:
            pass
    ended = time.monotonic()
    thread.join()
    with pytest.raises(errors.ClosedError):
        asking.next_batch()
    transport: Any = client._transport
    assert transport.pool.used == 0
    return ended - moments[0]


def _at_once(seconds: float) -> None:
    assert -0.01 < seconds < 2


def test_a_stream_that_connects_is_cancelled_at_once() -> None:
    with blackhole() as (host, port), on_sync.Client(base_url=f"http://{host}:{port}") as client:
        _at_once(_cancelled(client, ask("x"), lambda: True))


def test_a_stream_that_looks_up_a_name_is_cancelled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        release.wait(20)
        return []

    monkeypatch.setattr("socket.getaddrinfo", hang)
    with on_sync.Client(base_url="http://slow.example") as client:
        _at_once(_cancelled(client, ask("x"), lambda: True))
    release.set()


def test_a_stream_that_waits_for_tls_is_cancelled_at_once() -> None:
    with (
        raw_server(RawConnection.wait_closed) as server,
        on_sync.Client(base_url=f"https://localhost:{server.port}", ssl_context=CLIENT_TLS) as client,
    ):
        _at_once(_cancelled(client, ask("x"), lambda: bool(server.connections)))
        assert server.wait_all_closed()


def test_a_stream_that_waits_for_the_pool_is_cancelled_at_once() -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD + chunk(token("Once", 0)))
        connection.wait_closed()

    with (
        raw_server(script) as server,
        on_sync.Client(base_url=server.url, pool=PoolLimits(per_host=1)) as client,
        client.stream(stream()) as first,
    ):
        assert first.next_batch()
        asking = client.stream(ask("x"))
        threading.Timer(0.1, asking.cancel).start()
        began = time.monotonic()
        with asking, pytest.raises(errors.ClosedError):
            asking.next_batch()
        _at_once(time.monotonic() - began - 0.1)
        transport: Any = client._transport
        assert transport.pool.used == 1


@pytest.mark.parametrize("sent", [b"", STREAM_HEAD[:30], STREAM_HEAD, STREAM_HEAD + chunk(token("Once", 0))])
def test_a_stream_that_waits_for_a_response_or_more_of_it_is_cancelled_at_once(sent: bytes) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(sent)
        connection.wait_closed()

    with raw_server(script) as server, on_sync.Client(base_url=server.url) as client:
        _at_once(_cancelled(client, stream(), lambda: bool(server.requests)))
        assert server.wait_all_closed()


def test_a_stream_that_waits_to_write_is_cancelled_at_once() -> None:
    def script(connection: RawConnection) -> None:
        connection.read_head()
        connection.wait(20)

    with raw_server(script, buffer=65_536) as server, on_sync.Client(base_url=server.url) as client:
        _at_once(_cancelled(client, ask("x" * 6_000_000), lambda: bool(server.connections)))


def test_a_stream_that_pauses_before_a_retry_is_cancelled_at_once() -> None:
    def script(connection: RawConnection) -> None:
        while True:
            connection.read_request()
            connection.send(response("busy", "Retry-After: 60", status="503 Service Unavailable"))

    patient = text.generate("x", max_length=5).with_options(retry=RetryPolicy())
    with raw_server(script) as server, on_sync.Client(base_url=server.url) as client:
        _at_once(_cancelled(client, patient, lambda: bool(server.requests)))
        assert len(server.requests) == 1


# ---- closing


def _silent(connection: RawConnection) -> None:
    connection.read_request()
    connection.send(STREAM_HEAD + chunk(token("Once", 0)))
    connection.wait_closed()


@flow
def _pause() -> Steps[Any, str]:
    yield Sleep(30, 30)
    return "slept"


@pytest.mark.parametrize("driver", ["sync", "httpx", "httpx2", *ASYNCHRONOUS])
@pytest.mark.parametrize("waits_for", ["a response", "a pause"])
def test_closing_a_client_aborts_what_is_under_way_and_never_makes_a_result(driver: str, waits_for: str) -> None:
    if waits_for == "a pause" and driver in ("httpx", "httpx2"):
        pytest.skip("a pause over synchronous httpx is time.sleep")
    flow = stream() if waits_for == "a response" else _pause()

    def is_waiting(server: RawServer) -> bool:
        return bool(server.requests) or waits_for == "a pause"

    with raw_server(_silent) as server:
        if driver in BLOCKING:
            client = make_client(driver, Session(base_url=server.url))

            def close() -> None:
                assert server.wait_until(lambda: is_waiting(server))
                time.sleep(0.1)
                client.close()

            thread = threading.Thread(target=close)
            thread.start()
            began = time.monotonic()
            with pytest.raises(errors.ClosedError):
                client.run(flow)
            thread.join()
            with pytest.raises(errors.ClosedError):
                client.run(flow)
            with pytest.raises(errors.ClosedError):
                client.stream(flow)
            if driver == "httpx2":
                client._transport._http.close()
        else:

            async def main() -> None:
                async with opened(driver, Session(base_url=server.url)) as client:
                    async with anyio.create_task_group() as tasks:

                        async def close() -> None:
                            while not is_waiting(server):
                                await anyio.sleep(0.005)
                            await anyio.sleep(0.1)
                            await client.close()

                        tasks.start_soon(close)
                        error = await error_of(client.run(flow))
                    assert isinstance(error, errors.ClosedError)
                    assert isinstance(await error_of(client.run(flow)), errors.ClosedError)

            began = time.monotonic()
            run(driver, main)
        assert time.monotonic() - began < 5
        assert server.wait_all_closed()


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_closing_a_stream_from_another_task_raises_where_it_waits(driver: str) -> None:
    async def main(client: Any) -> None:
        asking = client.stream(stream())

        async def close() -> None:
            while not server.requests:
                await anyio.sleep(0.005)
            await anyio.sleep(0.05)
            asking.close()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(close)
            events = []
            with pytest.raises(errors.ClosedError):
                async for event in asking:
                    events.append(event.text)
        assert events == ["Once"]
        assert asking.partial.text == "Once"
        with pytest.raises(errors.LocalProtocolError):
            _ = asking.result

    with raw_server(_silent) as server:
        with_client(driver, main, server.url)


# ---- streams that ended early


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("end", ["error", "close", "deadline", "cancellation"])
def test_a_stream_that_ended_early_raises_instead_of_ending_its_loop(driver: str, end: str) -> None:
    if driver in BLOCKING and end in ("deadline", "cancellation"):
        pytest.skip("only asynchronous callers have these")

    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD + chunk(token("Once", 0)))
        if end != "error":
            connection.wait_closed()

    async def main(client: Any) -> None:
        async with client.stream(stream()) as asking:
            assert (await anext(asking)).text == "Once"
            match end:
                case "error":
                    assert isinstance(await error_of(anext(asking)), errors.Truncated)
                case "close":
                    asking.close()
                case "deadline" if driver.endswith("trio"):
                    with trio.move_on_after(0.05):
                        await anext(asking)
                case "deadline":
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(anext(asking), 0.05)
                case _:
                    with anyio.CancelScope() as scope:
                        scope.cancel()
                        await anext(asking)
                    assert scope.cancelled_caught
            expected = errors.Truncated if end == "error" else errors.ClosedError
            for _ in range(2):
                assert isinstance(await error_of(anext(asking)), expected)
                assert isinstance(await error_of(asking.next_batch()), expected)
            assert asking.partial.text == "Once"
            with pytest.raises(errors.LocalProtocolError):
                _ = asking.result

    with raw_server(script) as server:
        with_client(driver, main, server.url)
        assert server.wait_all_closed()


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stream_that_is_dropped_warns_and_its_connection_is_closed(driver: str) -> None:
    async def main(client: Any) -> None:
        asking = client.stream(stream())
        async for _ in asking:
            break
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del asking, _
            gc.collect()
        warnings_shown = [str(each.message) for each in caught if each.category is ResourceWarning]
        assert any("was dropped before its end" in each for each in warnings_shown), warnings_shown
        if driver not in BLOCKING:
            await anyio.sleep(0.05)
        assert server.wait_all_closed()

    with raw_server(_silent) as server:
        with_client(driver, main, server.url)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stream_that_never_began_or_is_over_is_dropped_without_a_warning(driver: str) -> None:
    def script(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(STREAM_HEAD + chunk(token("Once", 0, final=True)) + b"0\r\n\r\n")
        connection.wait_closed()

    async def main(client: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            client.stream(stream())
            asking = client.stream(stream())
            assert [event.text async for event in asking] == ["Once"]
            del asking
            gc.collect()

    with raw_server(script) as server:
        with_client(driver, main, server.url)


# ---- events that are already received


def _send_at_once(count: int) -> Callable[[RawConnection], None]:
    """Return a script that sends all events of a response in one HTTP chunk."""

    def script(connection: RawConnection) -> None:
        connection.read_request()
        pieces = b"".join(token("Once", ptr, final=ptr == count - 1) for ptr in range(count))
        connection.send(STREAM_HEAD + chunk(pieces) + b"0\r\n\r\n")
        connection.wait_closed()

    return script


async def _between_turns(asking: AsyncStream[Any, Any, Any], *, in_batches: bool = False) -> list[int]:
    """Return how many events of a stream are given between two turns of another task."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    given = Counter[int]()
    async with asking, anyio.create_task_group() as tasks:
        tasks.start_soon(take_turns)
        if in_batches:
            while (batch := await asking.next_batch()) is not None:
                given[turns] += len(batch)
        else:
            async for _ in asking:
                given[turns] += 1
        tasks.cancel_scope.cancel()
    return [*given.values()]


def _most_between_turns(driver: str) -> int:
    """Return the bound. trio shuffles the tasks that are ready, so that one may go last, and in the next round first."""
    return 128 if driver.endswith("trio") else 64


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_another_task_has_its_turn_after_64_events_that_came_in_one_read(driver: str) -> None:
    async def main(client: Any) -> None:
        given = await _between_turns(client.stream(stream()))
        assert sum(given) == 500
        assert max(given) <= _most_between_turns(driver)

    with raw_server(_send_at_once(500)) as server:
        with_client(driver, main, server.url)


@pytest.mark.parametrize("at_once", [1, 10, 64, 500])
@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_another_task_has_its_turn_after_64_events_of_a_flow_that_waits_for_nothing(driver: str, at_once: int) -> None:
    @flow
    def count() -> Steps[int, None]:
        for start in range(0, 1000, at_once):
            yield Emit(range(start, start + at_once))

    async def main(client: Any) -> None:
        given = await _between_turns(client.stream(count()))
        assert sum(given) >= 960
        assert max(given) <= _most_between_turns(driver)
        given = await _between_turns(client.stream(count()), in_batches=True)
        assert max(given) < _most_between_turns(driver) + 2 * at_once

    with_client(driver, main, "http://unused.invalid")


@pytest.mark.parametrize("driver", [name for name in ASYNCHRONOUS if name.endswith("trio")])
def test_each_65_events_on_trio_have_a_checkpoint(driver: str) -> None:
    async def main(client: Any) -> None:
        async with client.stream(stream()) as asking:
            for _ in range(4):
                with trio.testing.assert_checkpoints():
                    for _ in range(65):
                        await anext(asking)

    with raw_server(_send_at_once(300)) as server:
        with_client(driver, main, server.url)


@pytest.mark.parametrize("given", [1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_a_cancellation_ends_a_stream_among_events_that_are_already_received(driver: str, given: int) -> None:
    async def main(client: Any) -> None:
        async with client.stream(stream()) as asking:
            for _ in range(given):
                await anext(asking)
            late = 0
            with anyio.CancelScope() as scope:
                scope.cancel()
                async for _ in asking:
                    late += 1
            assert scope.cancelled_caught
            assert late <= (0 if driver.endswith("trio") else 64)  # asyncio cancels a task at its next turn
            assert isinstance(await error_of(anext(asking)), errors.ClosedError)
            assert asking.partial.text == "Once" * 300

    with raw_server(_send_at_once(300)) as server:
        with_client(driver, main, server.url)
