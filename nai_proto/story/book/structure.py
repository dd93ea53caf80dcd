"""The structure of a book, and how it is built from a story: chapters of paragraphs, which each file format renders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from ...arguments import LIST, TEXT, check_type, list_items
from ..json_records import as_text, as_texts
from ..sections import Origin, Section
from ..story import Story
from .language import guess_language

__all__ = [
    "Book",
    "BookBlock",
    "Chapter",
    "Heading",
    "Paragraph",
    "SceneBreak",
    "TextRun",
    "build_book",
    "replace_unwritable",
    "split_lines",
]


class TextRun(NamedTuple):
    """Characters of a paragraph that have one origin."""

    text: str
    origin: str = ""
    "Who wrote them: ``user``, ``ai``, ``edit``, ``prompt``; empty if it is not known."

    def __repr__(self) -> str:
        return f"<TextRun: {len(self.text)} characters, origin {self.origin!r}>"


class Paragraph(NamedTuple):
    """One line of the story's text."""

    runs: tuple[TextRun, ...]

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


class Heading(NamedTuple):
    """A line that begins a chapter, without its marks."""

    text: str

    def __repr__(self) -> str:
        return f"<Heading: {len(self.text)} characters>"


class SceneBreak(NamedTuple):
    """A line that separates two scenes, such as ``***``."""


BookBlock: TypeAlias = Heading | SceneBreak | Paragraph


class Chapter(NamedTuple):
    """The blocks between two headings."""

    heading: str | None
    "None in front of the first heading."
    blocks: tuple[SceneBreak | Paragraph, ...]

    def __repr__(self) -> str:
        return f"<Chapter: {len(self.blocks)} blocks>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A story without anything that is specific to the service.

    Each line of the text is a paragraph, with three exceptions. Empty lines are left out. A line of nothing but asterisks,
    dashes, tildes, number signs or ``⁂`` is a scene break. If ``chapters`` is true, a heading is a line of number signs and
    words, or a short line that begins with *chapter*, *part*, *prologue*, *epilogue* or *interlude*, with or without
    brackets around it.
    """

    title: str = field(repr=False)
    lines: Sequence[Sequence[TextRun]] = field(repr=False)
    "The runs of each line, as `split_lines` returns them."
    author: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    tags: Sequence[str] = field(default=(), repr=False)
    language: str = ""
    "A BCP 47 language tag; the one that the script of the text suggests if none is given."
    chapters: bool = True
    "True: lines that look like headings begin chapters."

    def __post_init__(self) -> None:
        for name in ("title", "author", "description", "language"):
            TEXT.check(getattr(self, name), name)
        takes = "a list of lists of TextRun"
        LIST.check(self.lines, "lines", takes)
        for line in self.lines:
            list_items(line, TextRun, "lines", takes)
        list_items(self.tags, str, "tags", "a list of str")
        if not self.language:
            object.__setattr__(self, "language", guess_language(self.text))

    @property
    def text(self) -> str:
        """The whole text, unchanged."""
        return "\n".join("".join(run.text for run in line) for line in self.lines)

    def iter_blocks(self) -> Iterator[BookBlock]:
        """Yield the paragraphs, scene breaks and headings of the text."""
        for line in self.lines:
            runs = (TextRun(replace_unwritable(run.text.replace("\r", "")), run.origin) for run in line)
            paragraph = Paragraph(tuple(runs))
            text = paragraph.text.strip()
            if not text:
                continue
            if _SCENE_BREAK.fullmatch(text):
                yield SceneBreak()
            elif self.chapters and (match := _HEADING.fullmatch(text)):
                yield Heading(next(filter(None, match.groups())).strip())
            else:
                yield paragraph

    def list_chapters(self) -> list[Chapter]:
        """Return the chapters of the text: at least one, which may be empty."""
        chapters = [Chapter(None, ())]
        blocks: list[SceneBreak | Paragraph] = []
        for block in self.iter_blocks():
            if isinstance(block, Heading):
                chapters[-1] = chapters[-1]._replace(blocks=tuple(blocks))
                chapters.append(Chapter(block.text, ()))
                blocks = []
            else:
                blocks.append(block)
        chapters[-1] = chapters[-1]._replace(blocks=tuple(blocks))
        return chapters if len(chapters) == 1 or chapters[0].blocks else chapters[1:]


_SCENE_BREAK: Final = re.compile(r"⁂|(?:[*~#=_-]\s*){3,}|—{1,3}|•(?:\s*•)*")
_TITLE: Final = r"(?:chapter|part|prologue|epilogue|interlude)\b(?![^.!?]{61})[^.!?]*"
_HEADING: Final = re.compile(rf"\#{{1,6}}\s+(\S.{{0,120}})|\[\s*({_TITLE})\s*\]|({_TITLE})[.]?", re.IGNORECASE)
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def replace_unwritable(text: str) -> str:
    """Return a text with U+FFFD in place of control characters and lone surrogates, which XML or UTF-8 cannot hold."""
    return _UNWRITABLE.sub("\ufffd", text)


def split_lines(text: str | Iterable[TextRun]) -> list[tuple[TextRun, ...]]:
    """Split a text into the lines of a book.

    Args:
        text: the text, or its runs, with line feeds anywhere in them.
    """
    lines: list[list[TextRun]] = [[]]
    runs = [TextRun(text)] if isinstance(text, str) else list_items(text, TextRun, "text", "a str or a list of TextRun")
    for run in runs:
        first, *more = run.text.split("\n")
        lines[-1].append(TextRun(first, run.origin))
        lines += [[TextRun(each, run.origin)] for each in more]
    return [tuple(run for run in line if run.text) for line in lines]


def build_book(story: Story, *, author: str = "", language: str = "", chapters: bool = True) -> Book:
    """Return the current text of a story as a book.

    Args:
        story: has title, description, tags, text, and who wrote what.
        author: the name of the author.
        language: a BCP 47 language tag; the one that the script of the text suggests if none is given.
        chapters: whether lines that look like headings begin chapters.

    Raises:
        Damaged: the text of the story cannot be read.
        LimitExceeded: the text is larger than the limits of the story.
    """
    check_type(story, Story, "story", "a Story")
    TEXT.check(author, "author")
    TEXT.check(language, "language")
    card = story.card
    return Book(
        title=story.title,
        lines=[tuple(_split_section(section)) for section in story.sections],
        author=author,
        description=as_text(card.get("description")) or "",
        tags=as_texts(card.get("tags")) or (),
        language=language,
        chapters=chapters,
    )


def _split_section(section: Section) -> list[TextRun]:
    """Return the spans of a section as runs, and what is between them as runs without an origin."""
    text, at = section.text, 0
    runs: list[TextRun] = []
    for span in sorted(section.origins, key=lambda span: span.start):
        start, end = max(span.start, at), min(span.end, len(text))
        if start < end:
            origin = "" if span.origin is Origin.UNKNOWN else str(span.origin)
            runs += [TextRun(text[at:start]), TextRun(text[start:end], origin)]
            at = end
    return [run for run in (*runs, TextRun(text[at:])) if run.text]
