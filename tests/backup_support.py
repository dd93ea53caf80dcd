"""Helpers of the tests of backups: accounts with many stories, some of them damaged, and a check of a backup directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nai_proto import account
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.object_compression import MARK
from nai_proto.codecs.sealed_objects import OpenedObject, StoredObject, new_object, open_object, seal_object
from nai_proto.codecs.secret_box import from_base64, to_base64
from nai_proto.emulator import Account, Emulator
from nai_proto.exchange.actions import Steps
from nai_proto.exchange.flow import flow
from nai_proto.exchange.reply import App
from nai_proto.library import read_library
from nai_proto.secret import Password
from nai_proto.testing import FlowTrace, run_in_memory
from nai_transports.backups import BackupDirectory, BackupSummary
from tests.support import EMAIL, PASSWORD, an_emulator, with_token

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A directory in memory, where flushing takes no time."""
KEY = encryption_key(EMAIL, Password(PASSWORD))
TYPES = ("stories", "storycontent", "aimodules", "presets", "shelf", "promptmacros")
WAYS = 8
"""The number of ways in which `damaged` damages objects."""


def empty_account() -> tuple[Emulator, Account]:
    emulator, owner = an_emulator()
    for items in owner.storage.objects.values():
        for item in [*items]:
            items.take(item.id)
    owner.storage.keystore = seal_keystore(Keystore(), KEY)
    return emulator, owner


# ---- the account's objects, in the emulator's storage


def objects_of(owner: Account, type_: str) -> list[StoredObject]:
    return [*owner.storage.objects[type_]]


def put(owner: Account, item: StoredObject) -> None:
    owner.storage.objects[item.type].put(item)


def remove(owner: Account, item: StoredObject) -> None:
    owner.storage.objects[item.type].take(item.id)


def keys_of(owner: Account) -> Keystore:
    return open_keystore(owner.storage.keystore, KEY)


def put_keys(owner: Account, keys: Keystore) -> None:
    owner.storage.keystore = seal_keystore(keys, KEY)


# ---- stories


def sealed(type_: str, id_: str, meta: str, content: dict[str, Any], keys: Keystore, index: int = 1) -> StoredObject:
    compressed = type_ == "storycontent"
    data = seal_object(new_object(type_, meta, content, keys, compressed=compressed), keys)
    return StoredObject(id=id_, type=type_, meta=meta, data=data, lastUpdatedAt=1_700_000_000, changeIndex=index)


def story(number: int, keys: Keystore, size: int = 3000) -> tuple[list[StoredObject], Keystore]:
    """Return a card and its content of about ``size`` bytes, and the keystore with their key."""
    meta, keys = keys.create_key()
    card, content = (hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:21] for kind in ("card", "content"))
    text = " ".join(hashlib.sha256(f"{number} {word}".encode()).hexdigest()[:7] for word in range(size // 8))
    written = {"storyContentVersion": 4, "story": {"fragments": [{"data": text, "origin": "user"}]}}
    fields = {
        "id": meta,
        "remoteId": card,
        "remoteStoryId": content,
        "title": f"Story {number}",
        "textPreview": text[:99],
    }
    return [sealed("stories", card, meta, fields, keys), sealed("storycontent", content, meta, written, keys)], keys


def damaged(item: StoredObject, way: int) -> StoredObject:
    """Return the same object, damaged so that it does not open."""
    data = from_base64(item.data, "test")
    match way % WAYS:
        case 0:
            changed = to_base64(data[:-1] + bytes([data[-1] ^ 1]))
        case 1:
            changed = to_base64(data[:30])
        case 2:
            changed = (item.data or "")[:-1] + "!"
        case 3:
            changed = to_base64(MARK + data.removeprefix(MARK)[:-1])
        case 4:
            changed = ""
        case 5:
            return StoredObject.from_json({**item.document, "meta": None})
        case 6:
            return StoredObject.from_json({**item.document, "meta": "nobody's"})
        case _:
            return StoredObject.from_json({**item.document, "data": 7})
    return StoredObject.from_json({**item.document, "data": changed})


def fill(owner: Account, count: int, *, breaking: int = 10) -> None:
    """Add stories, of which one card and one content in ``breaking`` do not open, in all ways; and some presets."""
    keys = keys_of(owner)
    for number in range(count):
        items, keys = story(number, keys)
        for at, item in enumerate(items):
            way = number // breaking
            put(owner, damaged(item, way) if number % breaking == 5 * at else item)
    short = [*keys][-1]
    put_keys(owner, replace(keys, keys_by_meta={**keys, short: keys[short][:24]}))
    for number in range(count // 10):
        data = to_base64(json.dumps({"name": f"Preset {number}"}).encode())
        put(owner, StoredObject(id=f"preset-{number}", type="presets", meta="", data=data, changeIndex=1))


# ---- backups in memory


@flow
def load_library() -> Steps[Any, Any]:
    token = yield from account.login(EMAIL, PASSWORD)
    return (yield from with_token(token, read_library(KEY)))


def back_up_into(backups: BackupDirectory, app: App) -> BackupSummary:
    """Back up into an open backup directory."""
    played: FlowTrace[Any, Any] = run_in_memory(load_library(), app)
    for event in played.events:
        backups.keep(event)
    return backups.finish(played.result)


def back_up(directory: Path, app: App) -> BackupSummary:
    with BackupDirectory(directory, EMAIL) as backups:
        return back_up_into(backups, app)


def open_all(owner: Account) -> dict[str, list[OpenedObject]]:
    """Return everything that an account stores, opened without the library."""
    keys = keys_of(owner)
    return {each: [open_object(item, keys) for item in objects_of(owner, each)] for each in TYPES}


def files_under(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())


def check_current(directory: Path, owner: Account) -> None:
    """Check that the files and the last run are what the account stores, byte by byte, without the backup's own checks."""
    now = open_all(owner)
    with BackupDirectory(directory) as backups:
        last = backups.runs[-1]
        assert last.finished is not None
        assert backups.verify().problems == ()
        for type_, items in now.items():
            assert [*backups.items(type_, run=last.id)] == items
    for items in now.values():
        for item in items:
            stem = directory / item.stored.type / item.stored.id
            ending = ".sealed.json" if item.ok else ".unopened.json"
            assert json.loads(Path(f"{stem}{ending}").read_bytes()) == item.stored.document
            if item.ok:
                assert Path(f"{stem}.json").read_bytes() == item.plaintext
