"""``nai story`` and ``nai lorebook``: a story in an account or in a file, looked into, taken away, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from nai_proto.codecs.secret_box import write_json
from nai_proto.emulator import Account
from nai_proto.exchange.reply import Handler
from nai_proto.exchange.session import Session
from nai_proto.http import Request
from nai_proto.library import open_library
from nai_proto.library.stories import create_story
from nai_proto.story import Lorebook, Origin, Story
from nai_proto.story.files import Scenario, build_story_file, read_file, read_story_file
from nai_proto.testing import run_in_memory
from nai_transports.cli.app import app
from nai_transports.cli.story.tree import format_tree
from nai_transports.httpx import Client
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator, logged_in
from tests.terminal_runner import TerminalRunner
from tests.test_continue_story import KEY, load_byte_tokenizer, load_word_tokenizer

NOW = 1_700_000_000
ENTRIES = [
    {"id": "1", "displayName": "Swans", "text": "Swans are white.", "keys": ["swan", "/ducks?/i"]},
    {"id": "2", "displayName": "Broken", "text": "Never.", "keys": ["/(/"]},
    {"id": "3", "displayName": "Always", "text": "It is cold.", "keys": [], "forceActivation": True},
    {"id": "4", "displayName": "Off", "text": "Never.", "keys": ["lake"], "enabled": False},
]


def make_story(title: str = "Swans", legacy: bool = False) -> Story:
    story = Story.new(title, now=NOW, legacy=legacy)
    story.memory = "The ${hero[Mira]} is brave."
    story.settings.fields["trimResponses"] = False
    story.fields["lorebook"]["entries"] = ENTRIES
    story.append("Chapter 1\nThe lake was frozen.", now=NOW, origin=Origin.PROMPT)
    story.append(" A Swan slept.", now=NOW + 60, origin=Origin.AI)
    story.retry(" A swan sang.", now=NOW + 120)
    return story


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The owner of an account that has that story among others."""
    emulator, owner = an_emulator(tokenizers=load_byte_tokenizer)
    run_in_memory(logged_in(create_story(make_story(), KEY)), emulator)
    for module in ("continue_", "context"):
        monkeypatch.setattr(f"nai_transports.cli.story.{module}.load_or_none", load_word_tokenizer)
    with serve_in_thread(emulator) as url:
        for name, value in {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "200")
        yield owner


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same story in a file; whatever is written goes beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "swans.story"
    path.write_bytes(build_story_file(*map(write_json, make_story().to_data(now=NOW))))
    return path


def nai(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_failing(*arguments: object, status: int = 1) -> str:
    """The one line that a command failed with."""
    done = nai(*arguments)
    assert done.exit_code == status, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


# ---- show


@pytest.mark.usefixtures("owner")
def test_a_story_of_the_account_is_shown() -> None:
    done = nai("story", "show", "Swans")
    assert (done.exit_code, done.stderr) == (0, "")
    for shown in (
        "Swans",
        "kayra-v1",
        "history nodes\t4",
        "branches\t2",
        "The lake was frozen. A swan sang.",
    ):
        assert shown in done.stdout
    assert nai("story", "show", "Swans", "--text").stdout == "Chapter 1\nThe lake was frozen. A swan sang.\n"


@pytest.mark.parametrize("legacy", [False, True], ids=["newer", "legacy"])
def test_a_story_in_a_file_is_shown_without_an_account(file: Path, legacy: bool) -> None:
    file.write_bytes(build_story_file(*map(write_json, make_story(legacy=legacy).to_data(now=NOW))))
    facts = json.loads(nai("story", "show", file, "--json").stdout)
    assert facts["format"] == ("story" if legacy else "document")
    assert facts["text"] == "Chapter 1\nThe lake was frozen. A swan sang."
    assert (facts["history_nodes"], facts["branches"], facts["lorebook_entries"]) == (4, 2, 4)


def test_a_scenario_is_shown_as_the_story_that_it_starts(file: Path) -> None:
    path = file.with_suffix(".scenario")
    path.write_bytes(Scenario.from_story(make_story()).with_fields(prompt="${hero} woke.").dumps())
    assert nai("story", "show", path, "--text").stdout == "Mira woke.\n"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (None, "cannot be read"),
        (b"?", "other.story: not JSON (byte 0)"),
        (b'{"lorebookVersion": 1, "entries": []}', "lorebook"),
    ],
    ids=["none", "no JSON", "another"],
)
def test_a_file_that_is_not_a_story_is_a_one_line_error(file: Path, written: bytes | None, problem: str) -> None:
    path = file.with_name("other.story")
    if written is not None:
        path.write_bytes(written)
    line = run_failing("story", "show", path)
    assert line.startswith("nai story show: ")
    assert problem in line
    assert "other.story" in line


