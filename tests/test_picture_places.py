"""Every place of every format: EXIF, XMP, comments, and the lowest bits of the colours; whole, damaged and too long.

See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from nai_proto.codecs.exif import write_exif
from nai_proto.codecs.picture_files import write_picture
from nai_proto.codecs.picture_metadata import Metadata, PictureReport, examine_picture, read_metadata
from nai_proto.codecs.picture_places import Place
from nai_proto.codecs.pixels import Pixels, Plane, read_pixels, write_png
from nai_proto.codecs.png import build_png_chunk
from nai_proto.codecs.stealth import read_stealth, with_stealth
from nai_proto.codecs.webp import build_webp, iter_webp_chunks
from nai_proto.errors import MissingExtra, RemoteProtocolError
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

WIDTH, HEIGHT = 61, 90
PARAMETERS: Final[dict[str, object]] = {"prompt": "the harbour at night", "seed": 7, "steps": 23, "uc": "fog"}
COMMENT: Final = json.dumps(PARAMETERS)
METADATA: Final = Metadata.from_comment(PARAMETERS, description="the harbour", source="NovelAI Diffusion V4.5 4BDE2A90")
NOISE: Final = (bytes(range(251)) * 100)[: WIDTH * HEIGHT * 3]
PLAIN: Final = Pixels(WIDTH, HEIGHT, NOISE)
XMP: Final = '<x:xmpmeta xmlns:x="adobe:ns:meta/">夜</x:xmpmeta>'


def saved(picture: Image.Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, image_format, **options)
    return out.getvalue()


def image(mode: str = "RGB") -> Image.Image:
    return Image.frombytes("RGB", (WIDTH, HEIGHT), PLAIN.data).convert(mode)


def exif_with(comment: bytes, order: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.ImageDescription] = "a lamp"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif.tobytes()


def found_in(file: bytes) -> dict[Place, dict[str, str]]:
    """What each place says, of a file in which nothing is damaged or left out."""
    report = examine_picture(file)
    assert (report.damaged, report.not_read) == ((), {})
    return {copy.place: dict(copy.texts) for copy in report.copies}


# ---- EXIF


@for_each("image_format", ["PNG", "WEBP", "JPEG", "TIFF", "AVIF"])
@for_each("order", ["<", ">"])
def test_exif_is_read_in_every_format_that_has_it(image_format: str, order: str) -> None:
    exif = exif_with(b"UNICODE\0" + COMMENT.encode("utf-16-be"), order)
    texts = {"Description": "a lamp", "Comment": COMMENT}
    assert found_in(saved(image(), image_format, exif=exif)) == {Place.EXIF: texts}


def test_texts_of_an_avif_are_read_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(image(), "AVIF", exif=exif_with(COMMENT.encode()), xmp=XMP.encode())
    monkeypatch.setitem(sys.modules, "PIL", None)
    report = examine_picture(file)
    assert [copy.place for copy in report.copies] == [Place.EXIF, Place.XMP]
    assert list(report.not_read) == [Place.ALPHA, Place.COLOURS]
    assert read_metadata(file) == Metadata({"Description": "a lamp", "Comment": COMMENT})


@for_each("order", ["<", ">"])
def test_a_bigtiff_is_read(order: str) -> None:
    file = saved(image(), "TIFF", big_tiff=True, description="a lamp", software="NovelAI Diffusion V4.5 4BDE2A90")
    assert file[:4] == b"II+\0"
    texts = {"Description": "a lamp", "Source": "NovelAI Diffusion V4.5 4BDE2A90"}
    assert found_in(file) == {Place.EXIF: texts}
    text = b"a lamp in the fog\0"
    header = (b"II+\0" if order == "<" else b"MM\0+") + struct.pack(order + "HHQQ", 8, 0, 16, 1)
    entry = struct.pack(order + "HHQQ", 0x010E, 2, len(text), 16 + 8 + 20)
    assert examine_picture(header + entry + text).copies == (Metadata({"Description": "a lamp in the fog"}),)


@for_each("order", ["<", ">"])
def test_nul_before_the_text_of_a_tag_is_skipped(order: str) -> None:
    """The service writes four where the prompt is not ASCII."""
    text = b"\0\0\0\0" + "夜の港".encode() + b"\0"
    start = b"II*\0" if order == "<" else b"MM\0*"
    exif = start + struct.pack(order + "LHHHLLL", 8, 1, 0x010E, 2, len(text), 26, 0) + text
    assert found_in(saved(image(), "WEBP", exif=exif)) == {Place.EXIF: {"Description": "夜の港"}}


def test_tags_that_other_programs_use_are_read() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "workflow: {}"
    exif[ExifTags.Base.Model] = "prompt: {}"
    exif[ExifTags.Base.XPComment] = "夜の港\0".encode("utf-16-le")
    texts = {"Make": "workflow: {}", "Model": "prompt: {}", "XPComment": "夜の港"}
    assert found_in(saved(image(), "WEBP", exif=exif.tobytes())) == {Place.EXIF: texts}


@for_each("keyword", ["Raw profile type exif", "Raw profile type APP1"])
@for_each("kind", ["tEXt", "zTXt"])
def test_exif_in_a_text_of_digits_is_read(keyword: str, kind: str) -> None:
    digits = exif_with(COMMENT.encode()).hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    info = PngImagePlugin.PngInfo()
    info.add_text(keyword, f"\nexif\n{len(digits) // 2:8}\n{lines}\n", zip=kind == "zTXt")
    found = found_in(saved(image(), "PNG", pnginfo=info))
    assert found[Place.EXIF] == {"Description": "a lamp", "Comment": COMMENT}
    torn = PngImagePlugin.PngInfo()
    torn.add_text(keyword, "\nexif\n 4\nno digits\n")
    assert examine_picture(saved(image(), "PNG", pnginfo=torn)).damaged == ("its EXIF does not begin as a TIFF",)


def test_the_comment_of_the_service_is_found_where_a_converter_put_it() -> None:
    assert found_in(saved(image(), "TIFF", description=COMMENT)) == {Place.EXIF: {"Comment": COMMENT}}
    assert found_in(write_png(PLAIN, {"comment": COMMENT, "Comment": "x"})) == {Place.TEXT: {"Comment": COMMENT}}
    for texts in ({"comment": "a lamp"}, {"comment": COMMENT, "Comment": json.dumps({**PARAMETERS, "seed": 8})}):
        assert found_in(write_png(PLAIN, texts)) == {Place.TEXT: texts}


# ---- XMP and comments


@for_each("image_format", ["WEBP", "JPEG", "TIFF", "AVIF"])
def test_xmp_is_read_as_one_text(image_format: str) -> None:
    options: dict[str, Any] = {"tiffinfo": {700: XMP.encode()}} if image_format == "TIFF" else {"xmp": XMP.encode()}
    assert found_in(saved(image(), image_format, **options)) == {Place.XMP: {"XML:com.adobe.xmp": XMP}}


def test_xmp_of_a_png_is_one_of_its_texts() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP)
    assert found_in(saved(image(), "PNG", pnginfo=info)) == {Place.TEXT: {"XML:com.adobe.xmp": XMP}}


def gif_with(*extensions: bytes) -> bytes:
    """A GIF, with these blocks before its pixels."""
    file = saved(image("P"), "GIF")
    at = 13 + (3 << (file[10] & 7) + 1)
    return file[:at] + b"".join(extensions) + file[at:]


def sub_blocks(content: bytes) -> bytes:
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def test_xmp_of_a_gif_is_read() -> None:
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    assert found_in(gif_with(b"!\xff\x0bXMP DataXMP" + XMP.encode() + trailer)) == {
        Place.XMP: {"XML:com.adobe.xmp": XMP}
    }


@for_each("image_format", ["GIF", "JPEG"])
@for_each("comment", ["a lamp", "夜", COMMENT, "x" * 70_000], ids=["ASCII", "UTF-8", "NovelAI", "long"])
def test_a_comment_is_read(image_format: str, comment: str) -> None:
    """ImageMagick has the text ``Comment`` of a PNG there; a long one is in several segments of a JPEG."""
    content = comment.encode()
    if image_format == "GIF":
        file = saved(image("P"), "GIF", comment=content)
    else:
        file = saved(image(), "JPEG")
        parts = [content[at : at + 65_533] for at in range(0, len(content), 65_533)]
        file = file[:2] + b"".join(b"\xff\xfe" + (len(part) + 2).to_bytes(2) + part for part in parts) + file[2:]
    assert found_in(file) == {Place.COMMENT: {"Comment": comment}}
    metadata = read_metadata(file)
    assert metadata is not None
    assert metadata.has_parameters is (comment == COMMENT)


def test_of_several_comments_the_service_s_counts_and_else_the_first() -> None:
    empty, one, two, own = (b"!\xfe" + sub_blocks(text) for text in (b"", b"tw\xe4", b"two", COMMENT.encode()))
    assert found_in(gif_with(empty, one, two)) == {Place.COMMENT: {"Comment": "twä"}}
    assert found_in(gif_with(one, own, two)) == {Place.COMMENT: {"Comment": COMMENT}}


def test_exif_that_is_damaged_does_not_hide_another() -> None:
    file = with_chunk(write_png(PLAIN), b"eXIf", write_exif({"UserComment": COMMENT}))
    for before, problems in ((b"rubbish", 1), (write_exif({"Artist": "a"}), 0)):
        report = examine_picture(with_chunk(file, b"eXIf", before))
        assert (report.copies, len(report.damaged)) == ((Metadata({"Comment": COMMENT}),), problems)


def test_a_comment_that_a_camera_left_empty_says_nothing() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = bytes(64)
    assert found_in(saved(image(), "JPEG", exif=exif.tobytes())) == {}


# ---- the lowest bits of the colours


def hidden(content: bytes, pixels: Pixels = PLAIN, channels: tuple[int, ...] = (0, 1, 2)) -> Pixels:
    """The pixels with these bytes in the lowest bits of their channels, down the columns, bit by bit."""
    data = bytearray(pixels.data)
    bits = iter([byte >> shift & 1 for byte in content for shift in range(7, -1, -1)])
    places = [
        pixels.channels * (y * pixels.width + x) + channel
        for x in range(pixels.width)
        for y in range(pixels.height)
        for channel in channels
    ]
    for place, bit in zip(places, bits, strict=False):
        data[place] = data[place] & 0xFE | bit
    return Pixels(pixels.width, pixels.height, bytes(data))


def copy_of(content: bytes, mark: bytes) -> bytes:
    packed = gzip.compress(content) if mark.endswith(b"comp") else content
    return mark + (8 * len(packed)).to_bytes(4) + packed


@for_each("mark", [b"stealth_rgbinfo", b"stealth_rgbcomp"])
@for_each("mode", ["RGB", "RGBA"])
@for_each("image_format", ["PNG", "WEBP", "TIFF", "BMP"])
def test_a_copy_in_the_colours_is_read(mark: bytes, mode: str, image_format: str) -> None:
    drawn = hidden(copy_of(b"a lamp\nSteps: 20", mark))
    picture = Image.frombytes("RGB", (WIDTH, HEIGHT), drawn.data).convert(mode)
    options = {"lossless": True, "exact": True} if image_format == "WEBP" else {}
    file = saved(picture, image_format, **options)
    assert found_in(file) == {Place.COLOURS: {"parameters": "a lamp\nSteps: 20"}}


@settings(max_examples=scale_examples(50), deadline=None)
@given(st.binary(max_size=60), st.integers(1, 70), st.integers(1, 70), st.sampled_from([3, 4]), st.booleans())
def test_bits_in_the_colours_stand_where_other_programs_have_them(
    content: bytes, width: int, height: int, channels: int, packed: bool
) -> None:
    copy = copy_of(content, b"stealth_rgbcomp" if packed else b"stealth_rgbinfo")
    pixels = Pixels(width, height, bytes(width * height * channels))
    if len(copy) * 8 <= 3 * width * height:
        assert read_stealth(hidden(copy, pixels)) == content


def test_a_mark_counts_only_in_its_own_channels() -> None:
    text = b"a lamp"
    for mark, channels in ((b"stealth_pnginfo", (0, 1, 2)), (b"stealth_rgbinfo", (3,))):
        drawn = hidden(copy_of(text, mark), PLAIN.with_alpha(b"\xff" * PLAIN.area), channels)
        assert found_in(write_png(drawn)) == {}


def test_copies_in_alpha_and_in_the_colours_are_both_read() -> None:
    drawn = with_stealth(hidden(copy_of(b"a lamp", b"stealth_rgbcomp")), json.dumps(dict(METADATA.texts)).encode())
    file = write_png(drawn)
    assert found_in(file) == {Place.ALPHA: dict(METADATA.texts), Place.COLOURS: {"parameters": "a lamp"}}
    assert read_metadata(file) == METADATA


def test_colours_that_pillow_would_decode_are_not_shown_as_empty_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(Image.frombytes("RGB", (WIDTH, HEIGHT), PLAIN.data), "WEBP", lossless=True)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert list(examine_picture(file).not_read) == [Place.COLOURS]
    with pytest.raises(MissingExtra):
        read_metadata(file)


@for_each("mark", [b"stealth_pngcomp", b"stealth_rgbinfo"])
def test_a_copy_that_is_the_parameters_themselves_is_the_comment(mark: bytes) -> None:
    opaque = PLAIN.with_alpha(b"\xff" * PLAIN.area)
    drawn = hidden(copy_of(COMMENT.encode(), mark), opaque, (3,) if b"png" in mark else (0, 1, 2))
    found = read_metadata(write_png(drawn))
    assert found == Metadata({"Comment": COMMENT})


# ---- gzip behind the mark


@settings(max_examples=scale_examples(60), deadline=None)
@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.integers(0, 3), st.binary(max_size=3))
def test_gzip_is_read_as_gzip_reads_it(parts: list[bytes], zeros: int, rest: bytes) -> None:
    packed = b"".join(gzip.compress(part, mtime=0) + bytes(zeros) for part in parts)
    assert gzip.decompress(packed) == b"".join(parts)
    if rest.lstrip(b"\0").startswith(b"\x1f\x8b"):
        return
    packed += rest
    content = b"stealth_pngcomp" + (8 * len(packed)).to_bytes(4) + packed
    alpha = hidden(content, PLAIN.with_alpha(b"\xff" * PLAIN.area), (3,)).alpha
    assert alpha is not None
    assert read_stealth(alpha) == b"".join(parts)


def test_a_second_member_that_is_damaged_is_named() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two")[:-1]
    content = b"stealth_rgbcomp" + (8 * len(packed)).to_bytes(4) + packed
    report = examine_picture(write_png(hidden(content)))
    assert report == PictureReport((), ("its copy in the colours: it does not inflate",))


# ---- what cannot be read hides only itself


def with_chunk(file: bytes, kind: bytes, content: bytes) -> bytes:
    return file[:33] + build_png_chunk(kind, content) + file[33:]


BOMB: Final = zlib.compress(bytes(2_000_000), 9)
DEEP: Final = '{"a":' + "[" * 200 + "]" * 200 + "}"
SMALL: Final = Limits(picture_text=1_000_000)


@for_each("kind", [b"zTXt", b"iTXt"])
@for_each("keyword", [b"Comment", b"Raw profile type xmp"])
def test_a_bomb_hides_only_itself(kind: bytes, keyword: bytes) -> None:
    content = keyword + (b"\0\0" if kind == b"zTXt" else b"\0\1\0\0\0") + BOMB
    report = examine_picture(with_chunk(write_picture(PLAIN, METADATA), kind, content), SMALL)
    assert report.metadata == METADATA
    (problem,) = report.damaged
    assert problem.startswith(f"the {kind.decode()} chunk at byte 33 ({keyword.decode()}) is too long")


@for_each("where", ["alpha", "colours", "EXIF"])
def test_what_is_nested_too_deeply_hides_only_itself(where: str) -> None:
    if where == "EXIF":
        file = with_chunk(write_png(PLAIN, METADATA.texts), b"eXIf", write_exif({"Artist": "a", "UserComment": DEEP}))
    elif where == "alpha":
        file = write_png(with_stealth(PLAIN, DEEP.encode()), METADATA.texts)
    else:
        file = write_png(hidden(copy_of(DEEP.encode(), b"stealth_rgbinfo")), METADATA.texts)
    report = examine_picture(file)
    assert report.metadata == METADATA
    (problem,) = report.damaged
    assert "JSON depth: 201 where at most 128 are allowed" in problem
    assert [dict(copy.texts) for copy in report.copies[1:]] == ([{"Artist": "a"}] if where == "EXIF" else [])


def test_a_tag_that_is_too_long_hides_only_itself() -> None:
    exif = write_exif({"Artist": "x" * 1_000_001, "UserComment": COMMENT})
    report = examine_picture(saved(image(), "WEBP", exif=exif), SMALL)
    assert report.copies == (Metadata({"Comment": COMMENT}),)
    (problem,) = report.damaged
    assert problem.startswith("the tag Artist is too long: at most 1000000 bytes")


@for_each("image_format", ["PNG", "WEBP", "JPEG", "GIF", "TIFF", "AVIF"])
def test_the_pixels_of_the_whole_file_are_bounded_all_the_same(image_format: str) -> None:
    file = saved(image(), image_format)
    limits = Limits(pixels=WIDTH * HEIGHT - 1)
    with pytest.raises(RemoteProtocolError, match="pixels"):
        examine_picture(file, limits)


# ---- damaged files


def test_a_png_without_its_end_is_read_and_named() -> None:
    file = write_picture(PLAIN, METADATA)[:-12]
    report = examine_picture(file)
    assert [copy.place for copy in report.copies] == [Place.TEXT, Place.ALPHA]
    assert report.damaged == ("the PNG ends too early",)
    assert read_pixels(file) == read_pixels(file + build_png_chunk(b"IEND", b""))


@for_each("mode", ["RGB", "P", "RGBA"])
def test_a_wrong_checksum_of_pixels_that_are_whole_is_named_and_no_more(mode: str) -> None:
    file = bytearray(saved(image(mode), "PNG"))
    at = file.index(b"IDAT") - 4
    end = at + 8 + int.from_bytes(file[at : at + 4])
    before = read_pixels(bytes(file))
    file[end] ^= 1
    assert read_pixels(bytes(file)) == before
    assert examine_picture(bytes(file)) == PictureReport((), (f"the IDAT chunk at byte {at} has a wrong checksum",))
    file[end - 1] ^= 1  # the checksum inside
    with pytest.raises(RemoteProtocolError):
        read_pixels(bytes(file))


def test_a_header_with_a_wrong_checksum_does_not_hide_the_texts() -> None:
    file = bytearray(write_png(PLAIN, METADATA.texts))
    file[29] ^= 1
    report = examine_picture(bytes(file))
    assert (report.copies, report.damaged) == ((METADATA,), ("the IHDR chunk at byte 8 has a wrong checksum",))


def jpeg() -> bytes:
    return saved(image(), "JPEG", exif=exif_with(COMMENT.encode()), xmp=XMP.encode())


def webp() -> bytes:
    """A WebP with its texts before its pixels."""
    chunks = {kind: bytes(content) for kind, content in iter_webp_chunks(saved(image(), "WEBP", exif=exif_with(b"{}")))}
    exif = exif_with(COMMENT.encode())
    return build_webp(
        [(b"VP8X", chunks[b"VP8X"]), (b"EXIF", exif), (b"XMP ", XMP.encode()), (b"VP8 ", chunks[b"VP8 "])]
    )


def tiff() -> bytes:
    return saved(image(), "TIFF", exif=exif_with(COMMENT.encode()), tiffinfo={700: XMP.encode()})


def gif() -> bytes:
    return gif_with(b"!\xfe" + sub_blocks(COMMENT.encode()))


@for_each("build", [jpeg, webp, gif])
def test_what_stands_before_the_end_of_a_file_cut_short_is_read(build: Callable[[], bytes]) -> None:
    file = build()
    whole = found_in(file)
    seen: set[int] = set()
    for size in range(12, len(file), 7):
        try:
            report = examine_picture(file[:size])
        except RemoteProtocolError:
            assert not seen
            continue
        assert report.damaged, size
        for copy in report.copies:
            assert set(copy.texts.items()) <= set(whole[copy.place].items())
        assert len(report.copies) >= max(seen, default=0)
        seen.add(len(report.copies))
    assert max(seen) == len(whole)


def test_the_pixels_of_a_webp_that_is_cut_off_behind_them_are_read() -> None:
    file = write_picture(PLAIN, METADATA, image_format="webp")
    report = examine_picture(file[:-9])
    assert ([copy.place for copy in report.copies], report.damaged) == ([Place.ALPHA], ("the WebP ends too early",))
    assert read_pixels(file[:-9]) == read_pixels(file)


MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "I;16")


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "JPEG", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_mode_that_pillow_writes_is_read_as_pillow_reads_it(image_format: str) -> None:
    coloured = Image.frombytes("RGBA", (WIDTH, HEIGHT), PLAIN.with_alpha(NOISE[::3]).data)
    written = 0
    for mode in MODES:
        picture = (coloured.convert("L") if mode in ("I", "F", "I;16", "PA") else coloured).convert(mode)
        try:
            file = saved(picture, image_format, **({"lossless": True} if image_format == "WEBP" else {}))
            with Image.open(io.BytesIO(file)) as opened:
                official = opened.convert("RGBA")
        except (OSError, KeyError, ValueError, DeprecationWarning):
            continue  # the format has no such pixels, Pillow 13 writes none, or Pillow 11 reads not even its own
        written += 1
        assert found_in(file) == {}
        pixels = read_pixels(file)
        alpha = b"\xff" * PLAIN.area if pixels.alpha is None else pixels.alpha.data
        assert alpha == official.getchannel("A").tobytes(), mode
        if mode != "I;16":  # of which Pillow cuts off what is above 255
            assert pixels.rgb == official.convert("RGB").tobytes(), mode
    assert written > 3


@settings(max_examples=scale_examples(150), deadline=None)
@given(st.sampled_from(["jpeg", "webp", "tiff", "gif", "avif"]), st.data())
def test_damage_is_read_or_a_documented_error(name: str, data: st.DataObject) -> None:
    file = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(file) - 1))
        file[at] = data.draw(st.integers(0, 255))
    try:
        examine_picture(bytes(file[: data.draw(st.integers(4, len(file)))]))
    except RemoteProtocolError:
        pass


FILES: Final = {
    "jpeg": jpeg(),
    "webp": webp(),
    "tiff": tiff(),
    "gif": gif(),
    "avif": saved(image(), "AVIF", exif=exif_with(COMMENT.encode()), xmp=XMP.encode()),
}


def test_alpha_that_was_decoded_elsewhere_is_a_plane() -> None:
    assert read_stealth(Plane(1, 1, b"x")) is None
    assert read_stealth(Pixels(1, 1, b"xyz")) is None
