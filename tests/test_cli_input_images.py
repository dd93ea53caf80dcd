"""Pictures that are given to a command: looked at, and made to fit what they are for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from nai_proto.errors import InvalidFile, LimitExceeded, RemoteProtocolError
from nai_transports.cli.images.input_images import (
    fit_mask,
    fit_reference,
    fit_source,
    fit_v3_vibe,
    get_format,
    get_size,
    read_image,
)
from tests.cases import for_each

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


def make_two_halves(kind: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    """A picture whose left half is white, and the rest black."""
    image = Image.new("RGB", size, BLACK)
    image.paste(WHITE, (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return out.getvalue()


def open_png(data: bytes) -> Image.Image:
    assert get_format(data) == "png"
    return Image.open(io.BytesIO(data))


@for_each("kind", ["PNG", "WEBP", "JPEG"])
def test_format_and_size_are_read_from_the_file(kind: str) -> None:
    data = make_two_halves(kind, (70, 90))
    assert (get_format(data), get_size(data)) == (kind.lower(), (70, 90))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "this is an empty file, and not a PNG, WebP or JPEG"),
        (b"GIF89a", "this is a GIF, and not a PNG, WebP or JPEG"),
        (b"text", "not a PNG, WebP or JPEG"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InvalidFile) as caught:
        read_image(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file'}: {problem}"


@for_each("kind", ["PNG", "WEBP", "JPEG"])
def test_an_image_that_claims_to_be_huge_is_refused(kind: str) -> None:
    data = make_two_halves(kind, (16, 16))
    marks = {"PNG": b"\0\0\0\x10\0\0\0\x10", "JPEG": b"\0\x10\0\x10"}
    if kind == "WEBP":
        size = (0x2F).to_bytes() + (0x3FFF | 0x3FFF << 14).to_bytes(4, "little")
        huge = data[:20] + size + data[25:]
    else:
        huge = data.replace(marks[kind], marks[kind].replace(b"\x10", b"\xff"), 1)
        huge = (
            huge.replace(b"\0\0\0\xff", b"\0\xff\xff\xff")
            if kind == "PNG"
            else huge.replace(b"\0\xff\0\xff", b"\xff" * 4)
        )
    with pytest.raises((LimitExceeded, RemoteProtocolError)):
        get_size(huge)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_truncated_image_is_an_error_that_names_the_file(tmp_path: Path, kind: str) -> None:
    data = make_two_halves(kind, (64, 64))
    for at in (4, 12, 24, len(data) - 1):
        (tmp_path / "torn").write_bytes(data[:at])
        with pytest.raises(InvalidFile, match="torn: "):
            read_image(tmp_path / "torn")


@for_each("kind, mode", [("PNG", "RGB"), ("PNG", "L"), ("PNG", "P"), ("PNG", "1"), ("WEBP", "RGB"), ("JPEG", "RGB")])
def test_a_source_is_cropped_and_scaled_and_keeps_its_aspect_ratio(kind: str, mode: str) -> None:
    made = open_png(fit_source(make_two_halves(kind, (200, 100), mode), (64, 64)))
    assert made.size == (64, 64)
    assert made.convert("RGB").getpixel((5, 32)) == WHITE
    assert made.convert("RGB").getpixel((60, 32)) == BLACK


def test_an_image_that_fits_is_sent_unchanged() -> None:
    data = make_two_halves("PNG", (64, 128))
    assert fit_source(data, (64, 128)) is data
    mask = make_two_halves("PNG", (8, 16))
    assert fit_mask(mask, (64, 128), (100, 100)) is mask


@for_each("mode", ["RGB", "RGBA", "L", "1"])
@for_each("size", [(64, 128), (32, 64), (128, 256)])
def test_a_mask_has_a_pixel_for_each_block(size: tuple[int, int], mode: str) -> None:
    made = open_png(fit_mask(make_two_halves("PNG", size, mode), (64, 128), (64, 128)))
    assert (made.size, made.mode) == ((8, 16), "L")
    assert [made.getpixel((x, 9)) for x in range(8)] == [255] * 4 + [0] * 4


def test_a_mask_is_scaled_to_its_source_and_then_cropped_as_the_source_is() -> None:
    """The source is 256 wide and 64 high, and its middle quarter is kept: left of its middle is white."""
    for mask_size in ((256, 64), (128, 128), (16, 100)):
        made = open_png(fit_mask(make_two_halves("PNG", mask_size), (64, 64), (256, 64)))
        assert [made.getpixel((x, 3)) for x in range(8)] == [255] * 4 + [0] * 4


def test_transparent_pixels_of_a_mask_are_not_inpainted() -> None:
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 32, 64))
    out = io.BytesIO()
    image.save(out, "PNG")
    for size in ((64, 64), (128, 128)):
        made = open_png(fit_mask(out.getvalue(), size, (64, 64)))
        assert [made.getpixel((x, 3)) for x in range(0, made.width, made.width // 8)] == [255] * 4 + [0] * 4


@pytest.mark.parametrize(
    ("size", "canvas"), [((100, 160), (1024, 1536)), ((300, 200), (1536, 1024)), ((50, 51), (1472, 1472))]
)
def test_a_reference_is_padded_with_black_to_the_nearest_canvas(size: tuple[int, int], canvas: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGB", size, RED).save(out, "PNG")
    made = open_png(fit_reference(out.getvalue()))
    assert made.size == canvas
    assert made.getpixel((canvas[0] // 2, canvas[1] // 2)) == RED
    assert fit_reference(fit_reference(out.getvalue())) == fit_reference(out.getvalue())


def test_a_vibe_for_v3_is_padded_with_black_to_a_square() -> None:
    made = open_png(fit_v3_vibe(make_two_halves("JPEG", (100, 400))))
    assert made.size == (448, 448)
    assert made.getpixel((5, 200)) == BLACK
    assert made.getpixel((447, 200)) == BLACK


def test_a_photo_is_rotated_by_its_orientation() -> None:
    image = Image.new("RGB", (64, 128), BLACK)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    made = open_png(fit_source(out.getvalue(), (128, 64)))
    assert made.size == (128, 64)


def test_damaged_pixels_are_an_error() -> None:
    data = bytearray(make_two_halves("PNG", (200, 200)))
    data[60:90] = bytes(30)
    with pytest.raises(InvalidFile, match="pixels cannot be read"):
        fit_source(bytes(data), (64, 64))