@pytest.mark.usefixtures("owner")
def test_an_unknown_story_is_a_one_line_error() -> None:
    assert run_failing("story", "show", "Ducks").endswith(
        "no story has the title or id 'Ducks'; nai story list lists all"
    )


def test_a_damaged_text_is_a_one_line_error(file: Path) -> None:
    card, content = make_story().to_data(now=NOW)
    file.write_bytes(build_story_file(write_json(card), write_json({**content, "document": "1BQA"})))
    for command in (["show"], ["tree"], ["export", "-o", "-"]):
        assert "story" in run_failing("story", command[0], file, *command[1:])


# ---- tree


def test_the_history_is_drawn_as_a_tree(file: Path) -> None:
    lines = TerminalRunner().invoke(app, ["story", "tree", str(file)]).stdout.splitlines()
    assert [line[0] for line in lines] == ["○", "○", "├", "└"]
    assert [line[:3] for line in lines[2:]] == ["├─○", "└─●"]
    assert "Chapter 1\\nThe lake was frozen." in lines[1]
    assert "A Swan slept." in lines[2]
    assert "2023-11-14 22:15" in lines[3]
    rows = [line.split("\t") for line in nai("story", "tree", file).stdout.splitlines()]
    assert [row[2] for row in rows] == ["", "", "", "current"]
    assert [row[1] for row in rows] == ["", rows[0][0], rows[1][0], rows[1][0]]
    assert rows[1][5] == "Chapter 1\\nThe lake was frozen."
    document = json.loads(nai("story", "tree", file, "--json").stdout)
    assert [node["origin"] for node in document["nodes"]] == ["root", "prompt", "ai", "ai"]
    assert document["current"] == document["nodes"][-1]["id"]


def test_a_long_history_is_drawn_without_growing_to_the_right() -> None:
    story = Story.new("Long", now=NOW)
    for number in range(300):
        story.append(f" {number}", now=NOW)
    story.undo()
    story.append(" other", now=NOW)
    lines = list(format_tree(story.history, 20))
    assert len(lines) == 302
    assert max(map(len, lines)) < 80
    assert lines[-2].startswith("├─○")
    assert lines[-1].startswith("└─●")


def test_a_branch_of_a_branch_is_drawn_beside_it_and_deep_ones_leave_room_for_their_texts() -> None:
    story = Story.new("Deep", now=NOW)
    for number in range(100):
        story.append(f" other {number}", now=NOW)
        story.append(" more", now=NOW)
        story.undo()
        story.undo()
        story.append(f" {number}", now=NOW)
    lines = [*format_tree(story.history, 80, 80)]
    assert [line[:4] for line in lines[1:5]] == ["├─○ ", "│ ○ ", "└─○ ", "  ├─"]
    assert lines[-3].startswith("…")
    assert lines[-3].endswith(" other 99")
    assert lines[-1].startswith("…")
    assert lines[-1].endswith(" 99")


@given(st.lists(st.text("a 漢\n\x1b😀", max_size=80), max_size=30), st.integers(20, 120))
def test_every_line_of_a_tree_fits_into_the_terminal(texts: list[str], columns: int) -> None:
    story = Story.new("Wide", now=NOW)
    for text in texts:  # each on a branch of the one before
        story.append(text or "x", now=NOW)
        story.append("end", now=NOW)
        story.undo()
    assert all(cell_len(line) <= columns for line in format_tree(story.history, columns, columns))
    whole = list(format_tree(story.history, 10_000))
    assert all(line.isprintable() for line in whole)


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (60, "● {id}  user  2023-11-14 22:13  The lake was fr…"),
        (40, "● {id}  user  The lake was…"),
        (36, "● {id}  The lake was fr…"),
        (24, "● {id}  The…"),
        (18, "● {id}"),
        (17, "…{id}"),
    ],
)
def test_a_narrow_terminal_gets_a_text_rather_than_its_time_and_its_author_and_the_whole_id(
    columns: int, line: str
) -> None:
    story = Story.new("Narrow", now=NOW)
    story.append("The lake was frozen, and nobody crossed it.", now=NOW)
    assert list(format_tree(story.history, columns, columns))[-1] == line.format(id=story.history.current)


# ---- export


