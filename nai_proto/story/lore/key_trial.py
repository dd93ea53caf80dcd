"""Try a lorebook on a text: find which keys of which entries match, and where.

This is a search in one text only. Cascades, conditions, sub-contexts and token budgets are part of
`nai_proto.story.build_context`.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...arguments import LIMITS, OPTIONAL_FUNCTION, TEXT, check_type
from ...limits import Limits
from .entries import Entry
from .key_matching import Key, KeySearch
from .lorebook import Lorebook
from .search_text import KeyMatch, SearchTexts

__all__ = ["EntryTrial", "KeyTrial", "try_lorebook"]


@dataclass(frozen=True, slots=True)
class KeyTrial:
    """A key, and the result of its search."""

    key: Key
    result: KeySearch


@dataclass(frozen=True, slots=True)
class EntryTrial:
    """An entry, and the results for its keys."""

    entry: Entry
    name: str
    "The title of the entry, with placeholders filled in."
    enabled: bool
    "True if the entry and its category are enabled."
    keys: tuple[KeyTrial, ...]
    "In their order, without empty ones."

    @property
    def match(self) -> KeyMatch | None:
        """The match of any of its keys that starts furthest down."""
        matches = [trial.result.match for trial in self.keys if trial.result.match is not None]
        return max(matches, key=lambda match: match.start, default=None)

    @property
    def active(self) -> bool:
        """True if the text activates the entry, or it is always active."""
        return self.enabled and (self.entry.force_activation or self.match is not None)


def try_lorebook(
    lorebook: Lorebook, text: str, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()
) -> tuple[EntryTrial, ...]:
    """Search the end of a text, as far as its search range, for the keys of each entry, whether it is enabled or not.

    Args:
        lorebook: has the entries.
        text: the text of a story, placeholders filled in and comments removed.
        fill: fills in the placeholders of keys, as for `Key.parse`, and of titles.
        limits: for keys.

    Raises:
        LimitExceeded: the searches take more steps than `Limits.lore_steps`.
    """
    check_type(lorebook, Lorebook, "lorebook", "a Lorebook")
    TEXT.check(text, "text")
    OPTIONAL_FUNCTION.check(fill, "fill")
    LIMITS.check(limits, "limits")
    texts = SearchTexts(limits)
    disabled = lorebook.disabled_categories
    trials: list[EntryTrial] = []
    for entry in lorebook.entries:
        name = fill(entry.display_name) if fill else entry.display_name
        texts.budget.spender = name
        searched = texts.prepare(text, entry.search_range)
        keys = (KeyTrial(key, key.search_in(searched)) for key in entry.parse_keys(fill=fill, limits=limits))
        trials.append(EntryTrial(entry, name, entry.enabled and entry.category not in disabled, tuple(keys)))
    return tuple(trials)
