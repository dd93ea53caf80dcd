"""The actions of a flow: all that a driver has to perform.

A flow is a generator. It yields *actions*, and the driver sends in their results:

==========  ==========================================================  ===================================
action      the driver                                                  and sends in
==========  ==========================================================  ===================================
Send        sends the signed request, waits for the response's head     the `Head`
Receive     waits for more of the body                                  the bytes; ``b""`` at their end
Sleep       waits                                                       None
Emit        hands the events to the caller                              None
Compute     calls ``perform``, off the event loop if there is one       None
GetContext  (`Run` handles it)                                          the `FlowContext` in force
==========  ==========================================================  ===================================

The driver throws a transport's error into the flow, at the action that failed, so that the flow decides what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Never, Protocol, TypeAlias, TypeVar

import msgspec

from ..errors import NaiError
from ..http import Head, Request
from ..limits import Limits, Timeouts
from .retry import RetryPolicy
from .session import FlowOptions, Session

__all__ = [
    "GET_CONTEXT",
    "RECEIVE",
    "Action",
    "Compute",
    "Emit",
    "FlowContext",
    "GetContext",
    "HasPartial",
    "Incoming",
    "Receive",
    "Runnable",
    "Send",
    "Sleep",
    "Steps",
    "compute",
    "get_context",
]

E = TypeVar("E")
R = TypeVar("R")
T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class FlowContext(msgspec.Struct, frozen=True):
    """The context in force at one point of a flow."""

    session: Session
    "Base URLs, token, header fields, limits, timeouts and retry policy."
    now: Callable[[], float]
    "The time of day: seconds since 1970."
    entropy: Callable[[int], bytes]
    "Returns so many random bytes."
    remaining: float | None = None
    "Seconds left of the run's ``total``; None means no limit."

    @property
    def limits(self) -> Limits:
        """Bounds for what the server sends."""
        return self.session.limits

    @property
    def timeouts(self) -> Timeouts:
        """Seconds to wait, by phase."""
        return self.session.timeouts

    @property
    def retry(self) -> RetryPolicy:
        """How often a request is repeated, and how long to wait."""
        return self.session.retry

    def with_options(self, options: FlowOptions) -> FlowContext:
        """Return this context with the options that are set."""
        if options.is_empty:
            return self
        return msgspec.structs.replace(self, session=self.session.with_options(options))


class HasPartial(Protocol):
    """Has a partial result."""

    @property
    def partial(self) -> object:
        """The result so far, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``request``. The next `Receive` receives its response; an earlier response that is not complete is given up."""

    request: Request
    "Signed: it has a base URL."
    call: HasPartial | None = field(default=None, compare=False, repr=False)
    "Reads the response; its ``partial`` is the result so far, should the flow stop half-way."
    timeouts: Timeouts | None = field(default=None, compare=False, repr=False)
    "For this exchange, in addition to the ``total`` of the run. None: those of the session."
    limits: Limits | None = field(default=None, compare=False, repr=False)
    "Bounds for what the server sends; None: those of the session."


class Receive(msgspec.Struct, frozen=True):
    """Wait for more of the response's body."""

    at_most: float | None = None
    "Seconds to wait, if only the end of the body is missing, after which the connection can be reused."


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait between ``at_least`` and ``at_most`` seconds; the driver draws the jitter."""

    at_least: float
    at_most: float
    reason: NaiError | None = field(default=None, compare=False, repr=False)
    "The error after which a request is repeated, for observers."
    attempt: int | None = field(default=None, compare=False)
    "The number of the attempt that follows, from 2, for observers; None if it is not counted."
    attempts: int | None = field(default=None, compare=False)
    "How many attempts there may be, for observers; None as for `attempt`."


@dataclass(frozen=True, slots=True)
class Emit(Generic[E_co]):
    """Give the caller all events that one read completed, which costs little per event."""

    events: Sequence[E_co] = field(repr=False)


class GetContext(msgspec.Struct, frozen=True):
    """Get the context in force: session, timeouts, limits, retry policy, clock, entropy."""


class Compute(Generic[T]):
    """Heavy work: the driver calls `perform`, the flow reads `result`.

    After a cancellation, the function may still run in its thread, so it must share no mutable data.
    """

    __slots__ = ("_error", "_function", "_value")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: Exception | None = None

    def perform(self) -> None:
        """Call the function, and keep what it returns or raises."""
        try:
            self._value = self._function()
        except Exception as error:
            self._error = error

    @property
    def result(self) -> T:
        """The function's result; raises the function's error."""
        if self._error is not None:
            raise self._error
        return self._value


RECEIVE: Final = Receive()
GET_CONTEXT: Final = GetContext()

Action: TypeAlias = Send | Receive | Sleep | Emit[E_co] | Compute[Any] | GetContext
Incoming: TypeAlias = Head | bytes | FlowContext | None
Steps: TypeAlias = Generator[Action[E], Incoming, R]
"""A running flow, which emits events of type ``E`` and returns a result of type ``R``: the return annotation of a function
that is decorated with `nai.flow`."""


class Runnable(Protocol[E_co, R_co]):
    """What a client or ``yield from`` can run: a flow, an operation, a call, or a generator that has not started."""

    def __iter__(self) -> Generator[Action[E_co], Incoming, R_co]: ...


def compute(function: Callable[[], T]) -> Steps[Never, T]:
    """Return the result of ``function``, called without blocking an event loop."""
    job = Compute(function)
    yield job
    return job.result


def get_context() -> Steps[Never, FlowContext]:
    """Return the context in force."""
    context = yield GET_CONTEXT
    if not isinstance(context, FlowContext):
        raise TypeError(f"the result of GetContext is a FlowContext, not {type(context).__name__}")
    return context
