"""Which entries of the lorebook take part in a context, and why (content §8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .config import ContextKind
from .parts import ContextParts, Key, LoreText
from .preparing import tail
from .report import ContextStatus, KeyMatch
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
    match: KeyMatch | None = None
    "What made it active."
    location: int | None = None
    "Where in the story its keys match furthest down."

    @property
    def active(self) -> bool:
        """Does it?"""
        return self.status.included


def activate(
    parts: ContextParts, story: Source, others: Sequence[Source], lore: Sequence[Source], rules: ContextRules
) -> list[Activation]:
    """What becomes of each entry.

    Args:
        parts: entries and categories.
        story: its text, without prefix and suffix.
        others: the texts from which entries may cascade at once: the memory and the author's note, with prefix and suffix.
        lore: the text of each entry, with prefix and suffix.
        rules: what cascades where.
    """
    off = {category.id for category in parts.categories if not category.enabled}
    found: dict[int, Activation] = {}
    for number, entry in enumerate(parts.lore):
        if not entry.enabled or entry.category in off:
            whose = "it" if not entry.enabled else "its category"
            found[number] = Activation(ContextStatus.DISABLED, f"{whose} is switched off")
            continue
        match = _match(entry, story, entry.search_range)
        location = match and match.start
        if entry.forced:
            found[number] = Activation(ContextStatus.FORCED, "it is always active", match, location)
        elif match:
            found[number] = _by_key(match)
    waiting = [number for number in range(len(parts.lore)) if number not in found]
    fresh = [*others, *(lore[number] for number, each in found.items() if each.active)]
    if rules.cascade_in_story:
        config = parts.story.config
        fresh.append(Source(story.where, f"{config.prefix}{story.text}{config.suffix}"))
    while fresh and waiting:
        stirred: dict[int, Activation] = {}
        for number in waiting:
            match = _cascade(parts.lore[number], fresh, rules)
            if match:
                stirred[number] = _by_key(match)
        found |= stirred
        waiting = [number for number in waiting if number not in stirred]
        fresh = [lore[number] for number in stirred]
    for number in waiting:
        found[number] = Activation(ContextStatus.NO_KEY, _silence(parts.lore[number]))
    return [found[number] for number in range(len(parts.lore))]


def _cascade(entry: LoreText, fresh: Iterable[Source], rules: ContextRules) -> KeyMatch | None:
    """The first of these texts that has one of its keys."""
    if not entry.cascading:
        return None
    units = entry.search_range if rules.cascade_in_range else None
    return next(filter(None, (_match(entry, source, units) for source in fresh)), None)


def furthest(keys: Iterable[Key], text: str) -> tuple[int, int, str] | None:
    """The match of any key that begins furthest down: its place, and the key (content §8.2.6)."""
    matches = [(match.start, match.end, key.text) for key in keys if (match := key.last(text))]
    return max(matches, key=lambda match: match[0], default=None)


def _match(entry: LoreText, source: Source, units: int | None) -> KeyMatch | None:
    """Where an entry's keys are in a text, or in the last so many UTF-16 units of it."""
    text = source.text if units is None else tail(source.text, units)
    if found := furthest(entry.keys, text):
        start, end, key = found
        skipped = len(source.text) - len(text)
        return KeyMatch(key, source.where, skipped + start, skipped + end)
    return None


def _by_key(match: KeyMatch) -> Activation:
    location = match.start if match.where == ContextKind.STORY else None
    return Activation(ContextStatus.KEY, f"{match.key} is in the {match.where}", match, location)


def _silence(entry: LoreText) -> str:
    """Why an entry is not active."""
    if not entry.keys:
        return "it has no keys"
    where = "the story, or in another active part" if entry.cascading else "the story"
    return f"none of its keys is in the last {entry.search_range} characters of {where}"
