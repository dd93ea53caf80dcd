"""Making a text fit: whole, or whole lines of it, or sentences, or tokens, and never finer than allowed.

The sizes of single units tell about how many of them fit; what then counts is the text with its prefix and suffix as it will
be put in, which is encoded a few times only, however long the text is.

See docs/protocol/content.md#86-trimming-and-insertion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile
from typing import Final, get_args

from ..config import ContextConfig, ContextUnit
from .measuring import REACH, Meter, ends_of_units

__all__ = ["Trimmed", "trim"]

_UNITS: Final[tuple[ContextUnit, ...]] = get_args(ContextUnit)
_SHARE: Final = 0.3  # of the allowed tokens; where less is used, a finer cut is tried
_LONG: Final = 65_536  # characters; of a longer text what is out of reach is not looked at
_AT_THE_EDGE: Final = {"newline": "\n", "sentence": "\n\r\t ", "token": "\n"}
"""What is not left where a text was cut."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What is left of a text."""

    start: int
    end: int
    tokens: int
    "With prefix and suffix."
    unit: ContextUnit | None
    "What was cut; None where the text is whole."


def trim(text: str, config: ContextConfig, allowed: int, meter: Meter) -> Trimmed | None:
    """As much of a text as fits; None if nothing does.

    Args:
        text: not empty.
        config: prefix and suffix, the side from which it is cut, and how finely.
        allowed: how many tokens it may have together with prefix and suffix.
        meter: counts.
    """
    if allowed <= 0:
        return None
    whole = _Cut(text, config, allowed, max(_LONG, REACH * allowed), meter)
    if len(text) <= whole.reach and (tokens := whole.tokens(0, len(text))) <= allowed:
        return Trimmed(0, len(text), tokens, None)
    if config.trim_direction == "doNotTrim":
        return None
    best: Trimmed | None = None
    for unit in _UNITS[: _UNITS.index(config.maximum_trim_type) + 1]:
        if best is None or best.tokens < _SHARE * allowed:
            finer = whole.longest(unit)
            best = finer if best is None or (finer and finer.tokens > best.tokens) else best
    return best


@dataclass(frozen=True, slots=True)
class _Cut:
    """A text that is too long."""

    text: str
    config: ContextConfig
    allowed: int
    reach: int
    "How many characters are looked at."
    meter: Meter

    def tokens(self, start: int, end: int) -> int:
        return self.meter.count(f"{self.config.prefix}{self.text[start:end]}{self.config.suffix}")

    def longest(self, unit: ContextUnit) -> Trimmed | None:
        """What fits in whole units, but not all of them."""
        top = self.config.trim_direction == "trimTop"
        seen = self.text[-self.reach :] if top else self.text[: self.reach]
        bounds = [0, *ends_of_units(seen, unit, self.meter)]
        if top:
            bounds.reverse()  # from the side that is kept
        edges = bounds[1:-1]

        def cut(units: int) -> tuple[int, int]:
            edge = edges[units - 1]
            if top:
                kept = len(seen[edge:].lstrip(_AT_THE_EDGE[unit]))
                return len(self.text) - kept, len(self.text)
            return 0, len(seen[:edge].rstrip(_AT_THE_EDGE[unit]))

        sizes = (1 if unit == "token" else self.meter.count(seen[min(ends) : max(ends)]) for ends in pairwise(bounds))
        guess = sum(1 for _ in takewhile(self.allowed.__ge__, accumulate(sizes)))
        units = _most(lambda units: self.tokens(*cut(units)) <= self.allowed, len(edges), guess)
        start, end = cut(units) if units else (0, 0)
        return Trimmed(start, end, self.tokens(start, end), unit) if start < end else None


def _most(fits: Callable[[int], bool], most: int, guess: int) -> int:
    """The largest number up to ``most`` that fits, or 0; near the guess it is found soonest."""
    low, high = 0, most + 1
    at, step = min(max(guess, 1), most), 1
    while low < at < high:
        if fits(at):
            low, at = at, at + step
        else:
            high, at = at, at - step
        step *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
