"""Requests over raw connections, written once for all drivers of sockets: which connection, how it is opened, and how a
request and its response go over it.

An exchange owns its connection until its response is cleanly over; only then does the connection go back to the pool. So
the pool has nothing to repair when an exchange is given up: the connection is closed, synchronously, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

from ..errors import NaiError, Phase, TransportError
from ..http import Head, Request
from ..http.wire import NEED_DATA, Signal, Tunnel, Wire
from ..limits import Limits
from .actions import Send
from .budget import Budget
from .client import ClientExchange
from .connection_pool import Lease, Pool, PoolLimits
from .driving import IO, IoSteps, LimitReached
from .observation import (
    ConnectionDiscarded,
    ConnectionOpened,
    ConnectionReused,
    Observer,
    RequestSent,
    ResponseReceived,
)

__all__ = ["ByteStream", "RawExchange", "RawIO", "RawTransport"]


class TunnelProxy(Protocol):
    """What connections go through."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    def connect(self, host: str, port: int) -> Request:
        """Return the request for a tunnel (RFC 9110 §9.3.6)."""
        ...


class PoolLock(Protocol):
    """Guards the pool: a real lock where threads share a client."""

    def __enter__(self) -> object: ...
    def __exit__(self, kind: Any, error: Any, traceback: Any, /) -> object: ...


class Tls(Protocol):
    """The client's side of TLS, on bytes. Methods raise OSError where the peer breaks its rules."""

    def data_to_send(self) -> bytes:
        """Return, once, the bytes that wait for being sent."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the peer for the handshake; ``b""`` at the end of the connection."""

    def do_handshake(self) -> bool:
        """Go on with the handshake; return whether it is complete."""
        ...

    def encrypt(self, data: bytes) -> bytes:
        """Return what is to be sent for these bytes."""
        ...

    def decrypt(self, data: bytes) -> list[bytes]:
        """Take bytes of the peer and return what they say, ``b""`` at the end."""
        ...


class ByteStream(Protocol):
    """One connection."""

    def is_readable(self) -> bool:
        """Ask the socket whether there is anything to read; of an idle connection that is goodbye, or worse."""
        ...

    def abort(self) -> None:
        """Close at once, without waiting; may be called twice."""


class RawIO(IO, Protocol):
    """What one run needs of its runtime. Waits raise `LimitReached` after ``limit`` seconds, OSError if the system does."""

    def key(self) -> Hashable:
        """Connections of another key cannot be used here: those of another event loop."""
        ...

    def connect(self, host: str, port: int, limit: float | None) -> Any: ...
    def write(self, stream: Any, data: bytes, limit: float | None, received: Callable[[bytes], bool]) -> Any:
        """Write all of ``data``, or until ``received``, which gets what comes meanwhile, says that it is enough.

        ``limit`` is for each piece that the peer takes. Returns whether all was written.
        """

    def read(self, stream: Any, limit: float | None) -> Any:
        """Return some bytes; ``b""`` when the peer has closed."""

    def wait_for(self, lease: Lease[Connection], limit: float | None) -> Any:
        """Wait until the lease is granted."""

    def wake(self) -> Callable[[], None]:
        """Return what wakes `wait_for`, from any task or thread."""
        ...


@dataclass(slots=True, eq=False)
class Connection:
    """A byte stream, TLS if its address wants that, and the HTTP on it."""

    host: str
    port: int
    stream: ByteStream
    tls: Tls | None
    wire: Wire


Address: TypeAlias = tuple[str, str, Hashable]
"""Scheme, authority, and the runtime's key."""


