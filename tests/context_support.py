"""Tokenizers with tokens that are easy to count, and parts of contexts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from nai_proto.story.context.parts import ContextParts, ContextText
from nai_proto.story.context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind
from nai_proto.story.lore.entries import Category, Entry
from nai_proto.story.lore.lorebook import Lorebook
from nai_proto.tokenizers.base import ByteVocabulary
from tests.support import ByteTokenizer

BYTES = ByteTokenizer()


class Words(ByteVocabulary):
    """Has a token for each word with the blanks before it, and one for each line feed."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._known: dict[int, bytes] = {}
        super().__init__("words", self._known, {})

    def encode(self, text: str) -> list[int]:
        return [self._id(piece) for piece in re.findall(r"\n|[^\S\n]*[^\s]+|[^\S\n]+", text)]

    def _id(self, piece: str) -> int:
        number = self._ids.setdefault(piece, len(self._ids))
        self._known[number] = piece.encode()
        return number


class Pairs(Words):
    """Has a token for every two characters: joined, parts have fewer tokens than by themselves."""

    def encode(self, text: str) -> list[int]:
        return [self._id(text[start : start + 2]) for start in range(0, len(text), 2)]


class Seams(Words):
    """As `Words`, but a line feed inside a text is two tokens: joined, parts have more tokens than by themselves."""

    def encode(self, text: str) -> list[int]:
        feeds = text[:-1].count("\n")
        return [*super().encode(text), *[self._id("")] * feeds]


def config(kind: ContextKind = ContextKind.LORE, **fields: Any) -> ContextConfig:
    """Return the default configuration of a kind with some fields changed."""
    return replace(DEFAULT_CONFIGS[kind], **fields)


def lore(text: str, *keys: str, name: str = "", config: ContextConfig | None = None, **fields: Any) -> Entry:
    """Return an entry; it is always active if it has no keys."""
    fields.setdefault("force_activation", not keys)
    entry = Entry().with_fields(text=text, keys=keys, display_name=name or text, **fields)
    return entry if config is None else entry.with_fields(config=config)


def parts(
    story: str = "",
    *,
    memory: str = "",
    note: str = "",
    lore: Iterable[Entry] = (),
    categories: Iterable[Category] = (),
    by_location: bool = False,
    **fields: Any,
) -> ContextParts:
    """Return parts with the default configurations."""
    lorebook = Lorebook(
        {
            "entries": [dict(entry.data) for entry in lore],
            "categories": [dict(category.data) for category in categories],
            "settings": {"orderByKeyLocations": by_location},
        }
    )
    return ContextParts(
        story=ContextText.of(ContextKind.STORY, story),
        memory=ContextText.of(ContextKind.MEMORY, memory),
        authors_note=ContextText.of(ContextKind.AUTHORS_NOTE, note),
        lorebook=lorebook,
        **fields,
    )
