"""What is told of a story, whatever its card and its content hold, and safe to print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from nai_proto.errors import InvalidRequestError
from nai_proto.library import Story
from nai_proto.library.exporting import text_of

__all__ = ["STORIES", "Facts", "date", "details_of", "facts_of", "find", "printable", "written"]

STORIES: Final = ("stories", "storycontent")
"""The types that a story is made of."""
_EVER: Final = 253_402_300_800_000
"""The milliseconds that a date can name end here, with the year 9999."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A story in a few words."""

    title: str
    id: str
    "Of the card."
    meta: str | None
    content_id: str | None
    created_at: float | None
    "UNIX time in seconds, as is the next."
    last_updated_at: float | None
    size: int | None
    "Bytes of its content's JSON; None if there is none that opened."
    state: str
    "``ok``, or what is wrong."


def facts_of(story: Story) -> Facts:
    """What its card and its content say."""
    card = story.card.json() if story.card.ok else {}
    content = story.content
    return Facts(
        story.title,
        story.card.stored.id,
        story.card.stored.meta,
        None if content is None else content.stored.id,
        _seconds(card.get("createdAt")),
        _seconds(card.get("lastUpdatedAt")),
        len(content.plaintext) if content is not None and content.ok else None,
        _state(story),
    )


def details_of(story: Story) -> dict[str, object]:
    """More of them: what people have written about the story, and the story. What is not there is left out."""
    card = story.card.json() if story.card.ok else {}
    opened = story.content if story.content is not None and story.content.ok else None
    content = {} if opened is None else opened.json()
    text = None if opened is None else text_of(opened)
    details = {
        "description": _text(card.get("description")),
        "tags": [tag for tag in _list(card.get("tags")) if _text(tag)],
        "lorebook_entries": len(_list(_get(content.get("lorebook"), "entries"))) if opened else None,
        "characters": None if text is None else len(text),
        "memory": _text(_get(_at(content.get("context"), 0), "text")),
        "authors_note": _text(_get(_at(content.get("context"), 1), "text")),
        "text": text,
        "preview": _text(card.get("textPreview")) if text is None else None,
    }
    return {name: value for name, value in details.items() if value not in (None, "", [], 0)}


def find(stories: Iterable[Story], wanted: str) -> Story:
    """The story that has this id or this meta; or, if there is none, this title, be it in another case.

    Raises:
        InvalidRequestError: there is none, or more than one.
    """
    known = list(stories)
    for matches in (_is_named, _is_titled, _is_titled_alike):
        found = [story for story in known if matches(story, wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(printable(story.card.stored.id) for story in found)
            raise InvalidRequestError(f"{len(found)} stories are called {printable(wanted)!r}; their ids are {ids}")
    raise InvalidRequestError(f"no story is called {printable(wanted)!r}, and none has it as its id (nai library list)")


def _is_named(story: Story, wanted: str) -> bool:
    names = (story.card.stored.id, story.card.stored.meta, story.content and story.content.stored.id)
    return bool(wanted) and wanted in names


def _is_titled(story: Story, wanted: str) -> bool:
    return story.card.ok and story.title == wanted


def _is_titled_alike(story: Story, wanted: str) -> bool:
    return story.card.ok and story.title.casefold().strip() == wanted.casefold().strip()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _at(value: object, index: int) -> object:
    items = _list(value)
    return items[index] if index < len(items) else None


def _get(value: object, name: str) -> object:
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None


def _state(story: Story) -> str:
    if not story.card.ok:
        return f"card: {story.card.state.value}"
    if story.content is None:
        return "no content"
    return "ok" if story.content.ok else f"content: {story.content.state.value}"


def _seconds(milliseconds: object) -> float | None:
    """Cards have milliseconds.

    See docs/protocol/content.md#41-stories.
    """
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool) and 0 <= milliseconds < _EVER:
        return milliseconds / 1000
    return None


def date(seconds: float | None) -> str:
    """The day and the minute, in UTC; empty if there is none."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def printable(text: str) -> str:
    """The text in one line; what could steer a terminal is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def written(text: str) -> str:
    """A text of many lines, each of them `printable`."""
    return "\n".join(map(printable, text.split("\n")))
