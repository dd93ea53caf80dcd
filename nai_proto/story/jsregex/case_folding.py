"""Case folding for the flag ``i``: Canonicalize of ECMA-262 §22.2.2.7.3.

Two characters are equal if their canonical forms are equal. A pattern is folded once when it is compiled, and a text once
before it is searched; then both are compared directly. The canonical form is simple case folding with the flag ``u``, and
upper case without it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final

from .character_sets import Ranges, merge_ranges

__all__ = ["fold_case", "fold_ranges"]

_CASED_END: Final = 0x1E944  # no character from here on has another case (Unicode 14 to 17)
_BLOCK: Final = 256
_LAST_UNIT: Final = 0xFFFF
# Simple folding joins these, although their full foldings have several characters (CaseFolding.txt, since Unicode 15.1).
_JOINED: Final = {"\u1fd3": "\u0390", "\u1fe3": "\u03b0", "\ufb05": "\ufb06"}
_NEWER_PAIRS: Final = (
    *zip(
        "\u1c89\ua7cb\ua7cc\ua7ce\ua7d2\ua7d4\ua7da\ua7dc",
        "\u1c8a\u0264\ua7cd\ua7cf\ua7d3\ua7d5\ua7db\u019b",
        strict=True,
    ),
    *((chr(0x10D50 + number), chr(0x10D70 + number)) for number in range(22)),  # Garay
    *((chr(0x16EA0 + number), chr(0x16EBB + number)) for number in range(25)),  # Beria Erfe
)
"""Letters of Unicode 16 and 17 in upper and lower case, which older versions of Python do not know and browsers do."""
_NEWER_LOWER: Final = dict(_NEWER_PAIRS)
_NEWER_UPPER: Final = {lower: upper for upper, lower in _NEWER_PAIRS if ord(upper) <= _LAST_UNIT}


def fold_case(text: str, unicode: bool) -> str:
    """Return the canonical form of a text of units or code points; the length stays the same."""
    convert = _get_conversion(unicode)
    if text.isascii():
        return convert(text)
    # The methods of str are ten times as fast as a table, and right for all but some hundred characters.
    forms, split = _list_exceptions(unicode)
    return "".join([forms[piece] if piece in forms else convert(piece) for piece in split(text)])


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


def _get_conversion(unicode: bool) -> Callable[[str], str]:
    return str.lower if unicode else str.upper


@cache
def _list_exceptions(unicode: bool) -> tuple[Mapping[str, str], Callable[[str], list[str]]]:
    """Return the canonical forms that the method of str does not give, and a function that splits a text at them."""
    convert, forms = _get_conversion(unicode), _list_canonical_forms(unicode)
    canonical = {character: chr(forms.get(ord(character), ord(character))) for character in _list_cased(unicode)}
    exceptions = {character: form for character, form in canonical.items() if convert(character) != form}
    exceptions |= {"Σ": canonical["Σ"]}  # at the end of a word, str.lower makes it ς
    return exceptions, re.compile(f"([{''.join(exceptions)}])").split


@cache
def _list_canonical_forms(unicode: bool) -> Mapping[int, int]:
    """Return the canonical form of each character that differs from its canonical form."""
    form = _fold_simply if unicode else _fold_upper
    pairs = ((ord(character), ord(form(character))) for character in _list_cased(unicode))
    return {code: canonical for code, canonical in pairs if canonical != code}


@cache
def _list_folding_code_points(unicode: bool) -> list[int]:
    return sorted(_list_canonical_forms(unicode))


@cache
def _list_cased(unicode: bool) -> str:
    """Return the characters that may have another case; without the flag ``u`` these are units.

    Most blocks of characters have none, and are passed over as a whole.
    """
    firsts = range(0, _CASED_END if unicode else 0x10000, _BLOCK)
    blocks = ("".join(map(chr, range(first, first + _BLOCK))) for first in firsts)
    cased = "".join(block for block in blocks if not block == block.lower() == block.upper() == block.casefold())
    newer = [*_NEWER_LOWER, *_NEWER_LOWER.values()] if unicode else [*_NEWER_UPPER, *_NEWER_UPPER.values()]
    return "".join(dict.fromkeys([*cased, *newer]))


def _fold_upper(character: str) -> str:
    """Return the upper case if it is one unit; a character outside ASCII never becomes an ASCII one."""
    upper = _NEWER_UPPER.get(character) or character.upper()
    alone = len(upper) == 1 and ord(upper) <= _LAST_UNIT
    return upper if alone and (ord(character) < 128 or ord(upper) >= 128) else character


def _fold_simply(character: str) -> str:
    """Return the folding of statuses C and S of CaseFolding.txt.

    Where the full folding has several characters, the simple one is the lower case, with three exceptions.
    """
    known = _JOINED.get(character) or _NEWER_LOWER.get(character, "")
    for form in (known, character.casefold(), character.lower()):
        if len(form) == 1:
            return form
    return character
