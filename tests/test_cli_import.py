"""``nai library import``: files get into an account, as a person or a script runs it, against the emulator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nai_proto.emulator import Account
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.faults import inject_fault, refuse_with
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.terminal_runner import TerminalRunner
from tests.test_import_plan import FILES, PRESET, story_file


def nai(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def titles() -> list[str]:
    return [story["title"] for story in json.loads(nai("library", "list", "--json").stdout)]


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """An account, and a directory with a file of each kind, in which the commands run."""
    emulator, owner = an_emulator()
    monkeypatch.chdir(tmp_path)
    Path("files").mkdir()
    for name, data in FILES.items():
        (Path("files") / name).write_bytes(data)
    with serve_in_thread(emulator) as url:
        for name, value in {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        yield owner


@pytest.mark.usefixtures("owner")
def test_a_single_file_is_told_in_sentences_on_a_terminal() -> None:
    line = ["library", "import", "files/tale.story", "--yes"]
    lines = TerminalRunner().invoke(app, line).stdout.splitlines()
    assert lines[0] == "Create: files/tale.story, story 'A tale'."
    assert re.fullmatch(r"Imported files/tale\.story as A tale \([\w-]{21}\)\.", lines[1])
    assert len(lines) == 2
    assert TerminalRunner().invoke(app, line).stdout == "1 file had nothing new.\n"


def test_a_directory_is_imported_once_and_texts_in_it_only_if_named(owner: Account) -> None:
    before = titles()
    done = nai("library", "import", "files", "--yes")
    assert done.exit_code == 0, done.output
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    assert [row[:4] for row in rows] == [
        ["create", "scenario", "Begin", "files/begin.scenario"],
        ["create", "preset", "Calm", "files/calm.preset"],
        ["create", "story", "Nameless", "files/nameless.story"],
        ["leave out", "", "", "files/notes.txt"],
        ["create", "lorebook", "places", "files/places.lorebook"],
        ["create", "story", "A tale", "files/tale.story"],
    ]
    assert "Imported files/tale.story as A tale (" in done.stdout
    assert done.stdout.endswith("5 files imported; 1 file left out.\n")
    assert sorted(titles()) == sorted([*before, "A tale", "Nameless", "Begin", "places"])
    again = nai("library", "import", "files", "files/notes.txt")
    assert again.exit_code == 2  # one is new, and nobody is there to be asked
    assert "--yes" in again.stderr
    assert nai("library", "import", "files", "files/notes.txt", "--yes").stdout.endswith(
        "1 file imported; 5 files had nothing new.\n"
    )


def test_a_plan_is_printed_and_nothing_is_written_without_yes(owner: Account) -> None:
    before = titles()
    report = json.loads(nai("library", "import", "files", "--dry-run", "--json").stdout)
    assert report["written"] is False
    assert [file["action"] for file in report["files"]].count("create") == 5
    done = nai("library", "import", "files")
    assert done.exit_code != 0
    assert "give --yes to write" in done.stderr
    assert titles() == before


def test_an_export_of_the_account_has_nothing_new_for_it(owner: Account) -> None:
    nai("library", "export", "exported")
    done = nai("library", "import", "exported")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith("3 files had nothing new; 3 files skipped beside a .story of the same name.\n")


def test_a_story_that_differs_stays_and_what_imports_it_is_named(owner: Account) -> None:
    nai("library", "export", "exported")
    (path,) = Path("exported/stories").glob("The Quiet*.story")
    path.write_text(path.read_text("utf-8").replace("Harbour", "Haven"), "utf-8")
    done = nai("library", "import", "exported")
    assert (done.exit_code, "another version of this story" in done.stdout) == (0, True)
    assert done.stderr == "nai library import: nai story import FILE imports another version of a story as a copy\n"


def test_a_named_file_that_cannot_be_imported_is_a_failure_and_one_in_a_directory_is_not(owner: Account) -> None:
    Path("files/broken.story").write_bytes(b"{")
    assert nai("library", "import", "files", "--yes").exit_code == 0
    done = nai("library", "import", "files/broken.story")
    assert done.exit_code == 1
    assert "leave out" in done.stdout
    assert nai("library", "import", "nothing.story").exit_code == 1


def test_a_backup_directory_is_restored_and_not_imported(owner: Account) -> None:
    nai("library", "backup", "backups")
    done = nai("library", "import", "backups")
    assert done.exit_code != 0
    assert "nai library restore backups" in done.stderr


def test_what_could_not_be_stored_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "calm.preset"
    path.write_bytes(PRESET)
    other = tmp_path / "tale.story"
    other.write_bytes(story_file("Once."))
    monkeypatch.setenv("NAI_PASSWORD", PASSWORD)
    refusing = inject_fault(an_emulator()[0], refuse_with(400), 0, method="PUT", path="/user/objects/presets")
    with serve_in_thread(refusing) as url:
        done = nai("library", "import", path, other, "--yes", "--url", url, "--email", EMAIL)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"nai library import: {path}: refused: 400")
    assert f"Imported {other} as A tale (" in done.stdout


def test_what_could_control_a_terminal_is_escaped(owner: Account) -> None:
    Path("x\x1b[31m.story").write_bytes(story_file("x", title="a\tb\n\x1b]0;\u202e"))
    done = nai("library", "import", "x\x1b[31m.story", "--yes")
    assert done.exit_code == 0
    assert not set("\x1b\u202e") & {*done.stdout}
    assert "create\tstory\ta\\tb\\n\\x1b]0;\\u202e\tx\\x1b[31m.story\t" in done.stdout


def test_an_id_that_begins_with_a_dash_is_no_option(owner: Account) -> None:
    stored = owner.storage.objects["stories"][0]
    id_ = f"-{stored.id[1:]}"
    owner.storage.objects["stories"].take(stored.id)
    owner.storage.objects["stories"].put(stored.__class__.from_json({**stored.document, "id": id_}))
    for command in (["library", "show", id_], ["story", "show", id_, "--json"], ["story", "undo", "--json", "--", id_]):
        assert nai(*command).exit_code == 0
    assert nai("library", "show", "-x").exit_code == 2
