"""Pixels of image files of every format, read and written with Pillow and without; damage, bombs and limits.

What is special to PNG is in test_png.
"""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, UnidentifiedImageError

from nai_proto.codecs.exif import read_exif
from nai_proto.codecs.pillow_images import fit_image, pad_image
from nai_proto.codecs.pixels import (
    Pixels,
    Plane,
    find_exact_channels,
    read_grey,
    read_pixels,
    write_jpeg,
    write_png,
    write_webp,
)
from nai_proto.codecs.png import SIGNATURE, build_png_chunk
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.webp import build_webp, iter_webp_chunks
from nai_proto.errors import InvalidRequestError, LimitExceeded, MissingExtra, RemoteProtocolError, Truncated
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.peak_memory import measure_peak

READERS: list[Callable[..., object]] = [read_pixels, read_grey]
LOSSLESS = ["PNG", "WEBP", "BMP", "TIFF", "GIF"]
FORMATS = [*LOSSLESS, "JPEG", "AVIF"]


@st.composite
def pictures(draw: st.DrawFn, largest: int = 24) -> Pixels:
    """Noise of few colours or many."""
    width, height = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    channels = draw(st.sampled_from([3, 4]))
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    colours = [chance.randbytes(channels) for _ in range(draw(st.sampled_from([1, 2, 17, 400])))]
    return Pixels(width, height, b"".join(chance.choice(colours) for _ in range(width * height)))


def image_of(picture: Pixels) -> Image.Image:
    mode = "RGBA" if picture.channels == 4 else "RGB"
    return Image.frombytes(mode, (picture.width, picture.height), picture.data)


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **({"lossless": True, "exact": True} if image_format == "WEBP" else {}) | options)
    return out.getvalue()


def decoded(file: bytes, image_format: str) -> Pixels:
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == image_format
        return Pixels(*image.size, image.tobytes())


def flat(mode: str = "RGB") -> Image.Image:
    """Two colours side by side, 16 × 8."""
    image = Image.new("RGB", (16, 8), (200, 40, 90))
    image.paste((10, 20, 30), (0, 0, 8, 8))
    return image.convert(mode)


# ---- reading


@settings(max_examples=scale_examples(60), deadline=None)
@given(pictures(), st.sampled_from([0, 50, 100]), st.integers(0, 6))
def test_a_lossless_webp_is_read_exactly_whichever_way_it_was_encoded(
    picture: Pixels, quality: int, method: int
) -> None:
    file = saved(image_of(picture), "WEBP", quality=quality, method=method)
    found = read_pixels(file)
    assert found.rgb == picture.rgb
    alpha = read_pixels(file).alpha
    assert alpha == found.alpha
    if alpha is not None:
        assert found == picture


@for_each("image_format", LOSSLESS)
@for_each("mode", ["RGB", "L", "P", "1"])
def test_a_lossless_format_is_read_exactly(image_format: str, mode: str) -> None:
    image = flat("RGB" if image_format == "WEBP" else mode)
    found = read_pixels(saved(image, image_format))
    assert (found.width, found.height, found.channels) == (16, 8, 3)
    assert found.data == image.convert("RGB").tobytes()
    assert read_pixels(saved(image, image_format)).alpha is None


@for_each("image_format", ["JPEG", "WEBP", "AVIF"])
def test_a_format_with_losses_is_read_nearly(image_format: str) -> None:
    options = {"lossless": False} if image_format == "WEBP" else {}
    found = read_pixels(saved(flat(), image_format, quality=95, **options))
    for at, colour in ((0, (10, 20, 30)), (15, (200, 40, 90))):
        assert max(abs(a - b) for a, b in zip(found.data[3 * at :], colour, strict=False)) < 12


