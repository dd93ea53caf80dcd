"""In memory: client and server in one process, over real HTTP bytes, in virtual time. For tests, and to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from nai_proto.errors import Phase
from nai_proto.exchange.reply import App
from nai_proto.exchange.session import Budget, Session
from nai_proto.http import Head, Request
from nai_proto.limits import Limits
from nai_proto.testing.link import Clock, Link, Peer, whole

from . import _pump

__all__ = ["Client"]

T = TypeVar("T")

_NOWHERE: Final = Session.at("http://emulator.invalid")


class Client(_pump.Client):
    """Runs flows against an app in this process; nobody waits, the clock is set forward instead.

    Args:
        app: the server's logic, for example an `nai_proto.emulator.Emulator`.
        session: who asks. The addresses in it do not matter: the app answers at all of them.
        clock: the time that passes; give an app with a clock of its own the same.
        pieces: cuts what the server writes into what the client reads.
        store: makes durable what the app wants to be.
    """

    def __init__(
        self,
        app: App,
        session: Session = _NOWHERE,
        *,
        clock: Clock | None = None,
        pieces: Callable[[bytes], Iterable[bytes]] = whole,
        store: Callable[[object], None] | None = None,
    ) -> None:
        super().__init__(session, MemoryTransport(app, clock or Clock(), pieces, session.limits, store))


class MemoryTransport:
    """Connections to an app, kept alive as a real transport keeps them."""

    def __init__(
        self,
        app: App,
        clock: Clock,
        pieces: Callable[[bytes], Iterable[bytes]],
        limits: Limits,
        store: Callable[[object], None] | None,
    ) -> None:
        self._app = app
        self._clock = clock
        self._pieces = pieces
        self._limits = limits
        self._store = store
        self.idle: list[Peer] = []

    def send(self, request: Request, budget: Budget) -> MemoryExchange:
        return MemoryExchange(self, self.idle.pop() if self.idle else self._connected(), request, budget)

    def _connected(self) -> Peer:
        return Peer(Link(self._app, self._clock, pieces=self._pieces, store=self._store), self._limits)

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def now(self) -> float:
        return self._clock()

    def close(self) -> None:
        while self.idle:
            self.idle.pop().link.close()


class MemoryExchange:
    """One request on one connection."""

    def __init__(self, transport: MemoryTransport, peer: Peer, request: Request, budget: Budget) -> None:
        self._transport = transport
        self._peer: Peer | None = peer
        try:
            self.head: Head = self._waiting(lambda limit: peer.send(request, limit), budget, "read", None)
        except BaseException:
            self.abort()
            raise

    def receive(self, budget: Budget, at_most: float | None) -> bytes:
        peer = self._peer
        if peer is None:
            return b""
        data = self._waiting(peer.receive, budget, "idle", at_most)
        if not data:
            self._peer = None
            if peer.reusable:
                self._transport.idle.append(peer)
            else:
                peer.link.close()
        return data

    def abort(self) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.link.close()

    def _waiting(self, wait: Callable[[float | None], T], budget: Budget, phase: Phase, at_most: float | None) -> T:
        limits = [limit for limit in (budget.limit(phase), at_most) if limit is not None]
        total = budget.limit("total")
        began = self._transport.now()
        try:
            got = wait(min(limits, default=None))
            if total is None or self._transport.now() - began <= total:  # a head that drips has each read's limit anew
                return got
        except TimeoutError:
            pass
        finally:
            budget.spend(self._transport.now() - began)
        raise budget.timed_out(phase, sent=True)