class RawTransport:
    """A `Transport` over raw connections, which are kept alive between exchanges.

    Args:
        open_io: makes what a run needs of the runtime.
        settle: lets what was aborted go; its result is what `close` returns.
        pool: how many connections, and for how long.
        make_tls: begins TLS with a host, for https; None where bytes need no protection.
        proxy: what every connection goes through, if anything.
        observer: is told what happens.
        describe: makes an error of the system ours, given the phase, host, port, and whether the request was sent.
        lock: guards the pool.
    """

    def __init__(
        self,
        open_io: Callable[[], RawIO],
        settle: Callable[[], Any],
        pool: PoolLimits,
        make_tls: Callable[[str], Tls] | None,
        proxy: TunnelProxy | None,
        observer: Observer,
        describe: Callable[[Phase, BaseException, str, int, bool], TransportError],
        lock: PoolLock,
    ) -> None:
        self.describe = describe
        self.open_io = open_io
        self._settle = settle
        self._make_tls = make_tls
        self._proxy = proxy
        self._observer = observer
        self._lock = lock
        self._closed: list[Connection] = []
        self.pool: Pool[Connection] = Pool(pool, self._closed.append)
        self.opened = 0
        "Connections opened so far."

    def send(self, send: Send, budget: Budget, io: RawIO) -> IoSteps[RawExchange]:
        lease, connection = yield from self._take(send, budget, io)
        exchange = RawExchange(self, lease, connection, budget, io)
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
        """Give a connection back, or say that there is none."""
        with self._lock:
            self.pool.release(lease, io.now(), connection)
        self._close_connections("idle for too long, or one too many")

    def tell_closed(self, connection: Connection, reason: str) -> None:
        """Tell the observer."""
        if self._observer.is_watching:
            self._observer.tell(ConnectionDiscarded(connection.host, connection.port, reason))

    @property
    def observer(self) -> Observer:
        """Who is told what happens."""
        return self._observer

    def _take(self, send: Send, budget: Budget, io: RawIO) -> IoSteps[tuple[Lease[Connection], Connection]]:
        """A connection to an address: an idle one that has nothing to say, or a new one."""
        request = send.request
        host, port = _host_and_port(request.scheme, request.authority)
        while True:
            address = request.scheme, request.authority, io.key()
            lease = yield from self._acquire(address, host, port, budget, io)
            connection = lease.connection
            try:
                if connection is None:
                    connection = yield from self._connect(send, host, port, budget, io)
                    self.opened += 1
                    if self._observer.is_watching:
                        self._observer.tell(ConnectionOpened(host, port))
                    return lease, connection
                if not connection.stream.is_readable():
                    if self._observer.is_watching:
                        self._observer.tell(ConnectionReused(host, port))
                    return lease, connection
            except BaseException:
                if connection is not None:
                    connection.stream.abort()
                self.release(lease, io)
                raise
            connection.stream.abort()
            self.release(lease, io)
            self.tell_closed(connection, "the server closed it, or spoke on it, while it was idle")

    def _acquire(self, address: Address, host: str, port: int, budget: Budget, io: RawIO) -> IoSteps[Lease[Connection]]:
        began = io.now()
        with self._lock:
            lease = self.pool.acquire(address, began, io.wake())
        self._close_connections("idle for too long")
        if lease.is_granted:
            return lease
        try:
            yield partial(io.wait_for, lease, budget.limit("pool"))
            return lease
        except BaseException as error:
            self.release(lease, io, lease.connection)
            if not isinstance(error, LimitReached):
                raise
        finally:
            budget.spend(io.now() - began)
        raise budget.timed_out("pool", sent=False, where=f"{host}:{port}")

    def _connect(self, send: Send, host: str, port: int, budget: Budget, io: RawIO) -> IoSteps[Connection]:
        """A connection ready for HTTP: name look-up, tunnel and TLS included, within one limit for all of it."""
        began, limit = io.now(), budget.limit("connect")
        error: TransportError | None = None
        proxy, stream, tls = self._proxy, None, None
        where = near = (host, port) if proxy is None else (proxy.host, proxy.port)
        if proxy is not None:
            where = f"the proxy {proxy.host}", proxy.port

        def left() -> float | None:
            return None if limit is None else max(0.0, limit - (io.now() - began))

        try:
            stream = yield partial(io.connect, *near, left())
            where = host, port
            if proxy is not None:
                yield from _open_tunnel(io, stream, proxy, host, port, send.limits or Limits(), left)
            if send.request.scheme == "https" and self._make_tls is not None:
                if stream.is_readable():  # what came unencrypted must not pass for what will come encrypted
                    raise _not_connected(host, port, "it spoke before TLS, or closed")
                tls = self._make_tls(host)
                yield from _shake_hands(io, stream, tls, left)
            return Connection(host, port, stream, tls, Wire("client", Limits()))
        except BaseException as failure:
            if stream is not None:
                stream.abort()
            if isinstance(failure, OSError) and not isinstance(failure, NaiError):
                error = self.describe("connect", failure, *where, False)
            elif not isinstance(failure, LimitReached):
                raise
        finally:
            budget.spend(io.now() - began)
        raise error or budget.timed_out("connect", sent=False, where=f"{where[0]}:{where[1]}")

    def _close_connections(self, reason: str) -> None:
        """Close what the pool does not want any more, outside its lock."""
        while self._closed:
            connection = self._closed.pop()
            connection.stream.abort()
            self.tell_closed(connection, reason)


