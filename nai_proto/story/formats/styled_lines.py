"""Lines of text with their runs, which are sliced and joined together with the text.

A run is a stretch of a line with a code that says who wrote it or how it is formatted. Positions of runs are UTF-16 units;
slices are made at characters.

See docs/protocol/content.md#73-sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ..utf16 import count_units, join_surrogates

__all__ = ["ORIGIN_RUNS", "StyledLine", "StyledRun"]

ORIGIN_RUNS = 1
"""The key of the runs that say who wrote the text."""


class StyledRun(NamedTuple):
    """A stretch of a line, in UTF-16 units."""

    position: int
    data: int
    length: int

    def clip(self, start: int, end: int) -> StyledRun:
        """Return the part between two positions, counted from the first of them."""
        first, last = max(self.position, start), min(self.position + self.length, end)
        return StyledRun(first - start, self.data, last - first)


@dataclass(frozen=True, slots=True)
class StyledLine:
    """A line of text with its runs."""

    text: str = field(repr=False)
    runs: Mapping[int, tuple[StyledRun, ...]] = field(default_factory=dict[int, tuple[StyledRun, ...]], repr=False)
    "The runs by key; no list and no run is empty."

    @classmethod
    def from_text(cls, code: int, text: str) -> Self:
        """Return a line with one origin.

        Args:
            code: of the origin.
            text: of the line.
        """
        return cls(text, {ORIGIN_RUNS: (StyledRun(0, code, count_units(text)),)} if text else {})

    def slice(self, start: int, end: int) -> StyledLine:
        """Return the characters from one position up to another, with their runs."""
        if start <= 0 and end >= len(self.text):
            return self
        text = self.text[start:end]
        first = count_units(self.text[:start])
        last = first + count_units(text)
        pieces = {key: tuple(run.clip(first, last) for run in runs) for key, runs in self.runs.items()}
        return StyledLine(text, _drop_empty_runs(pieces))

    def __add__(self, other: StyledLine) -> StyledLine:
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
        return StyledLine(join_surrogates(self.text + other.text), joined)


def _drop_empty_runs(runs: Mapping[int, tuple[StyledRun, ...]]) -> dict[int, tuple[StyledRun, ...]]:
    """Return the runs without empty ones."""
    full = {key: tuple(run for run in each if run.length > 0) for key, each in runs.items()}
    return {key: each for key, each in full.items() if each}
