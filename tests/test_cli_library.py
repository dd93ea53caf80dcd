"""``nai library``: what an account has stored, looked at and written down, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nai_proto.codecs.sealed_objects import StoredObject, open_object, seal_object
from nai_proto.emulator import Account
from nai_proto.http import Head
from nai_proto.library import read_story_file
from nai_proto.library.file_names import make_safe_name
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.terminal_runner import TerminalRunner
from tests.test_library import TITLES, change, keys_of, refusing


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of an emulator that the commands ask, as its owner."""
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        for name, value in {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "200")
        yield owner


def nai(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["library", *arguments])


def rewrite(owner: Account, type: str, index: int, **fields: Any) -> None:  # noqa: A002
    """Changes fields inside an object, and seals it again."""
    keys, stored = keys_of(owner), owner.storage.objects[type][index]
    opened = open_object(stored, keys)
    change(owner, type, index, data=seal_object(opened, keys, {**opened.json(), **fields}))


# ---- list


def test_the_list_has_every_story_with_its_state(owner: Account) -> None:
    change(owner, "storycontent", 1, data="?")
    change(owner, "stories", 2, data="?")
    done = nai("list")
    assert (done.exit_code, done.stderr) == (0, "")
    for shown in (*TITLES[:2], "ok", "content: damaged", "card: damaged"):
        assert shown in done.stdout
    ids = [item.id for item in owner.storage.objects["stories"]]
    listed = json.loads(nai("list", "--json").stdout)
    assert [facts["id"] for facts in listed] == ids
    assert [facts["title"] for facts in listed] == [*TITLES[:2], ""]
    assert [facts["state"] for facts in listed] == ["ok", "content: damaged", "card: damaged"]
    assert [facts["content_bytes"] is None for facts in listed] == [False, True, False]
    created = datetime.fromisoformat(listed[0]["created_at"])
    assert listed[0]["created_at"].endswith("Z")
    assert created.timestamp() == pytest.approx(owner.storage.objects["stories"][0].lastUpdatedAt, abs=1)


def test_the_stories_of_the_account_are_listed_under_either_name(owner: Account) -> None:
    assert owner.storage.objects["stories"]
    for options in ((), ("--json",)):
        done = CliRunner().invoke(app, ["story", "list", *options])
        assert (done.exit_code, done.stdout) == (0, nai("list", *options).stdout)


@pytest.mark.parametrize(
    ("title", "times"),
    [
        (TITLES[0], ["2026-03-01 09:30:05", "2026-03-01 09:30:06"]),
        (TITLES[1], ["2026-03-01 09:30", "2026-03-01 09:30"]),
    ],
    ids=["one title", "two titles"],
)
def test_the_list_has_seconds_where_stories_of_one_title_have_the_same_minute(
    owner: Account, title: str, times: list[str]
) -> None:
    for index, second in enumerate((5, 6)):
        change(owner, "stories", index, lastUpdatedAt=1_772_357_400 + second)
        rewrite(owner, "stories", index, title=(TITLES[0], title)[index], lastUpdatedAt=1000 * (1_772_357_400 + second))
    shown = nai("list").stdout.splitlines()
    assert [line.split("\t")[1] for line in shown[:2]] == times


# ---- show


def test_a_story_is_shown_by_title_or_id(owner: Account) -> None:
    card, content = (owner.storage.objects[type_][0] for type_ in ("stories", "storycontent"))
    shown = nai("show", TITLES[0])
    assert (shown.exit_code, shown.stderr) == (0, "")
    for text in (TITLES[0], card.id, card.meta, content.id, "sea", "The boats came in with the tide", "UTC"):
        assert text is not None
        assert text in shown.stdout
    for name in ("the quiet HARBOUR ", card.id, card.meta or "", content.id):
        assert nai("show", name).stdout == shown.stdout
    facts = json.loads(nai("show", card.id, "--json").stdout)
    assert facts["id"] == card.id
    assert facts["text"] == "The boats came in with the tide, and nobody counted them."
    assert facts["characters"] == len(facts["text"])
    assert nai("show", card.id, "--text").stdout == facts["text"] + "\n"


def test_memory_and_author_s_note_are_shown_and_a_long_text_is_cut(owner: Account) -> None:
    story = {"fragments": [{"data": "long " * 200}]}
    rewrite(owner, "storycontent", 0, story=story, context=[{"text": "A cove.\nA boat."}, {"text": "Be brief."}])
    shown = nai("show", TITLES[0]).stdout
    assert "memory\nA cove.\nA boat.\n" in shown
    assert "authors note\nBe brief.\n" in shown
    assert shown.endswith("long  …\n")
    assert nai("show", TITLES[0], "--text").stdout == "long " * 200 + "\n"


def test_without_a_readable_text_the_preview_is_shown(owner: Account) -> None:
    rewrite(owner, "storycontent", 0, story=None, document="AA==", context={}, lorebook=7)
    rewrite(owner, "stories", 0, tags=[1, "sea"], createdAt=True, lastUpdatedAt=1e99)
    change(owner, "storycontent", 1, data="?")
    shown = nai("show", TITLES[0])
    assert "preview\nThe boats came in" in shown.stdout
    assert "created at" not in shown.stdout
    for title, state in ((TITLES[0], "ok"), (TITLES[1], "content: damaged")):
        done = nai("show", title, "--text")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"nai library show: the story's text cannot be read (state: {state})\n"


