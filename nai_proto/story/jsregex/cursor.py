"""A place in a pattern that is being read."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from .errors import PatternError, UnsupportedPattern

__all__ = ["Cursor"]

# What may be a parenthesis that captures: not one that is escaped, or in a class, or begins with "(?" for something else.
_PARENTHESIS: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]?|\((?:\?<(?![=!])([^>]*)>|(?!\?))", re.DOTALL)


class Cursor:
    """Reads a pattern character by character.

    Args:
        pattern: with ``u`` code points, without it UTF-16 units.
        unicode: the flag ``u``: the strict syntax; without it the lenient one of ECMA-262 annex B.
    """

    def __init__(self, pattern: str, unicode: bool) -> None:
        self.pattern = pattern
        self.unicode = unicode
        self.at = 0
        found = [match[1] for match in _PARENTHESIS.finditer(pattern) if match[0][0] == "("]
        self.groups = len(found)
        "How many groups capture: what ``\\2`` means without ``u`` depends on it."
        self.names: dict[str, tuple[int, ...]] = {}
        "The numbers of the groups with a name: several, if they stand in different alternatives."
        for number, name in enumerate(found, 1):
            if name is not None:
                self.names[name] = (*self.names.get(name, ()), number)

    @property
    def next(self) -> str:
        """The next character, or ``""``."""
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        """The next character, and steps over it; ``""`` at the end."""
        self.at += 1
        return self.pattern[self.at - 1 : self.at]

    def eat(self, text: str) -> bool:
        """Steps over a text if it comes next."""
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def match(self, expected: re.Pattern[str]) -> re.Match[str] | None:
        """Steps over what an expression finds here."""
        found = expected.match(self.pattern, self.at)
        if found:
            self.at = found.end()
        return found

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        """Raises PatternError, for this place or another."""
        raise PatternError(problem, self.pattern, self.at if at is None else at)

    def unsupported(self, what: str) -> NoReturn:
        """Raises UnsupportedPattern."""
        raise UnsupportedPattern(f"{what}: not supported", self.pattern, self.at)
