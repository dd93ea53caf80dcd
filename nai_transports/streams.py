"""Streams, synchronous and asynchronous, which perform the steps of `nai_proto.exchange.driving`."""

from __future__ import annotations

import os
import threading
import time
import types
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from itertools import islice
from operator import length_hint
from typing import Final, Generic, Self, TypeVar, cast

from nai_proto.errors import LocalProtocolError
from nai_proto.exchange.actions import Runnable
from nai_proto.exchange.driving import Execution, Transport
from nai_proto.exchange.run import Run
from nai_proto.exchange.session import Session

from .events import EventLog

__all__ = ["AsyncStream", "CancellableStream", "Stream"]

E = TypeVar("E")
R = TypeVar("R")
P_co = TypeVar("P_co", covariant=True)

_EVENTS_PER_TURN: Final = 64
"""Events before other tasks have a turn. A turn costs several times as much as an event."""


class _BaseStream(Generic[E, R, P_co]):
    """The base of both kinds of stream."""

    def __init__(self, flow: Runnable[E, R], session: Session, transport: Transport, log: EventLog) -> None:
        run = Run(flow, session, now=time.time, entropy=os.urandom)
        self._execution = Execution(run, transport, log)
        self._events: list[E] = []  # the last batch; clearing it ends its iterator
        self._batch: Iterator[E] = iter(self._events)

    def _take(self, batch: Sequence[E]) -> None:
        self._events = [*batch]
        self._batch = iter(self._events)

    @property
    def result(self) -> R:
        """The result of the flow.

        Raises:
            LocalProtocolError: the stream has not come to its end.
        """
        return self._execution.run.result

    @property
    def partial(self) -> P_co:
        """The result so far, at any moment, also after an error or a cancellation.

        For an operation, the result of its events so far, or None. For a flow, that of its current operation, or what
        `Flow.with_partial` makes of it.
        """
        return cast("P_co", self._execution.run.partial)

    def __del__(self) -> None:
        execution: Execution[E, R] | None = getattr(self, "_execution", None)
        if execution is None or not execution.has_started or execution.has_ended or execution.is_closed:
            return
        name = type(self).__name__
        warnings.warn(f"a {name} was dropped before its end: use `with`", ResourceWarning, stacklevel=2, source=self)
        execution.close()


class Stream(_BaseStream[E, R, P_co]):
    """A running flow: iterate over its events, then get its `result`. Leaving the ``with`` block closes the connection."""

    def __iter__(self) -> Iterator[E]:
        yield from self._batch  # an event costs one step of a generator, and no call
        while (batch := self.next_batch()) is not None:
            self._take(batch)
            yield from self._batch

    def next_batch(self) -> Sequence[E] | None:
        """Return all events that one read completed, or None at the end.

        Raises:
            ClosedError: the stream was closed or cancelled before its end.
        """
        execution = self._execution
        step = execution.start()
        while step is not None:
            try:
                result = step()
            except BaseException as error:
                step = execution.throw(error)
            else:
                step = execution.send(result)
        return execution.batch

    def cancel(self) -> None:
        """End the stream at once, from any thread. A wait for it, or iterating further, raises ClosedError."""
        self._execution.cancel()
        self._events.clear()

    def close(self) -> None:
        """Stop the flow and close its connection; do nothing if it has ended. From another thread, call `cancel`."""
        self._events.clear()
        self._execution.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@types.coroutine
def _take_turn() -> Generator[None]:
    """Let asyncio's other tasks run, as ``asyncio.sleep(0)`` does, which programs on trio need not import."""
    yield


class AsyncStream(_BaseStream[E, R, P_co]):
    """A running flow: iterate over its events with ``async for``, or call `next_batch`, then get its `result`.

    Leaving the ``async with`` block closes the connection at once, without waiting: this is not an async generator. No
    deadline is open while the caller's loop body runs.

    Events that are already received are given without a wait, but after 64 of them, other tasks have a turn. A
    cancellation then closes the stream, as it does at any other wait; on trio, it does so at the next event
    (docs/connections.md#threads-and-cancellation). `partial` has all that was received.
    """

    _checkpoint: Callable[[], Awaitable[object]] = staticmethod(_take_turn)
    "Lets other tasks run, and raises if this one is cancelled."

    def __init__(self, flow: Runnable[E, R], session: Session, transport: Transport, log: EventLog) -> None:
        super().__init__(flow, session, transport, log)
        self._thread = threading.get_ident()
        self._turn: Iterator[E] = iter(())  # of the batch, what is given before other tasks have a turn
        self._left = _EVENTS_PER_TURN  # events that may follow the batch before that; negative if the batch is too long

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        for event in self._turn:  # all that a received event costs
            return event
        while await self._next_turn():
            for event in self._turn:
                return event
        raise StopAsyncIteration

    async def _next_turn(self) -> bool:
        """Set `_turn` to the next events; return False at the end."""
        if length_hint(self._batch):
            await self._let_others_run()
            self._left -= length_hint(self._batch)
        elif (batch := await self.next_batch()) is not None:
            self._take(batch)
        else:
            return False
        self._turn = islice(self._batch, self._left + length_hint(self._batch))
        return True

    async def _let_others_run(self) -> None:
        try:
            await self._checkpoint()
        except BaseException:
            self.close()
            raise
        self._left = _EVENTS_PER_TURN

    async def next_batch(self) -> Sequence[E] | None:
        """Return all events that one read completed, or None at the end; costs less per event than iterating.

        If 64 events or more were given since the last turn of other tasks, they have one first.

        Raises:
            ClosedError: the stream was closed or cancelled before its end.
        """
        if self._left <= 0:
            await self._let_others_run()
        execution = self._execution
        step = execution.start()
        while step is not None:
            try:
                result = await step()
            except BaseException as error:
                step = execution.throw(error)
            else:
                if execution.is_closed and hasattr(result, "abort"):
                    result.abort()  # a connection that came too late
                step = execution.send(result)
        batch = execution.batch
        if batch is not None:
            self._left -= len(batch)
        return batch

    def close(self) -> None:
        """Stop the flow and close its connection at once, from any task of its event loop; do nothing if it has ended.

        A task that waits for the stream gets ClosedError.

        Raises:
            LocalProtocolError: this is not the thread of the stream's event loop. From another thread, use
                ``loop.call_soon_threadsafe(stream.close)`` or ``trio.from_thread.run_sync(stream.close)``.
        """
        if threading.get_ident() != self._thread:
            raise LocalProtocolError(
                "an async stream is closed in the thread of its event loop: loop.call_soon_threadsafe(stream.close) on "
                "asyncio, trio.from_thread.run_sync(stream.close, trio_token=…) on trio"
            )
        self._events.clear()
        if not self._execution.has_ended:
            self._execution.cancel()
            self._execution.close()

    cancel = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()


class CancellableStream(AsyncStream[E, R, P_co]):
    """A stream that a cancelled scope ends at the next event, even if that is already received."""

    _check_cancelled: Callable[[], Awaitable[object]]

    async def __anext__(self) -> E:
        try:
            await self._check_cancelled()
        except BaseException:
            self.close()
            raise
        for event in self._turn:
            return event
        return await super().__anext__()
