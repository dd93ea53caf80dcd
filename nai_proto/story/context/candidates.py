"""List all parts that may be in a context, in their natural order, with their texts ready to be searched and sent.

`ContextCandidate` is what all later steps work on: activation fills in whether it takes part and why, allocation puts it
into the context, and the report has a row for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ..context_config import ContextConfig, ContextKind
from ..lore.entries import Category, Entry
from ..lore.key_matching import KeyMatcher
from ..lore.search_text import SearchTexts, clean_text
from ..placeholders import fill_placeholders
from ..utf16 import replace_lone_surrogates
from .ephemeral import EphemeralEntry
from .insertion import ContextTree
from .parts import ContextParts, ContextText

__all__ = ["Activation", "ContextCandidate", "ContextMatch", "ContextStatus", "list_candidates"]


class ContextStatus(StrEnum):
    """What became of a part, in the website's words."""

    DEFAULT = "default"
    "Always active, and in the context."
    FORCED = "activation forced"
    KEY = "key activated"
    EPHEMERAL = "ephemeral active"
    EPHEMERAL_INACTIVE = "ephemeral inactive"
    DISABLED = "disabled"
    NO_KEY = "no key"
    NO_KEY_IN_CONTEXT = "no key in context"
    NO_SPACE = "no space"
    NO_TEXT = "no text"

    @property
    def included(self) -> bool:
        """True if something of such a part is in the context."""
        return self in _INCLUDED


_INCLUDED: Final = frozenset((ContextStatus.DEFAULT, ContextStatus.FORCED, ContextStatus.KEY, ContextStatus.EPHEMERAL))


@dataclass(frozen=True, slots=True)
class ContextMatch:
    """The match of a key that made an entry active."""

    key: str = field(repr=False)
    "As it is written in the entry."
    where: str = field(repr=False)
    "The part that has the match in its text: ``story``, ``memory``, ``author's note``, or the name of an entry."
    start: int
    "In characters of that text as it was searched: placeholders filled in, comments removed."
    end: int


@dataclass(frozen=True, slots=True)
class Activation:
    """Whether a part takes part, and why."""

    status: ContextStatus
    reason: str = field(repr=False)
    "The status in a sentence."
    match: ContextMatch | None = None
    "The match that made it active."
    location: int | None = None
    "Where in the story the match of its keys begins that is furthest down, in characters."

    @property
    def is_active(self) -> bool:
        """True if it takes part."""
        return self.status.included


_ALWAYS_ACTIVE: Final = Activation(ContextStatus.DEFAULT, "it is always active")
_SWITCHED_OFF: Final = Activation(ContextStatus.DISABLED, "it is switched off")
_NOT_SEARCHED: Final = Activation(ContextStatus.NO_KEY, "its keys have not been searched for yet")
_GROWTH_SHIFT: Final = 3  # 2 ** 3 characters that are filled in count as one step of the searches
_NO_ENTRY: Final = Entry()
_NO_KEYS: Final = KeyMatcher(())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextCandidate:
    """A part that may be in the context."""

    number: int
    "Its index in the list of all candidates."
    order: int
    "Its place in the natural order: its number, but for sub-contexts."
    kind: ContextKind
    index: int = 0
    "Its index among the candidates of its kind."
    id: str = ""
    name: str = field(repr=False)
    category: str = ""
    "The id of the category of an entry, or of the category that a sub-context is of."
    text: str = field(repr=False)
    "Placeholders filled in, comments removed. A sub-context has none until it is put together."
    config: ContextConfig
    activation: Activation
    location: int | None = None
    "`Activation.location`, if the lorebook orders its entries by it."
    entry: Entry = _NO_ENTRY
    "Of the lorebook; an empty one for all other kinds."
    matcher: KeyMatcher = field(default=_NO_KEYS, repr=False)
    "Matches the keys of the entry."
    parent: int | None = None
    "The number of the sub-context that it is in; None where it is in the context itself."
    tree: ContextTree = field(default=(), repr=False)
    "What a sub-context consists of."

    @property
    def takes_part(self) -> bool:
        """True if it is active and has a text.

        See docs/protocol/content.md#82-which-entries-take-part.
        """
        return self.activation.is_active and bool(self.text)

    @property
    def full_text(self) -> str:
        """Its text with prefix and suffix, in which keys of other entries are searched.

        See docs/protocol/content.md#82-which-entries-take-part.
        """
        return f"{self.config.prefix}{self.text}{self.config.suffix}"

    @property
    def place_matcher(self) -> KeyMatcher | None:
        """The matcher of its keys, if its place is relative to them."""
        return self.matcher if self.entry.key_relative else None


