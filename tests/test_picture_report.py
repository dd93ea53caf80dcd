"""Pictures that other programs saved: alpha in every lossless encoding, foreign texts, and pieces that are damaged.

See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
"""

from __future__ import annotations

import io
import json
import pickle
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
from nai_proto.codecs.picture_files import with_metadata, write_picture
from nai_proto.codecs.picture_metadata import Metadata, PictureReport, examine_picture, read_metadata
from nai_proto.codecs.picture_places import Place
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, read_pixels, write_png
from nai_proto.codecs.png import SIGNATURE, build_png_chunk
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.webp import build_webp, iter_webp_chunks
from nai_proto.errors import LimitExceeded, MissingExtra, RemoteProtocolError
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

WIDTH, HEIGHT = 64, 96
PARAMETERS: dict[str, object] = {"prompt": "the harbour at night", "seed": 7, "steps": 23, "uc": "fog"}
METADATA: Final = Metadata.from_comment(
    PARAMETERS, description="the harbour", source="NovelAI Diffusion V4.5 4BDE2A90", seconds=2.4
)
GREYS: Final = bytes(range(256)) * (WIDTH * HEIGHT // 256)
PLAIN: Final = Pixels(WIDTH, HEIGHT, bytes(value for grey in GREYS for value in (grey, grey, grey)))
SIGNED: Final = METADATA.with_signature(PLAIN)
DRAWN: Final = read_pixels(write_picture(PLAIN, SIGNED))
"""A grey picture with a copy in alpha, so that it has the same pixels in every encoding."""


def image(mode: str = "RGBA") -> Image.Image:
    made = Image.frombytes("RGBA", (WIDTH, HEIGHT), DRAWN.data)
    return made if mode == "RGBA" else made.convert(mode)


def saved(picture: Image.Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, image_format, **options)
    return out.getvalue()


# ---- alpha, encoded in every way


def png_of(depth: int, colour: int, samples: list[bytes], *extra: bytes, interlaced: bool = False) -> bytes:
    """A PNG of these rows; interlaced, of their pixels in the seven passes of PNG §8.2."""
    size = len(samples[0]) // WIDTH
    if interlaced:
        passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        rows = [
            b"".join(samples[y][x * size : (x + 1) * size] for x in range(left, WIDTH, across))
            for left, top, across, down in passes
            for y in range(top, HEIGHT, down)
        ]
    else:
        rows = samples
    head = struct.pack(">2L5B", WIDTH, HEIGHT, depth, colour, 0, 0, interlaced)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = (build_png_chunk(b"IHDR", head), *extra, build_png_chunk(b"IDAT", packed), build_png_chunk(b"IEND", b""))
    return SIGNATURE + b"".join(chunks)


def rows_of(data: bytes) -> list[bytes]:
    stride = len(data) // HEIGHT
    return [data[at : at + stride] for at in range(0, len(data), stride)]


def doubled(data: bytes) -> bytes:
    """Samples of 16 bits, each as an 8-bit one is scaled up."""
    return bytes(value for sample in data for value in (sample, sample))


def palette_png() -> bytes:
    """128 greys, each with both values of alpha."""
    entries = [(grey & 0xFE, alpha) for grey in range(0, 256, 2) for alpha in (0xFE, 0xFF)]
    numbers = {entry: number for number, entry in enumerate(entries)}
    alphas = DRAWN.data[3::4]
    samples = bytes(numbers[grey & 0xFE, alpha] for grey, alpha in zip(DRAWN.data[::4], alphas, strict=True))
    colours = build_png_chunk(b"PLTE", bytes(value for grey, _ in entries for value in (grey,) * 3))
    return png_of(8, 3, rows_of(samples), colours, build_png_chunk(b"tRNS", bytes(alpha for _, alpha in entries)))


def lossy_webp() -> bytes:
    return saved(image(), "WEBP", quality=40)


ENCODINGS: Final[dict[str, Callable[[], bytes]]] = {
    "RGBA": lambda: saved(image(), "PNG"),
    "grey and alpha": lambda: saved(image("LA"), "PNG"),
    "RGBA, interlaced": lambda: png_of(8, 6, rows_of(DRAWN.data), interlaced=True),
    "grey and alpha, interlaced": lambda: png_of(8, 4, rows_of(image("LA").tobytes()), interlaced=True),
    "RGBA of 16 bits": lambda: png_of(16, 6, rows_of(doubled(DRAWN.data))),
    "grey and alpha of 16 bits": lambda: png_of(16, 4, rows_of(doubled(image("LA").tobytes())), interlaced=True),
    "palette": palette_png,
    "WebP without losses": lambda: saved(image(), "WEBP", lossless=True, exact=True),
    "WebP with losses": lossy_webp,
    "WebP of several frames": lambda: saved(
        image(), "WEBP", lossless=True, exact=True, save_all=True, append_images=[Image.new("RGBA", (WIDTH, HEIGHT))]
    ),
    "PNG of several frames": lambda: saved(
        image(), "PNG", save_all=True, append_images=[Image.new("RGBA", (WIDTH, HEIGHT))]
    ),
    "TIFF": lambda: saved(image(), "TIFF"),
    "TIFF, LZW": lambda: saved(image(), "TIFF", compression="tiff_lzw"),
    "TIFF of grey and alpha": lambda: saved(image("LA"), "TIFF"),
    "BMP": lambda: bmp(),
    "AVIF without losses": lambda: saved(image(), "AVIF", quality=100, subsampling="4:4:4"),
}
WITH_OTHER_COLOURS: Final = ("palette", "WebP with losses", "AVIF without losses")


def bmp() -> bytes:
    """A BMP of 32 bits with masks of its channels, alpha among them; its rows begin at the bottom."""
    data = b"".join(reversed(rows_of(DRAWN.data)))
    head = struct.pack("<LllHHLLllLL", 108, WIDTH, HEIGHT, 1, 32, 3, len(data), 0, 0, 0, 0)
    head += struct.pack("<4L", 0xFF, 0xFF00, 0xFF0000, 0xFF000000) + bytes(52)
    return b"BM" + struct.pack("<LHHL", 14 + len(head) + len(data), 0, 0, 14 + len(head)) + head + data


@for_each("name", ENCODINGS)
def test_the_copy_in_alpha_is_read_in_every_lossless_encoding(name: str) -> None:
    file = ENCODINGS[name]()
    found = read_metadata(file)
    assert found is not None
    assert (found.place, found.comment) == (Place.ALPHA, SIGNED.comment)
    report = examine_picture(file)
    assert (report.copies, report.metadata, report.damaged) == ((found,), found, ())
    with Image.open(io.BytesIO(file)) as opened:
        official = opened.convert("RGBA")
    alpha = read_pixels(file).alpha
    assert alpha is not None
    assert alpha.data == official.getchannel("A").tobytes()


@for_each("name", [name for name in ENCODINGS if name not in WITH_OTHER_COLOURS])
def test_the_signature_is_valid_in_every_encoding_that_keeps_the_colours(name: str) -> None:
    assert verify(read_pixels(ENCODINGS[name]()), SIGNED.comment or "", TEST_VERIFY_KEY)


WITHOUT_LOSSES: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("RGBA", "PNG", {}),
    ("LA", "PNG", {}),
    ("RGBA", "WEBP", {"lossless": True, "exact": True}),
    ("RGBA", "WEBP", {"quality": 20}),
    ("RGBA", "TIFF", {}),
    ("LA", "TIFF", {}),
]


