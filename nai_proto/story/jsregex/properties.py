r"""``\p{…}``: what is known of characters without tables of our own (ECMA-262 §22.2.2.9, tables 66 to 69).

Known are all general categories, by both names and with ``gc=`` or ``General_Category=`` before them, some binary
properties, and the scripts of `scripts`. Others are an `UnsupportedPattern`. Which characters have a property is a matter
of the Unicode version, and so of the Python version.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from typing import Final, TypeVar

from .cursor import Cursor
from .scripts import SCRIPTS
from .sets import EVERYTHING, SPACE, Ranges, merged

__all__ = ["property_ranges"]

T = TypeVar("T")

# Categories by their short names, with the long ones of PropertyValueAliases.txt.
_CATEGORIES: Final = {
    "L": "Letter",
    "LC": "Cased_Letter",
    "Lu": "Uppercase_Letter",
    "Ll": "Lowercase_Letter",
    "Lt": "Titlecase_Letter",
    "Lm": "Modifier_Letter",
    "Lo": "Other_Letter",
    "M": "Mark Combining_Mark",
    "Mn": "Nonspacing_Mark",
    "Mc": "Spacing_Mark",
    "Me": "Enclosing_Mark",
    "N": "Number",
    "Nd": "Decimal_Number digit",
    "Nl": "Letter_Number",
    "No": "Other_Number",
    "P": "Punctuation punct",
    "Pc": "Connector_Punctuation",
    "Pd": "Dash_Punctuation",
    "Ps": "Open_Punctuation",
    "Pe": "Close_Punctuation",
    "Pi": "Initial_Punctuation",
    "Pf": "Final_Punctuation",
    "Po": "Other_Punctuation",
    "S": "Symbol",
    "Sm": "Math_Symbol",
    "Sc": "Currency_Symbol",
    "Sk": "Modifier_Symbol",
    "So": "Other_Symbol",
    "Z": "Separator",
    "Zs": "Space_Separator",
    "Zl": "Line_Separator",
    "Zp": "Paragraph_Separator",
    "C": "Other",
    "Cc": "Control cntrl",
    "Cf": "Format",
    "Cs": "Surrogate",
    "Co": "Private_Use",
    "Cn": "Unassigned",
}
_SHORT: Final = {name: short for short, names in _CATEGORIES.items() for name in (short, *names.split())}
_WIDER: Final = {"LC": ("Lu", "Ll", "Lt")}

_FIXED: Final[dict[str, Ranges]] = {
    "Any": EVERYTHING,
    "ASCII": ((0, 0x7F),),
    "ASCII_Hex_Digit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "AHex": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "White_Space": merged((*(piece for piece in SPACE if piece[0] != 0xFEFF), (0x85, 0x85))),
}
_FIXED["space"] = _FIXED["White_Space"]
_ASKED: Final[dict[str, Callable[[str], bool]]] = {
    "Assigned": lambda character: unicodedata.category(character) != "Cn",
    "Lowercase": str.islower,
    "Lower": str.islower,
    "Uppercase": str.isupper,
    "Upper": str.isupper,
}


def property_ranges(escape: str, cursor: Cursor) -> Ranges:
    """The characters with a property.

    Args:
        escape: what stands between the braces.
        cursor: behind them.
    """
    name, given, value = escape.partition("=")
    if given and name in ("Script", "sc", "Script_Extensions", "scx"):
        if name in ("Script", "sc") and value in SCRIPTS:
            return SCRIPTS[value]
    elif not given or name in ("General_Category", "gc"):
        category = value or name
        if category in _SHORT:
            return _category(_SHORT[category])
        if not given and category in _FIXED:
            return _FIXED[category]
        if not given and category in _ASKED:
            return _asked(category)
    return cursor.unsupported("this property of characters")


@cache
def _category(short: str) -> Ranges:
    wanted = tuple(_WIDER.get(short, (short,)))
    return merged(run for category, run in _categories() if category.startswith(wanted))


@cache
def _asked(name: str) -> Ranges:
    return tuple(run for found, run in _runs(_ASKED[name]) if found)


@cache
def _categories() -> tuple[tuple[str, tuple[int, int]], ...]:
    """The category of each run of characters. Every character is looked at, which takes a moment, once."""
    return tuple(_runs(unicodedata.category))


def _runs(ask: Callable[[str], T]) -> Iterator[tuple[T, tuple[int, int]]]:
    first = 0
    for found, run in groupby(map(ask, map(chr, range(0x110000)))):
        last = first + sum(1 for _ in run) - 1
        yield found, (first, last)
        first = last + 1
