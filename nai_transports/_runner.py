"""What turns a flow, written once for all drivers.

A driver is a generator of *calls*: functions without arguments that do one piece of I/O. A synchronous client performs
them, an asynchronous one awaits what they return, and sends in the answer or throws in the error. So everything but the
I/O itself, from timeouts to the reuse of connections, is the same code under each runtime.

Errors of a transport are thrown into the flow. Cancellation, KeyboardInterrupt and the caller's own exceptions pass
through unchanged, after the connection has been closed.
"""

from __future__ import annotations

import os
import random
import time
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, cast, overload
from weakref import WeakSet

from nai_proto.errors import ClosedError, InvalidRequestError, InvalidTypeError, LocalProtocolError, NaiError
from nai_proto.exchange.actions import Compute, Emit, Incoming, Receive, Runnable, Send, Sleep
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.call import Call
from nai_proto.exchange.flow import PartialFlow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.run import Run
from nai_proto.exchange.session import Session
from nai_proto.http import Head
from nai_proto.secret import Token

from .events import Event, Observer, ObserverFailed, Waiting

__all__ = [
    "IO",
    "AsyncClient",
    "AsyncStream",
    "Client",
    "Exchange",
    "IoCall",
    "IoSteps",
    "LimitReached",
    "Stream",
    "Transport",
    "run_steps",
]

E = TypeVar("E")
R = TypeVar("R")
P = TypeVar("P")
Q = TypeVar("Q")
T = TypeVar("T")

IoCall: TypeAlias = Callable[[], Any]
"""One piece of I/O: returns its answer to a synchronous driver, an awaitable of it to an asynchronous one."""
IoSteps: TypeAlias = Generator[IoCall, Any, T]
"""Code of a driver: yields calls, is sent their answers, and returns a value."""


class LimitReached(Exception):
    """A wait took as long as it may. Not TimeoutError, which the operating system raises as well."""


def run_steps(steps: IoSteps[T]) -> T:
    """Perform the calls of a driver's code, outside of any flow."""
    try:
        call = next(steps)
        while True:
            try:
                answer = call()
            except BaseException as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


class Exchange(Protocol):
    """One request and its response. `abort` is synchronous, so that nothing can interrupt it."""

    @property
    def head(self) -> Head: ...
    def receive(self, at_most: float | None) -> IoSteps[bytes]: ...
    def abort(self) -> None: ...


class IO(Protocol):
    """What one run needs of its runtime. Limits are seconds; reaching one raises `LimitReached`."""

    def now(self) -> float: ...
    def sleep(self, seconds: float) -> Any: ...
    def compute(self, function: Callable[[], None], limit: float | None) -> Any: ...
    def cancel(self) -> None:
        """End the wait under way, from any task or thread."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


class Transport(Protocol):
    """Sends requests for any number of runs at once."""

    def open_io(self) -> IO: ...
    def send(self, send: Send, budget: Budget, io: Any) -> IoSteps[Exchange]: ...
    def close(self) -> Any: ...


def perform(run: Run[E, R], transport: Transport, io: IO, observer: Observer) -> Generator[IoCall | Emit[E], Any, None]:
    """Perform the actions of a flow. What is yielded is a call, or the flow's events."""
    exchange: Exchange | None = None
    try:
        action = run.start()
        while action is not None:
            incoming: Incoming = None
            try:
                match action:
                    case Emit():
                        yield action
                    case Receive(at_most):
                        if exchange is None:
                            raise LocalProtocolError("Receive before Send")
                        incoming = yield from exchange.receive(at_most)
                    case Send():
                        if exchange is not None:
                            exchange.abort()
                            exchange = None
                        exchange = yield from transport.send(action, run.budget_for(action), io)
                        incoming = exchange.head
                    case Sleep():
                        yield from _pause(action, run.budget, io, observer)
                    case Compute():
                        yield from _compute(action, run.budget, io, sent=exchange is not None)
                    case _:
                        raise AssertionError("GetContext is answered by the run")
            except NaiError as error:
                action = run.throw(error)
            else:
                action = run.send(incoming)
    finally:
        run.close()
        if exchange is not None:
            exchange.abort()


