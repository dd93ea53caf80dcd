"""Tries a lorebook on a text: which keys of which entries match, and where.

Only the search in a text: entries that wake others, sub-contexts and room in the context are the context builder's.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...arguments import LIMITS, OPTIONAL_FUNCTION, TEXT, check_type
from ...limits import Limits
from .entries import Entry
from .keys import Key, KeyMatch, KeySearch, tail_start
from .lorebook import Lorebook

__all__ = ["EntryTrial", "KeyTrial", "try_lorebook"]


@dataclass(frozen=True, slots=True)
class KeyTrial:
    """A key, and what its search gave."""

    key: Key
    found: KeySearch


@dataclass(frozen=True, slots=True)
class EntryTrial:
    """An entry, and what became of its keys."""

    entry: Entry
    enabled: bool
    "It is on, and so is its category."
    keys: tuple[KeyTrial, ...]
    "Those that are not empty, in their order."

    @property
    def match(self) -> KeyMatch | None:
        """The match of any of its keys that begins furthest down."""
        matches = [trial.found.match for trial in self.keys if trial.found.match is not None]
        return max(matches, key=lambda match: match.start, default=None)

    @property
    def active(self) -> bool:
        """Would this text activate it, or is it always active?"""
        return self.enabled and (self.entry.force_activation or self.match is not None)


def try_lorebook(
    lorebook: Lorebook, text: str, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()
) -> tuple[EntryTrial, ...]:
    """What each entry's keys find within its search range at the end of a text, whether it is on or off.

    Args:
        lorebook: its entries.
        text: the story's text, placeholders filled in and comments removed.
        fill: for keys, as `Key.parse` has it.
        limits: for keys.
    """
    check_type(lorebook, Lorebook, "lorebook", "a Lorebook")
    TEXT.check(text, "text")
    OPTIONAL_FUNCTION.check(fill, "fill")
    LIMITS.check(limits, "limits")
    off = {category.id for category in lorebook.categories if not category.enabled}
    trials: list[EntryTrial] = []
    for entry in lorebook.entries:
        start = tail_start(text, entry.search_range)
        keys = (KeyTrial(key, key.search(text, start)) for key in entry.parsed_keys(fill=fill, limits=limits))
        trials.append(EntryTrial(entry, entry.enabled and entry.category not in off, tuple(keys)))
    return tuple(trials)
