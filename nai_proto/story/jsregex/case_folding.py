"""Case folding for the flag ``i``: Canonicalize of ECMA-262 §22.2.2.7.3.

Two characters are equal if their canonical forms are equal. A pattern is folded once when it is compiled, and a text once
before it is searched; then both are compared directly. The canonical form is simple case folding with the flag ``u``, and
upper case without it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from .character_sets import Ranges, merge_ranges

__all__ = ["fold_case", "fold_ranges"]

_CASED_END: Final = 0x1E944  # no character from here on has another case (Unicode 14 to 17)
_SURROGATES: Final = range(0xD800, 0xE000)


def fold_case(text: str, unicode: bool) -> str:
    """Return the canonical form of a text of units or code points; the length stays the same."""
    if text.isascii():
        return text.lower() if unicode else text.upper()
    return text.translate(_list_canonical_forms(unicode))


@lru_cache(maxsize=64)
def fold_ranges(ranges: Ranges, unicode: bool) -> Ranges:
    """Return a set with the canonical forms of its members added.

    Members that are not canonical stay in it: a folded text never has them.
    """
    table, changing = _list_canonical_forms(unicode), _list_folding_code_points(unicode)
    folded = list(ranges)
    for first, last in ranges:
        for code in changing[bisect_left(changing, first) : bisect_right(changing, last)]:
            folded.append((table[code], table[code]))
    return merge_ranges(folded)


@cache
def _list_canonical_forms(unicode: bool) -> Mapping[int, int]:
    """Return the canonical form of each character that differs from its canonical form."""
    last = _CASED_END if unicode else 0xFFFF
    form = _fold_simply if unicode else _fold_upper
    pairs = ((code, form(chr(code))) for code in range(last + 1) if code not in _SURROGATES)
    return {code: ord(canonical) for code, canonical in pairs if ord(canonical) != code}


@cache
def _list_folding_code_points(unicode: bool) -> list[int]:
    return sorted(_list_canonical_forms(unicode))


def _fold_upper(character: str) -> str:
    """Return the upper case if it is one unit; a character outside ASCII never becomes an ASCII one."""
    upper = character.upper()
    alone = len(upper) == 1 and ord(upper) <= 0xFFFF
    return upper if alone and (ord(character) < 128 or ord(upper) >= 128) else character


def _fold_simply(character: str) -> str:
    """Return the folding of statuses C and S of CaseFolding.txt.

    Where the full folding has several characters, the simple one is the lower case.
    """
    for form in (character.casefold(), character.lower()):
        if len(form) == 1:
            return form
    return character
