"""Convert stories to files for readers: Markdown, HTML and EPUB.

A `Book` has a title, the lines of a text, and who wrote what, and nothing that is specific to the service. Times and
identifiers are arguments, so equal books are written as equal bytes.
"""

from __future__ import annotations

from .epub import to_epub
from .html import to_html
from .markdown import to_markdown
from .structure import Book, TextRun, build_book, split_lines

__all__ = ["Book", "TextRun", "build_book", "split_lines", "to_epub", "to_html", "to_markdown"]


def __dir__() -> list[str]:
    return sorted(__all__)
