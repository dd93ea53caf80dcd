"""trio: raw connections over its streams."""

from __future__ import annotations

import math
import select
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from ._bytes import Link, RawClient, Runtime

__all__ = ["Client"]

T = TypeVar("T")

_READ: Final = 65_536


class Client(RawClient):
    """Runs flows on trio; arguments as `RawClient` has them."""

    def _runtime(self) -> Runtime:
        return TrioRuntime()


class TrioLink:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = stream
        self._raw = stream

    async def send_all(self, data: bytes | memoryview, limit: float | None) -> None:
        await _within(limit, lambda: self._stream.send_all(data))

    async def receive_some(self, limit: float | None) -> bytes:
        return bytes(await _within(limit, lambda: self._stream.receive_some(_READ)))

    async def start_tls(self, context: ssl.SSLContext, host: str, limit: float | None) -> None:
        secure = trio.SSLStream(self._raw, context, server_hostname=host, https_compatible=True)
        await _within(limit, secure.do_handshake)
        self._stream = secure

    def abort(self) -> None:
        self._raw.socket.close()

    def looks_alive(self) -> bool:
        fileno = self._raw.socket.fileno()
        return fileno >= 0 and not _readable(fileno)


def _readable(fileno: int) -> bool:
    if sys.platform == "win32":  # select takes any number of a socket there, and there is no poll
        return bool(select.select([fileno], [], [], 0)[0])
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))


async def _within(limit: float | None, wait: Callable[[], Awaitable[T]]) -> T:
    """trio's errors as those that a `Link` promises."""
    try:
        with trio.move_on_after(math.inf if limit is None else limit):
            return await wait()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        cause = error.__cause__
        raise cause if isinstance(cause, OSError) else ConnectionAbortedError() from None
    raise TimeoutError


class TrioRuntime:
    """trio's part of the transport."""

    async def connect(self, host: str, port: int, limit: float | None) -> Link:
        async def connect() -> trio.SocketStream:
            return await trio.open_tcp_stream(host, port)

        return TrioLink(await _within(limit, connect))

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        async def in_thread() -> None:
            await trio.to_thread.run_sync(function, abandon_on_cancel=True)

        await _within(limit, in_thread)

    def now(self) -> float:
        return trio.current_time()

    async def settle(self) -> None:
        await trio.lowlevel.checkpoint()
