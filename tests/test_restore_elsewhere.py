"""Restoring a backup into another account: all of it as new objects, once, and nothing of the account is changed.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#44-shelf
    docs/protocol/content.md#10-exported-files
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject, new_object, seal_object
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.reply import App, Handler
from nai_proto.http import Request
from nai_proto.library import (
    Library,
    RestoreAction,
    RestoreStep,
    SaveOutcome,
    check,
    link_stories,
    open_library,
    plan_restore_elsewhere,
)
from nai_proto.secret import Password
from nai_proto.testing import run_in_memory
from nai_transports.cli.app import app as command_line
from nai_transports.servers.serve import serve_in_thread
from tests.backup_support import back_up, keys_of, put, put_keys
from tests.faults import FAULTS, inject_fault
from tests.forked_python import forked_nai
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.terminal_runner import TerminalRunner

READER = "reader@example.com"
READER_KEY = encryption_key(READER, Password(PASSWORD))
MODULE = "6B-v4:" + "a" * 64 + ":" + "b" * 64


def with_folder(owner: Account) -> None:
    """Add a shelf with two stories, a module, and a preset, as the website stores them."""
    first, second, _ = owner.storage.objects["stories"]
    meta, keys = keys_of(owner).create_key()
    put_keys(owner, keys)
    children = [{"id": first.meta, "type": "story"}, second.meta, {"id": "nobody's", "type": "story"}, 7]
    contents: list[tuple[str, str, str, dict[str, Any]]] = [
        (
            "shelf",
            "shelf-1",
            "shelf-meta",
            {"id": "shelf-meta", "remoteId": "shelf-1", "title": "Sea", "children": children},
        ),
        ("aimodules", "module-1", meta, {"id": MODULE, "remoteId": "module-1", "name": "Mine"}),
        ("presets", "preset-1", "", {"id": "calm", "remoteId": "preset-1", "name": "Calm"}),
    ]
    for type_, id_, meta_, content in contents:
        data = seal_object(new_object(type_, meta_, content, keys), keys)
        put(owner, StoredObject(id=id_, type=type_, meta=meta_, data=data, changeIndex=1))


def opened(emulator: App, email: str) -> Library:
    return run_in_memory(open_library(email, PASSWORD), emulator).result


def accounts() -> tuple[Emulator, Account, list[OpenedObject]]:
    """An emulator, its second account, and everything that the first one has stored."""
    emulator, owner = an_emulator()
    with_folder(owner)
    return emulator, emulator.add_account(READER, Password(PASSWORD)), [*opened(emulator, EMAIL).items]


def plan(emulator: App, items: list[OpenedObject], chosen: list[OpenedObject] | None = None) -> tuple[RestoreStep, ...]:
    return plan_restore_elsewhere(opened(emulator, READER), items if chosen is None else chosen, backup=items)


def restore(
    emulator: Emulator, items: list[OpenedObject], app: App | None = None, **chosen: Any
) -> list[RestoreAction]:
    steps = plan(emulator, items, **chosen)
    run_in_memory(opened(emulator, READER).restore(steps), app or emulator)
    return [step.action for step in steps]


def documents(owner: Account) -> list[dict[str, object]]:
    return [item.document for items in owner.storage.objects.values() for item in items]


def check_restored(
    emulator: Emulator, owner: Account, before: list[dict[str, object]], items: list[OpenedObject]
) -> None:
    """Check that the account has everything once, linked, under ids and keys of its own, and what it had as it was."""
    now = opened(emulator, READER)
    assert check(now).is_clean
    assert [document for document in documents(owner) if document in before] == before
    assert len(documents(owner)) == len(before) + len(items)
    theirs = opened(emulator, EMAIL)
    new = [story for story in now.stories if story.card.stored.document not in before]
    assert {story.title: story.text for story in new} == {story.title: story.text for story in theirs.stories}
    for old in items:
        assert not {old.stored.id, old.stored.meta} & {
            id_ for item in now.items for id_ in (item.stored.id, item.stored.meta)
        } - {""}
    assert not {*now.keystore.values()} & {*theirs.keystore.values()}


# ---- what is restored


def test_everything_is_restored_as_new_objects_with_links_and_nothing_else_changes() -> None:
    emulator, owner, items = accounts()
    before, keys = documents(owner), open_keystore(owner.storage.keystore, READER_KEY)
    steps = plan(emulator, items)
    assert [step.action for step in steps] == [RestoreAction.CREATE] * 9
    assert {step.why for step in steps} == {"with a new key and new ids", "with new ids"}
    assert documents(owner) == before  # a plan changes nothing
    restored = run_in_memory(opened(emulator, READER).restore(steps), emulator).result
    assert {each.saved.outcome for each in restored} == {SaveOutcome.CREATED}
    check_restored(emulator, owner, before, items)
    now = open_keystore(owner.storage.keystore, READER_KEY)
    assert {meta: now[meta] for meta in keys} == dict(keys)
    assert len(now) == len(keys) + 4


def test_shelves_hold_the_restored_stories_and_modules_and_presets_keep_the_ids_that_stories_name() -> None:
    emulator, _, items = accounts()
    restore(emulator, items)
    now = opened(emulator, READER)
    (shelf,), (module,), (preset,) = (now.others[type_] for type_ in ("shelf", "aimodules", "presets"))
    first, second = (
        next(story for story in now.stories[3:] if story.title == title)
        for title in (
            "The Quiet Harbour",
            "Letters to the Moon",
        )
    )
    assert shelf.json()["children"] == [
        {"id": first.card.stored.meta, "type": "story"},
        second.card.stored.meta,
        {"id": "nobody's", "type": "story"},
        7,
    ]
    assert (shelf.json()["id"], shelf.json()["remoteId"]) == (shelf.stored.meta, shelf.stored.id)
    assert (module.json()["id"], module.json()["remoteId"]) == (MODULE, module.stored.id)
    assert (preset.json()["id"], preset.json()["remoteId"]) == ("calm", preset.stored.id)


def test_contents_are_copied_byte_by_byte() -> None:
    emulator, _, items = accounts()
    restore(emulator, items)
    plaintexts = {item.plaintext for item in opened(emulator, READER).items if item.stored.type == "storycontent"}
    assert {item.plaintext for item in items if item.stored.type == "storycontent"} <= plaintexts


def test_what_did_not_open_is_left_out_and_said() -> None:
    emulator, owner, items = accounts()
    broken = replace(items[0], state=OpenedState.NOT_AUTHENTIC, category="authentication failed", source=b"")
    (step,) = plan(emulator, items, [broken])
    assert (step.action, step.action.is_write) == (RestoreAction.LEAVE_OUT, False)
    assert step.why == "the backup's copy does not open (authentication failed)"
    before = documents(owner)
    run_in_memory(opened(emulator, READER).restore([step]), emulator)
    assert documents(owner) == before


def test_types_that_could_not_be_listed_are_left_out() -> None:
    emulator, _, items = accounts()
    library = run_in_memory(open_library(READER, PASSWORD, types=("stories", "storycontent")), emulator).result
    left_out = [step.type for step in plan_restore_elsewhere(library, items) if not step.action.is_write]
    assert left_out == ["aimodules", "presets", "shelf"]


def test_two_versions_of_one_object_are_an_error() -> None:
    library = Library(Keystore(), ())
    item = OpenedObject(StoredObject(id="x", type="stories"), OpenedState.OPENED, source=b"{}")
    with pytest.raises(InvalidRequestError, match="choose one version"):
        plan_restore_elsewhere(library, [item, item])


def test_objects_of_the_account_itself_are_an_error_that_names_the_other_function() -> None:
    emulator, _, _ = accounts()
    library = opened(emulator, READER)
    with pytest.raises(InvalidRequestError, match=f"{READER} itself; plan_restore "):
        plan_restore_elsewhere(library, library.items)


def test_a_library_that_was_read_without_its_email_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="without the account's e-mail"):
        plan_restore_elsewhere(Library(Keystore(), ()), [])


# ---- again


def test_restoring_again_changes_nothing_and_says_what_differs() -> None:
    emulator, owner, items = accounts()
    restore(emulator, items)
    broken = owner.storage.objects["storycontent"][-1]
    put(owner, msgspec.structs.replace(broken, data="AAAA"))
    library = opened(emulator, READER)
    story = library.stories[-2].edit()
    story.title = "My own title"
    run_in_memory(library.save(story), emulator)
    before = documents(owner)
    kept = {step.type: step.why for step in plan(emulator, items) if step.action is not RestoreAction.NOTHING}
    assert kept == {
        "stories": "it was stored before, and the account's copy differs; to store it anew, delete that copy first",
        "storycontent": "it was stored before, and the account's copy does not open; to store it anew, delete that "
        "copy first",
    }
    assert not any(step.action.is_write for step in plan(emulator, items))
    restore(emulator, items)
    assert documents(owner) == before


@given(st.integers(0, 32), st.sampled_from(sorted(FAULTS)), st.booleans())
@settings(max_examples=scale_examples(20), deadline=None)
def test_two_plans_of_one_state_store_each_object_once_also_if_the_first_is_interrupted(
    number: int, name: str, for_good: bool
) -> None:
    emulator, owner, items = accounts()
    before = documents(owner)
    library = opened(emulator, READER)
    first, second = plan(emulator, items), plan(emulator, items)
    numbers = range(number, 99) if for_good else [number]
    run_in_memory(library.restore(first), inject_fault(emulator, FAULTS[name], *numbers, path="/user/"))
    restored = run_in_memory(library.restore(second), emulator).result
    assert all(each.saved.outcome.ok for each in restored)
    check_restored(emulator, owner, before, items)


def test_what_is_restored_by_another_plan_is_restored_once_and_linked_by_both() -> None:
    emulator, owner, items = accounts()
    before = documents(owner)
    library = opened(emulator, READER)
    contents = [item for item in items if item.stored.type == "storycontent"]
    second = plan(emulator, items)
    run_in_memory(library.restore(plan(emulator, items, contents)), emulator)
    restored = run_in_memory(library.restore(second), emulator).result
    assert {each.saved.outcome for each in restored if each.step.type == "storycontent"} == {SaveOutcome.UNCHANGED}
    check_restored(emulator, owner, before, items)


def test_an_object_that_the_backup_has_under_two_ids_is_restored_once_in_its_last_version() -> None:
    emulator, owner, items = accounts()
    before = documents(owner)
    older = [
        replace(item, stored=msgspec.structs.replace(item.stored, id=f"gone-{number}", lastUpdatedAt=0))
        for number, item in enumerate(items)
    ]
    preset = next(number for number, item in enumerate(items) if item.stored.type == "presets")
    older[preset] = replace(older[preset], source=b'{"id": "calm", "name": "Older"}')
    steps = plan(emulator, [*older, *items])
    left_out = {step.item.stored.id: step.action for step in steps if step.action is not RestoreAction.CREATE}
    assert {id_.startswith("gone") for id_ in left_out} == {True}
    assert (len(left_out), left_out[f"gone-{preset}"]) == (len(items), RestoreAction.LEAVE_OUT)
    restore(emulator, [*older, *items])
    check_restored(emulator, owner, before, items)


def test_backups_of_one_account_in_two_directories_are_restored_once(reader: Reader, tmp_path: Path) -> None:
    before = documents(reader.owner)
    other = tmp_path / "the same writer"
    back_up(other, reader.emulator)
    assert nai("restore", reader.backup, "--into-this-account", "--yes").exit_code == 0
    done = nai("restore", other, "--into-this-account", "--yes")
    assert "To restore: nothing; unchanged: 9." in done.stdout, done.output
    check_restored(reader.emulator, reader.owner, before, reader.items)


def test_a_story_that_was_deleted_since_is_restored_again_and_is_on_its_shelf() -> None:
    emulator, owner, items = accounts()
    before = documents(owner)
    restore(emulator, items)
    library = opened(emulator, READER)
    run_in_memory(library.delete(library.stories[-1]), emulator)
    assert restore(emulator, items).count(RestoreAction.CREATE) == 2
    check_restored(emulator, owner, before, items)


@given(st.permutations(range(9)), st.integers(1, 8))
@settings(max_examples=scale_examples(6), deadline=None)
def test_the_order_and_the_portions_in_which_objects_are_restored_make_no_difference(order: list[int], at: int) -> None:
    emulator, owner, items = accounts()
    before = documents(owner)
    for part in (order[:at], order[at:]):
        restore(emulator, items, chosen=[items[number] for number in part])
    restore(emulator, items)
    check_restored(emulator, owner, before, items)


@given(st.integers(0, 24), st.sampled_from(sorted(FAULTS)), st.booleans())
@settings(max_examples=scale_examples(20), deadline=None)
def test_a_restore_that_is_interrupted_anywhere_is_completed_by_the_next_one_without_duplicates(
    number: int, name: str, for_good: bool
) -> None:
    emulator, owner, items = accounts()
    before = documents(owner)
    numbers = range(number, 99) if for_good else [number]
    restore(emulator, items, inject_fault(emulator, FAULTS[name], *numbers, path="/user/"))
    restore(emulator, items)
    check_restored(emulator, owner, before, items)


_odd = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.none(), max_size=1))


@given(
    st.lists(st.tuples(st.sampled_from(["stories", "storycontent", "shelf", "presets", "?"]), _odd, _odd), max_size=6),
    st.lists(st.integers(0, 5), max_size=6),
)
def test_a_plan_can_be_made_whatever_the_objects_contain(
    contents: list[tuple[str, Any, Any]], chosen: list[int]
) -> None:
    items = []
    for number, (type_, own, content) in enumerate(contents):
        fields = {"id": own, "remoteId": own, "remoteStoryId": content, "children": content, "n": 1e308}
        plaintext = msgspec.json.encode(fields).replace(b"1e308", b"1e999" if number % 2 else b"1")
        stored = StoredObject(id=f"{number % 3}", type=type_, meta=f"m{number % 2}", data=f"{number}")
        items.append(OpenedObject(stored, OpenedState.OPENED, source=plaintext))
    stories, orphans = link_stories(
        *([item for item in items if item.stored.type == t] for t in ("stories", "storycontent"))
    )
    library = Library(Keystore(), stories, orphans, dict.fromkeys(("shelf", "presets"), ()), email=READER)
    unique = {
        (item.stored.type, item.stored.id): item for item in (items[each] for each in chosen if each < len(items))
    }
    steps = plan_restore_elsewhere(library, unique.values(), backup=items)
    assert len(steps) == len(unique)


# ---- the command


class Reader:
    """Somebody with a second account, a shell, and the backup of the first account."""

    def __init__(self, directory: Path) -> None:
        self.emulator, self.owner, self.items = accounts()
        self.backup = directory / "backups of a writer"
        back_up(self.backup, self.emulator)
        self.data = directory / "data"
        self.app: App = self.emulator

    def __call__(self, request: Request) -> Handler:
        return self.app(request)

    def environment(self, url: str) -> dict[str, str]:
        return {
            "NAI_URL": url,
            "NAI_EMAIL": READER,
            "NAI_PASSWORD": PASSWORD,
            "NAI_TOKEN": "",
            "XDG_DATA_HOME": str(self.data),
            "COLUMNS": "200",
        }


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    with serve_in_thread(reader) as url:
        for name, value in reader.environment(url).items():
            monkeypatch.setenv(name, value)
        yield reader


def nai(*arguments: object) -> Result:
    return CliRunner().invoke(command_line, ["library", *map(str, arguments)])


def test_a_backup_of_another_account_is_refused_with_the_option_that_restores_it(reader: Reader) -> None:
    done = nai("restore", reader.backup, "--yes")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "; give --into-this-account too to restore it into this one" in done.stderr


def test_a_backup_of_this_account_is_not_doubled(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_EMAIL", EMAIL)
    done = nai("restore", reader.backup, "--into-this-account", "--yes")
    assert done.exit_code == 1
    assert "leave out --into-this-account" in done.stderr


def test_a_terminal_shows_a_story_in_one_row_of_the_plan(reader: Reader) -> None:
    rows = nai("restore", reader.backup, "--into-this-account", "--dry-run").stdout.splitlines()
    shown = TerminalRunner().invoke(
        command_line, ["library", "restore", str(reader.backup), "--into-this-account", "--dry-run"]
    )
    stories = sum(row.startswith("stories\t") for row in rows)
    assert stories == sum(row.startswith("storycontent\t") for row in rows) > 0
    assert len(re.findall("^stories ", shown.stdout, re.MULTILINE)) == stories
    assert "storycontent" not in shown.stdout


def test_the_plan_is_shown_and_the_restore_can_be_repeated(reader: Reader) -> None:
    before = documents(reader.owner)
    done = nai("restore", reader.backup, "--into-this-account", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("with a new key and new ids") == 7
    assert documents(reader.owner) == before
    assert not reader.data.exists()
    facts = json.loads(nai("restore", reader.backup, "--into-this-account", "--yes", "--json").stdout)
    assert {step["outcome"] for step in facts["steps"]} == {"created"}
    assert facts["backup"] == 1
    assert facts["backup_directory"].startswith(str(reader.data))
    check_restored(reader.emulator, reader.owner, before, reader.items)
    facts = json.loads(nai("restore", reader.backup, "--into-this-account", "--yes", "--json").stdout)
    assert ({step["action"] for step in facts["steps"]}, facts["written"]) == ({"nothing"}, False)


def test_the_account_is_backed_up_before_and_the_other_account_s_backup_stays_as_it_is(
    reader: Reader, tmp_path: Path
) -> None:
    files = {path: path.read_bytes() for path in reader.backup.rglob("*") if path.is_file()}
    mine = tmp_path / "mine"
    assert nai("restore", reader.backup, "--into-this-account", "--yes", "--backup", mine).exit_code == 0
    assert {path: path.read_bytes() for path in reader.backup.rglob("*") if path.is_file()} == files
    report = json.loads(nai("verify", mine, "--json").stdout)
    assert (report["ok"], report["backups"][0]["objects"], report["backups"][0]["before_restore"]) == (True, 6, True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL there")
@pytest.mark.parametrize("number", [8, 13, 19, 24])
def test_a_restore_that_is_killed_at_any_request_is_completed_by_the_next_one(tmp_path: Path, number: int) -> None:
    reader = Reader(tmp_path)
    before = documents(reader.owner)
    running: list[subprocess.Popen[bytes]] = []
    requests = itertools.count()

    def kill_at_request(request: Request) -> Handler:
        if running and next(requests) == number:
            running[0].send_signal(signal.SIGKILL)
        return reader.emulator(request)

    command = [*forked_nai(), "library", "restore", str(reader.backup), "--into-this-account", "--yes", "--no-backup"]
    with serve_in_thread(kill_at_request) as url:
        environment = {**os.environ, **reader.environment(url)}
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
        running[0].communicate()
        assert running.pop().returncode == -signal.SIGKILL
        assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
    check_restored(reader.emulator, reader.owner, before, reader.items)
