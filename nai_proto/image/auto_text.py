"""Auto text: words in quotes become words that V5 draws.

See docs/protocol/image.md#57-v5-particulars.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from .emphasis import split_segments
from .quality_tags import TEXT_MARK

__all__ = ["find_quoted_text", "with_auto_text"]

_APOSTROPHE: Final = r"(?![^\W_])"  # one within a word closes nothing
_CLOSERS: Final = {
    '"': re.compile('"'),
    "“": re.compile("”"),
    "「": re.compile("」"),
    "'": re.compile("'" + _APOSTROPHE),
    "‘": re.compile("’" + _APOSTROPHE),
}
_OPENERS: Final = re.compile(r"[\"“「‘]|(?:(?<=[\s,.])|\A)'")
_EASTERN: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_MOSTLY: Final = 0.3
_SPAN, _GAP = 0.15, 0.1


def with_auto_text(prompt: str, characters: Sequence[tuple[str, float, float]], *, placed: bool) -> str:
    """Return the prompt with the words that stand in quotes, in it and in characters, as words to be drawn.

    They are added behind its first part; nothing is added where no words are in quotes, or where a text mark is there.

    Args:
        prompt: with its tags for quality.
        characters: of each the prompt, and x and y from 0 to 1.
        placed: order the characters by position: from above, then from the left.
    """
    if any(TEXT_MARK.search(text) for text in (prompt, *(text for text, _, _ in characters))):
        return prompt
    first = split_segments(prompt)[0]
    ordered = [one for row in _rows(characters) for one in row] if placed else characters
    sources = [[*find_quoted_text(text)] for text in (first, *(text for text, _, _ in ordered))]
    letters = [letter for source in sources for phrase in source for letter in phrase if letter.isalpha()]
    if sum(1 for letter in letters if _EASTERN.match(letter)) > _MOSTLY * len(letters):
        sources = [source[::-1] for source in sources]
    phrases = [phrase for source in sources for phrase in source]
    if not phrases:
        return prompt
    return first.rstrip(", \t\r\n") + ", teXt: " + "\n\n".join(phrases) + prompt[len(first) :]


def find_quoted_text(text: str) -> Iterator[str]:
    """Yield the texts in quotes, trimmed; takes time in proportion to the text."""
    at, never = 0, set[str]()
    while opener := _OPENERS.search(text, at):
        at = opener.end()
        mark = opener[0]
        closer = None if mark in never else _CLOSERS[mark].search(text, at)
        if closer is None:
            never.add(mark)
            continue
        if phrase := text[at : closer.start()].strip():
            yield phrase
        at = closer.end()


def _rows(characters: Sequence[tuple[str, float, float]]) -> list[list[tuple[str, float, float]]]:
    """Return the characters in rows from above, each from the left; rows part at the widest gap while they are far apart."""
    waiting = [sorted(characters, key=lambda one: one[2])]
    rows: list[list[tuple[str, float, float]]] = []
    while waiting:
        row = waiting.pop()
        gaps = [below[2] - above[2] for above, below in pairwise(row)]
        if gaps and (row[-1][2] - row[0][2] > _SPAN or max(gaps) > _GAP):
            at = gaps.index(max(gaps)) + 1
            waiting += [row[at:], row[:at]]
        else:
            rows.append(sorted(row, key=lambda one: one[1]))
    return rows
