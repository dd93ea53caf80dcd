"""httpx, and any client with the same few methods, such as httpx2: sync, and on asyncio and trio.

httpx keeps the connections and speaks HTTP; what a response means is decided in the core, as everywhere. The size of the
head is bounded by httpx itself (100 KiB), not by ``Limits.head``. A client that is made here takes no proxy and no
credentials from the environment, keeps no cookies, and trusts the operating system's certificate authorities
(`nai_transports.tls_connection`); one that is passed in keeps its own settings.

httpx keeps its connections to itself: ``on_event`` tells of requests, responses and waits, not of connections. It logs each
URL with its query on its own logger, ``httpx``, at INFO; some endpoints take a prompt in the query.

Two things the other drivers do and httpx does not let us: it writes a request to its end before it reads, so that its
async clients can lose a refusal of an upload whose writing fails; and it takes what came in one read with the end of a
response for the start of the next one.

The sync client looks at ``Timeouts.total`` between reads, and httpx bounds each read of a head, so a run may overstay by
one read; the other one is exact. An async exchange is one task, which reads ahead of the flow: cancelling the caller, even
twice, cancels the task once, and httpx cleans up there, where nothing interrupts it.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from nai_proto.errors import ClosedError, Phase
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.connection_pool import PoolLimits
from nai_proto.exchange.driving import IoCall, IoSteps, LimitReached
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Request
from nai_proto.secret import Token

from . import clients, streams
from .events import Event, EventLog, RequestSent, ResponseReceived
from .httpx_messages import (
    AsyncClientLike,
    AsyncResponseLike,
    ClientLike,
    HeadersLike,
    RequestLike,
    ResponseLike,
    Timeout,
    make_head,
    make_request,
    make_timeout,
    translate,
)
from .tls_connection import default_context

if TYPE_CHECKING:
    import socket

__all__ = [
    "AsyncClient",
    "AsyncClientLike",
    "AsyncResponseLike",
    "Client",
    "ClientLike",
    "HeadersLike",
    "RequestLike",
    "ResponseLike",
]

E = TypeVar("E")
R = TypeVar("R")
P = TypeVar("P")

_READ_AHEAD_BYTES: Final = 262_144
"""Read ahead of the flow before httpx has to wait."""


class Client(clients.Client):
    """Run operations and flows on sync httpx. Session, token, ``base_url`` and ``on_event`` are those of `sync.Client`.

    Args:
        http: the client to use, of httpx or httpx2, with its own proxies, certificates and connection limits; it stays
            open. If None, one is made, and closed with this one.
        proxy: for a client that is made here, what httpx takes: a URL, also of SOCKS (with ``httpx[socks]``).
    """

    def __init__(
        self,
        session: Session | None = None,
        http: ClientLike[Any] | None = None,
        *,
        token: Token | str | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        super().__init__(session, token, base_url, on_event)
        self._transport = HttpxTransport(http, proxy, self._log)


class AsyncClient(clients.AsyncClient):
    """Run operations and flows on httpx's async client, on asyncio or trio. The arguments are those of `Client`."""

    def __init__(
        self,
        session: Session | None = None,
        http: AsyncClientLike[Any] | None = None,
        *,
        token: Token | str | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        super().__init__(session, token, base_url, on_event)
        self._transport = AsyncHttpxTransport(http, proxy, self._log)

    @property
    def _stream_type(self) -> type[streams.AsyncStream[Any, Any, Any]]:  # type: ignore[override]  # by the loop that runs
        return streams.AsyncStream if _on_asyncio() else _TrioStream


class _TrioStream(streams.CheckpointStream[E, R, P]):
    """A stream on trio."""

    _checkpoint = staticmethod(anyio.lowlevel.checkpoint)


class HttpxTransport:
    """Sends requests through httpx."""

    def __init__(self, http: ClientLike[Any] | None, proxy: str | None, observer: EventLog) -> None:
        self._owns = http is None
        self._http: ClientLike[Any] = _make_client(proxy) if http is None else http
        self._observer = observer

    def open_io(self) -> HttpxIO:
        return HttpxIO()

    def send(self, send: Send, budget: Budget, io: HttpxIO) -> IoSteps[HttpxExchange]:
        request = send.request
        timeout: Timeout = {**make_timeout(budget), "read": budget.limit("read")}
        _tell_sent(self._observer, request)
        began = io.now()
        sending = partial(io.call, partial(self._send, make_request(self._http, request, timeout)))
        response = yield from _call(sending, io, request, budget, "read")
        exchange = HttpxExchange(response, request, timeout, budget, io)
        _tell_received(self._observer, request, exchange.head, io.now() - began)
        return exchange

    def _send(self, request: Any) -> ResponseLike:
        return self._http.send(request, stream=True, follow_redirects=False)

    def close(self) -> None:
        if self._owns:
            self._http.close()


class HttpxIO:
    """One run."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self._cancelled = False

    now = staticmethod(time.monotonic)
    draw = staticmethod(random.uniform)
    sleep = staticmethod(time.sleep)

    def compute(self, function: Callable[[], None], limit: float | None) -> None:  # noqa: ARG002 -- nothing can stop it
        function()

    def call(self, function: Callable[[], Any]) -> Any:
        """Do what httpx does, unless the run was cancelled."""
        try:
            if not self._cancelled:
                return function()
        finally:
            if self._cancelled:
                raise ClosedError("the stream was cancelled")

    def cancel(self) -> None:
        self._cancelled = True
        self.shut_down()

    def shut_down(self) -> None:
        """End the read under way."""
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(2)

    def close(self) -> None:
        self.socket = None


class HttpxExchange:
    """One response; its body is read raw, since no coding was asked for."""

    def __init__(self, response: ResponseLike, request: Request, timeout: Timeout, budget: Budget, io: HttpxIO) -> None:
        self.head = make_head(response)
        self._response = response
        self._request = request
        self._timeout = timeout
        self._budget = budget
        self._io = io
        self._read: Callable[[], bytes] | None = None
        stream = response.extensions.get("network_stream")
        io.socket = None if stream is None else stream.get_extra_info("socket")

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        if self._read is None:
            self._timeout["read"] = self._budget.limit("idle")  # httpx looks here once, when reading begins
            self._read = partial(self._io.call, partial(next, self._response.iter_raw(), b""))
        if self._budget.remaining == 0:
            raise self._budget.timed_out("total", sent=True)
        steps = _call(self._read, self._io, self._request, self._budget, "idle")
        return steps if at_most is None else self._receive_soon(steps, at_most)

    def _receive_soon(self, steps: IoSteps[bytes], at_most: float) -> IoSteps[bytes]:
        timer = threading.Timer(at_most, self._io.shut_down)
        timer.start()
        try:
            return (yield from steps)
        finally:
            timer.cancel()

    def abort(self) -> None:
        self._response.close()


def _call(call: IoCall, io: HttpxIO, request: Request, budget: Budget, phase: Phase) -> IoSteps[Any]:
    """One call of httpx: charged to the budget, its errors in our terms."""
    began = io.now() if budget.is_bounded else 0.0
    try:
        return (yield call)
    except Exception as error:
        failure = error
    finally:
        if budget.is_bounded:
            budget.spend(io.now() - began)
    raise translate(failure, request, budget, phase) or failure


class AsyncHttpxTransport:
    """Sends requests through httpx's async client."""

    def __init__(self, http: AsyncClientLike[Any] | None, proxy: str | None, observer: EventLog) -> None:
        self._owns = http is None
        self._http: AsyncClientLike[Any] = _make_async_client(proxy) if http is None else http
        self._observer = observer
        self._working: set[AsyncHttpxExchange] = set()

    def open_io(self) -> AsyncHttpxIO:
        return AsyncHttpxIO()

    def send(self, send: Send, budget: Budget, io: AsyncHttpxIO) -> IoSteps[AsyncHttpxExchange]:
        request = send.request
        # Of each wait for bytes the exchange itself keeps the limit, of all of the head in one.
        timeout: Timeout = {**make_timeout(budget), "read": None}
        _tell_sent(self._observer, request)
        began = io.now()
        exchange = AsyncHttpxExchange(self._http, request, timeout, budget, io)
        exchange.start(self._working)
        try:
            yield from exchange.wait("read", None)
            _tell_received(self._observer, request, exchange.head, io.now() - began)
        except BaseException:
            exchange.abort()
            raise
        return exchange

    async def close(self) -> None:
        for exchange in [*self._working]:
            exchange.abort()
        while self._working:
            await next(iter(self._working)).ended.wait()
        if self._owns:
            await self._http.aclose()


class AsyncHttpxIO:
    """One run."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None

    now = staticmethod(anyio.current_time)
    draw = staticmethod(random.uniform)

    def cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def close(self) -> None:
        """Nothing is open."""

    async def sleep(self, seconds: float) -> None:
        with anyio.CancelScope() as self._scope:
            await anyio.sleep(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        with anyio.move_on_after(limit) as self._scope:
            await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
            return
        raise LimitReached

    async def wait(self, event: anyio.Event, limit: float | None) -> None:
        """Wait for an event of the exchange."""
        with anyio.move_on_after(limit) as self._scope:
            await event.wait()
            return
        raise LimitReached


class AsyncHttpxExchange:
    """One request and its response: a task that sends, reads ahead, and cleans up."""

    def __init__(
        self, http: AsyncClientLike[Any], request: Request, timeout: Timeout, budget: Budget, io: AsyncHttpxIO
    ) -> None:
        self._http = http
        self._request = request
        self._timeout = timeout
        self._budget = budget
        self._io = io
        self._scope = anyio.CancelScope()
        self._head: Head | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._failure: Exception | None = None
        self._arrived = anyio.Event()
        self._drained = anyio.Event()
        self.ended = anyio.Event()

    @property
    def head(self) -> Head:
        assert self._head is not None
        return self._head

    def start(self, working: set[AsyncHttpxExchange]) -> None:
        """Start the task; it is in ``working`` until it ends."""
        working.add(self)
        if _on_asyncio():
            task = asyncio.ensure_future(self._work(working))
            task.add_done_callback(lambda _: None)
        else:
            import trio

            trio.lowlevel.spawn_system_task(self._work, working)

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        yield from self.wait("idle", at_most)
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._drained.set()
        return data

    def abort(self) -> None:
        if not self.ended.is_set():
            self._scope.cancel()

    def wait(self, phase: Phase, at_most: float | None) -> IoSteps[None]:
        """Wait for the head, or for bytes; raises the task's failure when all that came before it was taken."""
        budget, io = self._budget, self._io
        began = io.now()
        try:
            while not (self._pieces or self.ended.is_set() or (phase == "read" and self._head is not None)):
                self._arrived = anyio.Event()
                limit = budget.limit(phase, at_most)
                yield partial(io.wait, self._arrived, None if limit is None else limit - (io.now() - began))
        except LimitReached:
            pass
        else:
            if self._failure is not None and not self._pieces:
                raise translate(self._failure, self._request, budget, phase) or self._failure
            return
        finally:
            budget.spend(io.now() - began)
        raise budget.timed_out(phase, sent=True, where=self._request.authority)

    async def _work(self, working: set[AsyncHttpxExchange]) -> None:
        try:
            with self._scope:
                await self._exchange()
        except Exception as error:
            self._failure = error
        finally:
            working.discard(self)
            self.ended.set()
            self._arrived.set()

    async def _exchange(self) -> None:
        request = make_request(self._http, self._request, self._timeout)
        response = await self._http.send(request, stream=True, follow_redirects=False)
        pieces: AsyncIterator[bytes] | None = None
        try:
            if self._scope.cancel_called:
                return
            self._head = make_head(response)
            self._arrived.set()
            pieces = response.aiter_raw()
            async for piece in pieces:
                self._pieces.append(piece)
                self._size += len(piece)
                self._arrived.set()
                if self._size > _READ_AHEAD_BYTES:
                    self._drained = anyio.Event()
                    await self._drained.wait()
            pieces = None  # at their end: there is nothing to unwind
        finally:
            with anyio.CancelScope(shield=True), suppress(Exception):
                await _close(response, pieces)


async def _close(response: AsyncResponseLike, pieces: AsyncIterator[bytes] | None) -> None:
    """Close a response wherever its reading stands.

    Closing alone would leave httpx's nested generators to the garbage collector; only an error from the innermost one
    unwinds them. So reading goes on under a cancellation, which ends it at its next wait.
    """
    if pieces is not None:
        with suppress(Exception), anyio.CancelScope() as scope:
            scope.cancel()
            async for _ in pieces:
                pass
    await response.aclose()


def _tell_sent(observer: EventLog, request: Request) -> None:
    if observer.is_watching:
        observer.tell(RequestSent(request.method, request.base + request.path))


def _tell_received(observer: EventLog, request: Request, head: Head, seconds: float) -> None:
    if observer.is_watching:
        observer.tell(ResponseReceived(request.method, request.base + request.path, head.status, seconds))


def _on_asyncio() -> bool:
    """Is this a task of asyncio? If not, trio runs."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


def _make_client(proxy: str | None) -> ClientLike[Any]:
    import httpx

    return httpx.Client(**_client_options(httpx, proxy))


def _make_async_client(proxy: str | None) -> AsyncClientLike[Any]:
    import httpx

    return httpx.AsyncClient(**_client_options(httpx, proxy))


def _client_options(httpx: Any, proxy: str | None) -> dict[str, Any]:
    """The settings of a client that is made here; as many connections as the raw drivers have."""
    pool = PoolLimits()
    limits = httpx.Limits(
        max_connections=pool.connections, max_keepalive_connections=pool.idle, keepalive_expiry=pool.keep_alive
    )
    return {
        "verify": default_context(),
        "trust_env": False,
        "proxy": proxy,
        "cookies": _no_cookies(),
        "limits": limits,
    }


def _no_cookies() -> CookieJar:
    """A jar that takes none: accounts that share a client share nothing else."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
