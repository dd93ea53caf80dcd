"""Vaults: what is backed up is never lost, and the account's present state is always there.

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
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.keystore import Keystore
from nai_proto.codecs.sealed import Opened, StoredObject, open_object
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
from nai_transports.servers.serve import serve_in_thread
from nai_transports.vault import Summary, Vault, backup
from tests import support
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_library import refusing
from tests.vaults import (
    MEMORY,
    backed_up,
    broken,
    check_current,
    empty_account,
    files_under,
    fill,
    kept,
    keys_of,
    listing,
    objects_of,
    put,
    put_keys,
    remove,
    sealed,
    state,
    story,
)

# ---- laws


@dataclass
class History:
    """An account, its vault, and what each backup saw."""

    directory: Path
    emulator: Emulator
    owner: Account
    seen: list[dict[str, list[Opened]]] = field(default_factory=list[dict[str, list[Opened]]])
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
                put(self.owner, broken(item, number))
            case "remove" if item is not None:
                remove(self.owner, item)
            case "lose a key" if keys:
                put_keys(self.owner, keys.without([[*keys][number % len(keys)]]))
            case "back up":
                backed_up(self.directory, self.emulator)
                self.seen.append(state(self.owner))
            case _:
                pass


STEPS = st.sampled_from(["create", "change", "damage", "remove", "lose a key", "back up", "back up"])


@settings(max_examples=60)
@given(st.lists(st.tuples(STEPS, st.integers(0, 99)), max_size=25))
def test_whatever_happens_to_an_account_no_backup_loses_anything(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        history = History(Path(directory) / "vault", *empty_account())
        for what, number in [("create", 0), *steps, ("back up", 0)]:
            history.do(what, number)
        check_current(history.directory, history.owner)
        best: dict[tuple[str, str], Opened] = {}
        with Vault(history.directory) as vault:
            for run, seen in enumerate(history.seen, 1):
                for type_, items in seen.items():
                    assert [*vault.items(type_, run=run)] == items
                    for item in items:
                        before = best.get((type_, item.stored.id))
                        if item.ok or before is None or not before.ok:
                            best[type_, item.stored.id] = item
            now = {(item.stored.id): item for item in vault.items()}
        assert now == {id_: item for (_, id_), item in best.items()}
        for (type_, id_), item in best.items():
            if item.ok:
                assert (history.directory / type_ / f"{id_}.json").read_bytes() == item.plaintext


# ---- what a backup tells


def test_a_backup_tells_what_is_new_changed_unchanged_gone_and_did_not_open(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "vault"
    assert backed_up(directory, emulator) == Summary(1, new=6, changed=0, unchanged=0, gone=0, failed=0, written=6)
    assert backed_up(directory, emulator) == Summary(2, new=0, changed=0, unchanged=6, gone=0, failed=0, written=0)
    first, second, third = objects_of(owner, "stories")
    put(owner, broken(first, 0))
    remove(owner, second)
    put(owner, sealed("stories", third.id, third.meta or "", {"title": "Another"}, keys_of(owner)))
    put(owner, StoredObject(id="p", type="presets", data="e30=", meta=""))
    assert backed_up(directory, emulator) == Summary(3, new=1, changed=2, unchanged=3, gone=1, failed=1, written=3)
    put(owner, first)
    put(owner, second)
    again = backed_up(directory, emulator)
    assert (again.changed, again.unchanged, again.gone, again.written) == (1, 6, 0, 0)
    check_current(directory, owner)


def test_what_opened_once_stays_readable_when_it_does_not_open_any_more(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    backed_up(tmp_path / "vault", emulator)
    item = objects_of(owner, "storycontent")[0]
    stem = f"{tmp_path}/vault/storycontent/{item.id}"
    plaintext, before = Path(f"{stem}.json").read_bytes(), Path(f"{stem}.sealed.json").read_bytes()
    put(owner, broken(item, 0))
    backed_up(tmp_path / "vault", emulator)
    assert Path(f"{stem}.json").read_bytes() == plaintext
    assert Path(f"{stem}.sealed.json").read_bytes() == before
    assert Path(f"{stem}.unopened.json").read_bytes() not in (b"", before)


def test_the_client_s_side_is_one_call(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    told: list[LoadEvent] = []
    session = Session(base_url="http://emulator.invalid")
    with memory.Client(emulator, session, clock=Clock()) as client:
        with pytest.raises(AuthenticationError):
            backup(client, EMAIL, "wrong", tmp_path / "vault")
        assert not (tmp_path / "vault").exists()
        summary = backup(client, EMAIL, PASSWORD, tmp_path / "vault", told.append)
    assert summary.listed == 6
    assert len(told) == 7
    check_current(tmp_path / "vault", owner)


def test_objects_without_an_id_or_with_one_that_is_no_name_are_kept(tmp_path: Path) -> None:
    emulator, owner = empty_account()
    for id_ in ("", "../../etc/passwd", "con", "a", "A", "ü" * 200, "\x00"):
        put(owner, StoredObject(id=id_, type="presets", data="e30=", meta=""))
    backed_up(tmp_path / "vault", emulator)
    summary = backed_up(tmp_path / "vault", emulator)
    assert (summary.unchanged, summary.written) == (7, 0)
    with Vault(tmp_path / "vault") as vault:
        assert [item.stored for item in vault.items("presets", run=2)] == objects_of(owner, "presets")
    names = [path.name for path in files_under(tmp_path / "vault" / "presets")]
    assert len({name.lower() for name in names}) == 14
    assert not any(name.lower().startswith("con.") for name in names)
    assert {path.parent.name for path in files_under(tmp_path)} == {"presets", "vault"}


def test_objects_that_cannot_be_told_apart_are_all_kept(tmp_path: Path) -> None:
    data = ("e30=", "e30=", "eyJhIjoxfQ==", "e30=")
    items = tuple(
        open_object(StoredObject(type="presets", data=each, id=id_), {}) for id_ in ("", "x") for each in data
    )
    for _ in range(2):
        with Vault(tmp_path / "vault", EMAIL) as vault:
            vault.begin(StoredKeystore(None))
            vault.keep(ObjectsOpened("presets", items, 8, 8))
            summary = vault.finish(Library(Keystore(), (), others={"presets": items}))
            assert tuple(vault.items("presets", run=summary.run)) == items
    assert (summary.written, summary.changed, summary.gone) == (0, 0, 0)


# ---- whose it is


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    backed_up(tmp_path / "vault", an_emulator()[0])
    if sys.platform != "win32":
        modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "vault").rglob("*")}
        assert modes == {True: 0o700, False: 0o600}
        assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o700


def test_no_key_and_no_password_is_in_it(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    backed_up(tmp_path / "vault", emulator)
    everything = b"".join(path.read_bytes() for path in files_under(tmp_path))
    assert PASSWORD.encode() not in everything
    assert EMAIL.encode() not in everything
    for key in keys_of(owner).values():
        assert key not in everything
        assert str([*key])[1:-1].encode() not in everything
        assert ",".join(map(str, key)).encode() not in everything


def snapshot(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in files_under(directory)}


def refused(directory: Path, email: str | None = EMAIL) -> str:
    """Why a vault is not opened; and that nothing is changed by that."""
    before = snapshot(directory)
    with pytest.raises((FileError, InvalidFile)) as caught, Vault(directory, email) as vault:
        vault.begin(StoredKeystore(None))
    assert snapshot(directory) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_vault_has_one_account(tmp_path: Path) -> None:
    backed_up(tmp_path / "vault", an_emulator()[0])
    assert "another account" in refused(tmp_path / "vault", "reader@example.com")
    Vault(tmp_path / "vault", EMAIL.upper()).close()


def test_other_directories_and_other_files_are_left_alone(tmp_path: Path) -> None:
    assert "has no vault" in refused(tmp_path, None)
    (tmp_path / "diary.txt").write_text("Monday")
    assert "not empty" in refused(tmp_path)
    assert "not empty" in refused(tmp_path / "diary.txt")
    (tmp_path / "vault.sqlite").write_text("Tuesday")
    assert "not a database" in refused(tmp_path)
    (tmp_path / "vault.sqlite").write_bytes(b"")
    assert "nothing was ever backed up" in refused(tmp_path, None)
    with sqlite3.connect(tmp_path / "vault.sqlite") as db:
        db.execute("CREATE TABLE diary (day TEXT)")
    db.close()
    assert "another program's" in refused(tmp_path)
    assert "another program's" in refused(tmp_path, None)


def test_a_newer_format_and_a_damaged_file_are_told(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    fill(owner, 20)
    directory = tmp_path / "vault"
    backed_up(directory, emulator)
    file = directory / "vault.sqlite"
    whole = file.read_bytes()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version=2")
    db.close()
    assert "format 2" in refused(directory)
    file.write_bytes(whole[: len(whole) // 2])
    assert "malformed" in refused(directory) or "damaged" in refused(directory)


def test_two_programs_do_not_mix_in_one_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nai_transports.vault.store._PATIENCE", 0.05)
    emulator, _ = an_emulator()
    backed_up(tmp_path / "vault", emulator)
    with Vault(tmp_path / "vault"), pytest.raises(FileError, match="another program"):
        Vault(tmp_path / "vault", EMAIL)
    backed_up(tmp_path / "vault", emulator)


# ---- what is on the disk


def test_verifying_finds_each_file_and_each_row_that_is_not_what_was_backed_up(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    directory = tmp_path / "vault"
    backed_up(directory, emulator)
    card, content = objects_of(owner, "stories")[0], objects_of(owner, "storycontent")[0]
    (directory / "stories" / f"{card.id}.json").unlink()
    (directory / "storycontent" / f"{content.id}.sealed.json").write_text("mine")
    with Vault(directory) as vault:
        problems = vault.verify().problems
    assert problems == (
        f"stories/{card.id}.json is not there",
        f"storycontent/{content.id}.sealed.json is not what was backed up",
    )
    for statement in (
        "UPDATE sealed SET content = x'7b7d' WHERE rowid = 2",
        "UPDATE plaintexts SET content = x'00' WHERE rowid = 1",
    ):
        with sqlite3.connect(directory / "vault.sqlite") as db:
            db.execute(statement)
        db.close()
    with Vault(directory, EMAIL) as vault:
        assert len(vault.verify().problems) == 4
        with pytest.raises(Damaged):
            [*vault.items()]
        with pytest.raises(Damaged, match="not what was backed up"):
            kept(vault, emulator)
        assert [run.finished is not None for run in vault.runs] == [True, False]


def test_a_file_that_somebody_has_changed_is_set_aside_and_written_again(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    backed_up(tmp_path / "vault", emulator)
    path = tmp_path / "vault" / "stories" / f"{objects_of(owner, 'stories')[0].id}.json"
    path.write_text("my own words")
    backed_up(tmp_path / "vault", emulator)
    check_current(tmp_path / "vault", owner)
    (aside,) = path.parent.glob(f"{path.name}.*")
    assert aside.read_text() == "my own words"


def test_an_unchanged_account_is_not_written_again(tmp_path: Path) -> None:
    emulator, _ = an_emulator()
    backed_up(tmp_path / "vault", emulator)
    before = {path: path.stat().st_mtime_ns for path in files_under(tmp_path) if path.suffix == ".json"}
    backed_up(tmp_path / "vault", emulator)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_type_that_cannot_be_listed_has_not_gone(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    put(owner, StoredObject(id="p", type="presets", data="e30=", meta=""))
    backed_up(tmp_path / "vault", emulator)
    summary = backed_up(tmp_path / "vault", refusing(emulator, "/user/objects/presets", Head(502)))
    assert (summary.unchanged, summary.gone, [*summary.unread]) == (6, 0, ["presets"])


def test_a_run_ends_with_the_library_whose_events_were_kept(tmp_path: Path) -> None:
    emulator, owner = an_emulator()
    played = run_in_memory(listing(), emulator)
    with Vault(tmp_path / "vault", EMAIL) as vault:
        with pytest.raises(LocalProtocolError, match="no vault yet"):
            vault.verify()
        for event in played.events[:-3]:
            vault.keep(event)
        put(owner, StoredObject(id="p", type="presets", data="e30=", meta=""))
        with pytest.raises(InvalidRequestError, match="other objects"):
            vault.finish(run_in_memory(listing(), emulator).result)
        with pytest.raises(InvalidRequestError, match="no run 7"):
            vault.items(run=7)
        assert vault.finish(played.result).new == 6
        with pytest.raises(LocalProtocolError, match="no run has begun"):
            vault.finish(played.result)
    with Vault(tmp_path / "vault") as vault, pytest.raises(LocalProtocolError, match="only read"):
        vault.begin(StoredKeystore(None))


@pytest.mark.parametrize("transport", support.WIRED)
def test_asynchronous_programs_keep_a_vault_in_a_thread(transport: str, tmp_path: Path) -> None:
    emulator, owner = an_emulator()

    async def main(url: str) -> Summary:
        with Vault(tmp_path / "vault", EMAIL) as vault:
            connecting = support.connecting(transport, Session(base_url=url))
            async with connecting as client, client.stream(open_library(EMAIL, PASSWORD)) as events:
                async for event in events:
                    await anyio.to_thread.run_sync(vault.keep, event)
                return await anyio.to_thread.run_sync(vault.finish, events.result)

    with serve_in_thread(emulator) as url:
        assert support.running(transport, lambda: main(url)).new == 6
    check_current(tmp_path / "vault", owner)


def test_a_disk_that_is_full_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, owner = an_emulator()
    backed_up(tmp_path / "vault", emulator)
    put(owner, broken(objects_of(owner, "stories")[0], 0))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(FileError, match="No space left"):
            backed_up(tmp_path / "vault", emulator)
    with Vault(tmp_path / "vault") as vault:
        (problem,) = vault.verify().problems
        assert "the last backup was interrupted" in problem
    assert backed_up(tmp_path / "vault", emulator).changed == 1
    check_current(tmp_path / "vault", owner)


def test_every_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    backed_up(tmp_path / "vault", an_emulator()[0])
    assert len(named) == 13
    if sys.platform != "win32":
        assert {path.stat().st_ino for path in (tmp_path, *tmp_path.rglob("*")) if path.is_dir()} <= flushed
