"""``--json``: each command prints the shape that docs/command-line.md shows, and the examples of its help page work."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

import nai_proto
from nai_proto.codecs.picture_files import write_picture
from nai_proto.codecs.picture_metadata import Metadata
from nai_proto.codecs.pixels import Pixels
from nai_proto.codecs.secret_box import write_json
from nai_proto.emulator import Account
from nai_proto.story import Lorebook, Story
from nai_proto.story.files import build_story_file
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_continue_story import load_byte_tokenizer, load_word_tokenizer
from tests.test_library import change

NOW = 1_700_000_000
PAGE: Final = (Path(nai_proto.__file__).parent / "docs" / "command-line.md").read_text("utf-8")
SHAPES: Final[dict[str, Any]] = {
    name: json.loads(block)
    for section in PAGE.split("\n### ")[1:]
    for name in re.findall(r"\A`nai ([^`]+)`", section)
    for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)[:1]
}
"""The documented documents, by command."""
COMMANDS: Final = {
    "generate": '"The boats" --echo --logprobs 2 --max-length 5',
    "chat": '"Who are you?" --max-tokens 5',
    "models": "",
    "library list": "",
    "library show": '"The Quiet Harbour"',
    "library export": "exported",
    "library import": "draft.story notes.txt calm.preset broken.story --yes",
    "library backup": "backups",
    "library verify": "backups",
    "library restore": "backups --yes",
    "sanity-check": "",
    "story create": '"The Lighthouse" --text "The lamp went out at nine."',
    "story import": "draft.story notes.txt",
    "story show": '"The Quiet Harbour"',
    "story tree": "draft.story",
    "story context": "draft.story",
    "story continue": '"The Quiet Harbour" --max-length 10',
    "story export": "draft.story -o draft.epub",
    "story delete": '"The Quiet Harbour" --backup backups --yes',
    "lorebook test": 'places.lorebook --text "The boats came in."',
    "health": "",
    "doctor": "",
    "whoami": "",
    "image": "sea --size 64x64 --previews",
    "director": "lineart sea.png",
    "upscale": "sea.png --yes",
    "vibe": "sea.png --yes",
    "image-info": "sea.png",
    "tags": "cat",
    "speak": '"The lamp went out."',
    "demo": "",
}
"""Arguments with which each command prints a document; some of its lists may be empty."""
EDITS: Final = {
    "append": '"The Quiet Harbour" " More."',
    "undo": '"The Quiet Harbour"',
    "redo": '"The Quiet Harbour"',
    "rename": '"The Quiet Harbour" Loud',
}
"""Commands that print what ``nai story create`` prints."""


PIXELS: Final = Pixels(64, 64, bytes(64 * 64 * 3))
DRAWN: Final = write_picture(
    PIXELS, Metadata.from_comment({"prompt": "sea", "seed": 7}, description="sea", source=None)
)
"""A picture with metadata."""


def make_story(title: str) -> Story:
    story = Story.new(title, now=NOW)
    story.fields["lorebook"]["entries"] = [
        {"id": "a", "displayName": "Boats", "text": "Of wood.", "keys": ["boats", "/(/"]}
    ]
    story.append("The boats came in.", now=NOW)
    story.append(" The tide turned.", now=NOW + 60)
    return story


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """An account of an emulator that the commands ask, in a directory with the files that examples name."""
    emulator, owner = an_emulator(tokenizers=load_byte_tokenizer)
    for module in ("continue_", "context"):
        monkeypatch.setattr(f"nai_transports.cli.story.{module}.load_or_none", load_word_tokenizer)
    monkeypatch.chdir(tmp_path)
    draft = make_story("Draft")
    Path("draft.story").write_bytes(build_story_file(*map(write_json, draft.to_data(now=NOW))))
    Path("places.lorebook").write_bytes(Lorebook(draft.fields["lorebook"]).dumps())
    Path("notes.txt").write_text("The keeper slept.\n")
    Path("broken.story").write_text("{")
    Path("calm.preset").write_bytes(write_json({"presetVersion": 3, "name": "Calm", "parameters": {}}))
    scenario = {"scenarioVersion": 3, "title": "Quest", "prompt": "${hero[Ana]} woke."}
    Path("quest.scenario").write_bytes(write_json(scenario))
    Path("sea.png").write_bytes(DRAWN)
    monkeypatch.setenv("NAI_VIBE_DIR", str(tmp_path / "vibes"))
    with serve_in_thread(emulator) as url:
        for name, value in {"NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        yield owner


def run(command: str) -> Result:
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code in (0, 5), f"{command}: {done.output}"
    return done


def prepare(command: str) -> None:
    """Make what a command works on, if an earlier command makes it."""
    if " backups" in command and "library backup" not in command:
        run("library backup backups")
    if "import exported" in command:
        run("library export exported")
    if " redo " in command or " undo " in command:
        run('story append "The Quiet Harbour" " More."')
    if " redo " in command:
        run('story undo "The Quiet Harbour"')


# ---- shapes


def find_difference(documented: Any, printed: Any, where: str = "") -> str:
    """Return where a document differs in its keys or types from the documented one; null may stand for anything."""
    if documented is None or printed is None:
        return ""
    if type(documented) is not type(printed):
        return f"{where or 'the document'} is {type(printed).__name__}"
    if isinstance(documented, dict):
        if [*documented] != [*printed]:
            return f"{where or 'the document'} has {', '.join(printed)}"
        pairs = [(documented[key], printed[key], f"{where}.{key}") for key in documented]
    elif isinstance(documented, list):
        pairs = [(documented[0], each, f"{where}[]") for each in printed] if documented else []
    else:
        pairs = []
    return next(filter(None, (find_difference(*pair) for pair in pairs)), "")


def test_the_page_has_each_command() -> None:
    assert sorted(SHAPES) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_the_documented_shape(owner: Account, command: str) -> None:
    line = f"{command} {COMMANDS[command]} --json"
    prepare(f" {line}")
    if command in ("library restore", "sanity-check"):
        change(owner, "stories", 0, data="?")
    done = CliRunner().invoke(app, shlex.split(line))
    assert done.exit_code in (0, 1, 5), done.output
    printed = json.loads(done.stdout)
    assert find_difference(SHAPES[command], printed) == ""
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", time) for time in list_times(printed))


def list_times(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for each in document:
            yield from list_times(each)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name.endswith("_at") and value is not None:
                yield value
            else:
                yield from list_times(value)


@pytest.mark.parametrize("command", EDITS)
def test_a_command_that_changes_a_story_prints_it_as_it_is_now(owner: Account, command: str) -> None:
    line = f"story {command} {EDITS[command]} --json"
    prepare(f" {line}")
    assert find_difference(SHAPES["story create"], json.loads(run(line).stdout)) == ""


@pytest.mark.parametrize(
    ("printed", "difference"),
    [
        ({"a": 1, "b": [{"c": "x"}]}, ""),
        ({"a": None, "b": []}, ""),
        ({"a": 1}, "the document has a"),
        ({"a": "1", "b": []}, ".a is str"),
        ({"a": 1, "b": [{"c": "x"}, {"c": 2}]}, ".b[].c is int"),
    ],
)
def test_a_difference_is_seen(printed: Any, difference: str) -> None:
    assert find_difference({"a": 1, "b": [{"c": "x"}]}, printed) == difference
