"""Files get into an account: each of them once, whatever is interrupted, and nothing that the account has is changed.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.sealed_objects import StoredObject
from nai_proto.codecs.secret_box import to_base64, write_json
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import NaiError
from nai_proto.exchange.flow import Flow
from nai_proto.exchange.reply import App
from nai_proto.library import (
    FileImport,
    FileToImport,
    Library,
    RestoreAction,
    RestoredObject,
    RestoreStep,
    build_story_file,
    check,
    export_files,
    open_library,
    plan_import,
)
from nai_proto.secret import Password
from nai_proto.story import Story
from nai_proto.testing import run_in_memory
from tests.backup_support import put
from tests.faults import FAULTS, inject_fault
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_restore_elsewhere import MODULE, with_folder

READER = "reader@example.com"
NOW = 1_700_000_000
NOTHING, CREATE, KEEP, LEAVE_OUT = (
    RestoreAction.NOTHING,
    RestoreAction.CREATE,
    RestoreAction.KEEP,
    RestoreAction.LEAVE_OUT,
)


def story_file(text: str, title: str = "A tale", id_: str | None = None) -> bytes:
    story = Story.new(title, now=NOW, entropy=bytes)
    story.append(text, now=NOW)
    card, content = story.to_data(now=NOW)
    return build_story_file(write_json({**card, **({} if id_ is None else {"id": id_})}), write_json(content))


PRESET = json.dumps({"presetVersion": 3, "name": "Calm", "id": "calm", "remoteId": "old", "parameters": {}}).encode()
FILES: Mapping[str, bytes] = {
    "tale.story": story_file("Once.", id_="0-1-2"),
    "nameless.story": story_file("Twice.", title="Nameless"),
    "begin.scenario": json.dumps({"scenarioVersion": 3, "title": "Begin", "prompt": "Hi ${hero[Ann]}."}).encode(),
    "places.lorebook": json.dumps({"lorebookVersion": 4, "entries": []}).encode(),
    "notes.txt": b"The tide went out.",
    "calm.preset": PRESET,
}
"""One file of each kind."""
TITLES = ["A tale", "Nameless", "Begin", "places", "notes"]


def opened(emulator: App, email: str = READER) -> Library:
    return run_in_memory(open_library(email, PASSWORD), emulator).result


def reader_of() -> tuple[Emulator, Account]:
    """An emulator, and its second account, which has the stories of every new one."""
    emulator, _ = an_emulator()
    return emulator, emulator.add_account(READER, Password(PASSWORD))


def plan(
    emulator: App, files: Mapping[str, bytes], *, email: str = READER, takes_text: bool = True
) -> list[FileImport]:
    listed = [FileToImport(path, data, takes_text) for path, data in files.items()]
    return [*plan_import(opened(emulator, email), listed, now=NOW)]


def steps_of(plans: Iterable[FileImport]) -> list[RestoreStep]:
    return [step for each in plans for step in each.steps]


def carry_out(emulator: Emulator, plans: Iterable[FileImport]) -> None:
    run_in_memory(opened(emulator).restore(steps_of(plans)), emulator)


def import_into(library: Library, files: Iterable[FileToImport]) -> Flow[Any, tuple[RestoredObject, ...]]:
    """Plan an import and carry it out, with the same library."""
    return library.restore(steps_of(plan_import(library, files, now=NOW)))


def actions(plans: Iterable[FileImport]) -> list[RestoreAction]:
    return [each.action for each in plans]


def documents(owner: Account) -> list[dict[str, object]]:
    return [item.document for items in owner.storage.objects.values() for item in items]


def exported(emulator: Emulator, email: str) -> dict[str, bytes]:
    return {"/".join(file.path): file.data for file in export_files(opened(emulator, email))}


# ---- what is imported


def test_a_file_of_each_kind_becomes_one_story_or_preset() -> None:
    emulator, owner = reader_of()
    before, present = documents(owner), opened(emulator)
    plans = plan(emulator, FILES)
    assert actions(plans) == [CREATE] * 6
    assert [each.kind for each in plans] == ["story", "story", "scenario", "lorebook", "text", "preset"]
    assert [each.title for each in plans] == [*TITLES, "Calm"]
    assert documents(owner) == before  # a plan changes nothing
    carry_out(emulator, plans)
    now = opened(emulator)
    assert check(now).is_clean
    assert [document for document in documents(owner) if document in before] == before
    new = {story.title: story.text for story in now.stories[len(present.stories) :]}
    assert new == {
        "A tale": "Once.",
        "Nameless": "Twice.",
        "Begin": "Hi Ann.",
        "places": "",
        "notes": "The tide went out.",
    }
    (preset,) = now.others["presets"]
    assert preset.json() == {**json.loads(PRESET), "remoteId": preset.stored.id}


def test_ids_and_keys_of_the_file_are_not_taken_over() -> None:
    emulator, _ = reader_of()
    carry_out(emulator, plan(emulator, FILES))
    story = opened(emulator).find("A tale")
    card = story.card.json()
    assert story.card.stored.meta == card["id"] != "0-1-2"
    assert story.content is not None
    assert (card["remoteId"], card["remoteStoryId"]) == (story.card.stored.id, story.content.stored.id)


def test_the_content_of_a_story_file_is_stored_byte_by_byte() -> None:
    emulator, _ = reader_of()
    content = b'{"storyContentVersion": 4, "n": 1.50, "big": 123456789012345678901, "story": {"fragments": []}}'
    carry_out(emulator, plan(emulator, {"x.story": build_story_file(b'{"title":"X"}', content)}))
    stored = opened(emulator).find("X").content
    assert stored is not None
    assert stored.plaintext == content


# ---- once


def test_nothing_is_imported_twice_whatever_the_file_is_called() -> None:
    emulator, owner = reader_of()
    carry_out(emulator, plan(emulator, FILES))
    there = documents(owner)
    again = plan(emulator, {f"elsewhere/new-{path}": data for path, data in FILES.items()})
    assert actions(again) == [NOTHING] * 6
    assert {each.why for each in again} == {"it was imported before", "the account has this preset"}
    carry_out(emulator, again)
    assert documents(owner) == there


def test_what_an_account_has_exported_is_not_imported_into_it_and_once_into_another() -> None:
    emulator, owner = reader_of()
    put(owner, StoredObject(id="p", type="presets", meta="", data=to_base64(PRESET)))
    files = exported(emulator, READER)
    kinds = dict(zip(files, plan(emulator, files), strict=True))
    assert {each.action for each in kinds.values()} == {NOTHING}
    assert {each.why for path, each in kinds.items() if path.endswith(".story")} == {"the account has this story"}
    assert {each.why for path, each in kinds.items() if path.endswith(".txt")} == {
        f"it is in {path}" for path in files if path.endswith(".story")
    }
    other = emulator.add_account("third@example.com", Password(PASSWORD), stories=False)
    steps = steps_of(plan(emulator, files, email="third@example.com"))
    run_in_memory(opened(emulator, "third@example.com").restore(steps), emulator)
    theirs, mine = opened(emulator, "third@example.com"), opened(emulator)
    assert [(each.title, each.text) for each in theirs.stories] == [(each.title, each.text) for each in mine.stories]
    assert len(other.storage.objects["presets"]) == 1
    assert actions(plan(emulator, files, email="third@example.com")) == [NOTHING] * len(files)


def test_shelves_and_modules_of_an_export_are_imported_with_their_links() -> None:
    emulator, owner = an_emulator()
    with_folder(owner)
    files = exported(emulator, EMAIL)
    assert {each.action for each in plan(emulator, files, email=EMAIL)} == {NOTHING}
    third = emulator.add_account("third@example.com", Password(PASSWORD), stories=False)
    plans = plan(emulator, files, email="third@example.com")
    assert {each.kind for each in plans if each.action is CREATE} == {"story", "shelf", "module", "preset"}
    run_in_memory(opened(emulator, "third@example.com").restore(steps_of(plans)), emulator)
    theirs = opened(emulator, "third@example.com")
    assert check(theirs).is_clean
    (shelf,) = theirs.others["shelf"]
    first, second, *_ = shelf.json()["children"]
    assert [first["id"], second] == [
        theirs.find(title).card.stored.meta for title in ("The Quiet Harbour", "Letters to the Moon")
    ]
    (module,) = theirs.others["aimodules"]
    assert (module.json()["id"], module.json()["remoteId"]) == (MODULE, module.stored.id)
    there = documents(third)
    assert actions(plan(emulator, files, email="third@example.com")) == [NOTHING] * len(files)
    assert documents(third) == there


def test_a_version_that_differs_from_the_account_s_is_left_alone_with_the_reason() -> None:
    emulator, owner = reader_of()
    carry_out(emulator, plan(emulator, {"tale.story": FILES["tale.story"]}))
    there = documents(owner)
    meta = opened(emulator).stories[0].card.json()["id"]
    newer = {
        "tale.story": story_file("Once upon a time.", id_="0-1-2"),
        "mine.story": story_file("Another text.", id_=meta),
    }
    plans = plan(emulator, newer)
    assert actions(plans) == [KEEP, KEEP]
    assert plans[0].why.startswith("it was stored before, and the account's copy differs")
    assert plans[1].why == "the account has another version of this story"
    carry_out(emulator, plans)
    assert documents(owner) == there


def test_of_two_files_with_one_story_the_first_is_imported() -> None:
    emulator, _ = reader_of()
    plans = plan(
        emulator,
        {
            "a.story": FILES["tale.story"],
            "b.story": FILES["tale.story"],
            "c.story": story_file("Changed.", id_="0-1-2"),
            "d.txt": b"A text.",
            "e.txt": b"A text.",
        },
    )
    assert actions(plans) == [CREATE, NOTHING, LEAVE_OUT, CREATE, NOTHING]
    assert [each.why for each in plans[1:3]] == ["a.story is the same", "a.story is another version of the same story"]
    assert plans[4].why == "d.txt is the same"


@pytest.mark.parametrize("fault", ["lost", "unanswered", "409"])
def test_an_interruption_anywhere_loses_nothing_and_the_next_import_completes_it(fault: str) -> None:
    files = {path: FILES[path] for path in ("tale.story", "begin.scenario", "calm.preset")}
    emulator, _ = reader_of()
    listed = [FileToImport(path, data) for path, data in files.items()]
    present = opened(emulator)
    requests = run_in_memory(import_into(present, listed), emulator).requests
    for number in range(len(requests)):
        emulator, owner = reader_of()
        before = documents(owner)
        with suppress(NaiError):
            run_in_memory(import_into(opened(emulator), listed), inject_fault(emulator, FAULTS[fault], number))
        run_in_memory(import_into(opened(emulator), listed), emulator)
        now = opened(emulator)
        assert check(now).is_clean
        assert sorted(each.title for each in now.stories[len(present.stories) :]) == ["A tale", "Begin"]
        assert len(now.others["presets"]) == 1
        assert [document for document in documents(owner) if document in before] == before


# ---- files that are not imported


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("broken.story", b'{"storyContainerVersion": 1', "byte"),
        ("other.json", b'{"a": 1}', "this is JSON, and none of the files"),
        ("a.module", b'{"moduleVersion": 1}', "a module begins no story"),
        ("a.sealed", b"AAAA", "sealed data that did not open"),
        ("empty.txt", b"", "empty"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(9), "JPEG"),
    ],
)
def test_a_file_that_is_no_story_is_left_out_with_the_reason(name: str, data: bytes, why: str) -> None:
    (left,) = plan(reader_of()[0], {f"dir/{name}": data})
    assert (left.action, left.steps) == (LEAVE_OUT, ())
    assert why in left.why
    assert not left.why.startswith(name)


def test_a_text_is_left_out_where_only_documents_are_taken() -> None:
    plans = plan(reader_of()[0], {"notes.txt": b"A text.", "tale.story": FILES["tale.story"]}, takes_text=False)
    assert actions(plans) == [LEAVE_OUT, CREATE]
    assert "name it on its own" in plans[0].why


@settings(max_examples=scale_examples(30))
@given(st.lists(st.tuples(st.sampled_from(sorted(FILES)), st.binary(max_size=30)), max_size=4))
def test_every_file_gets_a_plan_whatever_it_holds(files: list[tuple[str, bytes]]) -> None:
    listed = [FileToImport(f"{number}/{name}", data) for number, (name, data) in enumerate(files)]
    plans = plan_import(_LIBRARY, listed, now=NOW)
    assert [each.path for each in plans] == [each.path for each in listed]
    assert all(each.steps if each.action.is_write else each.why for each in plans)


_LIBRARY = opened(reader_of()[0])
