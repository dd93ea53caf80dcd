"""What commands show of a story, whatever its card and its content hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from nai_proto.library import OpenedStory
from nai_proto.library.export import encodable_text

__all__ = ["StorySummary", "describe_story", "summarize_story"]

_MAX_DATE_MS: Final = 253_402_300_800_000
"""The end of the year 9999: `datetime` has no later dates."""


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story in a row of a table."""

    title: str
    id: str
    "The id of the card."
    meta: str | None
    content_id: str | None
    created_at: float | None
    "UNIX time in seconds."
    last_updated_at: float | None
    "UNIX time in seconds."
    size: int | None
    "Bytes of the content's JSON; None if there is no content, or it did not open."
    state: str
    "``ok``, or the problem."


def summarize_story(story: OpenedStory) -> StorySummary:
    """Return the summary of a story, also of one that did not open."""
    card = story.card.json() if story.card.ok else {}
    content = story.content
    return StorySummary(
        story.title,
        story.card.stored.id,
        story.card.stored.meta,
        None if content is None else content.stored.id,
        _to_seconds(card.get("createdAt")),
        _to_seconds(card.get("lastUpdatedAt")),
        len(content.plaintext) if content is not None and content.ok else None,
        _state_of(story),
    )


def describe_story(story: OpenedStory) -> dict[str, object]:
    """Return what people wrote about a story, and its text, by name; what the story does not have is left out."""
    card = story.card.json() if story.card.ok else {}
    opened = story.content if story.content is not None and story.content.ok else None
    content = {} if opened is None else opened.json()
    text = None if opened is None else encodable_text(opened)
    details = {
        "description": _as_text(card.get("description")),
        "tags": [tag for tag in _as_list(card.get("tags")) if _as_text(tag)],
        "lorebook_entries": len(_as_list(_get_member(content.get("lorebook"), "entries"))) if opened else None,
        "characters": None if text is None else len(text),
        "memory": _as_text(_get_member(_get_item(content.get("context"), 0), "text")),
        "authors_note": _as_text(_get_member(_get_item(content.get("context"), 1), "text")),
        "text": text,
        "preview": _as_text(card.get("textPreview")) if text is None else None,
    }
    return {name: value for name, value in details.items() if value not in (None, "", [], 0)}


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


def _to_seconds(milliseconds: object) -> float | None:
    """Return the time of a card in UNIX seconds; None if it is not a time.

    See docs/protocol/content.md#41-stories.
    """
    if (
        isinstance(milliseconds, int | float)
        and not isinstance(milliseconds, bool)
        and 0 <= milliseconds < _MAX_DATE_MS
    ):
        return milliseconds / 1000
    return None
