"""The letters behind a pattern."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import PatternError, UnsupportedPattern

__all__ = ["Flags"]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags say; ``d``, ``g`` and ``y`` change nothing, since who searches says where, and for how many."""

    ignore_case: bool = False
    multiline: bool = False
    dot_all: bool = False
    unicode: bool = False

    @classmethod
    def of(cls, letters: str, pattern: str) -> Flags:
        """Reads them.

        Raises:
            PatternError: there is no such flag, or it stands there twice.
            UnsupportedPattern: ``v``, whose sets are another syntax.
        """
        for place, letter in enumerate(letters):
            if letter not in "dgimsuvy":
                raise PatternError("a flag that there is not", pattern)
            if letter in letters[:place]:
                raise PatternError(f"the flag {letter} twice", pattern)
        if "v" in letters:
            raise UnsupportedPattern("the flag v: not supported", pattern)
        return cls("i" in letters, "m" in letters, "s" in letters, "u" in letters)
