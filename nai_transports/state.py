"""The emulator's durable state: one SQLite file, readable by its owner only, that survives whatever ends the process.

A change is a transaction, written in the order in which changes are handed over, by a thread of its own, and on the disk
when its future is done. A file is made whole or not at all. It is read, and judged, before anything is written to it: what
is damaged, or somebody else's, stays as it is.
"""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, Self, cast

import msgspec

from nai_proto.codecs.json import encode
from nai_proto.emulator.journal import Change, Key
from nai_proto.errors import FileError, InvalidFile

from . import files

__all__ = ["State", "read"]

_FORMAT: Final = b"SQLite format 3\0"
_OURS: Final = 0x6E61_6931
"""The application id that SQLite keeps in a file's head for whoever made it: ``nai1``."""
_PUT: Final = (
    "INSERT INTO rows (key, document) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET document = excluded.document"
)
_DROP: Final = "DELETE FROM rows WHERE key = ?"
_IN_USE: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""Another connection holds the file (the low byte of SQLite's extended error codes)."""


def read(path: str | os.PathLike[str]) -> list[tuple[Key, bytes]]:
    """The rows of a file in the order in which they came, as `Emulator.restore` takes them; none if there is no file yet.

    Raises:
        FileError: it cannot be read, or is in use.
        InvalidFile: it is damaged, or is no state of an emulator.
    """
    path = Path(path)
    if not _check(path):
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as file:
            if file.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise InvalidFile(f"{path} cannot be read: it is damaged", path=str(path))
            rows: list[tuple[str, bytes]] = file.execute("SELECT key, document FROM rows ORDER BY place").fetchall()
        return [(msgspec.json.decode(key, type=Key), bytes(document)) for key, document in rows]
    except sqlite3.Error as error:
        failure = files.database_error(path, f"{path} cannot be read: {_told(error)}", error)
    except (msgspec.DecodeError, RecursionError, TypeError) as error:
        failure = InvalidFile(f"{path} cannot be read: {_told(error)}", path=str(path))
    raise failure


class State:
    """A file that is kept up to date, to the end of the ``with`` block; made if there is none. Nobody else can open it.

    Args:
        path: which `read` has read.

    Raises:
        FileError: it cannot be made or opened, or is in use.
        InvalidFile: it is no state of an emulator.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(path).resolve()
        if not _check(path):
            files.write(path, _blank())
        try:
            path.chmod(0o600)  # first: what SQLite puts beside it gets its mode
            self._file = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._file.execute("PRAGMA journal_mode = WAL")
                self._file.execute("PRAGMA synchronous = FULL")
                self._file.execute("BEGIN IMMEDIATE")
                self._file.execute("COMMIT")
            except BaseException:
                self._file.close()
                raise
        except sqlite3.Error as error:
            raise files.database_error(path, f"{path} cannot be written: {_told(error)}", error) from None
        except OSError as error:
            raise FileError(f"{path} cannot be written: {_told(error)}", path=str(path)) from None
        self._path = path
        self._writer = ThreadPoolExecutor(1, "nai-state")
        self._failed = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def store(self, changes: object) -> Future[None]:
        """Begins to store what a `Store` has: a tuple of `Change`, all or none of it.

        The future raises FileError when it cannot be written; then nothing more is, since it would have a gap.
        """
        return self._writer.submit(self._write, changes)

    def close(self) -> None:
        """All that was handed over is written; then the file is free."""
        self._writer.shutdown()
        self._file.close()

    def _write(self, changes: object) -> None:
        if self._failed:
            raise FileError(self._failed, path=str(self._path))
        try:
            self._file.execute("BEGIN IMMEDIATE")
            for change in cast("tuple[Change, ...]", changes):
                key = encode(change.key).decode()
                if change.document is None:
                    self._file.execute(_DROP, (key,))
                else:
                    self._file.execute(_PUT, (key, change.document))
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed = f"the state is not stored any more: {error}"
            raise FileError(self._failed, path=str(self._path)) from None


def _check(path: Path) -> bool:
    """Is there something? Raise InvalidFile if it is not ours."""
    try:
        if not path.exists():
            return False
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", path=str(path)) from None
    if head and (not head.startswith(_FORMAT) or head[68:72] != _OURS.to_bytes(4, "big")):
        raise InvalidFile(f"{path} is no state of an emulator; nothing was written to it", path=str(path))
    return bool(head)


def _blank() -> bytes:
    """A file without rows."""
    with closing(sqlite3.connect(":memory:")) as new:
        new.execute(f"PRAGMA application_id = {_OURS}")
        new.execute("CREATE TABLE rows (place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, document BLOB NOT NULL)")
        new.commit()
        return new.serialize()


def _told(error: Exception) -> str:
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _IN_USE:
        return "it is in use"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
