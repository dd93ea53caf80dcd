"""Sets of characters as sorted ranges of code points that do not touch (ECMA-262 §22.2.2.7, §22.2.2.9)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = [
    "DIGIT",
    "EVERYTHING",
    "LINE_END",
    "MOST",
    "SPACE",
    "WORD",
    "Ranges",
    "compiled",
    "inverted",
    "membership",
    "merged",
]

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""First and last code point of each range."""

MOST: Final = 2**31 - 1
"""More characters than any text has: as good as no limit."""

_LAST: Final = 0x10FFFF

EVERYTHING: Final[Ranges] = ((0, _LAST),)
DIGIT: Final[Ranges] = ((0x30, 0x39),)
WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
LINE_END: Final[Ranges] = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
# WhiteSpace and LineTerminator of ECMA-262 §12.2, §12.3: the separators of Unicode, and U+FEFF.
SPACE: Final[Ranges] = (
    *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Ranges in any order as a set."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


@lru_cache(maxsize=64)
def inverted(ranges: Ranges) -> Ranges:
    """All that is not in the set."""
    edges = [-1, *(edge for first, last in ranges for edge in (first, last)), _LAST + 1]
    gaps = ((edges[at] + 1, edges[at + 1] - 1) for at in range(0, len(edges), 2))
    return tuple((first, last) for first, last in gaps if first <= last)


def _pattern(ranges: Ranges) -> str:
    """The set as Python's `re` writes it: one character, so it never backtracks."""
    inside = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    return f"[{inside}]" if inside else r"[^\x00-\U0010ffff]"


class Membership(dict[str, bool]):
    """Whether a character is in a set: computed once per character, then one look into a dict."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self._firsts = [first for first, _ in ranges]
        self._lasts = [-1, *(last for _, last in ranges)]

    def __missing__(self, character: str) -> bool:
        code = ord(character)
        found = self[character] = code <= self._lasts[bisect_right(self._firsts, code)]
        return found


@lru_cache(maxsize=64)
def membership(ranges: Ranges) -> Membership:
    """The same for equal sets: a large one may stand in a pattern often."""
    return Membership(ranges)


@lru_cache(maxsize=64)
def compiled(ranges: Ranges, least: int, most: int) -> re.Pattern[str]:
    """As many characters of the set as there are, between ``least`` and ``most``."""
    return re.compile(f"{_pattern(ranges)}{{{least},{most}}}")
