"""asyncio: raw connections over the loop's own transports."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from ._bytes import Link, RawClient, Runtime

__all__ = ["Client"]

_AHEAD: Final = 262_144
"Bytes read ahead of the flow before the peer is made to wait."


class Client(RawClient):
    """Runs flows on asyncio; arguments as `RawClient` has them."""

    def _runtime(self) -> Runtime:
        return AsyncioRuntime()


class AsyncioLink(asyncio.Protocol):
    """One connection. A protocol of our own, because a stream's timeouts cost more than all the parsing.

    One future at a time is waited for, and one timer guards all waits: it is set anew when it rings too early, not
    with each of them. Bytes that are already here cost neither.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes] = []
        self._size = 0
        self._closed = False
        self._failure: OSError | None = None
        self._writable = True
        self._waiter: asyncio.Future[None] | None = None
        self._until: float | None = None  # when the waiter has waited enough
        self._timer: asyncio.TimerHandle | None = None  # rings then, or earlier

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _AHEAD:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._closed = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if exc is not None:
            self._failure = exc if isinstance(exc, OSError) else ConnectionAbortedError(type(exc).__name__)
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    async def send_all(self, data: bytes | memoryview, limit: float | None) -> None:
        if self._failure is not None:
            raise self._failure
        self._transport.write(data)
        while not self._writable and not self._closed:
            await self._wait(limit)

    async def receive_some(self, limit: float | None) -> bytes:
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                return b""
            await self._wait(limit)
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self._size > _AHEAD:
            self._transport.resume_reading()
        self._size = 0
        return data

    async def start_tls(self, context: ssl.SSLContext, host: str, limit: float | None) -> None:
        async with asyncio.timeout(limit):
            transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if transport is None:  # it was lost in the moment in which it stood
            raise ConnectionAbortedError
        self._transport = transport

    def abort(self) -> None:
        self._transport.abort()

    def looks_alive(self) -> bool:
        return not (self._closed or self._pieces or self._transport.is_closing())

    async def _wait(self, limit: float | None) -> None:
        waiter = self._waiter = self._loop.create_future()
        self._until = None if limit is None else self._loop.time() + limit
        self._guard()
        try:
            await waiter
        finally:
            self._waiter = self._until = None

    def _guard(self) -> None:
        """Has the timer ring in time for the wait under way, if that has an end."""
        if self._until is None or (self._timer is not None and self._timer.when() <= self._until):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._until is None or self._waiter.done():
            return
        if self._loop.time() < self._until:
            self._guard()
        else:
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class AsyncioRuntime:
    """asyncio's part of the transport."""

    async def connect(self, host: str, port: int, limit: float | None) -> Link:
        async with asyncio.timeout(limit):
            _, link = await asyncio.get_running_loop().create_connection(AsyncioLink, host, port)
        return link

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        async with asyncio.timeout(limit):
            await asyncio.to_thread(function)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def settle(self) -> None:
        await asyncio.sleep(0)
