"""A book as one HTML page; what its body is made of serves EPUB as well, and is XML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from ...arguments import check_type
from .values import Book, Break, Paragraph, readable

__all__ = ["STYLE", "to_html", "written", "xml"]

STYLE: Final = """\
body { max-width: 36em; margin: 2em auto; padding: 0 1em; line-height: 1.5; }
p { margin: 0 0 0.8em; white-space: pre-wrap; }
hr { border: 0; margin: 2em 0; }
hr::after { content: "⁂"; display: block; text-align: center; }
.about { font-style: italic; }
.user { color: #2459a9; } .edit { color: #8a5a00; } .prompt { color: #555; }
"""


def to_html(book: Book, *, origins: bool = False) -> bytes:
    """The book as a page of HTML that needs no other file.

    Args:
        book: the book.
        origins: mark who wrote what: ``<span class="user">`` and so on, in other colours than the service's own text.
    """
    check_type(book, Book, "book", "a Book")
    title = xml(book.title or "…")
    author = f'<meta name="author" content="{xml(book.author)}"/>\n' if book.author else ""
    description = f'<meta name="description" content="{xml(book.description)}"/>\n' if book.description else ""
    keywords = f'<meta name="keywords" content="{xml(", ".join(book.tags))}"/>\n' if book.tags else ""
    chapters = (
        (f"<h2>{xml(chapter.heading)}</h2>\n" if chapter.heading is not None else "")
        + written(chapter.pieces, origins=origins)
        for chapter in book.by_chapters()
    )
    byline = f'<p class="about">{xml(book.author)}</p>\n' if book.author else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{xml(book.language)}">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta name="viewport" content="width=device-width"/>\n<title>{title}</title>\n'
        f"{author}{description}{keywords}<style>\n{STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{byline}{''.join(chapters)}</body>\n</html>\n"
    ).encode()


def written(pieces: Iterable[Break | Paragraph], *, origins: bool = False) -> str:
    """Paragraphs and breaks, one a line."""
    return "".join("<hr/>\n" if isinstance(piece, Break) else f"<p>{_runs(piece, origins)}</p>\n" for piece in pieces)


def xml(text: str) -> str:
    """The text as it stands in XML, in an attribute too."""
    return escape(readable(text))


def _runs(paragraph: Paragraph, origins: bool) -> str:
    if not origins:
        return xml(paragraph.text)
    return "".join(
        f'<span class="{xml(run.origin)}">{xml(run.text)}</span>' if run.origin else xml(run.text)
        for run in paragraph.runs
    )
