"""Texts in which keys are searched: cleaned, cut to a search range, and prepared once for all keys.

Many keys are searched in the same text, so what depends on the text alone is made once: its folded form, the places of its
words, and what was found of words that several keys have. All searches of one call share a budget of steps, because keys
and texts may be a stranger's.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ...arguments import FUNCTION, TEXT
from ...limits import Limits
from ..jsregex.case_folding import fold_case
from ..jsregex.matcher import SCAN_SHIFT
from ..jsregex.step_budget import StepBudget
from ..jsregex.text_forms import PreparedText, TextForm
from ..utf16 import count_units, replace_lone_surrogates

__all__ = ["KeyMatch", "SearchText", "SearchTexts", "Word", "clean_text", "tail_start"]

_COMMENT: Final = re.compile(r"^##[^\n]*\n?", re.MULTILINE)
_RUN: Final = re.compile("[0-9_a-z]+")
"""Characters of words in a folded text, as many as there are."""
_WORD_CHARACTERS: Final = frozenset("0123456789_abcdefghijklmnopqrstuvwxyz")
_PREPARE_SHIFT: Final = 3  # 2 ** 3 characters that are folded and split into words cost about as much as one step
_WORD_STEPS: Final = 2  # of a search for one word, wherever it is found


@dataclass(frozen=True, slots=True)
class KeyMatch:
    """A match of a key: start and end, in characters of the text."""

    start: int
    end: int


class Word:
    """A text that is searched as a word, in any case. It may have several words, or none, as ``C++``.

    Args:
        text: the word, not empty.
    """

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self.folded: Final = fold_case(text, unicode=True)
        self.begins, self.ends = (end.isascii() and end.lower() in _WORD_CHARACTERS for end in (text[0], text[-1]))
        "Whether no word may go on in front of it, and behind it."
        self.runs: Final = [
            (run[0], run.start())
            for run in _RUN.finditer(self.folded)
            if (run.start() > 0 or self.begins) and (run.end() < len(text) or self.ends)
        ]
        "The words in it that are whole words of each text that has it, and where they begin."


class SearchText:
    """A text, from some character to its end, in which many keys are searched. Nothing in front is seen.

    Args:
        text: the text.
        start: the first character that is searched.
        budget: the steps of all searches are taken from it.
    """

    def __init__(self, text: str, start: int, budget: StepBudget) -> None:
        self.text: Final = text[start:]
        self.budget: Final = budget
        self._start: Final = start
        self._found: dict[str, KeyMatch | None] = {}
        self._forms: dict[TextForm, PreparedText] = {}
        budget.spend(1 + (len(self.text) >> _PREPARE_SHIFT))

    def __repr__(self) -> str:
        return f"<SearchText: {len(self.text)} characters>"

    def in_form(self, form: TextForm) -> PreparedText:
        """Return the text as patterns of some form see it."""
        prepared = self._forms.get(form)
        if prepared is None:
            self.budget.spend(len(self.text) >> _PREPARE_SHIFT)
            prepared = self._forms[form] = PreparedText(self.text, form, self._start)
        return prepared

    def find_last(self, word: Word) -> KeyMatch | None:
        """Return the match of a word that begins furthest down."""
        self.budget.spend(_WORD_STEPS)
        if word.text not in self._found:
            at = self._find_run(word) if word.runs else self._find_text(word)
            match = KeyMatch(self._start + at, self._start + at + len(word.folded)) if at >= 0 else None
            self._found[word.text] = match
        return self._found[word.text]

    @cached_property
    def _folded(self) -> str:
        """The text as it is compared: two characters are equal if they are so with the flags ``iu``. It is as long."""
        return fold_case(self.text, unicode=True)

    @cached_property
    def _reversed(self) -> str:
        """The folded text from its end: `str.find` is linear, and `str.rfind` is not."""
        return self._folded[::-1]

    @cached_property
    def _places(self) -> Mapping[str, list[int]]:
        """Where each run of characters of words begins."""
        places: dict[str, list[int]] = {}
        for run in _RUN.finditer(self._folded):
            places.setdefault(run[0], []).append(run.start())
        return places

    def _find_run(self, word: Word) -> int:
        """Return where a word is by its rarest run, or -1."""
        places = self._places
        run, offset = min(word.runs, key=lambda run: len(places.get(run[0], ())))
        for place in reversed(places.get(run, ())):
            self.budget.spend(1 + (len(word.folded) >> SCAN_SHIFT))
            at = place - offset
            if at >= 0 and self._folded.startswith(word.folded, at) and not self._is_cut(word, at):
                return at
        return -1

    def _find_text(self, word: Word) -> int:
        """Return where a word is that has no run of its own, or -1."""
        wanted, size, at = word.folded[::-1], len(word.folded), -1
        self.budget.spend(len(self.text) >> SCAN_SHIFT)
        while (at := self._reversed.find(wanted, at + 1)) >= 0:
            self.budget.spend(1 + (size >> SCAN_SHIFT))
            begin = len(self.text) - at - size
            if not self._is_cut(word, begin):
                return begin
        return -1

    def _is_cut(self, word: Word, at: int) -> bool:
        """Return whether the word goes on, in front of a match or behind it."""
        behind = at + len(word.folded)
        return (word.begins and at > 0 and self._folded[at - 1] in _WORD_CHARACTERS) or (
            word.ends and behind < len(self._folded) and self._folded[behind] in _WORD_CHARACTERS
        )


class SearchTexts:
    """The texts in which the keys of a lorebook are searched, each prepared once. All searches share one budget.

    Args:
        limits: `Limits.lore_steps` is the budget.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits: Final = limits
        self.budget: Final = StepBudget(
            limits.lore_steps, "steps of the searches for keys and conditions of a lorebook"
        )
        self._prepared: dict[tuple[str, int | None], SearchText] = {}

    def prepare(self, text: str, units: int | None = None) -> SearchText:
        """Return a text that is searched.

        Args:
            text: the text.
            units: how many UTF-16 units at its end are searched; None for all.
        """
        known = self._prepared.get((text, units))
        if known is None:
            start = 0 if units is None else tail_start(text, units)
            known = self._prepared[text, units] = SearchText(text, start, self.budget)
        return known


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
    units = max(units, 0)
    start = max(len(text) - units, 0)  # a character has at least one unit
    excess = count_units(text[start:]) - units
    while excess > 0:
        excess -= count_units(text[start])
        start += 1
    return start
