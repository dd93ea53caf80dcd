"""An account's contents, opened: the result of `open_library`.

See:
    docs/protocol/content.md#3-objects
    docs/protocol/content.md#41-stories
    docs/protocol/native.md#75-story-linkage-and-templates
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..codecs.keystore import Keystore
from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject, OpenedState
from ..errors import NaiError
from ..objects import StoredKeystore
from ..secret import AccessToken
from ..story.story import Story
from .login import Access

__all__ = ["Library", "ListedObject", "OpenedStory", "Suspicion", "iter_failures", "iter_objects", "link_stories"]


class Suspicion(enum.Enum):
    """The likely reason why an object does not open; the cipher cannot tell."""

    DAMAGED = "damaged"
    "Other objects opened with keys of the same keystore."
    WRONG_KEY = "wrong key"
    "No object opened."


@dataclass(frozen=True, slots=True)
class OpenedStory:
    """A story's card (title, dates, link to the content) and its content (text, settings, lorebook), both opened."""

    card: OpenedObject
    content: OpenedObject | None
    "None if the account has no content for it."

    @property
    def ok(self) -> bool:
        """Return whether card and content are both there and did open."""
        return self.card.ok and self.content is not None and self.content.ok

    @property
    def is_consistent(self) -> bool:
        """Return whether card and content have the same meta, and so the same key, as they should.

        See docs/protocol/content.md#33-details-that-matter.
        """
        return self.content is not None and self.content.stored.meta == self.card.stored.meta

    @property
    def title(self) -> str:
        """Return the card's title; empty if it did not open or has none."""
        title = self.card.json().get("title") if self.card.ok else None
        return title if isinstance(title, str) else ""

    @property
    def text(self) -> str | None:
        """Return the story's present text, from either story format; None if it cannot be read.

        See:
            docs/protocol/content.md#5-old-story-format-story
            docs/protocol/content.md#7-the-document-field
        """
        if self.content is None or not self.content.ok:
            return None
        story = Story.from_data({}, self.content.json())
        try:
            text = story.text
        except NaiError:
            return None
        return text if text or not story.problems else None


@dataclass(frozen=True, slots=True)
class Library:
    """All contents of an account."""

    keystore: Keystore
    stories: tuple[OpenedStory, ...]
    "In the order in which the service lists the cards."
    orphans: tuple[OpenedObject, ...] = ()
    "Story contents that no card links to."
    others: Mapping[str, tuple[OpenedObject, ...]] = field(default_factory=dict[str, tuple[OpenedObject, ...]])
    "Presets, modules, shelves and all other objects by type, in the order in which the service lists them."
    unread: Mapping[str, NaiError] = field(default_factory=dict[str, NaiError])
    "Types that could not be listed, and why. Stories and their contents are never among them."
    stored_keystore: StoredKeystore = StoredKeystore(None)
    "The keystore as it was stored when this library was read."
    access: Access | None = field(default=None, compare=False)
    "The login that the library was opened with, for further requests; None if it was read with a key only."

    @property
    def token(self) -> AccessToken | None:
        """Return the token of `access`, for ``flow.with_options(token=…)``."""
        return None if self.access is None else self.access.token

    @property
    def items(self) -> Iterator[OpenedObject]:
        """Iterate over every object once, the stories' cards and contents first."""
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
    def failed(self) -> tuple[OpenedObject, ...]:
        """Return the objects that did not open."""
        return tuple(item for item in self.items if not item.ok)

    def suspicion(self, item: OpenedObject) -> Suspicion | None:
        """Return the likely reason why an object of this library did not open; None if its state tells the reason."""
        if item.state is not OpenedState.NOT_AUTHENTIC:
            return None
        opened = any(other.ok and other.stored.type not in PLAIN_TYPES for other in self.items)
        return Suspicion.DAMAGED if opened else Suspicion.WRONG_KEY


def link_stories(
    cards: Sequence[OpenedObject], contents: Sequence[OpenedObject]
) -> tuple[tuple[OpenedStory, ...], tuple[OpenedObject, ...]]:
    """Link cards to their contents.

    A card's ``remoteStoryId`` is the id of its content. If it cannot be read, or no content has that id, the meta that both
    share links them.

    Args:
        cards: the objects of type ``stories``.
        contents: the objects of type ``storycontent``.

    Returns:
        The stories in the order of the cards, and the contents that belong to none.

    See docs/protocol/content.md#41-stories.
    """
    by_id = {content.stored.id: content for content in contents}
    by_meta = {content.stored.meta: content for content in reversed(contents) if content.stored.meta}
    stories: list[OpenedStory] = []
    for card in cards:
        content_id = card.json().get("remoteStoryId") if card.ok else None
        content = by_id.get(content_id) if isinstance(content_id, str) and content_id else None
        stories.append(OpenedStory(card, content or by_meta.get(card.stored.meta or "")))
    claimed = {id(story.content) for story in stories}
    return tuple(stories), tuple(content for content in contents if id(content) not in claimed)


# ---- iteration

ListedObject: TypeAlias = tuple[str, OpenedObject]
"""The type under which an object was listed, and the object: its own type may be missing."""


def iter_objects(library: Library) -> Iterator[ListedObject]:
    """Iterate over every object once, with its type: cards, contents, and the others by type."""
    contents = {id(story.content): story.content for story in library.stories if story.content is not None}
    yield from (("stories", story.card) for story in library.stories)
    yield from (("storycontent", content) for content in (*contents.values(), *library.orphans))
    for type_, items in library.others.items():
        yield from ((type_, item) for item in items)


def iter_failures(library: Library) -> Iterator[tuple[ListedObject, Suspicion | None]]:
    """Iterate over the objects that did not open, each with its `Library.suspicion`."""
    suspicion: Suspicion | None = None
    for each in iter_objects(library):
        item = each[1]
        if item.state is OpenedState.NOT_AUTHENTIC:
            suspicion = suspicion or library.suspicion(item)  # which reads all objects, and is the same for each
            yield each, suspicion
        elif not item.ok:
            yield each, None
