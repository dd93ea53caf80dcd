"""Text that a command reads: from an argument, from standard input, or from a file."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from nai_proto.errors import InvalidFile

from ... import files
from ...terminals import is_terminal
from .errors import WrongUsage
from .examples import EXAMPLES

__all__ = ["read_required_text", "read_standard_input", "read_text_argument", "read_text_file"]


def read_text_argument(argument: str) -> str:
    """Return the argument; for ``-``, standard input without its last line end.

    Raises:
        InvalidFile: standard input is not UTF-8.
    """
    return read_standard_input().removesuffix("\n") if argument == "-" else argument


def read_required_text(argument: str | None, command: str, option: str = "") -> str:
    """Return the argument as `read_text_argument` does; without one, what is piped into the command.

    Args:
        argument: of the command line.
        command: with whose first example an error ends, such as ``generate``.
        option: that may be given in the place of the text.

    Raises:
        WrongUsage: there is no argument, and nothing is piped into the command.
        InvalidFile: standard input is not UTF-8.
    """
    if argument is None and not is_terminal(sys.stdin):
        argument = read_standard_input().removesuffix("\n") or None
    if argument is None:
        ways = f"as an argument{f', by {option},' if option else ''} or through a pipe"
        raise WrongUsage(f"give a text {ways}; type: {EXAMPLES[command][0]}")
    return read_text_argument(argument)


def read_standard_input() -> str:
    """Return all of standard input, unchanged.

    Raises:
        InvalidFile: it is not UTF-8.
    """
    data = sys.stdin.buffer.read()
    if data and not data.endswith(b"\n") and is_terminal(sys.stdin):
        typer.echo(err=True)  # Ctrl-D left the cursor behind what was typed
    return _decode(data, "standard input", "")


def read_text_file(path: Path) -> str:
    """Return the text of a file.

    Raises:
        FileError: the file cannot be read.
        InvalidFile: it is not UTF-8.
    """
    return _decode(files.read(path), str(path), str(path))


def _decode(data: bytes, name: str, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        problem = f"{name} is not UTF-8 (at byte {error.start})"
    raise InvalidFile(problem, path=path)
