"""The emulator's durable state: one SQLite file that only its owner can read, and that survives a crash of the process.

A call of `StateFile.store` is one transaction. A writer thread commits the transactions in the order of the calls; the
changes are on the disk when the call's future is done. A new file is created whole or not at all. A file is checked before
anything is written to it: a damaged file, or one of another program, is not changed.
"""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, Self, cast

import msgspec

from nai_proto.codecs.json import encode_json
from nai_proto.emulator.accounts.journal import RowChange, RowKey
from nai_proto.errors import FileError, InvalidFile

from .. import files

__all__ = ["StateFile", "read_state"]

_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID: Final = 0x6E61_6931
"""SQLite stores it in the file's header: ``nai1`` marks the file as ours."""
_UPSERT: Final = (
    "INSERT INTO rows (key, document) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET document = excluded.document"
)
_DELETE: Final = "DELETE FROM rows WHERE key = ?"
_IN_USE: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""Another connection has the file open (the low byte of SQLite's extended error codes)."""


def read_state(path: str | os.PathLike[str]) -> list[tuple[RowKey, bytes]]:
    """Return the rows of a state file in the order in which they were first stored, for `Emulator.restore`.

    Returns:
        Keys and JSON documents; an empty list if the file does not exist or is empty.

    Raises:
        FileError: the file cannot be read, or is in use.
        InvalidFile: the file is damaged, or is not an emulator's state file.
    """
    path = Path(path)
    if not _is_state_file(path):
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as file:
            file.text_factory = bytes  # what is damaged may be no UTF-8, also in SQLite's words about it
            files.check_schema(file)
            if file.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
                raise InvalidFile(f"{path} cannot be read: it is damaged", path=str(path))
            rows: list[tuple[bytes, bytes]] = file.execute("SELECT key, document FROM rows ORDER BY place").fetchall()
        return [(msgspec.json.decode(key, type=RowKey), bytes(document)) for key, document in rows]
    except sqlite3.Error as error:
        failure = files.database_error(path, f"{path} cannot be read: {_format_error(error)}", error)
    except UnicodeDecodeError:  # in the text of an error, which quotes the schema
        failure = InvalidFile(f"{path} cannot be read: it is damaged", path=str(path))
    except (msgspec.DecodeError, RecursionError, TypeError) as error:
        failure = InvalidFile(f"{path} cannot be read: {_format_error(error)}", path=str(path))
    raise failure


class StateFile:
    """A state file, open for writing until the end of the ``with`` block; locked, and created if it does not exist.

    Args:
        path: the file, which `read_state` has read before.

    Raises:
        FileError: the file cannot be created or opened, or is in use.
        InvalidFile: the file is not an emulator's state file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(os.path.realpath(path))
        if not _is_state_file(path):
            files.write(path, _empty_database())
        try:
            path.chmod(0o600)  # before SQLite opens it: the files that SQLite creates next to it get the same mode
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
            raise files.database_error(path, f"{path} cannot be written: {_format_error(error)}", error) from None
        except OSError as error:
            raise FileError(f"{path} cannot be written: {_format_error(error)}", path=str(path)) from None
        self._path = path
        self._writer = ThreadPoolExecutor(1, "nai-state")
        self._failure = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def store(self, changes: object) -> Future[None]:
        """Start to store the changes of a `Store` action in one transaction.

        Args:
            changes: a tuple of `nai_proto.emulator.journal.Change`.

        Returns:
            A future that is done when the changes are on the disk. It raises FileError when they cannot be written; later
            changes are then not written either, since the file would have a gap.
        """
        return self._writer.submit(self._write, changes)

    def close(self) -> None:
        """Write all pending changes, then close and unlock the file."""
        self._writer.shutdown()
        self._file.close()

    def _write(self, changes: object) -> None:
        if self._failure:
            raise FileError(self._failure, path=str(self._path))
        try:
            self._file.execute("BEGIN IMMEDIATE")
            for change in cast("tuple[RowChange, ...]", changes):
                key = encode_json(change.key).decode()
                if change.document is None:
                    self._file.execute(_DELETE, (key,))
                else:
                    self._file.execute(_UPSERT, (key, change.document))
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self._failure = (
                f"{self._path} can no longer be written ({error}); it has everything that was answered: make room on the "
                "disk, and start again"
            )
            raise FileError(self._failure, path=str(self._path)) from None


def _is_state_file(path: Path) -> bool:
    """Return whether the file exists and has content; raise InvalidFile if another program made it."""
    try:
        if not path.exists():
            return False
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", path=str(path)) from None
    if head and (not head.startswith(_SQLITE_MAGIC) or head[68:72] != _APPLICATION_ID.to_bytes(4, "big")):
        raise InvalidFile(f"{path} is not an emulator's state file; it was not changed", path=str(path))
    return bool(head)


def _empty_database() -> bytes:
    """Return the bytes of a state file without rows."""
    with closing(sqlite3.connect(":memory:")) as new:
        new.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        new.execute("CREATE TABLE rows (place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, document BLOB NOT NULL)")
        new.commit()
        return new.serialize()


def _format_error(error: Exception) -> str:
    """Return the reason of an error, without the file's name."""
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _IN_USE:
        return "it is in use"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