def _pause(sleep: Sleep, budget: Budget, io: IO, observer: Observer) -> IoSteps[None]:
    seconds = random.uniform(sleep.at_least, sleep.at_most)
    if observer.is_watching:
        reason = sleep.reason
        status = getattr(reason, "status", "")
        observer.tell(Waiting(seconds, None if reason is None else f"{type(reason).__name__} {status}".strip()))
    left = budget.remaining
    yield partial(io.sleep, seconds if left is None else min(seconds, left))
    budget.spend(seconds)
    if left is not None and seconds > left:
        raise budget.timed_out("total", sent=True)


def _compute(job: Compute[Any], budget: Budget, io: IO, *, sent: bool) -> IoSteps[None]:
    began = io.now()
    try:
        yield partial(io.compute, job.perform, budget.remaining)
        return
    except LimitReached:
        pass
    finally:
        budget.spend(io.now() - began)
    raise budget.timed_out("total", sent=sent)


class _BaseStream(Generic[E, R, P]):
    """What both kinds of stream know of their run."""

    def __init__(self, flow: Runnable[E, R], session: Session, transport: Transport, observer: Observer) -> None:
        self._run = Run(flow, session, now=time.time, entropy=os.urandom)
        self._io = transport.open_io()
        self._steps = perform(self._run, transport, self._io, observer)
        self._batch: Iterator[E] = iter(())
        self._failure: NaiError | None = None
        self._ended = self._closed = self._started = False

    @property
    def result(self) -> R:
        """What the flow returned.

        Raises:
            LocalProtocolError: the stream has not come to its end.
        """
        return self._run.result

    @property
    def partial(self) -> P:
        """The result so far, at any moment: also after an error or a cancellation.

        Of an operation, what its events make together, or None while there is nothing. Of a flow, that of the operation
        under way, or what `Flow.with_partial` makes of it.
        """
        return cast("P", self._run.partial)

    def _send(self, answer: Any) -> IoCall | Emit[E] | None:
        """The next step; None at the end of the flow."""
        return self._advance(partial(self._steps.send, answer))

    def _throw(self, error: BaseException) -> IoCall | Emit[E] | None:
        return self._advance(partial(self._steps.throw, error))

    def _advance(self, step: Callable[[], IoCall | Emit[E]]) -> IoCall | Emit[E] | None:
        if self._closed:
            raise self._closed_error()
        try:
            return step()
        except StopIteration:
            self._ended = True
        except ObserverFailed as failed:
            self._end()
            raise failed.error from failed.error.__cause__
        except NaiError as error:
            self._failure = error
            self._end()
            raise
        except BaseException:
            self._end()
            raise
        self._io.close()
        return None

    def _check(self) -> None:
        """Raise unless the stream can go on: an end that came too early is never taken for the end of the flow."""
        if self._failure is not None:
            raise self._failure
        if self._closed and not self._ended:
            raise self._closed_error()

    def _closed_error(self) -> ClosedError:
        error = ClosedError("the stream was closed or cancelled before its end; run it again for the rest")
        error.partial = self._run.partial
        return error

    def _end(self) -> None:
        if not self._closed and not self._ended:
            self._closed = True
            self._io.close()
        self._batch = iter(())

    def __del__(self) -> None:
        if not getattr(self, "_started", False) or self._ended or self._closed:
            return
        name = type(self).__name__
        warnings.warn(f"a {name} was dropped before its end: use `with`", ResourceWarning, stacklevel=2, source=self)
        self._steps.close()
        self._end()


