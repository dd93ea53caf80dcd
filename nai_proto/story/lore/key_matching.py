"""Parse the keys of lorebook entries, and find their matches in a text.

========================  ==============================================================================================
``dragon``                a word in any case, as JavaScript finds ``\\bdragon\\b`` with the flags ``iu``. Only ASCII letters,
                          digits and ``_`` belong to words, and an end of the key that is none of these needs no word
                          boundary: ``cat`` is not in cats, and ``王`` is in 国王来了
``king & queen``          all of these words have to be in the text; the match is the one furthest down
``D&D``                   this word or, where the text does not have it, all words between the ``&``
``/drag(on|oness)/i``     a regular expression of JavaScript; a group ``hl`` narrows the match
``$/${name}'s? hall/i``   a regular expression with placeholders
========================  ==============================================================================================

A key that cannot be parsed never matches, and has the reason in `Key.problem`. A key does not match in a text in which the
search takes too many steps.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from ...arguments import INTEGER, LIMITS, OPTIONAL_FUNCTION, TEXT
from ...errors import LimitExceeded
from ...limits import Limits
from .. import jsregex
from ..jsregex.character_sets import SPACE
from ..jsregex.step_budget import StepBudget
from .search_text import KeyMatch, SearchText, Word

__all__ = ["BLANKS", "Key", "KeyKind", "KeyMatcher", "KeySearch", "fill_key"]

KeyKind: TypeAlias = Literal["plain", "all", "regex"]
"""One word, several words that all have to be there, or a regular expression."""

_EXPRESSION: Final = re.compile(r"(\$?)/(.+)/([A-Za-z]*)", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\$\{[^{}]*\}")
_SEPARATOR: Final = re.compile(r"(?<!\S)&|&(?!\S)")
"""An ``&`` that is not inside of a word."""
BLANKS: Final = "".join(chr(code) for first, last in SPACE for code in range(first, last + 1))
"""What JavaScript trims."""
_SYNTAX: Final = re.compile(r"[\^$\\.*+?()\[\]{}|/]")
_KEY_STEPS: Final = 4
"""Steps that a search for a key takes, whatever it finds."""


@dataclass(frozen=True, slots=True)
class KeySearch:
    """The result of a search for a key."""

    match: KeyMatch | None = None
    "The match that starts furthest down."
    problem: str | None = field(default=None, repr=False)
    "Why there can be no match: the key cannot be parsed, or the search took too many steps."


_Find: TypeAlias = Callable[[SearchText], KeyMatch | None]
"""Finds the match furthest down in a text."""
_MayFind: TypeAlias = Callable[[SearchText], bool]
"""Returns False if there can be no match in a text."""


@dataclass(frozen=True, slots=True)
class Key:
    """A parsed key; made by `parse`."""

    text: str = field(repr=False)
    "As it is written in the entry."
    kind: KeyKind
    problem: str | None = field(default=None, repr=False)
    "Why it never matches; None if it can match."
    _find: _Find = field(repr=False, compare=False, default=lambda _: None)
    _may_find: _MayFind = field(repr=False, compare=False, default=lambda _: False)

    @classmethod
    def parse(cls, text: str, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()) -> Key:
        """Parse a key. This never fails: a key that cannot be parsed has a `problem`. Parsed keys are cached.

        See docs/protocol/content.md#10-exported-files.

        Args:
            text: as it is written in the entry.
            fill: fills in the placeholders of a text. In a regular expression with ``$`` before it the values are escaped,
                and so are placeholders without a value; other regular expressions are not filled.
            limits: for regular expressions, and for the length of any key: `Limits.regex`.
        """
        TEXT.check(text, "text")
        OPTIONAL_FUNCTION.check(fill, "fill")
        LIMITS.check(limits, "limits")
        try:
            filled_text = _fill(text, fill) if fill and "${" in text else text
        except LimitExceeded as error:
            return cls(text, "plain", str(error))
        if len(filled_text) > limits.regex:
            return cls(text, "plain", f"it has more than {limits.regex} characters")
        return replace(_parse(filled_text, limits), text=text)

    def search(self, text: str, start: int = 0, end: int | None = None) -> KeySearch:
        """Search a text for the match furthest down.

        Args:
            text: is searched.
            start, end: in characters, as in a slice; text outside of them is ignored. For a ``searchRange``, which counts
                UTF-16 units, `tail_start` returns the start.

        Raises:
            LimitExceeded: the search takes more steps than `Limits.lore_steps`.
        """
        TEXT.check(text, "text")
        INTEGER.check(start, "start")
        if end is not None:
            INTEGER.check(end, "end", "an int or None")
        if self.problem is not None:
            return KeySearch(problem=self.problem)
        start, end, _ = slice(start, end).indices(len(text))
        budget = StepBudget(Limits().lore_steps, "steps of the search for a key")
        return self.search_in(SearchText(text[:end], start, budget))

    def search_in(self, text: SearchText) -> KeySearch:
        """Return what `search` does, for a text in which other keys are searched too.

        Raises:
            LimitExceeded: all searches together take more steps than the text's budget has.
        """
        text.budget.spend(_KEY_STEPS)
        try:
            found = KeySearch(self._find(text), self.problem)
        except LimitExceeded as error:
            found = KeySearch(problem=str(error))
        text.budget.check()
        return found

    def may_match(self, text: SearchText) -> bool:
        """Return False if the key cannot match in a text, nor in any part of it between two line ends. This is quick."""
        text.budget.spend(_KEY_STEPS)
        return self._may_find(text)

    def find_last(self, text: str, start: int = 0, end: int | None = None) -> KeyMatch | None:
        """Return the match furthest down; None if there is none, whatever the reason. Arguments are as for `search`."""
        return self.search(text, start, end).match


class KeyMatcher:
    """The keys of one entry, to be searched for together in several texts.

    A key that takes too many steps once is not searched for again, so that the cost has a bound however many texts there
    are.

    Args:
        keys: of the entry.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        known = [*keys]
        self.problems: Final = [f'"{key.text}": {key.problem}' for key in known if key.problem is not None]
        "What is wrong with keys."
        self._keys: Final = [key for key in known if key.problem is None]

    def __bool__(self) -> bool:
        """Return whether there is a key that can match."""
        return bool(self._keys)

    def may_match(self, text: SearchText) -> bool:
        """Return False if no key can match in a text: see `Key.may_match`."""
        return any(key.may_match(text) for key in self._keys)

    def find_last(self, text: SearchText) -> tuple[int, int, str] | None:
        """Return start, end and key of the match that begins furthest down.

        Raises:
            LimitExceeded: all searches together take more steps than the text's budget has.
        """
        best: tuple[int, int, str] | None = None
        for key in [*self._keys]:
            result = key.search_in(text)
            if result.problem is not None:
                self.problems.append(f'"{key.text}": {result.problem}')
                self._keys.remove(key)
            elif result.match is not None and (best is None or result.match.start > best[0]):
                best = (result.match.start, result.match.end, key.text)
        return best


