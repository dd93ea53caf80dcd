"""A book as CommonMark. What stands in the text is shown as it stands there: nothing in it becomes markup."""

from __future__ import annotations

import re
from typing import Final

from ...arguments import check_type
from .values import Book, Break, Heading, readable

__all__ = ["to_markdown"]

_MARKS: Final = re.compile(r"[\\`*_\[\]<>&~|$]")
_AT_BEGINNING: Final = re.compile(r"(\d{1,9})([.)])(?=\s|$)|([#+-])(?=[\s#-]|$)|(=)")
_INDENTED: Final = re.compile(r"[ \t]+")


def to_markdown(book: Book) -> bytes:
    """The book as UTF-8: its title, what is said about it, and a block for each paragraph, break and heading.

    White space at a line's beginning, which Markdown would take away or read as code, is written as no-break spaces.
    """
    check_type(book, Book, "book", "a Book")
    blocks = [f"# {_line(book.title)}"] if book.title else []
    blocks += [f"*{_line(book.author)}*"] if book.author.strip() else []
    blocks += [f"> {_line(line)}" for line in book.description.split("\n") if line.strip()]
    for piece in book.pieces():
        if isinstance(piece, Break):
            blocks.append("* * *")
        elif isinstance(piece, Heading):
            blocks.append(f"## {_line(piece.text)}")
        else:
            blocks.append(_line(piece.text))
    return "".join(f"{block}\n\n" for block in blocks)[:-1].encode()


def _line(text: str) -> str:
    """A text in one line, with everything escaped that would be markup."""
    text = readable(text).replace("\n", " ").replace("\r", " ").rstrip()
    indented = _INDENTED.match(text)
    indent = indented[0].expandtabs(4) if indented else ""
    rest = _MARKS.sub(r"\\\g<0>", text.lstrip(" \t"))
    found = _AT_BEGINNING.match(rest)
    if found and not indent:
        at = found.end(1) if found[1] else 0
        rest = f"{rest[:at]}\\{rest[at:]}"
    return "\u00a0" * len(indent) + _TRAILING_MARKS.sub(r"\\\g<0>", rest)


_TRAILING_MARKS: Final = re.compile(r"(?<!\\)#+$")
"""At the end of a heading they would go away."""
