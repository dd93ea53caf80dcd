"""trio: raw connections over its streams."""

from __future__ import annotations

import math
import select
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from nai_proto.exchange.session import Session

from ._bytes import Link, Pool
from ._pump import AsyncClient

__all__ = ["Client"]

T = TypeVar("T")

_READ: Final = 65_536


class Client(AsyncClient):
    """Runs flows on trio.

    Args:
        session: who asks, and where.
        ssl_context: for https; the system's certificate authorities if None.
    """

    def __init__(self, session: Session, *, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(session, Pool(TrioRuntime(ssl_context), session.limits))


class TrioLink:
    """One connection."""

    def __init__(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream
        self._socket = stream.transport_stream.socket if isinstance(stream, trio.SSLStream) else stream.socket

    async def send_all(self, data: bytes | memoryview, limit: float | None) -> None:
        await _within(limit, lambda: self._stream.send_all(data))

    async def receive_some(self, limit: float | None) -> bytes:
        return bytes(await _within(limit, lambda: self._stream.receive_some(_READ)))

    def abort(self) -> None:
        self._socket.close()

    def looks_alive(self) -> bool:
        return self._socket.fileno() >= 0 and not _readable(self._socket.fileno())


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

    def __init__(self, ssl_context: ssl.SSLContext | None) -> None:
        self._ssl_context = ssl_context

    async def connect(self, host: str, port: int, *, tls: bool, limit: float | None) -> Link:
        async def connect() -> TrioLink:
            stream = await trio.open_tcp_stream(host, port)
            if not tls:
                return TrioLink(stream)
            secure = trio.SSLStream(stream, self._context(), server_hostname=host, https_compatible=True)
            try:
                await secure.do_handshake()
            except BaseException:
                stream.socket.close()
                raise
            return TrioLink(secure)

        return await _within(limit, connect)

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

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context
