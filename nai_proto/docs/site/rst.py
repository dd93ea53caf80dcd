"""Parts of reStructuredText, which the generated pages are written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

__all__ = ["escape", "format_heading", "format_table", "indent", "link"]

_SPECIAL: Final = re.compile(r"([\\*`|_])")
_QUOTED: Final = re.compile(r"(``[^`]+``|`[^`]+`)(?=(\w?))")
"""Code or a reference, and the letter that follows it, such as a plural's s."""
_DOCUMENT: Final = re.compile(r"\bdocs/([\w/-]+)\.md(#[\w-]+)?")


def escape(text: str) -> str:
    """Return plain text as markup that shows it as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def format_heading(title: str, line: str = "=") -> str:
    """Return a heading, underlined with a character that says its level."""
    return f"{title}\n{line * len(title)}\n"


def format_table(headings: Sequence[str], rows: Iterable[Sequence[str]], class_: str) -> str:
    """Return a table whose cells are markup, with a class for the style sheet."""
    options = [":header-rows: 1", ":widths: auto", f":class: {class_}", ""]
    cells = (line for row in (headings, *rows) for line in _format_row(row))
    return "\n".join([".. list-table::", *(f"   {line}".rstrip() for line in (*options, *cells)), ""])


def _format_row(row: Sequence[str]) -> Iterator[str]:
    mark = "* -"
    for cell in row:
        first, *others = cell.split("\n")
        yield f"{mark} {first}"
        yield from (f"    {line}" for line in others)
        mark = "  -"


def indent(text: str, depth: int = 3) -> str:
    """Return the lines of a text with blanks before each."""
    return "\n".join(f"{' ' * depth}{line}".rstrip() for line in text.splitlines())


def link(docstring: str) -> str:
    """Return a docstring as markup: citations of documents are links, and a list of them has an item for each."""
    docstring = docstring.replace("Raises (when run):", "Raises:")
    listed = re.sub(r"(?m)^See:\n((?: {4}docs/.*\n?)+)", lambda found: _format_list(found[1]), docstring)
    linked = _DOCUMENT.sub(lambda found: f":document:`{found[1]}{found[2] or ''}`", listed)
    return _QUOTED.sub(lambda found: rf"{found[1]}\ " if found[2] else found[1], linked)


def _format_list(lines: str) -> str:
    return "See:\n\n" + "".join(f"* {line.strip()}\n" for line in lines.splitlines()) + "\n"
