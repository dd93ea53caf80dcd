"""The base of all drivers' clients: `run` and `stream`, their arguments, and the session of a client."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload
from weakref import WeakSet

from nai_proto.arguments import check_type, takes
from nai_proto.errors import ClosedError, InvalidRequestError
from nai_proto.exchange.actions import Runnable
from nai_proto.exchange.call import Call
from nai_proto.exchange.connection_pool import PoolLimits
from nai_proto.exchange.connections import RawTransport
from nai_proto.exchange.driving import Transport
from nai_proto.exchange.flow import PartialFlow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.session import Session
from nai_proto.secret import Token

from .events import Event, EventLog
from .proxy import Proxy, ProxyChooser
from .streams import AsyncStream, Stream
from .transport_errors import transport_error

if TYPE_CHECKING:
    import ssl

    from .tls_connection import TlsClient

__all__ = ["AsyncClient", "BaseClient", "Client", "RawAsyncClient", "RawClient", "raw_transport"]

E = TypeVar("E")
R = TypeVar("R")
P_co = TypeVar("P_co", covariant=True)
Q = TypeVar("Q")
T = TypeVar("T")


class BaseClient:
    """The base of all clients."""

    def __init__(
        self,
        session: Session | None,
        token: Token | str | None,
        base_url: str | None,
        on_event: Callable[[Event], object] | None,
    ) -> None:
        """Take the arguments that all clients have.

        Args:
            session, token, base_url, on_event: as the public clients say.
        """
        self.session = _make_session(session, token, base_url)
        self._log = EventLog(on_event)
        self._streams: WeakSet[Any] = WeakSet()
        self._closed = False
        self._transport: Transport

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the client is closed: make a new one")


class Client(BaseClient):
    """A synchronous client, with `run` and `stream`. Threads may share one client."""

    @takes()
    def run(self, flow: Runnable[E, R]) -> R:
        """Run an operation or a flow to its end and return its result; its events are dropped.

        Raises:
            NaiError: the flow failed; ``partial`` has the result so far.
            InvalidTypeError: ``flow`` cannot be run; the message says what to write instead.
            ClosedError: the client is closed.
        """
        with self.stream(flow) as stream:
            while stream.next_batch() is not None:
                pass
            return stream.result

    @overload
    def stream(self, flow: Operation[E, R] | Call[E, R]) -> Stream[E, R, R | None]: ...
    @overload
    def stream(self, flow: PartialFlow[E, R, Q]) -> Stream[E, R, Q]: ...
    @overload
    def stream(self, flow: Runnable[E, R]) -> Stream[E, R, object]: ...
    @takes()
    def stream(self, flow: Runnable[E, R]) -> Stream[E, R, Any]:
        """Return a stream of an operation or a flow: use it as a context manager and iterate. Errors as for `run`."""
        self._check_open()
        stream: Stream[E, R, Any] = Stream(flow, self.session, self._transport, self._log)
        self._streams.add(stream)
        return stream

    def close(self) -> None:
        """Cancel all streams and close all connections. The client cannot be used any more."""
        self._closed = True
        for stream in [*self._streams]:
            stream.cancel()
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncClient(BaseClient):
    """An asynchronous client, with `run` and `stream`. It can run any number of flows at once."""

    _stream_type: type[AsyncStream[Any, Any, Any]] = AsyncStream

    @takes()
    async def run(self, flow: Runnable[E, R]) -> R:
        """Run an operation or a flow to its end and return its result; its events are dropped.

        Raises:
            NaiError: the flow failed; ``partial`` has the result so far.
            InvalidTypeError: ``flow`` cannot be run; the message says what to write instead.
            ClosedError: the client is closed.
        """
        async with self.stream(flow) as stream:
            while await stream.next_batch() is not None:
                pass
            return stream.result

    @overload
    def stream(self, flow: Operation[E, R] | Call[E, R]) -> AsyncStream[E, R, R | None]: ...
    @overload
    def stream(self, flow: PartialFlow[E, R, Q]) -> AsyncStream[E, R, Q]: ...
    @overload
    def stream(self, flow: Runnable[E, R]) -> AsyncStream[E, R, object]: ...
    @takes()
    def stream(self, flow: Runnable[E, R]) -> AsyncStream[E, R, Any]:
        """Return a stream of an operation or a flow: use it as an async context manager and iterate. Errors as for `run`."""
        self._check_open()
        stream: AsyncStream[E, R, Any] = self._stream_type(flow, self.session, self._transport, self._log)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        """Cancel all streams and close all connections. The client cannot be used any more."""
        self._closed = True
        for stream in [*self._streams]:
            stream.cancel()
        closing: Awaitable[None] = self._transport.close()
        await closing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class _RawClient(BaseClient):
    """The base of clients over raw connections, with their arguments."""

    _open_io: ClassVar[Callable[..., Any]]
    "Returns the I/O of a run."

    @takes()
    def __init__(
        self,
        session: Session | None = None,
        *,
        token: Token | str | None = None,
        base_url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: Proxy | str | ProxyChooser | None = None,
        pool: PoolLimits = PoolLimits(),
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        """Make a client; it connects when something is run.

        Args:
            session: token, addresses, timeouts, limits and retry policy: ``nai.Session(timeouts=…)``. If neither this nor
                ``base_url`` is given, the environment variables NAI_TOKEN and NAI_URL are read.
            token: ``pst-…``, or the token of a login. Without a token, the client is anonymous, so that flows can log in.
            base_url: ``https://host[:port][/path]``, for all of the service's hosts. Then no token is read from the
                environment.
            ssl_context: for https; the operating system's certificate authorities if None.
            proxy: an HTTP proxy that opens tunnels, ``http://[user[:password]@]host[:port]``; or a function from the base
                URL of a request to its `Proxy`, or None: `nai_transports.proxy.proxy_from_environment` is one.
            pool: how many connections to keep, and for how many seconds.
            on_event: called with each `nai_transports.events.Event`; its errors end the run.

        Raises:
            InvalidRequestError: an argument is out of range, ``proxy`` or ``base_url`` is not such a URL, or an
                environment variable is not valid.
            InvalidTypeError: an argument has another type.
        """
        super().__init__(session, token, base_url, on_event)
        self._transport = raw_transport(self._open_io, self._settle, self._log, ssl_context, proxy, pool)

    def _settle(self) -> Any:
        """Wait until aborted connections are closed."""


class RawClient(_RawClient, Client):
    """A synchronous client over raw connections."""


class RawAsyncClient(_RawClient, AsyncClient):
    """An asynchronous client over raw connections."""


def raw_transport(
    open_io: Callable[[], Any],
    settle: Callable[[], Any],
    log: EventLog,
    ssl_context: ssl.SSLContext | None = None,
    proxy: Proxy | str | ProxyChooser | None = None,
    pool: PoolLimits = PoolLimits(),
) -> RawTransport:
    """Return a transport over raw connections; arguments as for `_RawClient`."""

    def make_tls(host: str) -> TlsClient:
        from . import tls_connection  # with `ssl`, which plain connections do without

        return tls_connection.TlsClient(ssl_context or tls_connection.default_context(), host)

    choose_proxy = _make_chooser(proxy)
    return RawTransport(open_io, settle, pool, make_tls, choose_proxy, log, transport_error, threading.Lock())


def _make_chooser(proxy: Proxy | str | ProxyChooser | None) -> ProxyChooser:
    if callable(proxy):
        return proxy
    chosen = Proxy(proxy) if isinstance(proxy, str) else proxy
    return lambda _: chosen


def _make_session(session: Session | None, token: Token | str | None, base_url: str | None) -> Session:
    """Return the session, or make one from token and address, or from the environment.

    NAI_TOKEN and NAI_URL are read only if neither a session nor an address is given, so that a token is not sent to another
    address than its own.
    """
    if session is not None:
        if token is not None or base_url is not None:
            raise InvalidRequestError("give a session, or token and base_url, not both", parameter="session")
        check_type(session, Session, "session", "nai.Session")
        return session
    if base_url is not None:
        return Session(token=token, base_url=base_url)
    variables = {"base_url": "NAI_URL"}
    if token is None:
        token = os.environ.get("NAI_TOKEN") or None
        variables["token"] = "NAI_TOKEN"
    try:
        return Session(token=token, base_url=os.environ.get("NAI_URL") or None)
    except InvalidRequestError as error:
        variable = variables.get(error.parameter or "")
        if variable is None:
            raise
        problem = f"the environment variable {variable}: {error}"
        parameter = error.parameter
    raise InvalidRequestError(problem, parameter=parameter)
