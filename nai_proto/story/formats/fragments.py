"""The older format's text: fragments, each written by somebody, and a place among them.

What is in front of the place and what is behind it are two stacks, so that a replacement costs the way from the last one:
texts are written from beginning to end. Positions are UTF-16 units, and may be in the middle of a character.

See docs/protocol/content.md#5-old-story-format-story.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ...errors import Damaged
from ..utf16 import count_units, decode_units, encode_units
from .work import Work

__all__ = ["Fragments", "Piece"]

_STEP: Final = 256
"""What passing a piece costs, in characters."""


class Piece(NamedTuple):
    """A fragment, or what is left of one."""

    data: str
    units: int
    raw: dict[str, Any]
    "The fragment that the file has; its own text may be another."

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Piece:
        """A whole fragment."""
        return cls(raw["data"], count_units(raw["data"]), raw)

    def parted(self, units: int) -> tuple[Piece, Piece]:
        """Its two parts, the first of so many units."""
        if self.units == len(self.data):
            first, second = self.data[:units], self.data[units:]
        else:
            data = encode_units(self.data)
            first, second = decode_units(data[: 2 * units]), decode_units(data[2 * units :])
        return self._replace(data=first, units=units), self._replace(data=second, units=self.units - units)


class Fragments:
    """The pieces of a text, in order."""

    def __init__(self, pieces: Iterable[Piece] = ()) -> None:
        self._before = [*pieces]
        self._behind: list[Piece] = []
        self._at = self.size = sum(piece.units for piece in self._before)

    def __iter__(self) -> Iterator[Piece]:
        yield from self._before
        yield from reversed(self._behind)

    def __len__(self) -> int:
        return len(self._before) + len(self._behind)

    def text(self) -> str:
        """All of it; halves of characters are as they are."""
        return "".join([piece.data for piece in self])

    def replace(self, start: int, end: int, pieces: Iterable[Piece], work: Work) -> list[Piece]:
        """Puts pieces in place of what is between two positions, and gives what was there.

        Raises:
            Damaged: there are no such positions.
            LimitExceeded: it is too much work.
        """
        if not 0 <= start <= end <= self.size:
            raise Damaged("story history: a block changes what is not there", category="bad block")
        self._go(end, work)
        self._go(start, work)
        removed: list[Piece] = []
        left = end - start
        while left:
            removed.append(self._behind.pop())
            left -= removed[-1].units
        for piece in pieces:
            if piece.units:
                self._before.append(piece)
                self._at += piece.units
        self.size += self._at - end
        return removed

    def _go(self, to: int, work: Work) -> None:
        """Moves the place; there is one more piece if that was in the middle of one."""
        while self._at > to:
            piece = self._before[-1]
            start = self._at - piece.units
            work.spend(_STEP + (piece.units if start < to else 0))
            self._before.pop()
            self._at = start
            if start < to:
                self._split(piece, to)
            else:
                self._behind.append(piece)
        while self._at < to:
            piece = self._behind[-1]
            end = self._at + piece.units
            work.spend(_STEP + (piece.units if end > to else 0))
            self._behind.pop()
            if end > to:
                self._split(piece, to)
            else:
                self._before.append(piece)
                self._at = end

    def _split(self, piece: Piece, to: int) -> None:
        """Puts the place into a piece that begins at it."""
        first, second = piece.parted(to - self._at)
        self._before.append(first)
        self._behind.append(second)
        self._at = to

    def packed(self) -> list[dict[str, Any]]:
        """As the file has them: what is left of one fragment and stands together is one."""
        joined: list[tuple[list[str], dict[str, Any]]] = []
        for data, _, raw in self:
            if joined and joined[-1][1] is raw:
                joined[-1][0].append(data)
            else:
                joined.append(([data], raw))
        texts = [("".join(parts), raw) for parts, raw in joined]
        return [raw if text == raw["data"] else {**raw, "data": text} for text, raw in texts]
