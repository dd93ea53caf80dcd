"""Stories as files to be read: plain text, Markdown, HTML and EPUB.

A `Book` is what is left when nothing of the service is: a title, lines, and who wrote what. Times and identifiers are
arguments, so equal books give equal bytes.
"""

from __future__ import annotations

from .epub import to_epub
from .markdown import to_markdown
from .page import to_html
from .values import Book, Run, lines_of

__all__ = ["Book", "Run", "lines_of", "to_epub", "to_html", "to_markdown"]
