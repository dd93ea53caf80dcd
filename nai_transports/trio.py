"""trio: connections over trio's streams."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import trio

from nai_proto.exchange.budget import LimitReached
from nai_proto.exchange.connection_pool import Lease

from .clients import RawAsyncClient
from .readiness import is_readable
from .streams import CancellableStream
from .transport_errors import wrong_runtime

__all__ = ["Client"]

E = TypeVar("E")
R = TypeVar("R")
P_co = TypeVar("P_co", covariant=True)
T = TypeVar("T")

_READ: Final = 65_536
_READ_AFTER_ERROR_S: Final = 0.5
"""Seconds to read what the peer sent before a write failed."""


class TrioStream:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream

    def is_readable(self) -> bool:
        return is_readable(self.stream.socket.fileno())

    def abort(self) -> None:
        self.stream.socket.close()

    async def write_now(self, data: bytes) -> int:
        """Write what the system takes at once: a scope and a turn of the scheduler would double the cost of an exchange."""
        if os.name == "posix":
            await trio.lowlevel.checkpoint_if_cancelled()
            with suppress(BlockingIOError):
                return os.write(self.stream.socket.fileno(), data)
        return 0


class TrioIO:
    """The I/O of one run."""

    def __init__(self) -> None:
        self._scope: trio.CancelScope | None = None
        self._granted = trio.Event()

    now = staticmethod(trio.current_time)
    draw = staticmethod(random.uniform)

    def key(self) -> Hashable:
        return trio.lowlevel.current_trio_token()

    def cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def close(self) -> None:
        """Do nothing: the run holds no resources."""

    def wake(self) -> Callable[[], None]:
        self._granted = trio.Event()
        return self._granted.set

    async def sleep(self, seconds: float) -> None:
        await self._within(None, partial(trio.sleep, seconds))

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        async def in_thread() -> None:
            await trio.to_thread.run_sync(function, abandon_on_cancel=True)

        await self._within(limit, in_thread)

    async def wait_for(self, lease: Lease[Any], limit: float | None) -> None:  # noqa: ARG002 -- the event tells
        await self._within(limit, self._granted.wait)

    async def connect(self, host: str, port: int, limit: float | None) -> TrioStream:
        async def connect() -> trio.SocketStream:
            return await trio.open_tcp_stream(host, port)

        return TrioStream(await self._within(limit, connect))

    async def read(self, stream: TrioStream, limit: float | None) -> bytes:
        return bytes(await self._within(limit, lambda: stream.stream.receive_some(_READ)))

    async def write(
        self, stream: TrioStream, data: bytes, limit: float | None, received: Callable[[bytes], bool]
    ) -> bool:
        taken = await stream.write_now(data)
        if taken == len(data):
            return True
        all_written = True
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal all_written
                while True:
                    try:
                        answer = bytes(await stream.stream.receive_some(_READ))
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        answer = b""
                    if received(answer) or not answer:
                        all_written = False
                        nursery.cancel_scope.cancel()
                        return

            nursery.start_soon(watch)
            failure: BaseException | None = None
            try:
                await self._within(limit, lambda: stream.stream.send_all(memoryview(data)[taken:]))
            except OSError as error:
                failure = error
                nursery.cancel_scope.deadline = trio.current_time() + _READ_AFTER_ERROR_S  # for `watch`
            except LimitReached as error:
                failure = error
                nursery.cancel_scope.cancel()
            else:
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return all_written

    async def _within(self, limit: float | None, wait: Callable[[], Awaitable[T]]) -> T:
        """Await ``wait()``; raise LimitReached at the limit or on `cancel`, and OSError for trio's errors."""
        try:
            with trio.move_on_after(math.inf if limit is None else limit) as self._scope:
                return await wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            cause = error.__cause__
            raise cause if isinstance(cause, OSError) else ConnectionAbortedError() from None
        finally:
            self._scope = None
        raise LimitReached


class AsyncTrioStream(CancellableStream[E, R, P_co]):
    """A stream on trio."""

    _checkpoint = staticmethod(trio.lowlevel.checkpoint)
    _check_cancelled = staticmethod(trio.lowlevel.checkpoint_if_cancelled)


class Client(RawAsyncClient):
    """Run operations and flows on trio."""

    _stream_type = AsyncTrioStream

    @staticmethod
    def _open_io() -> TrioIO:
        if not trio.lowlevel.in_trio_run():
            raise wrong_runtime("trio")
        return TrioIO()

    async def _settle(self) -> None:
        if trio.lowlevel.in_trio_run():
            await trio.lowlevel.checkpoint()
