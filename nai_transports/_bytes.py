"""What asyncio and trio share: exchanges over raw connections, how these are made, and a pool of idle ones.

An exchange owns its connection until its answer is cleanly over; only then does the connection come (back) to the pool. So
the pool has nothing to repair when an exchange is cancelled: the connection is closed, synchronously, and forgotten.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar

from nai_proto.errors import LocalProtocolError, NaiError, Phase, TransportError, excerpt
from nai_proto.exchange.asking import Asking
from nai_proto.exchange.session import Budget, Session
from nai_proto.http import Head, Request
from nai_proto.limits import Limits
from nai_proto.wire import Closed, Tunnel, Wire

from ._pump import AsyncClient
from .proxy import Proxy

__all__ = ["Link", "Pool", "RawClient", "Runtime", "WireExchange"]

T = TypeVar("T")

_PIECE: Final = 262_144
"Bytes written at once: the write limit is for each such piece."
_IDLE: Final = 16
"Idle connections kept per address; a library that talks to three hosts needs few."


class Link(Protocol):
    """Raw bytes of one connection. Waits raise TimeoutError after ``limit`` seconds, OSError when the link is broken."""

    async def send_all(self, data: bytes | memoryview, limit: float | None) -> None: ...
    async def receive_some(self, limit: float | None) -> bytes: ...
    async def start_tls(self, context: ssl.SSLContext, host: str, limit: float | None) -> None:
        """All that follows is encrypted, once the certificate is found to be one for ``host``."""

    def abort(self) -> None:
        """Closes at once, without waiting; may be called twice."""

    def looks_alive(self) -> bool:
        """Has an idle connection nothing to say? If it has, it is goodbye."""
        ...


class Runtime(Protocol):
    """What an event loop has to offer."""

    async def connect(self, host: str, port: int, limit: float | None) -> Link: ...
    async def sleep(self, seconds: float) -> None: ...
    async def compute(self, function: Callable[[], None], limit: float | None) -> None: ...
    def now(self) -> float: ...
    async def settle(self) -> None:
        """Lets what was aborted go."""


Address: TypeAlias = tuple[str, str]
"""Scheme and authority."""


@dataclass(slots=True, eq=False)
class Connection:
    """A link and the HTTP on it."""

    address: Address
    link: Link
    wire: Wire


class Pool:
    """An `AsyncTransport` over raw connections, kept alive between exchanges.

    Args:
        runtime: the event loop.
        limits: of the wire; a proxy's answer is bounded by ``head``, too.
        ssl_context: for https; the system's certificate authorities if None.
        proxy: what every connection goes through, if anything.
    """

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        ssl_context: ssl.SSLContext | None = None,
        proxy: Proxy | str | None = None,
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._ssl_context = ssl_context
        self._proxy = Proxy(proxy) if isinstance(proxy, str) else proxy
        self._idle: dict[Address, list[Connection]] = {}
        self.opened = 0
        "Connections opened so far."

    @property
    def idle(self) -> int:
        """Connections that wait to be used."""
        return sum(map(len, self._idle.values()))

    async def send(self, request: Request, budget: Budget) -> WireExchange:
        address = (request.scheme, request.authority)
        connection = self._take(address) or await self._connect(address, budget)
        exchange = WireExchange(self, connection, budget)
        try:
            await exchange.start(request)
        except BaseException:
            exchange.abort()
            raise
        return exchange

    async def sleep(self, seconds: float) -> None:
        await self._runtime.sleep(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        await self._runtime.compute(function, limit)

    def now(self) -> float:
        return self._runtime.now()

    async def close(self) -> None:
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.link.abort()
        await self._runtime.settle()

    def give_back(self, connection: Connection) -> None:
        """An exchange is cleanly over."""
        idle = self._idle.setdefault(connection.address, [])
        idle.append(connection)
        if len(idle) > _IDLE:
            idle.pop(0).link.abort()

    def _take(self, address: Address) -> Connection | None:
        idle = self._idle.get(address, [])
        while idle:
            connection = idle.pop()
            if connection.link.looks_alive():
                return connection
            connection.link.abort()
        return None

    async def _connect(self, address: Address, budget: Budget) -> Connection:
        link = await self.waiting(self._open(address, budget.limit("connect")), budget, "connect", sent=False)
        self.opened += 1
        return Connection(address, link, Wire("client", self._limits))

    async def _open(self, address: Address, limit: float | None) -> Link:
        """A connection ready for HTTP: tunnel and TLS included, within one limit for all of it."""
        scheme, authority = address
        host, port = _host_and_port(scheme, authority)
        proxy, began = self._proxy, self._runtime.now()

        def left() -> float | None:
            return None if limit is None else max(0.0, limit - (self._runtime.now() - began))

        near = (host, port) if proxy is None else (proxy.host, proxy.port)
        link = await self._runtime.connect(*near, limit)
        try:
            if proxy is not None:
                await _tunnel(link, proxy.connect(host, port), self._limits, left)
            if scheme == "https":
                if not link.looks_alive():  # what came unencrypted must not pass for what will come encrypted
                    raise _refused("the other side spoke before TLS, or closed")
                await link.start_tls(self._context(), host, left())
        except BaseException:
            link.abort()
            raise
        return link

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context

    async def waiting(self, wait: Awaitable[T], budget: Budget, phase: Phase, *, sent: bool) -> T:
        """One wait for the network: charged to the budget, its errors told in our words."""
        began = self._runtime.now() if budget.counts else 0.0
        error: TransportError | None = None
        try:
            return await wait
        except TimeoutError:
            pass
        except OSError as failure:
            error = TransportError(f"{phase}: {_told(failure)}", sent=sent, phase=phase)
        finally:
            if budget.counts:
                budget.spend(self._runtime.now() - began)
        raise error or budget.timed_out(phase, sent=sent)


class RawClient(AsyncClient):
    """Runs flows over raw connections.

    Args:
        session: who asks, and where.
        ssl_context: for https; the system's certificate authorities if None.
        proxy: an HTTP proxy that opens tunnels, ``http://[user[:password]@]host[:port]``. The environment is not looked at;
            `proxy.proxy_from_environment` does.

    Raises:
        LocalProtocolError: ``proxy`` is no such URL.
    """

    def __init__(
        self, session: Session, *, ssl_context: ssl.SSLContext | None = None, proxy: Proxy | str | None = None
    ) -> None:
        super().__init__(session, Pool(self._runtime(), session.limits, ssl_context, proxy))

    def _runtime(self) -> Runtime:
        raise AssertionError("each event loop has its own")


class WireExchange:
    """One request on one connection."""

    head: Head

    def __init__(self, pool: Pool, connection: Connection, budget: Budget) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self._asking = Asking(connection.wire)
        self._budget = budget

    async def start(self, request: Request) -> None:
        """Sends the request and waits for the head."""
        connection = self._connection
        assert connection is not None
        out = memoryview(self._asking.send(request))
        for at in range(0, len(out), _PIECE):
            await self._write(connection.link, out[at : at + _PIECE])
        head = await self._next(connection, "read", None)
        assert isinstance(head, Head)
        self.head = head

    async def receive(self, budget: Budget, at_most: float | None) -> bytes:
        self._budget = budget
        connection = self._connection
        if connection is None:
            return b""
        data = await self._next(connection, "idle", at_most)
        assert isinstance(data, bytes)
        if not data:
            self._connection = None
            if connection.wire.reusable:
                self._pool.give_back(connection)
            else:
                connection.link.abort()
        return data

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.link.abort()

    async def _write(self, link: Link, piece: memoryview) -> None:
        limit = self._budget.limit("write")
        await self._pool.waiting(link.send_all(piece, limit), self._budget, "write", sent=True)

    async def _next(self, connection: Connection, phase: Phase, at_most: float | None) -> Head | bytes:
        asking, link, budget = self._asking, connection.link, self._budget
        while (incoming := asking.next_incoming()) is None:
            limit = budget.limit(phase)
            if at_most is not None:
                limit = at_most if limit is None else min(limit, at_most)
            asking.receive_data(await self._pool.waiting(link.receive_some(limit), budget, phase, sent=True))
        return incoming


async def _tunnel(link: Link, request: Request, limits: Limits, left: Callable[[], float | None]) -> None:
    """Has a proxy open a tunnel; whatever it answers instead is a failure to connect."""
    wire = Wire("client", limits)
    await link.send_all(wire.send_request(request), left())
    while True:
        try:
            while (event := wire.next_event()) is None:
                wire.receive_data(await link.receive_some(left()))
        except LocalProtocolError:
            raise
        except NaiError as error:
            fault = str(error)
            break
        match event:
            case Head(status) if not 200 <= status <= 299:
                hint = " (it wants credentials, or others)" if status == 407 else ""
                raise _refused(f"the proxy refused with status {status}{hint}")
            case Tunnel(data):
                if not data and link.looks_alive():
                    return
                raise _refused("the proxy granted a tunnel, and spoke itself or closed it")
            case Closed():
                raise _refused("the proxy closed the connection without an answer")
            case _:
                pass
    raise _refused(f"the proxy's answer: {fault}")


def _refused(why: str) -> TransportError:
    return TransportError(f"connect: {why}", sent=False, phase="connect")


def _host_and_port(scheme: str, authority: str) -> tuple[str, int]:
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, "443" if scheme == "https" else "80"
    return host.removeprefix("[").removesuffix("]"), int(port)


def _told(failure: OSError) -> str:
    return excerpt(failure.strerror or type(failure).__name__)
