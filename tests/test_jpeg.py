"""JPEGs made of blocks of one colour, and the sizes of any."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nai_proto.codecs.jpeg import jpeg_size, write_jpeg
from nai_proto.codecs.pixels import Pixels, Plane
from nai_proto.errors import InvalidRequestError, NaiError, RemoteProtocolError, Truncated

SIDES = st.integers(1, 9)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@given(SIDES, SIDES, st.data())
def test_pillow_reads_each_block_as_it_was_but_for_rounding(width: int, height: int, draw: st.DataObject) -> None:
    cells = Pixels(width, height, draw.draw(st.binary(min_size=3 * width * height, max_size=3 * width * height)))
    data = write_jpeg(cells)
    assert jpeg_size(data) == (8 * width, 8 * height)
    picture = opened(data)
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (8 * width, 8 * height))
    for left, top in ((0, 0), (7, 7)):
        came = picture.crop((left, top, 8 * width - 7 + left, 8 * height - 7 + top))
        rows = [came.getpixel((8 * x, 8 * y)) for y in range(height) for x in range(width)]
        pairs = zip(b"".join(bytes(row) for row in rows if isinstance(row, tuple)), cells.data, strict=True)
        assert max(abs(one - other) for one, other in pairs) <= 2


@given(SIDES, SIDES, st.data())
def test_grey_is_read_exactly(width: int, height: int, draw: st.DataObject) -> None:
    plane = Plane(width, height, draw.draw(st.binary(min_size=width * height, max_size=width * height)))
    picture = opened(write_jpeg(plane))
    assert picture.mode == "L"
    assert picture.resize((width, height), Image.Resampling.NEAREST).tobytes() == plane.data


def test_bytes_that_look_like_a_marker_are_stuffed() -> None:
    plane = Plane(21, 1, b"\x80" + b"\0\xff" * 10)
    data = write_jpeg(plane)
    assert b"\xff\0" in data
    assert opened(data).resize((21, 1), Image.Resampling.NEAREST).tobytes() == plane.data


def test_alpha_is_left_out() -> None:
    rgb = Pixels(2, 1, bytes((1, 2, 3, 200, 100, 50)))
    assert write_jpeg(rgb.with_alpha(b"\0\x80")) == write_jpeg(rgb)


def test_a_side_has_at_most_65535_pixels() -> None:
    assert jpeg_size(write_jpeg(Plane(8191, 1, bytes(8191)))) == (65_528, 8)
    with pytest.raises(InvalidRequestError):
        write_jpeg(Plane(8192, 1, bytes(8192)))


def test_the_size_of_what_others_wrote_is_read() -> None:
    for progressive in (False, True):
        out = io.BytesIO()
        Image.new("RGB", (33, 17), "teal").save(out, "JPEG", progressive=progressive, exif=b"Exif\0\0" + bytes(300))
        assert jpeg_size(out.getvalue()) == (33, 17)


def test_what_fills_up_between_segments_is_skipped() -> None:
    data = write_jpeg(Plane(1, 2, b"ab"))
    assert jpeg_size(data[:2] + b"\xff\xff" + data[2:]) == (8, 16)


def test_a_jpeg_that_ends_too_early_or_is_none_has_no_size() -> None:
    data = write_jpeg(Plane(1, 1, b"a"))
    end = data.index(b"\xff\xc0") + 9
    for size in range(3, end):
        with pytest.raises(Truncated):
            jpeg_size(data[:size])
    for wrong in (b"", b"\x89PNG", data[:20] + b"\0" + data[21:]):
        with pytest.raises(RemoteProtocolError):
            jpeg_size(wrong)


@given(st.binary(max_size=40))
def test_any_bytes_have_a_size_or_a_documented_error(data: bytes) -> None:
    try:
        width, height = jpeg_size(b"\xff\xd8\xff" + data)
    except NaiError:
        return
    assert (width, height) <= (65_535, 65_535)
