"""The records of a backup: its objects, their versions, and the versions that each run saw."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from nai_proto.codecs.key_derivation import AccountHash
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject
from nai_proto.codecs.secret_box import decode_or_none, read_json, write_json
from nai_proto.errors import Damaged
from nai_proto.library.object_identity import Identity, identify
from nai_proto.limits import Limits
from nai_proto.objects import StoredKeystore

from .files import make_file_name, sha256
from .sqlite_connection import BackupDatabase

__all__ = ["KEYSTORE_FILE", "BackupRecords", "BackupRun", "BackupSummary", "ContentUse"]

KEYSTORE_FILE: Final = "keystore.sealed.json"
_MAX_PLAINTEXT: Final = Limits().body
"""Bytes. An object comes in a list, and is inflated to `Limits.unpacked` at most, which is less."""
_COMPRESSION_LEVEL: Final = 6  # reduces stories to a fourth of their size in little time


@dataclass(frozen=True, slots=True)
class BackupRun:
    """One backup."""

    id: int
    "Its number, from 1."
    started: float
    "UNIX seconds."
    finished: float | None
    "UNIX seconds, when everything was written and verified; None if the run was interrupted."
    before_restore: bool = False
    "Whether it was made before a restore, to be able to go back: its objects are read only with its number."
    objects: int = 0
    "How many objects it saw: all, or those that were about to be deleted."


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """The result of a backup, compared with the last complete one before it."""

    run: int
    "The run's number."
    new: int
    changed: int
    "Objects with other data or another change index, even if their content is the same."
    unchanged: int
    gone: int
    "Objects that are no longer in the account, also not under another id. They stay in the backup."
    failed: int
    "Objects among all these that did not open. They are kept sealed, beside earlier versions that did open."
    written: int
    "Versions that the backup did not have before."
    unread: Mapping[str, str] = field(default_factory=dict[str, str])
    "Types that could not be listed, and why. Their objects in the backup stay as they are."
    moved: int = 0
    """Objects that the account has under another id than before, because they were restored. They count as new; what the
    backup has under the old id stays."""
    repaired: Mapping[str, str] = field(default_factory=dict[str, str])
    """Files that were not what had been backed up, and were written again. The value is the name under which the file that
    somebody changed is kept; empty if the file was missing or an older version."""

    @property
    def listed(self) -> int:
        """Return the number of objects that the account has."""
        return self.new + self.changed + self.unchanged


@dataclass(slots=True)
class ContentUse:
    """Where a content is used in a backup."""

    object: tuple[str, str] | None = None
    "The type and the id of the object that it is of; of several with the same content, one."
    runs: set[int] = field(default_factory=set[int])
    "The numbers of the runs that saw it."


class BackupRecords:
    """Writes the records of a run, and reads those of all runs.

    Args:
        database: the open database.
    """

    def __init__(self, database: BackupDatabase) -> None:
        self._database = database
        self._account: AccountHash | None = None
        self._seen_names: set[tuple[str, str]] = set()
        self._before_restore = False

    @property
    def account(self) -> AccountHash | None:
        """Return the account that this is a backup of; None if nothing was backed up."""
        if self._account is None and (row := self._database.row("SELECT salt, hash FROM account")) is not None:
            self._account = AccountHash(*row)
        return self._account

    def set_account(self, account: AccountHash) -> None:
        """Record the account."""
        self._database.execute("INSERT INTO account VALUES (?, ?)", account.salt, account.digest)

    def add_keystore(self, stored: StoredKeystore) -> bytes:
        """Record a sealed keystore; return its digest."""
        index = {} if stored.changeIndex is None else {"changeIndex": stored.changeIndex}
        document = write_json({"keystore": stored.keystore, **index})
        digest = sha256(document)
        self._database.execute("INSERT OR IGNORE INTO keystores VALUES (?, ?)", digest, document)
        return digest

    def begin_run(self, now: float, keystore: bytes, *, before_restore: bool) -> int:
        """Record a new run, with the keystore of this digest; return its number."""
        self._seen_names.clear()
        self._before_restore = before_restore
        statement = "INSERT INTO runs (started, keystore, aside) VALUES (?, ?, ?)"
        return self._database.execute(statement, now, keystore, before_restore)

    def add_object(self, run: int, type_: str, position: int, item: OpenedObject) -> tuple[int, bool]:
        """Record an object that a run has seen; return its row id, and whether its files must be written."""
        database = self._database
        document = write_json(item.stored.document)
        sealed, plain = sha256(document), sha256(item.plaintext) if item.ok else None
        object_ = self._object_row(type_, item.stored.id, sealed)
        state = (item.state.value, item.category)
        version = database.value(
            "SELECT id FROM versions WHERE object = ? AND sealed = ? AND plain IS ? AND (state, category) = (?, ?)",
            *(object_, sealed, plain, *state),
        )
        if version is None:
            database.execute("INSERT OR IGNORE INTO sealed VALUES (?, ?)", sealed, document)
            if plain is not None:
                deflated = zlib.compress(item.plaintext, _COMPRESSION_LEVEL)
                database.execute("INSERT OR IGNORE INTO plaintexts VALUES (?, ?)", plain, deflated)
            version = database.execute(
                "INSERT INTO versions (object, run, sealed, plain, compressed, state, category, problem)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(object_, run, sealed, plain, item.compressed, *state, item.problem),
            )
        database.execute("INSERT INTO seen VALUES (?, ?, ?)", run, version, position)
        kind = "opened" if item.ok else "unopened"
        current: int | None = database.value(f"SELECT {kind} FROM objects WHERE id = ?", object_)
        changed = current is None if self._before_restore else current != version
        if changed:
            database.execute(f"UPDATE objects SET {kind} = ? WHERE id = ?", version, object_)
        return object_, changed

    def _object_row(self, type_: str, id_: str, sealed: bytes) -> int:
        """Return the row id of an object; insert the row if there is none.

        An object without an id, or with the same id as another one of this run, is identified by its content.
        """
        name = id_.encode("utf-8", "backslashreplace").decode()
        if not name or (type_, name) in self._seen_names:
            name = f"{name}~{sealed.hex()}"
        self._seen_names.add((type_, name))
        row: int | None = self._database.value("SELECT id FROM objects WHERE (type, name) = (?, ?)", type_, name)
        if row is not None:
            return row
        file = make_file_name(name)
        unique = self._database.value("SELECT 1 FROM objects WHERE (type, file) = (?, ?)", type_, file) is None
        file = make_file_name(name, unique=unique)
        return self._database.execute("INSERT INTO objects (type, name, file) VALUES (?, ?, ?)", type_, name, file)

    @property
    def is_interrupted(self) -> bool:
        """Return whether the last run was interrupted."""
        return bool(self._database.value("SELECT finished IS NULL FROM runs ORDER BY id DESC LIMIT 1"))

    def finish_run(self, run: int, types: Collection[str], now: float) -> BackupSummary:
        """Record that a run is complete; ``types`` are the types that it could list."""
        database = self._database
        database.execute(
            "CREATE TEMP TABLE IF NOT EXISTS current (object INTEGER PRIMARY KEY, version INTEGER, plain BLOB)"
        )
        database.execute("DELETE FROM current")
        database.execute(
            "INSERT OR IGNORE INTO current"  # identical objects are one
            " SELECT object, version, plain FROM seen JOIN versions ON id = version WHERE seen.run = ?",
            run,
        )
        new, changed, unchanged, failed = (
            database.value(f"SELECT count(*) FROM current JOIN objects ON id = object WHERE {condition}")
            for condition in ("settled IS NULL", "settled != version", "settled = version", "plain IS NULL")
        )
        if not self._before_restore:
            database.execute(
                f"UPDATE objects SET gone = ? WHERE gone IS NULL AND type IN ({', '.join('?' * len(types))})"
                " AND id NOT IN (SELECT object FROM current)",
                *(run, *types),
            )
            database.execute(
                "UPDATE objects SET gone = NULL, settled = (SELECT version FROM current WHERE object = id)"
                " WHERE id IN (SELECT object FROM current)"
            )
        database.execute("UPDATE runs SET finished = ? WHERE id = ?", now, run)
        gone = [(item.stored.type, identify(item)) for item in self._gone_items(run)]
        moved = self._count_moved(run, gone)
        written = database.value("SELECT count(*) FROM versions WHERE run = ?", run)
        return BackupSummary(run, new, changed, unchanged, len(gone) - moved, failed, written, moved=moved)

    def _gone_items(self, run: int) -> Iterator[OpenedObject]:
        """Iterate over the last versions of the objects that are gone since this run."""
        rows = self._database.rows("SELECT coalesce(opened, unopened) FROM objects WHERE gone = ?", run)
        return (self._item(version) for (version,) in [*rows])

    def _count_moved(self, run: int, gone: Collection[tuple[str, Identity]]) -> int:
        """Return how many objects that are gone, by type and identity, this run has seen under another id."""
        if not gone:
            return 0
        present = {(item.stored.type, identify(item)) for item in self.items(None, run)}
        return sum(each in present for each in gone)

    def items(self, type_filter: str | None, run: int | None) -> Iterator[OpenedObject]:
        """Iterate over the objects of a type, or of all: as a run saw them, or, without a run, as they last opened."""
        return map(self._item, self._versions(type_filter, run))

    def outlines(self, type_filter: str | None, run: int | None) -> Iterator[OpenedObject]:
        """Iterate over the same without their contents, which are read from the database with each use."""
        versions = self._versions(type_filter, run)
        return (self._item(version).outline(partial(self._item, version)) for version in versions)

    def _versions(self, type_filter: str | None, run: int | None) -> list[int]:
        if run is None:
            statement = "SELECT coalesce(opened, unopened), type FROM objects ORDER BY id"
            versions = [*self._database.rows(statement)]
        else:
            statement = (
                "SELECT version, type FROM seen JOIN versions ON versions.id = version JOIN objects ON objects.id = object"
                " WHERE seen.run = ? ORDER BY type, position"
            )
            versions = [*self._database.rows(statement, run)]
        return [version for version, type_ in versions if type_filter in (None, type_)]

    def _item(self, version: int) -> OpenedObject:
        statement = (
            "SELECT sealed, sealed.content, plain, plaintexts.content, state, category, problem, compressed FROM versions"
            " JOIN sealed ON sealed.digest = sealed LEFT JOIN plaintexts ON plaintexts.digest = plain WHERE id = ?"
        )
        row = self._database.row(statement, version)
        if row is not None:
            sealed, document, plain, deflated, state, category, problem, compressed = row
            plaintext = b"" if deflated is None else _decompress(deflated)
            fields = decode_or_none(read_json, document)
            if sha256(document) == sealed and plain in (None, sha256(plaintext)) and fields is not None:
                stored = StoredObject.from_json(fields)
                opened = OpenedState(state)
                return OpenedObject(stored, opened, category, problem, plaintext, bool(compressed), self.account)
        raise Damaged(
            f"{self._database.path} is damaged: a version is not what was written; nai library verify says what else is",
            category="backup",
        )

    # ---- the contents of the files

    def files(self, object_: int | None = None) -> Iterator[tuple[str, bytes]]:
        """Iterate over the files of one object, or of the keystore and all objects, each with its digest."""
        database = self._database
        if object_ is None:
            keystore = database.value("SELECT keystore FROM runs ORDER BY id DESC LIMIT 1")
            if keystore is not None:
                yield KEYSTORE_FILE, keystore
        statement = (
            "SELECT type, file, good.plain, good.sealed, bad.sealed FROM objects"
            " LEFT JOIN versions AS good ON good.id = opened LEFT JOIN versions AS bad ON bad.id = unopened"
        )
        one = () if object_ is None else (object_,)
        for type_, file, *digests in database.rows(statement + " WHERE objects.id = ?" * len(one), *one):
            for ending, digest in zip(("", ".sealed", ".unopened"), digests, strict=True):
                if digest is not None:
                    yield f"{make_file_name(type_)}/{file}{ending}.json", digest

    def content(self, digest: bytes) -> bytes | None:
        """Return the content with this digest; None if it is missing or damaged."""
        for table, unpack in _UNPACK.items():
            packed = self._database.value(f"SELECT content FROM {table} WHERE digest = ?", digest)
            if packed is not None and sha256(content := unpack(packed)) == digest:
                return content
        return None

    def list_uses(self, digests: Collection[bytes]) -> Mapping[bytes, ContentUse]:
        """Return which object each of these contents is of, and which runs saw it; of a keystore, there is no object."""
        uses = {digest: ContentUse() for digest in digests}
        if not uses:
            return uses
        database = self._database
        for run, keystore in database.rows("SELECT id, keystore FROM runs"):
            if keystore in uses:
                uses[keystore].runs.add(run)
        statement = (
            "SELECT seen.run, sealed, plain, type, name FROM seen JOIN versions ON versions.id = version"
            " JOIN objects ON objects.id = object"
        )
        for run, sealed, plain, *object_ in database.rows(statement):
            for use in (uses[digest] for digest in (sealed, plain) if digest in uses):
                use.object = (object_[0], object_[1])
                use.runs.add(run)
        return uses

    def contents(self) -> Iterator[tuple[bytes, str, bytes]]:
        """Iterate over all contents, each with its digest and its table."""
        for table, unpack in _UNPACK.items():
            for digest, packed in self._database.rows(f"SELECT digest, content FROM {table}"):
                yield digest, table, unpack(packed)


def _decompress(deflated: bytes) -> bytes:
    """Return the plaintext; if it is damaged, or longer than any object can be, something with another digest."""
    try:
        return zlib.decompressobj().decompress(deflated, _MAX_PLAINTEXT)
    except zlib.error:
        return b""


_UNPACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "sealed": bytes,
    "keystores": bytes,
    "plaintexts": _decompress,
}
"""The tables that hold contents, and how to unpack them."""
