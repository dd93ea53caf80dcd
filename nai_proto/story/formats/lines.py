"""A line of text and the runs upon it, cut and joined as one.

Runs are stretches with a code: who wrote them, how they are set. Their positions are UTF-16 units; cuts are made at
characters.

See docs/protocol/content.md#73-sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ..utf16 import count_units, join_surrogates

__all__ = ["ORIGINS", "Line", "Run"]

ORIGINS = 1
"""The key of the runs that tell who wrote what."""


class Run(NamedTuple):
    """A stretch of a line, in UTF-16 units."""

    position: int
    data: int
    length: int

    def within(self, start: int, end: int) -> Run:
        """What of it lies between two positions, counted from the first."""
        first, last = max(self.position, start), min(self.position + self.length, end)
        return Run(first - start, self.data, last - first)


@dataclass(frozen=True, slots=True)
class Line:
    """A line; equal if it reads alike and its runs are alike."""

    text: str = field(repr=False)
    runs: Mapping[int, tuple[Run, ...]] = field(default_factory=dict[int, tuple[Run, ...]], repr=False)
    "By key, none of them empty."

    @classmethod
    def written_by(cls, code: int, text: str) -> Self:
        """A line with one origin."""
        return cls(text, {ORIGINS: (Run(0, code, count_units(text)),)} if text else {})

    def cut(self, start: int, end: int) -> Line:
        """The characters from one to another."""
        if start <= 0 and end >= len(self.text):
            return self
        text = self.text[start:end]
        first = count_units(self.text[:start])
        last = first + count_units(text)
        pieces = {key: tuple(run.within(first, last) for run in runs) for key, runs in self.runs.items()}
        return Line(text, _filled(pieces))

    def __add__(self, other: Line) -> Line:
        if not self.text or not other.text:
            return self if self.text else other
        size = count_units(self.text)
        joined = dict(self.runs)
        for key, runs in other.runs.items():
            moved = [run._replace(position=run.position + size) for run in runs]
            before = list(joined.get(key, ()))
            if before and sum(before[-1][::2]) == size == moved[0].position and before[-1].data == moved[0].data:
                moved[0] = before.pop()._replace(length=size - joined[key][-1].position + moved[0].length)
            joined[key] = (*before, *moved)
        return Line(join_surrogates(self.text + other.text), joined)


def _filled(runs: Mapping[int, tuple[Run, ...]]) -> dict[int, tuple[Run, ...]]:
    """Without what is empty."""
    full = {key: tuple(run for run in each if run.length > 0) for key, each in runs.items()}
    return {key: each for key, each in full.items() if each}
