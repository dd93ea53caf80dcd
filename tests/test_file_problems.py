"""Messages about files: they say what the file is, or where it ceases to be what it should be, and quote nothing of it."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from nai_proto import Damaged, InvalidFile
from nai_proto.codecs.file_problems import describe_value, find_file_problem
from nai_proto.story import Lorebook, Story
from nai_proto.story.files import Scenario, read_file, read_story_file
from nai_proto.text import Preset
from nai_transports.cli.app import app
from tests.cases import for_each
from tests.test_cli_story import run_failing

DOCUMENT = '{"lorebookVersion": 4, "entries": [{"text": "SECRET"}]}'


def make_picture(image_format: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 3)).save(file, image_format)
    return file.getvalue()


def make_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.lorebook", DOCUMENT)
    return file.getvalue()


FILES = [
    (b"", "this is an empty file"),
    (DOCUMENT.encode("utf-16"), "this is text in UTF-16; save it as UTF-8"),
    (DOCUMENT.encode("utf-16-le"), "this is text in UTF-16; save it as UTF-8"),
    (DOCUMENT.encode("utf-16-be"), "this is text in UTF-16; save it as UTF-8"),
    (DOCUMENT.encode("utf-32"), "this is text in UTF-32; save it as UTF-8"),
    (DOCUMENT.encode("utf-32-be"), "this is text in UTF-32; save it as UTF-8"),
    (make_picture("JPEG"), "this is a JPEG of 2 × 3 pixels"),
    (make_picture("PNG"), "this is a PNG of 2 × 3 pixels"),
    (make_zip(), "this is a ZIP archive"),
    (gzip.compress(b"{}"), "this is a gzip file"),
    (b"<!DOCTYPE html><p>SECRET", "this is a web page"),
    (b"SECRET", "not JSON (byte 0)"),
    (b'["SECRET"]', "this is a list, and a JSON object was expected"),
    (b' "SECRET" ', "this is a text, and a JSON object was expected"),
    (b"7", "this is a number, and a JSON object was expected"),
    (b"null", "this is null, and a JSON object was expected"),
    (b'{"a":"SECRET",}', "not JSON (byte 14)"),
    (b'{"a":["SECRET",]}', "not JSON (byte 15)"),
    (b"\xef\xbb\xbf" + '{"é":"SECRET",}'.encode(), "not JSON (byte 18)"),
    (b'{"a":"SECRET', "JSON is cut short (byte 12)"),
    (b'{"a":["SECRET"', "JSON is cut short (byte 14)"),
    (b'{"a":NaN}', "NaN is no JSON (byte 5)"),
    (b'{"NaN":"-Infinity","a":[-Infinity]}', "-Infinity is no JSON (byte 24)"),
    (b'{"a":"SECRET\xff"}', "not UTF-8 (byte 12)"),
    (b'{"a":"SECRET"} {}', "not JSON (byte 15)"),
]


@for_each("data, problem", FILES)
def test_a_file_that_is_no_json_object_is_told_by_what_it_is_or_where_it_breaks_off(data: bytes, problem: str) -> None:
    assert find_file_problem(data) == problem
    for read in (Lorebook.loads, read_story_file, Preset.loads):
        with pytest.raises(InvalidFile) as caught:
            read(data, where="x.file")
        assert str(caught.value) == f"x.file: {problem}"
        assert "SECRET" not in str(caught.value)


@given(st.binary(max_size=40))
def test_any_file_has_a_problem_of_one_line_that_quotes_nothing(data: bytes) -> None:
    problem = find_file_problem(b"{SECRET" + data)
    assert "\n" not in problem
    assert "SECRET" not in problem


@for_each(
    "value, words",
    [
        (None, "null"),
        (False, "true or false"),
        (1.5, "a number"),
        ("a", "a text"),
        ([], "a list"),
        ({}, "an object"),
    ],
)
def test_a_value_is_described_in_plain_words(value: object, words: str) -> None:
    assert describe_value(value) == words


@for_each(
    "document, problem",
    [
        ({"lorebookVersion": 4, "entries": {"0": {}}}, "its entries is an object, and a list was expected"),
        ({"lorebookVersion": 4}, "its entries is missing"),
        ({"scenarioVersion": 3, "prompt": ["SECRET"]}, "its prompt is a list, and a text was expected"),
        ({"scenarioVersion": 3, "prompt": None}, "its prompt is null, and a text was expected"),
        (
            {"entries": {"0": {"text": "SECRET"}}},
            "this is JSON, and none of .*: story, scenario, lorebook, preset, mod",
        ),
        ({"format": "nai-conversation"}, "this is a conversation that nai chat saved, and none of"),
        (
            {"entries": {"0": {"uid": 0, "key": ["SECRET"], "content": "SECRET"}}},
            "this is a world of SillyTavern, and none of the files that NovelAI's website exports: story, scenario, lore",
        ),
        ({"entries": [{"keys": [], "content": ""}]}, "this is a world of SillyTavern"),
        ({"spec": "chara_card_v2", "data": {}}, "this is a character card of SillyTavern"),
        ({"prompt": "SECRET", "actions": [], "worldinfo": []}, "this is a story of KoboldAI"),
    ],
)
def test_a_file_of_a_known_kind_says_which_of_its_fields_is_wrong(document: object, problem: str) -> None:
    for read in (read_file, Scenario.loads):
        with pytest.raises(InvalidFile, match=problem) as caught:
            read(json.dumps(document).encode(), where="x.file")
        assert str(caught.value).startswith("x.file: ")
        assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "its content has neither document nor story, so it has no text"),
        ({"document": 5}, "its document is a number, and a text was expected"),
        ({"story": []}, "its story is a list, and an object was expected"),
    ],
)
def test_a_story_without_a_text_says_so_with_the_name_of_its_file(
    content: dict[str, object], problem: str, tmp_path: Path
) -> None:
    story = Story.from_data({"title": "T"}, content)
    assert story.problems == (f"story: {problem}",)
    with pytest.raises(Damaged, match=problem):
        _ = story.text
    file = tmp_path / "no text.story"
    file.write_text(json.dumps({"storyContainerVersion": 1, "metadata": {"title": "T"}, "content": content}))
    assert run_failing("story", "show", file) == f"nai story show: {file}: story: {problem}"


NAMES = [
    *(
        "lorebook",
        "entries",
        "categories",
        "keys",
        "text",
        "contextConfig",
        "suffix",
        "loreBiasGroups",
        "phrases",
        "order",
    ),
    *("context", "ephemeralContext", "settings", "parameters", "temperature", "placeholders", "key", "tags", "title"),
]
FIELDS = [
    ({"lorebook": {"entries": {"0": {}}}}, "its lorebook.entries is an object, and a list was expected"),
    ({"lorebook": {"entries": "SECRET"}}, "its lorebook.entries is a text, and a list was expected"),
    ({"lorebook": {"entries": ["SECRET", {}]}}, "its lorebook.entries[0] is a text, and an object was expected"),
    ({"lorebook": []}, "its lorebook is a list, and an object was expected"),
    (
        {"lorebook": {"entries": [{}, {"keys": "dragon"}]}},
        "its lorebook.entries[1].keys is a text, and a list was expected",
    ),
    (
        {"lorebook": {"entries": [{"keys": ["a", 5]}]}},
        "its lorebook.entries[0].keys[1] is a number, and a text was expected",
    ),
    (
        {"lorebook": {"entries": [{"enabled": "yes"}]}},
        "its lorebook.entries[0].enabled is a text, and true or false was expected",
    ),
    (
        {"lorebook": {"entries": [{"text": None, "id": 5}]}},
        "its lorebook.entries[0].id is a number, and a text was expected",
    ),
    (
        {"lorebook": {"entries": [{"contextConfig": {"suffix": [], "tokenBudget": 1}}]}},
        "its lorebook.entries[0].contextConfig.suffix is a list, and a text was expected",
    ),
    (
        {"lorebook": {"entries": [{"contextConfig": {"trimDirection": "SECRET"}}]}},
        "its lorebook.entries[0].contextConfig.trimDirection is a text that is not known",
    ),
    (
        {"lorebook": {"entries": [{"contextConfig": {"tokenBudget": "SECRET"}}]}},
        "its lorebook.entries[0].contextConfig.tokenBudget is a text, and a number was expected",
    ),
    (
        {"lorebook": {"entries": [{"loreBiasGroups": [{"phrases": "SECRET"}]}]}},
        "its lorebook.entries[0].loreBiasGroups[0].phrases is a text, and a list was expected",
    ),
    (
        {"lorebook": {"categories": [{"subcontextSettings": {"contextConfig": 5}}]}},
        "its lorebook.categories[0].subcontextSettings.contextConfig is a number, and an object was expected",
    ),
    ({"context": {"0": {}}}, "its context is an object, and a list was expected"),
    ({"context": [{"text": ["SECRET"]}]}, "its context[0].text is a list, and a text was expected"),
    ({"ephemeralContext": [{"delay": "2"}]}, "its ephemeralContext[0].delay is a text, and a number was expected"),
    ({"storyContextConfig": "SECRET"}, "its storyContextConfig is a text, and an object was expected"),
    ({"bannedSequenceGroups": {}}, "its bannedSequenceGroups is an object, and a list was expected"),
    ({"phraseBiasGroups": [{"bias": "SECRET"}]}, "its phraseBiasGroups[0].bias is a text, and a number was expected"),
    ({"settings": []}, "its settings is a list, and an object was expected"),
    ({"settings": {"model": 5}}, "its settings.model is a number, and a text was expected"),
    (
        {"settings": {"parameters": {"temperature": "SECRET"}}},
        "its settings.parameters: temperature is a text, not a number",
    ),
    (
        {"settings": {"parameters": {"order": [0, 1, 0]}}},
        "its settings.parameters: order of preset '' has temperature twice: leave one out",
    ),
    ({"eosSequences": "SECRET"}, "its eosSequences is a text, and a list was expected"),
    ({"messageSettings": {"prefill": 5}}, "its messageSettings.prefill is a number, and a text was expected"),
]


@for_each("fields, problem", FIELDS, ids=[problem for _, problem in FIELDS])
def test_a_field_that_is_not_read_is_named_with_its_place_in_stories_and_scenarios(
    fields: dict[str, object], problem: str, tmp_path: Path
) -> None:
    content = {**Story.new(now=0, legacy=True).to_data(now=0)[1], **fields}
    story = Story.from_data({"title": "T"}, content)
    assert story.problems == story.field_problems == (problem,)
    scenario = Scenario.loads(json.dumps({"scenarioVersion": 3, "prompt": "", **fields}).encode())
    assert scenario.problems == (problem,)
    file = tmp_path / "broken.story"
    file.write_text(json.dumps({"storyContainerVersion": 1, "metadata": {}, "content": content}))
    shown = CliRunner().invoke(app, ["story", "show", str(file)])
    assert (shown.exit_code, shown.stderr) == (0, f"nai story show: {file}: {problem}\n")


def test_a_card_says_which_of_its_fields_are_not_read() -> None:
    content = Story.new(now=0).to_data(now=0)[1]
    story = Story.from_data({"title": 5, "tags": "SECRET", "isTA": 1, "description": None}, content)
    assert story.problems == (
        "its title is a number, and a text was expected",
        "its tags is a text, and a list was expected",
        "its isTA is a number, and true or false was expected",
    )


_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
    ),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(st.sampled_from(NAMES), inside, max_size=4)),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(NAMES), _json, max_size=6))
def test_whatever_the_fields_are_their_problems_are_lines_that_can_be_printed(fields: dict[str, Any]) -> None:
    story = Story.from_data(fields, fields)
    for problem in (*story.field_problems, *Scenario(fields).problems, *Lorebook(fields).problems):
        assert problem.startswith("its ")
        assert problem.isprintable()
    story.to_data(now=0)
    Scenario(fields).start_story(now=0)


def test_a_lorebook_and_a_scenario_file_say_which_of_their_fields_are_not_read(tmp_path: Path) -> None:
    entries = [{"keys": "dragon", "text": f"{number}"} for number in range(7)]
    file = tmp_path / "a.lorebook"
    file.write_text(json.dumps({"lorebookVersion": 5, "entries": entries}))
    shown = CliRunner().invoke(app, ["lorebook", "test", str(file), "--text", "x"], prog_name="nai").stderr.splitlines()
    assert shown[0] == f"nai lorebook test: {file}: its entries[0].keys is a text, and a list was expected"
    assert (len(shown), shown[5:]) == (7, [f"nai lorebook test: {file}: and 2 more problems", "0 of 7 entries active"])
    scenario = {"scenarioVersion": 3, "prompt": "", "placeholders": [{"key": "a"}, {"name": "b"}, 5], "tags": "a"}
    assert Scenario.loads(json.dumps(scenario).encode()).problems == (
        "its tags is a text, and a list was expected",
        "its placeholders[1] is an object, and an object with a key was expected",
        "its placeholders[2] is a number, and an object with a key was expected",
    )


def test_what_stories_and_scenarios_have_by_default_has_no_problems() -> None:
    story = Story.new(now=0)
    assert story.problems == ()
    assert Scenario.from_story(story).problems == ()
    assert Lorebook.new().problems == ()


def test_beginning_a_scenario_keeps_fields_that_are_not_read() -> None:
    lorebook = {"lorebookVersion": 5, "entries": {"0": {"text": "${hero[Mira]}"}}}
    document = {"scenarioVersion": 3, "prompt": "${hero[Mira]}", "lorebook": lorebook}
    story = Scenario.loads(json.dumps(document).encode()).start_story(now=0)
    assert (story.text, story.fields["lorebook"]) == ("Mira", lorebook)


def make_card(**texts: str) -> bytes:
    file, info = io.BytesIO(), PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    Image.new("RGB", (2, 3)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@for_each(
    "texts, problem",
    [
        ({"naidata": ""}, "the picture is an empty card: it contains no file of NovelAI"),
        ({"naidata": " \n"}, "the picture is an empty card: it contains no file of NovelAI"),
        ({"naidata": "???"}, "the picture is a damaged card: the file in it is no base64"),
        (
            {"chara": "eyJ9"},
            "the picture is no card: it contains no file of NovelAI; it is a character card of SillyTavern",
        ),
        (
            {"ccv3": "eyJ9"},
            "the picture is no card: it contains no file of NovelAI; it is a character card of SillyTavern",
        ),
        ({"parameters": "a"}, "the picture is no card: it contains no file of NovelAI"),
    ],
)
def test_a_card_without_a_file_says_what_it_has(texts: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read_file(make_card(**texts), where="x.png")
    assert str(caught.value) == f"x.png: {problem}"


@for_each(
    "data, problem",
    [
        (b"\x1f\x8b", "this is a gzip file"),
        (b"[]", "this is a list, and a JSON object was expected"),
        (b'{"lorebookVersion": 5, "entries": {}}', "its entries is an object, and a list was expected"),
    ],
)
def test_what_is_wrong_with_the_file_in_a_card_is_not_said_of_the_picture(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read_file(make_card(naidata=b64encode(data).decode()), where="x.png")
    assert str(caught.value) == f"x.png, the file in it: {problem}"


def test_the_command_line_names_a_file_that_is_another(tmp_path: Path) -> None:
    for name, data, problem in (
        ("card.jpg", make_picture("JPEG"), "this is a JPEG of 2 × 3 pixels, and a card is a PNG"),
        ("card.png", make_picture("PNG"), "the picture is no card: it contains no file of NovelAI"),
        ("a.lorebook", b'{"lorebookVersion":4,"entries":[],}', "not JSON (byte 34)"),
    ):
        file = tmp_path / name
        file.write_bytes(data)
        assert run_failing("lorebook", "test", file, "--text", "x") == f"nai lorebook test: {file}: {problem}"
