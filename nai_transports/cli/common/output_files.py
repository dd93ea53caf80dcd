"""Where a command puts what it made, often paid for: under a clear name, whole, and never over something else unasked."""

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
    Path | None, typer.Option("--output", "-o", help="The file to write, or a directory for it.", show_default=False)
]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there already.")]

STDOUT: Final = Path("-")
"""What stands for stdout."""
_SUFFIXES: Final = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
_NAME_BYTES: Final = 48
"""Bytes of what is said in a name."""


def build_file_name(text: str, *more: object) -> str:
    """A name for a file, without extension: the beginning of a text, as words between hyphens, and what tells it apart."""
    words = make_safe_name("-".join(re.findall(r"\w+", text)), _NAME_BYTES).rstrip("-")
    return "-".join((words, *map(str, more)))


def choose_path(output: Path | None, name: str, *, overwrite: bool) -> Path:
    """Where a file goes: ``output``, if that is no directory, else ``name`` in it, with a number if need be.

    To be asked before anything is paid for.

    Raises:
        FileError: a file of the wanted name is there already, and may not be replaced; or its directory is not, or
            takes no files.
        InvalidRequestError: it is stdout.
    """
    if output == STDOUT:
        raise InvalidRequestError("this is not written to stdout: name a file")
    if output is None or output.is_dir():
        path, given = (output or Path()) / name, False
    else:
        path, given = output, True
    if not path.parent.is_dir():
        raise FileError(f"{path.parent} is no directory", path=str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"{path.parent} takes no files", path=str(path.parent))
    if overwrite:
        return path
    if given and os.path.lexists(path):
        raise FileError(f"{path} is there already (--overwrite replaces it)", path=str(path))
    return _unused_path(path)


def match_suffix(path: Path, kind: str | None) -> Path:
    """The path; if its suffix is that of another kind of picture than this, with the right one."""
    suffix = _SUFFIXES.get(kind or "", path.suffix)
    return path.with_suffix(suffix) if path.suffix.lower() in {*_SUFFIXES.values()} - {suffix} else path


def save_file(path: Path, data: bytes, *, overwrite: bool) -> Path:
    """Writes the file, and says where: beside its place if something stands there by now.

    Raises:
        FileError: it cannot be written; then no file is there.
    """
    if overwrite:
        files.write(path, data)
        return path
    free = _unused_path(path)
    files.write_new(free, data)
    return free


def _unused_path(path: Path) -> Path:
    """The path; or the first of those with a number that nothing has."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(each for each in chain((path,), numbered) if not os.path.lexists(each))
