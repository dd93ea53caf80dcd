"""Write the files that a command makes: under a clear name, atomically, and never over another file unless told to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.codecs.picture_files import to_jpeg
from nai_proto.codecs.pillow_images import has_pillow
from nai_proto.errors import FileError, InvalidRequestError, MissingExtra, NaiError
from nai_proto.image.image_files import image_type
from nai_proto.library.file_names import make_safe_name

from ... import files

__all__ = [
    "JPEG_SUFFIXES",
    "STDOUT",
    "Output",
    "Overwrite",
    "PaidFiles",
    "build_file_name",
    "choose_path",
    "fit_picture",
    "save_file",
    "save_paid_file",
]


def _parse_output(text: str) -> Path:
    """Return the path of ``--output``; make it a directory if it ends with a slash."""
    path = Path(text)
    if text.endswith(("/", os.sep)) and not path.is_dir():
        try:
            files.make_directories(path)
        except FileError as error:
            raise typer.BadParameter(str(error)) from None
    return path


Output: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR/",
        parser=_parse_output,
        help="File to write, or its directory, which is made if it ends with /.",
        show_default=False,
    ),
]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]

STDOUT: Final = Path("-")
"""The path that means stdout."""
_SUFFIXES: Final = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
JPEG_SUFFIXES: Final = (".jpg", ".jpeg")
"Suffixes of files for which a picture is converted to JPEG."
_NAME_BYTES: Final = 48
"""How much of a text goes into a file's name."""


def build_file_name(text: str, *parts: object) -> str:
    """Return a file's name without suffix: the first words of a text, then ``parts``, joined by hyphens."""
    words = make_safe_name("-".join(re.findall(r"\w+", text)), _NAME_BYTES).rstrip("-")
    return "-".join((words, *map(str, parts)))


def choose_path(output: Path | None, name: str, *, overwrite: bool, suffixes: Sequence[str] = ()) -> Path:
    """Return the path to write to, and check that it can be written. Call this before Anlas are spent.

    Args:
        output: the file or directory that the person gave.
        name: the file's name if ``output`` is a directory or None; it gets a number if a file of this name exists.
        overwrite: may an existing file be replaced?
        suffixes: those of the formats that can be written, with their dots. ``output`` may also have none at all.

    Raises:
        FileError: the file exists and may not be replaced, or its directory does not exist or is read-only.
        InvalidRequestError: the output is stdout, or its suffix is that of another format.
        MissingExtra: it is a JPEG, and Pillow is not installed.
    """
    if output == STDOUT:
        raise InvalidRequestError("this command cannot write to stdout; give -o with a file name")
    if output is None or output.is_dir():
        path, is_named = (output or Path()) / name, False
    else:
        path, is_named = output, True
        if suffixes and path.suffix and path.suffix.lower() not in suffixes:
            raise InvalidRequestError(f"-o {path}: this can be written as {', '.join(suffixes)}, not as {path.suffix}")
        if path.suffix.lower() in JPEG_SUFFIXES and not has_pillow():
            raise MissingExtra("a picture is converted to JPEG with Pillow: pip install 'nai-proto[image]'")
    if not path.parent.is_dir():
        raise FileError(f"{path.parent} is not a directory", path=str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"cannot write to the directory {path.parent}", path=str(path.parent))
    if overwrite:
        return path
    if is_named and os.path.lexists(path):
        raise FileError(f"{path} already exists (--force replaces it)", path=str(path))
    return _unused_path(path)


def fit_picture(path: Path, data: bytes) -> tuple[Path, bytes]:
    """Return a path and the picture for it: as a JPEG if its suffix says so; else unchanged, with the suffix of its format.

    A picture that cannot be converted is kept as it is.

    Args:
        path: of the file to write.
        data: the picture as the service sent it.
    """
    format_ = image_type(data)
    if path.suffix.lower() in JPEG_SUFFIXES and format_ not in (None, "jpeg"):
        try:
            return path, to_jpeg(data)
        except NaiError:
            pass
    suffix = _SUFFIXES.get(format_ or "", path.suffix)
    is_other = path.suffix.lower() in {*_SUFFIXES.values(), *JPEG_SUFFIXES} and format_ is not None
    is_other = is_other and path.suffix.lower() not in (JPEG_SUFFIXES if format_ == "jpeg" else (suffix,))
    return (path.with_suffix(suffix) if is_other else path), data


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


class PaidFiles:
    """Saves what was paid for: where it should be, or else in a directory of its own, so that it is never lost.

    Args:
        overwrite: replace existing files?
    """

    def __init__(self, *, overwrite: bool) -> None:
        self._overwrite = overwrite
        self._problems: list[str] = []

    def save(self, path: Path, data: bytes) -> Path:
        """Write a file, and return the path that it has. Nothing is raised, so that what comes next is saved too."""
        try:
            return save_file(path, data, overwrite=self._overwrite)
        except FileError as error:
            problem = str(error)
        for directory in _rescue_directories():
            try:
                files.make_directories(directory)
                rescued = save_file(directory / path.name, data, overwrite=False)
            except FileError:
                continue
            self._problems.append(f"{problem}; it was kept as {rescued}")
            return rescued
        self._problems.append(f"{problem}; no other directory could keep it")
        return path

    def check(self) -> None:
        """Check that all is where it should be.

        Raises:
            FileError: a file is elsewhere, or could not be saved at all. The message says where it is.
        """
        if self._problems:
            raise FileError(". ".join(self._problems))


def save_paid_file(path: Path, data: bytes, *, overwrite: bool) -> Path:
    """Write one file that was paid for, as `PaidFiles` does, and return its path.

    Raises:
        FileError: it is elsewhere, or could not be saved at all. The message says where it is.
    """
    paid = PaidFiles(overwrite=overwrite)
    saved = paid.save(path, data)
    paid.check()
    return saved


def _rescue_directories() -> Iterator[Path]:
    """Yield the directories for files that cannot be written where they should be, best first."""
    from platformdirs import user_data_path

    yield user_data_path("nai-proto", appauthor=False) / "rescued"
    yield Path(gettempdir()) / "nai-proto-rescued"
    yield Path.home()


def _unused_path(path: Path) -> Path:
    """Return the path; if it exists, the first path with a number that does not."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(each for each in chain((path,), numbered) if not os.path.lexists(each))
