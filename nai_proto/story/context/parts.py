"""What a context is made of: the texts of a story with their settings, and the rules to follow.

These are plain values. Where a story is stored does not matter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ...arguments import INTEGER, MAPPING, TEXT, check_type, list_items, member
from ..context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind
from ..json_records import as_text, list_or_empty, make_records_reader, object_or_empty
from ..lore.biases import StoredBans, StoredBiases
from ..lore.conditions import COMBINATION, MODE
from ..lore.lorebook import Lorebook
from .ephemeral import EphemeralEntry

__all__ = ["DEFAULT_RULES", "ContextParts", "ContextRules", "ContextText"]

_KIND: Final = member(ContextKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextText:
    """A text with its context settings: the story, the memory or the Author's Note."""

    text: str = field(repr=False)
    config: ContextConfig

    def __post_init__(self) -> None:
        TEXT.check(self.text, "text")
        check_type(self.config, ContextConfig, "config", "a ContextConfig")

    @classmethod
    def of(cls, kind: ContextKind, text: str = "") -> ContextText:
        """Return a text with the default settings of its kind.

        Args:
            kind: selects the settings.
            text: the text; none by default.
        """
        kind = _KIND.convert(kind, "kind")
        TEXT.check(text, "text")
        return cls(text=text, config=DEFAULT_CONFIGS[kind])

    @classmethod
    def from_data(cls, data: object, kind: ContextKind) -> ContextText:
        """Return a text that a story has stored. A value that is missing or of a wrong type is replaced by its default.

        See docs/protocol/content.md#42-storycontent.

        Args:
            data: an item of the story's ``context``.
            kind: selects the default settings.
        """
        kind = _KIND.convert(kind, "kind")
        fields = object_or_empty(data)
        config = ContextConfig.from_data(fields.get("contextConfig"), DEFAULT_CONFIGS[kind])
        return cls(text=as_text(fields.get("text")) or "", config=config)


_NO_MEMORY: Final = ContextText.of(ContextKind.MEMORY)
_NO_NOTE: Final = ContextText.of(ContextKind.AUTHORS_NOTE)
_NO_LOREBOOK: Final = Lorebook()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextParts:
    """All that can be in a context, and what decides whether it is."""

    story: ContextText
    memory: ContextText = _NO_MEMORY
    authors_note: ContextText = _NO_NOTE
    ephemeral: tuple[EphemeralEntry, ...] = ()
    lorebook: Lorebook = _NO_LOREBOOK
    biases: tuple[StoredBiases, ...] = ()
    "The biases of the story itself. Entries and categories have their own."
    bans: tuple[StoredBans, ...] = ()
    step: int = 0
    "How many generations the story has had."
    model: str = ""
    "The id of the model, for conditions on it."
    mode: Literal["normal", "adventure"] = "normal"
    "The mode of the story, for conditions on it."

    def __post_init__(self) -> None:
        for name in ("story", "memory", "authors_note"):
            check_type(getattr(self, name), ContextText, name, "a ContextText")
        for name, kind in (("ephemeral", EphemeralEntry), ("biases", StoredBiases), ("bans", StoredBans)):
            items = list_items(getattr(self, name), kind, name, f"a tuple of {kind.__name__}")
            object.__setattr__(self, name, tuple(items))
        check_type(self.lorebook, Lorebook, "lorebook", "a Lorebook")
        INTEGER.check(self.step, "step")
        TEXT.check(self.model, "model")
        MODE.convert(self.mode, "mode")

    @classmethod
    def from_content(
        cls,
        content: Mapping[str, object],
        *,
        text: str,
        step: int = 0,
        mode: Literal["normal", "adventure"] = "normal",
    ) -> ContextParts:
        """Return the parts of a stored story. A value that is missing or of a wrong type is replaced by its default.

        See:
            docs/protocol/content.md#42-storycontent
            docs/protocol/content.md#41-stories

        Args:
            content: the story's ``storycontent``, decrypted.
            text: the story's text, from either format.
            step: how many generations the story has had.
            mode: ``adventure`` if the story's card has ``isTA``.
        """
        MAPPING.check(content, "content")
        TEXT.check(text, "text")
        INTEGER.check(step, "step")
        MODE.convert(mode, "mode")
        memory, note, *_ = [*list_or_empty(content.get("context")), None, None]
        config = ContextConfig.from_data(content.get("storyContextConfig"), DEFAULT_CONFIGS[ContextKind.STORY])
        return cls(
            story=ContextText(text=text, config=config),
            memory=ContextText.from_data(memory, ContextKind.MEMORY),
            authors_note=ContextText.from_data(note, ContextKind.AUTHORS_NOTE),
            ephemeral=tuple(map(EphemeralEntry.from_data, list_or_empty(content.get("ephemeralContext")))),
            lorebook=Lorebook(object_or_empty(content.get("lorebook"))),
            biases=make_records_reader(StoredBiases)(content.get("phraseBiasGroups")) or (),
            bans=make_records_reader(StoredBans)(content.get("bannedSequenceGroups")) or (),
            step=step,
            model=as_text(object_or_empty(content.get("settings")).get("model")) or "",
            mode=mode,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRules:
    """Switches for behaviour on which the sources disagree, or say nothing.

    See:
        docs/protocol/content.md#8-building-the-context
        docs/protocol/content.md#12-open-questions
    """

    cascade_in_range: bool = False
    """True limits a search for keys in other entries to the entry's search range.

    See docs/protocol/content.md#82-which-entries-take-part.
    """
    cascade_in_story: bool = False
    """True searches the story, with its prefix and suffix, once more when other entries are searched.

    See docs/protocol/content.md#82-which-entries-take-part.
    """
    conditions: Literal["any", "all"] = "any"
    """Which of an entry's advanced conditions have to hold; when they do, the entry is active, as by a key.

    See docs/protocol/content.md#46-lorebook.
    """

    def __post_init__(self) -> None:
        COMBINATION.convert(self.conditions, "conditions")


DEFAULT_RULES: Final = ContextRules()
