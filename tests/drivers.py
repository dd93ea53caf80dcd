"""Every driver as its users make it, behind one asynchronous face, so that a test is written once.

The coroutines of a blocking driver never suspend: they are run by a single step. So the same test body calls a blocking
client and an asynchronous one.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
import httpx2
import trio
import uvloop

from nai_proto.exchange.session import Session
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import sync as on_sync
from nai_transports import trio as on_trio

__all__ = [
    "ASYNCHRONOUS",
    "BLOCKING",
    "DRIVERS",
    "RAW",
    "RAW_ASYNCHRONOUS",
    "BlockingClient",
    "at_once",
    "make_client",
    "opened",
    "run",
    "sleep",
]

T = TypeVar("T")

RAW_ASYNCHRONOUS: Final = ("asyncio", "uvloop", "anyio-uvloop", "trio")
RAW: Final = ("sync", *RAW_ASYNCHRONOUS)
BLOCKING: Final = ("sync", "httpx", "httpx2")
ASYNCHRONOUS: Final = (*RAW_ASYNCHRONOUS, "httpx-asyncio", "httpx-uvloop", "httpx-trio", "httpx2-trio")
DRIVERS: Final = (*BLOCKING, *ASYNCHRONOUS)

_TRUSTED: Final = ssl.create_default_context()  # which httpx2 reads from its files again for each client


def make_client(driver: str, session: Session | None = None, **options: Any) -> Any:
    """Return a client of a driver. httpx2 is passed in, since httpx is what a client makes for itself."""
    match driver:
        case "sync":
            return on_sync.Client(session, **options)
        case "httpx":
            return on_httpx.Client(session, **options)
        case "httpx2":
            return on_httpx.Client(session, http=httpx2.Client(trust_env=False, verify=_TRUSTED), **options)
        case "trio":
            return on_trio.Client(session, **options)
        case "httpx2-trio":
            return on_httpx.AsyncClient(session, http=httpx2.AsyncClient(trust_env=False, verify=_TRUSTED), **options)
        case _ if driver.startswith("httpx"):
            return on_httpx.AsyncClient(session, **options)
        case _:
            return on_asyncio.Client(session, **options)


class _BlockingStream:
    """A stream of a blocking client, as an asynchronous one."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.cancel = stream.cancel
        self.close = stream.close

    @property
    def result(self) -> Any:
        return self.stream.result

    @property
    def partial(self) -> Any:
        return self.stream.partial

    async def next_batch(self) -> Any:
        return self.stream.next_batch()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return next(iter(self.stream))
        except StopIteration:
            pass
        raise StopAsyncIteration

    async def __aenter__(self) -> _BlockingStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.stream.close()


class BlockingClient:
    """A blocking client, as an asynchronous one."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._transport = client._transport

    async def run(self, flow: Any) -> Any:
        return self._client.run(flow)

    def stream(self, flow: Any) -> _BlockingStream:
        return _BlockingStream(self._client.stream(flow))

    async def close(self) -> None:
        self._client.close()


@asynccontextmanager
async def opened(driver: str, session: Session | None = None, **options: Any) -> AsyncGenerator[Any, None]:
    """A client of a driver, with the asynchronous face."""
    client = make_client(driver, session, **options)
    if driver in BLOCKING:
        client = BlockingClient(client)
    try:
        yield client
    finally:
        await client.close()
        if driver.startswith("httpx2"):
            http = client._transport._http
            http.close() if driver in BLOCKING else await http.aclose()


def _step(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise AssertionError("a blocking driver does not suspend")


def run(driver: str, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a program on the loop of a driver."""
    match driver:
        case "sync" | "httpx" | "httpx2":
            return _step(main())
        case "uvloop" | "httpx-uvloop":
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(main())
        case "anyio-uvloop":
            return anyio.run(main, backend="asyncio", backend_options={"use_uvloop": True})
        case _ if driver.endswith("trio"):
            return trio.run(main)
        case _:
            return asyncio.run(main())


async def sleep(driver: str, seconds: float) -> None:
    """Let time pass."""
    if driver in BLOCKING:
        time.sleep(seconds)  # noqa: ASYNC251 -- no loop runs here
    else:
        await anyio.sleep(seconds)


async def at_once(driver: str, functions: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """What some functions return that run at the same time: in threads, or as tasks."""
    results: dict[int, Any] = {}

    async def call(number: int, function: Callable[[], Awaitable[Any]]) -> None:
        results[number] = await function()

    if driver in BLOCKING:
        threads = [threading.Thread(target=_step, args=(call(*each),)) for each in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        async with anyio.create_task_group() as tasks:
            for number, function in enumerate(functions):
                tasks.start_soon(call, number, function)
    return [results[number] for number in range(len(functions))]
