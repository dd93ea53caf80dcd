"""Send requests over raw connections: choose or open a connection, write the request, read the response. Written once, for
all drivers of sockets.

An exchange owns its connection until its response is complete; only then does the connection return to the pool. When an
exchange is given up, its connection is simply closed, synchronously, and the pool needs no repair.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from ..errors import NaiError, Phase, TransportError
from ..http import Head, Request
from ..http.wire import Signal, Tunnel, Wire
from ..limits import Limits
from .actions import Send
from .budget import Budget, LimitReached
from .client import ClientExchange
from .connection_pool import Lease, Pool, PoolLimits
from .connection_setup import open_tunnel, shake_hands
from .driving import IoSteps
from .observation import (
    ConnectionDiscarded,
    ConnectionOpened,
    ConnectionReused,
    ExchangeWatch,
    Observer,
)
from .raw_io import ByteStream, PoolLock, RawIO, Tls, TunnelProxy

__all__ = ["RawExchange", "RawTransport", "host_and_port"]


@dataclass(slots=True, eq=False)
class Connection:
    """A byte stream, with TLS for https, and the HTTP wire on it."""

    host: str
    port: int
    stream: ByteStream
    tls: Tls | None
    proxy: str | None
    "Host and port of the proxy that it goes through."
    wire: Wire


Address: TypeAlias = tuple[str, str, Hashable]
"""Scheme, authority, and the runtime's key."""

_PIECE_BYTES: Final = 65_536
"""Bytes of a request that are written with one limit: 30 seconds for so many are what a line of 17 kbit/s takes."""


