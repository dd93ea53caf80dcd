"""Trim a text to a number of tokens: keep it whole, or cut it by lines, sentences or tokens, as its settings allow.

The token counts of single units give a guess of how many units fit. The guess is corrected with the count of the real text,
prefix and suffix included, which takes a few counts only, however long the text is.

See docs/protocol/content.md#86-trimming-and-insertion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, count, pairwise, takewhile
from typing import Final, get_args

from ..context_config import ContextConfig, ContextUnit
from .sentences import find_sentence_ends
from .token_counters import TokenCounter

__all__ = ["TrimResult", "count_whole_texts", "find_unit_ends", "trim"]

_UNITS: Final[tuple[ContextUnit, ...]] = get_args(ContextUnit)
_MIN_USED_SHARE: Final = 0.3  # of the allowed tokens; where less is used, a finer cut is tried
_ALWAYS_IN_REACH: Final = 65_536  # characters; of a longer text only what can fit is looked at
_STRIPPED_AT_CUT: Final = {"newline": "\n", "sentence": "\n\r\t ", "token": "\n"}
"""Characters that are removed where a text was cut."""
_MOST_CORRECTIONS: Final = 8

_LINES: Final = re.compile(r"\n")


def find_unit_ends(text: str, unit: ContextUnit, counter: TokenCounter) -> list[int]:
    """Return where the units of a text end, in order; the last is the end of the text. An empty text has none.

    A line includes its line feed, a sentence the white space behind it.
    """
    if unit == "token":
        ends = counter.find_token_ends(text)
    else:
        ends = [match.end() for match in _LINES.finditer(text)] if unit == "newline" else find_sentence_ends(text)
    return ends if not text or ends[-1:] == [len(text)] else [*ends, len(text)]


@dataclass(frozen=True, slots=True)
class TrimResult:
    """The range of a text that is kept."""

    start: int
    end: int
    tokens: int
    "Of the kept text with prefix and suffix."
    unit: ContextUnit | None
    "The unit by which it was cut; None where the text is whole."


def trim(text: str, config: ContextConfig, allowed: int, counter: TokenCounter) -> TrimResult | None:
    """Return as much of a text as fits; None if nothing does.

    Args:
        text: not empty.
        config: has prefix and suffix, the side to cut from, and the finest unit to cut by.
        allowed: the most tokens for the text with prefix and suffix.
        counter: counts them.
    """
    if allowed <= 0:
        return None
    cut = _Cut(text, config, allowed, _find_reach(allowed, counter), counter)
    if len(text) <= cut.reach and (tokens := cut.count_tokens(0, len(text))) <= allowed:
        return TrimResult(0, len(text), tokens, None)
    if config.trim_direction == "doNotTrim":
        return None
    best: TrimResult | None = None
    for unit in _UNITS[: _UNITS.index(config.maximum_trim_type) + 1]:
        if best is None or best.tokens < _MIN_USED_SHARE * allowed:
            finer = cut.find_longest(unit)
            best = finer if best is None or (finer and finer.tokens > best.tokens) else best
    return best


def count_whole_texts(texts: Iterable[tuple[str, ContextConfig]], allowed: int, counter: TokenCounter) -> None:
    """Have the texts counted that `trim` counts whole, with prefix and suffix, if there are ``allowed`` tokens for each."""
    reach = _find_reach(allowed, counter)
    counter.need(f"{config.prefix}{text}{config.suffix}" for text, config in texts if len(text) <= reach)


def _find_reach(allowed: int, counter: TokenCounter) -> int:
    return max(_ALWAYS_IN_REACH, counter.characters_per_token * allowed)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A text that is too long, and how it may be cut."""

    text: str
    config: ContextConfig
    allowed: int
    reach: int
    "How many characters are looked at."
    counter: TokenCounter

    def count_tokens(self, start: int, end: int) -> int:
        return self.counter.count(f"{self.config.prefix}{self.text[start:end]}{self.config.suffix}")

    def find_longest(self, unit: ContextUnit) -> TrimResult | None:
        """Return the most that fits in whole units, which is never all of them."""
        top = self.config.trim_direction == "trimTop"
        seen = self.text[-self.reach :] if top else self.text[: self.reach]
        bounds = [0, *find_unit_ends(seen, unit, self.counter)]
        if top:
            bounds.reverse()  # from the side that is kept
        edges = bounds[1:-1]

        def cut_after(units: int) -> tuple[int, int]:
            edge = edges[units - 1]
            if top:
                kept = len(seen[edge:].lstrip(_STRIPPED_AT_CUT[unit]))
                return len(self.text) - kept, len(self.text)
            return 0, len(seen[:edge].rstrip(_STRIPPED_AT_CUT[unit]))

        sizes = self.counter.estimate_sizes(seen, unit, pairwise(bounds))
        guess = sum(1 for _ in takewhile(lambda reached: reached <= self.allowed, accumulate(sizes)))
        units = _find_most(lambda units: self.count_tokens(*cut_after(units)), self.allowed, len(edges), guess)
        start, end = cut_after(units) if units else (0, 0)
        return TrimResult(start, end, self.count_tokens(start, end), unit) if start < end else None


def _find_most(count_tokens: Callable[[int], int], allowed: int, most: int, guess: int) -> int:
    """Return the largest number of units up to ``most`` that fits, or 0.

    Each try is corrected by the units, of the size that they have had on average, that it has too few or too many tokens.
    It ends after a few tries if the guess is good; if units are of very different sizes, the search halves what is left.
    """
    low, high = 0, most + 1
    at = min(max(guess, 1), most)
    for tries in count(1):
        if high - low <= 1:
            break
        tokens = count_tokens(at)
        units = abs(allowed - tokens) * at // max(tokens, 1) or 1
        low, high = (at, high) if tokens <= allowed else (low, at)
        at += units if tokens <= allowed else -units
        if tries > _MOST_CORRECTIONS or not low < at < high:
            at = (low + high) // 2
    return low