@settings(max_examples=scale_examples(30), deadline=None)
@given(st.data())
def test_any_alpha_that_pillow_writes_without_losses_is_read(data: st.DataObject) -> None:
    mode, image_format, options = data.draw(st.sampled_from(WITHOUT_LOSSES))
    size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    alpha = data.draw(st.binary(min_size=size[0] * size[1], max_size=size[0] * size[1]))
    picture = Image.new(mode, size)
    picture.putalpha(Image.frombytes("L", size, alpha))
    found = read_pixels(saved(picture, image_format, **options)).alpha
    assert (b"\xff" * len(alpha) if found is None else found.data) == alpha


@for_each("mode", ["1", "L", "P", "RGB"])
def test_a_transparent_colour_of_a_png_is_alpha(mode: str) -> None:
    picture = Image.new(mode, (4, 2))
    picture.putpixel((1, 1), (255, 255, 255) if mode == "RGB" else 1)
    key = (0, 0, 0) if mode == "RGB" else 0
    alpha = read_pixels(saved(picture, "PNG", transparency=key)).alpha
    assert alpha is not None
    assert alpha.data == bytes(5) + b"\xff" + bytes(2)


@for_each("mode, image_format", [("P", "GIF"), ("P", "PNG"), ("L", "PNG"), ("1", "PNG"), ("RGB", "PNG")])
def test_a_copy_in_alpha_that_is_all_or_nothing_is_read(mode: str, image_format: str) -> None:
    """Nobody writes such a picture, but the official extractor reads it: 255 has its lowest bit set, and 0 not."""
    content = json.dumps({"Software": "NovelAI", "Comment": "{}"}).encode()
    packed = zlib.compress(content, 9, 31)
    copy = hidden(b"stealth_pngcomp" + (8 * len(packed)).to_bytes(4) + packed)
    assert copy.alpha is not None
    bits = Image.frombytes("L", (WIDTH, HEIGHT), bytes(value & 1 for value in copy.alpha.data))
    if mode == "P":
        bits.putpalette([0, 0, 0, 255, 255, 255])
    else:
        bits = bits.point(lambda bit: 255 * bit).convert(mode)
    file = saved(bits, image_format, transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert examine_picture(file) == PictureReport((Metadata(json.loads(content)),))


def test_without_pillow_an_encoding_that_is_not_decoded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: encode() for name, encode in ENCODINGS.items()}
    monkeypatch.setitem(sys.modules, "PIL", None)
    for name, file in files.items():
        report = examine_picture(file)
        if name in ("RGBA", "grey and alpha", "PNG of several frames"):
            assert [copy.place for copy in report.copies] == [Place.ALPHA], name
        else:
            assert report.copies == (), name
            assert "the extra 'image'" in report.not_read[Place.ALPHA], name
            with pytest.raises(MissingExtra):
                read_metadata(file)


