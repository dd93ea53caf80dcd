"""Compiled patterns and their matches.

Without the flag ``u`` a pattern sees UTF-16 units, so ``.`` matches half of an emoji; with it, code points. All positions in
arguments and results are characters of the text, as Python counts them. A match that begins or ends inside a character is
reported with the whole character.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ...arguments import INTEGER, LIMITS, TEXT
from ...errors import LimitExceeded, excerpt
from ...limits import Limits
from .compiler import Program, compile_program, fold_tree
from .matcher import SCAN_SHIFT, match_at
from .parser import parse_pattern
from .pattern_source import PatternCursor, PatternFlags
from .start_finder import StartFinder
from .step_budget import StepBudget
from .text_forms import PreparedText, Span, TextForm, split_astral

__all__ = ["Match", "Regex", "compile"]


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
        self.form = TextForm(self._parsed_flags.unicode, self._parsed_flags.ignore_case)
        "How the pattern sees texts."
        cursor = PatternCursor(pattern if self.form.unicode else split_astral(pattern), self.form.unicode)
        self._tree = fold_tree(parse_pattern(cursor, self._parsed_flags, limits), self._parsed_flags)
        self._names = cursor.names
        self._groups = cursor.groups
        self._starts = StartFinder(self._tree)

    @cached_property
    def _program(self) -> Program:
        """What the matcher runs; most of many patterns never see a text that may have a match."""
        return compile_program(self._tree, self._groups, self._parsed_flags)

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
        prepared = self._prepare_text(text, start, end)
        return (self._build_match(registers, prepared) for registers in self._iter_registers(prepared.seen, None))

    def search_last(self, text: str, start: int = 0, end: int | None = None) -> Match | None:
        """Return the last match of `finditer`, or None; raises as `search` does."""
        return self.search_last_in(self._prepare_text(text, start, end))

    def search_last_in(self, text: PreparedText, budget: StepBudget | None = None) -> Match | None:
        """Return the last match in a text in which other patterns are searched too, or None.

        Args:
            text: in the pattern's `form`.
            budget: the steps are taken from it.

        Raises:
            LimitExceeded: the search takes more steps than `Limits.regex_steps`, or than are left of the budget.
        """
        last = None
        for registers in self._iter_registers(text.seen, budget):
            last = registers
        return None if last is None else self._build_match(last, text)

    def may_match(self, text: PreparedText) -> bool:
        """Return False if the text lacks what every match contains, which is quick to see.

        Args:
            text: in the pattern's `form`.
        """
        return self._starts.may_match(text.seen)

    def _prepare_text(self, text: str, start: int, end: int | None) -> PreparedText:
        TEXT.check(text, "text")
        INTEGER.check(start, "start")
        if end is not None:
            INTEGER.check(end, "end", "an int or None")
        start, end, _ = slice(start, end).indices(len(text))
        return PreparedText(text[start:end], self.form, start)

    def _iter_registers(self, text: str, budget: StepBudget | None) -> Iterator[list[int]]:
        """Yield the registers of each match."""
        most = self._limits.regex_steps if budget is None else min(self._limits.regex_steps, budget.left)
        left = most - 1 - self._starts.required_texts * (1 + (len(text) >> SCAN_SHIFT))
        at, passed = 0, 0
        try:
            if left >= 0 and self._starts.may_match(text):
                starts = self._starts.search(text)
                while left >= passed and (at := starts.find(at)) >= 0:
                    registers, left = match_at(self._program, text, at, left)
                    passed = starts.steps
                    if registers is None:
                        at = starts.skip(at)
                    else:
                        yield registers
                        at = max(at + 1, registers[1])
            if left < passed:
                raise LimitExceeded(f"steps of /{excerpt(self.pattern, 60)}/", limit=most, value=most + 1)
        finally:
            if budget is not None:
                budget.spend(most - left + passed)

    def _build_match(self, registers: list[int], text: PreparedText) -> Match:
        spans = [
            text.to_span(registers[2 * group], registers[2 * group + 1]) if registers[2 * group + 1] >= 0 else None
            for group in range(self._groups + 1)
        ]
        names = {
            name: next((spans[group] for group in groups if spans[group] is not None), None)
            for name, groups in self._names.items()
        }
        start, end = text.to_span(registers[0], registers[1])
        return Match(start, end, tuple(spans[1:]), names)


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
