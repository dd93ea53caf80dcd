"""WebP files and EXIF, both ways, with Pillow on the other side; damage and limits.

See docs/protocol/image.md#82-webp.
"""

from __future__ import annotations

import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from nai_proto.codecs.exif import read_exif, write_exif
from nai_proto.codecs.picture_metadata import examine_picture
from nai_proto.codecs.picture_texts import PictureTexts
from nai_proto.codecs.webp import iter_webp_chunks, with_webp_text
from nai_proto.errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

TAGS = ("DocumentName", "ImageDescription", "Software", "Artist", "Copyright")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
TEXTS = st.dictionaries(st.sampled_from([*TAGS, "UserComment"]), TEXT)


def a_webp(mode: str = "RGBA", exif: bytes = b"", *, lossless: bool = True) -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, (5, 3), (10, 20, 30, 40)[: len(mode)])
    image.save(out, "WEBP", lossless=lossless, exif=exif)
    return out.getvalue()


def exif_with_comment(order: str, comment: bytes) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif.tobytes()


FILES = [
    a_webp(),
    a_webp("RGB"),
    a_webp(lossless=False),
    a_webp("RGB", lossless=False),
    a_webp(exif=write_exif({"Software": "other"})),
    a_webp("RGB", write_exif({"Software": "other", "UserComment": "odd"}), lossless=False),
]


def read_exif_of(file: bytes, limits: Limits = Limits()) -> PictureTexts:
    return read_exif(next(content for kind, content in iter_webp_chunks(file) if kind == b"EXIF"), limits)


@given(TEXTS)
def test_what_was_written_is_read(texts: dict[str, str]) -> None:
    assert read_exif(write_exif(texts)) == (texts, ())


@settings(deadline=None)
@given(TEXTS, st.sampled_from(FILES))
def test_a_picture_gets_the_texts_and_stays_what_it_is(texts: dict[str, str], file: bytes) -> None:
    changed = with_webp_text(file, texts)
    assert read_exif_of(changed) == (texts, ())
    with Image.open(io.BytesIO(file)) as before, Image.open(io.BytesIO(changed)) as after:
        assert before.mode == after.mode
        assert before.tobytes() == after.tobytes()
    assert with_webp_text(changed, texts) == changed


def test_pillow_reads_what_is_written() -> None:
    texts = {"DocumentName": "AI generated image", "Software": "NovelAI Diffusion", "UserComment": '{"Comment": "{}"}'}
    with Image.open(io.BytesIO(with_webp_text(FILES[1], texts))) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.DocumentName] == "AI generated image"
        assert exif[ExifTags.Base.Software] == "NovelAI Diffusion"
        comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
        assert comment == b'ASCII\0\0\0{"Comment": "{}"}'


@for_each("order", ["<", ">"])
@for_each("prefix", [b"", b"Exif\0\0"])
def test_what_pillow_wrote_is_read(order: str, prefix: bytes) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.ImageDescription] = "the harbour at night"
    exif[ExifTags.Base.Artist] = "a"
    exif[ExifTags.Base.Orientation] = 1
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0{}"
    data = exif.tobytes()
    assert read_exif(prefix + data.removeprefix(b"Exif\0\0")).texts == {
        "ImageDescription": "the harbour at night",
        "Artist": "a",
        "UserComment": "{}",
    }
    assert read_exif_of(a_webp(exif=data)) == read_exif(data)


@for_each(
    "comment, text",
    [
        (b"ASCII\0\0\0night", "night"),
        (bytes(8) + "夜".encode() + bytes(3), "夜"),
        (b"UNICODE\0" + "夜".encode("utf-16-le"), "夜"),
        (b"UNICODE\0" + b"\xfe\xff" + "夜".encode("utf-16-be"), "夜"),
    ],
)
def test_a_comment_is_read_in_its_encoding(comment: bytes, text: str) -> None:
    assert read_exif(exif_with_comment("<", comment)) == ({"UserComment": text}, ())


JSON_TEXTS = st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers()).map(json.dumps)
PLAIN_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


WIDE = ["utf-16-le", "utf-16-be", "utf-16"]


