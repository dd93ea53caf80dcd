"""What a book is made of: the pieces of a text as readers see them, whatever form it is then written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from ...arguments import LIST, TEXT, list_items

__all__ = ["Book", "Break", "Chapter", "Heading", "Paragraph", "Piece", "Run", "lines_of", "readable"]


class Run(NamedTuple):
    """Some characters of a paragraph."""

    text: str
    origin: str = ""
    "Who wrote them: ``user``, ``ai``, ``edit``, ``prompt``; empty where nobody asks."


class Paragraph(NamedTuple):
    """One line of the story's text."""

    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


class Heading(NamedTuple):
    """A line that begins a chapter, without its marks."""

    text: str


class Break(NamedTuple):
    """A line that stands between two scenes, such as ``***``."""


Piece: TypeAlias = Heading | Break | Paragraph


class Chapter(NamedTuple):
    """What stands between two headings; the first may have none."""

    heading: str | None
    pieces: tuple[Break | Paragraph, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A story to be read elsewhere.

    Of a text every line is a paragraph. A line that is empty is none; one that has nothing but asterisks, dashes, tildes,
    number signs or ``⁂`` in it is a break; and where ``chapters`` is true, one that is a number sign and words, or a short
    one that begins with *chapter*, *part*, *prologue*, *epilogue* or *interlude*, perhaps in brackets, is a heading.
    """

    title: str
    lines: Sequence[Sequence[Run]]
    "Line by line, as `lines_of` gives them."
    author: str = ""
    description: str = ""
    tags: Sequence[str] = ()
    language: str = "en"
    "As BCP 47 has it."
    chapters: bool = True
    "Are lines looked at for headings?"

    def __post_init__(self) -> None:
        for name in ("title", "author", "description", "language"):
            TEXT.check(getattr(self, name), name)
        takes = "a list of lists of Run"
        LIST.check(self.lines, "lines", takes)
        for line in self.lines:
            list_items(line, Run, "lines", takes)
        list_items(self.tags, str, "tags", "a list of str")

    @property
    def text(self) -> str:
        """The whole text, as it was."""
        return "\n".join("".join(run.text for run in line) for line in self.lines)

    def pieces(self) -> Iterator[Piece]:
        """The text piece by piece."""
        for line in self.lines:
            paragraph = Paragraph(tuple(Run(readable(run.text.replace("\r", "")), run.origin) for run in line))
            text = paragraph.text.strip()
            if not text:
                continue
            if _BREAK.fullmatch(text):
                yield Break()
            elif self.chapters and (found := _HEADING.fullmatch(text)):
                yield Heading(next(filter(None, found.groups())).strip())
            else:
                yield paragraph

    def by_chapters(self) -> list[Chapter]:
        """The text chapter by chapter: at least one, though it may be empty."""
        chapters = [Chapter(None, ())]
        pieces: list[Break | Paragraph] = []
        for piece in self.pieces():
            if isinstance(piece, Heading):
                chapters[-1] = chapters[-1]._replace(pieces=tuple(pieces))
                chapters.append(Chapter(piece.text, ()))
                pieces = []
            else:
                pieces.append(piece)
        chapters[-1] = chapters[-1]._replace(pieces=tuple(pieces))
        return chapters if len(chapters) == 1 or chapters[0].pieces else chapters[1:]


_BREAK: Final = re.compile(r"⁂|(?:[*~#=_-]\s*){3,}|—{1,3}|•(?:\s*•)*")
_WORDS: Final = r"(?:chapter|part|prologue|epilogue|interlude)\b(?![^.!?]{61})[^.!?]*"
_HEADING: Final = re.compile(rf"\#{{1,6}}\s+(\S.{{0,120}})|\[\s*({_WORDS})\s*\]|({_WORDS})[.]?", re.IGNORECASE)
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def readable(text: str) -> str:
    """The text without what neither UTF-8 nor XML can have: lone halves of characters and control characters are U+FFFD."""
    return _UNWRITABLE.sub("\ufffd", text)


def lines_of(text: str | Iterable[Run]) -> list[tuple[Run, ...]]:
    """The lines of a text, or of runs in which line feeds stand anywhere."""
    lines: list[list[Run]] = [[]]
    for run in [Run(text)] if isinstance(text, str) else list_items(text, Run, "text", "a str or a list of Run"):
        first, *more = run.text.split("\n")
        lines[-1].append(Run(first, run.origin))
        lines += [[Run(each, run.origin)] for each in more]
    return [tuple(run for run in line if run.text) for line in lines]
