"""Keys of lore entries: what has to stand in the text.

========================  ==============================================================================================
``dragon``                a whole word, in any case; letters and digits of all scripts and ``_`` belong to words, and an
                          end of the key that is none of these needs no edge of a word
``king & queen``          each of these words has to be there; the match is the one furthest down
``/drag(on|oness)/i``     an expression of JavaScript; a group ``hl`` narrows what counts as the match
``$/${name}'s? hall/i``   one with placeholders
========================  ==============================================================================================

A key that cannot be understood never matches, and says why. One whose search takes too long does not match there.

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

__all__ = ["Key", "KeyKind", "KeyMatch", "KeyMatcher", "KeySearch", "filled_key", "tail_start"]

KeyKind: TypeAlias = Literal["plain", "all", "regex"]
"""A word, several that all have to be there, or an expression."""

_EXPRESSION: Final = re.compile(r"(\$?)/(.+)/([A-Za-z]*)", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\$\{[^{}]*\}")
_ASCII_WORD: Final = re.compile(r"[^&$\x80-\U0010ffff]*").fullmatch
"""Matches a plain key that is found as it is written, but for upper and lower case."""
_SYNTAX: Final = re.compile(r"[\^$\\.*+?()\[\]{}|/]")


@dataclass(frozen=True, slots=True)
class KeyMatch:
    """Where a key matches, in characters of the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KeySearch:
    """What a search for a key gave."""

    match: KeyMatch | None = None
    "The match furthest down, by where it starts."
    problem: str | None = None
    "Why there could be none: the key is none, or the search took too many steps."


_Find: TypeAlias = Callable[[str], KeyMatch | None]


@dataclass(frozen=True, slots=True)
class Key:
    """A key, ready to be searched for; made by `parse`."""

    text: str = field(repr=False)
    "As it stands in the entry."
    kind: KeyKind
    problem: str | None = None
    "Why it never matches; None if it may."
    _find: _Find = field(repr=False, compare=False, default=lambda _: None)

    @classmethod
    def parse(cls, text: str, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()) -> Key:
        """Reads a key. Never fails; keys that have been seen are remembered.

        See docs/protocol/content.md#10-exported-files.

        Args:
            text: as it stands in the entry.
            fill: puts values in place of the placeholders of a text. In an expression with ``$`` before it
                they count as they are, whatever they hold; other expressions are not filled.
            limits: for expressions, and for how long any key may be: `Limits.regex`.
        """
        TEXT.check(text, "text")
        OPTIONAL_FUNCTION.check(fill, "fill")
        LIMITS.check(limits, "limits")
        text_and_values = _filled(text, fill) if fill and "${" in text else text
        if len(text_and_values) > limits.regex:
            return cls(text, "plain", f"it has more than {limits.regex} characters")
        made = _parsed(text_and_values, limits)
        return made if text_and_values == text else cls(text, made.kind, made.problem, made._find)

    def search(self, text: str, start: int = 0, end: int | None = None) -> KeySearch:
        """The match furthest down.

        Args:
            text: to be searched.
            start, end: characters, as in a slice; what is outside of them is as if it were not there. For a ``searchRange``,
                which counts UTF-16 units, `tail_start` gives the start.
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

    def last(self, text: str, start: int = 0, end: int | None = None) -> KeyMatch | None:
        """The match furthest down, or None, whatever the reason; as `search`."""
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


def filled_key(text: str, fill: Callable[[str], str]) -> str:
    """The key with values in place of its placeholders, as `Key.parse` fills them; without its ``$`` when none is left."""
    made = _filled(text, fill)
    expression = _EXPRESSION.fullmatch(made.strip())
    return made if expression is None or _PLACEHOLDER.search(made) else made.strip().removeprefix("$")


def tail_start(text: str, units: int) -> int:
    """Where the last ``units`` UTF-16 units of a text begin, in characters; half a character is left out."""
    start = max(len(text) - max(units, 0), 0)  # a character has at least one unit
    excess = count_units(text[start:]) - max(units, 0)
    while excess > 0:
        excess -= count_units(text[start])
        start += 1
    return start


def _filled(text: str, fill: Callable[[str], str]) -> str:
    expression = _EXPRESSION.fullmatch(text.strip())
    if expression is None:
        return fill(text)
    return _PLACEHOLDER.sub(lambda found: _SYNTAX.sub(r"\\\g<0>", fill(found[0])), text) if expression[1] else text


@lru_cache(maxsize=4096)
def _parsed(text: str, limits: Limits) -> Key:
    expression = _EXPRESSION.fullmatch(text.strip())
    if expression is not None:
        return _expression(text, expression[2], expression[3], limits)
    words = [word for part in text.split("&") if (word := part.strip())]
    if not words:
        return Key(text, "plain", "it is empty")
    finders = [_word(word) for word in words]
    return Key(text, "plain", None, finders[0]) if len(finders) == 1 else Key(text, "all", None, _all(finders))


def _expression(text: str, pattern: str, flags: str, limits: Limits) -> Key:
    try:
        regex = jsregex.compile(pattern, flags, limits=limits)
    except (jsregex.PatternError, LimitExceeded) as error:
        return Key(text, "regex", str(error))

    def find(searched: str) -> KeyMatch | None:
        found = regex.search_last(searched)
        return KeyMatch(*(found.names.get("hl") or found.span)) if found else None

    return Key(text, "regex", None, find)


def _all(finders: list[_Find]) -> _Find:
    def find(text: str) -> KeyMatch | None:
        found = [match for finder in finders if (match := finder(text)) is not None]
        return max(found, key=lambda match: match.start) if len(found) == len(finders) else None

    return find


def _word(word: str) -> _Find:
    """Finds a word: by its first character, in any case, at which the rest is then looked at without taking it, so that one
    match may begin inside of another. Written without IGNORECASE, since `re` is quicker at finding one character of a set.
    """
    begin = r"(?<!\w[\s\S])" if re.match(r"\w", word) else ""
    end = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
    first, *rest = map(_in_any_case, word)
    matches = re.compile(f"{first}{begin}(?={''.join(rest)}{end})").finditer

    def find(text: str) -> KeyMatch | None:
        start = max((found.start() for found in matches(text)), default=None)
        return None if start is None else KeyMatch(start, start + len(word))

    return find


def _in_any_case(character: str) -> str:
    cases = (character, character.lower(), character.upper(), character.casefold(), character.upper().lower())
    known = sorted({form for form in cases if len(form) == 1})
    return f"[{''.join(map(re.escape, known))}]" if len(known) > 1 else re.escape(character)
