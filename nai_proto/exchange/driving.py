"""Drive a flow. Written once, for all drivers.

This code yields *steps*: functions without arguments that each do one piece of I/O. A synchronous driver calls them, an
asynchronous driver awaits what they return; both send in the result, or throw in the error. So all except the I/O itself,
from timeouts to the reuse of connections, is the same code under each runtime, and pure: a runtime passes in its `IO`.

A transport's errors are thrown into the flow. Cancellation, KeyboardInterrupt and the caller's own exceptions pass through
unchanged, after the connection is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from ..errors import ClosedError, LocalProtocolError, NaiError
from ..http import Head
from .actions import Compute, Emit, Incoming, Receive, Send, Sleep
from .budget import Budget, LimitReached
from .observation import Observer, ObserverFailed, Waiting
from .run import Run

__all__ = ["IO", "Exchange", "Execution", "IoStep", "IoSteps", "Transport", "perform", "run_steps"]

E = TypeVar("E")
R = TypeVar("R")
T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

IoStep: TypeAlias = Callable[[], Any]
"""One piece of I/O: returns its result in a synchronous driver, an awaitable of it in an asynchronous one."""
IoSteps: TypeAlias = Generator[IoStep, Any, T]
"""Yields steps, is sent their results, and returns a value."""


def run_steps(steps: IoSteps[T]) -> T:
    """Perform some steps, and return their value."""
    try:
        step = next(steps)
        while True:
            try:
                result = step()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value


class Exchange(Protocol):
    """One request and its response. `abort` is synchronous, so that it cannot be interrupted."""

    @property
    def head(self) -> Head: ...
    def receive(self, at_most: float | None) -> IoSteps[bytes]: ...
    def abort(self) -> None: ...


class IO(Protocol):
    """The I/O of one run. Limits are in seconds; reaching one raises `LimitReached`."""

    @property
    def now(self) -> Callable[[], float]:
        """Seconds of a clock that only goes forward."""
        ...

    @property
    def draw(self) -> Callable[[float, float], float]:
        """Draws the length of a pause, in seconds, between two bounds."""
        ...

    @property
    def sleep(self) -> Callable[[float], Any]: ...
    def compute(self, function: Callable[[], None], limit: float | None) -> Any: ...
    def cancel(self) -> None:
        """End the current wait, from any task or thread."""
        ...

    def close(self) -> None:
        """Release the resources of the run, which has ended."""
        ...


class Transport(Protocol):
    """Sends requests for any number of runs at once."""

    def open_io(self) -> IO: ...
    def send(self, send: Send, budget: Budget, io: Any) -> IoSteps[Exchange]: ...
    def close(self) -> Any: ...


def perform(run: Run[E, R], transport: Transport, io: IO, observer: Observer) -> Generator[IoStep | Emit[E], Any, None]:
    """Perform the actions of a flow, and yield I/O steps, and the flow's events.

    All time is charged to the total, except what the caller takes for the events.
    """
    exchange: Exchange | None = None
    budget = run.budget
    try:
        action = run.start()
        while action is not None:
            incoming: Incoming = None
            try:
                match action:
                    case Emit():
                        yield action
                    case Receive():
                        if exchange is None:
                            raise LocalProtocolError("Receive before Send")
                        incoming = yield from exchange.receive(action.at_most)
                    case Send():
                        if exchange is not None:
                            exchange.abort()
                            exchange = None
                        budget = run.budget_for(action)
                        exchange = yield from transport.send(action, budget, io)
                        incoming = exchange.head
                    case Sleep():
                        yield from _pause(action, run.budget, io, observer)
                    case Compute():
                        yield from _compute(action, run.budget, io, sent=exchange is not None)
                    case _:
                        raise AssertionError("`Run` handles GetContext")
            except NaiError as error:
                action = run.throw(error)
            else:
                with budget.begin("total", io.now):  # reading a flood of events takes longer than receiving it
                    action = run.send(incoming)
    finally:
        run.close()
        if exchange is not None:
            exchange.abort()


def _pause(sleep: Sleep, budget: Budget, io: IO, observer: Observer) -> IoSteps[None]:
    seconds = io.draw(sleep.at_least, sleep.at_most)
    if observer.is_watching:
        error = sleep.reason
        reason = None if error is None else f"{type(error).__name__} {getattr(error, 'status', '')}".strip()
        observer.tell(Waiting(seconds, reason, error, sleep.attempt, sleep.attempts))
    left = budget.remaining
    yield partial(io.sleep, seconds if left is None else min(seconds, left))
    budget.spend(seconds)
    if left is not None and seconds > left:
        raise budget.timed_out("total", sent=True)


def _compute(job: Compute[Any], budget: Budget, io: IO, *, sent: bool) -> IoSteps[None]:
    try:
        with budget.begin("total", io.now) as deadline:
            yield partial(io.compute, job.perform, deadline.left())
        return
    except LimitReached:
        pass
    raise budget.timed_out("total", sent=sent)


class Execution(Generic[E_co, R_co]):
    """One run of a flow over a transport, step by step, for a stream.

    A flow that was stopped never seems to have ended: after an error, each step raises it again, and after a cancellation
    or `close`, each step raises ClosedError.
    """

    def __init__(self, run: Run[E_co, R_co], transport: Transport, observer: Observer) -> None:
        self.run = run
        self.io = transport.open_io()
        self.batch: Sequence[E_co] | None = None
        "The events after the last step, or None at the end of the flow."
        self.has_started = self.has_ended = self.is_closed = self._is_cancelled = False
        self._steps: Generator[Any, Any, None] = perform(run, transport, self.io, observer)
        self._failure: NaiError | None = None

    def start(self) -> IoStep | None:
        """Begin, or continue after a batch of events; return as `send` does."""
        if self._failure is not None:
            raise self._failure
        if self.has_ended:
            return None
        self.has_started = True
        if self._is_cancelled:
            self.close()
        return self.send(None)

    def send(self, result: Any) -> IoStep | None:
        """Send in a step's result; return the next step, or None if `batch` has events, or the flow has ended."""
        if self.is_closed:
            raise self._was_closed()
        try:
            return self._next(self._steps.send(result))
        except BaseException as error:
            self._stopped(error)
        return None

    def throw(self, error: BaseException) -> IoStep | None:
        """Throw in a step's error; return as `send` does."""
        if self.is_closed:
            raise self._was_closed()
        try:
            return self._next(self._steps.throw(error))
        except BaseException as stopped:
            self._stopped(stopped)
        return None

    def cancel(self) -> None:
        """End the current wait, or the run at its next step; from another thread if the runtime allows that."""
        self._is_cancelled = True
        self.io.cancel()

    def close(self) -> None:
        """Stop the flow, and give up its connection; do nothing if it has ended."""
        self._steps.close()
        self._end()

    def _next(self, yielded: Any) -> IoStep | None:
        if yielded.__class__ is Emit:
            if self._is_cancelled:
                raise self._was_closed()
            self.batch = yielded.events
            return None
        step: IoStep = yielded
        return step

    def _was_closed(self) -> ClosedError:
        error = ClosedError("the stream was closed or cancelled before its end; run it again for the rest")
        error.partial = self.run.partial
        return error

    def _stopped(self, error: BaseException) -> None:
        """Note the end of the flow, or raise the error that ended it."""
        if isinstance(error, StopIteration):
            if self._is_cancelled:
                self._end()
                raise self._was_closed()
            self.has_ended = True
            self.batch = None
            self.io.close()
            return
        self._steps.close()
        self._end()
        if isinstance(error, ObserverFailed):
            raise error.error from error.error.__cause__
        self._failure = error if isinstance(error, NaiError) else None
        raise error

    def _end(self) -> None:
        if not self.is_closed and not self.has_ended:
            self.is_closed = True
            self.io.close()
