"""What a pattern is read from: its flags, a cursor over its text, and the errors for what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from ...errors import RemoteProtocolError, excerpt

__all__ = ["PatternCursor", "PatternError", "PatternFlags", "UnsupportedPattern"]

# A parenthesis that captures: it is not escaped, not in a class, and does not begin with "(?" for something else.
_PARENTHESIS: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]?|\((?:\?<(?![=!])([^>]*)>|(?!\?))", re.DOTALL)


class PatternError(RemoteProtocolError):
    """A pattern that JavaScript rejects.

    Attributes:
        problem: what is wrong, in a few words.
        at: the position, in UTF-16 units without the flag ``u`` and in characters with it; None if there is none.
    """

    def __init__(self, problem: str, pattern: str, at: int | None = None) -> None:
        position = "" if at is None else f", at {at}"
        super().__init__(f"regular expression /{excerpt(pattern, 60)}/: {problem}{position}", excerpt=excerpt(pattern))
        self.problem = problem
        self.at = at


class UnsupportedPattern(PatternError):
    """A pattern that some version of JavaScript accepts and this package does not; `problem` names the unsupported part."""


@dataclass(frozen=True, slots=True)
class PatternFlags:
    """The flags of a pattern.

    ``d``, ``g`` and ``y`` have no effect here: the caller decides where a search starts and how many matches it wants.
    """

    ignore_case: bool = False
    multiline: bool = False
    dot_all: bool = False
    unicode: bool = False

    @classmethod
    def parse(cls, letters: str, pattern: str) -> PatternFlags:
        """Return the flags that these letters stand for.

        Args:
            letters: the letters behind the closing slash.
            pattern: for error messages.

        Raises:
            PatternError: a letter is unknown or occurs twice.
            UnsupportedPattern: the flag ``v`` is set; its character sets have another syntax.
        """
        for place, letter in enumerate(letters):
            if letter not in "dgimsuvy":
                raise PatternError("unknown flag", pattern)
            if letter in letters[:place]:
                raise PatternError(f"the flag {letter} occurs twice", pattern)
        if "v" in letters:
            raise UnsupportedPattern("the flag v: not supported", pattern)
        return cls("i" in letters, "m" in letters, "s" in letters, "u" in letters)


class PatternCursor:
    """Read a pattern character by character.

    Args:
        pattern: in code points with the flag ``u``, in UTF-16 units without it.
        unicode: whether the flag ``u`` is set: strict syntax with it, the lenient syntax of ECMA-262 annex B without it.
    """

    def __init__(self, pattern: str, unicode: bool) -> None:
        self.pattern = pattern
        self.unicode = unicode
        self.at = 0
        names = [match[1] for match in _PARENTHESIS.finditer(pattern) if match[0][0] == "("]
        self.groups = len(names)
        "The number of capturing groups in the whole pattern: without ``u`` the meaning of ``\\2`` depends on it."
        self.names: dict[str, tuple[int, ...]] = {}
        "The numbers of the groups by name: several numbers if groups in different alternatives share a name."
        for number, name in enumerate(names, 1):
            if name is not None:
                self.names[name] = (*self.names.get(name, ()), number)

    @property
    def next(self) -> str:
        """The next character; ``""`` at the end."""
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        """Return the next character and step over it; return ``""`` at the end."""
        self.at += 1
        return self.pattern[self.at - 1 : self.at]

    def accept(self, text: str) -> bool:
        """Step over a text if it comes next, and return whether it did."""
        comes_next = self.pattern.startswith(text, self.at)
        self.at += len(text) * comes_next
        return comes_next

    def match(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        """Match an expression at the cursor and step over the match."""
        match = expression.match(self.pattern, self.at)
        if match:
            self.at = match.end()
        return match

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        """Raise PatternError for the position of the cursor, or for another one."""
        raise PatternError(problem, self.pattern, self.at if at is None else at)

    def fail_unsupported(self, what: str) -> NoReturn:
        """Raise UnsupportedPattern for the position of the cursor."""
        raise UnsupportedPattern(f"{what}: not supported", self.pattern, self.at)
