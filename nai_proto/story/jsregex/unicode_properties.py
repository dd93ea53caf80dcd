r"""Unicode properties, ``\p{…}`` (ECMA-262 §22.2.2.9, tables 66 to 69).

Supported are all general categories, by both names and with an optional ``gc=`` or ``General_Category=``, some binary
properties, and the scripts of `unicode_scripts`. Other properties raise `UnsupportedPattern`. Which characters have a
property depends on the Unicode version of the running Python.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from typing import Final, TypeVar

from .character_sets import ANY_CHARACTER, SPACE, Ranges, merge_ranges
from .pattern_source import PatternCursor
from .unicode_scripts import SCRIPTS

__all__ = ["get_property_ranges"]

T = TypeVar("T")

# The long names of each category, by its short name (PropertyValueAliases.txt).
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
_CATEGORY_BY_NAME: Final = {name: short for short, names in _CATEGORIES.items() for name in (short, *names.split())}
_CATEGORY_GROUPS: Final = {"LC": ("Lu", "Ll", "Lt")}

_FIXED_RANGES: Final[dict[str, Ranges]] = {
    "Any": ANY_CHARACTER,
    "ASCII": ((0, 0x7F),),
    "ASCII_Hex_Digit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "AHex": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "White_Space": merge_ranges((*(piece for piece in SPACE if piece[0] != 0xFEFF), (0x85, 0x85))),
}
_FIXED_RANGES["space"] = _FIXED_RANGES["White_Space"]
_PREDICATES: Final[dict[str, Callable[[str], bool]]] = {
    "Assigned": lambda character: unicodedata.category(character) != "Cn",
    "Lowercase": str.islower,
    "Lower": str.islower,
    "Uppercase": str.isupper,
    "Upper": str.isupper,
}


def get_property_ranges(escape: str, cursor: PatternCursor) -> Ranges:
    """Return the characters that have a property.

    Args:
        escape: the text between the braces.
        cursor: behind the closing brace; for errors.

    Raises:
        UnsupportedPattern: the property is not supported.
    """
    name, equals, value = escape.partition("=")
    if equals and name in ("Script", "sc", "Script_Extensions", "scx"):
        if name in ("Script", "sc") and value in SCRIPTS:
            return SCRIPTS[value]
    elif not equals or name in ("General_Category", "gc"):
        category = value or name
        if category in _CATEGORY_BY_NAME:
            return _find_category(_CATEGORY_BY_NAME[category])
        if not equals and category in _FIXED_RANGES:
            return _FIXED_RANGES[category]
        if not equals and category in _PREDICATES:
            return _find_by_predicate(category)
    return cursor.fail_unsupported("this character property")


@cache
def _find_category(short: str) -> Ranges:
    wanted = tuple(_CATEGORY_GROUPS.get(short, (short,)))
    return merge_ranges(run for category, run in _list_category_runs() if category.startswith(wanted))


@cache
def _find_by_predicate(name: str) -> Ranges:
    return tuple(run for has_property, run in _group_characters(_PREDICATES[name]) if has_property)


@cache
def _list_category_runs() -> tuple[tuple[str, tuple[int, int]], ...]:
    """Return the category of each run of characters. This looks at every character of Unicode, once."""
    return tuple(_group_characters(unicodedata.category))


def _group_characters(classify: Callable[[str], T]) -> Iterator[tuple[T, tuple[int, int]]]:
    """Yield each run of characters that ``classify`` gives the same value, with the value."""
    first = 0
    for value, run in groupby(map(classify, map(chr, range(0x110000)))):
        last = first + sum(1 for _ in run) - 1
        yield value, (first, last)
        first = last + 1
