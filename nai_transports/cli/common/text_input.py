"""Text that a command reads: from an argument, from standard input, or from a file.

A file of the name ``-`` is standard input, of which no more is read than of a file, since it may have no end.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import typer

from nai_proto.errors import FileError, InvalidFile

from ... import files
from ...terminals import is_terminal
from .errors import WrongUsage
from .examples import EXAMPLES
from .notes import print_remark

__all__ = [
    "check_one_text",
    "read_input_line",
    "read_required_text",
    "read_standard_input",
    "read_standard_input_bytes",
    "read_text",
    "read_text_argument",
    "read_text_file",
]

_NAME: Final = "standard input"


def read_text_argument(argument: str) -> str:
    """Return the argument; for ``-``, standard input without its last line end.

    A remark says that the name of a file is not read as one.

    Raises:
        FileError, InvalidFile: as for `read_standard_input`.
    """
    if argument == "-":
        return read_standard_input().removesuffix("\n")
    if os.path.splitext(argument)[1] and os.path.isfile(argument):
        print_remark(f"{argument} is the text itself here, not the file; - < {shlex.quote(argument)} reads the file")
    return argument


def check_one_text(text: str | None, file: Path | None) -> None:
    """Check that a text is not given both as an argument and as a file.

    Raises:
        WrongUsage: it is.
    """
    if text is not None and file is not None:
        raise WrongUsage("give a text or --file, not both")


def read_text(text: str | None, file: Path | None) -> str | None:
    """Return the text of an argument or of a file; None if neither is given.

    Args:
        text: as for `read_text_argument`.
        file: as for `read_text_file`.

    Raises:
        WrongUsage: both are given.
        FileError, InvalidFile: as for `read_text_file`.
    """
    check_one_text(text, file)
    if file is not None:
        return read_text_file(file)
    return None if text is None else read_text_argument(text)


def read_required_text(text: str | None, command: str, option: str = "", *, file: Path | None = None) -> str:
    """Return the text of an argument or of a file; if neither is given, what is piped into the command.

    Call this when the other arguments are checked: a person may type the text, which is not to be refused afterwards.

    Args:
        text, file: as for `read_text`.
        command: with whose first example an error ends, such as ``generate``.
        option: that may be given in the place of the text.

    Raises:
        WrongUsage: nothing is given, and nothing is piped into the command; or as for `read_text`.
        FileError, InvalidFile: as for `read_text`.
    """
    given = read_text(text, file)
    if given is None and not is_terminal(sys.stdin):
        given = read_text_argument("-") or None
    if given is None:
        ways = f"as an argument{f', by {option},' if option else ''} or through a pipe"
        raise WrongUsage(f"give a text {ways}; type: {EXAMPLES[command][0]}")
    return given


def read_standard_input() -> str:
    """Return all of standard input, unchanged.

    Raises:
        FileError: it cannot be read, or has no end that is near.
        InvalidFile: it is not UTF-8.
    """
    data = read_standard_input_bytes()
    if data and not data.endswith(b"\n") and is_terminal(sys.stdin):
        typer.echo(err=True)  # Ctrl-D left the cursor behind what was typed
    return _decode(data, _NAME, "")


def read_standard_input_bytes() -> bytes:
    """Return all bytes of standard input.

    Raises:
        FileError: it cannot be read, or has no end that is near.
    """
    stdin: Any = sys.stdin.buffer  # `BinaryIO` lacks `read1`, which returns at the first Ctrl-D of a terminal
    return files.read_stream(stdin.read1, _NAME, files.MAX_BYTES)


def read_input_line() -> str | None:
    """Return the next line of standard input without its end; None after the last. What is not UTF-8 is replaced.

    Raises:
        FileError: the line has no end that is near.
    """
    line = sys.stdin.buffer.readline(files.MAX_BYTES + 1)
    if len(line) > files.MAX_BYTES:
        raise FileError(f"a line of {_NAME} has more than {files.MAX_BYTES} bytes", path="")
    return line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r") if line else None


def read_text_file(path: Path) -> str:
    """Return the text of a file; of standard input for ``-``.

    Raises:
        FileError: the file cannot be read.
        InvalidFile: it is not UTF-8.
    """
    return read_standard_input() if path == Path("-") else _decode(files.read(path), str(path), str(path))


def _decode(data: bytes, name: str, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        problem = f"{name} is not UTF-8 (byte {error.start}); iconv converts it, such as: iconv -f latin1 -t utf-8"
    raise InvalidFile(problem, path=path)
