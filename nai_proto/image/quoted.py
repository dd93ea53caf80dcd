"""Words in quotes, told to V5 as words to be drawn: what the website calls auto text.

See docs/protocol/image.md#57-v5-particulars.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from .prompting import DRAWN
from .prompts import segments

__all__ = ["quoted", "with_quoted_text"]

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


def with_quoted_text(prompt: str, characters: Sequence[tuple[str, float, float]], *, placed: bool) -> str:
    """The prompt, and behind its first part all words in quotes, of the prompt and of the characters, as words to be drawn.

    Nothing is added where there are none, or where somebody says already what is to be drawn.

    Args:
        prompt: tags for quality included.
        characters: the prompt, and x and y, of each.
        placed: do the places count? Then what is above, and further left, comes first.
    """
    if any(DRAWN.search(text) for text in (prompt, *(text for text, _, _ in characters))):
        return prompt
    first = segments(prompt)[0]
    ordered = [one for row in _rows(characters) for one in row] if placed else characters
    sources = [[*quoted(text)] for text in (first, *(text for text, _, _ in ordered))]
    letters = [letter for source in sources for phrase in source for letter in phrase if letter.isalpha()]
    if sum(1 for letter in letters if _EASTERN.match(letter)) > _MOSTLY * len(letters):
        sources = [source[::-1] for source in sources]
    phrases = [phrase for source in sources for phrase in source]
    if not phrases:
        return prompt
    return first.rstrip(", \t\r\n") + ", teXt: " + "\n\n".join(phrases) + prompt[len(first) :]


def quoted(text: str) -> Iterator[str]:
    """What stands in quotes, trimmed; in time proportional to the text."""
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
    """The characters in rows from above, each row from the left: parted at the widest gap as long as they are far apart."""
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
