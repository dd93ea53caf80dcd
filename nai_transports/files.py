"""Files, read whole, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from nai_proto.errors import FileError, InvalidFile

if TYPE_CHECKING:
    import sqlite3

__all__ = ["database_error", "read", "write", "write_all", "write_new"]


def read(path: str | os.PathLike[str]) -> bytes:
    """The whole file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{os.fspath(path)} cannot be read: {problem}", path=os.fspath(path))


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a temporary file in the same directory, flushed to the disk, and renames it.

    Raises:
        FileError: it cannot be written; what stood there stands there still.
    """
    write_all({path: data})


def write_new(path: str | os.PathLike[str], data: bytes) -> None:
    """The same under a name that nothing has, be it taken in this moment: never is anything written over.

    Raises:
        FileError: the name is taken, or the file cannot be written; then none is there.
    """
    at = Path(path)
    temporary: Path | None = None
    try:
        with NamedTemporaryFile(dir=at.parent, prefix=f".{at.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, at)
        except FileExistsError:
            raise
        except OSError:  # a file system without links: the name is taken first, and the file put there at once
            at.touch(exist_ok=False)
            os.replace(temporary, at)
        return
    except FileExistsError:
        problem: str | None = "it is there already"
    except OSError as error:
        problem = error.strerror
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    raise FileError(f"{at} cannot be written: {problem}", path=str(at))


def write_all(contents: Mapping[str | os.PathLike[str], bytes]) -> None:
    """The same for some tens of files, each for itself; flushed one after the other, they take half the time.

    Raises:
        FileError: one of them cannot be written; what was not written stands there still.
    """
    temporary: dict[Path, str] = {}
    handles: dict[Path, int] = {}
    at = Path()
    try:
        with ExitStack() as closing:
            for at, data in ((Path(path), data) for path, data in contents.items()):
                file = closing.enter_context(NamedTemporaryFile(dir=at.parent, prefix=f".{at.name}.", delete=False))
                temporary[at], handles[at] = file.name, file.fileno()
                file.write(data)
                file.flush()
            for at in handles:
                os.fsync(handles[at])
        for at in handles:
            os.replace(temporary[at], at)
            del temporary[at]
        return
    except OSError as error:
        problem = error.strerror
    finally:
        for left in temporary.values():
            Path(left).unlink(missing_ok=True)
    raise FileError(f"{at} cannot be written: {problem}", path=str(at))


def database_error(path: str | os.PathLike[str], message: str, error: sqlite3.Error) -> FileError | InvalidFile:
    """Return the error of a SQLite file: FileError where the system or another program refuses it, else InvalidFile.

    Args:
        path: of the file.
        message: of the error.
        error: what SQLite raised; its code tells the two apart.
    """
    import sqlite3

    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the high bytes say more of the same
    damaged = code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
    return (InvalidFile if damaged else FileError)(message, path=os.fspath(path))
