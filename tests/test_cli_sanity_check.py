"""``nai sanity-check``: what is wrong with an account, told on stdout and by the exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from nai_proto.codecs.keystore import Keystore, seal_keystore
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject, open_object, seal_object
from nai_proto.emulator import Account
from nai_proto.http import Head
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.backup_support import objects_of, remove
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.terminal_runner import TerminalRunner
from tests.test_library import KEY, change, keys_of, refusing


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of an emulator that the command asks."""
    emulator, owner = an_emulator()
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        yield owner


def nai(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sanity-check", *arguments])


def break_in_every_way(owner: Account) -> None:
    """Adds and changes objects and keys, each broken in a way of its own."""
    storage, keys = owner.storage.objects, {**keys_of(owner)}
    for number in range(4, 15):
        keys[f"m{number}"] = bytes([number]) * 32
    keys["short"], keys["unused"] = bytes(24), bytes(32)

    def add(type: str, id: str, meta: str, content: dict[str, Any] | None, **more: Any) -> None:  # noqa: A002
        stored = StoredObject(id=id, type=type, meta=meta, lastUpdatedAt=1, changeIndex=1)
        plain = OpenedObject(stored, OpenedState.OPENED, source=json.dumps(content).encode())
        data = "?" if content is None else seal_object(plain, keys)
        storage[type].append(msgspec.structs.replace(stored, data=data))

    def pair(number: int, inside: dict[str, Any], **card: Any) -> None:
        meta = f"m{number}"
        links = {"id": meta, "remoteId": f"s{number}", "remoteStoryId": f"c{number}"}
        add("stories", f"s{number}", meta, {**links, **card})
        add("storycontent", f"c{number}", meta, inside)

    story = open_object(storage["storycontent"][0], keys).json()["story"]
    change(owner, "stories", 0, data="A" * 80)  # does not open
    change(owner, "storycontent", 1, meta="nobody's")  # no key
    pair(4, {"story": story}, id="another")
    pair(5, {"story": story}, remoteId="gone")
    pair(6, {"story": story}, remoteStoryId="gone")
    pair(7, {})
    pair(8, {"document": "?"})
    pair(9, {"story": {**story, "currentBlock": 7}})
    pair(10, {"story": {**story, "fragments": [{}]}})
    add("stories", "divided", "m13", {"id": "m13", "remoteId": "divided", "remoteStoryId": "other"})
    add("storycontent", "other", "m14", {"story": story})
    add("stories", "lonely", "m11", {"id": "m11", "remoteId": "lonely", "remoteStoryId": "lost"})
    add("storycontent", "stray", "m12", {"story": story})
    add("aimodules", "module", "m4", {})
    storage["stories"].append(StoredObject(id="weak", type="stories", meta="short", data="A" * 80))
    owner.storage.keystore = seal_keystore(Keystore(keys), KEY)


def test_an_intact_account_is_clean(owner: Account) -> None:
    done = nai(EMAIL)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "stories\t3 of 3 opened"
    assert lines[-1] == "No problems found."
    assert json.loads(nai(EMAIL, "--json").stdout)["clean"] is True


def test_a_deleted_story_leaves_a_note_and_no_problem(owner: Account) -> None:
    for type_ in ("stories", "storycontent"):
        remove(owner, objects_of(owner, type_)[0])
    done = nai(EMAIL)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "note\t1 key is used by no object" in done.stdout
    assert done.stdout.splitlines()[-1] == "No problems found."
    report = json.loads(nai(EMAIL, "--json").stdout)
    assert report["clean"] is True
    assert [each["severity"] for each in report["findings"]] == ["note"]


def test_everything_that_is_broken_is_found(owner: Account) -> None:
    break_in_every_way(owner)
    done = nai(EMAIL)
    assert (done.exit_code, done.stderr) == (5, "")
    report = json.loads(nai(EMAIL, "--json").stdout)
    named = {(each["kind"], each["id"] or each["meta"]) for each in report["findings"]}
    card, content = owner.storage.objects["stories"][0].id, owner.storage.objects["storycontent"][1].id
    assert named >= {
        ("not opened", card),
        ("not opened", content),
        ("not opened", "weak"),
        ("wrong id", "s4"),
        ("shared meta", "s4"),
        ("wrong remoteId", "s5"),
        ("wrong remoteStoryId", "s6"),
        ("no text", "c7"),
        ("unreadable document", "c8"),
        ("broken history", "c9"),
        ("broken text", "c10"),
        ("story without content", "lonely"),
        ("content without story", "stray"),
        ("metas differ", "divided"),
        ("unusable key", "short"),
        ("unused key", "unused"),
    }
    assert (report["clean"], report["counts"][0]) == (False, {"type": "stories", "opened": 11, "total": 13})
    problems = [each for each in report["findings"] if each["severity"] != "note"]
    assert len(done.stdout.splitlines()) == len(report["counts"]) + 4 + len(problems)
    assert f"{len(problems)} problems." in done.stdout
    assert "m4): 3 objects have the same meta" in done.stdout
    assert "[aimodules module]" in done.stdout


def test_the_older_name_of_the_command_works_and_is_hidden(owner: Account) -> None:
    done = CliRunner().invoke(app, ["sanity_check", EMAIL])
    assert (done.exit_code, done.stdout) == (0, nai(EMAIL).stdout)
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert "sanity-check" in shown
    assert "sanity_check" not in shown


def test_a_type_that_cannot_be_listed_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    with serve_in_thread(refusing(an_emulator()[0], "/user/objects/shelf", Head(404))) as url:
        done = nai(EMAIL, "--url", url)
    assert done.exit_code == 5
    assert "loss\tshelf: Objects of this type could not be listed: 404" in done.stdout
    assert "1 problem." in done.stdout


def test_a_password_on_the_command_line_is_refused_and_not_repeated(owner: Account) -> None:
    done = nai(EMAIL, "swordfish")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("nai sanity-check: give only the e-mail as an argument")
    assert "swordfish" not in done.output


@pytest.mark.parametrize("keystore", ["?", "of another"])
def test_a_keystore_that_does_not_open_is_a_one_line_error(owner: Account, keystore: str) -> None:
    owner.storage.keystore = keystore
    done = nai(EMAIL)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("nai sanity-check: keystore: ")
    assert len(done.stderr.splitlines()) == 1


def test_what_could_control_a_terminal_is_escaped(owner: Account) -> None:
    change(owner, "stories", 0, id="\x1b[31m\u202e", meta="\n\x07")
    done = nai(EMAIL)
    assert done.exit_code == 5
    assert "stories \\x1b[31m\\u202e (meta \\n\\x07): It does not open" in done.stdout
    assert all(line.isprintable() for line in done.stdout.replace("\t", " ").splitlines())


@pytest.mark.usefixtures("owner")
def test_on_a_terminal_progress_is_shown_and_erased() -> None:
    done = TerminalRunner().invoke(app, ["sanity-check", EMAIL])
    assert done.exit_code == 0
    assert "contents of stories" in done.stderr
    assert "\nkeystore      " in done.stdout
