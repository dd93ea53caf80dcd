"""What is told of a story, whatever its card says, and safe to print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nai_proto.library import Story

__all__ = ["Facts", "date", "facts_of", "printable"]

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


def _state(story: Story) -> str:
    if not story.card.ok:
        return f"card: {story.card.state.value}"
    if story.content is None:
        return "no content"
    return "ok" if story.content.ok else f"content: {story.content.state.value}"


def _seconds(milliseconds: object) -> float | None:
    """Cards have milliseconds (content §4.1)."""
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool) and 0 <= milliseconds < _EVER:
        return milliseconds / 1000
    return None


def date(seconds: float | None) -> str:
    """The day and the minute, in UTC; empty if there is none."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def printable(text: str) -> str:
    """The text in one line; what could steer a terminal is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