class RawExchange:
    """One request on one connection."""

    head: Head

    def __init__(
        self, transport: RawTransport, lease: Lease[Connection], connection: Connection, budget: Budget, io: RawIO
    ) -> None:
        self._transport = transport
        self._lease = lease
        self._connection: Connection | None = connection
        self._budget = budget
        self._io = io
        self._exchange: ClientExchange

    def start(self, send: Send) -> IoSteps[None]:
        """Send the request and wait for the head."""
        connection, observer, request = self._connection, self._transport.observer, send.request
        assert connection is not None
        self._exchange = ClientExchange(connection.wire, request, send.limits)
        began, is_watched = self._io.now(), observer.is_watching
        if is_watched:
            observer.tell(RequestSent(request.method, request.base + request.path))
        failure = yield from self._write(connection)
        try:
            head = yield from self._next(connection, "read", None)
        except TransportError:
            if failure is None:
                raise
            raise failure from None
        assert isinstance(head, Head)
        self.head = head
        if is_watched:
            seconds = self._io.now() - began
            observer.tell(ResponseReceived(request.method, request.base + request.path, head.status, seconds))

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        connection = self._connection
        if connection is None:
            return b""
        data = yield from self._next(connection, "idle", at_most)
        assert isinstance(data, bytes)
        if not data:
            self._connection = None
            if self._exchange.can_reuse_connection:
                self._transport.release(self._lease, self._io, connection)
            else:
                self._drop(connection, "not reusable")
        return data

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._drop(connection, "the exchange was given up")

    def _drop(self, connection: Connection, reason: str) -> None:
        connection.stream.abort()
        self._transport.release(self._lease, self._io)
        self._transport.tell_closed(connection, reason)

    def _write(self, connection: Connection) -> IoSteps[TransportError | None]:
        """Write the request. A write that fails is returned, not raised: the response may be here already."""
        io, budget, exchange, tls = self._io, self._budget, self._exchange, connection.tls

        def received(data: bytes) -> bool:
            for piece in (data,) if tls is None else tls.decrypt(data):
                exchange.receive_data(piece)
            return exchange.is_refused

        began = io.now() if budget.is_bounded else 0.0
        try:
            data = exchange.data_to_send if tls is None else tls.encrypt(exchange.data_to_send)
            if (yield partial(io.write, connection.stream, data, budget.limit("write"), received)):
                exchange.request_written()
            return None
        except LimitReached:
            pass
        except OSError as error:
            return self._transport.describe("write", error, connection.host, connection.port, True)
        finally:
            exchange.data_to_send = b""
            if budget.is_bounded:
                budget.spend(io.now() - began)
        raise budget.timed_out("write", sent=True, where=f"{connection.host}:{connection.port}")

    def _next(self, connection: Connection, phase: Phase, at_most: float | None) -> IoSteps[Head | bytes | Tunnel]:
        """The next that is due. All its reads have one deadline: a peer that drips gains nothing."""
        exchange, io, budget, tls = self._exchange, self._io, self._budget, connection.tls
        incoming = exchange.next_incoming()
        if not isinstance(incoming, Signal):
            return incoming
        began = io.now()
        left = limit = budget.limit(phase, at_most)
        failure: TransportError | None = None
        try:
            while isinstance(incoming, Signal):
                data = yield partial(io.read, connection.stream, left)
                if tls is None:
                    exchange.receive_data(data)
                else:
                    for piece in tls.decrypt(data):
                        exchange.receive_data(piece)
                    if reply := tls.data_to_send():  # new keys were asked for
                        yield partial(io.write, connection.stream, reply, left, _not_enough)
                incoming = exchange.next_incoming()
                if limit is not None and isinstance(incoming, Signal):
                    left = max(0.0, limit - (io.now() - began))
            return incoming
        except LimitReached:
            pass
        except OSError as error:
            if isinstance(error, NaiError):
                raise
            failure = self._transport.describe(phase, error, connection.host, connection.port, True)
        finally:
            if budget.is_bounded:
                budget.spend(io.now() - began)
        raise failure or budget.timed_out(phase, sent=True, where=f"{connection.host}:{connection.port}")


