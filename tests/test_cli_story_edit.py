"""``nai story`` on stories of an account: created, imported, edited, deleted and brought back, against the emulator."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nai_proto.codecs.sealed_objects import open_object, seal_object
from nai_proto.codecs.secret_box import write_json
from nai_proto.exchange.reply import App, Handler
from nai_proto.http import Request
from nai_proto.library import Library, open_library
from nai_proto.story import Lorebook, Story
from nai_proto.story.files import build_story_file
from nai_proto.testing import run_in_memory
from nai_transports import files
from nai_transports.backups import BackupDirectory
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.faults import FAULTS, inject_fault
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_library import keys_of

NOW = 1_700_000_000
HARBOUR, MOON = "The Quiet Harbour", "Letters to the Moon"
LOREBOOK = {
    "lorebookVersion": 5,
    "entries": [{"id": "a", "text": "Swans are white.", "keys": ["swan"]}],
    "order": ["a"],
}


class Served:
    """An emulator with an account, whose app can be exchanged while it is served."""

    def __init__(self) -> None:
        self.emulator, self.owner = an_emulator()
        self.app: App = self.emulator

    def __call__(self, request: Request) -> Handler:
        return self.app(request)

    @property
    def library(self) -> Library:
        return run_in_memory(open_library(EMAIL, PASSWORD), self.emulator).result

    def texts(self) -> dict[str, str | None]:
        return {story.title: story.text for story in self.library.stories}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    served = Served()
    with serve_in_thread(served) as url:
        environment = {
            "NAI_URL": url,
            "NAI_EMAIL": EMAIL,
            "NAI_PASSWORD": PASSWORD,
            "COLUMNS": "200",
            "XDG_DATA_HOME": str(tmp_path / "data"),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield served


def nai(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def story(*arguments: object, stdin: str | None = None) -> str:
    """What a command prints."""
    done = nai("story", *arguments, stdin=stdin)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return done.stdout


def failing(*arguments: object, status: int = 1) -> str:
    """The one line that a command fails with."""
    done = nai("story", *arguments)
    assert (done.exit_code, done.stdout) == (status, ""), done.output
    (line,) = done.stderr.splitlines()
    return line


# ---- edits


def test_the_end_of_a_story_is_quoted_from_the_beginning_of_a_word(served: Served) -> None:
    assert story("create", "One", "--text", "A").endswith(": 1 character, ending in: A\n")
    ends = "seven eight nine ten eleven twelve thirteen fourteen fifteen"  # 60 characters
    assert story("create", "Begins", "--text", f"six {ends}").endswith(f"ending in: … {ends}\n")
    assert story("create", "Within", "--text", f"six {ends}.").endswith(f"ending in: … {ends[6:]}.\n")
    assert story("create", "Without", "--text", "字" * 70).endswith(f"ending in: … {'字' * 60}\n")
    assert story("append", "One", "B").startswith("Appended 1 character to One ")
    assert served.texts()["One"] == "AB"


def test_a_title_that_another_story_has_is_told_with_its_id(served: Served) -> None:
    first, second = (nai("story", "create", "Swans", "--json") for _ in range(2))
    id_ = json.loads(first.stdout)["id"]
    assert first.stderr == ""
    note = f"another story has this title ({id_}); commands tell them apart by id\n"
    assert second.stderr == f"nai story create: {note}"
    story("create", "Geese")
    assert nai("story", "rename", json.loads(second.stdout)["id"], "Ducks").stderr == ""
    assert nai("story", "rename", "Geese", "swans").stderr == f"nai story rename: {note}"


def test_a_text_is_read_after_its_story_is_found(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(files, "read_stream", read)
    assert failing("append", "Nowhere", "-").startswith("nai story append: no story has the title or id 'Nowhere'")
    assert "Nowhere" not in served.texts()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    ("command", "method", "said"),
    [
        (("story", "append", MOON, " x"), "PATCH", "The change may be stored: nai story show "),
        (("story", "create", "Swans"), "PUT", "'Swans' may be stored: nai story list shows whether it is."),
        (("story", "import", "geese.txt"), "PUT", "'geese' may be stored: nai story list shows whether it is."),
        (("story", "import", "a.lorebook", "--into", MOON), "PATCH", "The change may be stored: nai lorebook test "),
        (
            ("story", "delete", MOON, "--yes"),
            "DELETE",
            f"{MOON!r} may be deleted; to restore it, type: nai library rest",
        ),
        (
            ("library", "import", "geese.txt", "--yes"),
            "PUT",
            "What was imported is stored; the same command imports the",
        ),
        (("library", "restore", "bk", "--yes"), "PUT", "What was restored is stored; the same command restores the"),
    ],
)
def test_ctrl_c_during_a_change_says_that_it_may_be_made(
    served: Served, command: tuple[str, ...], method: str, said: str
) -> None:
    Path("geese.txt").write_text("The geese flew.")
    Path("a.lorebook").write_text(json.dumps(LOREBOOK))
    if command[1] == "restore":
        assert nai("library", "backup", "bk").exit_code == 0
        story("delete", MOON, "--yes")

    def interrupt(request: Request) -> Handler:
        if request.method == method:
            os.kill(os.getpid(), signal.SIGINT)
        return served.emulator(request)

    served.app = interrupt
    done = nai(*command)
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1].startswith(said)


@pytest.mark.parametrize("title", ["", " "])
def test_a_story_without_a_title_is_refused(served: Served, title: str) -> None:
    assert failing("create", title, status=2) == "nai story create: the title is empty"
    assert failing("rename", "Swans", title, status=2) == "nai story rename: the title is empty"
    assert title not in served.texts()


def test_a_story_is_created_appended_to_undone_and_redone(served: Served) -> None:
    created = json.loads(story("create", "Swans", "--text", "The lake was frozen.", "--memory", "Cold.", "--json"))
    assert (created["title"], created["characters"], created["state"]) == ("Swans", 20, "ok")
    story("append", "Swans", " A swan sang.")
    assert story("append", created["id"], "--file", "-", stdin=" It slept.\n").endswith("A swan sang. It slept.\\n\n")
    assert (
        story("undo", "swans", "--steps", 2)
        == f"Undid 2 steps of Swans ({created['id']}): 20 characters, ending in: The lake was frozen.\n"
    )
    assert served.texts()["Swans"] == "The lake was frozen."
    story("redo", "Swans")
    assert served.texts()["Swans"] == "The lake was frozen. A swan sang."
    assert json.loads(nai("story", "show", "Swans", "--json").stdout)["memory"] == "Cold."


def test_more_steps_than_there_are_change_nothing(served: Served) -> None:
    story("create", "Swans", "--text", "One.")
    before = served.library
    assert failing("undo", "Swans", "--steps", 2).endswith(
        "there is nothing to undo, after 1 of 2 steps; nothing was changed"
    )
    assert failing("redo", "Swans").endswith("there is nothing to redo")
    assert served.library == before


def test_a_story_is_renamed_and_its_text_stays(served: Served) -> None:
    text = served.texts()[HARBOUR]
    assert story("rename", "the quiet", "Loud").startswith("Renamed The Quiet Harbour to Loud (")
    assert served.texts()["Loud"] == text
    assert "empty" in failing("rename", "Loud", " ", status=2)


def test_a_model_that_does_not_exist_is_wrong_usage_and_a_story_that_does_not_is_not(served: Served) -> None:
    assert "'kayra-v1'" in failing("create", "X", "--model", "Kaira", status=2)
    for command in ("context", "continue"):
        assert "'kayra-v1'" in failing(command, MOON, "--model", "Kaira", status=2)
        assert "no story has the title or id 'Kaira'" in failing(command, "Kaira")


def test_a_story_whose_text_is_damaged_can_be_renamed(served: Served) -> None:
    owner = served.owner
    stored = owner.storage.objects["storycontent"][0]
    keys = keys_of(owner)
    data = seal_object(open_object(stored, keys), keys, {"document": "1BQA"})
    owner.storage.update("storycontent", stored.id, stored.meta or "", data, None, 0)
    story("rename", HARBOUR, "Loud")
    assert "Loud" in served.texts()
    assert failing("append", "Loud", "x").startswith("nai story append: ")


def test_an_edit_never_overwrites_what_another_program_stored(served: Served) -> None:
    other = {"done": False}

    def app(request: Request) -> Handler:
        if request.method == "PATCH" and not other["done"]:
            other["done"] = True
            library = served.library
            theirs = library.find(MOON).edit()
            theirs.append(" Theirs.", now=NOW)
            run_in_memory(library.save(theirs), served.emulator)
        return served.emulator(request)

    before = served.texts()[MOON]
    served.app = app
    assert "was changed since it was read" in failing("append", MOON, " Mine.")
    assert served.texts()[MOON] == f"{before} Theirs."


@pytest.mark.parametrize("command", [("append", "x"), ("undo",), ("redo",), ("rename", "x")])
def test_a_file_is_not_edited(served: Served, command: tuple[str, ...]) -> None:
    assert "nai story import stores a file" in failing(command[0], "draft.story", *command[1:], status=2)


# ---- importing


def test_files_of_every_kind_begin_stories(served: Served, tmp_path: Path) -> None:
    swans = Story.new("Swans", now=NOW)
    swans.append("The lake was frozen.", now=NOW)
    scenario = {"scenarioVersion": 3, "title": "Lake", "prompt": "${hero[Ana]} woke."}
    contents = {
        "a.story": build_story_file(*map(write_json, swans.to_data(now=NOW))),
        "b.scenario": write_json(scenario),
        "Birds.lorebook": write_json(LOREBOOK),
        "My notes.txt": b"Once.\r\n",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    before = served.texts()
    lines = story("import", *contents).splitlines()
    assert [line.partition(" as ")[0] for line in lines] == [f"Imported {name}" for name in contents]
    assert served.texts() == {
        **before,
        "Swans": "The lake was frozen.",
        "Lake": "Ana woke.",
        "Birds": "",
        "My notes": "Once.",
    }
    assert served.library.find("Birds").edit().fields["lorebook"] == LOREBOOK
    assert nai("sanity-check").exit_code == 0


def test_a_scenario_begins_with_the_answers_and_nothing_else_takes_any(served: Served, tmp_path: Path) -> None:
    (tmp_path / "a.scenario").write_bytes(
        write_json({"scenarioVersion": 3, "title": "Lake", "prompt": "${hero} woke."})
    )
    (tmp_path / "b.txt").write_bytes(b"Once.")
    story("import", "a.scenario", "--answer", "hero=Bo")
    assert served.texts()["Lake"] == "Bo woke."
    assert "import it by itself" in failing("import", "a.scenario", "b.txt", "--answer", "hero=Bo", status=2)
    assert "heroine" in failing("import", "a.scenario", "--answer", "heroine=Bo", status=2)
    assert "hero" in failing("import", "b.txt", "--answer", "hero=Bo", status=2)


def test_nothing_is_stored_if_a_file_cannot_be_read(served: Served, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Once.")
    (tmp_path / "b.story").write_bytes(b"{")
    before = served.texts()
    assert failing("import", "a.txt", "b.story").endswith("b.story: JSON is cut short (byte 1). No file was imported")
    (tmp_path / "c.story").write_bytes(b"[")
    said = failing("import", "b.story", "a.txt", "c.story")
    assert [part for part in ("b.story: JSON", "c.story: JSON", "a.txt") if part in said] == [
        "b.story: JSON",
        "c.story: JSON",
    ]
    assert failing("import", "a.txt", "--into", HARBOUR).endswith(
        "--into takes lorebooks; without it, a text begins a new story"
    )
    assert served.texts() == before


def test_an_import_that_fails_names_what_is_stored(served: Served, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"Once.")
    served.app = inject_fault(served.emulator, FAULTS["409"], 2, method="PUT", path="/user/objects")
    line = failing("import", "a.txt", "b.txt")
    assert line.endswith(f". stored: a ({served.library.find('a').card.stored.id})")


def test_lorebooks_are_added_to_a_story_once(served: Served, tmp_path: Path) -> None:
    (tmp_path / "Birds.lorebook").write_bytes(write_json(LOREBOOK))
    before = len(Lorebook(served.library.find(HARBOUR).edit().fields.get("lorebook", {})).entries)
    for _ in range(2):
        story("import", "Birds.lorebook", "--into", HARBOUR)
        entries = Lorebook(served.library.find(HARBOUR).edit().fields["lorebook"]).entries
        assert len(entries) == before + 1
        assert entries[-1].text == "Swans are white."
    (tmp_path / "a.scenario").write_bytes(write_json({"scenarioVersion": 3, "prompt": "x"}))
    assert "--into takes lorebooks, and this is a scenario" in failing(
        "import", "a.scenario", "--into", HARBOUR, status=2
    )


@pytest.mark.parametrize("lorebook", [[], {"entries": {"0": {"text": "Ducks."}}}])
def test_a_lorebook_that_cannot_be_read_is_not_replaced_by_what_is_added(
    served: Served, tmp_path: Path, lorebook: object
) -> None:
    (tmp_path / "Birds.lorebook").write_bytes(write_json(LOREBOOK))
    edited = served.library.find(HARBOUR).edit()
    edited.fields["lorebook"] = lorebook
    run_in_memory(served.library.save(edited), served.emulator)
    result = CliRunner().invoke(app, ["story", "import", "Birds.lorebook", "--into", HARBOUR])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 2)
    assert served.library.find(HARBOUR).edit().fields["lorebook"] == lorebook


# ---- deleting


def restore(line: str) -> None:
    """Run the command that a deletion printed."""
    _, _, command = line.strip().rpartition("to restore it, type: nai ")
    done = nai(*command.split(), "--yes")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("directory", [None, "backups"], ids=["its own", "named"])
def test_a_deleted_story_is_restored_by_the_command_that_is_printed(served: Served, directory: str | None) -> None:
    before = served.texts()
    story("rename", HARBOUR, "Old")
    if directory:
        assert nai("library", "backup", directory).exit_code == 0
    story("append", "Old", " More.")
    now = served.texts()
    printed = story("delete", "Old", "--yes", *(("--backup", directory) if directory else ()))
    assert served.texts() == {title: text for title, text in before.items() if title != HARBOUR}
    restore(printed)
    assert served.texts() == now
    assert nai("sanity-check").exit_code == 0


def test_the_command_that_restores_a_deleted_story_acts_for_the_same_account(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ["NAI_URL"]
    monkeypatch.delenv("NAI_URL")
    monkeypatch.delenv("NAI_EMAIL")
    before = served.texts()
    printed = story("delete", HARBOUR, "--yes", "--url", url, "--email", EMAIL)
    assert printed.strip().endswith(f" --url {url} --email {EMAIL}")
    restore(printed)
    assert served.texts() == before


def test_the_backup_of_a_deletion_leaves_all_else_in_the_directory_as_it_is(served: Served, tmp_path: Path) -> None:
    assert nai("library", "backup", "backups").exit_code == 0
    facts = json.loads(story("delete", MOON, HARBOUR, "--yes", "--backup", "backups", "--json"))
    assert facts["backup"] == 2
    assert [each["title"] for each in facts["deleted"]] == [MOON, HARBOUR]
    with BackupDirectory(tmp_path / "backups") as backups:
        assert [run.objects for run in backups.runs] == [6, 4]
        assert backups.verify().ok
        assert len([*backups.items()]) == 6
        assert len([*backups.items(run=2)]) == 4
    assert json.loads(nai("library", "backup", "backups", "--json").stdout)["gone"] == 4
    assert nai("library", "restore", "backups", "--yes").exit_code == 0
    assert len(served.texts()) == 3


def test_a_story_that_did_not_open_is_deleted_and_restored_as_it_is_stored(served: Served) -> None:
    objects = served.owner.storage.objects
    card = objects["stories"][0]
    data = "A" * 80
    served.owner.storage.update("stories", card.id, card.meta or "", data, None, 0)
    printed = story("delete", card.id, "--yes")
    assert len(objects["stories"]) == 2
    restore(printed)
    assert data in [item.data for item in objects["stories"]]


def test_deleting_needs_a_yes_and_a_backup_directory_of_this_account(served: Served, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_bytes(b"")
    before = served.library
    assert "--yes" in failing("delete", MOON, status=2)
    assert "not a backup directory" in failing("delete", MOON, "--yes", "--backup", "other")
    assert served.library == before


def test_a_story_that_is_changed_before_it_is_deleted_stays(served: Served) -> None:
    changed = {"done": False}

    def app(request: Request) -> Handler:
        if "/user/objects/storycontent/" in request.path and not changed["done"]:
            changed["done"] = True
            library = served.library
            theirs = library.find(MOON).edit()
            theirs.append(" Theirs.", now=NOW)
            run_in_memory(library.save(theirs), served.emulator)
        return served.emulator(request)

    served.app = app
    assert "nothing was deleted" in failing("delete", MOON, "--yes")
    assert (served.texts()[MOON] or "").endswith(" Theirs.")


def test_what_another_program_stores_at_the_last_moment_is_kept_too(served: Served, tmp_path: Path) -> None:
    def app(request: Request) -> Handler:
        if request.method == "DELETE" and "/storycontent/" in request.path:
            library = served.library
            theirs = library.find(MOON).edit()
            theirs.append(" Theirs.", now=NOW)
            run_in_memory(library.save(theirs), served.emulator)
        return served.emulator(request)

    served.app = app
    printed = story("delete", MOON, "--yes", "--backup", "backups")
    served.app = served.emulator
    restore(printed)
    assert (served.texts()[MOON] or "").endswith(" Theirs.")


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("fault", ["lost", "unanswered", "500"])
@pytest.mark.parametrize("number", range(4))
def test_after_any_fault_the_story_is_in_the_account_or_in_the_backup(served: Served, fault: str, number: int) -> None:
    before = served.texts()
    served.app = inject_fault(served.emulator, FAULTS[fault], *range(number, 99), path="/user/objects/storyc")
    nai("story", "delete", MOON, "--yes", "--backup", "backups")
    served.app = served.emulator
    nai("library", "restore", "backups", "--yes")  # which fails if not even the backup was begun
    assert served.texts() == before
