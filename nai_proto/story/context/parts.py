"""What a context can be made of, as plain values: where they were stored does not matter here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .config import DEFAULTS, ContextConfig, ContextKind
from .ephemeral import EphemeralEntry

__all__ = ["ContextParts", "ContextText", "LoreCategory", "LoreText"]

_LORE: Final = DEFAULTS[ContextKind.LORE]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextText:
    """A text with what is to be done with it: the story, the memory or the author's note."""

    text: str = field(repr=False)
    config: ContextConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LoreText:
    """An entry of a lorebook (content §4.6)."""

    text: str = field(repr=False)
    config: ContextConfig = _LORE
    id: str = ""
    name: str = ""
    keys: tuple[str, ...] = field(default=(), repr=False)
    "As people wrote them: see `Key`."
    search_range: int = 1000
    "How much of the story's end is searched for keys, in UTF-16 units."
    enabled: bool = True
    forced: bool = False
    "Is it active without a key?"
    key_relative: bool = False
    "Is its place counted from where its key is in the context?"
    cascading: bool = False
    "Are its keys searched in other active parts as well?"
    category: str = ""
    "The id of its category, if it has one."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoreCategory:
    """A category of a lorebook (content §4.6)."""

    id: str
    name: str = ""
    enabled: bool = True
    subcontext: ContextConfig | None = None
    "Of a category whose entries are put together by themselves: what is done with the whole."


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextParts:
    """All that can be in a context."""

    story: ContextText
    memory: ContextText = ContextText(text="", config=DEFAULTS[ContextKind.MEMORY])
    authors_note: ContextText = ContextText(text="", config=DEFAULTS[ContextKind.AUTHORS_NOTE])
    ephemeral: tuple[EphemeralEntry, ...] = ()
    lore: tuple[LoreText, ...] = ()
    categories: tuple[LoreCategory, ...] = ()
    order_by_key_locations: bool = False
    "Among entries of one priority, does the one whose key is further down in the story come first?"
    step: int = 0
    "How many generations the story has had."
