"""One run of a flow, for drivers.

`Run` checks the flow and its actions, handles `GetContext`, and has the budget and the partial result. A driver gets an
action, performs it, and sends in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import Any, Final, Generic, TypeVar

from ..arguments import check_type, with_article
from ..errors import InvalidTypeError, LocalProtocolError, NaiError
from .actions import (
    Action,
    Compute,
    Emit,
    FlowContext,
    GetContext,
    HasPartial,
    Incoming,
    Receive,
    Runnable,
    Send,
    Sleep,
    Steps,
)
from .budget import Budget
from .session import FlowOptions, Session

__all__ = ["Run", "start"]

E = TypeVar("E")
R = TypeVar("R")
E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

_ACTIONS: Final = frozenset({Send, Receive, Sleep, Emit, Compute, GetContext})


class Run(Generic[E_co, R_co]):
    """One run of a flow.

    ::

        run = Run(flow, session, now=time.time, entropy=os.urandom)
        action = run.start()
        while action is not None:
            try:
                incoming = ...  # perform the action
            except NaiError as error:
                action = run.throw(error)
            else:
                action = run.send(incoming)
        print(run.result)

    Args:
        flow: an operation, a flow, a call, or a generator that has not started.
        session: token, base URLs, limits, timeouts, retry policy.
        now: returns the time of day, in seconds since 1970.
        entropy: returns so many random bytes.

    Raises:
        InvalidTypeError: ``flow`` cannot be run (the message says what to write instead), or ``session`` is not a session.
    """

    def __init__(
        self,
        flow: Runnable[E_co, R_co],
        session: Session,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        check_type(session, Session, "session", "a nai.Session")
        self._steps = start(flow)
        options = getattr(flow, "options", None)
        timeouts = (options.timeouts if isinstance(options, FlowOptions) else None) or session.timeouts
        self.budget = Budget(timeouts)
        "The rest of the run's timeouts."
        self._context = FlowContext(session, now, entropy)
        self._call: HasPartial | None = None
        self._result: R_co

    @property
    def result(self) -> R_co:
        """The result of the flow.

        Raises:
            LocalProtocolError: the flow has not ended.
        """
        try:
            return self._result
        except AttributeError:
            pass
        raise LocalProtocolError("there is no result yet: the stream has not come to its end (see .partial)")

    @property
    def has_result(self) -> bool:
        """Has the flow returned?"""
        return hasattr(self, "_result")

    @property
    def partial(self) -> object:
        """The result so far of the current operation, also after an error or a cancellation."""
        return None if self._call is None else self._call.partial

    def start(self) -> Action[E_co] | None:
        """Return the first action, or None if the flow has returned."""
        return self.send(None)

    def send(self, incoming: Incoming) -> Action[E_co] | None:
        """Send in the result of the last action; return the next action, or None if the flow has returned.

        Raises:
            InvalidTypeError: the flow yielded something that is not an action.
        """
        try:
            action = self._steps.send(incoming)
            if action.__class__ not in _ACTIONS or action.__class__ in _ANSWERED_HERE:
                action = self._examine(action)
        except StopIteration as stop:
            self._result = stop.value
            return None
        return action

    def throw(self, error: NaiError) -> Action[E_co] | None:
        """Throw a transport's error into the flow; return the next action, or None if the flow has returned."""
        try:
            return self._examine(self._steps.throw(error))
        except StopIteration as stop:
            self._result = stop.value
            return None

    def budget_for(self, send: Send) -> Budget:
        """Return the budget of an exchange within this run."""
        return Budget(send.timeouts, self.budget) if send.timeouts is not None else self.budget

    def close(self) -> None:
        """Stop the flow; do nothing if it has ended."""
        self._steps.close()

    def _examine(self, action: Action[E_co]) -> Action[E_co]:
        """Handle `GetContext`, note the call of a `Send`, and raise if this is not an action."""
        while isinstance(action, GetContext):
            context = self._context
            if self.budget.is_bounded:
                context = FlowContext(context.session, context.now, context.entropy, self.budget.remaining)
            action = self._steps.send(context)
        if isinstance(action, Send):
            if not action.request.base:
                raise self._refused("yielded Send with a relative request: `yield from` its operation, or sign it")
            action.request.check_target()
            self._call = action.call
        elif action.__class__ not in _ACTIONS:
            raise self._refused(_misuse(action))
        return action

    def _refused(self, problem: str) -> InvalidTypeError:
        place = _place(self._steps)
        self._steps.close()
        return InvalidTypeError(f"the flow{place} {problem}")


_ANSWERED_HERE: Final = frozenset({Send, GetContext})


def start(flow: Runnable[E, R]) -> Steps[E, R]:
    """Return the steps of a flow.

    Raises:
        InvalidTypeError: ``flow`` cannot be run; the message says what to write instead.
    """
    candidate: object = flow
    if isinstance(candidate, GeneratorType):
        name = candidate.__name__
        if candidate.gi_frame is None:
            raise InvalidTypeError(
                f"this generator ({name}) has ended: decorate its function with @nai.flow, and it runs any number of times",
                parameter="flow",
            )
        if candidate.gi_running or candidate.gi_suspended:
            raise InvalidTypeError(f"this generator ({name}) has started already", parameter="flow")
    elif not _is_runnable(candidate):
        raise InvalidTypeError(_advice(flow), parameter="flow")
    steps = iter(flow)
    if not hasattr(steps, "gi_frame"):
        raise InvalidTypeError(_advice(flow), parameter="flow")
    return steps


def _is_runnable(value: object) -> bool:
    """Return whether a value may be a flow. A client's stream is not, although it can be iterated."""
    return hasattr(type(value), "__iter__") and not hasattr(value, "next_batch")


def _misuse(value: object) -> str:
    kind = with_article(type(value).__name__)
    if _is_runnable(value) and not isinstance(value, str | bytes | list | tuple | dict):
        return f"yielded {kind}: write `yield from`, not `yield`"
    return f"yielded {kind}, which is not an action: a flow yields actions, and returns its result"


def _advice(flow: object) -> str:
    name = getattr(flow, "__qualname__", "")
    if isinstance(flow, type):
        return f"{name} is a class: run an operation or a flow"
    if callable(flow) and name:
        return f"{name} is a function that was not called: run {name}(…)"
    if isinstance(flow, str | bytes):
        return "a text is not an operation: run nai.text.generate(prompt), for example"
    if hasattr(flow, "next_batch"):
        return f"{with_article(type(flow).__name__)} is running already: iterate it, and then ask for its result"
    return (
        "what runs is an operation, a flow, a call, or a generator that has not started; "
        f"this is of type {type(flow).__name__}"
    )


def _place(steps: object) -> str:
    """Return where a suspended flow stands: function and line of its innermost generator."""
    innermost: Any = steps
    while hasattr(innermost.gi_yieldfrom, "gi_frame"):
        innermost = innermost.gi_yieldfrom
    frame = innermost.gi_frame
    return "" if frame is None else f" {innermost.__qualname__} (line {frame.f_lineno})"
