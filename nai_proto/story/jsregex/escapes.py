r"""Parsing of escapes and of character classes in brackets (ECMA-262 §22.2.1, annex B.1.2).

Without the flag ``u`` nearly every escape is valid: an unknown one means the character itself (``\-``, ``\!``), ``\07`` is
octal, and an incomplete ``\x`` or ``\u`` is a letter. With the flag ``u`` these are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import Final, TypeAlias

from .character_sets import DIGIT, SPACE, WORD, Ranges, invert_ranges, merge_ranges
from .pattern_source import PatternCursor
from .syntax_tree import CharacterSet
from .unicode_properties import get_property_ranges

__all__ = ["parse_character_class", "parse_character_escape", "parse_class_escape"]

_ClassMember: TypeAlias = list[tuple[int, int]] | Ranges
"""A single character as a list, or a set as a tuple."""

_CLASSES: Final[Mapping[str, Ranges]] = {"d": DIGIT, "s": SPACE, "w": WORD}
# With the flags i and u a character that folds to a word character is one too: U+017F folds to s, U+212A to k.
_FOLDED_WORD: Final = merge_ranges((*WORD, (0x17F, 0x17F), (0x212A, 0x212A)))
_CONTROLS: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/")

_OCTAL: Final = re.compile("[0-3][0-7]{0,2}|[4-7][0-7]?")
_HEX: Final = re.compile("x([0-9A-Fa-f]{2})")
_UNIT: Final = re.compile("u([0-9A-Fa-f]{4})")
_SURROGATE_PAIR: Final = re.compile(r"u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")
_CODE_POINT: Final = re.compile(r"u\{([0-9A-Fa-f]+)\}")
_CONTROL_LETTER: Final = re.compile("c([A-Za-z])")
_CONTROL_DIGIT: Final = re.compile("c([0-9_])")
_PROPERTY: Final = re.compile(r"[pP]\{([^{}]*)\}")


def parse_class_escape(cursor: PatternCursor, ignore_case: bool) -> Ranges | None:
    r"""Return the set that ``\d``, ``\P{…}`` and similar escapes mean; None if another escape comes next.

    The cursor is behind the backslash.
    """
    kind = cursor.next
    if kind and kind in "dDsSwW":
        cursor.at += 1
        folded = kind in "wW" and cursor.unicode and ignore_case
        ranges = _FOLDED_WORD if folded else _CLASSES[kind.lower()]
    elif kind and kind in "pP" and cursor.unicode:
        match = cursor.match(_PROPERTY) or cursor.fail("property escape without a property")
        ranges = get_property_ranges(match[1], cursor)
    else:
        return None
    return invert_ranges(ranges) if kind.isupper() else ranges


def parse_character_escape(cursor: PatternCursor, in_class: bool = False) -> str:
    """Return the character that an escape means; the cursor is behind the backslash."""
    kind = cursor.next
    if kind and kind in "xuc":
        return _parse_coded_character(cursor, in_class)
    if kind.isascii() and kind.isdigit():
        return _parse_octal(cursor)
    if not kind:
        cursor.fail("backslash at the end")
    cursor.at += 1
    if kind in _CONTROLS:
        return _CONTROLS[kind]
    allowed = kind in _SYNTAX or (kind == "-" and in_class) if cursor.unicode else kind != "k" or not cursor.names
    return kind if allowed else cursor.fail(f"\\{kind} is no escape", cursor.at - 2)


def _parse_coded_character(cursor: PatternCursor, in_class: bool) -> str:
    r"""Parse ``\x41``, ``\u0041``, ``\u{41}`` or ``\cA``."""
    if cursor.unicode and (match := cursor.match(_SURROGATE_PAIR)):
        return bytes.fromhex(match[1] + match[2]).decode("utf-16-be")
    if cursor.unicode and (match := cursor.match(_CODE_POINT)):
        code = int(match[1].lstrip("0")[:8] or "0", 16)
        return chr(code) if code <= 0x10FFFF else cursor.fail("code point above 10FFFF")
    if match := cursor.match(_HEX) or cursor.match(_UNIT):
        return chr(int(match[1], 16))
    if match := cursor.match(_CONTROL_LETTER) or (
        cursor.match(_CONTROL_DIGIT) if in_class and not cursor.unicode else None
    ):
        return chr(ord(match[1]) % 32)
    if cursor.unicode:
        cursor.fail(f"incomplete escape \\{cursor.next}")
    return "\\" if cursor.next == "c" else cursor.take()  # the c is read next


def _parse_octal(cursor: PatternCursor) -> str:
    r"""Parse ``\0`` or, in the lenient syntax, an octal number; ``\8`` is an 8."""
    if cursor.unicode:
        if cursor.take() == "0" and not (cursor.next.isascii() and cursor.next.isdigit()):
            return "\0"
        cursor.fail("reference to a number that no group has", cursor.at - 1)
    match = cursor.match(_OCTAL)
    return chr(int(match[0], 8)) if match else cursor.take()


def parse_character_class(cursor: PatternCursor, ignore_case: bool) -> CharacterSet:
    """Parse a character class; the cursor is behind the opening bracket."""
    begin = cursor.at - 1
    negated = cursor.accept("^")
    singles: list[tuple[int, int]] = []
    sets: set[Ranges] = set()  # a pattern may repeat a large set
    while not cursor.accept("]"):
        first = _parse_class_member(cursor, ignore_case, begin)
        if not cursor.pattern.startswith("-", cursor.at) or cursor.pattern.startswith("-]", cursor.at):
            _add_member(first, singles, sets)
            continue
        cursor.at += 1
        last = _parse_class_member(cursor, ignore_case, begin)
        if isinstance(first, list) and isinstance(last, list):
            if first[0][0] > last[0][0]:
                cursor.fail("character range whose end is before its beginning")
            singles.append((first[0][0], last[0][0]))
        elif cursor.unicode:
            cursor.fail("character range that begins or ends with a class")
        else:
            for member in (first, last, [(0x2D, 0x2D)]):
                _add_member(member, singles, sets)
    return CharacterSet(merge_ranges((*singles, *chain.from_iterable(sets))), negated)


def _add_member(member: _ClassMember, singles: list[tuple[int, int]], sets: set[Ranges]) -> None:
    if isinstance(member, list):
        singles += member
    else:
        sets.add(member)


def _parse_class_member(cursor: PatternCursor, ignore_case: bool, begin: int) -> _ClassMember:
    """Parse one member of a class; a range may begin or end with it if it is a single character."""
    character = cursor.take()
    if not character:
        cursor.fail("character class without its end", begin)
    if character == "\\":
        ranges = parse_class_escape(cursor, ignore_case)
        if ranges is not None:
            return ranges
        character = "\b" if cursor.accept("b") else parse_character_escape(cursor, in_class=True)
    return [(ord(character), ord(character))]