class RawTransport:
    """A `Transport` over raw connections, which are kept alive between exchanges.

    Args:
        open_io: makes the `RawIO` of a run.
        settle: waits until aborted connections are closed; `close` returns its result.
        pool: how many connections to keep, and for how long.
        make_tls: begins TLS with a host, for https; None if connections are in memory.
        choose_proxy: returns the proxy through which connections to a base URL are opened, or None.
        observer: receives events.
        describe: converts an error of the system, from phase, error, host, port, and whether the request was sent.
        lock: guards the pool.
    """

    def __init__(
        self,
        open_io: Callable[[], RawIO],
        settle: Callable[[], Any],
        pool: PoolLimits,
        make_tls: Callable[[str], Tls] | None,
        choose_proxy: Callable[[str], TunnelProxy | None],
        observer: Observer,
        describe: Callable[[Phase, BaseException, str, int, bool], TransportError],
        lock: PoolLock,
    ) -> None:
        self.describe = describe
        self.open_io = open_io
        self._settle = settle
        self._make_tls = make_tls
        self._choose_proxy = choose_proxy
        self._observer = observer
        self._lock = lock
        self._closed: list[Connection] = []
        self.pool: Pool[Connection] = Pool(pool, self._closed.append)
        self.opened = 0
        "Connections opened so far."

    def send(self, send: Send, budget: Budget, io: RawIO) -> IoSteps[RawExchange]:
        lease, connection = yield from self._take(send, budget, io)
        watch = ExchangeWatch(self._observer, send.request, io.now)
        exchange = RawExchange(self, lease, connection, budget, io, watch)
        try:
            yield from exchange.start(send)
        except BaseException:
            exchange.abort()
            raise
        return exchange

    def close(self) -> Any:
        with self._lock:
            self.pool.close_idle()
        self._close_connections("the client is closed")
        return self._settle()

    def release(self, lease: Lease[Connection], io: RawIO, connection: Connection | None = None) -> None:
        """Release a lease, with its connection if that can be reused."""
        with self._lock:
            self.pool.release(lease, io.now(), connection)
        self._close_connections("idle for too long, or one too many")

    def _tell_opened(self, connection: Connection, seconds: float) -> None:
        if self._observer.is_watching:
            tls = None if connection.tls is None else connection.tls.version
            self._observer.tell(ConnectionOpened(connection.host, connection.port, seconds, tls, connection.proxy))

    def tell_closed(self, connection: Connection, reason: str) -> None:
        """Tell the observer that a connection was closed."""
        if self._observer.is_watching:
            self._observer.tell(ConnectionDiscarded(connection.host, connection.port, reason))

    def _take(self, send: Send, budget: Budget, io: RawIO) -> IoSteps[tuple[Lease[Connection], Connection]]:
        """Return a connection to an address: an idle one with nothing to read, or a new one."""
        request = send.request
        host, port = host_and_port(request)
        lease = yield from self._acquire((request.scheme, request.authority, io.key()), host, port, budget, io)
        connection = lease.connection
        try:
            if connection is not None and connection.stream.is_readable():
                connection.stream.abort()
                self.tell_closed(connection, "the server closed it, or sent bytes, while it was idle")
                connection = None
            if connection is None:
                began = io.now()
                connection = yield from self._connect(send, host, port, budget, io)
                self.opened += 1
                self._tell_opened(connection, io.now() - began)
            elif self._observer.is_watching:
                self._observer.tell(ConnectionReused(host, port))
            return lease, connection
        except BaseException:
            if connection is not None:
                connection.stream.abort()
            self.release(lease, io)
            raise

    def _acquire(self, address: Address, host: str, port: int, budget: Budget, io: RawIO) -> IoSteps[Lease[Connection]]:
        with self._lock:
            lease = self.pool.acquire(address, io.now(), io.wake())
        self._close_connections("idle for too long")
        if lease.is_granted:
            return lease
        try:
            with budget.begin("pool", io.now) as deadline:
                yield partial(io.wait_for, lease, deadline.left())
            return lease
        except BaseException as error:
            self.release(lease, io, lease.connection)
            if not isinstance(error, LimitReached):
                raise
        raise budget.timed_out("pool", sent=False, where=f"{host}:{port}")

    def _connect(self, send: Send, host: str, port: int, budget: Budget, io: RawIO) -> IoSteps[Connection]:
        """Return a connection that is ready for HTTP. Name look-up, tunnel and TLS have one limit together."""
        error: TransportError | None = None
        proxy, stream, tls = self._choose_proxy(send.request.base), None, None
        where = near = (host, port) if proxy is None else (proxy.host, proxy.port)
        if proxy is not None:
            where = f"the proxy {proxy.host}", proxy.port
        try:
            with budget.begin("connect", io.now) as deadline:
                stream = yield partial(io.connect, *near, deadline.left())
                where = host, port
                if proxy is not None:
                    yield from open_tunnel(io, stream, proxy, host, port, send.limits or Limits(), deadline.left)
                if send.request.scheme == "https" and self._make_tls is not None:
                    tls = self._make_tls(host)
                    yield from shake_hands(io, stream, host, port, tls, deadline.left)
            through = None if proxy is None else f"{proxy.host}:{proxy.port}"
            return Connection(host, port, stream, tls, through, Wire("client"))
        except BaseException as failure:
            if stream is not None:
                stream.abort()
            if isinstance(failure, OSError) and not isinstance(failure, NaiError):
                error = self.describe("connect", failure, *where, False)
            elif not isinstance(failure, LimitReached):
                raise
        raise error or budget.timed_out("connect", sent=False, where=f"{where[0]}:{where[1]}")

    def _close_connections(self, reason: str) -> None:
        """Close the connections that the pool has dropped, outside its lock."""
        while self._closed:
            connection = self._closed.pop()
            connection.stream.abort()
            self.tell_closed(connection, reason)


