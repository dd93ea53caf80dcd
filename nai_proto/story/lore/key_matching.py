"""Parse the keys of lorebook entries, and find their matches in a text.

========================  ==============================================================================================
``dragon``                a whole word, in any case. Letters and digits of all scripts and ``_`` belong to words; an end of
                          the key that is none of these needs no word boundary
``king & queen``          all of these words have to be in the text; the match is the one furthest down
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
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from ...arguments import INTEGER, LIMITS, OPTIONAL_FUNCTION, TEXT
from ...errors import LimitExceeded
from ...limits import Limits
from .. import jsregex
from ..utf16 import count_units

__all__ = ["Key", "KeyKind", "KeyMatch", "KeyMatcher", "KeySearch", "fill_key", "tail_start"]

KeyKind: TypeAlias = Literal["plain", "all", "regex"]
"""One word, several words that all have to be there, or a regular expression."""

_EXPRESSION: Final = re.compile(r"(\$?)/(.+)/([A-Za-z]*)", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\$\{[^{}]*\}")
_ASCII_WORD: Final = re.compile(r"[^&$\x80-\U0010ffff]*").fullmatch
"""Matches a plain key that is found as it is written, but for upper and lower case."""
_SYNTAX: Final = re.compile(r"[\^$\\.*+?()\[\]{}|/]")


@dataclass(frozen=True, slots=True)
class KeyMatch:
    """A match of a key: start and end, in characters of the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KeySearch:
    """The result of a search for a key."""

    match: KeyMatch | None = None
    "The match that starts furthest down."
    problem: str | None = field(default=None, repr=False)
    "Why there can be no match: the key cannot be parsed, or the search took too many steps."


_Find: TypeAlias = Callable[[str], KeyMatch | None]


@dataclass(frozen=True, slots=True)
class Key:
    """A parsed key; made by `parse`."""

    text: str = field(repr=False)
    "As it is written in the entry."
    kind: KeyKind
    problem: str | None = field(default=None, repr=False)
    "Why it never matches; None if it can match."
    _find: _Find = field(repr=False, compare=False, default=lambda _: None)

    @classmethod
    def parse(cls, text: str, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()) -> Key:
        """Parse a key. This never fails: a key that cannot be parsed has a `problem`. Parsed keys are cached.

        See docs/protocol/content.md#10-exported-files.

        Args:
            text: as it is written in the entry.
            fill: fills in the placeholders of a text. In a regular expression with ``$`` before it the values are escaped;
                other regular expressions are not filled.
            limits: for regular expressions, and for the length of any key: `Limits.regex`.
        """
        TEXT.check(text, "text")
        OPTIONAL_FUNCTION.check(fill, "fill")
        LIMITS.check(limits, "limits")
        filled_text = _fill(text, fill) if fill and "${" in text else text
        if len(filled_text) > limits.regex:
            return cls(text, "plain", f"it has more than {limits.regex} characters")
        made = _parse(filled_text, limits)
        return made if filled_text == text else cls(text, made.kind, made.problem, made._find)

    def search(self, text: str, start: int = 0, end: int | None = None) -> KeySearch:
        """Search a text for the match furthest down.

        Args:
            text: is searched.
            start, end: in characters, as in a slice; text outside of them is ignored. For a ``searchRange``, which counts
                UTF-16 units, `tail_start` returns the start.
        """
        TEXT.check(text, "text")
        INTEGER.check(start, "start")
        if end is not None:
            INTEGER.check(end, "end", "an int or None")
        if self.problem is not None:
            return KeySearch(problem=self.problem)
        start, end, _ = slice(start, end).indices(len(text))
        try:
            found = self._find(text[start:end])
        except LimitExceeded as error:
            return KeySearch(problem=str(error))
        return KeySearch(KeyMatch(found.start + start, found.end + start) if found else None)

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

    def may_match(self, lowered: str) -> bool:
        """Return False if no key can match in a text, which is quick for keys that are plain words.

        Args:
            lowered: the text, or several texts joined, in lower case.
        """
        return any(
            key.kind != "plain" or not _ASCII_WORD(key.text) or key.text.strip().lower() in lowered
            for key in self._keys
        )

    def find_last(self, text: str, start: int = 0) -> tuple[int, int, str] | None:
        """Return start, end and key of the match that begins furthest down, behind ``start``."""
        best: tuple[int, int, str] | None = None
        for key in [*self._keys]:
            found = key.search(text, start)
            if found.problem is not None:
                self.problems.append(f'"{key.text}": {found.problem}')
                self._keys.remove(key)
            elif found.match is not None and (best is None or found.match.start > best[0]):
                best = (found.match.start, found.match.end, key.text)
        return best


