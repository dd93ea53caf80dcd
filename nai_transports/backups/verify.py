"""Verify a backup directory: read everything back from the disk, and compare it with what was backed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from .database_rows import BackupRecords
from .files import BackupFiles, sha256
from .sqlite_connection import DATABASE_NAME, BackupDatabase

__all__ = ["BackupProblem", "VerificationReport", "verify"]

_COUNTED_TABLES: Final = ("objects", "versions")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupProblem:
    """What a backup directory lacks, or has in another state than it was backed up."""

    message: str
    "What is missing or damaged, and how."
    is_repairable: bool = False
    "Does the next backup write it again?"
    object: tuple[str, str] | None = None
    "The type and the id of the object that it belongs to; None for a keystore, and where it is not known."
    runs: frozenset[int] | None = None
    "The numbers of the backups that have it; None if it may be any."

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The result of verifying a backup directory."""

    objects: int
    versions: int
    files: int
    problems: tuple[BackupProblem, ...] = ()
    "One for each content or file that is missing or damaged."

    @property
    def ok(self) -> bool:
        """Return whether there are no problems."""
        return not self.problems

    def is_damaged(self, run: int) -> bool:
        """Return whether a problem concerns the backup with this number."""
        return any(problem.runs is None or run in problem.runs for problem in self.problems)


def verify(database: BackupDatabase, records: BackupRecords, files: BackupFiles) -> VerificationReport:
    """Check the SQLite file itself, each content in it, and each file beside it."""
    problems = database.find_problems()
    if problems:  # its rows cannot be trusted
        return VerificationReport(0, 0, 0, tuple(BackupProblem(message=each) for each in problems))
    objects, versions = (database.value(f"SELECT count(*) FROM {table}") for table in _COUNTED_TABLES)
    expected = dict(records.files())
    found = [*_find_damaged_contents(records), *_find_wrong_files(expected, records, files)]
    uses = records.list_uses({digest for digest, _ in found})
    located = (replace(each, object=uses[digest].object, runs=frozenset(uses[digest].runs)) for digest, each in found)
    return VerificationReport(objects, versions, len(expected), tuple(located))


def _find_damaged_contents(records: BackupRecords) -> Iterator[tuple[bytes, BackupProblem]]:
    for digest, table, content in records.contents():
        if sha256(content) != digest:
            name = f"{DATABASE_NAME}: {table}: {digest.hex()[:12]}"
            yield digest, BackupProblem(message=f"{name} is not what was backed up")


def _find_wrong_files(
    expected: Mapping[str, bytes], records: BackupRecords, files: BackupFiles
) -> Iterator[tuple[bytes, BackupProblem]]:
    for name, digest in expected.items():
        present = files.digest(name)
        if present == digest:
            continue
        if records.is_interrupted and (present is None or records.content(present) is not None):
            problem = "not written yet: the last backup was interrupted; back up again"
        else:
            problem = "missing" if present is None else "not what was backed up"
        yield digest, BackupProblem(message=f"{name} is {problem}", is_repairable=True)
