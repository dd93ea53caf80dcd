"""Notes for the person at the terminal, on stderr: why a command fails or waits, and what is to be known of its result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from .standard_streams import end_line
from .text_wrapping import wrap_for_terminal

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_note", "printing_above", "printing_after"]

_consoles: Final[list[Console]] = []
"The console of the lines of progress that are shown now, if there are any."
_flushes: Final[list[Callable[[], None]]] = []
"Shows what is held back of the text that is printed now, if there is any."


def print_note(text: str) -> None:
    """Print a note on stderr, on lines of its own also if text is being printed; a terminal gets it wrapped between words.

    Args:
        text: one or more lines, without foreign text that is not escaped.
    """
    if _flushes:
        _flushes[-1]()
    end_line()
    text = wrap_for_terminal(text, sys.stderr)
    if _consoles:
        _consoles[-1].print(text, soft_wrap=True, markup=False, emoji=False)
    else:
        typer.echo(text, err=True)


@contextmanager
def printing_above(console: Console) -> Generator[None, None, None]:
    """Print the notes of the block above the lines of progress that a console shows."""
    _consoles.append(console)
    try:
        yield
    finally:
        _consoles.pop()


@contextmanager
def printing_after(flush: Callable[[], None]) -> Generator[None, None, None]:
    """Print the notes of the block after the text that ``flush`` shows."""
    _flushes.append(flush)
    try:
        yield
    finally:
        _flushes.pop()
