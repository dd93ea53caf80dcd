"""Backup directories: nothing that was backed up is lost, and the present state is always there.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.keystore import Keystore
from nai_proto.codecs.sealed_objects import OpenedObject, StoredObject, open_object
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import (
    AuthenticationError,
    Damaged,
    FileError,
    InvalidFile,
    InvalidRequestError,
    LocalProtocolError,
)
from nai_proto.exchange.session import Session
from nai_proto.http import Head
from nai_proto.library import Library, LoadEvent, ObjectsOpened, open_library
from nai_proto.objects import StoredKeystore
from nai_proto.testing import Clock, run_in_memory
from nai_transports import memory
from nai_transports.backups import BackupDirectory, BackupSummary, backup
from nai_transports.backups.database_rows import KEYSTORE_FILE
from nai_transports.servers.serve import serve_in_thread
from tests import support
from tests.backup_support import (
    MEMORY,
    back_up,
    back_up_into,
    check_current,
    damaged,
    empty_account,
    files_under,
    fill,
    keys_of,
    load_library,
    objects_of,
    open_all,
    put,
    put_keys,
    remove,
    sealed,
    story,
)
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_library import refusing

# ---- laws


@dataclass
class History:
    """An account, its backup directory, and the objects that each backup saw."""

    directory: Path
    emulator: Emulator
    owner: Account
    seen: list[dict[str, list[OpenedObject]]] = field(default_factory=list[dict[str, list[OpenedObject]]])
    made: int = 0

    def do(self, what: str, number: int) -> None:
        present = [item for type_ in ("stories", "storycontent") for item in objects_of(self.owner, type_)]
        item = present[number % len(present)] if present else None
        keys = keys_of(self.owner)
        match what:
            case "create":
                items, keys = story(self.made, keys, 200)
                self.made += 1
                put_keys(self.owner, keys)
                for each in items:
                    put(self.owner, each)
            case "change" if item is not None and item.meta is not None and item.meta in keys:
                put(self.owner, sealed(item.type, item.id, item.meta, {"title": str(number)}, keys, number))
            case "damage" if item is not None and open_object(item, keys).ok:
                put(self.owner, damaged(item, number))
            case "remove" if item is not None:
                remove(self.owner, item)
            case "lose a key" if keys:
                put_keys(self.owner, keys.without_keys([[*keys][number % len(keys)]]))
            case "back up":
                back_up(self.directory, self.emulator)
                self.seen.append(open_all(self.owner))
            case _:
                pass


STEPS = st.sampled_from(["create", "change", "damage", "remove", "lose a key", "back up", "back up"])


@settings(max_examples=scale_examples(60))
@given(st.lists(st.tuples(STEPS, st.integers(0, 99)), max_size=25))
def test_no_backup_loses_anything_whatever_happens_to_the_account(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        history = History(Path(directory) / "backups", *empty_account())
        for what, number in [("create", 0), *steps, ("back up", 0)]:
            history.do(what, number)
        check_current(history.directory, history.owner)
        best: dict[tuple[str, str], OpenedObject] = {}
        with BackupDirectory(history.directory) as backups:
            for run, seen in enumerate(history.seen, 1):
                for type_, items in seen.items():
                    assert [*backups.items(type_, run=run)] == items
                    for item in items:
                        before = best.get((type_, item.stored.id))
                        if item.ok or before is None or not before.ok:
                            best[type_, item.stored.id] = item
            now = {(item.stored.id): item for item in backups.items()}
        assert now == {id_: item for (_, id_), item in best.items()}
        for (type_, id_), item in best.items():
            if item.ok:
                assert (history.directory / type_ / f"{id_}.json").read_bytes() == item.plaintext


# ---- summaries


def test_a_summary_counts_new_changed_unchanged_gone_and_failed_objects(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "backups"
    assert back_up(directory, emulator) == BackupSummary(1, new=6, changed=0, unchanged=0, gone=0, failed=0, written=6)
    assert back_up(directory, emulator) == BackupSummary(2, new=0, changed=0, unchanged=6, gone=0, failed=0, written=0)
    first, second, third = objects_of(owner, "stories")
    put(owner, damaged(first, 0))
    remove(owner, second)
    put(owner, sealed("stories", third.id, third.meta or "", {"title": "Another"}, keys_of(owner)))
    put(owner, StoredObject(id="p", type="presets", data="e30=", meta=""))
    assert back_up(directory, emulator) == BackupSummary(3, new=1, changed=2, unchanged=3, gone=1, failed=1, written=3)
    put(owner, first)
    put(owner, second)
    again = back_up(directory, emulator)
    assert (again.changed, again.unchanged, again.gone, again.written) == (1, 6, 0, 0)
    check_current(directory, owner)


def test_a_restored_object_is_counted_as_one_with_another_id_and_not_as_gone(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "backups"
    put(owner, StoredObject(id="old preset", type="presets", data="eyJpZCI6ImEifQ==", meta=""))
    back_up(directory, emulator)
    restored, lost, _ = objects_of(owner, "stories")
    for each in (restored, lost, *objects_of(owner, "presets")):
        remove(owner, each)
    put(owner, msgspec.structs.replace(restored, id="restored"))
    put(owner, StoredObject(id="new preset", type="presets", data="eyJpZCI6ImEifQ==", meta=""))
    summary = back_up(directory, emulator)
    assert (summary.new, summary.moved, summary.gone) == (2, 2, 1)
    with BackupDirectory(directory) as backups:
        ids = {item.stored.id for item in backups.items()}
    assert {restored.id, lost.id, "restored", "old preset", "new preset"} <= ids


def test_a_content_that_opened_stays_readable_when_its_object_no_longer_opens(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    back_up(tmp_path / "backups", emulator)
    item = objects_of(owner, "storycontent")[0]
    stem = f"{tmp_path}/backups/storycontent/{item.id}"
    plaintext, before = Path(f"{stem}.json").read_bytes(), Path(f"{stem}.sealed.json").read_bytes()
    put(owner, damaged(item, 0))
    back_up(tmp_path / "backups", emulator)
    assert Path(f"{stem}.json").read_bytes() == plaintext
    assert Path(f"{stem}.sealed.json").read_bytes() == before
    assert Path(f"{stem}.unopened.json").read_bytes() not in (b"", before)


def test_one_call_backs_up_an_account(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    events: list[LoadEvent] = []
    session = Session(base_url="http://emulator.invalid")
    with memory.Client(emulator, session, clock=Clock()) as client:
        with pytest.raises(AuthenticationError):
            backup(client, EMAIL, "wrong", tmp_path / "backups")
        assert not (tmp_path / "backups").exists()
        summary = backup(client, EMAIL, PASSWORD, tmp_path / "backups", events.append)
    assert summary.listed == 6
    assert len(events) == 7
    check_current(tmp_path / "backups", owner)


def test_objects_without_an_id_or_with_an_id_that_is_no_file_name_are_kept(tmp_path: Path) -> None:
    emulator, owner = empty_account()
    for id_ in ("", "../../etc/passwd", "con", "a", "A", "ü" * 200, "\x00"):
        put(owner, StoredObject(id=id_, type="presets", data="e30=", meta=""))
    back_up(tmp_path / "backups", emulator)
    summary = back_up(tmp_path / "backups", emulator)
    assert (summary.unchanged, summary.written) == (7, 0)
    with BackupDirectory(tmp_path / "backups") as backups:
        assert [item.stored for item in backups.items("presets", run=2)] == objects_of(owner, "presets")
    names = [path.name for path in files_under(tmp_path / "backups" / "presets")]
    assert len({name.lower() for name in names}) == 14
    assert not any(name.lower().startswith("con.") for name in names)
    assert {path.parent.name for path in files_under(tmp_path)} == {"presets", "backups"}


def test_objects_with_the_same_id_are_all_kept(tmp_path: Path) -> None:
    data = ("e30=", "e30=", "eyJhIjoxfQ==", "e30=")
    items = tuple(
        open_object(StoredObject(type="presets", data=each, id=id_), {}) for id_ in ("", "x") for each in data
    )
    for _ in range(2):
        with BackupDirectory(tmp_path / "backups", EMAIL) as backups:
            backups.begin(StoredKeystore(None))
            backups.keep(ObjectsOpened("presets", items, 8, 8))
            summary = backups.finish(Library(Keystore(), (), others={"presets": items}))
            assert tuple(backups.items("presets", run=summary.run)) == items
    assert (summary.written, summary.changed, summary.gone) == (0, 0, 0)


# ---- protection


def test_only_the_owner_can_read_a_backup(tmp_path: Path) -> None:
    back_up(tmp_path / "backups", an_emulator()[0])
    if sys.platform != "win32":
        modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "backups").rglob("*")}
        assert modes == {True: 0o700, False: 0o600}
        assert stat.S_IMODE((tmp_path / "backups").stat().st_mode) == 0o700


def test_a_backup_has_no_key_and_no_password(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    back_up(tmp_path / "backups", emulator)
    everything = b"".join(path.read_bytes() for path in files_under(tmp_path))
    assert PASSWORD.encode() not in everything
    assert EMAIL.encode() not in everything
    for key in keys_of(owner).values():
        assert key not in everything
        assert str([*key])[1:-1].encode() not in everything
        assert ",".join(map(str, key)).encode() not in everything


def read_files(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in files_under(directory)}


def open_error(directory: Path, email: str | None = EMAIL) -> str:
    """Return why a backup directory is not opened, and check that nothing was changed."""
    before = read_files(directory)
    with pytest.raises((FileError, InvalidFile)) as caught, BackupDirectory(directory, email) as backups:
        backups.begin(StoredKeystore(None))
    assert read_files(directory) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_backup_directory_has_one_account(tmp_path: Path) -> None:
    back_up(tmp_path / "backups", an_emulator()[0])
    assert "another account" in open_error(tmp_path / "backups", "reader@example.com")
    BackupDirectory(tmp_path / "backups", EMAIL.upper()).close()


def test_other_directories_and_other_files_are_left_alone(tmp_path: Path) -> None:
    assert "is not a backup directory: that is one which nai library backup has made" in open_error(tmp_path, None)
    assert "does not exist; nai library backup" in open_error(tmp_path / "nothing", None)
    (tmp_path / "diary.txt").write_text("Monday")
    assert "is a file, and not a backup directory" in open_error(tmp_path / "diary.txt", None)
    assert "not empty" in open_error(tmp_path)
    assert open_error(tmp_path / "diary.txt").endswith("diary.txt is a file: name another directory")
    (tmp_path / "backup.sqlite").write_text("Tuesday")
    said = open_error(tmp_path)
    assert "not a database" in said
    assert "is damaged" in said
    assert "the files beside it can still be read; back up to another directory" in said
    (tmp_path / "backup.sqlite").write_bytes(b"")
    assert "nothing was ever backed up" in open_error(tmp_path, None)
    with sqlite3.connect(tmp_path / "backup.sqlite") as db:
        db.execute("CREATE TABLE diary (day TEXT)")
    db.close()
    assert "another program's" in open_error(tmp_path)
    assert "another program's" in open_error(tmp_path, None)


def test_a_newer_format_and_a_damaged_file_are_errors(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    fill(owner, 20)
    directory = tmp_path / "backups"
    back_up(directory, emulator)
    file = directory / "backup.sqlite"
    whole = file.read_bytes()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version=2")
    db.close()
    assert "format 2" in open_error(directory)
    file.write_bytes(whole[: len(whole) // 2])
    assert "malformed" in open_error(directory) or "damaged" in open_error(directory)


def test_two_programs_cannot_use_one_backup_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nai_transports.backups.sqlite_connection._LOCK_TIMEOUT_S", 0.05)
    emulator, _ = an_emulator()
    back_up(tmp_path / "backups", emulator)
    with BackupDirectory(tmp_path / "backups"), pytest.raises(FileError, match="another program"):
        BackupDirectory(tmp_path / "backups", EMAIL)
    back_up(tmp_path / "backups", emulator)


# ---- files and verification


def test_a_backup_says_which_files_it_repairs(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "backups"
    assert back_up(directory, emulator).repaired == {}
    card, content = objects_of(owner, "stories")[0], objects_of(owner, "storycontent")[0]
    missing, changed = f"stories/{card.id}.json", f"storycontent/{content.id}.sealed.json"
    (directory / missing).unlink()
    (directory / KEYSTORE_FILE).unlink()
    (directory / changed).write_text("mine")
    repaired = back_up(directory, emulator).repaired
    assert ({*repaired}, repaired[missing], repaired[KEYSTORE_FILE]) == ({missing, changed, KEYSTORE_FILE}, "", "")
    assert (directory / repaired[changed]).read_text() == "mine"
    check_current(directory, owner)
    assert back_up(directory, emulator).repaired == {}


def test_what_an_interrupted_backup_did_not_write_is_no_repair(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "backups"
    back_up(directory, emulator)
    with BackupDirectory(directory, EMAIL) as backups:
        backups.begin(StoredKeystore(owner.storage.keystore))
    (directory / "stories" / f"{objects_of(owner, 'stories')[0].id}.json").unlink()
    assert back_up(directory, emulator).repaired == {}
    check_current(directory, owner)


def test_verify_finds_each_file_and_each_row_that_is_missing_or_damaged(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "backups"
    back_up(directory, emulator)
    card, content = objects_of(owner, "stories")[0], objects_of(owner, "storycontent")[0]
    (directory / "stories" / f"{card.id}.json").unlink()
    (directory / "storycontent" / f"{content.id}.sealed.json").write_text("mine")
    with BackupDirectory(directory) as backups:
        report = backups.verify()
    assert [(str(problem), problem.object, problem.runs) for problem in report.problems] == [
        (f"stories/{card.id}.json is missing", ("stories", card.id), frozenset([1])),
        (
            f"storycontent/{content.id}.sealed.json is not what was backed up",
            ("storycontent", content.id),
            frozenset([1]),
        ),
    ]
    assert (report.is_damaged(1), report.is_damaged(2)) == (True, False)
    for statement in (
        "UPDATE sealed SET content = x'7b7d' WHERE rowid = 2",
        "UPDATE plaintexts SET content = x'00' WHERE rowid = 1",
    ):
        with sqlite3.connect(directory / "backup.sqlite") as db:
            db.execute(statement)
        db.close()
    with BackupDirectory(directory, EMAIL) as backups:
        assert [problem.is_repairable for problem in backups.verify().problems] == [False, False, True, True]
        with pytest.raises(Damaged):
            [*backups.items()]
        with pytest.raises(Damaged, match="not what was backed up"):
            back_up_into(backups, emulator)
        assert [run.finished is not None for run in backups.runs] == [True, False]


def test_a_file_that_somebody_has_changed_is_renamed_and_written_again(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    back_up(tmp_path / "backups", emulator)
    path = tmp_path / "backups" / "stories" / f"{objects_of(owner, 'stories')[0].id}.json"
    path.write_text("my own words")
    back_up(tmp_path / "backups", emulator)
    check_current(tmp_path / "backups", owner)
    (aside,) = path.parent.glob(f"{path.name}.*")
    assert aside.read_text() == "my own words"


def test_an_unchanged_account_is_not_written_again(tmp_path: Path) -> None:
    emulator, _ = an_emulator()
    back_up(tmp_path / "backups", emulator)
    before = {path: path.stat().st_mtime_ns for path in files_under(tmp_path) if path.suffix == ".json"}
    back_up(tmp_path / "backups", emulator)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_objects_of_a_type_that_cannot_be_listed_are_not_gone(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    put(owner, StoredObject(id="p", type="presets", data="e30=", meta=""))
    back_up(tmp_path / "backups", emulator)
    summary = back_up(tmp_path / "backups", refusing(emulator, "/user/objects/presets", Head(502)))
    assert (summary.unchanged, summary.gone, [*summary.unread]) == (6, 0, ["presets"])


def test_a_run_is_finished_with_the_library_of_its_events(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    played = run_in_memory(load_library(), emulator)
    with BackupDirectory(tmp_path / "backups", EMAIL) as backups:
        with pytest.raises(LocalProtocolError, match="no backup yet"):
            backups.verify()
        for event in played.events[:-3]:
            backups.keep(event)
        assert repr(backups) == f"<BackupDirectory {tmp_path / 'backups'}, run 1>"
        put(owner, StoredObject(id="p", type="presets", data="e30=", meta=""))
        with pytest.raises(InvalidRequestError, match="other objects"):
            backups.finish(run_in_memory(load_library(), emulator).result)
        with pytest.raises(InvalidRequestError, match="has no backup 7; it has 1 to 1"):
            backups.items(run=7)
        assert backups.finish(played.result).new == 6
        with pytest.raises(LocalProtocolError, match="no run has begun"):
            backups.finish(played.result)
    with BackupDirectory(tmp_path / "backups") as backups, pytest.raises(LocalProtocolError, match="for reading only"):
        backups.begin(StoredKeystore(None))


@pytest.mark.parametrize("transport", support.WIRED)
def test_an_asynchronous_program_backs_up_in_a_thread(transport: str, tmp_path: Path) -> None:
    emulator, owner = an_emulator()

    async def main(url: str) -> BackupSummary:
        with BackupDirectory(tmp_path / "backups", EMAIL) as backups:
            connecting = support.connecting(transport, Session(base_url=url))
            async with connecting as client, client.stream(open_library(EMAIL, PASSWORD)) as events:
                async for event in events:
                    await anyio.to_thread.run_sync(backups.keep, event)
                return await anyio.to_thread.run_sync(backups.finish, events.result)

    with serve_in_thread(emulator) as url:
        assert support.running(transport, lambda: main(url)).new == 6
    check_current(tmp_path / "backups", owner)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, owner = an_emulator()
    back_up(tmp_path / "backups", emulator)
    put(owner, damaged(objects_of(owner, "stories")[0], 0))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(FileError, match="No space left"):
            back_up(tmp_path / "backups", emulator)
    with BackupDirectory(tmp_path / "backups") as backups:
        (problem,) = backups.verify().problems
        assert "the last backup was interrupted" in problem.message
    assert back_up(tmp_path / "backups", emulator).changed == 1
    check_current(tmp_path / "backups", owner)


def test_every_file_is_flushed_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: set[int] = set()
    named: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flush(handle: int) -> None:
        fsync(handle)
        flushed.add(os.fstat(handle).st_ino)

    def name(source: str, target: Path) -> None:
        assert os.stat(source).st_ino in flushed
        named.append(target.name)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", name)
    back_up(tmp_path / "backups", an_emulator()[0])
    assert len(named) == 13
    if sys.platform != "win32":
        assert {path.stat().st_ino for path in (tmp_path, *tmp_path.rglob("*")) if path.is_dir()} <= flushed
