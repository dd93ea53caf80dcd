"""All parts in a row: their texts prepared, and which of them take part.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ..config import ContextConfig, ContextKind
from ..lore.conditions import Surroundings
from ..lore.entries import Category, Entry
from ..placeholders import fill_placeholders
from ..utf16 import replace_lone_surrogates
from .activation import Activation, Listener, Scene, Source, activate
from .assembling import Candidate, Finder
from .ears import Ears
from .ephemeral import EphemeralEntry
from .insertion import Tree
from .parts import ContextParts, ContextText
from .preparing import prepared
from .report import ContextStatus
from .rules import ContextRules

__all__ = ["Entrant", "entrants_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A part that asks to be in the context."""

    kind: ContextKind
    index: int = 0
    "Its place among those of its kind."
    id: str = ""
    name: str
    category: str = ""
    "That of an entry, or the one that a sub-context is of."
    text: str
    config: ContextConfig
    activation: Activation
    location: int | None = None
    "Where in the story its keys match furthest down, if that counts."
    finder: Finder | None = None
    "Finds its keys, if its place is relative to them."
    home: int | None = None
    "The sub-context that it is in, by its place in the row; None where it is in the context itself."
    order: int | None = None
    "Of a sub-context its place in the natural order; that of others is their place in the row."
    inside: Tree = ()
    "The blocks of a sub-context."

    @property
    def takes_part(self) -> bool:
        """Is it active, and is there anything to put in?

        See docs/protocol/content.md#82-which-entries-take-part.
        """
        return self.activation.active and bool(self.text)

    def source(self) -> Source:
        """What of it is searched for keys of others: prefix and suffix too.

        See docs/protocol/content.md#82-which-entries-take-part.
        """
        return Source(self.name, f"{self.config.prefix}{self.text}{self.config.suffix}")

    def candidate(self, owner: int) -> Candidate:
        """What is put together, when this is its place in the row."""
        order = owner if self.order is None else self.order
        return Candidate(owner, order, self.config, self.text, self.inside, self.location, self.finder)


def entrants_of(
    parts: ContextParts, placeholders: Mapping[str, str], rules: ContextRules, chance: Callable[[], float] | None
) -> list[Entrant]:
    """All parts in the natural order. Sub-contexts come last, and have no text yet.

    See docs/protocol/content.md#85-order-and-reservation.

    Args:
        parts: what there is.
        placeholders: what goes into their places, by key.
        rules: what calls what.
        chance: draws for conditions.
    """
    fill = partial(fill_placeholders, values=placeholders)
    # 3. What is always active.
    story = _always(ContextKind.STORY, parts.story, placeholders)
    memory = _always(ContextKind.MEMORY, parts.memory, placeholders)
    note = _always(ContextKind.AUTHORS_NOTE, parts.authors_note, placeholders)
    # 5. What depends on the step.
    ephemeral = [_at_step(index, each, parts.step, placeholders) for index, each in enumerate(parts.ephemeral)]
    # 2, 4, 6 and 7. What is always active, or called by the story or by others.
    entries, categories = parts.lorebook.entries, parts.lorebook.categories
    ears = [Ears(each.parsed_keys(fill=fill)) for each in entries]
    lore = [_lore(index, each, ears[index], placeholders) for index, each in enumerate(entries)]
    scene = Scene(
        story=Source(story.name, story.text),
        others=[each.source() for each in ([memory, note, story] if rules.cascade_in_story else [memory, note])],
        around=Surroundings(
            story=story.text,
            memory=memory.text,
            authors_note=note.text,
            model=parts.model,
            mode=parts.mode,
            step=parts.step,
            chance=chance,
        ),
        off={category.id for category in categories if not category.enabled},
        fill=fill,
        rules=rules,
    )
    listeners = [
        Listener(entry, ears[index], each.text, each.source())
        for index, (entry, each) in enumerate(zip(entries, lore, strict=True))
    ]
    by_location = parts.lorebook.order_by_key_locations
    lore = [
        replace(each, activation=activation, location=activation.location if by_location else None)
        for each, activation in zip(lore, activate(listeners, scene), strict=True)
    ]
    row = [story, memory, note, *ephemeral, *lore]
    # 8.4. What is put together by itself.
    for index, category in enumerate(each for each in categories if each.create_subcontext):
        home = len(row)
        members = [
            place
            for place, each in enumerate(row)
            if each.kind is ContextKind.LORE and each.home is None and each.category == category.id != ""
        ]
        for member in members:
            row[member] = replace(row[member], home=home)
        row.append(_subcontext(index, category, order=members[0] if members else home))
    return row


def _always(kind: ContextKind, part: ContextText, placeholders: Mapping[str, str]) -> Entrant:
    text, config = prepared(part.text, placeholders), _clean(part.config)
    return Entrant(kind=kind, name=kind, text=text, config=config, activation=_ALWAYS)


def _at_step(index: int, entry: EphemeralEntry, step: int, placeholders: Mapping[str, str]) -> Entrant:
    active = entry.active(step)
    return Entrant(
        kind=ContextKind.EPHEMERAL,
        index=index,
        name=f"{ContextKind.EPHEMERAL} {index + 1}",
        text=prepared(entry.text, placeholders),
        config=_clean(entry.config),
        activation=Activation(
            ContextStatus.EPHEMERAL if active else ContextStatus.EPHEMERAL_INACTIVE,
            f"it {'is' if active else 'is not'} there at step {step} of the story",
        ),
    )


def _lore(index: int, entry: Entry, ears: Ears, placeholders: Mapping[str, str]) -> Entrant:
    return Entrant(
        kind=ContextKind.LORE,
        index=index,
        id=entry.id,
        name=entry.display_name or f"entry {index + 1}",
        category=entry.category,
        text=prepared(entry.text, placeholders),
        config=_clean(entry.config),
        activation=_ALWAYS,
        finder=ears.place if entry.key_relative else None,
    )


def _subcontext(index: int, category: Category, order: int) -> Entrant:
    return Entrant(
        kind=ContextKind.SUBCONTEXT,
        index=index,
        id=category.id,
        name=category.name,
        category=category.id,
        text="",
        config=_clean(category.subcontext_settings.config),
        activation=_ALWAYS if category.enabled else _SWITCHED_OFF,
        order=order,
    )


def _clean(config: ContextConfig) -> ContextConfig:
    """The configuration, with prefix and suffix that a tokenizer takes."""
    if config.prefix.isascii() and config.suffix.isascii():
        return config
    return replace(config, prefix=replace_lone_surrogates(config.prefix), suffix=replace_lone_surrogates(config.suffix))


_ALWAYS: Final = Activation(ContextStatus.DEFAULT, "it is always active")
_SWITCHED_OFF: Final = Activation(ContextStatus.DISABLED, "it is switched off")
