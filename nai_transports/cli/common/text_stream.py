"""Text that people or models wrote, on stdout: as it arrives, or as a whole."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

import typer

from ...terminals import choose_colors, measure_width
from .notes import printing_after
from .text_wrapping import ProseWrapper, wrap_prose

__all__ = ["TextStream", "escape_prose", "print_prose"]

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


def print_prose(text: str) -> None:
    """Print a text that people wrote: escaped and wrapped between words on a terminal, elsewhere as it is."""
    width = measure_width(sys.stdout)
    text = text.translate(_SURROGATES)
    shown = text if width is None else wrap_prose(escape_prose(text), width)
    sys.stdout.write(f"{shown}\n")  # `typer.echo` would take escape sequences out


class TextStream:
    """Writes pieces of a text to stdout as they arrive; use it in a ``with`` block.

    On a terminal control characters are escaped, lines end between words, and the blank is left out that begins what a model
    writes behind a prompt which is not shown. A block that ends with an error ends the line, so that the message begins on a
    line of its own. Elsewhere the text is unchanged, but for lone surrogates, which no encoding has.
    """

    def __init__(self) -> None:
        width = measure_width(sys.stdout)
        self._wrapper: Final = None if width is None else ProseWrapper(width)
        self._frame: Final = ExitStack()
        self._is_inside_line = False
        self._is_aside = False
        self._first: str | None = ""
        "What is held of the text's beginning until it is known whether it is one blank; None behind it."
        self.has_text = False
        "Was anything written?"

    def __enter__(self) -> Self:
        self._frame.enter_context(printing_after(self._flush))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._frame.close()
        self._flush()
        if error is not None and self._wrapper is not None:
            self.end_line()

    def write_prompt(self, text: str) -> None:
        """Write what the text continues."""
        self._write(text)

    def write(self, text: str) -> None:
        """Write a piece of the text."""
        if text and self._is_aside:
            self.end_line()
            self._is_aside = False
        self._write(self._skip_first_blank(text))

    def write_aside(self, text: str) -> None:
        """Write a piece of what belongs to the text and is no part of it: dimmed, before it, and on a terminal only."""
        if text and self._wrapper is not None:
            self._is_aside = True
            self._write(text)

    def end_line(self) -> None:
        """End the line if there is text in it, and no note on stderr has ended it."""
        self._flush()
        if self._is_inside_line and not self._has_note_ended_line:
            self._end_line()

    def finish(self) -> None:
        """Write a line feed after the text, which is none of its own, unless a note on stderr has ended the line."""
        self._flush()
        if not (self._is_inside_line and self._has_note_ended_line):
            self._end_line()

    @property
    def _has_note_ended_line(self) -> bool:
        return not getattr(sys.stdout, "is_in_line", True)

    def _skip_first_blank(self, text: str) -> str:
        """Return a piece without the blank that a terminal does not show; of several blanks, all are indentation."""
        if self._wrapper is None or self._first is None:
            return text
        text = self._first + text
        if text in ("", " "):
            self._first = text
            return ""
        is_stray = text[0] == " " != text[1] and self._wrapper.is_at_line_start
        self._first = None
        return text.removeprefix(" ") if is_stray else text

    def _write(self, text: str) -> None:
        if not text:
            return
        self.has_text = True
        text = text.translate(_SURROGATES)
        if self._wrapper is None:
            self._put(text)
            return
        if self._is_inside_line and self._has_note_ended_line:
            self._wrapper.start_line()
        self._wrapper.width = measure_width(sys.stdout) or self._wrapper.width  # a window may become another size
        self._put(self._wrapper.feed(escape_prose(text)))

    def _flush(self) -> None:
        """Show what is held back of a word."""
        if self._wrapper is not None:
            self._put(self._wrapper.flush())

    def _end_line(self) -> None:
        sys.stdout.write("\n")
        sys.stdout.flush()
        self._is_inside_line = False
        if self._wrapper is not None:
            self._wrapper.start_line()

    def _put(self, shown: str) -> None:
        if shown:
            is_dim = self._is_aside and choose_colors() is not False
            sys.stdout.write(typer.style(shown, dim=True) if is_dim else shown)
            sys.stdout.flush()
            self._is_inside_line = not shown.endswith("\n")
