"""The vault's SQLite file: all that was ever backed up, and when.

Whatever comes in goes here first, in one transaction per batch; the files beside it only show some of it, and can be
written again from here at any time. So there is one place where something either happened or did not.

How it stays whole:

* The rollback journal, not the write-ahead log: it is one file, also on a network's disk, and nobody reads meanwhile.
* ``synchronous=EXTRA`` and ``fullfsync``: what was committed is on the disk, also where flushing is not what it is called.
* ``locking_mode=EXCLUSIVE``, taken at once and kept: one program at a time. The system frees it with a killed process.
* ``temp_store=MEMORY``: nothing of it gets into temporary files elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from nai_proto.errors import FileError, InvalidFile

from ..files import database_error

__all__ = ["NAME", "Store"]

NAME: Final = "vault.sqlite"

_MARK: Final = 0x6E616976  # "naiv", by which the file is known as ours
_FORMAT: Final = 1
_IN_USE: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""Another connection holds the file (the low byte of SQLite's extended error codes)."""
_PATIENCE: Final = 2.0
"""Seconds to wait for another program that is at work in the same vault."""

_TABLES: Final = """
CREATE TABLE account (salt BLOB NOT NULL, hash BLOB NOT NULL);

-- the account's, sealed, as JSON
CREATE TABLE keystores (digest BLOB PRIMARY KEY, content BLOB NOT NULL);

-- objects as they are stored, as JSON
CREATE TABLE sealed (digest BLOB PRIMARY KEY, content BLOB NOT NULL);

-- deflated; the digest is that of the plaintext
CREATE TABLE plaintexts (digest BLOB PRIMARY KEY, content BLOB NOT NULL);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    keystore BLOB NOT NULL REFERENCES keystores,
    aside INTEGER NOT NULL,  -- made before a restore: what it saw stays out of the way
    finished REAL            -- set when everything is there and verified
);

CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                    -- under which it was listed
    name TEXT NOT NULL,                    -- its id
    file TEXT NOT NULL COLLATE NOCASE,
    opened INTEGER REFERENCES versions,    -- the last that opened
    unopened INTEGER REFERENCES versions,  -- the last that did not
    settled INTEGER REFERENCES versions,   -- the one that the last complete run saw
    gone INTEGER REFERENCES runs,          -- the one that no longer saw it
    UNIQUE (type, name),
    UNIQUE (type, file)
);

CREATE TABLE versions (
    id INTEGER PRIMARY KEY,
    object INTEGER NOT NULL REFERENCES objects,
    run INTEGER NOT NULL REFERENCES runs,  -- which found it first
    sealed BLOB NOT NULL REFERENCES sealed,
    plain BLOB REFERENCES plaintexts,      -- NULL: it did not open
    compressed INTEGER NOT NULL,
    state TEXT NOT NULL,
    category TEXT NOT NULL,
    problem TEXT NOT NULL
);

CREATE INDEX versions_of_objects ON versions (object, sealed);

CREATE TABLE seen (
    run INTEGER NOT NULL REFERENCES runs,
    version INTEGER NOT NULL REFERENCES versions,
    position INTEGER NOT NULL,             -- in the list of its type
    PRIMARY KEY (run, version, position)
) WITHOUT ROWID;
"""


class Store:
    """An open vault file, which nobody else has open.

    Args:
        path: of the file.
        make: make it what it has to be if it is empty.

    Raises:
        FileError: it is in use, or cannot be opened.
        InvalidFile: it is no vault, or of a newer format, or damaged. It stays as it is.
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        self._path = path
        with self._told():
            uri = f"{path.absolute().as_uri()}?mode=rw"
            # Any thread may use it, one at a time: an asynchronous program works in threads of a pool.
            self._db = sqlite3.connect(uri, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, uri=True)
        try:
            self._set(
                "locking_mode=EXCLUSIVE", "synchronous=EXTRA", "fullfsync=ON", "foreign_keys=ON", "temp_store=MEMORY"
            )
            with self.transaction("EXCLUSIVE"):
                self._check(make=make)
        except BaseException:
            self._db.close()
            raise

    def _check(self, *, make: bool) -> None:
        mark, version = self.value("PRAGMA application_id"), self.value("PRAGMA user_version")
        if not mark and not version and not self.value("SELECT count(*) FROM sqlite_master"):
            if not make:
                raise InvalidFile(f"{self._path} is empty: nothing was ever backed up", path=str(self._path))
            for statement in (*_TABLES.strip().split("\n\n"), f"PRAGMA application_id={_MARK}"):
                self.execute(statement)
            self._set(f"user_version={_FORMAT}")
        elif mark != _MARK:
            raise InvalidFile(f"{self._path} is no vault: another program's", path=str(self._path))
        elif version > _FORMAT:
            raise InvalidFile(
                f"{self._path} has format {version}; this program knows up to {_FORMAT}: update it",
                path=str(self._path),
            )

    def _set(self, *pragmas: str) -> None:
        for pragma in pragmas:
            self.execute(f"PRAGMA {pragma}")

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Generator[None, None, None]:
        """All that the block does, or nothing."""
        self.execute(f"BEGIN {kind}")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors have ended it
                self._db.execute("ROLLBACK")
            raise

    def execute(self, statement: str, *values: object) -> int:
        """Does it, and gives the id of the row that it inserted."""
        with self._told():
            return self._db.execute(statement, values).lastrowid or 0

    def rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The rows, one after the other as they are read."""
        with self._told():
            yield from self._db.execute(statement, values)

    def row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """The only row."""
        return next(iter([*self.rows(statement, *values)]), None)

    def value(self, statement: str, *values: object) -> Any:
        """The only value of the only row; None if there is none."""
        found = self.row(statement, *values)
        return None if found is None else found[0]

    def problems(self) -> list[str]:
        """What SQLite itself finds wrong with its file."""
        try:
            self._set("shrink_memory")  # so that pages come from the disk
            told = [line for (line,) in self.rows("PRAGMA integrity_check(20)") if line != "ok"]
            told += [f"{table}: row {row} leads nowhere" for table, row, *_ in self.rows("PRAGMA foreign_key_check")]
        except (FileError, InvalidFile) as error:
            return [str(error)]
        return [f"{self._path.name}: {line}" for line in told]

    def close(self) -> None:
        """Lets others in."""
        self._db.close()

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        """SQLite's errors in our words. Its texts hold no values."""
        try:
            yield
            return
        except sqlite3.Error as error:
            in_use = getattr(error, "sqlite_errorcode", 0) & 0xFF in _IN_USE
            problem = "another program is at work in this vault" if in_use else str(error)
            failure = database_error(self._path, f"{self._path}: {problem}", error)
        raise failure
