"""asyncio: connections over the loop's own transports, also under uvloop."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, Final, TypeVar

from nai_proto.exchange.budget import LimitReached
from nai_proto.exchange.connection_pool import Lease

from .clients import RawAsyncClient
from .readiness import ATTEMPT_DELAY_S, interleave, is_address, is_readable
from .transport_errors import wrong_runtime

__all__ = ["Client"]

T = TypeVar("T")

_READ_AHEAD_BYTES: Final = 262_144
"""Bytes to read ahead of the flow, before the peer has to wait."""
_READ: Final = 65_536


class AsyncioStream(asyncio.BufferedProtocol):
    """One connection. A protocol of our own, because timeouts on asyncio's streams cost more than all parsing; with a buffer
    of its own, because the loop would make one of 256 KiB for each read, which takes longer than reading.

    There is one future, and one timer for all waits, which is set again when it fires too early, and not for each wait.
    Bytes that are already received need neither.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(_READ))
        self._pieces: list[bytes] = []
        self._size = 0
        self._closed = False
        self._failure: OSError | None = None
        self._writable = True
        self._waiter: asyncio.Future[None] | None = None
        self._until: float | None = None  # the deadline of the waiter
        self._timer: asyncio.TimerHandle | None = None  # fires at the deadline, or earlier

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is not a subclass

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 -- it is large enough
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._pieces.append(bytes(self._buffer[:nbytes]))
        self._size += nbytes
        if self._size > _READ_AHEAD_BYTES:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._closed = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if exc is not None:
            self._failure = exc if isinstance(exc, OSError) else ConnectionAbortedError()
            self._read_rest()
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    # ---- what the driver calls

    async def write(self, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> bool:
        until = self._deadline(limit)
        if self._failure is not None:
            raise self._failure
        self._transport.write(data)
        while not self._writable:
            if self._pieces:
                if received(self._take()):
                    return False
            elif self._closed:
                if self._failure is not None:
                    raise self._failure
                return False
            else:
                await self._wait(until)
        return True

    async def read(self, limit: float | None) -> bytes:
        until = self._deadline(limit)
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                return b""
            await self._wait(until)
        return self._take()

    def is_readable(self) -> bool:
        if self._closed or self._pieces or self._transport.is_closing():
            return True
        raw = self._transport.get_extra_info("socket")
        return raw is not None and is_readable(raw.fileno())  # the loop has not polled since its last turn

    def abort(self) -> None:
        try:
            self._transport.abort()
        except RuntimeError:  # the loop is closed, and no longer closes its connections
            raw = self._transport.get_extra_info("socket")
            with suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)

    # ---- inside

    def _take(self) -> bytes:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self._size > _READ_AHEAD_BYTES:
            self._transport.resume_reading()
        self._size = 0
        return data

    def _read_rest(self) -> None:
        """Read what the peer sent before a write failed, which the loop would drop with the socket."""
        raw = self._transport.get_extra_info("socket")
        if raw is None or raw.fileno() < 0:
            return
        with socket.socket(fileno=os.dup(raw.fileno())) as copy, suppress(OSError):
            while data := copy.recv(_READ):
                self._pieces.append(data)

    def _deadline(self, limit: float | None) -> float | None:
        """Return the time at which a limit that begins now is reached."""
        return None if limit is None else self._loop.time() + limit

    async def _wait(self, until: float | None) -> None:
        if until is not None and until <= self._loop.time():
            raise LimitReached
        waiter = self._waiter = self._loop.create_future()
        self._until = until
        self._set_timer()
        try:
            await waiter
        finally:
            self._waiter = self._until = None

    def _set_timer(self) -> None:
        """Set the timer for the deadline of the current wait, if it has one."""
        if self._until is None or (self._timer is not None and self._timer.when() <= self._until):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._waiter is None or self._until is None or self._waiter.done():
            return
        if self._loop.time() < self._until:
            self._set_timer()
        else:
            self._waiter.set_exception(LimitReached())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class AsyncioIO:
    """The I/O of one run."""

    draw = staticmethod(random.uniform)

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._scope: asyncio.Timeout | None = None
        self._granted = asyncio.Event()
        self.now = self._loop.time

    def key(self) -> Hashable:
        return self._loop

    def cancel(self) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(self.now())

    def close(self) -> None:
        """Do nothing: the run holds no resources."""

    def wake(self) -> Callable[[], None]:
        self._granted.clear()
        return self._granted.set

    async def sleep(self, seconds: float) -> None:
        await self._within(None, asyncio.sleep(seconds))

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        await self._within(limit, asyncio.to_thread(function))

    async def wait_for(self, lease: Lease[Any], limit: float | None) -> None:  # noqa: ARG002 -- the event tells
        await self._within(limit, self._granted.wait())

    async def connect(self, host: str, port: int, limit: float | None) -> AsyncioStream:
        return await self._within(limit, self._connect_first(host, port))

    def read(self, stream: AsyncioStream, limit: float | None) -> Awaitable[bytes]:
        return stream.read(limit)

    def write(
        self, stream: AsyncioStream, data: bytes, limit: float | None, received: Callable[[bytes], bool]
    ) -> Awaitable[bool]:
        return stream.write(data, limit, received)

    async def _connect_first(self, host: str, port: int) -> AsyncioStream:
        """Return the first connection that is established; after a short wait, try the next address too (RFC 8305).

        asyncio's own code for this loses a socket that connects at the moment of a cancellation; uvloop has none.
        """
        if is_address(host):  # needs neither a thread to look it up nor several tasks
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            return await self._connect_to(*addresses[0])
        waiting = interleave(await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        attempts: set[asyncio.Task[AsyncioStream]] = set()
        failure: BaseException = OSError("no address")
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(self._loop.create_task(self._connect_to(*waiting.pop(0))))
                limit = ATTEMPT_DELAY_S if waiting else None
                done, _ = await asyncio.wait(attempts, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                for attempt in done:
                    attempts.remove(attempt)
                    error = attempt.exception()
                    if error is None:
                        return attempt.result()
                    failure = error
            raise failure
        finally:
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_abort_late)

    async def _connect_to(self, family: int, _: int, protocol: int, __: str, address: Any) -> AsyncioStream:
        host, port = address[:2]
        connecting = self._loop.create_connection(AsyncioStream, host, port, family=family, proto=protocol)
        return (await connecting)[1]

    async def _within(self, limit: float | None, wait: Awaitable[T]) -> T:
        """Await ``wait``; raise LimitReached at the limit or on `cancel`, but not for the system's TimeoutError."""
        self._scope = scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await wait
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._scope = None
        raise LimitReached


def _abort_late(attempt: asyncio.Task[AsyncioStream]) -> None:
    """Close a connection that was established too late."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()


class Client(RawAsyncClient):
    """Run operations and flows on asyncio.

    One client may be used in several event loops, one after the other, which open their own connections.
    """

    @staticmethod
    def _open_io() -> AsyncioIO:
        try:
            return AsyncioIO()
        except RuntimeError:  # no loop is running
            raise wrong_runtime("asyncio") from None

    async def _settle(self) -> None:
        with suppress(RuntimeError):  # no loop is running: nothing was opened
            asyncio.get_running_loop()
            await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn
