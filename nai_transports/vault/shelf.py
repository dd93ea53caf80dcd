"""The plain files beside the vault's SQLite file: what opened as JSON to read, and next to it what it was sealed.

===========================  ====================================================================
``keystore.sealed.json``     the account's keystore, as it is stored
``TYPE/ID.json``             the content, as it last opened
``TYPE/ID.sealed.json``      the same object as it was stored then
``TYPE/ID.unopened.json``    an object as it was stored when it last did not open, if it ever did not
===========================  ====================================================================

Only the owner of the directory reads them. Each is written whole or not at all, and none is ever removed: one that
somebody else has changed is set aside under another name before it is written again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nai_proto.errors import FileError

from .. import files

__all__ = ["Shelf", "digest_of", "safe_name"]

_PLAIN: Final = re.compile("[A-Za-z0-9_-]{1,80}")
_RESERVED: Final = re.compile("(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)  # which Windows has no files of
_TEMPORARY: Final = re.compile(r"\.[A-Za-z0-9_~-]+(?:\.sealed|\.unopened)?\.json\.\w{8}")  # as `files` makes them
_PRIVATE: Final = 0o700


def digest_of(data: bytes) -> bytes:
    """SHA-256, by which contents are known."""
    return hashlib.sha256(data).digest()


def safe_name(name: str, *, alone: bool = True) -> str:
    """A file's name for an id or a type: itself, or, if that cannot be one, a hash behind what of it can.

    Args:
        name: any text, from whomever.
        alone: does no other have it, on a disk that takes ``a`` and ``A`` for one?
    """
    if alone and _PLAIN.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    hashed = digest_of(name.encode("utf-8", "surrogatepass")).hex()[:24]
    return f"{re.sub('[^A-Za-z0-9_-]', '', name)[:40]}~{hashed}"


class Shelf:
    """The files of one vault.

    Args:
        root: the vault's directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self, *folders: str) -> None:
        """The directory, or one in it, if it is not there."""
        path = self.root.joinpath(*folders)
        with _told(path):
            if not path.is_dir():
                path.mkdir(_PRIVATE)
                _flush(path.parent)

    def reserve(self, name: str) -> Path:
        """A file that only its owner reads, empty if it is not there; and the same for the vault's directory."""
        path = self.root / name
        self.make()
        with _told(path):
            self.root.chmod(_PRIVATE)
            path.touch(0o600)
        return path

    def digest(self, name: str) -> bytes | None:
        """Of a file as it is on the disk; None if there is none, or it cannot be read."""
        try:
            with open(self.root / name, "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return None

    def place(self, contents: Mapping[str, bytes]) -> None:
        """Writes files, each whole or not at all. Their names are relative to the vault, with slashes."""
        for name in contents:
            self.make(*name.split("/")[:-1])
        files.write_all({self.root / name: data for name, data in contents.items()})

    def set_aside(self, name: str) -> None:
        """Another name for a file that is not ours."""
        path = self.root / name
        with _told(path):
            path.replace(path.with_name(f"{path.name}.set-aside-{digest_of(path.read_bytes()).hex()[:12]}"))

    def tidy(self) -> None:
        """Removes what a killed run left half-written."""
        for path in (*self.root.glob(".*"), *self.root.glob("*/.*")):
            if _TEMPORARY.fullmatch(path.name):
                with _told(path):
                    path.unlink(missing_ok=True)

    def flush(self) -> None:
        """The names of all files are on the disk, as their contents are."""
        for folder in (*filter(Path.is_dir, self.root.iterdir()), self.root):
            with _told(folder):
                _flush(folder)


@contextmanager
def _told(path: Path) -> Generator[None, None, None]:
    try:
        yield
        return
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{path} cannot be written: {problem}", path=str(path))


def _flush(directory: Path) -> None:
    if os.name == "nt":  # where directories are not opened, and a journal keeps the names
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
