"""A clock that a test or a person can advance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["START", "Clock"]

START: Final = 1_767_225_600.0
"The time at which the clock of an `Emulator` without one begins: 2026-01-01, 00:00 UTC."


class Clock:
    """A clock in seconds. It stands still between two calls of `advance`, or runs as another clock does.

    Args:
        start: the time at which it begins, or with a source how far it is ahead of it.
        source: returns the time of another clock, such as `time.time`; without one, time passes only by `advance`.
    """

    def __init__(self, start: float = 0.0, source: Callable[[], float] | None = None) -> None:
        self._ahead = start
        self._source = source

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._ahead if self._source is None else self._source() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the time by so many seconds; a negative number does nothing."""
        self._ahead += max(0.0, seconds)
