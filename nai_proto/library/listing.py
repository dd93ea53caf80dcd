"""The objects of a library in a row, for who looks at all of them alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ..codecs.sealed import Opened, OpenedState
from .values import Library, Suspicion

__all__ = ["Listed", "listed", "suspicions"]

Listed: TypeAlias = tuple[str, Opened]
"""An object, behind the type under which it was listed: its own may be missing."""


def listed(library: Library) -> Iterator[Listed]:
    """Every object once: cards, contents, and the others by type."""
    contents = {id(story.content): story.content for story in library.stories if story.content is not None}
    yield from (("stories", story.card) for story in library.stories)
    yield from (("storycontent", content) for content in (*contents.values(), *library.orphans))
    for type_, items in library.others.items():
        yield from ((type_, item) for item in items)


def suspicions(library: Library) -> Iterator[tuple[Listed, Suspicion | None]]:
    """What did not open, and what is suspected of it (`Library.suspicion`)."""
    suspected: Suspicion | None = None
    for each in listed(library):
        item = each[1]
        if item.state is OpenedState.NOT_AUTHENTIC:
            suspected = suspected or library.suspicion(item)  # which looks at all, and is the same for all
            yield each, suspected
        elif not item.ok:
            yield each, None
