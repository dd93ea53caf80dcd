"""``nai library backup``, ``verify`` and ``restore``, as a person or a script runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject
from nai_proto.emulator import Account
from nai_proto.errors import InvalidRequestError
from nai_proto.library import KeystoreReplacement
from nai_proto.objects import StoredKeystore
from nai_transports.backups import BackupDirectory
from nai_transports.cli.app import app
from nai_transports.cli.library.restore import select_items
from nai_transports.servers.serve import serve_in_thread
from tests.backup_support import check_current, damaged, keys_of, objects_of, open_all, put, remove, sealed
from tests.cases import for_each
from tests.support import EMAIL, PASSWORD, an_emulator


class Person:
    """Somebody with an account, a directory and a shell."""

    def __init__(self, url: str, owner: Account, directory: Path) -> None:
        self.owner = owner
        self.directory = directory
        self._environment = {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD, "NAI_TOKEN": ""}

    def run(self, command: str, *arguments: str, **environment: str) -> Result:
        there = {**self._environment, **environment}
        return CliRunner().invoke(app, ["library", command, str(self.directory), *arguments], env=there)

    def run_json(self, command: str, *arguments: str) -> Any:
        done = self.run(command, *arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        yield Person(url, owner, tmp_path / "backups")


def test_backup_and_verify_print_what_they_did(person: Person) -> None:
    put(person.owner, damaged(objects_of(person.owner, "stories")[2], 0))
    done = person.run("backup")
    assert done.exit_code == 0, done.stderr
    assert "6 objects backed up and verified in" in done.stdout
    assert "1 did not open" in done.stderr
    check_current(person.directory, person.owner)
    facts = person.run_json("backup")
    assert (facts["listed"], facts["unchanged"], facts["written"], facts["failed"]) == (6, 6, 0, 1)
    report = person.run_json("verify")
    assert (report["ok"], report["objects"], len(report["backups"])) == (True, 6, 2)
    output = person.run("verify").stdout
    assert output.count("complete") == 2
    assert "6 objects, 6 versions, 12 files: everything is as it was backed up" in output


def test_problems_are_one_line_and_exit_code_1(person: Person) -> None:
    done = person.run("verify")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "does not exist; nai library backup" in done.stderr
    assert person.run("backup", NAI_PASSWORD="wrong").exit_code == 3
    assert not person.directory.exists()
    person.run_json("backup")
    done = person.run("backup", NAI_EMAIL="reader@example.com")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "another account" in done.stderr
    (lost,) = person.directory.glob(f"stories/{objects_of(person.owner, 'stories')[0].id}.json")
    lost.unlink()
    done = person.run("verify")
    assert done.exit_code == 5
    state, problem, _ = done.stdout.splitlines()
    assert state.endswith("\tdamaged")
    assert problem == f"stories/{lost.name} is missing; it belongs to 'The Quiet Harbour' in backup 1"
    again = f"the next backup writes these files again; type: nai library backup {person.directory}"
    assert done.stderr == f"nai library verify: {again}\n"
    (damaged_one,) = json.loads(person.run("verify", "--json").stdout)["backups"]
    assert damaged_one["state"] == "damaged"
    done = person.run("backup")
    assert (done.exit_code, done.stderr) == (0, f"nai library backup: repaired {lost}: it was missing or outdated\n")
    assert person.run("verify").exit_code == 0
    lost.write_text("mine")
    (repaired,) = person.run_json("backup")["repaired"]
    assert repaired["file"] == f"stories/{lost.name}"
    assert (person.directory / repaired["kept_as"]).read_text() == "mine"


# ---- restoring


def read_texts(owner: Account) -> dict[str, str]:
    """What the stories say, by their titles."""
    now = open_all(owner)
    contents = {item.stored.id: item.json() for item in now["storycontent"] if item.ok}
    cards = [item.json() for item in now["stories"] if item.ok]
    return {card["title"]: contents[card["remoteStoryId"]]["story"]["fragments"][0]["data"] for card in cards}


def test_lost_and_changed_objects_are_restored_and_the_restore_can_be_undone(person: Person) -> None:
    owner = person.owner
    before = read_texts(owner)
    person.run_json("backup")
    remove(owner, objects_of(owner, "stories")[0])
    remove(owner, objects_of(owner, "storycontent")[0])
    changed = objects_of(owner, "stories")[1]
    put(owner, sealed("stories", changed.id, changed.meta or "", {"title": "Mine"}, keys_of(owner), 2))
    put(owner, damaged(objects_of(owner, "storycontent")[0], 0))
    there = open_all(owner)

    plan = person.run("restore", "--dry-run")
    assert plan.exit_code == 0, plan.stderr
    assert plan.stdout.endswith("To restore: 4 objects (a story has two); unchanged: 2. Nothing was written.\n")
    facts = person.run_json("restore", "--dry-run")
    actions = sorted(step["action"] for step in facts["steps"])
    assert actions == ["create", "create", "nothing", "nothing", "update", "update"]
    titles = [step["title"] for step in facts["steps"]]
    assert sorted(titles) == sorted([*before, *before])  # a content has its card's title
    assert open_all(owner) == there

    refusal = person.run("restore")
    assert refusal.exit_code == 2
    assert "--yes" in refusal.stderr
    assert open_all(owner) == there
    with BackupDirectory(person.directory) as backups:
        assert len(backups.runs) == 1

    facts = person.run_json("restore", "--yes")
    assert facts["backup"] == 2
    assert {step["outcome"] for step in facts["steps"]} <= {"created", "updated", "unchanged"}
    assert read_texts(owner) == before
    facts = person.run_json("restore", "--yes")
    assert (facts["written"], facts["backup"]) == (False, None)
    assert person.run("verify").stdout.count("before a restore") == 1

    person.run_json("restore", changed.id, "--run", "2", "--yes", "--no-backup")
    assert "Mine" in [item.json()["title"] for item in open_all(owner)["stories"]]
    with BackupDirectory(person.directory) as backups:
        assert len(backups.runs) == 2


def test_a_backup_names_no_counts_of_nothing(person: Person) -> None:
    for _ in range(2):
        said = person.run("backup").stdout
        assert " backed up and verified in " in said
        assert not re.search(r"\b0\b", said.rpartition(": ")[2])


def test_a_restored_story_is_printed_with_its_old_and_its_new_id(person: Person) -> None:
    person.run_json("backup")
    lost, content = objects_of(person.owner, "stories")[0], objects_of(person.owner, "storycontent")[0]
    remove(person.owner, lost)
    remove(person.owner, content)
    done = person.run("restore", "--yes")
    assert done.exit_code == 0, done.stderr
    (new,) = {each.id for each in objects_of(person.owner, "stories")} - {
        step["id"] for step in person.run_json("restore", "--dry-run")["steps"]
    }
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert ["stories", "The Quiet Harbour", lost.id, new] in rows
    assert all(row[0] != "storycontent" for row in rows if len(row) == 4)
    again = person.run("backup")
    assert "no longer in the account" not in again.stdout
    assert "2 of the new ones were restored" in again.stdout


def test_the_id_in_the_account_is_in_the_json_whether_or_not_it_was_just_written(person: Person) -> None:
    person.run_json("backup")
    lost = objects_of(person.owner, "stories")[0]
    remove(person.owner, lost)
    plan = {step["id"]: step["stored_id"] for step in person.run_json("restore", "--dry-run")["steps"]}
    assert plan.pop(lost.id) is None
    assert all(id_ == stored_id for id_, stored_id in plan.items())
    written = {step["id"]: step["stored_id"] for step in person.run_json("restore", "--yes")["steps"]}
    assert written[lost.id] in {each.id for each in objects_of(person.owner, "stories")}


def test_only_named_objects_are_restored(person: Person) -> None:
    owner = person.owner
    before = read_texts(owner)
    person.run_json("backup")
    for type_ in ("stories", "storycontent"):
        for item in objects_of(owner, type_):
            remove(owner, item)
    done = person.run("restore", "The Quiet Harbour", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "Restored 2 objects (a story has two).\n" in done.stdout
    assert f"Backup 2 in {person.directory} has the state before the restore" in done.stdout
    assert read_texts(owner) == {"The Quiet Harbour": before["The Quiet Harbour"]}
    done = person.run("restore", "--run", "9", "--yes")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "has no backup 9; it has 1 to" in done.stderr
    done = person.run("restore", "No Such Story", "--yes")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "No Such Story" in done.stderr


def make_item(type_: str, id_: str, meta: str = "", **content: str) -> OpenedObject:
    return OpenedObject(
        StoredObject(id=id_, type=type_, meta=meta), OpenedState.OPENED, source=json.dumps(content).encode()
    )


ITEMS = [
    make_item("stories", "s1", "m1", title="Sea", remoteStoryId="c1"),
    make_item("stories", "s2", "m2", title="Moon"),
    make_item("storycontent", "c1", "m1", text=""),
    make_item("storycontent", "c2", "m2", text=""),
    make_item("storycontent", "c3", "m3", text=""),
    make_item("presets", "p1", name="Calm"),
    make_item("presets", "p2", name="Moon"),
    OpenedObject(StoredObject(id="p3", type="presets"), OpenedState.DAMAGED),
]


@for_each(
    "wanted, ids",
    [
        ("", "s1 s2 c1 c2 c3 p1 p2 p3"),
        ("Sea", "s1 c1"),
        ("s2", "s2 c2"),
        ("c2", "s2 c2"),
        ("c3", "c3"),
        ("Calm", "p1"),
        ("presets Sea", "p1 p2 p3 s1 c1"),
        ("storycontent", "c1 c2 c3"),
        ("Sea s1", "s1 c1"),
        ("p3", "p3"),
    ],
)
def test_items_are_selected_by_type_id_or_title_and_a_story_is_two_objects(wanted: str, ids: str) -> None:
    assert [item.stored.id for item in select_items(ITEMS, wanted.split())] == ids.split()


def test_an_ambiguous_or_unknown_title_is_an_error_that_lists_ids() -> None:
    with pytest.raises(InvalidRequestError, match=r"2 objects of the backup fit 'Moon': 'Moon' \(s2\), 'Moon' \(p2\)"):
        select_items(ITEMS, ["Moon"])
    with pytest.raises(InvalidRequestError, match="no object of the backup has the title or id 'Sun'; there are"):
        select_items(ITEMS, ["Sea", "Sun"])
    with pytest.raises(InvalidRequestError, match="did you mean 'stories'"):
        select_items(ITEMS, ["storys"])


def test_objects_with_one_title_are_told_apart_by_when_they_were_changed() -> None:
    old, new = (
        replace(item, stored=msgspec.structs.replace(item.stored, lastUpdatedAt=time))
        for item, time in zip((make_item("presets", id_, name="Moon") for id_ in "ab"), (0.0, None), strict=True)
    )
    with pytest.raises(InvalidRequestError, match=r"'Moon' \(a, changed 1970-01-01 00:00 UTC\), 'Moon' \(b\)"):
        select_items([old, new], ["Moon"])


def test_a_keystore_that_is_about_to_be_replaced_is_kept(tmp_path: Path) -> None:
    with BackupDirectory(tmp_path / "backups", EMAIL) as backups:
        backups.begin(StoredKeystore("b25l", 1))
        backups.keep(KeystoreReplacement(StoredKeystore("dHdv", 2)))
    assert b"dHdv" in (tmp_path / "backups" / "backup.sqlite").read_bytes()
