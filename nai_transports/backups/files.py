"""The plain files of a backup directory: opened contents as readable JSON, and next to them the sealed objects.

===========================  ====================================================================
``keystore.sealed.json``     the account's sealed keystore
``TYPE/ID.json``             the last content that opened
``TYPE/ID.sealed.json``      the object that it was opened from
``TYPE/ID.unopened.json``    the last object that did not open, if there was one
===========================  ====================================================================

Only the owner of the directory can read them. Each is written completely or not at all, and none is ever removed: a file
that somebody else has changed is renamed before it is written again.
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

__all__ = ["FILE_NAME_CHARACTERS", "BackupFiles", "make_file_name", "sha256"]

FILE_NAME_CHARACTERS: Final = "A-Za-z0-9_~-"
"The characters that `make_file_name` uses, as in a regular expression."
_SAFE_NAME: Final = re.compile("[A-Za-z0-9_-]{1,80}")
_RESERVED: Final = re.compile("(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)  # Windows' devices
_TEMPORARY: Final = re.compile(
    r"\.[A-Za-z0-9_~-]+(?:\.sealed|\.unopened)?\.json\.\w{8}"
)  # as `nai_transports.files` names them
_PRIVATE_MODE: Final = 0o700


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 that identifies a content."""
    return hashlib.sha256(data).digest()


def make_file_name(name: str, *, unique: bool = True) -> str:
    """Return a file name for an id or a type: the name itself, or its valid characters and a hash.

    Args:
        name: any text.
        unique: whether no other name is the same on a disk that ignores case.
    """
    if unique and _SAFE_NAME.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    hashed = sha256(name.encode("utf-8", "surrogatepass")).hex()[:24]
    return f"{re.sub('[^A-Za-z0-9_-]', '', name)[:40]}~{hashed}"


class BackupFiles:
    """The files of one backup directory.

    Args:
        root: the backup directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_directory(self, *folders: str) -> None:
        """Create the backup directory, or one in it, if it does not exist."""
        path = self.root.joinpath(*folders)
        with _mapped_errors(path):
            if not os.path.isdir(path):
                path.mkdir(_PRIVATE_MODE)
                _sync_directory(path.parent)

    def create_private_file(self, name: str) -> Path:
        """Create an empty file that only its owner can read, if it does not exist. Make the directory private too."""
        path = self.root / name
        self.make_directory()
        with _mapped_errors(path):
            self.root.chmod(_PRIVATE_MODE)
            path.touch(0o600)
        return path

    def digest(self, name: str) -> bytes | None:
        """Return the SHA-256 of a file on the disk; None if it does not exist or cannot be read."""
        path = self.root / name
        try:
            if not os.path.isfile(path):  # a named pipe would be waited for
                return None
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return None

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files, each completely or not at all. Their names are relative to the backup directory, with slashes."""
        for name in contents:
            self.make_directory(*name.split("/")[:-1])
        files.write_all({self.root / name: data for name, data in contents.items()})

    def set_aside(self, name: str) -> str:
        """Rename a file that somebody else has changed; return its new name, which is relative like ``name``."""
        path = self.root / name
        with _mapped_errors(path):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            kept = path.with_name(f"{path.name}.set-aside-{digest[:12]}")
            path.replace(kept)
        return kept.relative_to(self.root).as_posix()

    def remove_temporary_files(self) -> None:
        """Remove the files that a killed run left half-written."""
        for path in (*self.root.glob(".*"), *self.root.glob("*/.*")):
            if _TEMPORARY.fullmatch(path.name):
                with _mapped_errors(path):
                    path.unlink(missing_ok=True)

    def sync_directories(self) -> None:
        """Flush the names of all files to the disk; their contents are flushed when they are written."""
        for folder in (*filter(Path.is_dir, self.root.iterdir()), self.root):
            with _mapped_errors(folder):
                _sync_directory(folder)


@contextmanager
def _mapped_errors(path: Path) -> Generator[None, None, None]:
    try:
        yield
        return
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{path} cannot be written: {problem}", path=str(path))


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # directories cannot be opened there, and the file system's journal keeps the names
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
