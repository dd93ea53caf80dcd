"""Scenarios at the command line: every command that begins one takes the answers to its placeholders.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nai_proto.codecs.secret_box import write_json
from nai_proto.story import Lorebook
from nai_proto.story.files import Scenario, build_story_file
from tests.test_cli_story import NOW, nai, run_failing
from tests.test_continue_story import load_word_tokenizer

ENTRY: dict[str, Any] = {"id": "a", "text": "About ${hero}.", "keys": ["${hero}"], "displayName": "${hero[Bob]}"}
FIELDS: dict[str, Any] = {
    "scenarioVersion": 3,
    "title": "T",
    "prompt": "Hi ${hero[Bob]}.",
    "settings": {"parameters": {}, "model": "kayra-v1"},
    "lorebook": {"lorebookVersion": 4, "entries": [ENTRY]},
}
COMMANDS = [
    ("story", "context", "--text"),
    ("story", "show", "--text"),
    ("story", "tree"),
    ("story", "export", "--output", "-"),
    ("lorebook", "test"),
]
COMMAND = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("nai_transports.cli.story.context.load_or_none", load_word_tokenizer)
    path = tmp_path / "hero.scenario"
    path.write_bytes(Scenario(FIELDS).dumps())
    return path


@COMMAND
def test_a_scenario_begins_with_the_answers_of_the_command(command: tuple[str, ...], scenario: Path) -> None:
    group, name, *options = command
    done = nai(group, name, scenario, *options, "--answer", "hero=Ann")
    assert done.exit_code == 0, done.stderr
    assert "Ann" in done.stdout
    assert "Bob" not in done.stdout
    assert "Bob" in nai(group, name, scenario, *options).stdout, "a missing answer is the default"


@COMMAND
def test_an_answer_to_no_placeholder_is_refused_with_a_guess(command: tuple[str, ...], scenario: Path) -> None:
    group, name, *options = command
    line = run_failing(group, name, scenario, *options, "--answer", "heroo=Ann", status=2)
    assert "there is no placeholder 'heroo'; the placeholders are hero; did you mean 'hero'?" in line


def test_the_context_of_a_scenario_has_its_answers_in_texts_keys_and_titles(scenario: Path) -> None:
    assert nai("story", "context", scenario, "--answer", "hero=Ann", "--text").stdout == "About Ann.\nHi Ann.\n"
    assert "lore: Ann" in nai("story", "context", scenario, "--answer", "hero=Ann").stdout
    document = json.loads(nai("story", "context", scenario, "--answer", "hero=Ann", "--json").stdout)
    assert [row["name"] for row in document["parts"] if row["kind"] == "lore"] == ["Ann"]


def test_a_story_that_has_begun_takes_answers_where_a_context_is_built(scenario: Path) -> None:
    story = Scenario(FIELDS).start_story({"hero": "${friend}"}, now=NOW)
    file = scenario.with_suffix(".story")
    file.write_bytes(build_story_file(*map(write_json, story.to_data(now=NOW))))
    assert nai("story", "context", file, "--answer", "friend=Ann", "--text").stdout == "About Ann.\nHi Ann.\n"
    assert "lore: Ann" in nai("story", "context", file, "--answer", "friend=Ann").stdout
    assert "did you mean 'friend'" in run_failing("story", "context", file, "--answer", "freind=Ann", status=2)
    assert "this story has begun" in run_failing("story", "show", file, "--answer", "friend=Ann", status=2)


def test_a_lorebook_is_tested_with_answers_and_without_comments(scenario: Path) -> None:
    file = scenario.with_suffix(".lorebook")
    file.write_bytes(Lorebook({**Lorebook.new().data, "entries": [ENTRY]}).dumps())
    (trial,) = json.loads(nai("lorebook", "test", file, "--text", "Ann", "--answer", "hero=Ann", "--json").stdout)
    assert (trial["name"], trial["active"]) == ("Ann", True)
    (trial,) = json.loads(nai("lorebook", "test", file, "--text", "## Ann\n", "--answer", "hero=Ann", "--json").stdout)
    assert not trial["active"]
    assert "no placeholder 'x'" in run_failing("lorebook", "test", file, "--text", "Ann", "--answer", "x=Ann", status=2)