@pytest.mark.parametrize("form", ["md", "txt", "html", "epub", "story", "scenario"])
def test_the_suffix_of_the_file_chooses_the_export_format(file: Path, form: str) -> None:
    path = file.with_name(f"out.{form}")
    done = nai("story", "export", file, "-o", path, "--author", "Ana")
    assert done.exit_code == 0, done.stderr
    data = path.read_bytes()
    if form == "epub":
        with zipfile.ZipFile(path) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
    text = "A swan sang."
    if form == "story":
        assert Story.from_data(*read_story_file(data)).text.endswith(text)
    elif form == "scenario":
        assert read_file(data).kind == "scenario"
        assert Scenario.loads(data).prompt.endswith(text)
    else:
        assert text in data.decode()
        assert ("Ana" in data.decode()) is (form != "txt")


def test_a_story_is_exported_as_markdown_named_after_it(file: Path) -> None:
    assert nai("story", "export", file).exit_code == 0
    assert (file.parent / "Swans.md").read_text("utf-8").startswith("# Swans\n\n## Chapter 1\n")
    assert nai("story", "export", file, "-o", "-", "--format", "txt").stdout == make_story().text + "\n"


def test_an_export_replaces_a_file_only_with_overwrite(file: Path) -> None:
    path = file.with_name("out.md")
    path.write_text("mine")
    assert "--force" in run_failing("story", "export", file, "-o", path)
    assert path.read_text() == "mine"
    assert nai("story", "export", file, "-o", path, "--force").exit_code == 0
    assert nai("story", "export", file, "-o", path).exit_code == 0  # it holds that already


def test_an_export_is_written_under_the_name_and_in_the_format_that_were_given(file: Path) -> None:
    assert ".docx is none of the formats: md, txt" in run_failing("story", "export", file, "-o", "out.docx", status=2)
    assert "give the --format: md, txt" in run_failing("story", "export", file, "-o", "out", status=2)
    assert "not as .md" in run_failing("story", "export", file, "-o", "out.md", "--format", "epub", status=2)
    assert nai("story", "export", file, "-o", "books/", "--format", "txt").stdout.startswith("books/Swans.txt: ")
    assert nai("story", "export", file, "-o", "books").stdout.startswith("books/Swans.md: ")
    assert not {"out.docx", "out", "out.md"} & {each.name for each in file.parent.iterdir()}


# ---- context


@pytest.mark.usefixtures("owner")
def test_the_context_is_a_table_that_says_why() -> None:
    done = nai("story", "context", "Swans", "--answer", "hero=Ana", "--max-tokens", "20")
    assert done.exit_code == 0
    assert "tokens, everything is included" in done.stderr
    rows = {
        name: next(line for line in done.stdout.splitlines() if name in line) for name in ("Swans", "Broken", "Always")
    }
    assert "✓" in rows["Swans"]
    assert "swan" in rows["Swans"]
    assert "·" in rows["Broken"]
    assert "✓" in rows["Always"]
    whole = nai("story", "context", "Swans", "--answer", "hero=Ana", "--text").stdout
    assert whole.startswith("The Ana is brave.\n")
    assert "Swans are white.\n" in whole
    assert whole.endswith("The lake was frozen. A swan sang.\n")


@pytest.mark.usefixtures("owner")
def test_a_small_context_leaves_out_what_has_no_room() -> None:
    document = json.loads(nai("story", "context", "Swans", "--size", "30", "--json").stdout)
    assert document["tokens"] <= document["context"] == 30
    story = next(row for row in document["parts"] if row["kind"] == "story")
    assert story["trimmed_by"] or not story["included"]


@pytest.mark.usefixtures("owner")
def test_a_context_needs_a_tier_and_answers_need_a_key() -> None:
    assert "no tier is called 'gold'" in run_failing("story", "context", "Swans", "--tier", "gold", status=2)
    assert "--answer is KEY=TEXT" in run_failing("story", "context", "Swans", "--answer", "x", status=2)


# ---- continue


def read_texts(owner: Account) -> dict[str, str | None]:
    """What the account's stories say now."""
    with Client(Session(base_url=os.environ["NAI_URL"])) as client:
        return {story.title: story.text for story in client.run(open_library(EMAIL, PASSWORD)).stories}


def test_a_story_is_continued_and_saved(owner: Account) -> None:
    before = read_texts(owner)["Swans"]
    done = nai("story", "continue", "Swans", "--max-tokens", "15")
    assert (done.exit_code, done.stderr) == (0, "")
    assert read_texts(owner)["Swans"] == (before or "") + done.stdout.removesuffix("\n")


def test_a_story_is_continued_without_being_saved(owner: Account) -> None:
    before = read_texts(owner)
    document = json.loads(nai("story", "continue", "Swans", "--max-tokens", "15", "--no-store", "--json").stdout)
    assert document["text"]
    assert document["saved"] == []
    assert read_texts(owner) == before