def test_what_has_no_alpha_needs_no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.new("RGB", (4, 4))
    files = [
        *(saved(picture.convert(mode), "PNG") for mode in ("RGB", "L", "1", "I;16")),
        saved(picture, "WEBP", lossless=False),
        saved(picture, "JPEG"),
    ]
    coloured = [saved(picture.convert("P"), "PNG"), saved(picture, "WEBP", lossless=True)]
    monkeypatch.setitem(sys.modules, "PIL", None)
    for file in files:
        assert examine_picture(file) == PictureReport(())
        assert read_metadata(file) is None
    for file in coloured:  # another program's text may be in the colours
        report = examine_picture(file)
        assert (report.copies, report.damaged, list(report.not_read)) == ((), (), [Place.COLOURS])
        assert pickle.loads(pickle.dumps(report)) == report
        with pytest.raises(MissingExtra):
            read_metadata(file)


@for_each("name", ENCODINGS)
def test_the_header_is_held_against_the_limit_before_anything_is_decoded(name: str) -> None:
    with pytest.raises(LimitExceeded, match="pixels"):
        examine_picture(ENCODINGS[name](), Limits(pixels=WIDTH * HEIGHT - 1))


# ---- what other programs write


FOREIGN = {
    "GIMP": {"Software": "GIMP 2.10.34", "Comment": "Created with GIMP"},
    "an editor": {"Software": "Celsys Studio Tool"},
    "a title": {"Title": "Untitled", "Description": "a holiday", "Source": "camera"},
    "JSON": {"Comment": '{"layers": 3, "prompt": "none"}'},
    "Fooocus": {"Comment": '{"prompt": "a lamp", "negative_prompt": "", "seed": "1", "steps": 30, "sampler": "dpmpp"}'},
    "Draw Things": {"Comment": '{"c": "a lamp", "uc": "", "seed": 1, "steps": 20, "scale": 7.5, "sampler": "DPM"}'},
    "another front end": {"parameters": "a lamp\nSteps: 20"},
}


