"""httpx, and any client with the same few methods, such as httpx2: sync, and on asyncio and trio.

httpx keeps the connections and speaks HTTP; what an answer means is decided in the core, as everywhere. The size of the
head is bounded by httpx itself (100 KiB), not by ``Limits.head``, and a head that drips by each of its reads. The sync
client looks at ``Timeouts.total`` between reads, so a run may overstay by one read; the other one is exact.

An async response closes with ``await``, an exchange without: so `AsyncHttpxExchange.abort` hands it to a task of its own,
where no second cancellation finds it. Closing the client waits for such tasks.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from nai_proto.errors import Phase
from nai_proto.exchange.session import Budget, Session
from nai_proto.http import Request

from . import _pump
from ._httpx import (
    AsyncClientLike,
    AsyncResponseLike,
    ClientLike,
    HeadersLike,
    RequestLike,
    ResponseLike,
    Timeout,
    built,
    head_of,
    names_of,
    text_of,
    timeout_of,
    translated,
)

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

T = TypeVar("T")


class Client(_pump.Client):
    """Runs flows on sync httpx.

    Args:
        session: who asks, and where.
        http: the client to use, of httpx or httpx2, with its own proxies, certificates and connection limits; it stays
            open. If None, one is made, and closed with this one.
    """

    def __init__(self, session: Session, http: ClientLike[Any] | None = None) -> None:
        super().__init__(session, HttpxTransport(http))


class HttpxTransport:
    """Sends requests through httpx."""

    def __init__(self, http: ClientLike[Any] | None) -> None:
        self._owns = http is None
        self._http: ClientLike[Any] = _made() if http is None else http

    def send(self, request: Request, budget: Budget) -> HttpxExchange:
        timeout = timeout_of(budget)

        def send() -> HttpxExchange:
            asked = built(self._http, request, timeout)
            return HttpxExchange(self._http.send(asked, stream=True, follow_redirects=False), timeout)

        return _told(send, budget, "read")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        if self._owns:
            self._http.close()


class HttpxExchange:
    """One response; its body is read raw, since no coding was asked for."""

    def __init__(self, response: ResponseLike, timeout: Timeout) -> None:
        self.head = head_of(response)
        self._response = response
        self._timeout = timeout
        self._pieces: Iterator[bytes] | None = None

    def receive(self, budget: Budget, at_most: float | None) -> bytes:  # noqa: ARG002 -- httpx cannot change a limit while it reads
        if self._pieces is None:
            self._timeout["read"] = budget.limit("idle")  # httpx looks here once, when reading begins
            self._pieces = self._response.iter_raw()
        if budget.limit("total") == 0:
            raise budget.timed_out("total", sent=True)
        pieces = self._pieces
        return _told(lambda: next(pieces, b""), budget, "idle")

    def abort(self) -> None:
        self._response.close()


class AsyncClient(_pump.AsyncClient):
    """Runs flows on httpx's async client: on asyncio or trio, whichever is running.

    Args:
        session: who asks, and where.
        http: the client to use, of httpx or httpx2, with its own proxies, certificates and connection limits; it stays
            open. If None, one is made, and closed with this one.
    """

    def __init__(self, session: Session, http: AsyncClientLike[Any] | None = None) -> None:
        super().__init__(session, AsyncHttpxTransport(http))


class AsyncHttpxTransport:
    """Sends requests through httpx's async client."""

    def __init__(self, http: AsyncClientLike[Any] | None) -> None:
        self._owns = http is None
        self._http: AsyncClientLike[Any] = _made_async() if http is None else http
        # httpx before 2 loses a slot of its pool when a task of asyncio is cancelled while httpx cleans up.
        self._apart = any(kind.__module__.partition(".")[0] == "httpx" for kind in type(self._http).__mro__)
        self._cancelled: set[asyncio.Future[Any]] = set()
        self._leaving: dict[object, Callable[[], Awaitable[object]]] = {}

    async def send(self, request: Request, budget: Budget) -> AsyncHttpxExchange:
        timeout = timeout_of(budget)

        async def send() -> AsyncHttpxExchange:
            asked = built(self._http, request, timeout)
            response = await self._http.send(asked, stream=True, follow_redirects=False)
            return AsyncHttpxExchange(self, response, timeout)

        return await self.told(send, budget, "read", budget.limit("total"), AsyncHttpxExchange.abort)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        with anyio.fail_after(limit):
            await anyio.to_thread.run_sync(function, abandon_on_cancel=True)

    def now(self) -> float:
        return anyio.current_time()

    async def close(self) -> None:
        await self._settled()
        for left in [*self._leaving.values()]:
            await left()
        if self._owns:
            await self._http.aclose()

    async def told(
        self,
        wait: Callable[[], Awaitable[T]],
        budget: Budget,
        phase: Phase,
        limit: float | None,
        lost: Callable[[T], None],
    ) -> T:
        """One wait of at most ``limit`` seconds: charged to the budget, its errors told in our words.

        ``lost`` gets what came when nobody waited for it any more.
        """
        began = anyio.current_time()
        names: list[str] | None = None
        text = ""
        try:
            with anyio.move_on_after(limit):
                return await (self._in_task(wait, lost) if self._apart and _on_asyncio() else wait())
        except Exception as error:
            names = names_of(error)
            if names is None:
                raise
            text = text_of(error)
        finally:
            budget.spend(anyio.current_time() - began)
        raise budget.timed_out(phase, sent=True) if names is None else translated(names, text, budget, phase)

    def leave(self, clean_up: Callable[[], Awaitable[None]], *, asyncio_runs: bool) -> None:
        """Runs a clean-up in a task that no cancellation of the caller's finds; `close` waits for it."""

        async def run() -> None:
            with suppress(Exception):
                await self._settled()
                await clean_up()

        if asyncio_runs:
            task = asyncio.ensure_future(run())
            self._leaving[task] = lambda: asyncio.wait([task])
            task.add_done_callback(self._leaving.__delitem__)
            return

        import trio

        left = trio.Event()

        async def run_and_say() -> None:
            try:
                await run()
            finally:
                del self._leaving[left]
                left.set()

        self._leaving[left] = left.wait
        trio.lowlevel.spawn_system_task(run_and_say)

    async def _in_task(self, wait: Callable[[], Awaitable[T]], lost: Callable[[T], None]) -> T:
        """Waits in a task of its own, which is cancelled once, and then not waited for.

        By a scope: it respects the shields around httpx's clean-up, which `asyncio.Task.cancel` does not.
        """
        scope = anyio.CancelScope()

        async def work() -> list[T]:
            with scope:
                return [await wait()]
            return []

        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait([task])
        except BaseException:
            scope.cancel()
            self._cancelled.add(task)
            task.add_done_callback(partial(self._over, lost))
            raise
        (got,) = task.result()
        return got

    def _over(self, lost: Callable[[T], None], task: asyncio.Future[list[T]]) -> None:
        self._cancelled.discard(task)
        if not task.cancelled() and task.exception() is None:
            for got in task.result():
                lost(got)

    async def _settled(self) -> None:
        """What was cancelled has ended."""
        if self._cancelled:
            await asyncio.wait([*self._cancelled])


