"""The rest of the timeouts: a driver gets a limit for each wait, and charges the time that the wait took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

from ..errors import Phase, TimedOut, TransportError
from ..limits import Timeouts

__all__ = ["Budget", "Deadline", "LimitReached"]


class LimitReached(Exception):
    """A wait reached its limit. Not TimeoutError, which the operating system also raises."""


class Budget:
    """The timeouts of a run, or of one exchange within a run.

    Each wait has the limit of its phase, or the rest of a ``total`` if that is less. Waits, pauses and computations are
    charged to a ``total``; the caller's own work between events is not.

    Args:
        timeouts: of the run or the exchange.
        run: for the budget of an exchange, the budget of the whole run.
    """

    __slots__ = ("_left", "_run", "is_bounded", "timeouts")

    def __init__(self, timeouts: Timeouts, run: Budget | None = None) -> None:
        self.timeouts = timeouts
        self._left = timeouts.total
        self._run = run
        self.is_bounded: bool = timeouts.total is not None or (run is not None and run.is_bounded)
        "Is there a total? If not, waits need not be measured."

    @property
    def remaining(self) -> float | None:
        """Seconds left of the smallest total; None means no limit."""
        if not self.is_bounded:
            return None
        if self._run is None or (outer := self._run.remaining) is None:
            return self._left
        return outer if self._left is None else min(self._left, outer)

    def limit(self, phase: Phase, at_most: float | None = None) -> float | None:
        """Return the limit of one wait in this phase, in seconds; None means no limit.

        Args:
            phase: of the wait; ``total`` has no limit of its own.
            at_most: a further limit, in seconds.
        """
        limit: float | None = None if phase == "total" else getattr(self.timeouts, phase)
        if at_most is not None and (limit is None or at_most < limit):
            limit = at_most
        left = self.remaining
        return left if limit is None or (left is not None and left < limit) else limit

    def begin(self, phase: Phase, now: Callable[[], float], at_most: float | None = None) -> Deadline:
        """Return the deadline of a wait that begins now.

        Args:
            phase: of the wait.
            now: seconds of a clock that only goes forward.
            at_most: a further limit, in seconds.
        """
        limit = self.limit(phase, at_most)
        return Deadline(self, limit, now) if limit is not None or self.is_bounded else _NO_DEADLINE

    def spend(self, seconds: float) -> None:
        """Charge the seconds that a wait took."""
        if not self.is_bounded:
            return
        if self._left is not None:
            self._left = max(0.0, self._left - seconds)
        if self._run is not None:
            self._run.spend(seconds)

    def failed(self, phase: Phase, error: OSError | LimitReached, *, sent: bool, where: str = "") -> TransportError:
        """Return the error for a wait on a blocking socket that failed. Call `spend` first.

        Args:
            phase: of the wait.
            error: the system's error; LimitReached or TimeoutError means that the limit of the wait was reached.
            sent: may the service have acted on the request?
            where: host and port, for the message.
        """
        if isinstance(error, LimitReached) or (isinstance(error, TimeoutError) and not error.errno):
            return self.timed_out(phase, sent=sent, where=where)
        reason = error.strerror or "the connection was lost"
        return TransportError(f"{_WAITS[phase]}{f' ({where})' if where else ''}: {reason}", sent=sent, phase=phase)

    def timed_out(self, phase: Phase, *, sent: bool, where: str = "") -> TimedOut:
        """Return the error for a wait that reached its limit. Call `spend` first.

        Args:
            phase: of the wait.
            sent: may the service have acted on the request?
            where: host and port, for the message.
        """
        exhausted = self if self._left is not None and self._left < _TICK else None
        if self._run is not None and self._run._left is not None and self._run._left < _TICK:
            exhausted = self._run
        place = f" ({where})" if where else ""
        if exhausted is not None or phase == "total":
            total = (exhausted or self).timeouts.total
            return TimedOut(f"the total of {total or 0:g} s ran out, {_WAITS[phase]}{place}", sent=sent, phase="total")
        limit: float | None = getattr(self.timeouts, phase)
        return TimedOut(f"nothing within {limit or 0:g} s, {_WAITS[phase]}{place}", sent=sent, phase=phase)


class Deadline:
    """The deadline of a wait, for all its parts together. As a context manager, it charges the wait to the budget.

    Args:
        budget: is charged.
        limit: of all parts together, in seconds; None means no limit.
        now: seconds of a clock that only goes forward.
    """

    __slots__ = ("_began", "_budget", "_limit", "_now")

    def __init__(self, budget: Budget, limit: float | None, now: Callable[[], float]) -> None:
        self._budget = budget
        self._limit = limit
        self._now = now
        self._began = now()

    def left(self) -> float | None:
        """Return the seconds left for the next part; None means no limit.

        A peer that has something for us at every moment makes no part wait, so the deadline is checked here.

        Raises:
            LimitReached: none are left.
        """
        if self._limit is None:
            return None
        left = self._limit - (self._now() - self._began)
        if left <= 0:
            raise LimitReached
        return left

    def charge(self) -> None:
        """Charge the time since the beginning; call this once."""
        if self._budget.is_bounded:
            self._budget.spend(self._now() - self._began)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.charge()


_NO_DEADLINE: Final = Deadline(Budget(Timeouts()), None, lambda: 0.0)
"""Of waits that nothing limits and nobody is charged for."""
_TICK: Final = 0.001
"""Seconds by which a timer may be early."""

_WAITS: Final[dict[Phase, str]] = {
    "pool": "waiting for a connection to become free",
    "connect": "connecting",
    "write": "sending the request",
    "read": "waiting for the response",
    "idle": "waiting for more of the response",
    "total": "computing or pausing",
}
