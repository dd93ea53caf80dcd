"""Which entries of the lorebook take part in a context, and why (content §8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..entries import Entry
from ..keys import Key, tail_start
from .parts import ContextParts
from .report import ContextMatch, ContextStatus
from .rules import ContextRules

__all__ = ["Activation", "Source", "activate", "furthest"]


class Source(NamedTuple):
    """A text in which keys are searched."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Activation:
    """Does a part take part, and why?"""

    status: ContextStatus
    reason: str
    match: ContextMatch | None = None
    "What made it active."
    location: int | None = None
    "Where in the story its keys match furthest down."

    @property
    def active(self) -> bool:
        """Does it?"""
        return self.status.included


def activate(
    parts: ContextParts,
    keys: Sequence[Sequence[Key]],
    story: Source,
    others: Sequence[Source],
    lore: Sequence[Source],
    rules: ContextRules,
) -> list[Activation]:
    """What becomes of each entry.

    Args:
        parts: entries and categories.
        keys: those of each entry.
        story: its text, without prefix and suffix.
        others: the parts from which entries may cascade besides those of the lorebook, with prefix and suffix.
        lore: each entry, with prefix and suffix.
        rules: what cascades from them.
    """
    off = {category.id for category in parts.categories if not category.enabled}
    found: dict[int, Activation] = {}
    # 2, 4 and 6. What is switched off, what is always active, and what the story has a key of.
    for number, entry in enumerate(parts.lore):
        if not entry.enabled or entry.category in off:
            what = "its category" if entry.enabled else "it"
            found[number] = Activation(ContextStatus.DISABLED, f"{what} is switched off")
            continue
        match = _match(keys[number], story, entry.search_range)
        location = None if match is None else match.start
        if entry.force_activation:
            found[number] = Activation(ContextStatus.FORCED, "it is always active", location=location)
        elif match:
            found[number] = _by_key(match, location)
    # 7. What has a key in the text of another that is active, until nothing new becomes so.
    waiting: list[int] = [number for number in range(len(parts.lore)) if number not in found]
    fresh = [*others, *(lore[number] for number, each in found.items() if each.active)]
    while fresh and waiting:
        stirred: dict[int, Activation] = {}
        for number in waiting:
            if match := _cascade(parts.lore[number], keys[number], fresh, rules):
                stirred[number] = _by_key(match)
        found |= stirred
        waiting = [number for number in waiting if number not in stirred]
        fresh = [lore[number] for number in stirred]
    for number in waiting:
        found[number] = Activation(ContextStatus.NO_KEY, _silence(parts.lore[number], keys[number]))
    return [found[number] for number in range(len(parts.lore))]


def furthest(keys: Iterable[Key], text: str, start: int = 0) -> tuple[int, int, str] | None:
    """The match of any key that begins furthest down, from a place on: where it is, and the key (content §8.2.6)."""
    matches = [(match.start, match.end, key.text) for key in keys if (match := key.last(text, start))]
    return max(matches, key=lambda match: match[0], default=None)


def _match(keys: Iterable[Key], source: Source, units: int | None) -> ContextMatch | None:
    """Where keys are in a text, or in the last so many UTF-16 units of it."""
    start = 0 if units is None else tail_start(source.text, units)
    if found := furthest(keys, source.text, start):
        start, end, key = found
        return ContextMatch(key, source.where, start, end)
    return None


def _cascade(entry: Entry, keys: Iterable[Key], fresh: Iterable[Source], rules: ContextRules) -> ContextMatch | None:
    """The first of these texts that has one of the entry's keys."""
    if not entry.non_story_activatable:
        return None
    units = entry.search_range if rules.cascade_in_range else None
    return next(filter(None, (_match(keys, source, units) for source in fresh)), None)


def _by_key(match: ContextMatch, location: int | None = None) -> Activation:
    return Activation(ContextStatus.KEY, f'its key "{match.key}" is in the text of: {match.where}', match, location)


def _silence(entry: Entry, keys: Sequence[Key]) -> str:
    """Why an entry is not active."""
    problems = [f'; "{key.text}" is none: {key.problem}' for key in keys if key.problem]
    if len(problems) == len(keys):
        return f"it has no keys{''.join(problems)}"
    searched = f"the last {entry.search_range} characters of the story"
    searched += ", nor in the text of another active part" * entry.non_story_activatable
    return f"none of its keys is in {searched}{''.join(problems)}"
