"""What happened, in the words of the store: objects, their versions, and which run saw what."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from nai_proto.codecs.box import write_json
from nai_proto.codecs.sealed import Opened, OpenedState, StoredObject
from nai_proto.errors import Damaged
from nai_proto.objects import StoredKeystore

from .shelf import digest_of, safe_name
from .store import Store
from .values import Summary

__all__ = ["KEYSTORE", "Ledger", "digests"]

KEYSTORE: Final = "keystore.sealed.json"
_LEVEL: Final = 6  # stories repeat themselves: a fourth of the size, for little time


def digests(item: Opened) -> tuple[bytes, bytes | None]:
    """By which an object's sealed form is known, and its plaintext if it opened."""
    return digest_of(write_json(item.stored.document)), digest_of(item.plaintext) if item.ok else None


class Ledger:
    """Writes down what one run sees, and reads what was seen.

    Args:
        store: where.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: set[tuple[str, str]] = set()
        self._aside = False

    def keep_keystore(self, stored: StoredKeystore) -> bytes:
        """A keystore as it is stored; gives its digest."""
        index = {} if stored.changeIndex is None else {"changeIndex": stored.changeIndex}
        document = write_json({"keystore": stored.keystore, **index})
        digest = digest_of(document)
        self._store.execute("INSERT OR IGNORE INTO keystores VALUES (?, ?)", digest, document)
        return digest

    def begin(self, now: float, keystore: bytes, *, aside: bool) -> int:
        """Another run, with the keystore of this digest."""
        self._taken.clear()
        self._aside = aside
        statement = "INSERT INTO runs (started, keystore, aside) VALUES (?, ?, ?)"
        return self._store.execute(statement, now, keystore, aside)

    def record(self, run: int, type_: str, position: int, item: Opened) -> tuple[int, bool]:
        """One object that a run has seen; gives its row, and whether the files have to follow."""
        store = self._store
        document = write_json(item.stored.document)
        sealed, plain = digest_of(document), digest_of(item.plaintext) if item.ok else None
        object_ = self._object(type_, item.stored.id, sealed)
        state = (item.state.value, item.category)
        version = store.value(
            "SELECT id FROM versions WHERE object = ? AND sealed = ? AND plain IS ? AND (state, category) = (?, ?)",
            *(object_, sealed, plain, *state),
        )
        if version is None:
            store.execute("INSERT OR IGNORE INTO sealed VALUES (?, ?)", sealed, document)
            if plain is not None:
                deflated = zlib.compress(item.plaintext, _LEVEL)
                store.execute("INSERT OR IGNORE INTO plaintexts VALUES (?, ?)", plain, deflated)
            version = store.execute(
                "INSERT INTO versions (object, run, sealed, plain, compressed, state, category, problem)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(object_, run, sealed, plain, item.compressed, *state, item.problem),
            )
        store.execute("INSERT INTO seen VALUES (?, ?, ?)", run, version, position)
        kind = "opened" if item.ok else "unopened"
        shown: int | None = store.value(f"SELECT {kind} FROM objects WHERE id = ?", object_)
        moved = shown is None if self._aside else shown != version
        if moved:
            store.execute(f"UPDATE objects SET {kind} = ? WHERE id = ?", version, object_)
        return object_, moved

    def _object(self, type_: str, id_: str, sealed: bytes) -> int:
        """The row of an object, made if there is none.

        Ids are the service's, and should be there once. What has none, or the same as another in this list, is known by
        its content.
        """
        name = id_.encode("utf-8", "backslashreplace").decode()
        if not name or (type_, name) in self._taken:
            name = f"{name}~{sealed.hex()}"
        self._taken.add((type_, name))
        known: int | None = self._store.value("SELECT id FROM objects WHERE (type, name) = (?, ?)", type_, name)
        if known is not None:
            return known
        file = safe_name(name)
        alone = self._store.value("SELECT 1 FROM objects WHERE (type, file) = (?, ?)", type_, file) is None
        file = safe_name(name, alone=alone)
        return self._store.execute("INSERT INTO objects (type, name, file) VALUES (?, ?, ?)", type_, name, file)

    @property
    def interrupted(self) -> bool:
        """Did the last run not come to its end?"""
        return bool(self._store.value("SELECT finished IS NULL FROM runs ORDER BY id DESC LIMIT 1"))

    def seen(self, run: int) -> Iterator[tuple[bytes, bytes | None]]:
        """The digests of all that a run has seen."""
        statement = "SELECT sealed, plain FROM seen JOIN versions ON id = version WHERE seen.run = ?"
        return ((sealed, plain) for sealed, plain in self._store.rows(statement, run))

    def settle(self, run: int, types: Collection[str], now: float) -> Summary:
        """Ends a run that is complete; ``types`` are those that it could list."""
        store = self._store
        store.execute(
            "CREATE TEMP TABLE IF NOT EXISTS current (object INTEGER PRIMARY KEY, version INTEGER, plain BLOB)"
        )
        store.execute("DELETE FROM current")
        store.execute(
            "INSERT OR IGNORE INTO current"  # objects that are the same in everything are one
            " SELECT object, version, plain FROM seen JOIN versions ON id = version WHERE seen.run = ?",
            run,
        )
        new, changed, unchanged, failed = (
            store.value(f"SELECT count(*) FROM current JOIN objects ON id = object WHERE {how}")
            for how in ("settled IS NULL", "settled != version", "settled = version", "plain IS NULL")
        )
        if not self._aside:
            store.execute(
                f"UPDATE objects SET gone = ? WHERE gone IS NULL AND type IN ({', '.join('?' * len(types))})"
                " AND id NOT IN (SELECT object FROM current)",
                *(run, *types),
            )
            store.execute(
                "UPDATE objects SET gone = NULL, settled = (SELECT version FROM current WHERE object = id)"
                " WHERE id IN (SELECT object FROM current)"
            )
        store.execute("UPDATE runs SET finished = ? WHERE id = ?", now, run)
        gone = store.value("SELECT count(*) FROM objects WHERE gone = ?", run)
        written = store.value("SELECT count(*) FROM versions WHERE run = ?", run)
        return Summary(run, new, changed, unchanged, gone, failed, written)

    def items(self, wanted: str | None, run: int | None) -> Iterator[Opened]:
        """Objects of a type, or of all, as a run saw them, or, without one, as they last opened."""
        if run is None:
            statement = "SELECT coalesce(opened, unopened), type FROM objects ORDER BY id"
            versions = [*self._store.rows(statement)]
        else:
            statement = (
                "SELECT version, type FROM seen JOIN versions ON versions.id = version JOIN objects ON objects.id = object"
                " WHERE seen.run = ? ORDER BY type, position"
            )
            versions = [*self._store.rows(statement, run)]
        for version, type_ in versions:
            if wanted in (None, type_):
                yield self._item(version)

    def _item(self, version: int) -> Opened:
        statement = (
            "SELECT sealed, sealed.content, plain, plaintexts.content, state, category, problem, compressed FROM versions"
            " JOIN sealed ON sealed.digest = sealed LEFT JOIN plaintexts ON plaintexts.digest = plain WHERE id = ?"
        )
        found = self._store.row(statement, version)
        if found is not None:
            sealed, document, plain, deflated, state, category, problem, compressed = found
            plaintext = b"" if deflated is None else _inflated(deflated)
            if digest_of(document) == sealed and plain in (None, digest_of(plaintext)):
                stored = StoredObject.of(json.loads(document))
                return Opened(stored, OpenedState(state), category, problem, plaintext, bool(compressed))
        raise Damaged("the vault's file is not what was written to it", category="vault")

    # ---- what the files show

    def files(self, object_: int | None = None) -> Iterator[tuple[str, bytes]]:
        """The files of one object, or of all and of the keystore, each with its digest."""
        store = self._store
        if object_ is None:
            keystore = store.value("SELECT keystore FROM runs ORDER BY id DESC LIMIT 1")
            if keystore is not None:
                yield KEYSTORE, keystore
        statement = (
            "SELECT type, file, good.plain, good.sealed, bad.sealed FROM objects"
            " LEFT JOIN versions AS good ON good.id = opened LEFT JOIN versions AS bad ON bad.id = unopened"
        )
        one = () if object_ is None else (object_,)
        for type_, file, *shown in store.rows(statement + " WHERE objects.id = ?" * len(one), *one):
            for ending, digest in zip(("", ".sealed", ".unopened"), shown, strict=True):
                if digest is not None:
                    yield f"{safe_name(type_)}/{file}{ending}.json", digest

    def content(self, digest: bytes) -> bytes | None:
        """What has this digest; None if nothing has, any more."""
        for table, unpack in _UNPACK.items():
            packed = self._store.value(f"SELECT content FROM {table} WHERE digest = ?", digest)
            if packed is not None and digest_of(content := unpack(packed)) == digest:
                return content
        return None

    def contents(self) -> Iterator[tuple[bytes, str, bytes]]:
        """Everything with its digest and the table that it is in."""
        for table, unpack in _UNPACK.items():
            for digest, packed in self._store.rows(f"SELECT digest, content FROM {table}"):
                yield digest, table, unpack(packed)


def _inflated(deflated: bytes) -> bytes:
    """The plaintext; if it is damaged, something that has not its digest."""
    try:
        return zlib.decompress(deflated)
    except zlib.error:
        return b""


_UNPACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {"sealed": bytes, "keystores": bytes, "plaintexts": _inflated}
"""The tables of contents."""
