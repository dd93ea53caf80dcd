"""A client and a server in one process: bytes go over, time is a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from ..exchange.actions import Compute
from ..exchange.reply import App, Cut, StoreState, Write
from ..exchange.server import NeedData, ServerStep, server_connection

__all__ = ["Clock", "MemoryConnection", "cut", "uncut"]


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


def uncut(data: bytes) -> Iterable[bytes]:
    """The plainest way to cut bytes into reads: not at all."""
    return (data,)


def cut(data: bytes, edges: Iterable[int]) -> list[bytes]:
    """``data`` in pieces that begin at these offsets; offsets outside of it are ignored."""
    inside = sorted({edge for edge in edges if 0 < edge < len(data)})
    return [data[start:end] for start, end in pairwise((0, *inside, len(data)))]


class MemoryConnection:
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
        pieces: Callable[[bytes], Iterable[bytes]] = uncut,
        store: Callable[[object], None] | None = None,
    ) -> None:
        self._clock = clock
        self._pieces = pieces
        self._store = store
        self._steps = server_connection(app, clock)
        self._step: ServerStep | None = None
        self._to_server = bytearray()
        self._to_client: list[bytes] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        """Has either side ended the connection?"""
        return self._closed

    def is_idle(self) -> bool:
        """Has an idle connection nothing to say? The server goes on as far as it can without the client or time."""
        while not (self._closed or self._to_client or isinstance(self._step, NeedData)):
            self._turn(None)
        return not (self._closed or self._to_client)

    def send_all(self, data: bytes) -> None:
        """Take bytes for the server, which works on them at the next `receive_some`.

        Raises:
            BrokenPipeError: the connection is closed.
        """
        if self._closed:
            raise BrokenPipeError
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
            if isinstance(self._step, NeedData):
                self._take(lambda: self._steps.send(b""))
            self._steps.close()

    def _turn(self, until: float | None) -> None:
        """One step of the server, or its wait for the client."""
        match self._step:
            case None:
                self._take(lambda: next(self._steps))
            case NeedData(seconds):
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
            case StoreState(change):
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

    def _take(self, advance: Callable[[], ServerStep]) -> None:
        try:
            self._step = advance()
        except StopIteration:
            self._closed = True
