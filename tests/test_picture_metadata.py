"""What pictures say of how they were made: found in any place, written, damaged, and never shown.

See docs/protocol/image.md#8-files-and-metadata.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zlib
from typing import Literal, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from nai_proto.codecs.picture_files import with_metadata, write_picture
from nai_proto.codecs.picture_metadata import (
    Metadata,
    PictureReport,
    examine_picture,
    read_hidden_metadata,
    read_metadata,
)
from nai_proto.codecs.picture_places import Place
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, Plane, read_pixels, write_png, write_webp
from nai_proto.codecs.png import SIGNATURE, build_png_chunk
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.webp import with_webp_text
from nai_proto.errors import InvalidRequestError, LimitExceeded, MissingExtra, RemoteProtocolError
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

BLANK = Pixels(64, 96, bytes(64 * 96 * 4))
PARAMETERS = {"prompt": "the harbour at night", "scale": 5.0, "seed": 7, "uc": "夜"}
METADATA = Metadata.from_comment(
    PARAMETERS, description="the harbour", source="NovelAI Diffusion V4.5 4BDE2A90", seconds=2.43
)


def a_webp() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (64, 96), (1, 2, 3, 255)).save(out, "WEBP", lossless=True)
    return out.getvalue()


WEBP = a_webp()
PNG = write_png(BLANK)


ImageFormat: TypeAlias = Literal["png", "webp"]
FORMATS: list[ImageFormat] = ["png", "webp"]


@for_each("image_format", FORMATS)
def test_a_picture_as_the_service_makes_it_says_all_twice(image_format: ImageFormat) -> None:
    file = write_picture(BLANK, METADATA, image_format=image_format)
    text, alpha = examine_picture(file).copies
    assert (text.place, alpha.place) == (Place.TEXT if image_format == "png" else Place.EXIF, Place.ALPHA)
    assert text == METADATA == read_metadata(file)
    assert alpha.texts == {keyword: value for keyword, value in METADATA.texts.items() if keyword != "Title"}
    assert {*text.texts} == {"Title", "Description", "Software", "Source", "Generation_time", "Comment"}
    assert image_format == "webp" or list(text.texts) == list(METADATA.texts)
    assert read_pixels(file).rgb == BLANK.rgb
    with Image.open(io.BytesIO(file)) as image:
        assert (image.format, image.mode) == (image_format.upper(), "RGBA")
        assert image.tobytes() == read_pixels(file).data


def test_its_fields_have_types() -> None:
    assert METADATA.title == "AI generated image"
    assert METADATA.description == "the harbour"
    assert METADATA.software == "NovelAI"
    assert METADATA.source == "NovelAI Diffusion V4.5 4BDE2A90"
    assert METADATA.seconds == 2.43
    assert METADATA.comment == json.dumps(PARAMETERS)
    assert METADATA.parameters() == PARAMETERS
    empty = Metadata({})
    assert (empty.title, empty.description, empty.software, empty.source, empty.comment) == (None,) * 5
    assert empty.seconds is None
    assert empty.parameters() == {}


@for_each("keyword", ["Generation time", "Generation_time"])
@for_each(
    "said, seconds", [("4.0834s", 4.0834), ("2.4301666780374944", 2.4301666780374944), ("3", 3.0), ("soon", None)]
)
def test_the_time_is_read_in_all_spellings(keyword: str, said: str, seconds: float | None) -> None:
    assert Metadata({keyword: said}).seconds == seconds


def test_when_the_text_is_stripped_alpha_still_knows() -> None:
    stripped = with_metadata(write_picture(BLANK, METADATA), Metadata({}))
    found = read_metadata(stripped)
    assert found is not None
    assert (found.place, found.comment) == (Place.ALPHA, METADATA.comment)
    noted = with_metadata(stripped, Metadata({"date:create": "2026"}))
    found = read_metadata(noted)
    assert found is not None
    assert found.place is Place.ALPHA
    assert len(examine_picture(noted).copies) == 2


def test_text_of_others_is_told_when_there_is_no_other() -> None:
    assert read_metadata(with_metadata(PNG, Metadata({"parameters": "x"}))) == Metadata({"parameters": "x"})
    assert read_metadata(PNG) is None
    assert read_metadata(WEBP) is None
    assert examine_picture(PNG) == examine_picture(WEBP) == PictureReport(())


KEYWORDS = st.sampled_from(["Title", "Description", "Software", "Source", "Comment", "Artist", "Generation time", "ä"])
TEXTS = st.dictionaries(
    KEYWORDS, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), min_size=1
)


@settings(deadline=None)
@given(TEXTS, st.sampled_from([PNG, WEBP]))
def test_what_was_written_is_read(texts: dict[str, str], file: bytes) -> None:
    written = with_metadata(file, Metadata(texts))
    assert read_metadata(written) == Metadata(texts)
    assert examine_picture(written).copies == (Metadata(texts),)
    assert with_metadata(written, Metadata(texts)) == written


def test_a_webp_says_it_as_the_service_has_it() -> None:
    comment = {"Comment": json.dumps(PARAMETERS), "Source": "NovelAI Diffusion", "Generation_time": "2.4"}
    tags = {"DocumentName": "AI generated image", "Software": "NovelAI Diffusion", "UserComment": json.dumps(comment)}
    found = read_metadata(with_webp_text(WEBP, tags))
    assert found is not None
    assert (found.place, found.title, found.source, found.seconds) == (
        *(Place.EXIF, "AI generated image", "NovelAI Diffusion", 2.4),
    )
    assert found.parameters() == PARAMETERS


def test_alpha_of_a_lossless_webp_says_it_whoever_unpacks_it() -> None:
    drawn = read_pixels(write_picture(BLANK, METADATA))
    out = io.BytesIO()
    Image.frombytes("RGBA", (64, 96), drawn.data).save(out, "WEBP", lossless=True, exact=True)
    with Image.open(out) as image:
        alpha = Pixels(*image.size, image.tobytes()).alpha
    assert alpha is not None
    for found in (read_metadata(out.getvalue()), read_hidden_metadata(alpha)):
        assert found is not None
        assert (found.place, found.comment) == (Place.ALPHA, METADATA.comment)
    assert read_hidden_metadata(Plane(1, 1, b"x")) is None


def test_a_comment_of_another_program_in_exif_is_a_text_as_well() -> None:
    assert read_metadata(with_webp_text(WEBP, {"UserComment": "Steps: 28"})) == Metadata({"UserComment": "Steps: 28"})


@for_each("image_format", FORMATS)
@for_each("transparent", [False, True])
def test_a_signed_picture_verifies_by_either_copy(transparent: bool, image_format: ImageFormat) -> None:
    signed = METADATA.with_signature(BLANK, alpha=transparent)
    file = write_picture(BLANK, signed, transparent=transparent, image_format=image_format)
    pixels = read_pixels(file)
    assert len(examine_picture(file).copies) == 2
    for copy in examine_picture(file).copies:
        assert copy.comment is not None
        assert verify(pixels, copy.comment, TEST_VERIFY_KEY)
    if transparent:
        assert pixels.alpha is not None
        assert set(pixels.alpha.data) <= {0, 1}


def test_pillow_reads_what_a_webp_says() -> None:
    with Image.open(io.BytesIO(write_picture(BLANK, METADATA, image_format="webp"))) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.DocumentName] == "AI generated image"
        assert exif[ExifTags.Base.ImageDescription] == "the harbour"
        assert exif[ExifTags.Base.Software] == "NovelAI Diffusion V4.5 4BDE2A90"
        comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert comment.startswith(b"ASCII\0\0\0")
    assert json.loads(json.loads(comment[8:])["Comment"]) == PARAMETERS


def test_without_pillow_texts_are_read_and_alpha_of_a_webp_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    png, webp = (write_picture(BLANK, METADATA, image_format=image_format) for image_format in FORMATS)
    bare = write_webp(read_pixels(png))
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert read_metadata(png) == read_metadata(webp) == METADATA
    assert len(examine_picture(png).copies) == 2
    assert read_metadata(with_metadata(bare, METADATA)) == METADATA
    with pytest.raises(MissingExtra, match="the extra 'image'"):
        read_metadata(bare)
    report = examine_picture(webp)
    assert (report.copies, report.damaged) == ((METADATA,), ())
    assert "the extra 'image'" in report.not_read[Place.ALPHA]
    with pytest.raises(MissingExtra):
        write_picture(BLANK, METADATA, image_format="webp")
    assert len(examine_picture(write_picture(BLANK, METADATA)).copies) == 2


def test_when_exif_is_stripped_alpha_still_knows() -> None:
    stripped = write_webp(read_pixels(write_picture(BLANK, METADATA, image_format="webp")))
    found = read_metadata(stripped)
    assert found is not None
    assert (found.place, found.comment) == (Place.ALPHA, METADATA.comment)


@for_each("image_format", FORMATS)
@for_each("transparent", [False, True])
def test_a_copy_that_does_not_fit_is_left_out(transparent: bool, image_format: ImageFormat) -> None:
    small = Pixels(3, 3, bytes(range(36)))
    opaque = None if image_format == "webp" else Plane(3, 3, b"\xff" * 9)  # a WebP without transparency has no alpha
    file = write_picture(small, METADATA, transparent=transparent, image_format=image_format)
    assert examine_picture(file).copies == (METADATA,)
    assert read_pixels(file).alpha == (small.alpha if transparent else opaque)


def test_alpha_that_is_not_there_cannot_be_kept() -> None:
    with pytest.raises(InvalidRequestError, match="alpha"):
        write_picture(Pixels(1, 1, b"abc"), METADATA, transparent=True)


def test_nothing_that_somebody_wrote_is_shown() -> None:
    for shown in (repr(METADATA), str(METADATA), f"{examine_picture(write_picture(BLANK, METADATA)).copies}"):
        assert "harbour" not in shown
        assert "夜" not in shown
    assert pickle.loads(pickle.dumps(METADATA)) == METADATA


@for_each("comment", ["", "[]", "{", "1" * 5000, '{"a": \ud800', "[" * 200])
def test_a_comment_that_is_no_object_is_a_documented_error(comment: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"comment|depth") as caught:
        Metadata({"Comment": comment}).parameters()
    assert caught.value.__context__ is None


def test_what_should_be_a_text_in_a_copy_is_kept_as_json_and_null_is_absent() -> None:
    file = write_png(with_stealth(BLANK, b'{"Comment": {"seed": 1}, "Source": null}'))
    assert read_metadata(file) == Metadata({"Comment": '{"seed": 1}'})


def test_limits_hold_for_every_place() -> None:
    file = write_picture(BLANK, METADATA)
    for changed in (file, with_metadata(WEBP, METADATA)):
        report = examine_picture(changed, Limits(picture_text=10))
        assert report.damaged
        assert all(" is too long: at most 10 bytes" in problem for problem in report.damaged)
        with pytest.raises(LimitExceeded, match="pixels"):
            read_metadata(changed, Limits(pixels=64 * 96 - 1))
    deep = '{"a":' + "[" * 200 + "]" * 200 + "}"
    for picture in (write_png(with_stealth(BLANK, deep.encode())), with_webp_text(WEBP, {"UserComment": deep})):
        with pytest.raises(RemoteProtocolError, match="depth"):
            read_metadata(picture)


def test_a_prompt_in_many_brackets_is_a_text_and_not_nested_too_deeply() -> None:
    prompt = "[" * 200 + "fog" + "]" * 200
    assert read_metadata(with_webp_text(WEBP, {"UserComment": prompt})) == Metadata({"UserComment": prompt})
    hidden = write_png(with_stealth(BLANK, prompt.encode()))
    assert read_metadata(hidden) == Metadata({"parameters": prompt})


@for_each("file", [b"", b"PK\x03\x04", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_picture_is_told(file: bytes) -> None:
    for read in (read_metadata, examine_picture):
        with pytest.raises(RemoteProtocolError, match=r"this is .*; PNG, WebP, JPEG"):
            read(file)
    with pytest.raises(RemoteProtocolError, match="no PNG"):
        with_metadata(file, METADATA)


def test_what_json_cannot_hold_is_not_written() -> None:
    nested: dict[str, object] = {}
    nested["self"] = nested
    for comment in (nested, {"a": object()}):
        with pytest.raises(InvalidRequestError, match="JSON"):
            Metadata.from_comment(comment, description=None, source=None)


@settings(max_examples=scale_examples(300), deadline=None)
@given(st.data())
def test_altered_pictures_are_read_or_documented_errors(data: st.DataObject) -> None:
    """Checksums are made right again, or nothing but they would be tried."""
    width, height = 32, 48
    copy = with_stealth(Pixels(width, height, bytes(width * height * 4)), b'{"Comment": "{}"}')
    rows = b"".join(b"\0" + copy.data[at : at + 4 * width] for at in range(0, len(copy.data), 4 * width))
    raw, text = bytearray(rows), bytearray(b"Title\0x")
    for content in (raw, text):
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255))
    kind = data.draw(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"abCd"]))
    head = struct.pack(">2L5B", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", head), (kind, bytes(text)), (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b"")]
    file = SIGNATURE + b"".join(build_png_chunk(*part) for part in parts)
    try:
        found = examine_picture(file).copies
        assert read_metadata(file) in (*found, None)
    except RemoteProtocolError:
        pass