class AsyncHttpxExchange:
    """One response; its body is read raw, since no coding was asked for."""

    def __init__(self, transport: AsyncHttpxTransport, response: AsyncResponseLike, timeout: Timeout) -> None:
        self.head = head_of(response)
        self._transport = transport
        self._asyncio_runs = _on_asyncio()
        self._response: AsyncResponseLike | None = response
        self._timeout = timeout
        self._pieces: AsyncIterator[bytes] | None = None

    async def receive(self, budget: Budget, at_most: float | None) -> bytes:
        if self._response is None:
            return b""
        if self._pieces is None:
            self._timeout["read"] = None  # each wait has a limit of its own
            self._pieces = self._response.aiter_raw()
        pieces = self._pieces
        limits = [limit for limit in (budget.limit("idle"), at_most) if limit is not None]

        async def receive() -> bytes:
            return await anext(pieces, b"")

        data = await self._transport.told(receive, budget, "idle", min(limits, default=None), _drop)
        if not data:
            self._response = None  # httpx has closed it
        return data

    def abort(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            self._transport.leave(lambda: _close(response, self._pieces), asyncio_runs=self._asyncio_runs)


def _drop(data: bytes) -> None:
    """What nobody waits for any more."""


async def _close(response: AsyncResponseLike, pieces: AsyncIterator[bytes] | None) -> None:
    """Closes a response wherever its reading stands.

    Closing alone would leave httpx's nested generators to the garbage collector, of which trio complains; only an error
    from the innermost one unwinds them. So reading goes on under a cancellation, which ends it at its next wait.
    """
    if pieces is not None:
        with suppress(Exception), anyio.CancelScope() as scope:
            scope.cancel()
            async for _ in pieces:
                pass
    await response.aclose()


def _on_asyncio() -> bool:
    """Is this a task of asyncio? If not, trio runs."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


def _told(wait: Callable[[], T], budget: Budget, phase: Phase) -> T:
    """One wait: charged to the budget, its errors told in our words."""
    began = time.monotonic() if budget.counts else 0.0
    try:
        return wait()
    except Exception as error:
        names = names_of(error)
        if names is None:
            raise
        text = text_of(error)
    finally:
        if budget.counts:
            budget.spend(time.monotonic() - began)
    raise translated(names, text, budget, phase)


def _made() -> ClientLike[Any]:
    import httpx

    return httpx.Client(verify=_context())


def _made_async() -> AsyncClientLike[Any]:
    import httpx

    return httpx.AsyncClient(verify=_context())


@cache
def _context() -> ssl.SSLContext:
    """One for all clients of a process: to read all authorities takes longer than many a request."""
    import httpx

    return httpx.create_ssl_context()
