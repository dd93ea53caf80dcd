"""Files and cards: what they are is told by what is in them.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nai_proto import InvalidFile, InvalidRequestError, LimitExceeded, Limits
from nai_proto.codecs.pixels import Pixels, write_jpeg, write_png
from nai_proto.codecs.png import build_png_chunk
from nai_proto.codecs.png_text import read_png_text, with_png_text
from nai_proto.story.files import FileKind, read_card, read_file, write_card
from tests.cases import for_each

PICTURE = write_png(Pixels(2, 1, bytes(8)), {"Title": "a cat"})

DOCUMENTS: dict[FileKind, dict[str, Any]] = {
    FileKind.STORY: {"storyContainerVersion": 1, "metadata": {}, "content": {}},
    FileKind.SCENARIO: {"scenarioVersion": 3, "prompt": "You wake.", "title": "Dawn"},
    FileKind.LOREBOOK: {"lorebookVersion": 6, "entries": []},
    FileKind.PRESET: {"presetVersion": 7, "parameters": {}},
    FileKind.MODULE: {"moduleVersion": 1, "data": ""},
}
KINDS = pytest.mark.parametrize("kind", FileKind, ids=str)


@KINDS
def test_kind_of_a_file_is_recognized_by_content(kind: FileKind) -> None:
    data = json.dumps(DOCUMENTS[kind]).encode()
    for written in (data, b"\xef\xbb\xbf" + data):
        found = read_file(written)
        assert (found.kind, found.document, found.data, found.card) == (kind, DOCUMENTS[kind], written, False)


@KINDS
def test_card_can_contain_a_file_of_any_kind(kind: FileKind) -> None:
    data = json.dumps(DOCUMENTS[kind]).encode()
    found = read_file(write_card(PICTURE, data))
    assert (found.kind, found.data, found.card) == (kind, data, True)


def test_name_of_a_file_does_not_matter() -> None:
    """One tool writes stories into files called .scenario."""
    both = {"scenarioVersion": 1, **DOCUMENTS[FileKind.STORY]}
    assert read_file(json.dumps(both).encode(), where="tale.scenario").kind is FileKind.STORY


@for_each(
    "data, problem",
    [
        (b"{}", "this is JSON, and none of the files .*: story, scenario, lorebook, preset, module"),
        (b'{"scenarioVersion": 3}', "its prompt is missing"),
        (b'{"lorebookVersion": 3, "entries": {}}', "its entries is an object, and a list was expected"),
        (b"[]", "this is a list, and a JSON object was expected"),
        (b"---\nname: x\n", r"not JSON \(byte 0\), and none of the files that NovelAI's website exports: story, sc"),
        (b"\xff", r"not UTF-8 \(byte 0\)"),
        (b'{"presetVersion": NaN}', r"NaN is no JSON \(byte 18\)"),
        (b"", "this is an empty file"),
        (PICTURE, "contains no file"),
        (PICTURE[:20], "png"),
    ],
)
def test_other_data_is_rejected_with_its_name_and_without_its_text(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidFile, match=f"(?i){problem}") as caught:
        read_file(data, where="x.file")
    assert str(caught.value).startswith("x.file:") or "PNG" in str(caught.value)


def test_deep_nesting_is_rejected() -> None:
    with pytest.raises(LimitExceeded):
        read_file(b'{"presetVersion":' + b"[" * 50 + b"]" * 50 + b"}", limits=Limits(json_depth=9))


@given(st.binary(min_size=1, max_size=300))
def test_card_returns_its_file_and_keeps_the_picture(data: bytes) -> None:
    card = write_card(write_card(PICTURE, b"before"), data)
    assert read_card(card) == data
    with Image.open(io.BytesIO(card)) as opened:
        opened.load()
        assert opened.size == (2, 1)
        assert opened.info["Title"] == "a cat"
        assert base64.b64decode(opened.info["naidata"]) == data
    assert list(read_png_text(card).texts) == ["naidata", "Title"]


def test_card_whose_text_is_no_base64_is_invalid() -> None:
    with pytest.raises(InvalidFile, match="x: the picture is a damaged card: the file in it is no base64"):
        read_card(with_png_text(PICTURE, {"naidata": "?"}), where="x")


def test_a_damaged_text_of_a_card_hides_only_itself() -> None:
    card = write_card(PICTURE, b"the file")
    torn = card[:33] + build_png_chunk(b"tEXt", b"no keyword") + card[33:]
    assert read_card(torn) == b"the file"
    bare = PICTURE[:33] + build_png_chunk(b"tEXt", b"no keyword") + PICTURE[33:]
    with pytest.raises(InvalidFile, match=r"x: .* no file of NovelAI; the tEXt chunk at byte 33 has no keyword"):
        read_card(bare, where="x")


def test_a_card_keeps_the_texts_of_its_picture_byte_for_byte() -> None:
    texts = [build_png_chunk(b"tEXt", b"no keyword"), build_png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))]
    card = write_card(PICTURE[:33] + b"".join(texts) + PICTURE[33:], b"the file", Limits(picture_text=100))
    assert read_card(card) == b"the file"
    assert all(text in card for text in texts)


@for_each("text", ["dGhlIGZpbGU=", "dGhlIGZpbGU", " dGhl\nIGZp\r\nbGU= ", "data:;base64,dGhlIGZpbGU="])
def test_a_card_is_read_as_browsers_read_base64(text: str) -> None:
    assert read_card(with_png_text(PICTURE, {"naidata": text})) == b"the file"


def test_a_picture_that_is_no_png_is_named() -> None:
    with pytest.raises(InvalidFile, match=r"card.jpg: this is a JPEG of 5 × 3 pixels, and a card is a PNG"):
        read_file(write_jpeg(Pixels(5, 3, bytes(45))), where="card.jpg")
    with pytest.raises(InvalidFile, match=r"card.jpg: this is a JPEG, damaged, and a card is a PNG"):
        read_file(b"\xff\xd8\xff\xe0", where="card.jpg")


def test_card_has_to_be_a_png() -> None:
    with pytest.raises(InvalidFile):
        write_card(b"GIF89a", b"a")
    with pytest.raises(InvalidRequestError, match="not empty"):
        write_card(PICTURE, b"")
    with pytest.raises(InvalidFile, match=r"no file of NovelAI; the tEXt chunk at byte 33 \(naidata\) is too long"):
        read_card(write_card(PICTURE, bytes(99)), limits=Limits(picture_text=50))


def test_repr_of_a_file_shows_no_text() -> None:
    assert "You wake" not in repr(read_file(json.dumps(DOCUMENTS[FileKind.SCENARIO]).encode()))
