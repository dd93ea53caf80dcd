"""Stories that begin with a file, whatever kind of file it is.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import InvalidFile, NaiError
from nai_proto.story import Origin, Story
from nai_proto.story.files import build_story_file, import_story, write_card
from tests.cases import for_each

NOW = 1_700_000_000
LOREBOOK = {"lorebookVersion": 5, "entries": [{"id": "a", "text": "Swans are white.", "keys": ["swan"]}]}
SCENARIO = {
    "scenarioVersion": 3,
    "title": "Lake",
    "prompt": "${hero[Ana]} woke.",
    "placeholders": [{"key": "hero", "defaultValue": "Mira"}],
}


def read(data: bytes, name: str, **options: object) -> Story:
    return import_story(data, name=name, now=NOW, **options)  # type: ignore[arg-type]


def test_a_story_file_keeps_text_history_and_settings() -> None:
    story = Story.new("Swans", now=NOW)
    story.append("One.", now=NOW)
    story.append(" Two.", now=NOW)
    story.undo()
    card, content = story.to_data(now=NOW)
    again = read(build_story_file(write_json({**card, "remoteId": "x"}), write_json(content)), "other.story")
    assert (again.title, again.text) == ("Swans", "One.")
    assert "remoteId" not in again.card
    again.redo()
    assert again.text == "One. Two."


def test_a_scenario_begins_a_story_with_its_answers() -> None:
    data = write_json(SCENARIO)
    assert read(data, "x.scenario").text == "Ana woke."
    story = read(data, "x.scenario", answers={"hero": "Bo"})
    assert (story.title, story.text) == ("Lake", "Bo woke.")


def test_a_lorebook_is_that_of_an_empty_story_which_is_called_like_the_file() -> None:
    story = read(write_json(LOREBOOK), "Birds of the lake.lorebook")
    assert (story.title, story.text, story.fields["lorebook"]) == ("Birds of the lake", "", LOREBOOK)


def test_a_card_is_read_as_the_file_in_it() -> None:
    picture = write_png(Pixels(2, 1, bytes(8)))
    assert read(write_card(picture, write_json(LOREBOOK)), "Birds.png").fields["lorebook"] == LOREBOOK


@for_each(
    "data, text",
    [
        (b"One.\nTwo.\n", "One.\nTwo."),
        (b"\xef\xbb\xbfOne.\r\nTwo.\rThree.", "One.\nTwo.\nThree."),
        ("[ Author: 誰か ]\n\n物語".encode(), "[ Author: 誰か ]\n\n物語"),
        (b"BMW drivers, all of them.", "BMW drivers, all of them."),
        (b"<p>A tag in a tale.", "<p>A tag in a tale."),
        (b"{ Write of swans. }\nOne.", "{ Write of swans. }\nOne."),
    ],
)
def test_plain_text_is_the_prompt_of_a_story_which_is_called_like_the_file(data: bytes, text: str) -> None:
    story = read(data, "My tale.v2.txt")
    assert (story.title, story.text) == ("My tale.v2", text)
    origins = {span.origin for section in story.sections for span in section.origins}
    assert origins == {Origin.PROMPT}


STORY_FILE = json.dumps({"storyContainerVersion": 1, "metadata": {"title": "x"}, "content": {}}).encode()


@given(st.integers(0, len(STORY_FILE) - 1), st.sampled_from(["x.story", "x.txt", "x", "x.JSON"]))
def test_a_story_file_that_is_cut_off_is_never_taken_for_text(end: int, name: str) -> None:
    with pytest.raises(InvalidFile, match=f"^{name}: "):
        read(STORY_FILE[:end], name)


@for_each(
    "data, name",
    [
        (STORY_FILE.decode().encode("utf-16"), "x.story"),
        (STORY_FILE.decode().encode("utf-16-be"), "x.txt"),
        (b"\xff\xd8\xff\xe0 a JPEG", "x.jpg"),
        (b"One.\0Two.", "x.txt"),
        (b"no JSON", "x.lorebook"),
        (b'{"presetVersion": 3, "name": "Calm"}', "x.preset"),
    ],
)
def test_what_begins_no_story_is_refused_with_the_name_of_the_file(data: bytes, name: str) -> None:
    with pytest.raises(InvalidFile, match=f"^{name}: "):
        read(data, name)


@for_each(
    "data, name, problem",
    [
        (b"", "x.txt", "this is an empty file"),
        (b"\n \t\r\n", "x.txt", "it has no text"),
        (b"\xef\xbb\xbf", "x.txt", "it has no text"),
        (b"One.\0Two.", "x.txt", "it has a NUL (byte 4), which no text has"),
        ("Das Café.".encode("latin-1"), "x.txt", "not UTF-8 (byte 7); save it as UTF-8"),
        (" Wörter".encode("utf-16"), "x.txt", "this is text in UTF-16; save it as UTF-8"),
        (b"<!DOCTYPE html>\n<p>One.", "x.txt", "this is a web page; save it as plain text"),
        (b"\xef\xbb\xbf\n<!-- saved --> <html><p>One.", "x", "this is a web page; save it as plain text"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">', "x", "this is a web page; save it as plain text"),
        (b"<p>One.", "x.HTML", "this is a web page; save it as plain text"),
        (b'<?xml version="1.0"?><book/>', "x.fb2", "this is XML; save it as plain text"),
        (b"%PDF-1.4\n1 0 obj\n", "x.txt", "this is a PDF; save it as plain text"),
        (b"%!PS-Adobe-3.0\n", "x.txt", "this is PostScript; save it as plain text"),
        (b"{\\rtf1 One.}", "x.txt", "this is an RTF document; save it as plain text"),
        (b"PK\3\4" + bytes(26) + b"mimetypeapplication/epub+zip", "x.epub", "this is an EPUB; save it as plain text"),
        (b"PK\3\4" + bytes(26) + b"[Content_Types].xml", "x", "this is an office document; save it as plain text"),
    ],
)
def test_what_is_no_plain_text_is_named(data: bytes, name: str, problem: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read(data, name)
    assert str(caught.value) == f"{name}: {problem}"


@given(st.binary(max_size=60), st.sampled_from(["x.story", "x.txt", "x"]))
def test_whatever_the_file_contains_there_is_a_story_or_an_error_of_ours(data: bytes, name: str) -> None:
    try:
        story = read(data, name)
    except NaiError:
        return
    assert story.text is not None
