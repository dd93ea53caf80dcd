"""A file of secrets for systems without a keyring: texts by name, which only the person can read (0600).

The texts are not encrypted. On Windows the file is in the person's own directory, which other users cannot read; there are
no permissions to set.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final, cast

from nai_proto.errors import FileError, InvalidFile

from ... import files
from .notes import print_remark
from .profile_file import config_directory

__all__ = ["ACCESS", "delete", "list_names", "read", "secret_file_path", "write"]

_FILE_NAME: Final = "credentials.json"
_OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_HAS_MODES: Final = sys.platform != "win32"
ACCESS: Final = f"only you can read it{' (permissions 0600)' if _HAS_MODES else ''}"
"""Who can read the file, in words."""


def secret_file_path() -> Path:
    """Return the path of the file, which is beside the profile file."""
    return config_directory() / _FILE_NAME


def read(name: str) -> str | None:
    """Return the text that is kept under a name, or None.

    Raises:
        FileError: the file cannot be read, or belongs to another user.
        InvalidFile: it is damaged.
    """
    return _load().get(name)


def list_names() -> list[str]:
    """Return the names under which texts are kept.

    Raises:
        FileError, InvalidFile: as for `read`.
    """
    return [*_load()]


def write(name: str, text: str) -> None:
    """Keep a text under a name.

    Raises:
        FileError: the file cannot be read or written; it is unchanged.
        InvalidFile: it is damaged.
    """
    directory = secret_file_path().parent
    with suppress(FileError):  # `_save` says why
        files.make_directories(directory)
    with files.lock_directory(directory):
        _save({**_load(), name: text})


def delete(name: str) -> bool:
    """Delete the text that is kept under a name, and the file with the last one; return whether there was one.

    Raises:
        FileError, InvalidFile: as for `write`.
    """
    path = secret_file_path()
    with files.lock_directory(path.parent):
        kept = _load()
        if kept.pop(name, None) is None:
            return False
        if kept:
            _save(kept)
            return True
        try:
            path.unlink()
            return True
        except OSError as error:
            problem = error.strerror
    raise FileError(f"{path} cannot be deleted: {problem}", path=str(path))


def _load() -> dict[str, str]:
    path = secret_file_path()
    if not files.exists(path):
        return {}
    is_open = _is_open(path)
    try:
        document: Any = json.loads(files.read(path))
    except (ValueError, RecursionError):  # the message has the text
        document = None
    if isinstance(document, dict):
        kept = cast("dict[str, Any]", document)
        if all(isinstance(text, str) for text in kept.values()):
            if is_open:
                _make_private(path)
            return kept
    raise InvalidFile(f"{path} is damaged: delete it, and run nai login again", path=str(path))


def _is_open(path: Path) -> bool:
    """Return whether other users can read the file.

    Raises:
        FileError: it belongs to another user.
    """
    if not _HAS_MODES:
        return False
    try:
        status = path.stat()
        if status.st_uid in (os.geteuid(), 0):
            return bool(status.st_mode & _OF_OTHERS)
        problem: str | None = "it belongs to another user"
    except OSError as error:
        problem = error.strerror
    raise _unusable_error(path, problem)


def _make_private(path: Path) -> None:
    """Take the file away from other users, with a note. A link may point to it, so it is known to be one of ours."""
    try:
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        print_remark(
            f"{path} was open to other users of this machine; now it is not. If one of them may have read it, "
            "change the account's password"
        )
        return
    except OSError as error:
        problem = error.strerror
    raise _unusable_error(path, problem)


def _unusable_error(path: Path, problem: str | None) -> FileError:
    return FileError(f"{path} is not used: {problem}; delete it, and run nai login again", path=str(path))


def _save(kept: dict[str, str]) -> None:
    """Write the file, completely or not at all. Nobody else can read it at any moment: `mkstemp` opens with 0600."""
    path = secret_file_path()
    try:
        path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        handle, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w", encoding="ascii") as file:
                json.dump(kept, file, indent=1)
                file.flush()
                os.fsync(handle)
            os.replace(temporary, path)
            return
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{path} cannot be written: {problem}", path=str(path))
