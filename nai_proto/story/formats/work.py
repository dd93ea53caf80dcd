"""How much replaying a history may cost.

A step costs what it changes and a little more, but for one thing: whoever changes a paragraph copies it. A history that
changes one long paragraph again and again is therefore quadratic, and a small file could keep a reader busy for hours.
"""

from __future__ import annotations

from typing import Final

from ...errors import LimitExceeded

__all__ = ["RUN", "Work", "cost"]

_MOST: Final = 2**31
"""Characters that one replay may copy: seconds. A megabyte without a line feed, written in 2,500 steps, takes 2**30."""
_UNITS: Final = 8
RUN: Final = 32
"""What a run costs, in characters."""


def cost(text: str) -> int:
    """What copying a text costs; if it is not ASCII, its UTF-16 units may have to be counted."""
    return len(text) if text.isascii() else _UNITS * len(text)


class Work:
    """What is left to be done."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._done = 0

    def spend(self, characters: int) -> None:
        """Raises LimitExceeded when it was too much."""
        self._done += characters
        if self._done > self._most:
            raise LimitExceeded("characters copied in a replay", limit=self._most, value=self._done)
