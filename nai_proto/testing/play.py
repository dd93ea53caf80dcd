"""Flows without I/O: against a script, or against a server in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from ..errors import LocalProtocolError, NaiError, TimedOut
from ..exchange.flow import Action, Compute, Emit, Incoming, Receive, Runnable, Send, Sleep
from ..exchange.reply import App
from ..exchange.session import Session
from ..http import Head, Request
from .link import Clock, Link, Peer, whole

__all__ = ["Played", "converse", "play"]

E = TypeVar("E")
R = TypeVar("R")


class Played(Generic[E, R]):
    """What a flow did, and how it ended."""

    def __init__(self) -> None:
        self._results: list[R] = []
        self.actions: list[Action[E]] = []
        "In order."
        self.error: NaiError | None = None
        "What it raised, if it failed."

    @property
    def result(self) -> R:
        """What it returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._results[0]

    def end(self, result: R) -> None:
        """The flow has returned."""
        self._results = [result]

    @property
    def events(self) -> list[E]:
        """All that it emitted, batches joined."""
        return [event for action in self.actions if isinstance(action, Emit) for event in action.events]

    @property
    def requests(self) -> list[Request]:
        """All that it sent."""
        return [action.request for action in self.actions if isinstance(action, Send)]

    @property
    def kinds(self) -> str:
        """The actions' names in a row: ``"Send Receive Emit Receive"``."""
        return " ".join(type(action).__name__ for action in self.actions)


def play(flow: Runnable[E, R], script: Iterable[Head | bytes | NaiError]) -> Played[E, R]:
    """Runs a flow against a script of replies: one for each `Send` and each `Receive`.

    Args:
        flow: what to run.
        script: heads and pieces of bodies (``b""`` is a body's end) in the order in which the flow gets them; an error is
            thrown into the flow, as a driver throws those of its transport. Waiting is skipped, computing is done.

    Raises:
        LocalProtocolError: the flow wants more replies than the script has.
    """
    replies = iter(script)

    def answer(action: Send | Receive) -> Incoming:
        try:
            reply = next(replies)
        except StopIteration:
            raise _ScriptEnded(f"the script has no reply for {type(action).__name__}") from None
        if isinstance(reply, NaiError):
            raise reply
        return reply

    return _run(flow, answer, lambda _: None)


class _ScriptEnded(LocalProtocolError):
    """The test is wrong, not the flow."""


def converse(
    flow: Runnable[E, R],
    app: App,
    session: Session | None = None,
    *,
    clock: Clock | None = None,
    pieces: Callable[[bytes], Iterable[bytes]] = whole,
) -> Played[E, R]:
    """Runs a flow against a server's logic, over real HTTP bytes, in virtual time.

    Args:
        flow: what to run.
        app: the server, for example an `nai_proto.emulator.Emulator`.
        session: who asks; an address that does not exist by default. Of its timeouts ``read`` and ``idle`` act.
        clock: the time that passes; an app with a clock of its own should be given the same.
        pieces: cuts what the server writes into what the client reads.
    """
    session = session or Session.at("http://emulator.invalid")
    clock = clock or Clock()
    peer: Peer | None = None

    def answer(action: Send | Receive) -> Incoming:
        nonlocal peer
        phase = session.timeouts.read if isinstance(action, Send) else session.timeouts.idle
        limits = [limit for limit in (phase, getattr(action, "at_most", None)) if limit is not None]
        limit = min(limits, default=None)
        try:
            if isinstance(action, Receive):
                if peer is None:
                    raise LocalProtocolError("Receive before Send")
                return peer.receive(limit)
            if peer is None or not peer.reusable:
                hang_up(peer)
                peer = Peer(Link(app, clock, pieces=pieces), session.limits)
            return peer.send(session.sign(action.request), limit)
        except TimeoutError:
            pass
        raise TimedOut("the server is silent", sent=True, phase="read" if isinstance(action, Send) else "idle")

    def hang_up(peer: Peer | None) -> None:
        if peer is not None:
            peer.link.close()

    try:
        return _run(flow, answer, lambda sleep: clock.advance(sleep.at_least))
    finally:
        hang_up(peer)


def _run(
    flow: Runnable[E, R], answer: Callable[[Send | Receive], Incoming], wait: Callable[[Sleep], None]
) -> Played[E, R]:
    played: Played[E, R] = Played()
    steps = iter(flow)
    try:
        action = next(steps)
        while True:
            played.actions.append(action)
            incoming: Incoming = None
            try:
                match action:
                    case Send() | Receive():
                        incoming = answer(action)
                    case Sleep():
                        wait(action)
                    case Compute():
                        action.perform()
                    case Emit():
                        pass
            except _ScriptEnded:
                raise
            except NaiError as error:
                action = steps.throw(error)
            else:
                action = steps.send(incoming)
    except StopIteration as stop:
        played.end(stop.value)
    except _ScriptEnded:
        raise
    except NaiError as error:
        played.error = error
    finally:
        steps.close()
    return played
