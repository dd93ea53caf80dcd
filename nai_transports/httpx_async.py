"""Send requests with httpx's async client, on asyncio or trio, each in a task of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread

from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget, LimitReached
from nai_proto.exchange.driving import IoSteps
from nai_proto.exchange.observation import ExchangeWatch
from nai_proto.http import Head, Request

from .events import EventLog
from .httpx_first_bytes import AsyncFirstBytes
from .httpx_messages import (
    AsyncClientLike,
    AsyncResponseLike,
    Timeout,
    check_proxied,
    make_head,
    make_request,
    make_timeout,
    translate,
)
from .httpx_phases import Phases

__all__ = ["AsyncHttpxTransport", "is_on_asyncio"]

_READ_AHEAD_BYTES: Final = 262_144
"""Bytes to read ahead of the flow, before httpx has to wait."""


class AsyncHttpxTransport:
    """Send requests through httpx's async client. Arguments as for `HttpxTransport`."""

    def __init__(self, http: AsyncClientLike[Any], observer: EventLog, *, owns: bool, has_proxy: bool = False) -> None:
        self._http = http
        self._has_proxy = has_proxy
        self._owns = owns
        self._observer = observer
        self._working: set[AsyncHttpxExchange] = set()

    def open_io(self) -> AsyncHttpxIO:
        return AsyncHttpxIO()

    def send(self, send: Send, budget: Budget, io: AsyncHttpxIO) -> IoSteps[AsyncHttpxExchange]:
        request = send.request
        if self._has_proxy:
            check_proxied(request)
        # The exchange limits each wait for bytes itself.
        timeout: Timeout = {**make_timeout(budget), "read": None}
        watch = ExchangeWatch(self._observer, request, io.now)
        watch.begin()
        exchange = AsyncHttpxExchange(self._http, request, timeout, budget, io, watch)
        exchange.start(self._working)
        try:
            yield from exchange.wait(lambda: exchange.has_head)
            watch.receive_head(exchange.head)
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
    """The I/O of one run."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None

    now = staticmethod(anyio.current_time)
    draw = staticmethod(random.uniform)

    def cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def close(self) -> None:
        """Do nothing: the run holds no resources."""

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
    """One request and its response, in a task that sends, reads ahead, and cleans up."""

    def __init__(
        self,
        http: AsyncClientLike[Any],
        request: Request,
        timeout: Timeout,
        budget: Budget,
        io: AsyncHttpxIO,
        watch: ExchangeWatch,
    ) -> None:
        self._http = http
        self._request = request
        self._timeout = timeout
        self._budget = budget
        self._phases = Phases(budget, io.now)
        self._first_bytes = AsyncFirstBytes(request)
        self._io = io
        self._watch = watch
        self._scope = anyio.CancelScope()
        self._head: Head | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._failure: Exception | None = None
        self._arrived = anyio.Event()
        self._drained = anyio.Event()
        self.ended = anyio.Event()

    @property
    def has_head(self) -> bool:
        """Is the response's head received?"""
        return self._head is not None

    @property
    def head(self) -> Head:
        assert self._head is not None
        return self._head

    def start(self, working: set[AsyncHttpxExchange]) -> None:
        """Start the task, which is in ``working`` until it ends."""
        working.add(self)
        if is_on_asyncio():
            task = asyncio.ensure_future(self._work(working))
            task.add_done_callback(lambda _: None)
        else:
            import trio

            trio.lowlevel.spawn_system_task(self._work, working)

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        self._phases.enter("idle", at_most)
        yield from self.wait(lambda: bool(self._pieces))
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._drained.set()
        self._watch.receive_data(data)
        return data

    def abort(self) -> None:
        try:
            self._watch.give_up()
        finally:
            if not self.ended.is_set():
                self._scope.cancel()

    def wait(self, holds: Callable[[], bool]) -> IoSteps[None]:
        """Wait until something holds, or the task has ended; raise the task's error after all bytes before it."""
        failure: Exception | None = None
        try:
            self._phases.left()
            while not (holds() or self.ended.is_set()):
                self._arrived = anyio.Event()
                yield partial(self._io.wait, self._arrived, self._phases.left())
            if not self._pieces:
                failure = self._failure
        except LimitReached as reached:
            failure = reached
        finally:
            self._phases.pause()
        if failure is not None:
            raise translate(failure, self._request, self._budget, self._phases) or failure

    async def _follow(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow the exchange by an event of ``trace``."""
        self._phases.follow(event, info)
        self._first_bytes.follow(event, info)
        self._arrived.set()

    async def _work(self, working: set[AsyncHttpxExchange]) -> None:
        try:
            with self._scope:
                await self._exchange()
        except Exception as error:
            self._failure = error
        finally:
            if (stream := self._phases.unfinished) is not None:
                with anyio.CancelScope(shield=True), suppress(Exception):
                    await stream.aclose()
            working.discard(self)
            self.ended.set()
            self._arrived.set()

    async def _exchange(self) -> None:
        request = make_request(self._http, self._request, self._timeout, self._follow)
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
            pieces = None  # complete: there is nothing to unwind
        finally:
            with anyio.CancelScope(shield=True), suppress(Exception):
                await _close(response, pieces)


async def _close(response: AsyncResponseLike, pieces: AsyncIterator[bytes] | None) -> None:
    """Close a response, however much of it was read.

    Closing alone would leave httpx's nested generators to the garbage collector; only an error in the innermost one
    unwinds them. Therefore, read on in a cancelled scope, which raises at the next wait.
    """
    if pieces is not None:
        with suppress(Exception), anyio.CancelScope() as scope:
            scope.cancel()
            async for _ in pieces:
                pass
    await response.aclose()


def is_on_asyncio() -> bool:
    """Return whether this is a task of asyncio; otherwise trio is running."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