def list_candidates(parts: ContextParts, placeholders: Mapping[str, str], texts: SearchTexts) -> list[ContextCandidate]:
    """Return all parts in the natural order; sub-contexts come last, and have no text yet.

    Entries of the lorebook are not active yet: see `activation.activate`.

    See docs/protocol/content.md#85-order-and-reservation.

    Args:
        parts: what can be in the context.
        placeholders: the values to fill in, by key.
        texts: have the limits; the steps for texts that grow are taken from their budget.

    Raises:
        LimitExceeded: the values are too long.
    """
    filler = _PlaceholderFiller(placeholders, texts)
    candidates = [
        _always_active(number, kind, part, filler)
        for number, (kind, part) in enumerate(
            (
                (ContextKind.STORY, parts.story),
                (ContextKind.MEMORY, parts.memory),
                (ContextKind.AUTHORS_NOTE, parts.authors_note),
            )
        )
    ]
    first = len(candidates)
    candidates += [
        _ephemeral(first + index, index, entry, parts.step, filler) for index, entry in enumerate(parts.ephemeral)
    ]
    first = len(candidates)
    candidates += [_lore(first + index, index, entry, filler) for index, entry in enumerate(parts.lorebook.entries)]
    members: dict[str, list[int]] = {}
    for each in candidates[first:]:
        members.setdefault(each.category, []).append(each.number)
    with_subcontext = [category for category in parts.lorebook.categories if category.create_subcontext]
    for index, category in enumerate(with_subcontext):
        number = len(candidates)
        inside = members.pop(category.id, []) if category.id else []
        for member in inside:
            candidates[member] = replace(candidates[member], parent=number)
        candidates.append(_subcontext(number, index, category, order=inside[0] if inside else number))
    return candidates


class _PlaceholderFiller:
    """Fills in placeholders. What texts grow by is taken from the budget of the searches, so that all together are bounded.

    Args:
        values: the values to fill in, by key.
        texts: have the limits and the budget.
    """

    def __init__(self, values: Mapping[str, str], texts: SearchTexts) -> None:
        self.limits: Final = texts.limits
        self._values = values
        self._budget = texts.budget
        self._key_limits = replace(texts.limits, filled_text=min(texts.limits.filled_text, texts.limits.regex))

    def fill(self, text: str) -> str:
        """Return a text with its placeholders filled in."""
        filled = fill_placeholders(text, self._values, limits=self.limits)
        self._budget.spend(max(len(filled) - len(text), 0) >> _GROWTH_SHIFT)
        self._budget.check()
        return filled

    def fill_key(self, text: str) -> str:
        """Return a key with its placeholders filled in, unless it is longer than any key may be."""
        return fill_placeholders(text, self._values, limits=self._key_limits)


def _always_active(number: int, kind: ContextKind, part: ContextText, filler: _PlaceholderFiller) -> ContextCandidate:
    return ContextCandidate(
        number=number,
        order=number,
        kind=kind,
        name=kind,
        text=clean_text(part.text, filler.fill),
        config=_clean_config(part.config),
        activation=_ALWAYS_ACTIVE,
    )


def _ephemeral(
    number: int, index: int, entry: EphemeralEntry, step: int, filler: _PlaceholderFiller
) -> ContextCandidate:
    active = entry.is_active(step)
    return ContextCandidate(
        number=number,
        order=number,
        kind=ContextKind.EPHEMERAL,
        index=index,
        name=f"{ContextKind.EPHEMERAL} {index + 1}",
        text=clean_text(entry.text, filler.fill),
        config=_clean_config(entry.config),
        activation=Activation(
            ContextStatus.EPHEMERAL if active else ContextStatus.EPHEMERAL_INACTIVE,
            f"it is {'active' if active else 'inactive'} at step {step} of the story",
        ),
    )


def _lore(number: int, index: int, entry: Entry, filler: _PlaceholderFiller) -> ContextCandidate:
    return ContextCandidate(
        number=number,
        order=number,
        kind=ContextKind.LORE,
        index=index,
        id=entry.id,
        name=filler.fill(entry.display_name) or f"entry {index + 1}",
        category=entry.category,
        text=clean_text(entry.text, filler.fill),
        config=_clean_config(entry.config),
        activation=_NOT_SEARCHED,
        entry=entry,
        matcher=KeyMatcher(entry.parse_keys(fill=filler.fill_key, limits=filler.limits)),
    )


def _subcontext(number: int, index: int, category: Category, order: int) -> ContextCandidate:
    return ContextCandidate(
        number=number,
        order=order,
        kind=ContextKind.SUBCONTEXT,
        index=index,
        id=category.id,
        name=category.name,
        category=category.id,
        text="",
        config=_clean_config(category.subcontext_settings.config),
        activation=_ALWAYS_ACTIVE if category.enabled else _SWITCHED_OFF,
    )


def _clean_config(config: ContextConfig) -> ContextConfig:
    """Return the settings with a prefix and a suffix that a tokenizer can encode."""
    if config.prefix.isascii() and config.suffix.isascii():
        return config
    return replace(config, prefix=replace_lone_surrogates(config.prefix), suffix=replace_lone_surrogates(config.suffix))
