"""Whatever happens to an account and to its backup, in whatever order: what was backed up once can be restored.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.errors import Damaged, InvalidFile
from nai_proto.library import Library, open_library, plan_restore
from nai_proto.library.restore import restore
from nai_proto.testing import run_in_memory
from nai_transports.backups import BackupDirectory
from nai_transports.backups.sqlite_connection import DATABASE_NAME
from tests.backup_support import (
    KEY,
    MEMORY,
    WAYS,
    back_up,
    check_current,
    damaged,
    empty_account,
    files_under,
    keys_of,
    objects_of,
    put,
    put_keys,
    remove,
    sealed,
    story,
)
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, logged_in

TYPES = st.sampled_from(["stories", "storycontent"])
WHICH = st.integers(0, 1000)


class BackupMachine(RuleBasedStateMachine):
    """Beside account and backup a model: the last content of each object that was backed up while it opened."""

    def __init__(self) -> None:
        super().__init__()
        self.parent = Path(tempfile.mkdtemp(dir=MEMORY))
        self.directory = self.parent / "backup"
        self.emulator, self.owner = empty_account()
        self.backed_up: dict[tuple[str, str], bytes] = {}
        self.damaged: tuple[Path, bytes] | None = None
        "The file that somebody has damaged since the last backup, and what it held."
        self.stories = self.changes = 0

    def teardown(self) -> None:
        shutil.rmtree(self.parent)

    @property
    def library(self) -> Library:
        library: Library = run_in_memory(open_library(EMAIL, PASSWORD), self.emulator, entropy=bytes).result
        return library

    # ---- the account

    @rule()
    def write_story(self) -> None:
        self.stories += 1
        items, keys = story(self.stories, keys_of(self.owner), size=50)
        for item in items:
            put(self.owner, item)
        put_keys(self.owner, keys)

    def find_opened(self, type_: str, which: int) -> OpenedObject | None:
        found = [item for item in self.library.items if item.ok and item.stored.type == type_]
        return found[which % len(found)] if found else None

    @rule(type_=TYPES, which=WHICH)
    def change_object(self, type_: str, which: int) -> None:
        """Write another content, as a program does that opens the object."""
        if (item := self.find_opened(type_, which)) is None:
            return
        self.changes += 1
        fields = {**item.json(), "title": f"Change {self.changes}"}
        index = (item.stored.changeIndex or 0) + 1
        put(self.owner, sealed(type_, item.stored.id, item.stored.meta or "", fields, keys_of(self.owner), index))

    @rule(type_=TYPES, which=WHICH, way=st.integers(0, WAYS - 1))
    def break_object(self, type_: str, which: int, way: int) -> None:
        if (item := self.find_opened(type_, which)) is not None:
            put(self.owner, damaged(item.stored, way))

    @rule(type_=TYPES, which=WHICH)
    def delete_object(self, type_: str, which: int) -> None:
        if found := objects_of(self.owner, type_):
            remove(self.owner, found[which % len(found)])

    # ---- the backup

    @rule()
    def back_up(self) -> None:
        library = self.library
        summary = back_up(self.directory, self.emulator)
        self.check_repairs({self.directory / name for name in summary.repaired})
        self.backed_up |= {(item.stored.type, item.stored.id): item.plaintext for item in library.items if item.ok}
        check_current(self.directory, self.owner)

    def check_repairs(self, repaired: set[Path]) -> None:
        """A damaged file is named, unless the account has a newer content for it; no other is."""
        path, content = self.damaged or (None, b"")
        assert repaired <= {path}
        if path is not None and path.read_bytes() == content:
            assert path in repaired
        self.damaged = None

    @precondition(lambda self: self.backed_up and self.damaged is None)
    @rule(which=WHICH, how=st.sampled_from(["delete", "cut", "change"]))
    def damage_file(self, which: int, how: str) -> None:
        """Verifying finds it, and the next backup writes it again."""
        files = [path for path in files_under(self.directory) if path.name.endswith(".json")]
        path = files[which % len(files)]
        self.damaged = path, path.read_bytes()
        spoil(path, how)
        with BackupDirectory(self.directory) as backups:
            assert len(backups.verify().problems) == 1

    @precondition(lambda self: self.backed_up)
    @rule(which=WHICH, how=st.sampled_from(["cut", "change"]))
    def damage_database(self, which: int, how: str) -> None:
        """It is found, or has changed nothing that is read; then somebody brings the file back."""
        path = self.directory / DATABASE_NAME
        content = path.read_bytes()
        spoil(path, how, which * 97)
        with suppress(InvalidFile, Damaged), BackupDirectory(self.directory) as backups:
            assert backups.verify().problems or read_contents(backups) == self.backed_up
        path.write_bytes(content)

    # ---- bringing it back

    @precondition(lambda self: self.backed_up)
    @rule()
    def restore(self) -> None:
        """What the backup has is in the account again, under the old ids or new ones, and the plan is empty then."""
        with BackupDirectory(self.directory) as backups:
            items = [*backups.items()]
        run_in_memory(logged_in(restore(plan_restore(self.library, items), KEY)), self.emulator).result  # noqa: B018
        present = contents_by_key([item for item in self.library.items if item.ok])
        for key, contents in contents_by_key([item for item in items if item.ok]).items():
            assert present[key]
            assert all(content in contents for content in present[key])
        assert not [step for step in plan_restore(self.library, items) if step.action.is_write]

    # ---- what always holds

    @invariant()
    def the_backup_has_everything(self) -> None:
        if self.backed_up:
            with BackupDirectory(self.directory) as backups:
                assert read_contents(backups) == self.backed_up


def read_contents(backups: BackupDirectory) -> Mapping[tuple[str, str], bytes]:
    """Return the last content of each object that opened."""
    return {(item.stored.type, item.stored.id): item.plaintext for item in backups.items() if item.ok}


def contents_by_key(items: list[OpenedObject]) -> Mapping[tuple[str, str | None], list[dict[str, Any]]]:
    """Return what a person has written: without ids, which are new where an object is created again."""
    found = defaultdict[tuple[str, str | None], list[dict[str, Any]]](list)
    for item in items:
        fields = {name: value for name, value in item.json().items() if name not in ("remoteId", "remoteStoryId")}
        found[item.stored.type, item.stored.meta].append(fields)
    return found


def spoil(path: Path, how: str, at: int = 0) -> None:
    content = bytearray(path.read_bytes())
    os.chmod(path, 0o600)
    match how:
        case "delete":
            path.unlink()
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case _:
            content[at % len(content)] ^= 1
            path.write_bytes(content)


TestBackupMachine = BackupMachine.TestCase
TestBackupMachine.settings = settings(max_examples=scale_examples(25), stateful_step_count=10, deadline=None)