@for_each("image_format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_alpha_is_read(image_format: str) -> None:
    image = flat("RGBA")
    image.putalpha(Image.new("L", image.size, 77))
    file = saved(image, image_format)
    alpha = read_pixels(file).alpha
    assert alpha == read_pixels(file).alpha
    assert alpha is not None
    assert set(alpha.data) <= ({76, 77, 78} if image_format == "AVIF" else {77})


@for_each("image_format", ["PNG", "GIF"])
def test_transparency_of_a_palette_is_alpha(image_format: str) -> None:
    image = flat().quantize(4)
    index = image.getpixel((0, 0))
    alpha = read_pixels(saved(image, image_format, transparency=index)).alpha
    assert alpha is not None
    assert alpha.data == (bytes(8) + b"\xff" * 8) * 8


def test_grey_of_16_bits_keeps_the_upper_half() -> None:
    samples = b"".join(struct.pack("<H", 257 * value) for value in range(256))
    image = Image.frombytes("I;16", (16, 16), samples)
    for image_format in ("PNG", "TIFF"):
        file = saved(image, image_format)
        assert read_grey(file) == Plane(16, 16, bytes(range(256)))
        assert read_pixels(file).data[1::3] == bytes(range(256))


def test_colours_of_16_bits_keep_the_upper_half() -> None:
    head = struct.pack(">2L5B", 2, 1, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + bytes(range(12)))
    file = SIGNATURE + build_png_chunk(b"IHDR", head) + build_png_chunk(b"IDAT", rows) + build_png_chunk(b"IEND", b"")
    assert read_pixels(file) == Pixels(2, 1, bytes(range(0, 12, 2)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_ordinary_png_is_read_the_same_without_pillow(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = flat(mode)
    file = saved(image, "PNG")
    expected = image.convert("RGBA" if "A" in mode else "RGB").tobytes()
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert read_pixels(file).data == expected
    assert read_pixels(file).alpha == read_pixels(file).alpha
    assert read_grey(file).data == expected[:: len(mode if "A" in mode else "RGB") if mode != "LA" else 4]


def test_an_interlaced_png_is_read() -> None:
    """Of one pixel, so that only the first of the seven passes has a row."""
    head = struct.pack(">2L5B", 1, 1, 8, 6, 0, 0, 1)
    file = (
        SIGNATURE
        + build_png_chunk(b"IHDR", head)
        + build_png_chunk(b"IDAT", zlib.compress(b"\0abcd"))
        + build_png_chunk(b"IEND", b"")
    )
    assert read_pixels(file) == Pixels(1, 1, b"abcd")


def test_other_colour_spaces_become_rgb() -> None:
    for image_format in ("TIFF", "JPEG"):
        assert read_pixels(saved(flat("CMYK"), image_format)).channels == 3


@for_each("image_format", ["WEBP", "GIF", "TIFF", "AVIF", "PNG"])
def test_of_several_frames_the_first_is_read(image_format: str) -> None:
    options: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (16, 8), "white")]}
    file = saved(flat(), image_format, **options, **({"quality": 95} if image_format == "AVIF" else {}))
    found = read_pixels(file)
    assert (found.width, found.height) == (16, 8)
    assert max(abs(a - b) for a, b in zip(found.data[:3], (10, 20, 30), strict=True)) < 12


def test_the_orientation_in_exif_is_not_applied() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for image_format in ("JPEG", "PNG", "WEBP"):
        found = read_pixels(saved(flat(), image_format, exif=exif.tobytes()))
        assert (found.width, found.height) == (16, 8)


# ---- writing


@settings(max_examples=scale_examples(60), deadline=None)
@given(pictures())
def test_every_pixel_that_is_written_to_a_webp_is_read(picture: Pixels) -> None:
    file = write_webp(picture)
    assert decoded(file, "WEBP").rgb == read_pixels(file).rgb == picture.rgb
    assert b"VP8L" in dict(iter_webp_chunks(file))
    opaque = picture.alpha is None or set(picture.alpha.data) == {255}
    assert read_pixels(file).alpha == (None if opaque else picture.alpha)


def test_colours_below_full_transparency_are_kept() -> None:
    picture = Pixels(8, 8, bytes(range(256)))
    clear = picture.with_alpha(bytes(64))
    assert read_pixels(write_webp(clear)) == clear


@for_each("picture", [Pixels(16_383, 1, bytes(16_383 * 3)), Pixels(1, 16_383, bytes(16_383 * 4))])
def test_the_longest_sides_are_written(picture: Pixels) -> None:
    assert read_pixels(write_webp(picture)) == picture


def test_a_drawing_is_small() -> None:
    """Flat blocks of eight by eight: some bytes for each."""
    chance = random.Random(1)
    rows = [b"".join(chance.randbytes(3) * 8 for _ in range(32)) * 8 for _ in range(32)]
    assert len(write_webp(Pixels(256, 256, b"".join(rows)))) < 32 * 32 * 8


def test_a_side_that_is_too_long_is_not_written() -> None:
    for width, height in ((16_384, 1), (1, 16_384)):
        with pytest.raises(InvalidRequestError, match="16383"):
            write_webp(Pixels(width, height, bytes(16_384 * 3)))
    with pytest.raises(InvalidRequestError, match="65535"):
        write_jpeg(Plane(65_536, 1, bytes(65_536)))


def test_texts_stand_in_exif() -> None:
    texts = {"DocumentName": "AI generated image", "UserComment": "{}"}
    file = write_webp(Pixels(2, 2, bytes(16)), texts)
    assert read_exif(dict(iter_webp_chunks(file))[b"EXIF"]).texts == texts
    with Image.open(io.BytesIO(file)) as image:
        assert image.getexif()[ExifTags.Base.DocumentName] == "AI generated image"
        assert image.mode == "RGBA"


def test_a_stealth_copy_outlives_a_webp() -> None:
    picture = with_stealth(Pixels(64, 96, bytes(64 * 96 * 3)), b"the harbour at night")
    for method in range(7):
        assert read_pixels(saved(image_of(picture), "WEBP", method=method)) == picture
    assert read_pixels(write_webp(picture)) == picture


def test_a_jpeg_is_written_in_colours_and_in_grey() -> None:
    cells = Pixels(16, 16, bytes((200, 100, 50)) * 256)
    near = decoded(write_jpeg(cells), "JPEG")
    assert max(abs(a - b) for a, b in zip(near.data, cells.data, strict=True)) < 4
    assert write_jpeg(cells.with_alpha(bytes(256))) == write_jpeg(cells)
    with Image.open(io.BytesIO(write_jpeg(Plane(16, 16, bytes(256))))) as image:
        assert (image.format, image.mode) == ("JPEG", "L")
    assert len(write_jpeg(image_noise(), 10)) < len(write_jpeg(image_noise(), 95))


def image_noise() -> Pixels:
    return Pixels(32, 32, random.Random(3).randbytes(32 * 32 * 3))


@for_each("quality", [0, 96])
def test_the_quality_of_a_jpeg_has_a_range(quality: int) -> None:
    with pytest.raises(InvalidRequestError, match="quality"):
        write_jpeg(image_noise(), quality)


# ---- resizing


@for_each("image_format", FORMATS)
def test_an_image_is_cut_or_padded_to_a_size(image_format: str) -> None:
    file = saved(flat(), image_format)
    fitted, padded = fit_image(file, 32, 32), pad_image(file, 32, 32)
    for made in (fitted, padded):
        assert (read_pixels(made).width, read_pixels(made).height) == (32, 32)
    assert max(read_pixels(padded).data[:3]) == 0
    assert max(read_pixels(fitted).data[:3]) > 20


def test_a_resized_image_is_turned_as_its_exif_says() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = saved(flat(), "JPEG", exif=exif.tobytes(), quality=95)
    made = read_pixels(fit_image(file, 8, 16))
    assert max(made.data[:3]) < 60  # what was left is above
    assert made.data[-3] > 150


# ---- without Pillow


@pytest.mark.parametrize("image_format", [*FORMATS, "palette", "16 bits"])
def test_what_needs_pillow_names_the_extra_where_it_is_missing(
    image_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    match image_format:
        case "palette":
            file = saved(flat("P"), "PNG")
        case "16 bits":
            file = saved(Image.new("I;16", (4, 4)), "PNG")
        case "PNG":
            file = b"GIF89a"
        case _:
            file = saved(flat("RGBA") if image_format == "WEBP" else flat(), image_format)
    monkeypatch.setitem(sys.modules, "PIL", None)
    for read in (read_pixels, read_grey):
        with pytest.raises(MissingExtra, match="the extra 'image'") as caught:
            read(file)
        assert caught.value.__context__ is None


def test_what_writes_with_pillow_names_the_extra_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    picture = Pixels(1, 1, b"abc")
    works: list[Callable[[], object]] = [
        lambda: write_webp(picture),
        lambda: write_jpeg(picture),
        lambda: fit_image(write_png(picture), 2, 2),
        lambda: pad_image(write_png(picture), 2, 2),
    ]
    for work in works:
        with pytest.raises(MissingExtra, match="the extra 'image'"):
            work()


def test_a_lossless_webp_without_alpha_says_so_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(flat(), "WEBP")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert find_exact_channels(file) == (False, True)


# ---- damage


def test_what_is_no_image_that_is_read_is_refused_with_pillow_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"
    files = [b"", b"PK\3\4", postscript, b"P6 1 1 255\nabc", saved(flat(), "PPM"), saved(flat(), "ICO")]
    for _ in range(2):
        for file in files:
            for read in READERS:
                with pytest.raises(RemoteProtocolError, match="no PNG, JPEG, WebP"):
                    read(file)
        monkeypatch.setitem(sys.modules, "PIL", None)


@for_each("image_format", FORMATS)
def test_a_file_cut_anywhere_is_read_or_a_documented_error(image_format: str) -> None:
    file = saved(image_of(image_noise()), image_format)
    for size in range(0, len(file), 1 + len(file) // 100):
        for read in READERS:
            try:
                read(file[:size])
            except RemoteProtocolError:
                pass


@settings(max_examples=scale_examples(300), deadline=None)
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=6))
def test_altered_files_are_read_or_documented_errors(image_format: str, changes: list[tuple[int, int]]) -> None:
    changed_file = bytearray(FILES[image_format])
    for at, value in changes:
        changed_file[at % len(changed_file)] = value
    try:
        picture = read_pixels(bytes(changed_file), Limits(pixels=100_000))
    except RemoteProtocolError:
        return
    assert picture.area <= 100_000


FILES = {image_format: saved(image_of(image_noise()), image_format) for image_format in FORMATS}


def test_a_webp_cut_anywhere_is_truncated() -> None:
    file = FILES["WEBP"]
    for size in range(12, len(file), 7):
        with pytest.raises(Truncated):
            read_pixels(file[:size])


def test_a_webp_has_one_size() -> None:
    found = dict(iter_webp_chunks(saved(flat(), "WEBP")))[b"VP8L"]
    small = (b"VP8X", bytes(4) + b"\1\0\0\1\0\0")
    for read in READERS:
        with pytest.raises(RemoteProtocolError):
            read(build_webp([small, (b"VP8L", bytes(found))]))
        with pytest.raises(RemoteProtocolError):
            read(build_webp([small]))


# ---- bombs


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_header_is_held_against_the_limit_before_pixels_are_decoded(
    image_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(flat("P") if image_format == "PNG" else flat(), image_format)
    assert read_pixels(file, Limits(pixels=128)).area == 128
    loaded: list[object] = []
    for kind in (Image.Image, *map(type, [Image.open(io.BytesIO(file))])):
        monkeypatch.setattr(kind, "load", loaded.append)
    for read in READERS:
        with pytest.raises(LimitExceeded) as caught:
            read(file, Limits(pixels=127))
        assert (caught.value.what, caught.value.limit, caught.value.value) == ("pixels", 127, 128)
    assert loaded == []


def test_a_bmp_that_claims_more_than_it_has_costs_nothing() -> None:
    head = struct.pack("<LHHLL", 0, 0, 0, 54, 40)
    for side, limits in ((30_000, Limits()), (8_000, Limits(pixels=1 << 40)), (60_000, Limits(pixels=1 << 40))):
        file = b"BM" + head[:12] + struct.pack("<LllHHLLllLL", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(64)

        def explode(file: bytes = file, limits: Limits = limits) -> None:
            with pytest.raises(RemoteProtocolError):
                read_pixels(file, limits)

        assert measure_peak(explode)[1] < 2_000_000


@pytest.mark.parametrize("times", [1, 2])
def test_what_pillow_takes_for_a_bomb_exceeds_a_limit(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its own limit Pillow warns, and beyond twice that it raises."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 127 // times)
    for read in READERS:
        with pytest.raises(LimitExceeded) as caught:
            read(saved(flat(), "GIF"))
        assert (caught.value.what, caught.value.limit) == ("pixels", 127 // times)


@pytest.mark.parametrize(
    "failure",
    [UnidentifiedImageError, SyntaxError, OSError, struct.error, KeyError, MemoryError, RecursionError, AttributeError],
)
def test_whatever_pillow_raises_is_a_documented_error(
    failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure("secret")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(RemoteProtocolError, match="cannot be decoded") as caught:
        read_pixels(FILES["GIF"])
    assert caught.value.__context__ is None


def test_what_pillow_warns_of_is_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 50
    torn = exif.tobytes()[:30]
    try:
        read_pixels(saved(flat(), "TIFF")[:-40])
    except RemoteProtocolError:
        pass
    read_pixels(saved(flat(), "JPEG", exif=torn))
    assert list(recwarn) == []


@given(
    st.sampled_from([SIGNATURE, b"RIFF\x40\0\0\0WEBPVP8L", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0"]), st.binary()
)
def test_any_bytes_are_read_or_a_documented_error(start: bytes, data: bytes) -> None:
    for read in READERS:
        try:
            read(start + data, Limits(pixels=100_000))
        except RemoteProtocolError:
            pass