@for_each("texts", FOREIGN.values(), ids=list(FOREIGN))
@for_each("image_format", ["png", "webp"])
def test_texts_of_other_programs_do_not_hide_the_copy_in_alpha(texts: dict[str, str], image_format: Any) -> None:
    file = with_metadata(write_picture(PLAIN, METADATA, image_format=image_format), Metadata(texts))
    found = read_metadata(file)
    assert found is not None
    assert (found.place, found.comment) == (Place.ALPHA, METADATA.comment)
    report = examine_picture(file)
    assert report.metadata == found
    assert [(copy.place is Place.ALPHA, copy.is_of_service) for copy in report.copies] == [(False, False), (True, True)]
    assert report.damaged == ()
    alone = with_metadata(write_png(PLAIN), Metadata(texts))
    assert read_metadata(alone) == Metadata(texts)


def test_texts_without_a_comment_do_not_hide_the_parameters_in_alpha() -> None:
    texts = {keyword: text for keyword, text in METADATA.texts.items() if keyword != "Comment"}
    found = read_metadata(with_metadata(write_picture(PLAIN, METADATA), Metadata(texts)))
    assert found is not None
    assert (found.place, found.comment) == (Place.ALPHA, METADATA.comment)
    alone = with_metadata(write_png(PLAIN), Metadata(texts))
    assert read_metadata(alone) == Metadata(texts)


@for_each(
    "texts, own",
    [
        (METADATA.texts, True),
        ({"Comment": json.dumps(PARAMETERS)}, True),
        ({"Software": "NovelAI"}, True),
        ({"Source": "NovelAI Diffusion V4.5 4BDE2A90"}, True),
        ({"Source": "Stable Diffusion F64BA557"}, True),
        ({"Source": "Stable Diffusion XL C1E1DE52"}, True),
        ({"Source": "Stable Diffusion web UI"}, False),
        *((texts, False) for texts in FOREIGN.values()),
    ],
)
def test_novelai_s_texts_are_told_from_those_of_others(texts: dict[str, str], own: bool) -> None:
    assert Metadata(texts).is_of_service is own


@for_each("mark", [b"stealth_pnginfo", b"stealth_pngcomp"])
@for_each("text", ["a lamp\nSteps: 20", "{", "[]", '"夜"'])
def test_another_program_s_text_behind_the_mark_is_no_damage(mark: bytes, text: str) -> None:
    content = text.encode()
    packed = zlib.compress(content, 9, 31) if mark.endswith(b"comp") else content
    drawn = hidden(mark + (8 * len(packed)).to_bytes(4) + packed)
    report = examine_picture(write_png(drawn))
    assert report == PictureReport((Metadata({"parameters": text}),))
    assert report.metadata is not None
    assert (report.metadata.place, report.metadata.is_of_service) == (Place.ALPHA, False)
    own = write_png(drawn, METADATA.texts)
    assert read_metadata(own) == examine_picture(own).metadata == METADATA


