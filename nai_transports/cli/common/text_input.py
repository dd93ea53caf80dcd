"""Text that a command reads: from an argument, from standard input, or from a file."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from nai_proto.errors import InvalidFile

from ... import files
from ...terminals import is_terminal

__all__ = ["read_standard_input", "read_text_argument", "read_text_file"]


def read_text_argument(argument: str) -> str:
    """Return the argument; for ``-``, standard input without its last line end.

    Raises:
        InvalidFile: standard input is not UTF-8.
    """
    return read_standard_input().removesuffix("\n") if argument == "-" else argument


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
