"""Verify a backup directory: read everything back from the disk, and compare it with what was backed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .database_rows import BackupRecords
from .files import BackupFiles, sha256
from .sqlite_connection import DATABASE_NAME, BackupDatabase

__all__ = ["VerificationReport", "verify"]

_COUNTED_TABLES: Final = ("objects", "versions")


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The result of verifying a backup directory."""

    objects: int
    versions: int
    files: int
    problems: tuple[str, ...] = ()
    "One line for each content or file that is missing or damaged."

    @property
    def ok(self) -> bool:
        """Return whether there are no problems."""
        return not self.problems


def verify(database: BackupDatabase, records: BackupRecords, files: BackupFiles) -> VerificationReport:
    """Check the SQLite file itself, each content in it, and each file beside it."""
    problems = database.find_problems()
    if problems:  # its rows cannot be trusted
        return VerificationReport(0, 0, 0, tuple(problems))
    objects, versions = (database.value(f"SELECT count(*) FROM {table}") for table in _COUNTED_TABLES)
    expected = dict(records.files())
    found = (*_find_damaged_contents(records), *_find_wrong_files(expected, records, files))
    return VerificationReport(objects, versions, len(expected), found)


def _find_damaged_contents(records: BackupRecords) -> Iterator[str]:
    for digest, table, content in records.contents():
        if sha256(content) != digest:
            yield f"{DATABASE_NAME}: {table}: {digest.hex()[:12]} is not what was backed up"


def _find_wrong_files(expected: Mapping[str, bytes], records: BackupRecords, files: BackupFiles) -> Iterator[str]:
    for name, digest in expected.items():
        present = files.digest(name)
        if present == digest:
            continue
        if records.is_interrupted and (present is None or records.content(present) is not None):
            yield f"{name} is not written yet: the last backup was interrupted; back up again"
        else:
            yield f"{name} is {'missing' if present is None else 'not what was backed up'}"
