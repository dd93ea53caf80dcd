"""The copy in the alpha channel: written and read back, bit by bit as the rule says, damaged and too large.

See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel.
"""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.pixels import Pixels, Plane, read_pixels, write_png
from nai_proto.codecs.stealth import read_stealth, stealth_room, with_stealth
from nai_proto.errors import InvalidRequestError, RemoteProtocolError
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

TEXT = b'{"Description": "the harbour at night", "Comment": "{}"}'


def blank(width: int, height: int, channels: int = 4) -> Pixels:
    return Pixels(width, height, bytes(width * height * channels))


def alpha(pixels: Pixels) -> Plane:
    assert pixels.alpha is not None
    return pixels.alpha


def plane_of(width: int, height: int, content: bytes) -> Plane:
    """Alpha with these bytes in it, by the words of the rule."""
    data = bytearray(b"\xff" * width * height)
    bits = [byte >> shift & 1 for byte in content for shift in range(7, -1, -1)]
    places = ((x, y) for x in range(width) for y in range(height))
    for bit, (x, y) in zip(bits, places, strict=False):
        data[y * width + x] = 0xFE | bit
    return Plane(width, height, bytes(data))


@settings(max_examples=scale_examples(60))
@given(st.binary(max_size=300), st.integers(20, 90), st.integers(60, 90), st.data())
def test_what_was_written_is_read(content: bytes, width: int, height: int, data: st.DataObject) -> None:
    transparent = data.draw(st.booleans())
    channels = data.draw(st.sampled_from([4] if transparent else [3, 4]))
    area = width * height
    values = data.draw(st.binary(min_size=7, max_size=7))
    pixels = Pixels(width, height, (values * area)[: area * channels])
    if stealth_room(width, height) < len(content) + 40:
        return
    copied = with_stealth(pixels, content, transparent=transparent)
    assert read_stealth(alpha(copied)) == content
    assert copied.rgb == pixels.rgb
    written = alpha(copied).data
    if transparent:
        assert {a ^ b for a, b in zip(written, alpha(pixels).data, strict=True)} <= {0, 1}
    else:
        assert set(written) <= {0xFE, 0xFF}


@for_each("width, height", [(60, 40), (40, 60), (33, 71), (1, 2000), (2000, 1)])
def test_the_bits_stand_where_the_rule_says(width: int, height: int) -> None:
    packed = zlib.compress(TEXT, 9, 31)
    content = b"stealth_pngcomp" + (8 * len(packed)).to_bytes(4) + packed + b"\xff" * 4
    plane = plane_of(width, height, content)
    assert read_stealth(plane) == TEXT
    assert alpha(with_stealth(blank(width, height), TEXT)) == plane


def test_the_copy_lives_in_a_png() -> None:
    copied = with_stealth(blank(64, 64, 3), TEXT)
    plane = read_pixels(write_png(copied)).alpha
    assert plane is not None
    assert read_stealth(plane) == TEXT


def test_a_copy_that_is_not_packed_is_read_too() -> None:
    content = b"stealth_pnginfo" + (8 * len(TEXT)).to_bytes(4) + TEXT
    assert read_stealth(plane_of(40, 40, content)) == TEXT


@for_each("plane", [plane_of(40, 40, b"stealth_pngcomq"), plane_of(40, 40, b""), plane_of(3, 5, b"s")])
def test_without_the_mark_there_is_no_copy(plane: Plane) -> None:
    assert read_stealth(plane) is None


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_any_alpha_has_a_copy_or_none_or_a_documented_error(width: int, height: int, data: st.DataObject) -> None:
    mark = data.draw(st.sampled_from([b"", b"stealth_pngcomp", b"stealth_pnginfo"]))
    size = data.draw(st.sampled_from([b"", b"\0\0\0\x08", b"\xff\xff\xff\xff", b"\0\0\1\0"]))
    content = mark + size + data.draw(st.binary(max_size=40) | st.just(zlib.compress(b"x", 9, 31)))
    try:
        assert read_stealth(plane_of(width, height, content)) is None or mark
    except RemoteProtocolError as error:
        caught: RemoteProtocolError | None = error
    else:
        caught = None
    assert caught is None or (bool(mark) and caught.__context__ is None)


@for_each(
    "size, packed, problem",
    [
        (8000, b"", "longer than the picture"),
        (7, b"", "whole bytes"),
        (24, b"abc", "inflate"),
        (8 * 15, zlib.compress(TEXT, 9, 31)[:15], "inflate"),
        (8 * 22, zlib.compress(b"", 9, 31)[:20] + b"\x1f\x8b", "inflate"),
        (8 * 9, zlib.compress(b"x"), "inflate"),
    ],
)
def test_damage_is_told(size: int, packed: bytes, problem: str) -> None:
    plane = plane_of(40, 40, b"stealth_pngcomp" + size.to_bytes(4) + packed)
    with pytest.raises(RemoteProtocolError, match=problem) as caught:
        read_stealth(plane)
    assert caught.value.__context__ is None


def test_the_limit_is_what_may_come_out() -> None:
    plane = alpha(with_stealth(blank(100, 100), b"x" * 10_000))
    assert read_stealth(plane, Limits(picture_text=10_000)) == b"x" * 10_000
    plain = plane_of(40, 40, b"stealth_pnginfo" + (8 * 50).to_bytes(4) + bytes(50))
    for copy, most in ((plane, 9_999), (plain, 49)):
        with pytest.raises(RemoteProtocolError, match=f"its copy in alpha is too long: at most {most} bytes"):
            read_stealth(copy, Limits(picture_text=most))


def test_what_does_not_fit_is_not_written() -> None:
    size = len(zlib.compress(TEXT, 9, 31))
    assert stealth_room(8, 19 + size) == size
    assert read_stealth(alpha(with_stealth(blank(8, 19 + size), TEXT))) == TEXT
    with pytest.raises(InvalidRequestError, match="does not fit"):
        with_stealth(blank(8, 18 + size), TEXT)


def test_alpha_that_is_not_there_cannot_be_kept() -> None:
    with pytest.raises(InvalidRequestError, match="no alpha"):
        with_stealth(blank(99, 99, 3), TEXT, transparent=True)
