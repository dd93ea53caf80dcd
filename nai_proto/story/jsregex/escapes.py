r"""What stands behind a backslash, and what stands in brackets (ECMA-262 §22.2.1, annex B.1.2).

Without the flag ``u`` nearly everything means something: an escape that is none is the character itself (``\-``, ``\!``),
``\07`` is octal, and an unfinished ``\x`` or ``\u`` is a letter. With it such things are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import Final, TypeAlias

from .cursor import Cursor
from .properties import property_ranges
from .sets import DIGIT, SPACE, WORD, Ranges, inverted, merged
from .tree import Set

__all__ = ["character_escape", "character_set", "class_escape"]

_Part: TypeAlias = list[tuple[int, int]] | Ranges
"""A single character as a list, or a set as a tuple."""

_CLASSES: Final[Mapping[str, Ranges]] = {"d": DIGIT, "s": SPACE, "w": WORD}
# With both flags, what folds to a letter or a digit is a word character too: U+017F to s, U+212A to k.
_FOLDED_WORD: Final = merged((*WORD, (0x17F, 0x17F), (0x212A, 0x212A)))
_CONTROLS: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/")

_OCTAL: Final = re.compile("[0-3][0-7]{0,2}|[4-7][0-7]?")
_HEX: Final = re.compile("x([0-9A-Fa-f]{2})")
_UNIT: Final = re.compile("u([0-9A-Fa-f]{4})")
_PAIR: Final = re.compile(r"u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")
_POINT: Final = re.compile(r"u\{([0-9A-Fa-f]+)\}")
_LETTER: Final = re.compile("c([A-Za-z])")
_WORDY: Final = re.compile("c([0-9_])")
_PROPERTY: Final = re.compile(r"[pP]\{([^{}]*)\}")


def class_escape(cursor: Cursor, ignore_case: bool) -> Ranges | None:
    r"""The set that ``\d``, ``\P{…}`` and the like mean, or None where there is something else; behind the backslash."""
    kind = cursor.next
    if kind and kind in "dDsSwW":
        cursor.at += 1
        wide = kind in "wW" and cursor.unicode and ignore_case
        ranges = _FOLDED_WORD if wide else _CLASSES[kind.lower()]
    elif kind and kind in "pP" and cursor.unicode:
        found = cursor.match(_PROPERTY) or cursor.fail("a property escape without a property")
        ranges = property_ranges(found[1], cursor)
    else:
        return None
    return inverted(ranges) if kind.isupper() else ranges


def character_escape(cursor: Cursor, in_class: bool = False) -> str:
    """The character that an escape means; behind the backslash."""
    kind = cursor.next
    if kind and kind in "xuc":
        return _coded(cursor, in_class)
    if kind.isascii() and kind.isdigit():
        return _numbered(cursor)
    if not kind:
        cursor.fail("a backslash at the end")
    cursor.at += 1
    if kind in _CONTROLS:
        return _CONTROLS[kind]
    allowed = kind in _SYNTAX or (kind == "-" and in_class) if cursor.unicode else kind != "k" or not cursor.names
    return kind if allowed else cursor.fail(f"\\{kind} means nothing", cursor.at - 2)


def _coded(cursor: Cursor, in_class: bool) -> str:
    r"""``\x41``, ``\u0041``, ``\u{41}``, ``\cA``."""
    if cursor.unicode and (found := cursor.match(_PAIR)):
        return bytes.fromhex(found[1] + found[2]).decode("utf-16-be")
    if cursor.unicode and (found := cursor.match(_POINT)):
        code = int(found[1].lstrip("0")[:8] or "0", 16)
        return chr(code) if code <= 0x10FFFF else cursor.fail("there is no such code point")
    if found := cursor.match(_HEX) or cursor.match(_UNIT):
        return chr(int(found[1], 16))
    if found := cursor.match(_LETTER) or (cursor.match(_WORDY) if in_class and not cursor.unicode else None):
        return chr(ord(found[1]) % 32)
    if cursor.unicode:
        cursor.fail(f"\\{cursor.next} is not complete")
    return "\\" if cursor.next == "c" else cursor.take()  # and the c comes next


def _numbered(cursor: Cursor) -> str:
    r"""``\0``, and in the lenient syntax octal numbers; ``\8`` is an 8."""
    if cursor.unicode:
        if cursor.take() == "0" and not (cursor.next.isascii() and cursor.next.isdigit()):
            return "\0"
        cursor.fail("a number where there is no such group", cursor.at - 1)
    found = cursor.match(_OCTAL)
    return chr(int(found[0], 8)) if found else cursor.take()


def character_set(cursor: Cursor, ignore_case: bool) -> Set:
    """A class in brackets; behind the first."""
    begin = cursor.at - 1
    negated = cursor.eat("^")
    singles: list[tuple[int, int]] = []
    sets: set[Ranges] = set()  # a large one may stand there often
    while not cursor.eat("]"):
        first = _member(cursor, ignore_case, begin)
        if not cursor.pattern.startswith("-", cursor.at) or cursor.pattern.startswith("-]", cursor.at):
            _put(first, singles, sets)
            continue
        cursor.at += 1
        last = _member(cursor, ignore_case, begin)
        if isinstance(first, list) and isinstance(last, list):
            if first[0][0] > last[0][0]:
                cursor.fail("a range whose end is before its beginning")
            singles.append((first[0][0], last[0][0]))
        elif cursor.unicode:
            cursor.fail("a range from or to a class")
        else:
            for part in (first, last, [(0x2D, 0x2D)]):
                _put(part, singles, sets)
    return Set(merged((*singles, *chain.from_iterable(sets))), negated)


def _put(part: _Part, singles: list[tuple[int, int]], sets: set[Ranges]) -> None:
    if isinstance(part, list):
        singles += part
    else:
        sets.add(part)


def _member(cursor: Cursor, ignore_case: bool, begin: int) -> _Part:
    """One part of a class, which ranges may begin and end with if it is a single character."""
    character = cursor.take()
    if not character:
        cursor.fail("a class without its end", begin)
    if character == "\\":
        ranges = class_escape(cursor, ignore_case)
        if ranges is not None:
            return ranges
        character = "\b" if cursor.eat("b") else character_escape(cursor, in_class=True)
    return [(ord(character), ord(character))]
