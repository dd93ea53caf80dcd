"""Texts as patterns see them.

Without the flag ``u`` a pattern sees UTF-16 units, so an emoji has two; with it, code points. With the flag ``i`` it sees
the text with folded case. A text in which many patterns are searched is brought into each of these forms once.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple, TypeAlias

from .case_folding import fold_case

__all__ = ["PreparedText", "Span", "TextForm", "split_astral"]

Span: TypeAlias = tuple[int, int]
"""The start and the end of something, in characters."""

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


class TextForm(NamedTuple):
    """How a pattern sees texts."""

    unicode: bool
    "True: in code points; False: in UTF-16 units."
    ignore_case: bool
    "True: with folded case."


class PreparedText:
    """A text in one form, and the way back to its characters.

    Args:
        text: the text.
        form: of the patterns that are searched in it.
        offset: is added to all positions: where the text begins in a larger one.
    """

    def __init__(self, text: str, form: TextForm, offset: int = 0) -> None:
        astral = () if form.unicode or text.isascii() else _ASTRAL.finditer(text)
        self._low_surrogates: Final = [match.start() + before + 1 for before, match in enumerate(astral)]
        self._offset: Final = offset
        units = split_astral(text) if self._low_surrogates else text
        self.seen: Final = fold_case(units, form.unicode) if form.ignore_case else units
        "What the pattern sees."

    def to_span(self, first: int, last: int) -> Span:
        """Return the characters between two positions in `seen`, rounded out to whole ones."""
        start = first - bisect_right(self._low_surrogates, first)
        return start + self._offset, last - bisect_left(self._low_surrogates, last) + self._offset


def split_astral(text: str) -> str:
    """Return a text with each astral character as two UTF-16 units, as JavaScript sees it."""
    return _ASTRAL.sub(_make_surrogate_pair, text)


def _make_surrogate_pair(match: re.Match[str]) -> str:
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)
