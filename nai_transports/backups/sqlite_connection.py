"""The SQLite database of a backup directory: everything that was ever backed up, and when.

All data is written here first, in one transaction per batch. The files beside it are copies of some of it, and can be
written again from here at any time. So there is one place that decides whether something was backed up.

Settings that keep it intact:

* The rollback journal instead of the write-ahead log: one file, which also works on network drives; nobody reads meanwhile.
* ``synchronous=EXTRA`` and ``fullfsync``: committed data is on the disk, even on systems whose fsync does not flush it.
* ``locking_mode=EXCLUSIVE``, taken at once and kept: one program at a time. The system releases it with a killed process.
* ``temp_store=MEMORY``: no data gets into temporary files elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from nai_proto.codecs.sealed_objects import OpenedState
from nai_proto.errors import FileError, InvalidFile, excerpt

from ..files import check_schema, database_error
from .files import FILE_NAME_CHARACTERS

__all__ = ["DATABASE_NAME", "BackupDatabase"]

DATABASE_NAME: Final = "backup.sqlite"

_APPLICATION_ID: Final = 0x6E616976  # "naiv"; it marks the file as ours
_FORMAT: Final = 1
_IN_USE: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""Another connection holds the file (the low byte of SQLite's extended error codes)."""
_LOCK_TIMEOUT_S: Final = 2.0
"""How long to wait for another program that uses the same backup directory."""

