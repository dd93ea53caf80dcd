"""The backup directory of an account, and how to back up into it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from typing import Final, Self

from nai_proto.codecs.key_derivation import AccountHash
from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.errors import Damaged, FileError, InvalidFile, InvalidRequestError, LocalProtocolError
from nai_proto.library import (
    KeystoreOpened,
    KeystoreReplacement,
    Library,
    LoadEvent,
    ObjectsOpened,
    drop_content,
    open_library,
)
from nai_proto.objects import StoredKeystore
from nai_proto.secret import Password

from ..clients import Client
from .database_rows import KEYSTORE_FILE, BackupRecords, BackupRun, BackupSummary
from .files import BackupFiles
from .sqlite_connection import DATABASE_NAME, BackupDatabase
from .verify import VerificationReport, verify

__all__ = ["BackupDirectory", "backup", "is_backup"]

_SALT_BYTES: Final = 16
_OPEN_FILES: Final = 64
"""Files that are open at once while they are flushed; systems allow a few hundred."""
_OPEN_BYTES: Final = 1_048_576
"""Bytes of files that are flushed at once, if they are larger than usual."""


def backup(
    client: Client,
    email: str,
    password: Password | str,
    directory: str | os.PathLike[str],
    progress: Callable[[LoadEvent], None] = lambda _: None,
) -> BackupSummary:
    """Back up everything that an account stores. This blocks. What the backup has already is not written again.

    Args:
        client: a client of `nai_transports.httpx`, or any other that blocks.
        email: of the account, as for `nai_proto.library.open_library`.
        password: of the account.
        directory: the backup directory; it is created if it does not exist.
        progress: called with each event once its data is on the disk.

    Raises:
        FileError: another program uses the directory, or it cannot be written.
        InvalidFile: it is a backup of another account, has a newer format, or is damaged.
        AuthenticationError: no account has this e-mail and password.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld; or the verification found a problem.
    """
    loading = open_library(email, password, keep=drop_content)  # it is on the disk
    with BackupDirectory(directory, email) as backups, client.stream(loading) as events:
        for event in events:
            backups.keep(event)
            progress(event)
        return backups.finish(events.result)


def is_backup(directory: str | os.PathLike[str]) -> bool:
    """Return whether a path is one of a backup directory, by what is in it."""
    return os.path.isfile(Path(directory) / DATABASE_NAME)


class BackupDirectory:
    """A backup directory, open for one program at a time. Close it, or use it as a context manager.

    To back up, `keep` each event of `nai_proto.library.open_library`, then `finish` with its result. Both block; an
    asynchronous program calls them in a thread, one after the other::

        with BackupDirectory(directory, email) as backups:
            async with client.stream(open_library(email, password, keep=drop_content)) as events:
                async for event in events:
                    await asyncio.to_thread(backups.keep, event)
                summary = await asyncio.to_thread(backups.finish, events.result)

    Args:
        directory: path of the backup directory.
        email: of the account. With it, a missing backup is created when the first event is kept, and an existing one must be
            of this account. Without it, a backup must exist, and is only read.

    Raises:
        FileError: there is no backup, or another program uses it.
        InvalidFile: it is a backup of another account, has a newer format, or is damaged; or the directory has other files.
            Nothing was written.
    """

    def __init__(self, directory: str | os.PathLike[str], email: str | None = None) -> None:
        root = Path(directory)
        self._files = BackupFiles(root)
        self._email = email
        self._database: BackupDatabase | None = None
        self._run: int | None = None
        self._kept: dict[str, Counter[tuple[object, ...]]] = {}
        "What tells the objects of this run, by the types under which they are listed."
        self._complete_types: set[str] = set()
        self._repaired: dict[str, str] = {}
        self._continues = False
        "Was the run before this one interrupted? Then missing files are no surprise."
        if os.path.islink(root / DATABASE_NAME):
            raise InvalidFile(
                f"{root / DATABASE_NAME} is a symbolic link, through which another file would be written: put the file "
                "here, or link the directory",
                path=str(root / DATABASE_NAME),
            )
        if os.path.exists(root / DATABASE_NAME):
            # A kill may have left an empty file, so create the tables.
            self._use(BackupDatabase(root / DATABASE_NAME, create=email is not None))
        elif email is None:
            raise FileError(_describe_missing_backup(root), path=str(root))
        elif os.path.exists(root) and not (os.path.isdir(root) and not any(root.iterdir())):
            problem = "is not a backup directory and is not empty" if os.path.isdir(root) else "is a file"
            raise InvalidFile(f"{root} {problem}: name another directory", path=str(root))

    # ---- backing up

    def begin(self, keystore: StoredKeystore, *, before_restore: bool = False) -> None:
        """Begin a run, and remove what a killed run left half-written. `keep` calls this with the keystore's event.

        Args:
            keystore: the account's sealed keystore.
            before_restore: whether this run is only made to be able to undo a restore. Its objects are read only with its
                number; they do not replace the present ones, neither in the files nor in `items`.

        Raises:
            FileError: the backup cannot be created or written.
            InvalidFile: it is damaged.
            LocalProtocolError: it was opened without an e-mail.
        """
        if self._database is None:
            self._use(BackupDatabase(self._files.create_private_file(DATABASE_NAME), create=True))
        if problem := self._open_database.find_damage():
            path = self._files.root / DATABASE_NAME
            raise InvalidFile(f"{path} is damaged, so nothing was written: {problem}", path=str(path))
        self._record_account()
        self._files.remove_temporary_files()
        self._kept.clear()
        self._complete_types.clear()
        self._repaired.clear()
        self._continues = self._records.is_interrupted
        before = next(self._records.files(), None)
        with self._open_database.transaction():
            digest = self._records.add_keystore(keystore)
            run = self._records.begin_run(time.time(), digest, before_restore=before_restore)
        file = (KEYSTORE_FILE, digest)
        self._write_files([file], expected=file == before and not self._continues)
        self._run = run

    def keep(self, event: LoadEvent | KeystoreReplacement) -> None:
        """Back up the objects or the keystore of an event. They are on the disk when this returns.

        Args:
            event: from the flow that loads the library, or from one that replaces the keystore.

        Raises:
            FileError: it cannot be written. Nothing that was backed up is lost; the run is over, and can be begun again.
            LocalProtocolError: no run has begun: the keystore's event comes first.
        """
        match event:
            case KeystoreOpened():
                self.begin(event.stored)
            case KeystoreReplacement():
                self._record_account()
                with self._open_database.transaction():
                    self._records.add_keystore(event.previous)
            case ObjectsOpened():
                run, self._run = self._current_run, None
                first = event.done - len(event.items)
                with self._open_database.transaction():
                    rows = [
                        self._records.add_object(run, event.type, at, one) for at, one in enumerate(event.items, first)
                    ]
                self._write_files(file for row, changed in rows if changed for file in self._records.files(row))
                self._kept.setdefault(event.type, Counter()).update(map(_identify, event.items))
                if event.done == event.total:
                    self._complete_types.add(event.type)
                self._run = run

    def keep_objects(self, keystore: StoredKeystore, items: Mapping[str, Collection[OpenedObject]]) -> int:
        """Back up some objects, before they are deleted: as a run of its own, complete and verified when this returns.

        What the backup has of other objects stays as it is.

        Args:
            keystore: the account's sealed keystore.
            items: the objects by the type under which they were listed.

        Returns:
            The number of the run.

        Raises:
            FileError, InvalidFile, Damaged: as for `begin` and `finish`.
        """
        self.begin(keystore)
        run = self._current_run
        for type_, each in items.items():
            self.keep(ObjectsOpened(type_, tuple(each), len(each), len(each)))
        self._complete(run, ())
        return run

    def finish(self, library: Library) -> BackupSummary:
        """Finish a run: compare the backup with the library, write missing files, and verify everything on the disk.

        Of a type whose list broke off, the backup has what came, and nothing counts as gone.

        Args:
            library: the result of the flow whose events were kept, with or without the contents.

        Raises:
            InvalidRequestError: the library has other objects than those that were kept.
            LocalProtocolError: no run has begun.
            FileError: a file cannot be written.
            Damaged: the verification found a problem.
        """
        run = self._current_run
        types = self._complete_types - library.unread.keys()
        kept = sum((self._kept[type_] for type_ in types), Counter[tuple[object, ...]]())
        if self._kept.keys() - types - library.unread.keys() or Counter(map(_identify, library.items)) != kept:
            raise InvalidRequestError(
                "this library has other objects than those that were kept in this run", parameter="library"
            )
        summary = self._complete(run, types)
        return replace(summary, unread={type_: str(error) for type_, error in library.unread.items()})

    def _complete(self, run: int, types: Collection[str]) -> BackupSummary:
        """Write missing files, verify everything on the disk, and end a run that saw all objects of these types."""
        self._write_files(self._records.files(), expected=not self._continues)
        self._files.sync_directories()
        report = self.verify()
        if not report.ok:
            raise Damaged(f"{self._files.root}: {'; '.join(map(str, report.problems[:3]))}", category="backup")
        with self._open_database.transaction():
            summary = self._records.finish_run(run, types, time.time())
        self._run = None
        return replace(summary, repaired=dict(self._repaired))

    # ---- reading

    @property
    def path(self) -> Path:
        """Return the path of the directory."""
        return self._files.root

    def belongs_to(self, email: str) -> bool:
        """Return whether this is a backup of the account with this e-mail, or of none yet."""
        account = None if self._database is None else self._records.account
        return account is None or account.is_of(email)

    def verify(self) -> VerificationReport:
        """Read everything back from the disk, database and files, and compare it with what was backed up."""
        return verify(self._open_database, self._records, self._files)

    @property
    def runs(self) -> tuple[BackupRun, ...]:
        """Return all backups, the first one first."""
        rows = self._open_database.rows(
            "SELECT id, started, finished, aside, (SELECT count(*) FROM seen WHERE run = runs.id) FROM runs ORDER BY id"
        )
        return tuple(
            BackupRun(id_, started, finished, bool(aside), objects) for id_, started, finished, aside, objects in rows
        )

    def items(
        self,
        type: str | None = None,  # noqa: A002
        ids: Collection[str] | None = None,
        run: int | None = None,
    ) -> Iterator[OpenedObject]:
        """Iterate over the objects in the backup, also over those that are gone from the account.

        Args:
            type: only objects of this type.
            ids: only objects with these ids.
            run: number of a run: objects as this run saw them. Without it, each object as it last opened, or if it never
                did, as it was last seen; runs made before a restore do not count.

        Raises:
            InvalidRequestError: there is no run with this number.
        """
        self._check_run(run)
        return (item for item in self._records.items(type, run) if ids is None or item.stored.id in ids)

    def outlines(self, run: int | None = None) -> Iterator[OpenedObject]:
        """Iterate over the objects as `items` does, without their contents.

        `OpenedObject.plaintext` and `OpenedObject.whole` read them from the backup, with each use, while it is open.

        Args:
            run: as for `items`.

        Raises:
            InvalidRequestError: there is no run with this number.
        """
        self._check_run(run)
        return self._records.outlines(None, run)

    def close(self) -> None:
        """Close the backup, so that other programs can open it. A run that was not finished stays incomplete."""
        if self._database is not None:
            self._database.close()

    def __repr__(self) -> str:
        run = "" if self._run is None else f", run {self._run}"
        return f"<BackupDirectory {self._files.root}{run}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- internal

    def _check_run(self, run: int | None) -> None:
        if run is not None and run not in (known := [each.id for each in self.runs]):
            numbers = f"it has 1 to {known[-1]}" if known else "it has none yet"
            raise InvalidRequestError(f"{self._files.root} has no backup {run}; {numbers}", parameter="run")

    @property
    def _open_database(self) -> BackupDatabase:
        if self._database is None:
            raise LocalProtocolError(f"{self._files.root} has no backup yet: nothing has been kept")
        return self._database

    @property
    def _current_run(self) -> int:
        if self._run is None:
            raise LocalProtocolError("no run has begun: the keystore comes first")
        return self._run

    def _use(self, database: BackupDatabase) -> None:
        self._database, self._records = database, BackupRecords(database)
        try:
            self._check_account()
        except BaseException:
            database.close()
            raise

    def _check_account(self) -> None:
        if self._email is not None and not self.belongs_to(self._email):
            raise InvalidFile(f"{self._files.root} is a backup of another account", path=str(self._files.root))

    def _record_account(self) -> None:
        """Record the account in the database, if it is not there."""
        if self._email is None:
            raise LocalProtocolError("this backup was opened without an e-mail, for reading only")
        with self._open_database.transaction():
            if self._records.account is None:
                self._records.set_account(AccountHash.of(self._email, token_bytes(_SALT_BYTES)))

    def _write_files(self, files: Iterable[tuple[str, bytes]], *, expected: bool = False) -> None:
        """Write the files that are missing or differ from their digest.

        Args:
            files: names and digests.
            expected: should they be there already? Then what is written is a repair.
        """
        contents: dict[str, bytes] = {}
        for name, digest in [*files]:
            present = self._files.digest(name)
            content = None if present == digest else self._records.content(digest)
            if content is None:
                continue
            if present is not None and self._records.content(present) is None:
                self._repaired[name] = self._files.set_aside(name)
            elif expected:
                self._repaired[name] = ""
            contents[name] = content
            if len(contents) == _OPEN_FILES or sum(map(len, contents.values())) >= _OPEN_BYTES:
                self._files.write(contents)
                contents.clear()
            del content  # before the next one is read
        self._files.write(contents)


def _describe_missing_backup(root: Path) -> str:
    """Return why a path is no backup directory, what one is, and how to make one."""
    if not os.path.exists(root):
        return f"{root} does not exist; nai library backup {root} makes a backup there"
    problem = "is not a backup directory" if os.path.isdir(root) else "is a file, and not a backup directory"
    return f"{root} {problem}: that is one which nai library backup has made, with {DATABASE_NAME} in it"


def _identify(item: OpenedObject) -> tuple[object, ...]:
    """Return what tells an object, and a version of it, from all others; a library without contents has it too."""
    stored = item.stored
    return stored.id, stored.type, stored.meta, stored.changeIndex, stored.lastUpdatedAt, item.state
