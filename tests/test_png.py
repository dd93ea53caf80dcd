"""PNG files: chunks, text and pixels, both ways, with Pillow on the other side; damage and bombs.

See docs/protocol/image.md#81-png-text.
"""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from nai_proto.codecs.picture_texts import PictureTexts
from nai_proto.codecs.pixels import Pixels, Plane, read_pixels, write_png
from nai_proto.codecs.png import SIGNATURE, PngHeader, build_png_chunk, check_png, iter_png_chunks, read_png_header
from nai_proto.codecs.png_text import read_png_text, with_png_text
from nai_proto.errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.peak_memory import measure_peak

TINY = Pixels(2, 1, bytes(range(8)))


def file_of(
    width: int, height: int, colour: int, raw: bytes, *more: bytes, depth: int = 8, interlace: int = 0
) -> bytes:
    head = struct.pack(">2L5B", width, height, depth, colour, 0, 0, interlace)
    content = zlib.compress(raw)
    half = len(content) // 2
    data = build_png_chunk(b"IDAT", content[:half]) + build_png_chunk(b"IDAT", content[half:])
    return SIGNATURE + build_png_chunk(b"IHDR", head) + b"".join(more) + data + build_png_chunk(b"IEND", b"")


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    width, height, channels = draw(st.integers(1, 9)), draw(st.integers(1, 6)), draw(st.sampled_from([3, 4]))
    size = width * height * channels
    return Pixels(width, height, draw(st.binary(min_size=size, max_size=size)))


KEYWORDS = st.text(st.characters(codec="latin-1", exclude_characters="\0"), min_size=1, max_size=79)
TEXTS = st.dictionaries(KEYWORDS, st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=4)


# Pixels


@given(pictures(), TEXTS)
def test_what_was_written_is_read(picture: Pixels, texts: dict[str, str]) -> None:
    file = write_png(picture, texts)
    assert read_pixels(file) == picture
    assert read_pixels(file).alpha == picture.alpha
    assert read_png_text(file) == (texts, ())
    assert read_png_header(file) == PngHeader(
        picture.width, picture.height, 8, 6 if picture.channels == 4 else 2, False
    )


@given(pictures())
def test_pillow_reads_what_is_written(picture: Pixels) -> None:
    with Image.open(io.BytesIO(write_png(picture))) as image:
        assert image.size == (picture.width, picture.height)
        assert image.mode == ("RGBA" if picture.channels == 4 else "RGB")
        assert image.tobytes() == picture.data


def saved(picture: Pixels, **options: object) -> bytes:
    mode = "RGBA" if picture.channels == 4 else "RGB"
    out = io.BytesIO()
    Image.frombytes(mode, (picture.width, picture.height), picture.data).save(out, "PNG", **options)
    return out.getvalue()


@given(pictures())
def test_what_pillow_wrote_is_read(picture: Pixels) -> None:
    assert read_pixels(saved(picture)) == picture


