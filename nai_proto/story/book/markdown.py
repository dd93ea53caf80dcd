"""Write a book as CommonMark. The text is escaped, so that nothing in it becomes markup."""

from __future__ import annotations

import re
from typing import Final

from ...arguments import check_type
from .structure import Book, Heading, SceneBreak, replace_unwritable

__all__ = ["to_markdown"]

_MARKUP: Final = re.compile(r"[\\`*_\[\]<>&~|$]")
_LEADING_MARKUP: Final = re.compile(r"(\d{1,9})([.)])(?=\s|$)|([#+-])(?=[\s#-]|$)|(=)")
_INDENTED: Final = re.compile(r"[ \t]+")


def to_markdown(book: Book) -> bytes:
    """Return a book as Markdown in UTF-8: title, author, description, and a block for each paragraph, break and heading.

    White space at the beginning of a line, which Markdown would remove or take for code, is written as no-break spaces.

    Args:
        book: the book.
    """
    check_type(book, Book, "book", "a Book")
    blocks = [f"# {_escape_line(book.title)}"] if book.title else []
    blocks += [f"*{_escape_line(book.author)}*"] if book.author.strip() else []
    blocks += [f"> {_escape_line(line)}" for line in book.description.split("\n") if line.strip()]
    for block in book.iter_blocks():
        if isinstance(block, SceneBreak):
            blocks.append("* * *")
        elif isinstance(block, Heading):
            blocks.append(f"## {_escape_line(block.text)}")
        else:
            blocks.append(_escape_line(block.text))
    return "".join(f"{block}\n\n" for block in blocks)[:-1].encode()


def _escape_line(text: str) -> str:
    """Return a text as one line, with all markup escaped."""
    text = replace_unwritable(text).replace("\n", " ").replace("\r", " ").rstrip()
    indented = _INDENTED.match(text)
    indent = indented[0].expandtabs(4) if indented else ""
    rest = _MARKUP.sub(r"\\\g<0>", text.lstrip(" \t"))
    leading = _LEADING_MARKUP.match(rest)
    if leading and not indent:
        at = leading.end(1) if leading[1] else 0
        rest = f"{rest[:at]}\\{rest[at:]}"
    return "\u00a0" * len(indent) + _TRAILING_HASHES.sub(r"\\\g<0>", rest)


_TRAILING_HASHES: Final = re.compile(r"(?<!\\)#+$")
"""Number signs at the end, which a heading would lose."""