@given(
    st.sampled_from("<>"),
    st.tuples(st.sampled_from([*WIDE, "utf-8", "utf-8-sig"]), JSON_TEXTS)
    | st.tuples(st.sampled_from(WIDE), PLAIN_TEXTS),
)
def test_a_unicode_comment_is_read_in_whichever_encoding_it_is(order: str, comment: tuple[str, str]) -> None:
    encoding, text = comment
    exif = exif_with_comment(order, b"UNICODE\0" + text.encode(encoding))
    assert read_exif(exif) == ({"UserComment": text}, ())


@for_each("texts", [{"Make": "x"}, {"Artist": "\0"}, {"UserComment": "\ud800"}])
def test_what_has_no_form_is_not_written(texts: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        write_exif(texts)


@for_each("comment", [b"JIS\0\0\0\0\0\xff", b"sh\xffrt", b"ASCII\0\0\0\xff", b"UNICODE\0\xd8"])
def test_a_comment_in_no_known_encoding_is_named(comment: bytes) -> None:
    assert read_exif(exif_with_comment(">", comment)) == ({}, ("the tag UserComment is in no known encoding",))


def test_a_damaged_tag_hides_only_itself() -> None:
    data = write_exif({"ImageDescription": "one two", "Artist": "three", "UserComment": "four"})
    torn = data.replace(b"one two", b"one \xff\xff\xff")
    damaged = "the tag ImageDescription is in no known encoding"
    assert read_exif(torn) == ({"Artist": "three", "UserComment": "four"}, (damaged,))
    at = data.index(struct.pack("<HHL", 0x013B, 2, 6)) + 8
    cut = data[:at] + struct.pack("<L", len(data) - 5) + data[at + 4 :]
    texts = {"ImageDescription": "one two", "UserComment": "four"}
    assert read_exif(cut) == (texts, ("the tag Artist is cut off",))


SAMPLE = write_exif({"Software": "NovelAI", "Artist": "a", "UserComment": "the harbour at night"})


@for_each("size", range(len(SAMPLE)))
def test_exif_cut_short_is_noticed(size: int) -> None:
    if size < 4:
        with pytest.raises(RemoteProtocolError):
            read_exif(SAMPLE[:size])
    else:
        assert any(problem.endswith("cut off") for problem in read_exif(SAMPLE[:size]).damaged)


def test_entries_that_all_point_to_one_text_cost_it_once() -> None:
    entry = struct.pack("<HHLL", 0x010E, 2, 1_000_000, 8 + 2 + 12 * 60_000 + 4)
    data = b"II*\0" + struct.pack("<LH", 8, 60_000) + entry * 60_000 + bytes(4) + b"x" * 1_000_000
    assert read_exif(data) == ({"ImageDescription": "x" * 1_000_000}, ())


def test_directories_that_name_each_other_are_read_once() -> None:
    data = b"II*\0" + struct.pack("<LH", 8, 1) + struct.pack("<HHLL", 0x8769, 4, 1, 8) + bytes(4)
    assert read_exif(data) == ({}, ())


def test_the_limits_are_what_may_come() -> None:
    file = with_webp_text(FILES[0], {"Artist": "x" * 100})
    assert read_exif_of(file, Limits(picture_text=101)).damaged == ()
    (problem,) = read_exif_of(file, Limits(picture_text=99)).damaged
    assert problem.startswith("the tag Artist is too long")
    for plain in (file, *FILES):
        with pytest.raises(LimitExceeded, match="pixels: 15"):
            list(iter_webp_chunks(plain, Limits(pixels=14)))


@for_each("file", FILES)
def test_a_file_cut_short_is_noticed(file: bytes) -> None:
    for size in range(len(file)):
        with pytest.raises(RemoteProtocolError) as caught:
            list(iter_webp_chunks(file[:size]))
        assert isinstance(caught.value, Truncated) is (size >= 12)


@settings(max_examples=scale_examples(400))
@given(st.data(), st.sampled_from(FILES))
def test_altered_files_are_read_or_documented_errors(data: st.DataObject, file: bytes) -> None:
    changed_file = bytearray(with_webp_text(file, {"Software": "NovelAI", "UserComment": "{}"}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed_file) - 1))
        changed_file[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        examine_picture(bytes(changed_file))
    except RemoteProtocolError:
        pass


@given(st.binary(max_size=80))
def test_any_bytes_are_exif_or_a_documented_error(data: bytes) -> None:
    for content in (data, b"II*\0" + data, b"MM\0*\0\0\0\x08" + data):
        try:
            read_exif(content)
        except RemoteProtocolError:
            pass
