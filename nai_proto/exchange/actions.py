"""The actions of a flow: all that a driver has to know.

A flow is a generator. It yields *actions* and is sent what came of them:

==========  ==========================================================  ===================================
action      the driver                                                  and sends in
==========  ==========================================================  ===================================
Send        sends the signed request, waits for the response's head     the `Head`
Receive     waits for more of the body                                  the bytes; ``b""`` at their end
Sleep       waits                                                       None
Emit        hands the events to the caller                              None
Compute     calls ``perform``, off the event loop if there is one       None
GetContext  (`Run` answers it)                                          the `FlowContext` in force
==========  ==========================================================  ===================================

An error of the transport is *thrown into* the flow at the action that met it, so the flow decides what happens next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Never, Protocol, TypeAlias, TypeVar

from ..errors import NaiError
from ..http import Head, Request
from ..limits import Limits, Timeouts
from .context import FlowContext

__all__ = [
    "GET_CONTEXT",
    "RECEIVE",
    "Action",
    "Compute",
    "Emit",
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


class HasPartial(Protocol):
    """What reads a response, as an onlooker sees it."""

    @property
    def partial(self) -> object:
        """The result so far, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``request``; the next `Receive` belongs to its response. An earlier response that is unfinished is given up."""

    request: Request
    "Signed: it has a base URL."
    call: HasPartial | None = field(default=None, compare=False, repr=False)
    "What reads the response: whoever drives the flow may look at its ``partial`` when it stops half-way."
    timeouts: Timeouts | None = field(default=None, compare=False, repr=False)
    "For this exchange; its ``total`` bounds the exchange, beside that of the run. None: those of the session."
    limits: Limits | None = field(default=None, compare=False, repr=False)
    "Bounds for what the server sends; None: those of the session."


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for more of the response's body."""

    at_most: float | None = None
    "Seconds worth waiting when nothing more is needed but the end, which lets the connection be used again."


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait between ``at_least`` and ``at_most`` seconds; the driver draws the jitter."""

    at_least: float
    at_most: float
    reason: NaiError | None = field(default=None, compare=False, repr=False)
    "The error after which a request is repeated, for whoever watches."


@dataclass(frozen=True, slots=True)
class Emit(Generic[E_co]):
    """Events for the caller: all that one read completed, so that the cost per event is nearly none."""

    events: Sequence[E_co] = field(repr=False)


@dataclass(frozen=True, slots=True)
class GetContext:
    """Ask for the context in force: session, timeouts, limits, retry policy, clock, entropy."""


class Compute(Generic[T]):
    """Heavy work, as a cell: the driver calls `perform`, the flow reads `result`.

    An abandoned computation may run on in its thread, so the function owns all that it touches.
    """

    __slots__ = ("_error", "_function", "_value")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: Exception | None = None

    def perform(self) -> None:
        """Run the function and keep what it returned or raised."""
        try:
            self._value = self._function()
        except Exception as error:
            self._error = error

    @property
    def result(self) -> T:
        """What the function returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value


RECEIVE: Final = Receive()
GET_CONTEXT: Final = GetContext()

Action: TypeAlias = Send | Receive | Sleep | Emit[E_co] | Compute[Any] | GetContext
Incoming: TypeAlias = Head | bytes | FlowContext | None
Steps: TypeAlias = Generator[Action[E], Incoming, R]
"""A started flow: what a function decorated with `nai.flow` is annotated with. Emits events of type ``E`` and returns a
result of type ``R``."""


class Runnable(Protocol[E_co, R_co]):
    """What a client runs and ``yield from`` takes: a flow, an operation, a call, a generator that has not started."""

    def __iter__(self) -> Generator[Action[E_co], Incoming, R_co]: ...


def compute(function: Callable[[], T]) -> Steps[Never, T]:
    """Return what ``function`` returns, without stalling an event loop meanwhile."""
    job = Compute(function)
    yield job
    return job.result


def get_context() -> Steps[Never, FlowContext]:
    """Return the context in force."""
    context = yield GET_CONTEXT
    if not isinstance(context, FlowContext):
        raise TypeError(f"GetContext is answered with a FlowContext, not with {type(context).__name__}")
    return context
