"""What the flag ``i`` makes equal: Canonicalize of ECMA-262 §22.2.2.7.3.

Characters are equal if their canonical forms are. So a text is folded once, character by character, and a pattern when it
is compiled; then both are compared as they are. With ``u`` the form is simple case folding, without it upper case.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from .sets import Ranges, merged

__all__ = ["folded", "folded_set"]

_CASED_END: Final = 0x1E944  # behind it no character has another case (Unicode 14 to 17)
_SURROGATES: Final = range(0xD800, 0xE000)


def folded(text: str, unicode: bool) -> str:
    """A text, as units or as code points, in its canonical form; as long as it was."""
    if text.isascii():
        return text.lower() if unicode else text.upper()
    return text.translate(_table(unicode))


@lru_cache(maxsize=64)
def folded_set(ranges: Ranges, unicode: bool) -> Ranges:
    """A set with the canonical forms of its members. Those that are not canonical stay: no folded text has them."""
    table, changing = _table(unicode), _changing(unicode)
    found = list(ranges)
    for first, last in ranges:
        for code in changing[bisect_left(changing, first) : bisect_right(changing, last)]:
            found.append((table[code], table[code]))
    return merged(found)


@cache
def _table(unicode: bool) -> Mapping[int, int]:
    """The canonical forms of those characters that are not their own."""
    last = _CASED_END if unicode else 0xFFFF
    form = _simply_folded if unicode else _upper
    pairs = ((code, form(chr(code))) for code in range(last + 1) if code not in _SURROGATES)
    return {code: ord(canonical) for code, canonical in pairs if ord(canonical) != code}


@cache
def _changing(unicode: bool) -> list[int]:
    return sorted(_table(unicode))


def _upper(character: str) -> str:
    """Upper case, where that is one unit, and ASCII only for ASCII."""
    upper = character.upper()
    alone = len(upper) == 1 and ord(upper) <= 0xFFFF
    return upper if alone and (ord(character) < 128 or ord(upper) >= 128) else character


def _simply_folded(character: str) -> str:
    """Statuses C and S of CaseFolding.txt; where the full folding is longer, the simple one is lower case."""
    for form in (character.casefold(), character.lower()):
        if len(form) == 1:
            return form
    return character
