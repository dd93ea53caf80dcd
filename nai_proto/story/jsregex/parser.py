"""A parser for the grammar of ECMA-262 §22.2.1, with annex B.1.2 if the flag ``u`` is not set.

The parser recurses once per level of groups; `Limits.regex_depth` bounds the levels. As in ECMAScript 2025, two groups may
share a name if only one of them can take part in a match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ...errors import LimitExceeded
from ...limits import Limits
from .character_sets import ANY_CHARACTER, LINE_END, UNLIMITED
from .escapes import parse_character_class, parse_character_escape, parse_class_escape
from .pattern_source import PatternCursor, PatternFlags
from .syntax_tree import (
    EMPTY,
    Alternation,
    Assertion,
    Backreference,
    CapturingGroup,
    CharacterSet,
    Literal,
    Lookaround,
    PatternNode,
    Repetition,
    Sequence,
)

__all__ = ["parse_pattern"]

_QUANTIFIER: Final = re.compile(r"([*+?]|\{([0-9]+)(,?)([0-9]*)\})(\??)")
_BRACES: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_NAME: Final = re.compile(r"<([^>]*)>")
_NUMBER: Final = re.compile("[1-9][0-9]*")
_MODIFIERS: Final = re.compile("[a-z-]+:")
_MAX_GROUPS_PER_NAME: Final = 100  # each group is compared with all others of its name

_LOOKAROUNDS: Final = {"(?=": (True, False), "(?!": (True, True), "(?<=": (False, False), "(?<!": (False, True)}
_ASSERTIONS: Final = {
    "^": Assertion.START,
    "$": Assertion.END,
    r"\b": Assertion.WORD_BOUNDARY,
    r"\B": Assertion.NOT_WORD_BOUNDARY,
}


def parse_pattern(cursor: PatternCursor, flags: PatternFlags, limits: Limits) -> PatternNode:
    """Return the syntax tree of a pattern.

    Raises:
        PatternError: JavaScript rejects the pattern.
        UnsupportedPattern: the pattern uses something that this package does not support.
        LimitExceeded: its groups are nested deeper than `Limits.regex_depth`.
    """
    return _Parser(cursor, flags, limits.regex_depth).parse()


class _Parser:
    def __init__(self, cursor: PatternCursor, flags: PatternFlags, max_depth: int) -> None:
        self._cursor = cursor
        self._flags = flags
        self._max_depth = max_depth
        self._group_count = 0
        self._alternation_count = 0
        self._path: list[tuple[int, int]] = []
        "The alternations around the cursor, each with the index of its current option."
        self._paths_by_name: dict[str, list[tuple[tuple[int, int], ...]]] = {}
        "The paths to the groups of each name."

    def parse(self) -> PatternNode:
        tree = self._parse_alternation()
        if self._cursor.next:
            self._cursor.fail("unmatched closing parenthesis")
        return tree

    def _parse_alternation(self) -> PatternNode:
        """Parse options up to the end or a closing parenthesis."""
        if len(self._path) > self._max_depth:
            raise LimitExceeded("levels of groups in a pattern", limit=self._max_depth, value=len(self._path))
        self._alternation_count += 1
        self._path.append((self._alternation_count, 0))
        options = [self._parse_sequence()]
        while self._cursor.accept("|"):
            alternation, option = self._path[-1]
            self._path[-1] = (alternation, option + 1)
            options.append(self._parse_sequence())
        self._path.pop()
        return options[0] if len(options) == 1 else Alternation(tuple(options))

    def _parse_sequence(self) -> PatternNode:
        items: list[PatternNode] = []
        while self._cursor.next not in ("", "|", ")"):
            item = self._parse_term()
            last = items[-1] if items else None
            if isinstance(item, Literal) and isinstance(last, Literal):
                items[-1] = Literal(last.text + item.text)
            elif item != EMPTY:
                items.append(item)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _parse_term(self) -> PatternNode:
        """Parse an atom with its quantifier, or an assertion."""
        cursor, groups_before, begin = self._cursor, self._group_count, self._cursor.at
        for mark, assertion in _ASSERTIONS.items():
            if cursor.accept(mark):
                return assertion
        unquantifiable = cursor.pattern.startswith(("(?<=", "(?<!", *(("(?=", "(?!") if cursor.unicode else ())), begin)
        atom = self._parse_atom()
        quantifier = None if unquantifiable else cursor.match(_QUANTIFIER)
        if quantifier is None:
            return atom
        minimum, maximum = _parse_quantifier(quantifier)
        if maximum is not None and maximum < minimum:
            cursor.fail("quantifier with its numbers in the wrong order", begin)
        return Repetition(atom, minimum, maximum, not quantifier[5], range(groups_before + 1, self._group_count + 1))

    def _parse_atom(self) -> PatternNode:
        cursor = self._cursor
        if cursor.next == "(":
            return self._parse_group()
        if cursor.next in "*+?" or (cursor.next == "{" and (cursor.unicode or self._has_braces())):
            cursor.fail("nothing to repeat")
        if cursor.unicode and cursor.next in "]}":
            cursor.fail("unmatched closing bracket")
        character = cursor.take()
        if character == ".":
            return CharacterSet(ANY_CHARACTER) if self._flags.dot_all else CharacterSet(LINE_END, negated=True)
        if character == "[":
            return parse_character_class(cursor, self._flags.ignore_case)
        return self._parse_escape() if character == "\\" else Literal(character)

    def _has_braces(self) -> bool:
        return _BRACES.match(self._cursor.pattern, self._cursor.at) is not None

    def _parse_escape(self) -> PatternNode:
        cursor = self._cursor
        ranges = parse_class_escape(cursor, self._flags.ignore_case)
        if ranges is not None:
            return CharacterSet(ranges)
        if cursor.next == "k" and (cursor.unicode or cursor.names):
            cursor.at += 1
            name = cursor.match(_NAME)
            if name is None or name[1] not in cursor.names:
                cursor.fail("reference to a name that no group has")
            return Backreference(cursor.names[name[1]])
        number = _NUMBER.match(cursor.pattern, cursor.at)
        if number is not None and len(number[0]) < 6 and int(number[0]) <= cursor.groups:
            cursor.at = number.end()
            return Backreference((int(number[0]),))
        return Literal(parse_character_escape(cursor))

    def _parse_group(self) -> PatternNode:
        cursor, begin = self._cursor, self._cursor.at
        for mark, (ahead, negated) in _LOOKAROUNDS.items():
            if cursor.accept(mark):
                return Lookaround(self._parse_group_body(begin), ahead, negated)
        if cursor.accept("(?:"):
            return self._parse_group_body(begin)
        if cursor.accept("(?<"):
            cursor.at -= 1
            self._parse_group_name()
        elif cursor.accept("(?"):
            cursor.fail_unsupported("a group with flags") if cursor.match(_MODIFIERS) else cursor.fail(
                "unknown kind of group"
            )
        else:
            cursor.at += 1
        self._group_count += 1
        number = self._group_count
        return CapturingGroup(number, self._parse_group_body(begin))

    def _parse_group_body(self, begin: int) -> PatternNode:
        tree = self._parse_alternation()
        return tree if self._cursor.accept(")") else self._cursor.fail("unclosed parenthesis", begin)

    def _parse_group_name(self) -> None:
        """Parse the name of a group; two groups may share it only in different options of one alternation."""
        cursor, name = self._cursor, self._cursor.match(_NAME)
        if name is None:
            cursor.fail("group name without its end")
        if "\\" in name[1]:
            cursor.fail_unsupported("a name with escapes")
        if not name[1].replace("$", "_").isidentifier():
            cursor.fail("invalid group name")
        others = self._paths_by_name.setdefault(name[1], [])
        path = tuple(self._path)
        if len(others) >= _MAX_GROUPS_PER_NAME:
            cursor.fail_unsupported(f"more than {_MAX_GROUPS_PER_NAME} groups of one name")
        if any(_can_both_match(path, other) for other in others):
            cursor.fail("another group has this name")
        others.append(path)


def _can_both_match(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> bool:
    """Return whether two groups can take part in one match.

    They cannot if some alternation has them in different options.
    """
    here, there = next((pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]), ((0, 0), (1, 0)))
    return here[0] != there[0]


def _parse_quantifier(match: re.Match[str]) -> tuple[int, int | None]:
    """Return the minimum and the maximum number of iterations; None is no maximum."""
    if match[2] is None:
        return (1 if match[1] == "+" else 0), (1 if match[1] == "?" else None)
    minimum = _parse_count(match[2])
    return minimum, minimum if not match[3] else _parse_count(match[4]) if match[4] else None


def _parse_count(digits: str) -> int:
    return min(int(digits), UNLIMITED) if len(digits) < 12 else UNLIMITED