def hidden(content: bytes) -> Pixels:
    """A picture with these bytes in alpha."""
    bits = [byte >> shift & 1 for byte in content for shift in range(7, -1, -1)]
    alpha = bytearray(b"\xff" * PLAIN.area)
    for number, bit in enumerate(bits):
        alpha[number % HEIGHT * WIDTH + number // HEIGHT] = 0xFE | bit
    return PLAIN.with_alpha(bytes(alpha))


def test_an_empty_copy_says_nothing_and_one_that_is_no_text_is_damaged() -> None:
    assert examine_picture(write_png(with_stealth(PLAIN, b""))) == PictureReport(())
    file = write_png(with_stealth(PLAIN, b"\xff\xff"))
    assert examine_picture(file) == PictureReport((), ("its copy in alpha is not UTF-8",))
    with pytest.raises(RemoteProtocolError, match="not UTF-8") as caught:
        read_metadata(file)
    assert caught.value.__context__ is None


# ---- EXIF


@for_each("image_format", ["WEBP", "JPEG", "PNG"])
@for_each("outer", [True, False])
def test_exif_is_read_wherever_it_stands(image_format: str, outer: bool) -> None:
    texts = {"Comment": json.dumps(PARAMETERS), "Source": "NovelAI Diffusion V4.5 4BDE2A90"}
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = texts["Source"]
    comment = json.dumps(texts) if outer else texts["Comment"]
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + comment.encode("utf-16-be")
    file = saved(Image.new("RGB", (8, 8)), image_format, exif=exif.tobytes())
    found = read_metadata(file)
    assert found == Metadata(texts)
    assert found.place is Place.EXIF


@for_each(
    "mark, encoding",
    [
        (b"ASCII\0\0\0", "utf-8-sig"),
        (b"ASCII\0\0\0", "utf-16"),
        (b"ASCII   ", "utf-8"),
        (b"Unicode\0", "utf-16-le"),
        (b"JIS\0\0\0\0\0", "iso2022_jp"),
        (b"JIS\0\0\0\0\0", "utf-8"),
        (bytes(8), "utf-16-be"),
        (b"", "utf-8"),
    ],
)
def test_a_comment_is_read_under_any_mark_and_without_one(mark: bytes, encoding: str) -> None:
    texts = {"Comment": json.dumps({**PARAMETERS, "prompt": "灯台"}, ensure_ascii=False)}
    exif = Image.Exif()
    comment = json.dumps(texts, ensure_ascii=False).encode(encoding)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = mark + comment
    assert read_metadata(saved(Image.new("RGB", (8, 8)), "WEBP", exif=exif.tobytes())) == Metadata(texts)


def test_texts_of_exif_3_are_read() -> None:
    tag = b"\x0e\x01\x02\0\x08\0\0\0"  # ImageDescription, of a type and a length
    file = with_metadata(saved(Image.new("RGB", (8, 8)), "WEBP"), Metadata({"Description": "harbour"}))
    assert file.count(tag) == 1
    found = read_metadata(file.replace(tag, tag.replace(b"\x02\0", b"\x81\0")))
    assert found == Metadata({"Description": "harbour"})


def test_a_damaged_tag_of_a_webp_hides_only_itself() -> None:
    file = with_metadata(saved(Image.new("RGB", (8, 8)), "WEBP"), METADATA)
    torn = file.replace(b"the harbour\0", b"the h\xff\xff\xff\xff\xff\xff\0")
    report = examine_picture(torn)
    assert report.damaged == ("the tag ImageDescription is in no known encoding",)
    assert report.metadata is not None
    assert report.metadata.texts == {key: text for key, text in METADATA.texts.items() if key != "Description"}


def test_exif_that_is_none_does_not_hide_alpha() -> None:
    file = write_picture(PLAIN, METADATA, image_format="webp")
    chunks = [(kind, b"rubbish" if kind == b"EXIF" else bytes(content)) for kind, content in iter_webp_chunks(file)]
    report = examine_picture(build_webp(chunks))
    assert report.damaged == ("its EXIF does not begin as a TIFF",)
    assert [copy.place for copy in report.copies] == [Place.ALPHA]


# ---- damage


def test_a_damaged_comment_leaves_the_parameters_to_alpha() -> None:
    file = write_picture(PLAIN, METADATA)
    torn = file.replace(b'"the harbour at night"', b'"the harbour at n\xe9ght"')
    report = examine_picture(torn)
    at = file.index(b"tEXtComment") - 4
    assert report.damaged == (f"the tEXt chunk at byte {at} has a wrong checksum",)
    assert read_metadata(torn) == report.metadata
    assert report.metadata is not None
    assert report.metadata.place is Place.ALPHA


@for_each("is_first", [True, False])
def test_a_comment_of_another_program_does_not_hide_that_of_the_service_in_the_same_place(is_first: bool) -> None:
    file = write_png(PLAIN, METADATA.texts)
    other = build_png_chunk(b"tEXt", b"Comment\0Created with GIMP")
    at = 33 if is_first else len(file) - 12
    report = examine_picture(file[:at] + other + file[at:])
    assert (report.metadata, report.damaged) == (METADATA, ())


def test_a_comment_that_is_no_json_is_named() -> None:
    file = write_png(PLAIN, {"Software": "NovelAI", "Comment": '{"seed": 7'})
    assert examine_picture(file).damaged == ("its comment is no JSON object",)
    assert read_metadata(file) == Metadata({"Software": "NovelAI", "Comment": '{"seed": 7'})


@for_each("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_absent(number: str) -> None:
    comment = f'{{"prompt": "fog", "seed": 42, "scale": {number}}}'
    metadata = Metadata({"Software": "NovelAI", "Comment": comment})
    assert metadata.parameters() == {"prompt": "fog", "seed": 42, "scale": None}


def test_damaged_pixels_do_not_hide_the_text_nor_damaged_text_the_pixels() -> None:
    file = write_picture(PLAIN, METADATA)
    at = file.index(b"IDAT") + 20
    torn = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
    report = examine_picture(torn)
    assert report.copies == (METADATA,)
    assert report.damaged == (f"the IDAT chunk at byte {file.index(b'IDAT') - 4} has a wrong checksum",)
    bare = bytearray(write_png(DRAWN))
    bare[bare.index(b"IDAT") + 20] ^= 1
    with pytest.raises(RemoteProtocolError, match="checksum"):
        read_metadata(bytes(bare))


def test_nothing_that_is_damaged_is_shown_twice() -> None:
    file = write_picture(PLAIN, METADATA)
    report = examine_picture(file[:-20])
    assert (report.copies, report.damaged) == ((METADATA,), ("the PNG ends too early",))


@settings(max_examples=scale_examples(200), deadline=None)
@given(st.sampled_from(["RGBA", "palette", "WebP with losses", "WebP without losses"]), st.data())
def test_any_damage_behind_the_header_is_reported_or_hides_nothing(name: str, data: st.DataObject) -> None:
    file = bytearray(ENCODINGS[name]())
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(33, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        report = examine_picture(bytes(file))
    except RemoteProtocolError:
        return
    if name in ("RGBA", "palette") and not report.damaged:
        assert [copy.comment for copy in report.copies] == [SIGNED.comment]


def test_several_texts_are_read_around_every_one_that_is_damaged() -> None:
    info = PngImagePlugin.PngInfo()
    for keyword, text in METADATA.texts.items():
        info.add_text(keyword, text)
    file = saved(image(), "PNG", pnginfo=info)
    bad = [
        build_png_chunk(b"tEXt", b"no keyword"),
        build_png_chunk(b"zTXt", b"Raw profile\0\0rubbish"),
        build_png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0\xff"),
        build_png_chunk(b"eXIf", b"rubbish"),
        build_png_chunk(b"eXIf", write_exif({"Artist": "a"}))[:-1] + b"?",
    ]
    for chunk in bad:
        torn = file[:33] + chunk + file[33:]
        report = examine_picture(torn)
        assert report.metadata == METADATA
        assert [copy.place for copy in report.copies] == [Place.TEXT, Place.ALPHA]
        assert len(report.damaged) == 1
