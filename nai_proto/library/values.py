"""An account's contents, opened: what `open_library` gives.

See:
    docs/protocol/content.md#3-objects
    docs/protocol/content.md#41-stories
    docs/protocol/native.md#75-story-linkage-and-templates
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..codecs.keystore import Keystore
from ..codecs.sealed import PLAIN_TYPES, Opened, OpenedState
from ..errors import NaiError
from ..objects import StoredKeystore
from ..secret import AccessToken
from ..story.story import Story as Writing
from .access import Access

__all__ = ["Library", "Story", "Suspicion", "link"]


class Suspicion(enum.Enum):
    """What is likelier when a box does not open; the cipher cannot tell."""

    ALTERED = "altered"
    "others opened with keys of the same keystore"
    WRONG_KEY = "wrong key"
    "nothing opened at all"


@dataclass(frozen=True, slots=True)
class Story:
    """A card and its content."""

    card: Opened
    content: Opened | None
    "None when the account has no content for it."

    @property
    def ok(self) -> bool:
        """Are both there, and opened?"""
        return self.card.ok and self.content is not None and self.content.ok

    @property
    def consistent(self) -> bool:
        """Do card and content have the same meta, and so the same key? It is the rule.

        See docs/protocol/content.md#33-details-that-matter.
        """
        return self.content is not None and self.content.stored.meta == self.card.stored.meta

    @property
    def title(self) -> str:
        """The card's title; empty when it did not open or has none."""
        title = self.card.json().get("title") if self.card.ok else None
        return title if isinstance(title, str) else ""

    @property
    def text(self) -> str | None:
        """The text as it now stands, in either format; None where there is none that can be read.

        See:
            docs/protocol/content.md#5-old-story-format-story
            docs/protocol/content.md#7-the-document-field
        """
        if self.content is None or not self.content.ok:
            return None
        writing = Writing.of({}, self.content.json())
        try:
            text = writing.text
        except NaiError:
            return None
        return text if text or not writing.problems else None


@dataclass(frozen=True, slots=True)
class Library:
    """All contents of an account."""

    keystore: Keystore
    stories: tuple[Story, ...]
    "In the order in which the service lists the cards."
    orphans: tuple[Opened, ...] = ()
    "Story contents that no card leads to."
    others: Mapping[str, tuple[Opened, ...]] = field(default_factory=dict[str, tuple[Opened, ...]])
    "Presets, modules, shelves and the rest, by type, in the order in which the service lists them."
    unread: Mapping[str, NaiError] = field(default_factory=dict[str, NaiError])
    "Types that could not be listed, and why. Stories and their contents are never among them."
    stored_keystore: StoredKeystore = StoredKeystore(None)
    "The keystore as it was stored when this was read."
    access: Access | None = field(default=None, compare=False)
    "What the library was opened with, for what comes next; None if it was read with a key only."

    @property
    def token(self) -> AccessToken | None:
        """Of `access`: `nai_proto.using` puts it on a flow."""
        return None if self.access is None else self.access.token

    @property
    def items(self) -> Iterator[Opened]:
        """Every object once, the stories' cards and contents first."""
        seen: set[int] = set()
        for story in self.stories:
            for item in (story.card, story.content):
                if item is not None and id(item) not in seen:
                    seen.add(id(item))
                    yield item
        yield from self.orphans
        for items in self.others.values():
            yield from items

    @property
    def failed(self) -> tuple[Opened, ...]:
        """What did not open."""
        return tuple(item for item in self.items if not item.ok)

    def suspicion(self, item: Opened) -> Suspicion | None:
        """Why a box of this library did not open, most likely; None for an item whose state says why."""
        if item.state is not OpenedState.NOT_AUTHENTIC:
            return None
        opened = any(other.ok and other.stored.type not in PLAIN_TYPES for other in self.items)
        return Suspicion.ALTERED if opened else Suspicion.WRONG_KEY


def link(cards: Sequence[Opened], contents: Sequence[Opened]) -> tuple[tuple[Story, ...], tuple[Opened, ...]]:
    """Stories, and the contents that belong to none.

    A card's ``remoteStoryId`` is the id of its content. Where it is not to be had, or names nothing, the meta that both
    share leads there.

    See docs/protocol/content.md#41-stories.
    """
    by_id = {content.stored.id: content for content in contents}
    by_meta = {content.stored.meta: content for content in reversed(contents) if content.stored.meta}
    stories: list[Story] = []
    for card in cards:
        named = card.json().get("remoteStoryId") if card.ok else None
        content = by_id.get(named) if isinstance(named, str) and named else None
        stories.append(Story(card, content or by_meta.get(card.stored.meta or "")))
    claimed = {id(story.content) for story in stories}
    return tuple(stories), tuple(content for content in contents if id(content) not in claimed)
