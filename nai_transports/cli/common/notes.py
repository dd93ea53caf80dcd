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

__all__ = ["naming_command", "print_note", "print_remark", "printing_above", "printing_after"]

_consoles: Final[list[Console]] = []
"The console of the lines of progress that are shown now, if there are any."
_flushes: Final[list[Callable[[], None]]] = []
"Shows what is held back of the text that is printed now, if there is any."
_command: Final = ["nai"]
"The name of the command that runs, with its groups."


@contextmanager
def naming_command(command: str) -> Generator[None, None, None]:
    """Begin the remarks of the block with the name of a command, such as ``nai story undo``."""
    before, _command[0] = _command[0], command
    try:
        yield
    finally:
        _command[0] = before


def print_remark(text: str) -> None:
    """Print a note that is to be known beside the command's result: it begins with the command's name, as errors do.

    Questions, conversations, waits and the sums of tables are notes without it.

    Args:
        text: as for `print_note`.
    """
    print_note(f"{_command[0]}: {text}")


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
