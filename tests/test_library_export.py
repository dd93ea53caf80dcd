"""Export of a library: file names are valid on every system, and nothing of the contents is lost.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.keystore import Keystore
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject
from nai_proto.errors import InvalidFile, LimitExceeded
from nai_proto.library import Library, OpenedStory, build_story_file, export_files, read_story_file
from nai_proto.library.file_names import choose_file_names, make_safe_name
from nai_proto.limits import Limits
from nai_proto.story.files.story_file import extract_field
from tests.cases import for_each
from tests.test_library_sanity_check import DOCUMENT, JSON, SOUND, anything, card, content, item, library

# ---- names

DEVICES = ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "COM0", "COM1", "com9", "LPT1", "lpt³", "COM¹")
TITLES = st.text(st.characters() | st.sampled_from(' ./\\:*?"<>|-~\u200d\u202e\ud83d\x00\n')) | st.builds(
    "".join, st.tuples(st.sampled_from(DEVICES), st.sampled_from(["", " ", ".", ".txt", " .x", "s"]))
)


def check_safe(name: str, most: int = 255) -> None:
    """Check the rules of Windows, macOS and Linux for file names."""
    assert 0 < len(name.encode()) <= most
    assert not set(name) & set('<>:"/\\|?*')
    assert all(unicodedata.category(character)[0] != "C" for character in name)
    assert name == name.strip(" .")
    assert not name.startswith("-")
    assert name.split(".")[0].strip().upper() not in {device.upper() for device in DEVICES}
    assert unicodedata.is_normalized("NFC", name)


@given(TITLES)
def test_any_title_gives_a_name_that_is_valid_on_every_system(title: str) -> None:
    name = make_safe_name(title)
    check_safe(name, 91)
    assert make_safe_name(name) == name


@for_each(
    "title, name",
    [
        ("The Quiet Harbour", "The Quiet Harbour"),
        ("", "untitled"),
        (" .. ", "untitled"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("What? No: 50%!", "What_ No_ 50%!"),
        ("Chapter 1.\n\tThe end...", "Chapter 1. The end"),
        ("a\u202egpj.exe\u2066", "agpj.exe"),
        ("\x00\x1b[31m", "__[31m"),
        ("con", "_con"),
        ("NUL .txt", "_NUL .txt"),
        ("console", "console"),
        ("-rf", "rf"),
        ("物語" * 40, "物語" * 15),
        ("e\u0301te\u0301", "été"),
        ("\ud83d", "_"),
        ("🦢", "🦢"),
        ("x" * 89 + ". y", "x" * 89),
    ],
)
def test_a_name_resembles_the_title(title: str, name: str) -> None:
    assert make_safe_name(title) == name


PAIRS = st.lists(
    st.tuples(TITLES | st.sampled_from(["a", "A", "a (1)", "ß", "SS", "\u0131", "I"]), st.text(max_size=3))
)


@given(PAIRS)
def test_names_are_unique_on_every_system(pairs: list[tuple[str, str]]) -> None:
    names = choose_file_names(pairs)
    assert len(names) == len(pairs)
    for name in names:
        check_safe(name, 125)
    for fold in (str.casefold, str.lower, str.upper):
        for form in ("NFC", "NFD", "NFKC"):
            assert len({unicodedata.normalize(form, fold(name)) for name in names}) == len(names)


@given(st.lists(TITLES | st.sampled_from("aAbß")), st.randoms())
def test_names_do_not_depend_on_the_order(titles: list[str], chance: Any) -> None:
    pairs = [(title, f"id{number}") for number, title in enumerate(titles)]
    names = dict(zip(pairs, choose_file_names(pairs), strict=True))
    chance.shuffle(pairs)
    assert dict(zip(pairs, choose_file_names(pairs), strict=True)) == names


def test_thousands_of_equal_titles_get_names_quickly() -> None:
    names = choose_file_names([("A", "")] * 20_000)
    assert (names[0], names[-1]) == ("A (untitled)", "A (untitled 20000)")


def test_only_names_that_collide_get_an_id() -> None:
    assert choose_file_names([("A", "1"), ("B", "2"), ("a", "3")]) == ["A (1)", "B", "a (3)"]
    assert choose_file_names([("A", "1"), ("A (1)", "2"), ("a", "3")]) == ["A (1 2)", "A (1)", "a (3)"]
    assert choose_file_names([("A", "x"), ("A", "X"), ("A", "")]) == ["A (x)", "A (X 2)", "A (untitled)"]


# ---- story files

OBJECTS = st.dictionaries(st.text(max_size=4) | st.sampled_from(["remoteId", "remoteStoryId", "id"]), JSON, max_size=4)


@given(OBJECTS, OBJECTS, st.sampled_from([None, 1]), st.booleans())
def test_a_story_file_is_read_as_it_was_written(
    card: dict[str, Any], content: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    def written(value: object) -> bytes:
        return json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace")

    data = build_story_file(written(card), written(content))
    kept = {name: value for name, value in card.items() if name not in ("remoteId", "remoteStoryId")}
    assert read_story_file(data) == (kept, content)
    for name in content:
        assert json.loads(extract_field(written(content), name)) == content[name]
    assert list(json.loads(data)) == ["storyContainerVersion", "metadata", "content"]
    assert list(json.loads(data)["metadata"]) == list(kept)


def test_contents_are_copied_byte_by_byte() -> None:
    card = b' {"a" : 1e999, "remoteId":"x" ,"b":[1.0, "\\ud83d"],"c":' + b"9" * 5000 + b"}\n"
    content = b'\n{"x" : 1.50}'
    data = build_story_file(card, content)
    body = b'{"a":1e999,"b":[1.0, "\\ud83d"],"c":' + b"9" * 5000 + b"}"
    assert data == b'{"storyContainerVersion":1,"metadata":%b,"content":{"x" : 1.50}}' % body
    assert read_story_file(data)[0]["b"] == [1.0, "\ud83d"]
    assert extract_field(card, "b") == b'[1.0, "\\ud83d"]'
    assert extract_field(content, "y") == extract_field(card, "y") == b""
    assert extract_field(b"{ }", "y") == b""
    assert extract_field(b'{"y":1,"\\u0079":2}', "y") == b"2"


@for_each(
    "data, problem",
    [
        (b"", "this is an empty file"),
        (b"\xff", "not UTF-8 (byte 0)"),
        (b"[]", "this is a list, and a JSON object was expected"),
        (b'{"storyContainerVersion":NaN}', "NaN is no JSON (byte 25)"),
        (b"{}", "it has no storyContainerVersion"),
        (b'{"lorebookVersion":4}', "it has no storyContainerVersion; it is a lorebook"),
        (b'{"scenarioVersion":3}', "it has no storyContainerVersion; it is a scenario"),
        (b'{"storyContainerVersion":2}', "its storyContainerVersion is not 1, the only supported version"),
        (b'{"storyContainerVersion":1}', "its metadata is missing"),
        (
            b'{"storyContainerVersion":1,"metadata":{},"content":[]}',
            "its content is a list, and an object was expected",
        ),
    ],
)
def test_an_invalid_story_file_is_an_error_that_says_why(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read_story_file(data, where="tale.story")
    assert str(caught.value) == f"tale.story: {problem}"


def test_a_story_file_may_begin_with_a_byte_order_mark_and_has_a_limited_depth() -> None:
    data = b'{"storyContainerVersion":1,"metadata":{},"content":{"a":[[]]}}'
    assert read_story_file(b"\xef\xbb\xbf" + data, limits=Limits(json_depth=3)) == ({}, {"a": [[]]})
    with pytest.raises(LimitExceeded):
        read_story_file(data, limits=Limits(json_depth=2))


@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), JSON))
def test_any_file_is_read_or_is_a_documented_error(data: bytes) -> None:
    try:
        read_story_file(data)
    except InvalidFile:
        pass


# ---- an export


def files_of(whole: Library, only: list[OpenedStory] | None = None) -> dict[str, bytes]:
    return {"/".join(file.path): file.data for file in export_files(whole, only)}


def test_a_story_is_exported_with_its_text_and_its_lorebook_in_files_of_their_own() -> None:
    book = {"lorebookVersion": 4, "entries": [{"text": "Swans are white."}]}
    whole = library(
        card("s", "m", "c", title="Swans: a tale"),
        content("c", "m", lorebook=book),
        card("s2", "m2", "c2", title="Bare"),
        content("c2", "m2", story=None, document=DOCUMENT, lorebook={"lorebookVersion": 4, "entries": []}),
    )
    files = files_of(whole)
    assert list(files) == [
        "stories/Swans_ a tale.story",
        "stories/Swans_ a tale.txt",
        "stories/Swans_ a tale.lorebook",
        "stories/Bare.story",
        "stories/Bare.txt",
    ]
    assert files["stories/Bare.txt"] == b"One.\nTwo."
    story = whole.stories[0]
    assert story.content is not None
    progress, inside = read_story_file(files["stories/Swans_ a tale.story"])
    assert progress == {"id": "m", "title": "Swans: a tale"}
    assert inside == story.content.json()
    assert files["stories/Swans_ a tale.txt"] == b"Once"
    assert json.loads(files["stories/Swans_ a tale.lorebook"]) == book


def test_a_surrogate_pair_split_over_two_fragments_is_one_character_of_the_text() -> None:
    story = {"fragments": [{"data": "a \ud83e"}, {"data": "\udda2 b \ud83e"}]}
    files = files_of(library(card("s", "m", "c"), content("c", "m", story=story)))
    assert files["stories/s.txt"].decode() == "a 🦢 b \ufffd"


def test_all_other_objects_that_opened_are_exported() -> None:
    whole = library(
        card("lonely", "m1", "gone", title="Lonely"),
        content("stray", "m2"),
        item("presets", "p", "", {"presetVersion": 3, "name": "Calm"}),
        item("aimodules", "a", "m3", {"name": "CON"}),
        item("shelf", "f", "", {"title": "Shelf"}),
        item("promptmacros", "q", "m4", {}),
    )
    files = files_of(whole)
    assert list(files) == [
        "stories/Lonely.json",
        "storycontent/stray.json",
        "storycontent/stray.txt",
        "aimodules/_CON.json",
        "presets/Calm.preset",
        "shelf/Shelf.json",
        "promptmacros/q.json",
    ]
    assert json.loads(files["presets/Calm.preset"]) == {"presetVersion": 3, "name": "Calm"}


def test_an_object_that_did_not_open_is_exported_sealed_with_the_reason() -> None:
    stored = StoredObject(id="x", type="stories", meta="m1", data="c2VjcmV0", changeIndex=7, extra={"new": 1})
    closed = OpenedObject(stored, OpenedState.NOT_AUTHENTIC, "authentication failed", "object: the box does not open")
    empty = OpenedObject(
        StoredObject(id="", type="shelf", extra={"data": 7}), OpenedState.DAMAGED, "missing field", "no data"
    )
    files = files_of(
        library(closed, empty, content("c", "m1"), card("y", "m2", "d"), item("storycontent", "d", "m2", None))
    )
    assert files["sealed/stories/x.sealed"] == b"c2VjcmV0"
    assert json.loads(files["sealed/stories/x.json"]) == {
        "state": "wrong key or altered",
        "category": "authentication failed",
        "problem": "object: the box does not open",
        "suspicion": "damaged",
        "object": {"id": "x", "type": "stories", "meta": "m1", "changeIndex": 7, "new": 1},
    }
    assert json.loads(files["sealed/shelf/untitled.json"])["object"] == {"type": "shelf", "data": 7}
    assert set(files) == {
        "stories/y.json",
        "sealed/stories/x.sealed",
        "sealed/stories/x.json",
        "storycontent/c.json",
        "storycontent/c.txt",
        "sealed/storycontent/d.sealed",
        "sealed/storycontent/d.json",
        "sealed/shelf/untitled.json",
    }


def test_an_export_of_some_stories_uses_the_names_of_an_export_of_all() -> None:
    first, second = card("s1", "m1", "c1", title="Tale"), card("s2", "m2", "c2", title="tale")
    closed = item("storycontent", "c2", "m2", None)
    whole = library(first, content("c1", "m1"), second, closed, item("presets", "p", "", {}))
    some = files_of(whole, [whole.stories[1]])
    assert list(some) == ["stories/tale (s2).json", "sealed/storycontent/c2.sealed", "sealed/storycontent/c2.json"]
    assert some.items() <= files_of(whole).items()
    assert files_of(whole, []) == {}


def test_an_export_reports_its_progress_by_object() -> None:
    progress = [(file.path[-1], file.done, file.total) for file in export_files(library(*SOUND))]
    assert progress == [("s1.story", 1, 2), ("s1.txt", 1, 2), ("s2.story", 2, 2), ("s2.txt", 2, 2)]
    assert list(export_files(Library(Keystore(), ()))) == []


@given(anything())
def test_every_object_of_any_library_is_exported_once(whole: Library) -> None:
    files = list(export_files(whole))
    folded = {"/".join(file.path).casefold() for file in files}
    assert len(folded) == len(files)
    for file in files:
        for name in file.path:
            check_safe(name)
    sealed = sorted(file.data for file in files if file.path[-1].endswith(".sealed"))
    assert sealed == sorted((each.stored.data or "").encode() for each in whole.failed)
    everything = b"\n".join(file.data for file in files)
    for each in whole.items:
        if each.ok and each.stored.type != "stories":
            assert each.plaintext in everything
    whole_stories = [story for story in whole.stories if story.ok]
    written = [read_story_file(file.data) for file in files if file.path[-1].endswith(".story")]
    assert len(written) == len(whole_stories)
    assert [(file.path, file.data) for file in export_files(whole)] == [(file.path, file.data) for file in files]


def test_files_of_every_name_can_be_written_on_this_system(tmp_path: Path) -> None:
    titles = ["", "a" * 500, "物" * 200, "con", "../up", "\x00", "été", "e\u0301te\u0301", "🦢" * 99, "A", "a"]
    for name in choose_file_names((title, f"id{number}") for number, title in enumerate(titles)):
        (tmp_path / f"{name}.lorebook").write_bytes(b"")
    assert len(list(tmp_path.iterdir())) == len(titles)
