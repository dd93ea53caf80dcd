"""A story as a book."""

from __future__ import annotations

from ...arguments import TEXT, check_type
from ..json_records import as_text, as_texts
from ..sections import Origin, Section
from ..story import Story
from .values import Book, Run

__all__ = ["book_of"]


def book_of(story: Story, *, author: str = "", language: str = "en", chapters: bool = True) -> Book:
    """The book that a story is, as it is now.

    Args:
        story: gives title, description, tags, text, and who wrote what of it.
        author: of the book.
        language: as BCP 47 has it; stories do not say.
        chapters: are lines looked at for headings?

    Raises:
        Damaged: the story's text cannot be read.
        LimitExceeded: it is larger than the story's limits.
    """
    check_type(story, Story, "story", "a Story")
    TEXT.check(author, "author")
    TEXT.check(language, "language")
    card = story.card
    return Book(
        title=story.title,
        lines=[tuple(_runs(section)) for section in story.sections],
        author=author,
        description=as_text(card.get("description")) or "",
        tags=as_texts(card.get("tags")) or (),
        language=language,
        chapters=chapters,
    )


def _runs(section: Section) -> list[Run]:
    """Its spans, and what is between them."""
    text, at = section.text, 0
    runs: list[Run] = []
    for span in sorted(section.origins, key=lambda span: span.start):
        start, end = max(span.start, at), min(span.end, len(text))
        if start < end:
            origin = "" if span.origin is Origin.UNKNOWN else str(span.origin)
            runs += [Run(text[at:start]), Run(text[start:end], origin)]
            at = end
    return [run for run in (*runs, Run(text[at:])) if run.text]
