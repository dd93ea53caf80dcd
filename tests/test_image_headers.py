"""The sizes of JPEGs, read from their headers."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nai_proto.codecs.jpeg import read_jpeg_size
from nai_proto.codecs.pixels import Pixels, write_jpeg
from nai_proto.errors import NaiError, RemoteProtocolError, Truncated


def test_the_size_of_what_others_wrote_is_read() -> None:
    for progressive in (False, True):
        out = io.BytesIO()
        Image.new("RGB", (33, 17), "teal").save(out, "JPEG", progressive=progressive, exif=b"Exif\0\0" + bytes(300))
        assert read_jpeg_size(out.getvalue()) == (33, 17)


def test_what_fills_up_between_segments_is_skipped() -> None:
    data = write_jpeg(Pixels(8, 16, bytes(3 * 8 * 16)))
    assert read_jpeg_size(data[:2] + b"\xff\xff" + data[2:]) == (8, 16)


def test_a_jpeg_that_ends_too_early_or_is_none_has_no_size() -> None:
    data = write_jpeg(Pixels(1, 1, b"abc"))
    end = data.index(b"\xff\xc0") + 9
    for size in range(3, end):
        with pytest.raises(Truncated):
            read_jpeg_size(data[:size])
    for wrong in (b"", b"\x89PNG", data[:20] + b"\0" + data[21:]):
        with pytest.raises(RemoteProtocolError):
            read_jpeg_size(wrong)


@given(st.binary(max_size=40))
def test_any_bytes_have_a_size_or_a_documented_error(data: bytes) -> None:
    try:
        width, height = read_jpeg_size(b"\xff\xd8\xff" + data)
    except NaiError:
        return
    assert (width, height) <= (65_535, 65_535)
