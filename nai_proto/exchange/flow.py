"""Flows: programs that perform requests, written once, and run any number of times by any driver.

`flow` turns a generator function into one that returns a `Flow`: a value that holds the function, its arguments and the
options. Inside, ``yield from`` composes flows and operations as ``await`` composes coroutines, with exact types, in
synchronous and in asynchronous code::

    @nai.flow
    def log_in_and_generate(email: str, password: str, prompt: str) -> nai.Steps[nai.text.Token, nai.text.Completion]:
        token = yield from nai.account.login(email, password)
        return (yield from nai.text.generate_stream(prompt).with_options(token=token))

"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, ParamSpec, TypeVar

import msgspec

from ..arguments import takes
from ..errors import InvalidTypeError, NaiError
from ..limits import Limits, Timeouts
from ..secret import Token
from .actions import Action, Emit, FlowContext, HasPartial, Incoming, Runnable, Send, Steps
from .retry import RetryPolicy
from .session import NO_OPTIONS, FlowOptions

__all__ = ["Flow", "PartialFlow", "flow", "map_actions", "map_batches", "perform_for_events", "with_options"]

E = TypeVar("E")
F = TypeVar("F")
R = TypeVar("R")
Q = TypeVar("Q")
P = ParamSpec("P")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
Q_co = TypeVar("Q_co", covariant=True)

_CO_GENERATOR: Final = 0x20  # importing inspect takes longer than this whole package


@dataclass(frozen=True, slots=True, eq=False)
class Flow(Generic[E_co, R_co]):
    """A flow as a value: a decorated generator function, its arguments and options.

    It can run any number of times. It pickles if its arguments do, and its function can be imported by name. Two flows are
    equal if their functions, arguments (by position or name) and options are. No argument is in the repr: it may
    be secret.
    """

    function: Callable[..., Flow[E_co, R_co]]
    "The decorated function."
    arguments: tuple[object, ...] = field(default=(), repr=False)
    keywords: tuple[tuple[str, object], ...] = field(default=(), repr=False)
    options: FlowOptions = NO_OPTIONS

    def __iter__(self) -> Steps[E_co, R_co]:
        body: Callable[..., Steps[E_co, R_co]] = vars(self.function)["__wrapped__"]
        steps = body(*self.arguments, **dict(self.keywords))
        return steps if self.options == NO_OPTIONS else with_options(steps, self.options)

    @takes()
    def with_options(
        self,
        *,
        token: Token | str | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
    ) -> Flow[E_co, R_co]:
        """Return this flow with other options; None keeps an option. Inside a flow, the options nearest to a request win.

        Args:
            token: for each request that has none of its own.
            timeouts: seconds to wait, by phase. ``total`` bounds the run if a client runs this flow itself, else each
                exchange.
            limits: bounds for what the server sends.
            retry: how often a request is repeated, and how long to wait.
        """
        return replace(self, options=self.options.updated(FlowOptions.of(token, timeouts, limits, retry)))

    def map_events(self, function: Callable[[E_co], F]) -> Flow[F, R_co]:
        """Return this flow with each event passed through ``function``, whose errors end the flow."""
        return _map_events(self, function)

    def with_partial(self, function: Callable[[object], Q]) -> PartialFlow[E_co, R_co, Q]:
        """Return this flow with a partial result that ``function`` makes from that of the current operation.

        Args:
            function: receives the partial result of the operation, of whichever type, or None; called at any moment.
        """
        return PartialFlow(*_flow_fields(_with_partial(self, function)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Flow):
            return NotImplemented
        if self.function != other.function or self.options != other.options:
            return False
        if self.arguments == other.arguments and self.keywords == other.keywords:
            return True
        return self._bound() == other._bound()

    def __hash__(self) -> int:
        return hash((self.function, self.options.token))

    def _bound(self) -> dict[str, object]:
        """Return the arguments by the names of their parameters."""
        from inspect import signature

        bound = signature(vars(self.function)["__wrapped__"]).bind(*self.arguments, **dict(self.keywords))
        bound.apply_defaults()
        return bound.arguments


class PartialFlow(Flow[E_co, R_co], Generic[E_co, R_co, Q_co]):
    """A flow whose partial result has a type, so that ``stream.partial`` has it too."""

    __slots__ = ()


def flow(function: Callable[P, Steps[E, R]]) -> Callable[P, Flow[E, R]]:
    """Turn a generator function into one that returns a `Flow`.

    A call with wrong arguments raises TypeError at once, as for any function.

    Raises:
        InvalidTypeError: ``function`` is not a generator function. At a call: an argument is an iterator, which would be
            empty when the flow runs again.
    """
    code = getattr(function, "__code__", None)
    if code is not None and not code.co_flags & _CO_GENERATOR:
        raise InvalidTypeError(
            f"@nai.flow takes a generator function: {function.__qualname__} has no yield. "
            "One that returns another flow's steps says `return (yield from …)`",
            parameter="function",
        )

    @functools.wraps(function)
    def make_flow(*args: P.args, **kwargs: P.kwargs) -> Flow[E, R]:
        function(*args, **kwargs).close()  # raises for wrong arguments, and starts nothing
        for value in (*args, *kwargs.values()):
            if hasattr(value, "__next__"):
                raise InvalidTypeError(
                    f"{make_flow.__qualname__} was given an iterator ({type(value).__name__}), which is empty when the flow "
                    "runs again: pass a list or a tuple; a generator that is a flow is decorated with @nai.flow"
                )
        return Flow(make_flow, args, tuple(sorted(kwargs.items())))

    return make_flow


def map_actions(
    flow: Runnable[E, R],
    action: Callable[[Action[E]], Action[F]],
    answer: Callable[[Action[E], Incoming], Incoming] | None = None,
) -> Steps[F, R]:
    """Run ``flow`` with each action passed through ``action``, and its result through ``answer``.

    An error of either function ends the run; it is not thrown into ``flow``.
    """
    steps = iter(flow)
    try:
        current = next(steps)
        while True:
            mapped = action(current)
            try:
                incoming = yield mapped
            except Exception as error:
                current = steps.throw(error)
            else:
                current = steps.send(incoming if answer is None else answer(current, incoming))
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        steps.close()


def perform_for_events(flow: Runnable[E, R], steps: Callable[[Sequence[E]], Steps[F, object]]) -> Steps[F, R]:
    """Run ``flow``, and in place of each `Emit` the steps for its events, while a response may still be on its way.

    Args:
        flow: to run.
        steps: returns the steps for the events of one read. They send no request, which would give up the response. Their
            errors end the run.
    """
    running = iter(flow)
    try:
        action = next(running)
        while True:
            if isinstance(action, Emit):
                yield from steps(action.events)
                action = next(running)
                continue
            try:
                incoming = yield action
            except Exception as error:
                action = running.throw(error)
            else:
                action = running.send(incoming)
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        running.close()


def map_batches(
    flow: Runnable[E, R],
    events: Callable[[Sequence[E]], Sequence[F]],
    partial: Callable[[object], object],
) -> Steps[F, R]:
    """Run ``flow`` with other events and other partial results, also those of its errors.

    Args:
        flow: to run.
        events: returns other events for the events of one read; its errors end the flow.
        partial: returns another partial result for one of any type, or None.
    """

    def change(action: Action[E]) -> Action[F]:
        if isinstance(action, Emit):
            return Emit(events(action.events))
        if isinstance(action, Send) and action.call is not None:
            return replace(action, call=_MappedPartial(action.call, partial))
        return action

    try:
        return (yield from map_actions(flow, change))
    except NaiError as error:
        error.partial = partial(error.partial)
        raise


def with_options(flow: Runnable[E, R], options: FlowOptions) -> Steps[E, R]:
    """Run ``flow`` with these options in its context."""

    def answer(_action: Action[E], incoming: Incoming) -> Incoming:
        return incoming.with_options(options) if isinstance(incoming, FlowContext) else incoming

    return map_actions(flow, _unchanged, answer)


def _unchanged(action: Action[E]) -> Action[E]:
    return action


@flow
def _map_events(flow: Runnable[E, R], function: Callable[[E], F]) -> Steps[F, R]:
    return (yield from map_batches(flow, lambda events: [function(event) for event in events], _same))


@flow
def _with_partial(flow: Runnable[E, R], function: Callable[[object], object]) -> Steps[E, R]:
    return (yield from map_batches(flow, _same_events, function))


def _same(partial: object) -> object:
    return partial


def _same_events(events: Sequence[E]) -> Sequence[E]:
    return events


def _flow_fields(flow: Flow[E, R]) -> tuple[Any, ...]:
    return flow.function, flow.arguments, flow.keywords, flow.options


class _MappedPartial(msgspec.Struct, frozen=True):
    """A call whose partial result is mapped."""

    call: HasPartial
    function: Callable[[object], object]

    @property
    def partial(self) -> object:
        return self.function(self.call.partial)
