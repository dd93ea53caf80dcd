"""A compiled pattern, and where it matches.

Without the flag ``u`` a pattern sees UTF-16 units, so ``.`` takes half of an emoji; with it, code points. Places given and
taken are characters of the text, as Python counts them; a match that begins or ends inside of a character is said to
hold the whole one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ...arguments import INTEGER, LIMITS, TEXT
from ...errors import LimitExceeded, excerpt
from ...limits import Limits
from .cursor import Cursor
from .flags import Flags
from .folding import folded
from .machine import run
from .parser import parsed
from .program import folded_tree, program_of
from .sets import MOST, compiled
from .tree import Node, beginnings, leading_run, may_be_empty, prefix

__all__ = ["Match", "Regex", "Span", "compile"]

Span: TypeAlias = tuple[int, int]
"""Where something begins and ends, in characters."""

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern matches."""

    start: int
    end: int
    groups: tuple[Span | None, ...] = ()
    "The groups by number, the first one at 0; None for one that took no part."
    names: Mapping[str, Span | None] = field(default_factory=dict[str, "Span | None"])
    "The groups that have names."

    @property
    def span(self) -> Span:
        """Both ends."""
        return self.start, self.end


class Regex:
    """A pattern, ready to be searched for; made by `compile`. It holds nothing of the texts that it has seen."""

    def __init__(self, pattern: str, flags: str, limits: Limits) -> None:
        TEXT.check(pattern, "pattern")
        TEXT.check(flags, "flags")
        LIMITS.check(limits, "limits")
        if len(pattern) > limits.regex:
            raise LimitExceeded("characters of a pattern", limit=limits.regex, value=len(pattern))
        self.pattern = pattern
        self.flags = flags
        self._limits = limits
        self._read = Flags.of(flags, pattern)
        cursor = Cursor(pattern if self._read.unicode else _units(pattern), self._read.unicode)
        tree = folded_tree(parsed(cursor, self._read, limits), self._read)
        self._names = cursor.names
        self._groups = cursor.groups
        self._program = program_of(tree, cursor.groups, self._read)
        self._candidate = _candidates(tree)
        self._behind = _next_places(tree)

    def __repr__(self) -> str:
        return f"<Regex /{excerpt(self.pattern, 60)}/{self.flags}>"

    def search(self, text: str, start: int = 0, end: int | None = None) -> Match | None:
        """The first match.

        Args:
            text: to be searched.
            start, end: characters, as in a slice; what is outside of them is as if it were not there.

        Raises:
            LimitExceeded: it takes more steps than `Limits.regex_steps`.
        """
        return next(self.finditer(text, start, end), None)

    def finditer(self, text: str, start: int = 0, end: int | None = None) -> Iterator[Match]:
        """All matches from left to right, none of which overlaps another, as ``matchAll`` has them.

        Together they have the steps of one `search`, and raise as it does when they are asked for.
        """
        prepared, places = self._prepared(text, start, end)
        return (self._match(registers, places) for registers in self._runs(prepared))

    def last(self, text: str, start: int = 0, end: int | None = None) -> Match | None:
        """The last one of `finditer`; raises as `search`."""
        prepared, places = self._prepared(text, start, end)
        found = None
        for registers in self._runs(prepared):
            found = registers
        return None if found is None else self._match(found, places)

    def _prepared(self, text: str, start: int, end: int | None) -> tuple[str, _Places]:
        """What the machine sees of a text, and how its places translate."""
        TEXT.check(text, "text")
        INTEGER.check(start, "start")
        if end is not None:
            INTEGER.check(end, "end", "an int or None")
        start, end, _ = slice(start, end).indices(len(text))
        seen = text[start:end]
        places = _Places(start, seen, self._read.unicode)
        if places.split:
            seen = _units(seen)
        return (folded(seen, self._read.unicode) if self._read.ignore_case else seen), places

    def _runs(self, text: str) -> Iterator[list[int]]:
        """The registers of each match."""
        at, budget = 0, self._limits.regex_steps
        while (at := self._candidate(text, at)) >= 0:
            registers, budget = run(self._program, text, at, budget)
            if budget < 0:
                most = self._limits.regex_steps
                raise LimitExceeded(f"steps of /{excerpt(self.pattern, 60)}/", limit=most, value=most + 1)
            if registers is None:
                at = self._behind(text, at)
            else:
                yield registers
                at = max(at + 1, registers[1])

    def _match(self, registers: list[int], places: _Places) -> Match:
        spans = [
            places.span(registers[2 * group], registers[2 * group + 1]) if registers[2 * group + 1] >= 0 else None
            for group in range(self._groups + 1)
        ]
        names = {
            name: next((spans[group] for group in groups if spans[group] is not None), None)
            for name, groups in self._names.items()
        }
        start, end = places.span(registers[0], registers[1])
        return Match(start, end, tuple(spans[1:]), names)


class _Places:
    """From what the machine counts to characters of the whole text."""

    def __init__(self, offset: int, text: str, unicode: bool) -> None:
        astral = () if unicode or text.isascii() else _ASTRAL.finditer(text)
        self._offset = offset
        self._seconds = [found.start() + before + 1 for before, found in enumerate(astral)]

    @property
    def split(self) -> bool:
        """Are there characters of two units?"""
        return bool(self._seconds)

    def span(self, first: int, last: int) -> Span:
        """Whole characters."""
        start = first - bisect_right(self._seconds, first)
        return start + self._offset, last - bisect_left(self._seconds, last) + self._offset


def compile(pattern: str, flags: str = "", *, limits: Limits = Limits()) -> Regex:  # noqa: A001 - as `re` has it
    """A pattern of JavaScript, ready to be searched for.

    Args:
        pattern: what stands between the slashes.
        flags: the letters behind them: ``i``, ``m``, ``s``, ``u``; ``d``, ``g`` and ``y`` change nothing.
        limits: for its length, its depth, and the steps of a search.

    Raises:
        PatternError: JavaScript does not take it.
        UnsupportedPattern: JavaScript may take it, but not we: the flag ``v``, groups with flags of their own, properties of
            characters that `nai_proto.story.jsregex.properties` does not know, escapes in names.
        LimitExceeded: it is longer than `Limits.regex`, or nested deeper than `Limits.regex_depth`.
    """
    return Regex(pattern, flags, limits)


def _units(text: str) -> str:
    """A text with each astral character as the two units that JavaScript sees."""
    return _ASTRAL.sub(_halves, text)


def _halves(found: re.Match[str]) -> str:
    high, low = divmod(ord(found[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def _candidates(tree: Node) -> Callable[[str, int], int]:
    """Where a match may begin, from a place on; -1 for nowhere: most patterns know the first characters of their matches."""
    text = prefix(tree)
    if text:
        return lambda seen, at: seen.find(text, at)
    first = None if may_be_empty(tree) else beginnings(tree)
    if first is None:
        return lambda seen, at: at if at <= len(seen) else -1
    search = compiled(first, 1, 1).search
    return lambda seen, at: found.start() if (found := search(seen, at)) else -1


def _next_places(tree: Node) -> Callable[[str, int], int]:
    """Where to go on behind a place where no match begins.

    One that begins with a run of a set would have tried what follows at all ends of the run, so none begins in the rest of
    it either: ``.*dragon`` is tried once a line.
    """
    ranges = leading_run(tree)
    if ranges is None:
        return lambda _, at: at + 1
    run_of = compiled(ranges, 0, MOST).match
    return lambda seen, at: max(at + 1, found.end() if (found := run_of(seen, at)) else 0)
