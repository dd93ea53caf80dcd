"""Text that is written to stdout as it arrives."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Final, Self

import typer

from ...terminals import can_draw, is_terminal

__all__ = ["TextStream", "escape_prose"]

_CONTROLS: Final = {
    code: ascii(chr(code))[1:-1]
    for code in (
        *(code for code in range(0x20) if chr(code) not in "\t\n"),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),  # these and the next change the direction of what follows
        *range(0x2066, 0x206A),
    )
}
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def escape_prose(text: str) -> str:
    """Return foreign text for a terminal: with its lines, tabs, and characters of all scripts, and without what controls it.

    Unlike `escape_line`, it keeps what is invisible and harmless, as the joiners in an emoji or in Persian.
    """
    return text.translate(_CONTROLS)


class TextStream:
    """Writes pieces of a text to stdout as they arrive; use it in a ``with`` block.

    On a terminal control characters are escaped, and a block that ends with an error ends the line, so that the message
    begins on a line of its own. Elsewhere the text is unchanged, but for lone surrogates, which no encoding has.
    """

    def __init__(self) -> None:
        self._is_terminal: Final = is_terminal(sys.stdout)
        self._is_inside_line = False
        self._is_aside = False
        self.has_text = False
        "Was anything written?"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self._is_terminal:
            self.end_line()

    def write(self, text: str) -> None:
        """Write a piece of the text."""
        if text and self._is_aside:
            self._is_aside = False
            self.end_line()
        self._write(text, escape_prose(text) if self._is_terminal else text)

    def write_aside(self, text: str) -> None:
        """Write a piece of what belongs to the text and is no part of it: dimmed, before it, and on a terminal only."""
        if text and self._is_terminal:
            self._is_aside = True
            shown = escape_prose(text)
            self._write(text, typer.style(shown, dim=True) if can_draw(sys.stdout) else shown)

    def end_line(self) -> None:
        """End the line if there is text in it, and no note on stderr has ended it."""
        if self._is_inside_line and not self._has_note_ended_line:
            self._write("\n", "\n")

    def finish(self) -> None:
        """Write a line feed after the text, which is none of its own, unless a note on stderr has ended the line."""
        if not (self._is_inside_line and self._has_note_ended_line):
            self._write("\n", "\n")

    @property
    def _has_note_ended_line(self) -> bool:
        return not getattr(sys.stdout, "is_in_line", True)

    def _write(self, text: str, shown: str) -> None:
        if text:
            self.has_text = True
            sys.stdout.write(shown.translate(_SURROGATES))  # `typer.echo` would take escape sequences out
            sys.stdout.flush()
            self._is_inside_line = not text.endswith("\n")
