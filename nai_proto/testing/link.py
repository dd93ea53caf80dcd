"""A client and a server in one process: bytes go over, time is a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

from ..errors import LocalProtocolError
from ..exchange.asking import Asking
from ..exchange.flow import Compute
from ..exchange.reply import App, Cut, Store, Write
from ..exchange.serving import Need, ServeStep, serve
from ..http import Head, Request
from ..limits import Limits
from ..wire import Wire

__all__ = ["Clock", "Link", "Peer", "cut", "whole"]


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def __call__(self) -> float:
        """Seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += max(0.0, seconds)


def whole(data: bytes) -> Iterable[bytes]:
    """The plainest way to cut bytes into reads: not at all."""
    return (data,)


def cut(data: bytes, edges: Iterable[int]) -> list[bytes]:
    """``data`` in pieces that begin at these offsets; offsets outside of it are ignored."""
    inside = sorted({edge for edge in edges if 0 < edge < len(data)})
    return [data[start:end] for start, end in pairwise((0, *inside, len(data)))]


class Link:
    """The client's end of a connection to an `App`: bytes in, bytes out, over the real server machinery.

    Args:
        app: the server.
        clock: the time that both ends live in.
        pieces: cuts what the server writes into what the client reads.
        store: gets each change that the server wants to be durable.
    """

    def __init__(
        self,
        app: App,
        clock: Clock,
        *,
        pieces: Callable[[bytes], Iterable[bytes]] = whole,
        store: Callable[[object], None] | None = None,
    ) -> None:
        self._clock = clock
        self._pieces = pieces
        self._store = store
        self._steps = serve(app, clock)
        self._step: ServeStep | None = None
        self._to_server = bytearray()
        self._to_client: list[bytes] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        """Has either side ended the connection?"""
        return self._closed

    def looks_alive(self) -> bool:
        """Has an idle connection nothing to say? The server goes on as far as it can without the client or time."""
        while not (self._closed or self._to_client or isinstance(self._step, Need)):
            self._turn(None)
        return not (self._closed or self._to_client)

    def send_all(self, data: bytes) -> None:
        """Bytes for the server; it works on them at the next `receive_some`."""
        if self._closed:
            raise LocalProtocolError("the connection is closed")
        self._to_server += data

    def receive_some(self, limit: float | None = None) -> bytes:
        """What the server writes next, ``b""`` when it has closed the connection.

        Raises:
            TimeoutError: nothing for ``limit`` seconds of the clock, or nothing ever, and there is no limit.
        """
        until = None if limit is None else self._clock() + limit
        while not self._to_client:
            if self._closed:
                return b""
            self._turn(until)
        return self._to_client.pop(0)

    def close(self) -> None:
        """The client hangs up; the server notices where it waits."""
        if not self._closed:
            self._closed = True
            if isinstance(self._step, Need):
                self._take(lambda: self._steps.send(b""))
            self._steps.close()

    def _turn(self, until: float | None) -> None:
        """One step of the server, or its wait for the client."""
        match self._step:
            case None:
                self._take(lambda: next(self._steps))
            case Need(seconds):
                data: bytes | None = None
                if self._to_server:
                    data = bytes(self._to_server)
                    self._to_server.clear()
                else:
                    self._pass(seconds, until)
                self._take(lambda: self._steps.send(data))
            case Write(data):
                self._to_client += [piece for piece in self._pieces(data) if piece]
                self._take(lambda: self._steps.send(None))
            case Compute() as job:
                job.perform()
                self._take(lambda: self._steps.send(None))
            case Store(change):
                if self._store is not None:
                    self._store(change)
                self._take(lambda: self._steps.send(None))
            case Cut():
                self._closed = True
                self._steps.close()

    def _pass(self, seconds: float | None, until: float | None) -> None:
        """The server waits and nobody speaks: time passes, for the server or for the client's patience."""
        now = self._clock()
        if seconds is not None and (until is None or now + seconds <= until):
            self._clock.advance(seconds)
            return
        if until is not None:
            self._clock.advance(until - now)
        raise TimeoutError("both ends wait for each other")

    def _take(self, advance: Callable[[], ServeStep]) -> None:
        try:
            self._step = advance()
        except StopIteration:
            self._closed = True


_NO_LIMITS: Final = Limits()


class Peer:
    """A client of one `Link` that speaks HTTP: one exchange after the other."""

    def __init__(self, link: Link, limits: Limits = _NO_LIMITS) -> None:
        self.link = link
        self._wire = Wire("client", limits)
        self._asking = Asking(self._wire)

    @property
    def reusable(self) -> bool:
        """Is the exchange cleanly over, and may the next begin?"""
        return self._wire.reusable and self.link.looks_alive()

    def send(self, request: Request, limit: float | None = None) -> Head:
        """Sends a signed request and gives the answer's head. Raises as `Asking.next_incoming` and TimeoutError."""
        self._asking = Asking(self._wire)
        self.link.send_all(self._asking.send(request))
        head = self._next(limit)
        assert isinstance(head, Head)
        return head

    def receive(self, limit: float | None = None) -> bytes:
        """More of the body, ``b""`` at its end."""
        data = self._next(limit)
        assert isinstance(data, bytes)
        return data

    def _next(self, limit: float | None) -> Head | bytes:
        while (incoming := self._asking.next_incoming()) is None:
            self._asking.receive_data(self.link.receive_some(limit))
        return incoming
