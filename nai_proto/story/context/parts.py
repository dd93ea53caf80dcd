"""What a context can be made of, as plain values: where the story was stored does not matter here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..entries import Category, Entry
from ..lorebook import Lorebook
from ..records import a_text
from .config import DEFAULTS, ContextConfig, ContextKind
from .ephemeral import EphemeralEntry
from .patience import items, members

__all__ = ["ContextParts", "ContextText"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextText:
    """A text with what is to be done with it: the story, the memory or the author's note."""

    text: str = field(repr=False)
    config: ContextConfig

    @classmethod
    def of(cls, kind: ContextKind, text: str = "") -> ContextText:
        """A text with the usual configuration of its kind."""
        return cls(text=text, config=DEFAULTS[kind])

    @classmethod
    def from_data(cls, data: object, kind: ContextKind) -> ContextText:
        """An item of a story's ``context`` (content §4.2), whatever it is."""
        fields = members(data)
        config = ContextConfig.from_data(fields.get("contextConfig"), DEFAULTS[kind])
        return cls(text=a_text(fields.get("text")) or "", config=config)


_NO_MEMORY: Final = ContextText.of(ContextKind.MEMORY)
_NO_NOTE: Final = ContextText.of(ContextKind.AUTHORS_NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextParts:
    """All that can be in a context."""

    story: ContextText
    memory: ContextText = _NO_MEMORY
    authors_note: ContextText = _NO_NOTE
    ephemeral: tuple[EphemeralEntry, ...] = ()
    lore: tuple[Entry, ...] = ()
    categories: tuple[Category, ...] = ()
    order_by_key_locations: bool = False
    "Among entries of one priority, does the one whose key is further down in the story come first?"
    step: int = 0
    "How many generations the story has had."

    @classmethod
    def from_content(cls, content: Mapping[str, object], *, text: str, step: int = 0) -> ContextParts:
        """The parts of a story.

        Args:
            content: its ``storycontent``, decrypted (content §4.2); what is missing or of a wrong type is its default.
            text: its text, from whichever format it has.
            step: its step.
        """
        memory, note, *_ = [*items(content.get("context")), None, None]
        lorebook = Lorebook(members(content.get("lorebook")))
        config = ContextConfig.from_data(content.get("storyContextConfig"), DEFAULTS[ContextKind.STORY])
        return cls(
            story=ContextText(text=text, config=config),
            memory=ContextText.from_data(memory, ContextKind.MEMORY),
            authors_note=ContextText.from_data(note, ContextKind.AUTHORS_NOTE),
            ephemeral=tuple(map(EphemeralEntry.from_data, items(content.get("ephemeralContext")))),
            lore=lorebook.entries,
            categories=lorebook.categories,
            order_by_key_locations=lorebook.order_by_key_locations,
            step=step,
        )
