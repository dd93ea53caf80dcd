"""Lines that end between words on a terminal, and never within what a person copies: commands, options, paths and URLs."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, TextIO

from ...terminals import measure_width

__all__ = ["wrap_for_terminal", "wrap_text"]

_HANGING: Final = 2
"How far the further lines of a note are indented."
_GAP: Final = re.compile(r"(?<=\S)  +(?=\S)")
"What separates the columns of a line."
_QUOTED: Final = r"""(?:"[^"]*"|'[^']*')"""
_PLACEHOLDER: Final = r"[A-Z]{2,}\b(?:=[A-Z]+\b)?"
_VALUE: Final = rf"(?:{_QUOTED}|{_PLACEHOLDER}|\S*[^\s.,:;)])"
_ARGUMENT: Final = rf"(?:\ (?:--?\w[\w-]*(?:[=\ ]{_VALUE})?|{_QUOTED}|{_PLACEHOLDER}|-(?!\S)|\S*[./]\w+))"
"What may follow a command: an option with a value, a quoted text, a placeholder such as FILE, or a path."
_NAME: Final = "[a-z][a-z-]*"
_WHOLE: Final = rf"""
    `[^`]+`
    | \bnai\ (?:(?:account|lorebook|library|module|presets|story|tokens)\ )?{_NAME}(?:\ {_NAME}(?={_ARGUMENT}))?{_ARGUMENT}*
    | (?:\S+\ -m\ )?\bpip\ install{_ARGUMENT}*\ \S+
    | \bcurl{_ARGUMENT}*
    | (?<![^\s(=])--[a-z][\w-]*[=\ ](?:{_QUOTED}|{_PLACEHOLDER})
    | (?<![^\s(=]){_QUOTED}(?![^\s).,:;])
"""
"""What is copied as a whole and may have blanks: commands with their arguments, options with a placeholder, quoted texts.

Words, and so paths and URLs without blanks, are never broken anyway.
"""
_LONGEST_SETTING: Final = 1000
"Arguments that are longer are no paths."


def wrap_for_terminal(text: str, stream: TextIO | None) -> str:
    """Return a text as it is printed to a stream: wrapped to its width if it is a terminal, else as it is."""
    width = measure_width(stream)
    return text if width is None else "\n".join(wrap_text(line, width) for line in text.split("\n"))


def wrap_text(text: str, width: int, *, column: int = 0, hanging: int | None = None) -> str:
    """Return a line with line ends between its words, such that no line is wider than the terminal.

    A line is wider only where a single word, or a part that a person copies, is.

    Args:
        text: one line. Its own blanks are kept where it is not broken.
        width: of the terminal, in columns.
        column: where the text begins.
        hanging: the column where further lines begin; None: where the line's last column of text begins, or indented a bit.
    """
    if hanging is None:
        hanging = _find_hanging(text, width)
    lines = [""]
    free = width - column
    for gap, part in _split(text):
        size = _measure(gap) + _measure(part)
        if size > free and lines[-1].strip():
            lines.append(" " * hanging + part)
            free = width - hanging - _measure(part)
        else:
            lines[-1] += gap + part
            free -= size
    return "\n".join(lines)


def _find_hanging(text: str, width: int) -> int:
    """Return where the further lines of a line begin: below its second column, if it has two and there is room."""
    gap = _GAP.search(text)
    if gap is not None and _measure(text[: gap.end()]) <= width // 2:
        return _measure(text[: gap.end()])
    return _HANGING + len(text) - len(text.lstrip(" "))


def _split(text: str) -> Iterator[tuple[str, str]]:
    """Yield each part that stays whole, after the blanks before it."""
    at = 0
    whole = [match.span() for match in _find_whole_parts().finditer(text)]
    for match in re.finditer(" *[^ ]*", text):
        end = match.end()
        if any(first < end < last for first, last in whole):
            continue  # the blank that follows belongs to a part
        if at < end:
            piece = text[at:end]
            word = piece.lstrip(" ")
            yield piece[: len(piece) - len(word)], word
        at = end


@cache
def _find_whole_parts() -> re.Pattern[str]:
    """Return the pattern of what stays whole, also this run's arguments and directories with blanks."""
    settings = (value for name, value in os.environ.items() if name.startswith("NAI_"))
    given = {*sys.argv[1:], *settings, str(Path.home()), str(Path.cwd())}
    own = [
        rf"{re.escape(each)}\S*"
        for each in given
        if " " in each and each.isprintable() and len(each) < _LONGEST_SETTING
    ]
    return re.compile("|".join((*sorted(own, key=len, reverse=True), _WHOLE)), re.VERBOSE)


def _measure(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_measure_character, text))


def _measure_character(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
