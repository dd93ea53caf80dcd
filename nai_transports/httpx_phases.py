"""The phases of a request in httpx, and their deadlines.

httpx limits each read and each write by itself, however many a phase takes. Its ``trace`` extension tells when a request
enters its next phase, and shows each connection that is opened: an async exchange takes its deadlines from that, and the
stream of a sync connection is limited by `limit_stream`. A transport that traces nothing, such as one in memory, has one
phase up to the head, which may take as long as the pool and the head together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from nai_proto.errors import Phase
from nai_proto.exchange.budget import Budget, Deadline

__all__ = ["CURRENT", "Phases", "limit_stream"]

_BEGINNINGS: Final[Mapping[str, Phase]] = {
    "connect_tcp.started": "connect",
    "connect_unix_socket.started": "connect",
    "send_request_headers.started": "write",
    "receive_response_headers.started": "read",
}
_OPENED: Final = ("connect_tcp.complete", "connect_unix_socket.complete")
_PIECE_BYTES: Final = 65_536
"""Bytes of a request that are written with one limit, as by the raw drivers."""


class Phases:
    """The phase of one exchange, and its deadline.

    Args:
        budget: of the exchange; it is charged.
        now: seconds of a clock that only goes forward.
    """

    def __init__(self, budget: Budget, now: Callable[[], float]) -> None:
        self._budget = budget
        self._now = now
        self.phase: Phase = "read"
        self._opened: Any = None
        pool, read, total = budget.limit("pool"), budget.limit("read"), budget.limit("total")
        limits = [None if pool is None or read is None else pool + read, total]
        limit = min((each for each in limits if each is not None), default=None)
        self._deadline: Deadline | None = Deadline(budget, limit, now)
        self._at_most: float | None = None
        self._is_paused = False

    @property
    def unfinished(self) -> Any:
        """The stream of a connection that is opened, but not ready: httpx forgets it if connecting fails. Or None."""
        return self._opened if self.phase == "connect" else None

    @property
    def is_sent(self) -> bool:
        """May the service have acted on the request?"""
        return self.phase not in ("pool", "connect")

    def follow(self, event: str, info: Mapping[str, Any]) -> None:
        """Enter the phase that an event of ``trace`` begins; all attempts to connect, and a tunnel, are one phase."""
        event = event.partition(".")[2]
        if event in _OPENED:
            self._opened = info["return_value"]
        phase = _BEGINNINGS.get(event)
        if phase is None or phase == self.phase == "connect":
            return
        if phase != "connect" and info["request"].method == b"CONNECT":
            return
        self.enter(phase)

    def enter(self, phase: Phase, at_most: float | None = None) -> None:
        """Begin a phase, whose deadline begins now.

        If nobody is charged, it begins with the first wait: httpx has received most pieces of a body before they are asked
        for.
        """
        self.pause()
        self.phase, self._at_most, self._is_paused = phase, at_most, False
        if self._budget.is_bounded:
            self._deadline = self._budget.begin(phase, self._now, at_most)

    def pause(self) -> None:
        """Charge the time of the phase so far; what follows is not charged."""
        self._is_paused = True
        if self._deadline is not None:
            self._deadline.charge()
            self._deadline = None

    def check(self) -> None:
        """Check that the total has not run out; raise LimitReached if it has."""
        if self._deadline is not None:
            self._deadline.left()

    def left(self) -> float | None:
        """Return the seconds that are left of the phase; raise LimitReached if none are."""
        if self._is_paused:
            return None
        if self._deadline is None:
            self._deadline = self._budget.begin(self.phase, self._now, self._at_most)
        return self._deadline.left()


class _Current(threading.local):
    phases: Phases | None = None


CURRENT: Final = _Current()
"""The phases of the exchange that this thread performs with sync httpx."""


def limit_stream(stream: Any) -> None:
    """Limit reads, writes and the TLS handshake of a sync connection by the deadline of the thread's exchange.

    The limits that httpx passes count only for other exchanges, of programs that share their client with this library.
    """
    own: dict[str, Any] | None = getattr(stream, "__dict__", None)
    if own is None or "read" in own or not hasattr(stream, "start_tls"):  # limited already, or not httpcore's
        return
    read, write, start_tls = stream.read, stream.write, stream.start_tls

    def limited(timeout: float | None) -> float | None:
        return timeout if CURRENT.phases is None else CURRENT.phases.left()

    def read_limited(max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = read(max_bytes, limited(timeout))
        return data

    def write_limited(buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), _PIECE_BYTES):
            if at and CURRENT.phases is not None:
                CURRENT.phases.enter(CURRENT.phases.phase)
            write(buffer[at : at + _PIECE_BYTES], limited(timeout))

    def start_tls_limited(ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        secured = start_tls(ssl_context, server_hostname, limited(timeout))
        limit_stream(secured)
        return secured

    own.update(read=read_limited, write=write_limited, start_tls=start_tls_limited)
