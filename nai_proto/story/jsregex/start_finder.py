"""Find where a match may begin, so that the matcher is not tried at each character.

Most patterns determine the characters that a match begins with, and a text that is in every match. Where that text is at a
known distance from the beginning, as in ``(the|a) dragon``, only the places near it are tried; where it is not in the text
at all, none is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from typing import Final

from .character_sets import UNLIMITED, compile_run, get_membership
from .syntax_tree import (
    PatternNode,
    Required,
    can_be_empty,
    find_first_characters,
    find_leading_run,
    find_prefix,
    find_required,
)

__all__ = ["StartFinder", "StartSearch"]


class StartFinder:
    """Knows where matches of a pattern may begin.

    Args:
        tree: the pattern's, folded.
    """

    def __init__(self, tree: PatternNode) -> None:
        self._tree = tree
        self._required: Final = find_required(tree)
        self.required_texts: Final = sum(len(each.texts) for each in self._required)
        "How many texts `may_match` looks for."
        self._functions: tuple[Callable[[str, int], int], Callable[[str, int], int]] | None = None

    def may_match(self, text: str) -> bool:
        """Return False if the text lacks what every match contains, which is quick to see."""
        return all(any(each in text for each in required.texts) for required in self._required)

    def search(self, text: str) -> StartSearch:
        """Return a search from the beginning of a text."""
        if self._functions is None:  # most of many patterns never see a text that may have a match
            self._functions = _make_first_finder(self._tree), _make_skip_function(self._tree)
        best = None if find_prefix(self._tree) else next(iter(self._required), None)
        return StartSearch(text, best, *self._functions)


class StartSearch:
    """Goes through a text once.

    Args:
        text: the text.
        required: what every match contains, if it helps to find where a match begins.
        find_first: returns where the characters are that a match begins with, from a position on; or -1.
        skip_failed: returns the next position to try after a failure.
    """

    def __init__(
        self,
        text: str,
        required: Required | None,
        find_first: Callable[[str, int], int],
        skip_failed: Callable[[str, int], int],
    ) -> None:
        self._text = text
        self._required = required
        self._find_first = find_first
        self._skip_failed = skip_failed
        self._places = iter(()) if required is None else merge(*(_iter_places(text, each) for each in required.texts))
        self._place = next(self._places, None)
        self.steps = 0
        "How many places of required texts were passed: about as many steps of the matcher."

    def find(self, at: int) -> int:
        """Return where the next match may begin, from a position on, which never goes back; -1 for nowhere."""
        if self._required is None:
            return self._find_first(self._text, at)
        earliest, latest = self._required.earliest, self._required.latest
        while True:
            while self._place is not None and self._place < at + earliest:
                self._place = next(self._places, None)
                self.steps += 1
            if self._place is None:
                return -1
            if latest is not None:
                at = self._step_back(max(at, self._place - latest), at)
            at = self._find_first(self._text, at)
            if at < 0 or at + earliest <= self._place:
                return at

    def _step_back(self, at: int, floor: int) -> int:
        """Return where the run begins that a match begins with and that ends at a position, if it is one of a set."""
        if self._required is None or self._required.leading_run is None:
            return at
        members, end = get_membership(self._required.leading_run), at
        while at > floor and members[self._text[at - 1]]:
            at -= 1
        self.steps += (end - at) >> 2
        return at

    def skip(self, at: int) -> int:
        """Return the next position to try after there was no match at one."""
        return self._skip_failed(self._text, at)


def _iter_places(text: str, wanted: str) -> Iterator[int]:
    at = -1
    while (at := text.find(wanted, at + 1)) >= 0:
        yield at


def _make_first_finder(tree: PatternNode) -> Callable[[str, int], int]:
    """Return a function ``(text, position)`` that finds the characters that matches begin with; -1 for nowhere."""
    text = find_prefix(tree)
    if text:
        return lambda seen, at: seen.find(text, at)
    first = None if can_be_empty(tree) else find_first_characters(tree)
    if first is None:
        return lambda seen, at: at if at <= len(seen) else -1
    search = compile_run(first, 1, 1).search
    return lambda seen, at: match.start() if (match := search(seen, at)) else -1


def _make_skip_function(tree: PatternNode) -> Callable[[str, int], int]:
    """Return a function ``(text, position)`` that gives the next position to try after a failure.

    A pattern that begins with a run of a set has tried what follows at every end of the run. No match can begin in the rest
    of the run, so it is skipped: ``.*dragon`` is tried once per line.
    """
    ranges = find_leading_run(tree)
    if ranges is None:
        return lambda _, at: at + 1
    match_run = compile_run(ranges, 0, UNLIMITED).match
    return lambda seen, at: max(at + 1, match.end() if (match := match_run(seen, at)) else 0)
