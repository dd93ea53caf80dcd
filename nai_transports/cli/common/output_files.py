"""Write the files that a command makes: under a clear name, atomically, and never over another file unless told to."""

from __future__ import annotations

import os
import re
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.errors import FileError, InvalidRequestError
from nai_proto.library.file_names import make_safe_name

from ... import files

__all__ = ["STDOUT", "Output", "Overwrite", "build_file_name", "choose_path", "match_suffix", "save_file"]

Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write, or its directory.", show_default=False)
]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]

STDOUT: Final = Path("-")
"""The path that means stdout."""
_SUFFIXES: Final = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
_NAME_BYTES: Final = 48
"""How much of a text goes into a file's name."""


def build_file_name(text: str, *parts: object) -> str:
    """Return a file's name without suffix: the first words of a text, then ``parts``, joined by hyphens."""
    words = make_safe_name("-".join(re.findall(r"\w+", text)), _NAME_BYTES).rstrip("-")
    return "-".join((words, *map(str, parts)))


def choose_path(output: Path | None, name: str, *, overwrite: bool) -> Path:
    """Return the path to write to, and check that it can be written. Call this before Anlas are spent.

    Args:
        output: the file or directory that the person gave.
        name: the file's name if ``output`` is a directory or None; it gets a number if a file of this name exists.
        overwrite: may an existing file be replaced?

    Raises:
        FileError: the file exists and may not be replaced, or its directory does not exist or is read-only.
        InvalidRequestError: the output is stdout.
    """
    if output == STDOUT:
        raise InvalidRequestError("this command cannot write to stdout; give -o with a file name")
    if output is None or output.is_dir():
        path, is_named = (output or Path()) / name, False
    else:
        path, is_named = output, True
    if not path.parent.is_dir():
        raise FileError(f"{path.parent} is not a directory", path=str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"cannot write to the directory {path.parent}", path=str(path.parent))
    if overwrite:
        return path
    if is_named and os.path.lexists(path):
        raise FileError(f"{path} already exists (--overwrite replaces it)", path=str(path))
    return _unused_path(path)


def match_suffix(path: Path, format_: str | None) -> Path:
    """Return the path with the suffix of an image format, if it has the suffix of another one.

    Args:
        path: the path.
        format_: ``png``, ``webp``, ``jpeg``, or None if it is not known.
    """
    suffix = _SUFFIXES.get(format_ or "", path.suffix)
    return path.with_suffix(suffix) if path.suffix.lower() in {*_SUFFIXES.values()} - {suffix} else path


def save_file(path: Path, data: bytes, *, overwrite: bool) -> Path:
    """Write a file and return its path, which has a number if a file of this name exists by now.

    Raises:
        FileError: the file cannot be written; no partial file is left.
    """
    if overwrite:
        files.write(path, data)
        return path
    free = _unused_path(path)
    files.write_new(free, data)
    return free


def _unused_path(path: Path) -> Path:
    """Return the path; if it exists, the first path with a number that does not."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(each for each in chain((path,), numbered) if not os.path.lexists(each))