def fill_key(text: str, fill: Callable[[str], str]) -> str:
    """Return a key with its placeholders filled in as `Key.parse` does it, and without its ``$`` if none is left.

    Args:
        text: as it is written in the entry.
        fill: fills in the placeholders of a text.
    """
    filled_text = _fill(text, fill)
    expression = _EXPRESSION.fullmatch(filled_text.strip())
    if expression is None or _PLACEHOLDER.search(filled_text):
        return filled_text
    return filled_text.strip().removeprefix("$")


def tail_start(text: str, units: int) -> int:
    """Return where the last ``units`` UTF-16 units of a text begin, in characters; half a character is left out."""
    start = max(len(text) - max(units, 0), 0)  # a character has at least one unit
    excess = count_units(text[start:]) - max(units, 0)
    while excess > 0:
        excess -= count_units(text[start])
        start += 1
    return start


def _fill(text: str, fill: Callable[[str], str]) -> str:
    expression = _EXPRESSION.fullmatch(text.strip())
    if expression is None:
        return fill(text)
    return _PLACEHOLDER.sub(lambda match: _SYNTAX.sub(r"\\\g<0>", fill(match[0])), text) if expression[1] else text


@lru_cache(maxsize=4096)
def _parse(text: str, limits: Limits) -> Key:
    expression = _EXPRESSION.fullmatch(text.strip())
    if expression is not None:
        return _parse_expression(text, expression[2], expression[3], limits)
    words = [word for part in text.split("&") if (word := part.strip())]
    if not words:
        return Key(text, "plain", "it is empty")
    finders = [_make_word_finder(word) for word in words]
    return (
        Key(text, "plain", None, finders[0])
        if len(finders) == 1
        else Key(text, "all", None, _make_finder_of_all(finders))
    )


def _parse_expression(text: str, pattern: str, flags: str, limits: Limits) -> Key:
    try:
        regex = jsregex.compile(pattern, flags, limits=limits)
    except (jsregex.PatternError, LimitExceeded) as error:
        return Key(text, "regex", str(error))

    def find(searched: str) -> KeyMatch | None:
        found = regex.search_last(searched)
        return KeyMatch(*(found.names.get("hl") or found.span)) if found else None

    return Key(text, "regex", None, find)


def _make_finder_of_all(finders: list[_Find]) -> _Find:
    def find(text: str) -> KeyMatch | None:
        found = [match for finder in finders if (match := finder(text)) is not None]
        return max(found, key=lambda match: match.start) if len(found) == len(finders) else None

    return find


def _make_word_finder(word: str) -> _Find:
    """Return a finder of a word.

    It finds the first character in any case, and looks ahead at the rest, so that one match can begin inside of another. It
    does not use IGNORECASE, since `re` is faster at finding one character of a set.
    """
    begin = r"(?<!\w[\s\S])" if re.match(r"\w", word) else ""
    end = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
    first, *rest = map(_make_case_pattern, word)
    matches = re.compile(f"{first}{begin}(?={''.join(rest)}{end})").finditer

    def find(text: str) -> KeyMatch | None:
        start = max((found.start() for found in matches(text)), default=None)
        return None if start is None else KeyMatch(start, start + len(word))

    return find


def _make_case_pattern(character: str) -> str:
    cases = (character, character.lower(), character.upper(), character.casefold(), character.upper().lower())
    known = sorted({form for form in cases if len(form) == 1})
    return f"[{''.join(map(re.escape, known))}]" if len(known) > 1 else re.escape(character)