def fill_key(text: str, fill: Callable[[str], str]) -> str:
    """Return a key with its placeholders filled in as `Key.parse` does it, and without its ``$`` if none is left.

    Args:
        text: as it is written in the entry.
        fill: fills in the placeholders of a text.
    """
    filled_text = _fill(text, fill)
    expression = _EXPRESSION.fullmatch(filled_text.strip(BLANKS))
    if expression is None or _PLACEHOLDER.search(filled_text):
        return filled_text
    return filled_text.strip(BLANKS).removeprefix("$")


def _fill(text: str, fill: Callable[[str], str]) -> str:
    expression = _EXPRESSION.fullmatch(text.strip(BLANKS))
    if expression is None:
        return fill(text)
    if not expression[1]:
        return text

    def fill_one(match: re.Match[str]) -> str:
        value = fill(match[0])
        return value if value == match[0] else _escape(value)  # one without a value can be filled in later

    return _PLACEHOLDER.sub(fill_one, text)


def _escape(text: str) -> str:
    """Return the text as a regular expression has it."""
    return _SYNTAX.sub(r"\\\g<0>", text)


@lru_cache(maxsize=4096)
def _parse(text: str, limits: Limits) -> Key:
    expression = _EXPRESSION.fullmatch(text.strip(BLANKS))
    if expression is not None:
        has_placeholders, pattern, flags = expression.groups()
        if has_placeholders:
            pattern = _PLACEHOLDER.sub(lambda match: _escape(match[0]), pattern)
        return _parse_expression(text, pattern, flags, limits)
    parts = [part for piece in _SEPARATOR.split(text) if (part := piece.strip(BLANKS))]
    if not any(part.strip("&") for part in parts):
        return Key(text, "plain", "it is empty")
    find = _make_finder_of_all([_make_part_finder(part) for part in dict.fromkeys(parts)])
    return Key(text, "all" if "&" in text else "plain", None, find, lambda searched: find(searched) is not None)


def _parse_expression(text: str, pattern: str, flags: str, limits: Limits) -> Key:
    try:
        regex = jsregex.compile(pattern, flags, limits=limits)
    except (jsregex.PatternError, LimitExceeded) as error:
        return Key(text, "regex", str(error))

    def find(searched: SearchText) -> KeyMatch | None:
        found = regex.search_last_in(searched.in_form(regex.form), searched.budget)
        return KeyMatch(*(found.names.get("hl") or found.span)) if found else None

    return Key(text, "regex", None, find, lambda searched: regex.may_match(searched.in_form(regex.form)))


def _split_part(part: str) -> list[str]:
    """Return the words between the ``&`` of a part of a key."""
    return [word for piece in part.split("&") if (word := piece.strip(BLANKS))]


def _make_part_finder(part: str) -> _Find:
    """Return a finder of a part of a key as it is written or, where that is not in the text, of all words in it."""
    find_whole = _make_word_finder(part)
    if "&" not in part:
        return find_whole
    find_words = _make_finder_of_all([_make_word_finder(word) for word in dict.fromkeys(_split_part(part))])
    return lambda text: find_whole(text) or find_words(text)


def _make_finder_of_all(finders: list[_Find]) -> _Find:
    """Return a finder of what all of some finders find; its match is the one furthest down."""
    if len(finders) == 1:
        return finders[0]

    def find(text: SearchText) -> KeyMatch | None:
        best: KeyMatch | None = None
        for find_one in finders:
            match = find_one(text)
            if match is None:
                return None
            best = match if best is None or match.start > best.start else best
        return best

    return find


def _make_word_finder(text: str) -> _Find:
    word = Word(text)
    return lambda searched: searched.find_last(word)
