"""All parts in a row: their texts prepared, and which of them take part (content §8.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ..keys import Key
from ..placeholders import filled
from .activation import Activation, Source, activate, furthest
from .assembling import Candidate, Finder
from .config import ContextConfig, ContextKind
from .ephemeral import EphemeralEntry
from .insertion import Tree
from .parts import ContextParts, ContextText
from .preparing import prepared, whole_characters
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
    name: str = ""
    category: str = ""
    text: str
    config: ContextConfig
    activation: Activation
    finder: Finder | None = None
    "Finds its keys, if its place is relative to them."

    def source(self) -> Source:
        """What of it is searched for keys of others: prefix and suffix too (content §8.2.7)."""
        return Source(self.name, f"{self.config.prefix}{self.text}{self.config.suffix}")

    def candidate(self, owner: int, *, order: int | None = None, by_location: bool = False, inside: Tree = ()) -> Candidate:
        """What is put together, if it is active and has a text."""
        return Candidate(
            owner=owner,
            order=owner if order is None else order,
            config=self.config,
            text=self.text,
            inside=inside,
            location=self.activation.location if by_location else None,
            finder=self.finder,
        )


def entrants_of(parts: ContextParts, placeholders: Mapping[str, str], rules: ContextRules) -> list[Entrant]:
    """All parts but sub-contexts, in the natural order (content §8.5.2).

    Args:
        parts: the parts.
        placeholders: what goes into their places, by key.
        rules: what cascades where.
    """
    # 3. What is always active.
    fixed = [
        _fixed(ContextKind.STORY, parts.story, placeholders),
        _fixed(ContextKind.MEMORY, parts.memory, placeholders),
        _fixed(ContextKind.AUTHORS_NOTE, parts.authors_note, placeholders),
    ]
    # 5. What depends on the step.
    ephemeral = [
        Entrant(
            kind=ContextKind.EPHEMERAL,
            index=index,
            text=prepared(entry.text, placeholders),
            config=_clean(entry.config),
            activation=_at_step(entry, parts.step),
        )
        for index, entry in enumerate(parts.ephemeral)
    ]
    return [*fixed, *ephemeral, *_lore(parts, fixed, placeholders, rules)]


def _fixed(kind: ContextKind, part: ContextText, placeholders: Mapping[str, str]) -> Entrant:
    text, config = prepared(part.text, placeholders), _clean(part.config)
    return Entrant(kind=kind, name=kind, text=text, config=config, activation=_ALWAYS)


def _at_step(entry: EphemeralEntry, step: int) -> Activation:
    active = entry.active(step)
    status = ContextStatus.EPHEMERAL if active else ContextStatus.EPHEMERAL_INACTIVE
    return Activation(status, f"it {'is' if active else 'is not'} there at step {step} of the story")


def _lore(
    parts: ContextParts, fixed: Sequence[Entrant], placeholders: Mapping[str, str], rules: ContextRules
) -> list[Entrant]:
    fill = partial(filled, values=placeholders)
    keys = [[Key.parse(key, fill=fill) for key in entry.keys] for entry in parts.lore]
    waiting = [
        Entrant(
            kind=ContextKind.LORE,
            index=index,
            id=entry.id,
            name=entry.name or f"entry {index + 1}",
            category=entry.category,
            text=prepared(entry.text, placeholders),
            config=_clean(entry.config),
            activation=_ALWAYS,
            finder=partial(_place, keys[index]) if entry.key_relative else None,
        )
        for index, entry in enumerate(parts.lore)
    ]
    # 2, 4, 6 and 7. What is on, and always active or called by a key in the story or in others.
    story, memory, note = fixed
    others = [memory, note, story] if rules.cascade_in_story else [memory, note]
    activations = activate(
        parts, keys, Source(story.name, story.text), [each.source() for each in others], [each.source() for each in waiting], rules
    )
    return [replace(each, activation=made) for each, made in zip(waiting, activations, strict=True)]


def _place(keys: Sequence[Key], text: str) -> tuple[int, int] | None:
    found = furthest(keys, text)
    return found and found[:2]


def _clean(config: ContextConfig) -> ContextConfig:
    """The configuration, with prefix and suffix that a tokenizer takes."""
    prefix, suffix = whole_characters(config.prefix), whole_characters(config.suffix)
    same = (prefix, suffix) == (config.prefix, config.suffix)
    return config if same else replace(config, prefix=prefix, suffix=suffix)


_ALWAYS: Final = Activation(ContextStatus.DEFAULT, "it is always active")
