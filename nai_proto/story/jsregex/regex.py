"""Compiled patterns and their matches.

Without the flag ``u`` a pattern sees UTF-16 units, so ``.`` matches half of an emoji; with it, code points. All positions in
arguments and results are characters of the text, as Python counts them. A match that begins or ends inside a character is
reported with the whole character.
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
from .case_folding import fold_case
from .character_sets import UNLIMITED, compile_run
from .compiler import compile_program, fold_tree
from .matcher import match_at
from .parser import parse_pattern
from .pattern_source import PatternCursor, PatternFlags
from .syntax_tree import PatternNode, can_be_empty, find_first_characters, find_leading_run, find_prefix

__all__ = ["Match", "Regex", "Span", "compile"]

Span: TypeAlias = tuple[int, int]
"""The start and the end of something, in characters."""

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Match:
    """A match of a pattern; all positions are characters."""

    start: int
    end: int
    groups: tuple[Span | None, ...] = ()
    "The groups by number, the first one at index 0; None for a group that took no part."
    names: Mapping[str, Span | None] = field(default_factory=dict[str, "Span | None"])
    "The groups by name."

    @property
    def span(self) -> Span:
        """The start and the end of the match."""
        return self.start, self.end


class Regex:
    """A compiled pattern; `compile` makes it. It keeps nothing of the texts that were searched."""

    def __init__(self, pattern: str, flags: str, limits: Limits) -> None:
        TEXT.check(pattern, "pattern")
        TEXT.check(flags, "flags")
        LIMITS.check(limits, "limits")
        if len(pattern) > limits.regex:
            raise LimitExceeded("characters of a pattern", limit=limits.regex, value=len(pattern))
        self.pattern = pattern
        self.flags = flags
        self._limits = limits
        self._parsed_flags = PatternFlags.parse(flags, pattern)
        cursor = PatternCursor(
            pattern if self._parsed_flags.unicode else _split_astral(pattern), self._parsed_flags.unicode
        )
        tree = fold_tree(parse_pattern(cursor, self._parsed_flags, limits), self._parsed_flags)
        self._names = cursor.names
        self._groups = cursor.groups
        self._program = compile_program(tree, cursor.groups, self._parsed_flags)
        self._find_start = _make_start_finder(tree)
        self._skip_failed = _make_skip_function(tree)

    def __repr__(self) -> str:
        return f"<Regex /{excerpt(self.pattern, 60)}/{self.flags}>"

    def search(self, text: str, start: int = 0, end: int | None = None) -> Match | None:
        """Return the first match, or None.

        Args:
            text: the text to search.
            start, end: characters, as in a slice; the pattern sees nothing outside this range.

        Raises:
            LimitExceeded: the search takes more steps than `Limits.regex_steps`.
        """
        return next(self.finditer(text, start, end), None)

    def finditer(self, text: str, start: int = 0, end: int | None = None) -> Iterator[Match]:
        """Yield all matches from left to right, without overlaps, as JavaScript's ``matchAll`` does.

        All matches together may take `Limits.regex_steps`; the iterator raises LimitExceeded as `search` does.
        """
        prepared, positions = self._prepare_text(text, start, end)
        return (self._build_match(registers, positions) for registers in self._iter_registers(prepared))

    def search_last(self, text: str, start: int = 0, end: int | None = None) -> Match | None:
        """Return the last match of `finditer`, or None; raises as `search` does."""
        prepared, positions = self._prepare_text(text, start, end)
        last = None
        for registers in self._iter_registers(prepared):
            last = registers
        return None if last is None else self._build_match(last, positions)

    def _prepare_text(self, text: str, start: int, end: int | None) -> tuple[str, _PositionMap]:
        """Return a text as the matcher sees it, and the map of its positions."""
        TEXT.check(text, "text")
        INTEGER.check(start, "start")
        if end is not None:
            INTEGER.check(end, "end", "an int or None")
        start, end, _ = slice(start, end).indices(len(text))
        seen = text[start:end]
        positions = _PositionMap(start, seen, self._parsed_flags.unicode)
        if positions.has_astral_characters:
            seen = _split_astral(seen)
        return (fold_case(seen, self._parsed_flags.unicode) if self._parsed_flags.ignore_case else seen), positions

    def _iter_registers(self, text: str) -> Iterator[list[int]]:
        """Yield the registers of each match."""
        at, budget = 0, self._limits.regex_steps
        while (at := self._find_start(text, at)) >= 0:
            registers, budget = match_at(self._program, text, at, budget)
            if budget < 0:
                most = self._limits.regex_steps
                raise LimitExceeded(f"steps of /{excerpt(self.pattern, 60)}/", limit=most, value=most + 1)
            if registers is None:
                at = self._skip_failed(text, at)
            else:
                yield registers
                at = max(at + 1, registers[1])

    def _build_match(self, registers: list[int], positions: _PositionMap) -> Match:
        spans = [
            positions.to_span(registers[2 * group], registers[2 * group + 1]) if registers[2 * group + 1] >= 0 else None
            for group in range(self._groups + 1)
        ]
        names = {
            name: next((spans[group] for group in groups if spans[group] is not None), None)
            for name, groups in self._names.items()
        }
        start, end = positions.to_span(registers[0], registers[1])
        return Match(start, end, tuple(spans[1:]), names)


class _PositionMap:
    """A map from positions of the matcher to characters of the whole text."""

    def __init__(self, offset: int, text: str, unicode: bool) -> None:
        astral = () if unicode or text.isascii() else _ASTRAL.finditer(text)
        self._offset = offset
        self._low_surrogates = [match.start() + before + 1 for before, match in enumerate(astral)]

    @property
    def has_astral_characters(self) -> bool:
        """Whether some character has two units."""
        return bool(self._low_surrogates)

    def to_span(self, first: int, last: int) -> Span:
        """Return the characters between two positions of the matcher, rounded out to whole ones."""
        start = first - bisect_right(self._low_surrogates, first)
        return start + self._offset, last - bisect_left(self._low_surrogates, last) + self._offset


def compile(pattern: str, flags: str = "", *, limits: Limits = Limits()) -> Regex:  # noqa: A001 - as `re` has it
    """Compile a pattern of JavaScript.

    Args:
        pattern: the text between the slashes.
        flags: the letters behind the slashes: ``i``, ``m``, ``s``, ``u``; ``d``, ``g`` and ``y`` have no effect.
        limits: for the length and the depth of the pattern, and for the steps of a search.

    Raises:
        PatternError: JavaScript rejects the pattern.
        UnsupportedPattern: JavaScript may accept the pattern, but this package does not support the flag ``v``, groups with
            flags of their own, escapes in names, or a character property that
            `nai_proto.story.jsregex.unicode_properties` does not have.
        LimitExceeded: the pattern is longer than `Limits.regex`, or nested deeper than `Limits.regex_depth`.
    """
    return Regex(pattern, flags, limits)


def _split_astral(text: str) -> str:
    """Return a text with each astral character as two UTF-16 units, as JavaScript sees it."""
    return _ASTRAL.sub(_make_surrogate_pair, text)


def _make_surrogate_pair(match: re.Match[str]) -> str:
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def _make_start_finder(tree: PatternNode) -> Callable[[str, int], int]:
    """Return a function ``(text, position)`` that finds where the next match may begin; it returns -1 for nowhere.

    It searches for the characters that matches begin with, which most patterns determine.
    """
    text = find_prefix(tree)
    if text:
        return lambda seen, at: seen.find(text, at)
    first = None if can_be_empty(tree) else find_first_characters(tree)
    if first is None:
        return lambda seen, at: at if at <= len(seen) else -1
    search = compile_run(first, 1, 1).search
    return lambda seen, at: match.start() if (match := search(seen, at)) else -1


def _make_skip_function(tree: PatternNode) -> Callable[[str, int], int]:
    """Return a function ``(text, position)`` that gives the next position to try after a failure.

    A pattern that begins with a run of a set has tried what follows at every end of the run. No match can begin in the rest
    of the run, so it is skipped: ``.*dragon`` is tried once per line.
    """
    ranges = find_leading_run(tree)
    if ranges is None:
        return lambda _, at: at + 1
    match_run = compile_run(ranges, 0, UNLIMITED).match
    return lambda seen, at: max(at + 1, match.end() if (match := match_run(seen, at)) else 0)
