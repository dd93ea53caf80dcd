"""A story of an account: its two objects as they were opened, the story while it is edited, and how one is found.

See:
    docs/protocol/content.md#41-stories
    docs/protocol/native.md#75-story-linkage-and-templates
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any, Final, TypeVar

import msgspec

from ..codecs.sealed_objects import OpenedObject
from ..codecs.secret_box import Entropy, system_entropy, write_json
from ..errors import InvalidRequestError, NaiError
from ..limits import Limits
from ..story.json_records import as_seconds
from ..story.story import Story
from .candidates import Candidate, describe_change, find_candidate

__all__ = ["EditedStory", "OpenedStory", "drop_content", "find_story", "keep_whole", "link_stories"]

T = TypeVar("T")


def _refuse_assignment(advice: str) -> Callable[[type[T]], type[T]]:
    """Return a decorator of a frozen class: who assigns an attribute hears what to do instead.

    By itself, a frozen dataclass with slots raises a TypeError about ``super`` for an attribute that is no field.
    """

    def refuse(self: object, name: str, _: object) -> None:
        raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be assigned: {advice}")

    def decorate(kind: type[T]) -> type[T]:
        setattr(kind, "__setattr__", refuse)  # noqa: B010 -- type checkers refuse the plain assignment
        return kind

    return decorate


@_refuse_assignment(
    "edited = story.edit() can be changed, as edited.title = 'A title'; client.run(library.save(edited)) stores it"
)
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
    def last_updated_at(self) -> float | None:
        """Return when the story was last changed, in seconds since 1970; None if its card does not say it.

        See docs/protocol/content.md#41-stories.
        """
        time = as_seconds(self.card.json().get("lastUpdatedAt")) if self.card.ok else None
        return time if time is None or time >= 0 else None

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

    def edit(self, *, limits: Limits = Limits(), entropy: Entropy = system_entropy) -> EditedStory:
        """Return the story to read and edit: its text, history, memory and settings. `Library.save` stores it.

        Args:
            limits: for opening and for packing a document.
            entropy: for the ids of new sections and nodes.

        Raises:
            InvalidRequestError: its card or content is missing or did not open.
        """
        return EditedStory(self, limits, entropy)


class EditedStory(Story):
    """A story of an account while it is edited; `OpenedStory.edit` makes one, and `Library.save` stores it.

    What was saved is what further edits are compared with, so a story may be edited and saved any number of times.
    """

    __slots__ = ("opened",)

    def __init__(self, opened: OpenedStory, limits: Limits, entropy: Entropy) -> None:
        if opened.content is None or not opened.ok:
            raise InvalidRequestError(
                "the story's card or content is missing or did not open, so it cannot be edited", parameter="story"
            )
        super().__init__(opened.card.json(), opened.content.json(), limits, entropy)
        self.opened = opened
        "The story as the account has it, as far as is known: as it was read, or as it was last saved."

    def mark_saved(self, opened: OpenedStory, card: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        """Take what the account has now as what the story was before the edits that are still to come.

        Args:
            opened: card and content as they are stored.
            card, content: their JSON.
        """
        self.opened = opened
        self.set_original(card, content)


# ---- card and content


def keep_whole(type: str, item: OpenedObject) -> OpenedObject:  # noqa: A002, ARG001 -- a KeepObject
    """Return the object: the library has its content.

    Args:
        type: under which it is listed.
        item: the object as it was opened.
    """
    return item


def drop_content(type: str, item: OpenedObject) -> OpenedObject:  # noqa: A002
    """Return an object without its content, but with what connects it to others; for ``keep`` of `open_library`.

    Args:
        type: under which it is listed.
        item: the object as it was opened.

    Returns:
        The object with id, meta and state, without its sealed data; its JSON has the ids of a card or shelf, no more.
    """
    stored = msgspec.structs.replace(item.stored, data=None, extra={})
    links = b""
    if item.ok:
        document = item.json() if type in _LINKED_TYPES else {}
        links = write_json({name: document[name] for name in _LINKS if isinstance(document.get(name), str)})
    return replace(item, stored=stored, source=links)


_LINKED_TYPES: Final = ("stories", "shelf")
_LINKS: Final = ("id", "remoteId", "remoteStoryId")


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


# ---- finding one


def find_story(stories: Iterable[OpenedStory], name: str) -> OpenedStory:
    """Return the story that a name means, as `find_candidate` does, by title or by an id or meta of its card or content.

    Args:
        stories: of a library.
        name: what a person types.

    Raises:
        UnknownNameError: no story fits; the message lists those that resemble the name.
        AmbiguousNameError: several fit in the same way; the message lists them.
    """
    return find_candidate(map(_make_candidate, stories), name)


def _make_candidate(story: OpenedStory) -> Candidate[OpenedStory]:
    return Candidate(story, story.title, tuple(_iter_ids(story)), describe_change(story.last_updated_at))


def _iter_ids(story: OpenedStory) -> Iterator[str]:
    stored = (story.card.stored, *(() if story.content is None else (story.content.stored,)))
    return (id_ for each in stored for id_ in (each.id, each.meta) if id_)