def test_an_error_after_half_of_the_text_starts_a_line_and_says_that_nothing_was_saved(
    owner: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator, _ = an_emulator(tokenizers=load_byte_tokenizer)
    emulator.faults.add("cut:at=2400,path=/ai/generate-stream")
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        done = nai("story", "continue", "The Quiet Harbour", "--max-tokens", "40")
    assert done.exit_code == 1
    assert done.stdout.endswith("\n")
    assert len(done.stdout) > 1
    lost = "the connection was lost before the response was complete: trying again makes a new request. "
    assert done.stderr.startswith("nai story continue: ")
    assert done.stderr.endswith(f"\nnai story continue: {lost}This text was not saved.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    ("moment", "fate"),
    [
        ("POST /ai/generate-stream", ""),
        (
            "PATCH /user/objects/storycontent",
            'This text was being saved; nai story show "The Quiet Harbour" shows whether it is.\n',
        ),
        ("PATCH /user/objects/stories", "the new text is saved\n"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_says_what_became_of_the_new_text(
    owner: Account, monkeypatch: pytest.MonkeyPatch, moment: str, fate: str, *, as_json: bool
) -> None:
    emulator, _ = an_emulator(tokenizers=load_byte_tokenizer)

    def interrupt(request: Request) -> Handler:
        if f"{request.method} {request.target}".startswith(moment):
            os.kill(os.getpid(), signal.SIGINT)
        return emulator(request)

    with serve_in_thread(interrupt) as url:
        monkeypatch.setenv("NAI_URL", url)
        done = nai("story", "continue", "The Quiet Harbour", *(["--json"] if as_json else []))
    assert done.exit_code == 130
    if as_json:
        error = json.loads(done.stderr)["error"]
        message = f"interrupted. {fate.strip()}" if fate else "interrupted"
        assert (error["message"], bool(error["partial"])) == (message, bool(fate))
    else:
        assert (done.stderr, bool(done.stdout)) == (f"\n{fate}", bool(fate))


def test_a_story_in_a_file_cannot_be_continued(file: Path) -> None:
    assert "nai generate" in run_failing("story", "continue", file, status=2)


# ---- lorebooks


def test_a_lorebook_is_tested_on_a_text(file: Path) -> None:
    path = file.with_name("book.lorebook")
    path.write_bytes(Lorebook({**Lorebook.new().data, "entries": ENTRIES}).dumps())
    done = nai("lorebook", "test", path, "--text", "Two DUCKS on the lake")
    assert (done.exit_code, done.stderr) == (0, "2 of 4 entries active\n")
    assert "[DUCKS]" in done.stdout
    document = json.loads(nai("lorebook", "test", path, "--text", "Two DUCKS on the lake", "--json").stdout)
    assert [entry["active"] for entry in document] == [True, False, True, False]
    assert document[0]["keys"][1] == {"key": "/ducks?/i", "match": [4, 9], "problem": None}
    assert document[1]["keys"][0]["problem"]
    assert "--text or --file" in run_failing("lorebook", "test", path, status=2)
    long = "The keeper of the lighthouse fed the ducks every morning, and the gulls too."
    shown = nai("lorebook", "test", path, "--text", long).stdout
    assert "37: … lighthouse fed the [ducks] every morning, and …" in shown


def test_a_story_s_lorebook_is_tested_on_its_text(file: Path) -> None:
    done = nai("lorebook", "test", file)
    assert "A [swan] sang." in done.stdout
    other = file.with_name("text.txt")
    other.write_text("no bird")
    assert "1 of 4 entries active" in nai("lorebook", "test", file, "--file", other).stderr
    other.write_bytes(b"\xff")
    assert "is not UTF-8" in run_failing("lorebook", "test", file, "--file", other)


@pytest.mark.parametrize("lorebook", [[], [1], "x", 3, None], ids=repr)
def test_an_unreadable_lorebook_is_treated_as_an_empty_one(file: Path, lorebook: object) -> None:
    card, content = make_story().to_data(now=NOW)
    file.write_bytes(build_story_file(write_json(card), write_json({**content, "lorebook": lorebook})))
    assert json.loads(nai("story", "show", file, "--json").stdout)["lorebook_entries"] == 0
    assert "the lorebook has no entries" in nai("lorebook", "test", file).stderr


def test_the_help_of_the_group_lists_its_commands() -> None:
    shown = nai("story", "--help").stdout
    assert all(name in shown for name in ("show", "tree", "export", "context", "continue"))
