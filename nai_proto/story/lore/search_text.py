"""Texts in which keys are searched: cleaned, cut to a search range, and folded once for all keys.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final, Self

from ...arguments import FUNCTION, TEXT
from ..jsregex.case_folding import fold_case
from ..utf16 import count_units, replace_lone_surrogates

__all__ = ["SearchText", "clean_text", "tail_start"]

_COMMENT: Final = re.compile(r"^##[^\n]*\n?", re.MULTILINE)


class SearchText:
    """A text in which many keys are searched.

    Args:
        text: the text.
        start: no search begins before this character.
    """

    def __init__(self, text: str, start: int = 0) -> None:
        self.text: Final = text
        self._start: Final = start

    def __repr__(self) -> str:
        return f"<SearchText: {len(self.text)} characters>"

    @classmethod
    def tail(cls, text: str, units: int) -> Self:
        """Return a text in which searches begin at the earliest ``units`` UTF-16 units before its end."""
        return cls(text, tail_start(text, units))

    @cached_property
    def folded(self) -> str:
        """The text as plain keys are compared with it: two characters are equal if they are so with the flags ``iu``.

        It is as long as the text. Only what is searched is folded, because a long story is searched at its end only.
        """
        return self.text[: self._start] + fold_case(self.text[self._start :], unicode=True)


def clean_text(text: str, fill: Callable[[str], str]) -> str:
    """Return a text as it is searched and sent: placeholders filled in, without the lines that then begin with ``##``.

    Args:
        text: as it is stored.
        fill: fills in the placeholders of a text.
    """
    TEXT.check(text, "text")
    FUNCTION.check(fill, "fill")
    return replace_lone_surrogates(_COMMENT.sub("", fill(text)))


def tail_start(text: str, units: int) -> int:
    """Return where the last ``units`` UTF-16 units of a text begin, in characters; half a character is left out."""
    start = max(len(text) - max(units, 0), 0)  # a character has at least one unit
    excess = count_units(text[start:]) - max(units, 0)
    while excess > 0:
        excess -= count_units(text[start])
        start += 1
    return start
