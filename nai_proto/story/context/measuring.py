"""Counting tokens, and where units end: what trimming and insertion share.

A text is counted once, however often it is asked for.

See docs/protocol/content.md#86-trimming-and-insertion.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ...tokenizers.base import Tokenizer
    from ..config import ContextUnit

__all__ = ["REACH", "Meter", "ends_of_units"]

REACH: Final = 32
"""Characters for a token: no long text has so many."""

_LINES: Final = re.compile(r"\n")
# A sentence ends in one of four signs and whatever closes behind it, and the blanks up to the next belong to it. The end of
# a line ends it as well. Each sign is looked at once.
_SENTENCES: Final = re.compile(r"""[.!?…]["'”’»\u203a)\]}]*+(?=\s|\Z)[^\S\n]*+\n?|\n""")


class Meter:
    """A tokenizer that remembers what it has counted; for one context."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer: Final = tokenizer
        self._counted: Final[dict[str, int]] = {"": 0}

    def count(self, text: str) -> int:
        """How many tokens a text has by itself."""
        known = self._counted.get(text)
        if known is None:
            known = self._counted[text] = self.tokenizer.count(text)
        return known


def ends_of_units(text: str, unit: ContextUnit, meter: Meter) -> list[int]:
    """Where the units of a text end, in order, the last at its end; none in an empty text.

    A line has its line feed, a sentence the white space behind it. A character of several tokens ends with the last of
    them.
    """
    if unit == "token":
        receive = meter.tokenizer.decoder().receive
        reached = accumulate(len(receive((token,))) for token in meter.tokenizer.encode(text))
        ends = [*dict.fromkeys(end for end in reached if 0 < end < len(text))]
    else:
        ends = [found.end() for found in (_LINES if unit == "newline" else _SENTENCES).finditer(text)]
    return ends if not text or ends[-1:] == [len(text)] else [*ends, len(text)]