class RawExchange:
    """One request on one connection."""

    head: Head

    def __init__(
        self,
        transport: RawTransport,
        lease: Lease[Connection],
        connection: Connection,
        budget: Budget,
        io: RawIO,
        watch: ExchangeWatch,
    ) -> None:
        self._transport = transport
        self._lease = lease
        self._connection: Connection | None = connection
        self._budget = budget
        self._io = io
        self._watch = watch
        self._exchange: ClientExchange

    def start(self, send: Send) -> IoSteps[None]:
        """Send the request and wait for the head."""
        connection = self._connection
        assert connection is not None
        self._exchange = ClientExchange(connection.wire, send.request, send.limits)
        self._watch.begin()
        failure = yield from self._write(connection)
        try:
            head = yield from self._next(connection, "read", None)
        except TransportError:
            if failure is None:
                raise
            raise failure from None
        assert isinstance(head, Head)
        self.head = head
        self._watch.receive_head(head)

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        connection = self._connection
        if connection is None:
            return b""
        data = yield from self._next(connection, "idle", at_most)
        assert isinstance(data, bytes)
        self._watch.receive_data(data)
        if not data:
            self._connection = None
            if self._exchange.can_reuse_connection:
                self._transport.release(self._lease, self._io, connection)
            else:
                self._drop(connection, "not reusable")
        return data

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        try:
            self._watch.give_up()
        finally:
            if connection is not None:
                self._drop(connection, "the exchange was given up")

    def _drop(self, connection: Connection, reason: str) -> None:
        connection.stream.abort()
        self._transport.release(self._lease, self._io)
        self._transport.tell_closed(connection, reason)

    def _receive(self, connection: Connection, data: bytes) -> None:
        """Pass the peer's bytes to the exchange."""
        if connection.tls is None:
            self._exchange.receive_data(data)
        else:
            for piece in connection.tls.decrypt(data):
                self._exchange.receive_data(piece)

    def _write(self, connection: Connection) -> IoSteps[TransportError | None]:
        """Write the request. Return an error instead of raising it, since there may be a response already."""
        io, budget, exchange, stream = self._io, self._budget, self._exchange, connection.stream

        def received(data: bytes) -> bool:
            self._receive(connection, data)
            return exchange.is_refused  # then the rest of the request need not be sent

        try:
            data = exchange.data_to_send if connection.tls is None else connection.tls.encrypt(exchange.data_to_send)
            for at in range(0, len(data), _PIECE_BYTES):
                with budget.begin("write", io.now) as deadline:
                    if at and stream.is_readable():
                        early = yield partial(io.read, stream, deadline.left())
                        if received(early) or not early:
                            return None
                    piece = data[at : at + _PIECE_BYTES]
                    if not (yield partial(io.write, stream, piece, deadline.left(), received)):
                        return None
            exchange.request_written()
            return None
        except LimitReached:
            pass
        except OSError as error:
            return self._transport.describe("write", error, connection.host, connection.port, True)
        finally:
            exchange.data_to_send = b""
        raise budget.timed_out("write", sent=True, where=f"{connection.host}:{connection.port}")

    def _next(self, connection: Connection, phase: Phase, at_most: float | None) -> IoSteps[Head | bytes | Tunnel]:
        """Return the head, or the next piece of the body. All reads for it have one deadline, however slow the peer is."""
        exchange, io, budget, tls = self._exchange, self._io, self._budget, connection.tls

        def received(data: bytes) -> bool:
            self._receive(connection, data)
            return False

        failure: TransportError | None = None
        try:
            with budget.begin(phase, io.now, at_most) as deadline:
                while isinstance(incoming := exchange.next_incoming(), Signal):
                    self._receive(connection, (yield partial(io.read, connection.stream, deadline.left())))
                    if tls is not None and (reply := tls.data_to_send()):  # the peer asked for new keys
                        yield partial(io.write, connection.stream, reply, deadline.left(), received)
            return incoming
        except LimitReached:
            pass
        except OSError as error:
            if isinstance(error, NaiError):
                raise
            failure = self._transport.describe(phase, error, connection.host, connection.port, True)
        raise failure or budget.timed_out(phase, sent=True, where=f"{connection.host}:{connection.port}")


def host_and_port(request: Request) -> tuple[str, int]:
    """Return where a signed request is sent."""
    host, colon, port = request.authority.rpartition(":")
    if not colon or request.authority.endswith("]"):
        host, port = request.authority, "443" if request.scheme == "https" else "80"
    return host.removeprefix("[").removesuffix("]"), int(port)