def _shake_hands(io: RawIO, stream: Any, tls: Tls, left: Callable[[], float | None]) -> IoSteps[None]:
    """Perform the TLS handshake; a peer that fails it is told why before the connection is closed."""
    failure: OSError | None = None
    complete = False
    while not complete:
        try:
            complete = tls.do_handshake()
        except OSError as error:
            failure = error
        if data := tls.data_to_send():
            try:
                yield partial(io.write, stream, data, left(), _not_enough)
            except OSError:
                if failure is None:
                    raise
        if failure is not None:
            raise failure
        if not complete:
            tls.receive_data((yield partial(io.read, stream, left())))


def _open_tunnel(
    io: RawIO, stream: Any, proxy: TunnelProxy, host: str, port: int, limits: Limits, left: Callable[[], float | None]
) -> IoSteps[None]:
    """Have a proxy open a tunnel; whatever it answers instead is a failure to connect."""
    exchange = ClientExchange(Wire("client", limits), proxy.connect(host, port))
    yield partial(io.write, stream, exchange.data_to_send, left(), _not_enough)
    try:
        while not isinstance(incoming := exchange.next_incoming(), Tunnel):
            if incoming is NEED_DATA:
                exchange.receive_data((yield partial(io.read, stream, left())))
            elif isinstance(incoming, Head) and not 200 <= incoming.status <= 299:
                hint = " (it wants credentials, or others)" if incoming.status == 407 else ""
                raise _not_connected(host, port, f"the proxy refused with status {incoming.status}{hint}")
    except TransportError as error:
        if error.phase == "connect":
            raise
        raise _not_connected(host, port, "the proxy closed the connection without a response") from None
    except NaiError as error:
        raise _not_connected(host, port, f"the proxy's response: {error}") from None
    if incoming.data or stream.is_readable():
        raise _not_connected(host, port, "the proxy granted a tunnel, and spoke itself or closed it")


def _not_enough(data: bytes) -> bool:  # noqa: ARG001 -- what `RawIO.write` asks
    return False


def _not_connected(host: str, port: int, why: str) -> TransportError:
    return TransportError(f"connecting to {host}:{port}: {why}", sent=False, phase="connect")


def _host_and_port(scheme: str, authority: str) -> tuple[str, int]:
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, "443" if scheme == "https" else "80"
    return host.removeprefix("[").removesuffix("]"), int(port)
