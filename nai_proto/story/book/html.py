"""Write a book as one HTML page. Its body is XML, so that EPUB files can use it too."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from ...arguments import check_type
from .structure import Book, Paragraph, SceneBreak, replace_unwritable

__all__ = ["STYLE", "escape_xml", "render_blocks", "to_html"]

STYLE: Final = """\
body { max-width: 36em; margin: 2em auto; padding: 0 1em; line-height: 1.5; }
p { margin: 0 0 0.8em; white-space: pre-wrap; }
hr { border: 0; margin: 2em 0; }
hr::after { content: "⁂"; display: block; text-align: center; }
.about { font-style: italic; }
.user { color: #2459a9; } .edit { color: #8a5a00; } .prompt { color: #555; }
"""


def to_html(book: Book, *, origins: bool = False) -> bytes:
    """Return a book as an HTML page that needs no other file.

    Args:
        book: the book.
        origins: whether to mark who wrote what, by ``<span class="user">`` and so on, in colours.
    """
    check_type(book, Book, "book", "a Book")
    title = escape_xml(book.title or "…")
    author = f'<meta name="author" content="{escape_xml(book.author)}"/>\n' if book.author else ""
    description = f'<meta name="description" content="{escape_xml(book.description)}"/>\n' if book.description else ""
    keywords = f'<meta name="keywords" content="{escape_xml(", ".join(book.tags))}"/>\n' if book.tags else ""
    chapters = (
        (f"<h2>{escape_xml(chapter.heading)}</h2>\n" if chapter.heading is not None else "")
        + render_blocks(chapter.blocks, origins=origins)
        for chapter in book.list_chapters()
    )
    byline = f'<p class="about">{escape_xml(book.author)}</p>\n' if book.author else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{escape_xml(book.language)}">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta name="viewport" content="width=device-width"/>\n<title>{title}</title>\n'
        f"{author}{description}{keywords}<style>\n{STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{byline}{''.join(chapters)}</body>\n</html>\n"
    ).encode()


def render_blocks(blocks: Iterable[SceneBreak | Paragraph], *, origins: bool = False) -> str:
    """Return paragraphs and scene breaks as XML, one to a line."""
    return "".join(
        "<hr/>\n" if isinstance(block, SceneBreak) else f"<p>{_render_runs(block, origins)}</p>\n" for block in blocks
    )


def escape_xml(text: str) -> str:
    """Return a text escaped for XML, attributes included."""
    return escape(replace_unwritable(text))


def _render_runs(paragraph: Paragraph, origins: bool) -> str:
    if not origins:
        return escape_xml(paragraph.text)
    return "".join(
        f'<span class="{escape_xml(run.origin)}">{escape_xml(run.text)}</span>' if run.origin else escape_xml(run.text)
        for run in paragraph.runs
    )
