"""Connect a client and a server in one process, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from ..emulator.clock import Clock
from ..exchange.actions import Compute
from ..exchange.reply import App, Cut, StoreState, Write
from ..exchange.server import NeedData, ServerStep, server_connection

__all__ = ["MemoryConnection", "cut", "uncut"]


def uncut(data: bytes) -> Iterable[bytes]:
    """Return the bytes as one read."""
    return (data,)


def cut(data: bytes, edges: Iterable[int]) -> list[bytes]:
    """Return ``data`` in pieces that begin at these offsets; offsets outside of it are ignored."""
    inside = sorted({edge for edge in edges if 0 < edge < len(data)})
    return [data[start:end] for start, end in pairwise((0, *inside, len(data)))]


class MemoryConnection:
    """The client's end of a connection to an `App`: bytes in, bytes out, with the real `server_connection`.

    Args:
        app: the server's logic.
        clock: the virtual time of both ends.
        pieces: cuts the bytes that the server writes into the reads of the client.
        store: makes the server's changes durable.
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
        """Has either side closed the connection?"""
        return self._closed

    def is_idle(self) -> bool:
        """Return whether the connection is open and has nothing to read, after all steps that need no bytes and no time."""
        while not (self._closed or self._to_client or isinstance(self._step, NeedData)):
            self._turn(None)
        return not (self._closed or self._to_client)

    def send_all(self, data: bytes) -> None:
        """Send bytes to the server, which reads them at the next `receive_some`.

        Raises:
            BrokenPipeError: the connection is closed.
        """
        if self._closed:
            raise BrokenPipeError
        self._to_server += data

    def receive_some(self, limit: float | None = None) -> bytes:
        """Return what the server writes next, ``b""`` if it has closed the connection.

        Raises:
            TimeoutError: the server wrote nothing for ``limit`` seconds of the clock, or both sides wait for ever.
        """
        until = None if limit is None else self._clock() + limit
        while not self._to_client:
            if self._closed:
                return b""
            self._turn(until)
        return self._to_client.pop(0)

    def close(self) -> None:
        """Close the connection; the server notices it in its wait."""
        if not self._closed:
            self._closed = True
            if isinstance(self._step, NeedData):
                self._take(lambda: self._steps.send(b""))
            self._steps.close()

    def _turn(self, until: float | None) -> None:
        """Perform one step of the server, or its wait for the client."""
        match self._step:
            case None:
                self._take(lambda: next(self._steps))
            case NeedData(seconds):
                data: bytes | None = None
                if self._to_server:
                    data = bytes(self._to_server)
                    self._to_server.clear()
                else:
                    self._advance_clock(seconds, until)
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

    def _advance_clock(self, seconds: float | None, until: float | None) -> None:
        """Advance the time to the end of the server's wait, or to the client's limit."""
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
