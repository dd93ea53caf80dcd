"""Reads patterns by the grammar of ECMA-262 §22.2.1, with annex B.1.2 where the flag ``u`` is not set.

The parser goes down one call per level of groups, and `Limits.regex_depth` says how many there may be. What ECMAScript 2025
added is known where it changes nothing else: two groups may have one name if only one of them can take part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ...errors import LimitExceeded
from ...limits import Limits
from .cursor import Cursor
from .escapes import character_escape, character_set, class_escape
from .flags import Flags
from .sets import EVERYTHING, LINE_END, MOST
from .tree import (
    EMPTY,
    BackReference,
    Choice,
    Edge,
    Group,
    Literal,
    Look,
    Node,
    Repeat,
    Sequence,
    Set,
)

__all__ = ["parsed"]

_QUANTIFIER: Final = re.compile(r"([*+?]|\{([0-9]+)(,?)([0-9]*)\})(\??)")
_BRACES: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_NAME: Final = re.compile(r"<([^>]*)>")
_NUMBER: Final = re.compile("[1-9][0-9]*")
_MODIFIERS: Final = re.compile("[a-z-]+:")
_NAMESAKES: Final = 100  # each is compared with the others

_LOOKS: Final = {"(?=": (True, False), "(?!": (True, True), "(?<=": (False, False), "(?<!": (False, True)}
_EDGES: Final = {"^": Edge.START, "$": Edge.END, r"\b": Edge.WORD, r"\B": Edge.NO_WORD}


def parsed(cursor: Cursor, flags: Flags, limits: Limits) -> Node:
    """The tree of a pattern.

    Raises:
        PatternError: it is none.
        LimitExceeded: its groups are nested deeper than `Limits.regex_depth`.
    """
    return _Parser(cursor, flags, limits.regex_depth).whole()


class _Parser:
    def __init__(self, cursor: Cursor, flags: Flags, depth: int) -> None:
        self._cursor = cursor
        self._flags = flags
        self._depth = depth
        self._opened = 0
        self._choices = 0
        self._path: list[tuple[int, int]] = []
        "The choices around this place, and in which of its alternatives each is."
        self._homes: dict[str, list[tuple[tuple[int, int], ...]]] = {}
        "The paths to the groups with a name."

    def whole(self) -> Node:
        tree = self._choice()
        if self._cursor.next:
            self._cursor.fail("a parenthesis that was not opened")
        return tree

    def _choice(self) -> Node:
        """Alternatives, up to the end or a closing parenthesis."""
        if len(self._path) > self._depth:
            raise LimitExceeded("levels of groups in a pattern", limit=self._depth, value=len(self._path))
        self._choices += 1
        self._path.append((self._choices, 0))
        options = [self._sequence()]
        while self._cursor.eat("|"):
            choice, option = self._path[-1]
            self._path[-1] = (choice, option + 1)
            options.append(self._sequence())
        self._path.pop()
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._cursor.next not in ("", "|", ")"):
            item = self._term()
            last = items[-1] if items else None
            if isinstance(item, Literal) and isinstance(last, Literal):
                items[-1] = Literal(last.text + item.text)
            elif item != EMPTY:
                items.append(item)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _term(self) -> Node:
        """An atom with its quantifier, or an assertion."""
        cursor, before, begin = self._cursor, self._opened, self._cursor.at
        for mark, edge in _EDGES.items():
            if cursor.eat(mark):
                return edge
        alone = cursor.pattern.startswith(("(?<=", "(?<!", *(("(?=", "(?!") if cursor.unicode else ())), begin)
        atom = self._atom()
        found = None if alone else cursor.match(_QUANTIFIER)
        if found is None:
            return atom
        least, most = _turns(found)
        if most is not None and most < least:
            cursor.fail("a quantifier whose end is before its beginning", begin)
        return Repeat(atom, least, most, not found[5], range(before + 1, self._opened + 1))

    def _atom(self) -> Node:
        cursor = self._cursor
        if cursor.next == "(":
            return self._group()
        if cursor.next in "*+?" or (cursor.next == "{" and (cursor.unicode or self._braces())):
            cursor.fail("there is nothing to repeat")
        if cursor.unicode and cursor.next in "]}":
            cursor.fail("a bracket that was not opened")
        character = cursor.take()
        if character == ".":
            return Set(EVERYTHING) if self._flags.dot_all else Set(LINE_END, negated=True)
        if character == "[":
            return character_set(cursor, self._flags.ignore_case)
        return self._escape() if character == "\\" else Literal(character)

    def _braces(self) -> bool:
        return _BRACES.match(self._cursor.pattern, self._cursor.at) is not None

    def _escape(self) -> Node:
        cursor = self._cursor
        ranges = class_escape(cursor, self._flags.ignore_case)
        if ranges is not None:
            return Set(ranges)
        if cursor.next == "k" and (cursor.unicode or cursor.names):
            cursor.at += 1
            name = cursor.match(_NAME)
            if name is None or name[1] not in cursor.names:
                cursor.fail("a reference to a name that no group has")
            return BackReference(cursor.names[name[1]])
        number = _NUMBER.match(cursor.pattern, cursor.at)
        if number is not None and len(number[0]) < 6 and int(number[0]) <= cursor.groups:
            cursor.at = number.end()
            return BackReference((int(number[0]),))
        return Literal(character_escape(cursor))

    def _group(self) -> Node:
        cursor, begin = self._cursor, self._cursor.at
        for mark, (ahead, negated) in _LOOKS.items():
            if cursor.eat(mark):
                return Look(self._inside(begin), ahead, negated)
        if cursor.eat("(?:"):
            return self._inside(begin)
        if cursor.eat("(?<"):
            cursor.at -= 1
            self._name()
        elif cursor.eat("(?"):
            cursor.unsupported("a group with flags") if cursor.match(_MODIFIERS) else cursor.fail("no such group")
        else:
            cursor.at += 1
        self._opened += 1
        number = self._opened
        return Group(number, self._inside(begin))

    def _inside(self, begin: int) -> Node:
        tree = self._choice()
        return tree if self._cursor.eat(")") else self._cursor.fail("a parenthesis that is not closed", begin)

    def _name(self) -> None:
        """The name of a group, which another may have only in another alternative."""
        cursor, found = self._cursor, self._cursor.match(_NAME)
        if found is None:
            cursor.fail("a group's name without its end")
        if "\\" in found[1]:
            cursor.unsupported("a name with escapes")
        if not found[1].replace("$", "_").isidentifier():
            cursor.fail("this is no name for a group")
        homes = self._homes.setdefault(found[1], [])
        path = tuple(self._path)
        if len(homes) >= _NAMESAKES:
            cursor.unsupported(f"more than {_NAMESAKES} groups of one name")
        if any(_may_meet(path, home) for home in homes):
            cursor.fail("a name that another group has")
        homes.append(path)


def _may_meet(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> bool:
    """Can both take part? Not if somewhere they stand in different alternatives of one choice."""
    here, there = next((pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]), ((0, 0), (1, 0)))
    return here[0] != there[0]


def _turns(found: re.Match[str]) -> tuple[int, int | None]:
    """The least and the most turns; None is no limit."""
    if found[2] is None:
        return (1 if found[1] == "+" else 0), (1 if found[1] == "?" else None)
    least = _number(found[2])
    return least, least if not found[3] else _number(found[4]) if found[4] else None


def _number(digits: str) -> int:
    return min(int(digits), MOST) if len(digits) < 12 else MOST
