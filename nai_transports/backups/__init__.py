"""Backups of an account: a directory with every version of everything it stored, opened and sealed side by side.

Nothing in a backup directory is overwritten or removed. A changed object gets another version, an object that no longer
opens keeps the versions that did, and an object that is gone from the account is marked as gone. A kill at any moment loses
nothing, and the next backup continues. The directory has the contents in clear text, but no key in clear text, no password
and no token.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

from .database_rows import BackupRun, BackupSummary
from .directory import BackupDirectory, backup, is_backup
from .object_spool import ObjectSpool
from .verify import BackupProblem, VerificationReport

__all__ = [
    "BackupDirectory",
    "BackupProblem",
    "BackupRun",
    "BackupSummary",
    "ObjectSpool",
    "VerificationReport",
    "backup",
    "is_backup",
]


def __dir__() -> list[str]:
    return __all__
