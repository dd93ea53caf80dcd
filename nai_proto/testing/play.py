"""Run flows without I/O: against a script, or against a server in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from ..codecs.secret_box import system_entropy
from ..emulator.clock import Clock
from ..errors import NaiError, Phase
from ..exchange.actions import Action, Compute, Emit, Incoming, Receive, Runnable, Send, Sleep
from ..exchange.budget import Budget, LimitReached
from ..exchange.client import ClientExchange
from ..exchange.reply import App
from ..exchange.run import Run
from ..exchange.session import Session
from ..http import Head, Request
from ..http.wire import NEED_DATA, Signal, Tunnel, Wire
from .connection import MemoryConnection, uncut

__all__ = ["FlowTrace", "play", "run_in_memory"]

E = TypeVar("E")
R = TypeVar("R")


class FlowTrace(Generic[E, R]):
    """The actions of a flow, and its result or error."""

    def __init__(self) -> None:
        self._results: list[R] = []
        self.actions: list[Action[E]] = []
        "All actions, in order."
        self.error: NaiError | None = None
        "The error that the flow raised, if any."

    @property
    def result(self) -> R:
        """The result of the flow; raises its error."""
        if self.error is not None:
            raise self.error
        return self._results[0]

    def end(self, result: R) -> None:
        """Set the result of the flow."""
        self._results = [result]

    @property
    def events(self) -> list[E]:
        """All emitted events."""
        return [event for action in self.actions if isinstance(action, Emit) for event in action.events]

    @property
    def requests(self) -> list[Request]:
        """All requests sent."""
        return [action.request for action in self.actions if isinstance(action, Send)]

    @property
    def kinds(self) -> str:
        """The names of all actions, such as ``"Send Receive Emit Receive"``."""
        return " ".join(type(action).__name__ for action in self.actions)


_SCRIPTED: Final = Session(base_url="http://script.invalid")


def play(
    flow: Runnable[E, R],
    script: Iterable[Head | bytes | NaiError],
    session: Session = _SCRIPTED,
    *,
    clock: Clock | None = None,
    entropy: Callable[[int], bytes] = system_entropy,
) -> FlowTrace[E, R]:
    """Run a flow against a script with a reply for each `Send` and each `Receive`.

    Args:
        flow: to run.
        script: heads and pieces of bodies (``b""`` is the end of a body) in the order in which the flow receives them. An
            error is thrown into the flow, as an error of a transport. Waits only advance the clock.
        session: token, limits, retry policy.
        clock: the time of day, in seconds since 1970.
        entropy: returns so many random bytes.

    Raises:
        AssertionError: the script is too short.
    """
    replies = iter(script)

    def answer(action: Send | Receive, _: Budget) -> Incoming:
        try:
            reply = next(replies)
        except StopIteration:
            raise AssertionError(f"the script has no reply for {type(action).__name__}") from None
        if isinstance(reply, NaiError):
            raise reply
        return reply

    return _trace(Run(flow, session, now=clock or Clock(), entropy=entropy), answer, clock or Clock())


def run_in_memory(
    flow: Runnable[E, R],
    app: App,
    session: Session | None = None,
    *,
    clock: Clock | None = None,
    pieces: Callable[[bytes], Iterable[bytes]] = uncut,
    entropy: Callable[[int], bytes] = system_entropy,
) -> FlowTrace[E, R]:
    """Run a flow against a server's logic, over real HTTP bytes, in virtual time.

    Args:
        flow: to run.
        app: the server's logic, such as an `nai_proto.emulator.Emulator`.
        session: token, limits, timeouts (of which ``read``, ``idle`` and ``total`` are used).
        clock: the virtual time; an app that has a clock needs the same one.
        pieces: cuts the bytes that the server writes into the reads of the client.
        entropy: returns so many random bytes.
    """
    session = session or Session(base_url="http://emulator.invalid")
    clock = clock or Clock()
    connection: MemoryConnection | None = None
    wire = Wire("client")
    exchange: ClientExchange | None = None

    def answer(action: Send | Receive, budget: Budget) -> Incoming:
        nonlocal connection, exchange, wire
        if isinstance(action, Send):
            if connection is None or not (exchange and exchange.can_reuse_connection and connection.is_idle()):
                close()
                connection, wire = MemoryConnection(app, clock, pieces=pieces), Wire("client")
            exchange = ClientExchange(wire, action.request, action.limits)
            connection.send_all(exchange.data_to_send)
            exchange.request_written()
        assert connection is not None
        assert exchange is not None
        phase: Phase = "read" if isinstance(action, Send) else "idle"
        at_most = None if isinstance(action, Send) else action.at_most
        try:
            with budget.begin(phase, clock, at_most) as deadline:
                while (incoming := exchange.next_incoming()) is NEED_DATA:
                    exchange.receive_data(connection.receive_some(deadline.left()))
        except (TimeoutError, LimitReached):
            raise budget.timed_out(phase, sent=True) from None
        assert not isinstance(incoming, Tunnel | Signal)
        return incoming

    def close() -> None:
        if connection is not None:
            connection.close()

    try:
        return _trace(Run(flow, session, now=clock, entropy=entropy), answer, clock)
    finally:
        close()


def _trace(run: Run[E, R], answer: Callable[[Send | Receive, Budget], Incoming], clock: Clock) -> FlowTrace[E, R]:
    trace: FlowTrace[E, R] = FlowTrace()
    budget = run.budget
    try:
        action = run.start()
        while action is not None:
            trace.actions.append(action)
            incoming: Incoming = None
            try:
                match action:
                    case Send() | Receive():
                        budget = run.budget_for(action) if isinstance(action, Send) else budget
                        incoming = answer(action, budget)
                    case Sleep():
                        clock.advance(action.at_least)
                    case Compute():
                        action.perform()
                    case _:
                        pass
            except NaiError as error:
                action = run.throw(error)
            else:
                action = run.send(incoming)
        trace.end(run.result)
    except NaiError as error:
        trace.error = error
    finally:
        run.close()
    return trace