_TABLES: Final = """
CREATE TABLE account (salt BLOB NOT NULL, hash BLOB NOT NULL);

-- the account's keystores, sealed, as JSON
CREATE TABLE keystores (digest BLOB PRIMARY KEY, content BLOB NOT NULL);

-- objects as they are stored, as JSON
CREATE TABLE sealed (digest BLOB PRIMARY KEY, content BLOB NOT NULL);

-- deflated; the digest is that of the plaintext
CREATE TABLE plaintexts (digest BLOB PRIMARY KEY, content BLOB NOT NULL);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    keystore BLOB NOT NULL REFERENCES keystores,
    aside INTEGER NOT NULL,  -- made before a restore: not the present state of the backup
    finished REAL            -- set when everything is written and verified
);

CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,                    -- under which it was listed
    name TEXT NOT NULL,                    -- its id
    file TEXT NOT NULL COLLATE NOCASE,
    opened INTEGER REFERENCES versions,    -- the last that opened
    unopened INTEGER REFERENCES versions,  -- the last that did not
    settled INTEGER REFERENCES versions,   -- the one that the last complete run saw
    gone INTEGER REFERENCES runs,          -- the first run that no longer saw it
    UNIQUE (type, name),
    UNIQUE (type, file)
);

CREATE TABLE versions (
    id INTEGER PRIMARY KEY,
    object INTEGER NOT NULL REFERENCES objects,
    run INTEGER NOT NULL REFERENCES runs,  -- the run that saw it first
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


_WHAT_IS_LEFT: Final = "the files beside it can still be read; back up to another directory"


class BackupDatabase:
    """The open database, locked for this program.

    Args:
        path: path of the SQLite file.
        create: create the tables if the file is empty.

    Raises:
        FileError: another program uses it, or it cannot be opened.
        InvalidFile: it is not a backup's database, has a newer format, or is damaged. It is not changed.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        with self._mapped_errors():
            uri = f"{path.absolute().as_uri()}?mode=rw"
            # Any thread may use it, one at a time: asynchronous programs use threads of a pool.
            self._db = sqlite3.connect(
                uri, timeout=_LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False, uri=True
            )
        try:
            self._set_pragmas(
                "locking_mode=EXCLUSIVE", "synchronous=EXTRA", "fullfsync=ON", "foreign_keys=ON", "temp_store=MEMORY"
            )
            with self.transaction("EXCLUSIVE"):
                self._check(create=create)
        except BaseException:
            self._db.close()
            raise

    def _check(self, *, create: bool) -> None:
        application_id, version = self.value("PRAGMA application_id"), self.value("PRAGMA user_version")
        if not application_id and not version and not self.value("SELECT count(*) FROM sqlite_master"):
            if not create:
                raise InvalidFile(f"{self._path} is empty: nothing was ever backed up", path=str(self._path))
            for statement in (*_TABLES.strip().split("\n\n"), f"PRAGMA application_id={_APPLICATION_ID}"):
                self.execute(statement)
            self._set_pragmas(f"user_version={_FORMAT}")
        elif application_id != _APPLICATION_ID:
            raise InvalidFile(f"{self._path} is not a backup: it is another program's database", path=str(self._path))
        elif version > _FORMAT:
            raise InvalidFile(
                f"{self._path} has format {version}; this version of nai-proto reads formats up to {_FORMAT}: update it",
                path=str(self._path),
            )
        else:
            with self._mapped_errors():
                check_schema(self._db)
            self._check_values()

    def _check_values(self) -> None:
        """Check that each value has the type of its column: SQLite itself does not."""
        for table, columns in _expected_columns().items():
            wrong = [f"typeof({column}) NOT IN ({types})" for column, types in columns.items()]
            self._expect_none(table, " OR ".join(wrong))
        states = ", ".join(f"'{state.value}'" for state in OpenedState)
        self._expect_none("versions", f"state NOT IN ({states})")
        self._expect_none("objects", f"file GLOB '*[^{FILE_NAME_CHARACTERS}]*' OR file = ''")
        self._expect_none("objects", "length(file) != length(CAST(file AS BLOB))")  # GLOB ends at a NUL

    def _expect_none(self, table: str, condition: str) -> None:
        if self.value(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"):
            raise InvalidFile(
                f"{self._path} is damaged: the table {table} has a value that no backup writes; the files beside it are "
                "still readable, so keep them, and back up into another directory",
                path=str(self._path),
            )

    def find_damage(self) -> str | None:
        """Return the first problem that SQLite finds in its file, on one line; None if there is none."""
        problem = self.value("PRAGMA integrity_check(1)")
        return None if problem == "ok" else excerpt(str(problem))

    @property
    def path(self) -> Path:
        """Return the path of the SQLite file."""
        return self._path

    def _set_pragmas(self, *pragmas: str) -> None:
        for pragma in pragmas:
            self.execute(f"PRAGMA {pragma}")

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Generator[None, None, None]:
        """Commit everything that the block does, or nothing."""
        self.execute(f"BEGIN {kind}")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors end the transaction
                self._db.execute("ROLLBACK")
            raise

    def execute(self, statement: str, *values: object) -> int:
        """Execute a statement; return the id of the row that it inserted."""
        with self._mapped_errors():
            return self._db.execute(statement, values).lastrowid or 0

    def rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Iterate over the rows of a query."""
        with self._mapped_errors():
            yield from self._db.execute(statement, values)

    def row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Return the only row of a query; None if there is none."""
        return next(iter([*self.rows(statement, *values)]), None)

    def value(self, statement: str, *values: object) -> Any:
        """Return the only value of the only row of a query; None if there is none."""
        row = self.row(statement, *values)
        return None if row is None else row[0]

    def find_problems(self) -> list[str]:
        """Return the problems that SQLite finds in its file."""
        try:
            self._set_pragmas("shrink_memory")  # so that pages are read from the disk
            problems = [excerpt(line) for (line,) in self.rows("PRAGMA integrity_check(20)") if line != "ok"]
            problems += [
                f"{table}: row {row} refers to a missing row"
                for table, row, *_ in self.rows("PRAGMA foreign_key_check")
            ]
        except (FileError, InvalidFile) as error:
            return [str(error)]
        return [f"{self._path.name}: {line}" for line in problems]

    def close(self) -> None:
        """Close the database and release the lock."""
        self._db.close()

    @contextmanager
    def _mapped_errors(self) -> Generator[None, None, None]:
        """Map SQLite's errors to ours. Their texts hold no values."""
        try:
            yield
            return
        except sqlite3.Error as error:
            in_use = getattr(error, "sqlite_errorcode", 0) & 0xFF in _IN_USE
            problem = "another program uses this backup directory" if in_use else excerpt(str(error))
            failure = database_error(self._path, f"{self._path}: {problem}", error)
            if isinstance(failure, InvalidFile) and hasattr(error, "sqlite_errorcode"):  # not of `check_schema`
                failure = InvalidFile(f"{self._path} is damaged ({problem}); {_WHAT_IS_LEFT}", path=str(self._path))
        except UnicodeDecodeError:  # in the text of an error, which quotes the schema
            failure = InvalidFile(f"{self._path} is damaged; {_WHAT_IS_LEFT}", path=str(self._path))
        raise failure


@cache
def _expected_columns() -> Mapping[str, Mapping[str, str]]:
    """Return the types that values may have, as SQL, by table and column."""
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(_TABLES)
        tables = [name for (name,) in empty.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: {
                name: _STORED_TYPES[type_] + ("" if required or is_key else ", 'null'")
                for _, name, type_, required, _, is_key in empty.execute(f"PRAGMA table_info({table})")
            }
            for table in tables
        }


_STORED_TYPES: Final = {"BLOB": "'blob'", "TEXT": "'text'", "INTEGER": "'integer'", "REAL": "'real', 'integer'"}
"""What `typeof` says of the values of a column."""
