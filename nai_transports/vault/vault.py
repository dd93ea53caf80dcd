"""A vault: a directory with every version of everything that an account had whenever it was backed up."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from typing import Final, Self

from nai_proto.account import email_hash
from nai_proto.codecs.sealed import Opened
from nai_proto.errors import Damaged, FileError, InvalidFile, InvalidRequestError, LocalProtocolError
from nai_proto.library import KeystoreOpened, KeystoreReplacement, Library, LoadEvent, ObjectsOpened
from nai_proto.objects import StoredKeystore

from .ledger import Ledger, digests
from .shelf import Shelf, digest_of
from .store import NAME, Store
from .values import Report, Run, Summary
from .verifying import verify

__all__ = ["Vault"]

_SALT: Final = 16
_TOGETHER: Final = 64
"""Files that are open at once while they are flushed; systems allow some hundreds."""


class Vault:
    """Opened for one program at a time; close it, or use it as a context manager.

    To back up: `keep` each event of `nai_proto.library.open_library`, then `finish` with its result. Both block; an
    asynchronous program calls them in a thread, one after the other::

        with Vault(directory, email) as vault:
            async with client.stream(open_library(email, password)) as events:
                async for event in events:
                    await asyncio.to_thread(vault.keep, event)
                summary = await asyncio.to_thread(vault.finish, events.result)

    Args:
        directory: of the vault.
        email: the account's. With it, a vault that is not there is made when the first event is kept; one that is there
            has to be this account's. Without, there has to be one, and it is only read.

    Raises:
        FileError: there is none, or it is in use.
        InvalidFile: it is another account's, of a newer format, or damaged; or the directory has other things in it.
            Nothing has been written then.
    """

    def __init__(self, directory: str | os.PathLike[str], email: str | None = None) -> None:
        root = Path(directory)
        self._shelf = Shelf(root)
        self._email = email
        self._store: Store | None = None
        self._run: int | None = None
        self._totals: dict[str, tuple[int, int]] = {}
        if (root / NAME).exists():
            self._use(Store(root / NAME, make=email is not None))  # which a kill may have left empty
        elif email is None:
            raise FileError(f"{root} has no vault", path=str(root))
        elif root.exists() and not (root.is_dir() and not any(root.iterdir())):
            raise InvalidFile(f"{root} is no vault, and is not empty: name another directory", path=str(root))

    # ---- backing up

    def begin(self, keystore: StoredKeystore, *, aside: bool = False) -> None:
        """Begins a run, and puts in order what one that was killed has left; `keep` does it when the keystore comes.

        Args:
            keystore: as the account has it.
            aside: is this only to go back to, should something that comes next go wrong? Then what this run sees is had
                by its number, but does not take the place of what was there: not in the files, nor in `items`.

        Raises:
            FileError: the vault cannot be made or written.
            InvalidFile: it is damaged.
            LocalProtocolError: the vault was opened without an e-mail.
        """
        if self._store is None:
            self._make()
        problem = self._opened.value("PRAGMA quick_check(1)")
        if problem != "ok":
            path = self._shelf.root / NAME
            raise InvalidFile(f"{path} is damaged, and nothing was written: {problem}", path=str(path))
        self._claim()
        self._shelf.tidy()
        with self._opened.transaction():
            self._run = self._ledger.begin(time.time(), self._ledger.keep_keystore(keystore), aside=aside)
        self._totals.clear()

    def keep(self, event: LoadEvent | KeystoreReplacement) -> None:
        """Takes in what has been opened, or has not, or is about to be replaced: when this returns, it is on the disk.

        Raises:
            FileError: it cannot be written. What was there is there still; the run is over, and may be begun anew.
            LocalProtocolError: no run has begun: the keystore comes first.
        """
        match event:
            case KeystoreOpened():
                self.begin(event.stored)
            case KeystoreReplacement():
                self._claim()
                with self._opened.transaction():
                    self._ledger.keep_keystore(event.previous)
            case ObjectsOpened():
                run, self._run = self._under_way, None
                first = event.done - len(event.items)
                with self._opened.transaction():
                    told = [self._ledger.record(run, event.type, at, one) for at, one in enumerate(event.items, first)]
                self._place(file for object_, moved in told if moved for file in self._ledger.files(object_))
                self._totals[event.type] = (event.done, event.total)
                self._run = run

    def finish(self, library: Library) -> Summary:
        """Ends a run: compares what is in the vault with what the service listed, writes the files that are missing, and
        reads everything back from the disk. Only then the run is complete.

        Args:
            library: the result of the flow whose events were kept.

        Raises:
            InvalidRequestError: it has other objects than those that were kept.
            LocalProtocolError: no run has begun.
            FileError: a file cannot be written.
            Damaged: what was read back is not what was written.
        """
        run = self._under_way
        whole = all(done == total for done, total in self._totals.values())
        if not whole or Counter(map(digests, library.items)) != Counter(self._ledger.seen(run)):
            raise InvalidRequestError(
                "this library has other objects than those that were kept in this run", parameter="library"
            )
        self._place(self._ledger.files())
        self._shelf.flush()
        report = self.verify()
        if not report.ok:
            raise Damaged(f"{self._shelf.root}: {'; '.join(report.problems[:3])}", category="vault")
        with self._opened.transaction():
            summary = self._ledger.settle(run, [*self._totals], time.time())
        self._run = None
        return replace(summary, unread={type_: str(error) for type_, error in library.unread.items()})

    # ---- reading

    def verify(self) -> Report:
        """Reads everything back from the disk: what the vault has, and the files beside it."""
        return verify(self._opened, self._ledger, self._shelf)

    @property
    def runs(self) -> tuple[Run, ...]:
        """All backups, the first one first."""
        rows = self._opened.rows("SELECT id, started, finished, aside FROM runs ORDER BY id")
        return tuple(Run(number, started, finished, bool(aside)) for number, started, finished, aside in rows)

    def items(
        self,
        type: str | None = None,  # noqa: A002
        ids: Collection[str] | None = None,
        run: int | None = None,
    ) -> Iterator[Opened]:
        """Objects as they were backed up, those that are gone among them.

        Args:
            type: only these.
            ids: only these.
            run: as this run saw them. Without one, as they last opened, or if they never did, as they were last seen;
                but not in a run that was made before a restore.

        Raises:
            InvalidRequestError: there is no such run.
        """
        if run is not None and run not in [each.id for each in self.runs]:
            raise InvalidRequestError(f"{self._shelf.root} has no run {run}", parameter="run")
        return (item for item in self._ledger.items(type, run) if ids is None or item.stored.id in ids)

    def close(self) -> None:
        """Lets other programs in. A run that was not finished stays incomplete, and loses nothing."""
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- within

    @property
    def _opened(self) -> Store:
        if self._store is None:
            raise LocalProtocolError(f"{self._shelf.root} has no vault yet: nothing has been kept")
        return self._store

    @property
    def _under_way(self) -> int:
        if self._run is None:
            raise LocalProtocolError("no run has begun: the keystore comes first")
        return self._run

    def _make(self) -> None:
        self._use(Store(self._shelf.reserve(NAME), make=True))

    def _use(self, store: Store) -> None:
        self._store, self._ledger = store, Ledger(store)
        try:
            self._check_account()
        except BaseException:
            store.close()
            raise

    def _check_account(self) -> None:
        account = self._opened.row("SELECT salt, hash FROM account")
        if self._email is not None and account is not None and _hashed(self._email, account[0]) != account[1]:
            raise InvalidFile(f"{self._shelf.root} is the vault of another account", path=str(self._shelf.root))

    def _claim(self) -> None:
        """Says in the vault whose it is."""
        if self._email is None:
            raise LocalProtocolError("this vault was opened without an e-mail: it is only read")
        with self._opened.transaction():
            if self._opened.row("SELECT 1 FROM account") is None:
                salt = token_bytes(_SALT)
                self._opened.execute("INSERT INTO account VALUES (?, ?)", salt, _hashed(self._email, salt))

    def _place(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Writes those files that are not as they have to be."""
        contents: dict[str, bytes] = {}
        for name, digest in [*files]:
            found = self._shelf.digest(name)
            content = None if found == digest else self._ledger.content(digest)
            if content is None:
                continue
            if found is not None and self._ledger.content(found) is None:
                self._shelf.set_aside(name)
            contents[name] = content
            if len(contents) == _TOGETHER:
                self._shelf.place(contents)
                contents.clear()
        self._shelf.place(contents)


def _hashed(email: str, salt: bytes) -> bytes:
    """Of an e-mail whatever its case, which logging in does not mind.

    See docs/protocol/native.md#3-key-derivation.
    """
    return digest_of(salt + email_hash(email.lower()).encode())