def filtered(picture: Pixels, filters: list[int]) -> bytes:
    """The rows behind their filters, by the words of the standard (PNG §9)."""
    bpp, stride = picture.channels, picture.width * picture.channels
    out = bytearray()
    above = bytes(stride)
    for number, at in zip(filters, range(0, len(picture.data), stride), strict=True):
        row = picture.data[at : at + stride]
        out.append(number)
        for i, x in enumerate(row):
            a, b, c = row[i - bpp] if i >= bpp else 0, above[i], above[i - bpp] if i >= bpp else 0
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            out.append((x - (0, a, b, (a + b) // 2, nearest)[number]) % 256)
        above = row
    return bytes(out)


@settings(max_examples=scale_examples(200))
@given(st.data(), pictures())
def test_every_filter_is_undone(data: st.DataObject, picture: Pixels) -> None:
    filters = data.draw(st.lists(st.integers(0, 4), min_size=picture.height, max_size=picture.height))
    colour = 6 if picture.channels == 4 else 2
    file = file_of(picture.width, picture.height, colour, filtered(picture, filters))
    assert read_pixels(file) == picture
    assert read_pixels(file).alpha == picture.alpha
    with Image.open(io.BytesIO(file)) as image:
        assert image.tobytes() == picture.data


@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("pillow", [True, False])
def test_a_large_picture_is_the_same_with_pillow_and_without(
    number: int, pillow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random.Random(number).randbytes(400 * 400 * 4)
    raw = b"".join(bytes([number]) + rows[at : at + 1600] for at in range(0, len(rows), 1600))
    file = file_of(400, 400, 6, raw)
    with Image.open(io.BytesIO(file)) as image:
        expected = image.tobytes()
    if not pillow:
        monkeypatch.setitem(sys.modules, "PIL", None)
    picture = read_pixels(file)
    assert picture.data == expected
    assert read_pixels(file).alpha == picture.alpha


@given(pictures())
def test_colours_and_alpha_part_and_meet_again(picture: Pixels) -> None:
    opaque = b"\xff" * picture.area
    assert picture.with_alpha(opaque).rgb == picture.rgb
    assert picture.with_alpha(opaque).alpha == Plane(picture.width, picture.height, opaque)
    if picture.alpha is not None:
        assert picture.with_alpha(picture.alpha.data) == picture


@for_each("width, height, size", [(0, 1, 0), (1, 0, 0), (-1, -1, 3), (1, 1, 5), (2, 1, 4)])
def test_pixels_are_as_many_as_they_say(width: int, height: int, size: int) -> None:
    with pytest.raises(InvalidRequestError):
        Pixels(width, height, bytes(size))


def test_pixels_are_not_shown() -> None:
    assert repr(TINY) == "Pixels(width=2, height=1)"


@for_each(
    "file, problem",
    [
        (file_of(1, 1, 2, b"\5abc"), "filter"),
        (file_of(1, 1, 2, b"\0ab"), "do not inflate to its size"),
        (file_of(1, 1, 2, b"\0abcd"), "do not inflate to its size"),
        (file_of(1, 1, 5, b"\0a"), "cannot be decoded"),
        (file_of(1, 1, 2, b"\0abcd", depth=16), "cannot be decoded"),
        (file_of(9, 9, 3, b"\0abc", interlace=1), "cannot be decoded"),
        (
            SIGNATURE
            + build_png_chunk(b"IHDR", struct.pack(">2L5B", 1, 1, 8, 2, 0, 0, 0))
            + build_png_chunk(b"IEND", b""),
            "do not inflate",
        ),
        (
            SIGNATURE
            + build_png_chunk(b"IHDR", struct.pack(">2L5B", 1, 1, 8, 2, 0, 0, 0))
            + build_png_chunk(b"IDAT", b"rubbish")
            + build_png_chunk(b"IEND", b""),
            "do not inflate",
        ),
    ],
)
def test_pixels_that_cannot_be_read_say_why(file: bytes, problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match=problem) as caught:
        read_pixels(file)
    assert caught.value.__context__ is None


def test_a_bomb_is_not_inflated_beyond_its_header() -> None:
    bomb = file_of(10, 10, 2, bytes(50_000_000))
    huge = (
        SIGNATURE
        + build_png_chunk(b"IHDR", struct.pack(">2L5B", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0))
        + build_png_chunk(b"IEND", b"")
    )

    def explode() -> None:
        with pytest.raises(RemoteProtocolError, match="do not inflate to its size"):
            read_pixels(bomb)
        with pytest.raises(LimitExceeded, match="pixels"):
            read_pixels(huge)

    assert measure_peak(explode)[1] < 400_000


def test_the_limit_is_what_a_header_may_claim() -> None:
    file = write_png(TINY)
    assert read_pixels(file, Limits(pixels=2)) == TINY
    for read in (read_pixels, read_png_text, read_png_header):
        with pytest.raises(LimitExceeded) as caught:
            read(file, Limits(pixels=1))
        assert (caught.value.what, caught.value.limit, caught.value.value) == ("pixels", 1, 2)


# Text


def test_pillow_reads_the_texts() -> None:
    texts = {"Title": "AI generated image", "Description": "夜の港", "Comment": '{"uc": "é"}'}
    with Image.open(io.BytesIO(write_png(TINY, texts))) as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert {key: str(value) for key, value in image.text.items()} == texts
    file = write_png(TINY, texts)
    assert [kind for kind, _ in iter_png_chunks(file)] == [b"IHDR", b"tEXt", b"iTXt", b"tEXt", b"IDAT", b"IEND"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(st.characters(codec="utf-8", exclude_characters="\0")))))
def test_every_form_of_text_that_pillow_writes_is_read(texts: list[tuple[str, str]]) -> None:
    info = PngImagePlugin.PngInfo()
    expected: dict[str, str] = {}
    for number, (keyword, text) in enumerate(texts):
        if number % 2:
            info.add_itxt(keyword, text, "de", "Wort", zip=number % 3 == 0)
        else:
            info.add_text(keyword, text, zip=number % 3 == 0)
        expected.setdefault(keyword, text)
    assert read_png_text(saved(TINY, pnginfo=info)) == (expected, ())


@given(TEXTS, TEXTS)
def test_text_is_exchanged_and_all_else_stays(before: dict[str, str], after: dict[str, str]) -> None:
    other = build_png_chunk(b"ltns", b"NovelAI_ltntsig" + bytes(64))
    file = file_of(2, 1, 6, b"\0" + TINY.data, other) + b"something behind"
    changed = with_png_text(with_png_text(file, before), after)
    assert read_png_text(changed) == (after, ())
    assert with_png_text(changed, {}) == file
    assert read_pixels(changed) == TINY


def test_of_several_texts_with_one_keyword_the_first_counts() -> None:
    assert read_png_text(
        file_of(1, 1, 2, b"", build_png_chunk(b"tEXt", b"a\0one"), build_png_chunk(b"tEXt", b"a\0two"))
    ) == ({"a": "one"}, ())


@for_each(
    "keyword, text",
    [("", ""), ("x" * 80, ""), ("a\0", ""), ("夜", ""), ("\ud800", ""), ("a", "b\0"), ("a", "\ud800")],
)
def test_text_that_has_no_form_is_not_written(keyword: str, text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        write_png(TINY, {keyword: text})
    assert caught.value.__context__ is None


@for_each(
    "kind, content, problem",
    [
        (b"tEXt", b"no end", "has no keyword"),
        (b"tEXt", b"\0no keyword", "has no keyword"),
        (b"tEXt", b"x" * 80 + b"\0", "has no keyword"),
        (b"zTXt", b"a\0\1" + zlib.compress(b"x"), "(a) is not in the form of its kind"),
        (b"zTXt", b"a\0\0rubbish", "(a) does not inflate"),
        (b"zTXt", b"a\0\0" + zlib.compress(b"x" * 99)[:-5], "(a) does not inflate"),
        (b"iTXt", b"a\0\2\0\0\0x", "(a) is not in the form of its kind"),
        (b"iTXt", b"a\0\1\1\0\0" + zlib.compress(b"x"), "(a) is not in the form of its kind"),
        (b"iTXt", b"a\0\1\0\0\0rubbish", "(a) does not inflate"),
        (b"iTXt", b"a\0\0\0\0\0\xff", "(a) is not UTF-8"),
        (b"iTXt", b"a\0\0", "(a) is not in the form of its kind"),
    ],
)
def test_a_damaged_text_hides_only_itself(kind: bytes, content: bytes, problem: str) -> None:
    before, after = build_png_chunk(b"tEXt", b"b\0one"), build_png_chunk(b"tEXt", b"c\0two")
    file = file_of(1, 1, 2, b"\0abc", before, build_png_chunk(kind, content), after)
    texts, damaged = read_png_text(file)
    assert texts == {"b": "one", "c": "two"}
    assert damaged == (f"the {kind.decode()} chunk at byte {33 + len(before)} {problem}",)
    assert read_pixels(file).data == b"abc"


def test_a_chunk_with_a_wrong_checksum_hides_only_itself() -> None:
    wrong = build_png_chunk(b"tEXt", b"a\0text")[:-1] + b"?"
    other = build_png_chunk(b"tEXt", b"b\0text")
    file = file_of(1, 1, 2, b"\0abc", wrong, other)
    assert read_png_text(file) == ({"b": "text"}, ("the tEXt chunk at byte 33 has a wrong checksum",))
    assert read_pixels(file).data == b"abc"
    assert [kind for kind, _ in iter_png_chunks(file)] == [b"IHDR", b"tEXt", b"IDAT", b"IDAT", b"IEND"]
    with pytest.raises(RemoteProtocolError, match="chunk at byte 33"):
        check_png(file)
    assert read_png_text(with_png_text(file, {"c": "text"})) == ({"c": "text"}, ())


def test_texts_do_not_need_whole_pixels() -> None:
    texts = {"Title": "AI generated image"}
    file = write_png(TINY, texts)
    at = file.index(b"IDAT")
    torn = file[: at + 5] + bytes([file[at + 5] ^ 1]) + file[at + 6 :]
    assert read_png_text(torn) == (texts, (f"the IDAT chunk at byte {at - 4} has a wrong checksum",))
    with pytest.raises(RemoteProtocolError):
        read_pixels(torn)
    for size in range(33, len(file)):
        found, damaged = read_png_text(file[:size])
        assert found in (texts, {})
        assert damaged == ("the PNG ends too early",)


def test_a_bomb_of_text_is_not_inflated_beyond_the_limit() -> None:
    bomb = file_of(1, 1, 2, b"", *[build_png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(600_000)))] * 50)

    found: list[PictureTexts] = []
    _, most = measure_peak(lambda: found.append(read_png_text(bomb, Limits(picture_text=1_000_000))))
    assert most < 3_000_000
    texts, damaged = found[0]
    assert texts == {"a": "\0" * 600_000}
    assert [problem.split(": ")[0].partition(" (a) ")[2] for problem in damaged] == [
        *["is too long"] * 4,  # each of them takes time, and then no more are unpacked
        *["is not unpacked"] * 45,
    ]


def test_the_limit_counts_all_texts_together_and_what_is_too_long_hides_only_itself() -> None:
    texts = {"a": "1" * 40, "b": "2" * 40, "c": "3" * 10}
    file = write_png(TINY, texts)
    assert read_png_text(file, Limits(picture_text=90)) == (texts, ())
    found, damaged = read_png_text(file, Limits(picture_text=89))
    assert found == {"a": "1" * 40, "b": "2" * 40}
    at = file.index(b"tEXtc") - 4
    assert [problem.split(":")[0] for problem in damaged] == [f"the tEXt chunk at byte {at} (c) is too long"]
    assert list(read_png_text(file, Limits(picture_text=79)).texts) == ["a", "c"]


# Damage


FILE = write_png(TINY, {"Title": "AI generated image", "Comment": "{}"})


@for_each("size", range(len(FILE)))
def test_every_way_to_cut_a_file_short_is_noticed(size: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_png(FILE[:size])
    assert isinstance(caught.value, Truncated) is (size >= 8)
    if size < len(FILE) - 12:
        with pytest.raises(RemoteProtocolError):
            read_pixels(FILE[:size])
    else:  # only the end is missing
        assert read_pixels(FILE[:size]) == TINY


@for_each("at", range(len(FILE)))
def test_every_altered_byte_is_noticed(at: int) -> None:
    changed_file = FILE[:at] + bytes([FILE[at] ^ 0x10]) + FILE[at + 1 :]
    with pytest.raises(RemoteProtocolError):
        check_png(changed_file)


@for_each(
    "file",
    [
        SIGNATURE + build_png_chunk(b"IEND", b""),
        FILE[:33] + FILE[8:],
        SIGNATURE + build_png_chunk(b"IHDR", bytes(13)) + build_png_chunk(b"IEND", b""),
        SIGNATURE + build_png_chunk(b"IHDR", bytes(12)) + build_png_chunk(b"IEND", b""),
        FILE[:33] + build_png_chunk(b"te t", b""),
        FILE[:33] + b"\x80\0\0\0tEXt" + bytes(30),
        b"GIF89a",
    ],
)
def test_what_is_no_png_is_told(file: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(iter_png_chunks(file))


@settings(max_examples=scale_examples(300))
@given(st.data())
def test_chunks_of_any_content_are_read_or_documented_errors(data: st.DataObject) -> None:
    kinds = st.sampled_from([b"IHDR", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"abCd"])
    contents = st.binary(max_size=20) | st.just(zlib.compress(b"\1abcd")) | st.just(b"a\0\0" + zlib.compress(b"b"))
    head = st.tuples(*[st.integers(0, 3)] * 2, *[st.sampled_from([0, 2, 3, 6, 8])] * 5)
    parts = [build_png_chunk(b"IHDR", struct.pack(">2L5B", *data.draw(head)))]
    parts += [
        build_png_chunk(kind, content) for kind, content in data.draw(st.lists(st.tuples(kinds, contents), max_size=6))
    ]
    file = SIGNATURE + b"".join(parts) + build_png_chunk(b"IEND", b"")
    for read in (read_pixels, read_png_text, read_png_header):
        try:
            read(file)
        except RemoteProtocolError:
            pass


@given(st.binary(max_size=60))
def test_any_bytes_are_documented_errors(data: bytes) -> None:
    for file in (data, SIGNATURE + data):
        with pytest.raises(RemoteProtocolError):
            read_png_text(file)
