"""Sets of characters: sorted ranges of code points that neither overlap nor touch (ECMA-262 §22.2.2.7, §22.2.2.9)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = [
    "ANY_CHARACTER",
    "DIGIT",
    "LINE_END",
    "SPACE",
    "UNLIMITED",
    "WORD",
    "Ranges",
    "compile_run",
    "get_membership",
    "invert_ranges",
    "merge_ranges",
]

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""The first and the last code point of each range."""

UNLIMITED: Final = 2**31 - 1
"""More characters than any text has: stands for no limit."""

_LAST_CODE_POINT: Final = 0x10FFFF

ANY_CHARACTER: Final[Ranges] = ((0, _LAST_CODE_POINT),)
DIGIT: Final[Ranges] = ((0x30, 0x39),)
WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
LINE_END: Final[Ranges] = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
# WhiteSpace and LineTerminator of ECMA-262 §12.2, §12.3: the separators of Unicode, and U+FEFF.
SPACE: Final[Ranges] = (
    *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return ranges in any order as a set."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


@lru_cache(maxsize=64)
def invert_ranges(ranges: Ranges) -> Ranges:
    """Return the set of all other characters."""
    edges = [-1, *(edge for first, last in ranges for edge in (first, last)), _LAST_CODE_POINT + 1]
    gaps = ((edges[at] + 1, edges[at + 1] - 1) for at in range(0, len(edges), 2))
    return tuple((first, last) for first, last in gaps if first <= last)


def _format_class(ranges: Ranges) -> str:
    """Return the set in the syntax of Python's `re`: it matches one character, so it never backtracks."""
    members = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    return f"[{members}]" if members else r"[^\x00-\U0010ffff]"


class CharacterMembership(dict[str, bool]):
    """Whether a character is in a set: computed once per character, then looked up in a dict."""

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        self._firsts = [first for first, _ in ranges]
        self._lasts = [-1, *(last for _, last in ranges)]

    def __missing__(self, character: str) -> bool:
        code = ord(character)
        is_member = self[character] = code <= self._lasts[bisect_right(self._firsts, code)]
        return is_member


@lru_cache(maxsize=64)
def get_membership(ranges: Ranges) -> CharacterMembership:
    """Return the membership table of a set; equal sets share one, because a pattern may repeat a large set."""
    return CharacterMembership(ranges)


@lru_cache(maxsize=64)
def compile_run(ranges: Ranges, minimum: int, maximum: int) -> re.Pattern[str]:
    """Return an expression for the longest run of the set's characters, from ``minimum`` to ``maximum`` characters long."""
    return re.compile(f"{_format_class(ranges)}{{{minimum},{maximum}}}")
