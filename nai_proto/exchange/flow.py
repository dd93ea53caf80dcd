"""Flows: programs over requests, written once and run by any driver.

A flow is a generator. It yields *actions* and is sent what came of them; ``yield from`` composes flows as ``await``
composes coroutines, with exact types and without a colour. Five actions are all that a driver has to know:

========  ==========================================================  ======================================
action    the driver                                                  and sends in
========  ==========================================================  ======================================
Send      signs the request, sends it, waits for the answer's head    the `Head`
Receive   waits for more of the body                                  the bytes; ``b""`` at their end
Sleep     waits                                                       None
Emit      hands the events to the caller                              None
Compute   calls ``perform``, off the event loop if there is one       None
========  ==========================================================  ======================================

An error of the transport is *thrown into* the flow at the action that met it, so what happens next is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Never, Protocol, TypeAlias, TypeVar

from ..errors import NaiError
from ..http import Head, Request
from ..secret import Token

__all__ = [
    "RECEIVE",
    "Action",
    "Compute",
    "Emit",
    "Flow",
    "HasPartial",
    "Incoming",
    "Receive",
    "Runnable",
    "Send",
    "Sleep",
    "altered",
    "compute",
    "retold",
    "using",
]

E = TypeVar("E")
F = TypeVar("F")
R = TypeVar("R")
T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class HasPartial(Protocol):
    """What reads an answer, as an onlooker sees it."""

    @property
    def partial(self) -> object:
        """The result so far, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``request``; the next `Receive` belongs to its answer. An earlier answer that is unfinished is given up."""

    request: Request
    call: HasPartial | None = field(default=None, compare=False, repr=False)
    "Who reads the answer: whoever drives the flow may look at its ``partial`` when it stops half-way."


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for more of the answer's body."""

    at_most: float | None = None
    "Seconds worth waiting when nothing more is needed but the end, which lets the connection be used again."


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait between ``at_least`` and ``at_most`` seconds; the driver draws the jitter."""

    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[E_co]):
    """Events for the caller: all that one read completed, so that the cost per event is nearly none."""

    events: Sequence[E_co] = field(repr=False)


class Compute(Generic[T]):
    """Heavy work, as a cell: the driver calls `perform`, the flow reads `result`.

    An abandoned computation may run on in its thread, so the function owns all that it touches.
    """

    __slots__ = ("_error", "_function", "_value")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: Exception | None = None

    def perform(self) -> None:
        """Runs the function and keeps what it gave or raised."""
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

Action: TypeAlias = Send | Receive | Sleep | Emit[E_co] | Compute[Any]
Incoming: TypeAlias = Head | bytes | None
Flow: TypeAlias = Generator[Action[E], Incoming, R]
"""A program that emits events of type ``E`` and ends with a result of type ``R``. It runs once."""


class Runnable(Protocol[E_co, R_co]):
    """What a client runs and ``yield from`` takes: a flow, an operation, a call."""

    def __iter__(self) -> Generator[Action[E_co], Incoming, R_co]: ...


def compute(function: Callable[[], T]) -> Flow[Never, T]:
    """A flow that gives what ``function`` returns, without stalling an event loop meanwhile."""
    job = Compute(function)
    yield job
    return job.result


def using(token: Token, flow: Runnable[E, R]) -> Flow[E, R]:
    """``flow`` with ``token`` on each request that has none: how a flow that logs in goes on."""

    def signed(action: Action[E]) -> Action[E]:
        if isinstance(action, Send) and action.request.token is None:
            return replace(action, request=replace(action.request, token=token))
        return action

    return altered(flow, signed)


def altered(flow: Runnable[E, R], alter: Callable[[Action[E]], Action[F]]) -> Flow[F, R]:
    """``flow`` with each action passed through ``alter``; what comes of the actions reaches it as it is."""
    steps = iter(flow)
    try:
        action = next(steps)
        while True:
            try:
                incoming = yield alter(action)
            except Exception as error:
                action = steps.throw(error)
            else:
                action = steps.send(incoming)
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        steps.close()


def retold(
    flow: Runnable[E, R], retell: Callable[[Sequence[E]], Sequence[F]], partial: Callable[[object], object]
) -> Flow[F, R]:
    """``flow`` with its events told in another way, and so are its partial results, of its calls and of its errors.

    Args:
        flow: what runs.
        retell: makes the events of a batch the events that are told.
        partial: the same for a partial result, of whatever type, None included.
    """

    def told(action: Action[E]) -> Action[F]:
        if isinstance(action, Emit):
            return Emit(retell(action.events))
        if isinstance(action, Send) and action.call is not None:
            return replace(action, call=_Retold(action.call, partial))
        return action

    try:
        return (yield from altered(flow, told))
    except NaiError as error:
        error.partial = partial(error.partial)
        raise


@dataclass(frozen=True, slots=True)
class _Retold:
    """A call, with its partial result told in another way."""

    call: HasPartial
    tell: Callable[[object], object]

    @property
    def partial(self) -> object:
        return self.tell(self.call.partial)