def test_an_ambiguous_or_unknown_story_is_an_error(owner: Account) -> None:
    rewrite(owner, "stories", 1, title=TITLES[0].upper())
    assert nai("show", TITLES[0]).exit_code == 0  # letter by letter
    done = nai("show", TITLES[0].lower())
    assert done.exit_code == 2
    for stored in owner.storage.objects["stories"][:2]:
        assert stored.id in done.stderr
    for name in ("nothing", ""):
        done = nai("show", name)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("nai library show: no story has the title or id")


def test_what_could_control_a_terminal_is_never_printed(owner: Account) -> None:
    evil = "\x1b]0;\x07\u202e\ud83d"
    rewrite(owner, "stories", 0, title=evil, description=evil, tags=[evil])
    rewrite(owner, "storycontent", 0, context=[{"text": evil}], story={"fragments": [{"data": evil}]})
    stored = owner.storage.objects["stories"][0]
    for command in (["list"], ["show", stored.id]):
        done = nai(*command)
        assert done.exit_code == 0
        assert not set("\x1b\x07\u202e") & set(done.stdout)
        done = nai(*command, "--json")
        assert done.exit_code == 0
        assert not set("\x1b\x07") & set(done.stdout)
    assert json.loads(nai("show", stored.id, "--json").stdout)["title"] == evil
    assert nai("show", stored.id, "--text").exit_code == 0


# ---- export


def tree(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_an_export_writes_what_the_library_holds(owner: Account, tmp_path: Path) -> None:
    change(owner, "storycontent", 1, data="?")
    done = nai("export", str(tmp_path / "new" / "out"))
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'new' / 'out'}: 7 files written\n"
    written = tree(tmp_path / "new" / "out")
    lost = owner.storage.objects["storycontent"][1].id
    assert set(written) == {
        f"stories/{TITLES[0]}.story",
        f"stories/{TITLES[0]}.txt",
        f"stories/{TITLES[1]}.json",
        f"stories/{TITLES[2]}.story",
        f"stories/{TITLES[2]}.txt",
        f"sealed/storycontent/{make_safe_name(lost)}.sealed",
        f"sealed/storycontent/{make_safe_name(lost)}.json",
    }
    card, content = read_story_file(written[f"stories/{TITLES[0]}.story"])
    assert (card["title"], content["storyContentVersion"]) == (TITLES[0], 4)
    assert written[f"stories/{TITLES[2]}.txt"].decode() == "むかしむかし、あるところに。 🦢"


def test_files_are_replaced_only_with_overwrite(owner: Account, tmp_path: Path) -> None:
    assert nai("export", str(tmp_path)).exit_code == 0
    before = tree(tmp_path)
    assert nai("export", str(tmp_path)).stdout == f"{tmp_path}: 6 files unchanged\n"
    mine = tmp_path / "stories" / f"{TITLES[0]}.txt"
    mine.write_text("my own", "utf-8")
    done = nai("export", str(tmp_path))
    assert done.exit_code == 1
    assert f"{mine} already exists with other content" in done.stderr
    assert done.stdout == f"{tmp_path}: 5 files unchanged, 1 file not replaced\n"
    assert mine.read_text("utf-8") == "my own"
    done = nai("export", str(tmp_path), "--force")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path}: 1 file written, 5 files unchanged\n")
    assert tree(tmp_path) == before


def test_only_some_stories_may_be_exported(owner: Account, tmp_path: Path) -> None:
    owner.storage.objects["presets"].append(StoredObject(id="p", type="presets", meta="", data="e30="))
    ids = [stored.id for stored in owner.storage.objects["stories"]]
    assert nai("export", str(tmp_path), "--only", ids[2], "--only", TITLES[0]).exit_code == 0
    assert {name.partition(".")[0] for name in tree(tmp_path)} == {f"stories/{TITLES[0]}", f"stories/{TITLES[2]}"}
    done = nai("export", str(tmp_path / "none"), "--only", "nothing")
    assert done.exit_code == 1
    assert not (tmp_path / "none").exists()


def test_types_that_were_not_listed_and_files_that_were_not_written_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serve_in_thread(refusing(an_emulator()[0], "/user/objects/shelf", Head(404))) as url:
        monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
        done = nai("export", str(tmp_path), "--url", url, "--email", EMAIL)
        assert done.exit_code == 1
        assert done.stderr.startswith("nai library export: shelf could not be listed: 404")
        assert len(tree(tmp_path)) == 6
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "blocked").mkdir()
        (tmp_path / "blocked" / "stories").write_bytes(b"")
        done = nai("export", str(tmp_path / "blocked"), "--url", url, "--email", EMAIL)
        assert done.exit_code == 1
        assert done.stderr.endswith("stories cannot be created: it is a file\n")


def test_an_empty_account_exports_nothing(owner: Account, tmp_path: Path) -> None:
    owner.storage.clear_stories()
    assert nai("export", str(tmp_path)).stdout == f"{tmp_path}: nothing to export\n"
    assert nai("list", "--json").stdout == "[]\n"


@pytest.mark.usefixtures("owner")
def test_on_a_terminal_an_export_shows_its_progress(tmp_path: Path) -> None:
    assert "items" in TerminalRunner().invoke(app, ["library", "export", str(tmp_path)]).stderr