class Stream(_BaseStream[E, R, P]):
    """A flow on its way: iterate for its events, then ask for its `result`. Leaving the block closes the connection."""

    def __iter__(self) -> Iterator[E]:
        yield from self._batch  # the caller's loop runs on generators alone: nothing of ours is called for an event
        while (batch := self.next_batch()) is not None:
            self._batch = iter(batch)
            yield from self._batch

    def next_batch(self) -> Sequence[E] | None:
        """Return all events that one read completed, or None at the end.

        Raises:
            ClosedError: the stream was closed or cancelled before its end.
        """
        self._check()
        if self._ended:
            return None
        self._started = True
        step = self._send(None)
        while step is not None and not isinstance(step, Emit):
            try:
                answer = step()
            except BaseException as error:
                step = self._throw(error)
            else:
                step = self._send(answer)
        return None if step is None else step.events

    def cancel(self) -> None:
        """End the stream at once, from any thread: a wait under way raises ClosedError in the thread that waits."""
        self._io.cancel()

    def close(self) -> None:
        """Stop the flow and close its connection; harmless when it has ended. Of another thread's stream, `cancel`."""
        self._steps.close()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncStream(_BaseStream[E, R, P]):
    """A flow on its way: ``async for`` its events, or take them by `next_batch`, then ask for its `result`.

    Not an async generator: leaving the block closes the connection at once, without waiting for anything. No deadline
    is open while the caller's loop body runs.
    """

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        for event in self._batch:  # the whole price of an event that is already here
            return event
        while (batch := await self.next_batch()) is not None:
            self._batch = iter(batch)
            for event in self._batch:
                return event
        raise StopAsyncIteration

    async def next_batch(self) -> Sequence[E] | None:
        """Return all events that one read completed, or None at the end: for loops that must be cheap.

        Raises:
            ClosedError: the stream was closed or cancelled before its end.
        """
        self._check()
        if self._ended:
            return None
        self._started = True
        step = self._send(None)
        while step is not None and not isinstance(step, Emit):
            try:
                answer = await step()
            except BaseException as error:
                step = self._throw(error)
            else:
                if self._closed and hasattr(answer, "abort"):
                    answer.abort()  # a connection that came too late
                step = self._send(answer)
        return None if step is None else step.events

    def cancel(self) -> None:
        """End the stream at once, from any task: a wait under way raises ClosedError in the task that waits."""
        self.close()

    def close(self) -> None:
        """Stop the flow and close its connection at once; harmless when it has ended, and when called twice."""
        self._steps.close()
        if not self._ended:
            self._io.cancel()
        self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()


class _BaseClient:
    """What all clients know."""

    def __init__(
        self,
        session: Session | None,
        token: Token | str | None,
        base_url: str | None,
        on_event: Callable[[Event], object] | None,
    ) -> None:
        self.session = _make_session(session, token, base_url)
        self._observer = Observer(on_event)
        self._streams: WeakSet[Any] = WeakSet()
        self._closed = False
        self._transport: Transport

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the client is closed: make a new one")


class Client(_BaseClient):
    """Two verbs, `run` and `stream`. Threads may share one client."""

    def run(self, flow: Runnable[E, R]) -> R:
        """Run an operation or a flow to its end and return its result; its events are dropped.

        Raises:
            NaiError: what went wrong; ``partial`` has what had come.
            InvalidTypeError: this cannot be run; the message says what to write instead.
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
    def stream(self, flow: Runnable[E, R]) -> Stream[E, R, Any]:
        """Return a stream of an operation or a flow: use it as a context manager and iterate. Errors as for `run`."""
        self._check_open()
        stream: Stream[E, R, Any] = Stream(flow, self.session, self._transport, self._observer)
        self._streams.add(stream)
        return stream

    def close(self) -> None:
        """Cancel what is under way, and close all connections. The client cannot be used any more."""
        self._closed = True
        for stream in [*self._streams]:
            stream.cancel()
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncClient(_BaseClient):
    """Two verbs, `run` and `stream`. Any number of flows may be on their way at once."""

    async def run(self, flow: Runnable[E, R]) -> R:
        """Run an operation or a flow to its end and return its result; its events are dropped.

        Raises:
            NaiError: what went wrong; ``partial`` has what had come.
            InvalidTypeError: this cannot be run; the message says what to write instead.
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
    def stream(self, flow: Runnable[E, R]) -> AsyncStream[E, R, Any]:
        """Return a stream of an operation or a flow: use it as an async context manager and iterate. Errors as for `run`."""
        self._check_open()
        stream: AsyncStream[E, R, Any] = AsyncStream(flow, self.session, self._transport, self._observer)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        """Cancel what is under way, and close all connections. The client cannot be used any more."""
        self._closed = True
        for stream in [*self._streams]:
            stream.cancel()
        closing: Awaitable[None] = self._transport.close()
        await closing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _make_session(session: Session | None, token: Token | str | None, base_url: str | None) -> Session:
    """The session of a client: the one that is given, or one made from token and address, or from the environment.

    NAI_TOKEN and NAI_URL are looked at only where neither a session nor an address is given, so that no token goes to an
    address that it was not meant for.
    """
    if session is not None:
        if token is not None or base_url is not None:
            raise InvalidRequestError("give a session, or token and base_url, not both", parameter="session")
        if not isinstance(session, Session):
            raise InvalidTypeError(f"session takes nai.Session, not {type(session).__name__}", parameter="session")
        return session
    if base_url is None:
        token = token or os.environ.get("NAI_TOKEN") or None
        base_url = os.environ.get("NAI_URL") or None
    return Session(token=token, base_url=base_url)
