"""The text of the legacy format: a list of fragments, each with an origin.

The list has a cursor. The fragments before and behind the cursor are two stacks, so a replacement costs the distance from
the last one; this is cheap because texts are written from beginning to end. Positions are UTF-16 units, and may be in the
middle of a character.

See docs/protocol/content.md#5-old-story-format-story.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ...errors import Damaged
from ..utf16 import count_units, decode_units, encode_units
from .story_text import ReplayWork

__all__ = ["Fragment", "FragmentList"]

_STEP_COST: Final = 256
"""The cost of moving the cursor over a fragment, in characters."""


class Fragment(NamedTuple):
    """A fragment, or a part of one."""

    data: str
    units: int
    raw: dict[str, Any]
    "The fragment of the file; its text may be longer than ``data``."

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Fragment:
        """Return a whole fragment."""
        return cls(raw["data"], count_units(raw["data"]), raw)

    def split(self, units: int) -> tuple[Fragment, Fragment]:
        """Return two parts, the first of ``units`` UTF-16 units."""
        if self.units == len(self.data):
            first, second = self.data[:units], self.data[units:]
        else:
            data = encode_units(self.data)
            first, second = decode_units(data[: 2 * units]), decode_units(data[2 * units :])
        return self._replace(data=first, units=units), self._replace(data=second, units=self.units - units)


class FragmentList:
    """The fragments of a text, in order."""

    def __init__(self, fragments: Iterable[Fragment] = ()) -> None:
        self._before = [*fragments]
        self._behind: list[Fragment] = []
        self._position = self.size = sum(fragment.units for fragment in self._before)

    def __iter__(self) -> Iterator[Fragment]:
        yield from self._before
        yield from reversed(self._behind)

    def __len__(self) -> int:
        return len(self._before) + len(self._behind)

    def get_text(self) -> str:
        """Return the whole text; lone surrogates stay as they are."""
        return "".join([fragment.data for fragment in self])

    def replace(self, start: int, end: int, fragments: Iterable[Fragment], work: ReplayWork) -> list[Fragment]:
        """Replace what is between two positions, and return what was there.

        Args:
            start, end: UTF-16 units.
            fragments: to insert; empty ones are ignored.
            work: counts the cost.

        Raises:
            Damaged: there are no such positions.
            LimitExceeded: it takes too much work.
        """
        if not 0 <= start <= end <= self.size:
            raise Damaged("story history: a block changes text that does not exist", category="bad block")
        self._move_to(end, work)
        self._move_to(start, work)
        removed: list[Fragment] = []
        left = end - start
        while left:
            removed.append(self._behind.pop())
            left -= removed[-1].units
        for fragment in fragments:
            if fragment.units:
                self._before.append(fragment)
                self._position += fragment.units
        self.size += self._position - end
        return removed

    def _move_to(self, to: int, work: ReplayWork) -> None:
        """Move the cursor; split a fragment if the position is in its middle."""
        while self._position > to:
            fragment = self._before[-1]
            start = self._position - fragment.units
            work.spend(_STEP_COST + (fragment.units if start < to else 0))
            self._before.pop()
            self._position = start
            if start < to:
                self._split_at(fragment, to)
            else:
                self._behind.append(fragment)
        while self._position < to:
            fragment = self._behind[-1]
            end = self._position + fragment.units
            work.spend(_STEP_COST + (fragment.units if end > to else 0))
            self._behind.pop()
            if end > to:
                self._split_at(fragment, to)
            else:
                self._before.append(fragment)
                self._position = end

    def _split_at(self, fragment: Fragment, to: int) -> None:
        """Split a fragment that begins at the cursor, and put the cursor between its parts."""
        first, second = fragment.split(to - self._position)
        self._before.append(first)
        self._behind.append(second)
        self._position = to

    def to_data(self) -> list[dict[str, Any]]:
        """Return the fragments for the file; adjacent parts of one fragment are joined."""
        joined: list[tuple[list[str], dict[str, Any]]] = []
        for data, _, raw in self:
            if joined and joined[-1][1] is raw:
                joined[-1][0].append(data)
            else:
                joined.append(([data], raw))
        texts = [("".join(parts), raw) for parts, raw in joined]
        return [raw if text == raw["data"] else {**raw, "data": text} for text, raw in texts]
