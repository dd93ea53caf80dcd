"""What commands show of a story, whatever its card and its content hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from nai_proto.library import OpenedStory
from nai_proto.library.export import encodable_text

from ..common.json_document import to_time

__all__ = ["ChangedStory", "StoryDetails", "StorySummary", "describe_change", "describe_story", "summarize_story"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorySummary:
    """A story of the account, as ``nai library list`` prints it."""

    title: str
    "Empty if the card did not open."
    id: str
    "The id of the card, by which commands find the story."
    meta: str | None
    "The id of the story's key."
    content_id: str | None
    created_at: datetime | None
    last_updated_at: datetime | None
    content_bytes: int | None
    "Length of the content's JSON; None if there is no content, or it did not open."
    state: str
    "``ok``, or the problem."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedStory(StorySummary):
    """A story that a command has stored, changed or renamed, as it is now."""

    characters: int | None
    "Length of its text; None if that cannot be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryDetails(ChangedStory):
    """What people wrote about a story, and its text, as ``nai library show`` prints it."""

    description: str
    tags: list[str]
    lorebook_entries: int | None
    "None if the content did not open."
    memory: str
    authors_note: str
    text: str | None
    "None if it cannot be read."
    preview: str
    "The beginning of the text, as the card has it."


def summarize_story(story: OpenedStory) -> StorySummary:
    """Return the summary of a story, also of one that did not open."""
    card = story.card.json() if story.card.ok else {}
    content = story.content
    return StorySummary(
        title=story.title,
        id=story.card.stored.id,
        meta=story.card.stored.meta,
        content_id=None if content is None else content.stored.id,
        created_at=_to_time(card.get("createdAt")),
        last_updated_at=to_time(story.last_updated_at),
        content_bytes=len(content.plaintext) if content is not None and content.ok else None,
        state=_state_of(story),
    )


def describe_change(story: OpenedStory) -> ChangedStory:
    """Return what a story is after a command has stored it."""
    text = story.text
    return ChangedStory(**asdict(summarize_story(story)), characters=None if text is None else len(text))


def describe_story(story: OpenedStory) -> StoryDetails:
    """Return all that is shown of a story."""
    card = story.card.json() if story.card.ok else {}
    opened = story.content if story.content is not None and story.content.ok else None
    content = {} if opened is None else opened.json()
    text = None if opened is None else encodable_text(opened)
    return StoryDetails(
        **asdict(summarize_story(story)),
        characters=None if text is None else len(text),
        description=_as_text(card.get("description")),
        tags=[_as_text(tag) for tag in _as_list(card.get("tags")) if _as_text(tag)],
        lorebook_entries=len(_as_list(_get_member(content.get("lorebook"), "entries"))) if opened else None,
        memory=_as_text(_get_member(_get_item(content.get("context"), 0), "text")),
        authors_note=_as_text(_get_member(_get_item(content.get("context"), 1), "text")),
        text=text,
        preview=_as_text(card.get("textPreview")),
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _get_item(value: object, index: int) -> object:
    items = _as_list(value)
    return items[index] if index < len(items) else None


def _get_member(value: object, name: str) -> object:
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None


def _state_of(story: OpenedStory) -> str:
    if not story.card.ok:
        return f"card: {story.card.state.value}"
    if story.content is None:
        return "no content"
    return "ok" if story.content.ok else f"content: {story.content.state.value}"


def _to_time(milliseconds: object) -> datetime | None:
    """Return the time of a card; None if it is not one.

    See docs/protocol/content.md#41-stories.
    """
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool) and milliseconds >= 0:
        return to_time(milliseconds / 1000)
    return None
