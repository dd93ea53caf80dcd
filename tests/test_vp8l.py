"""Lossless WebP (VP8L), with Pillow on the other side: what is written is read there, and the other way round."""

from __future__ import annotations

import io
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from nai_proto.codecs.huffman import code_lengths, codes
from nai_proto.codecs.pixels import Pixels, write_webp
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.webp import read_webp_text
from nai_proto.errors import LocalProtocolError


@st.composite
def pictures(draw: st.DrawFn, largest: int = 24) -> Pixels:
    """Of few colours or many, with rows and pixels that repeat or do not."""
    width, height, channels = (
        draw(st.integers(1, largest)),
        draw(st.integers(1, largest)),
        draw(st.sampled_from([3, 4])),
    )
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    colours = [chance.randbytes(channels) for _ in range(draw(st.sampled_from([1, 2, 3, 16, 17, 400])))]
    across, down = draw(st.sampled_from([1, 3, 8])), draw(st.sampled_from([1, 5]))
    drawn = bytearray()
    while len(drawn) < width * height * channels:
        row = b"".join(chance.choice(colours) * across for _ in range(width))[: width * channels]
        drawn += row * down
    return Pixels(width, height, bytes(drawn[: width * height * channels]))


def seen_by_pillow(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "WEBP"
        return Pixels(*image.size, image.tobytes())


@settings(max_examples=200, deadline=None)
@given(pictures())
def test_pillow_reads_every_pixel_that_is_written(picture: Pixels) -> None:
    assert seen_by_pillow(write_webp(picture)) == picture


@pytest.mark.parametrize(
    "picture",
    [
        Pixels(16_384, 1, bytes(16_384 * 3)),
        Pixels(1, 16_384, bytes(16_384 * 4)),
        Pixels(130, 70, bytes(range(256)) * 142 + bytes(48)),
        with_stealth(Pixels(64, 96, bytes(64 * 96 * 3)), b"the harbour at night"),
        Pixels(700, 600, b"".join(bytes((x & 255, y & 255, x * y >> 8 & 255)) for y in range(600) for x in range(700))),
    ],
    ids=["widest", "highest", "counting", "stealth", "gradients"],
)
def test_pictures_of_every_kind_are_written(picture: Pixels) -> None:
    assert seen_by_pillow(write_webp(picture)) == picture


@given(st.lists(st.integers(0, 3) | st.integers(0, 1 << 20), min_size=2, max_size=280), st.sampled_from([9, 15]))
def test_codes_are_whole_and_not_too_long(counts: list[int], longest: int) -> None:
    lengths = code_lengths(counts, longest)
    assert [length > 0 for length in lengths] == [count > 0 for count in counts]
    assert max(lengths) <= longest
    words = sorted(codes(lengths))
    used = len(counts) - counts.count(0)
    if used > 1:
        assert sum((1 << longest) >> length for length in lengths if length) == 1 << longest
        assert not any(after.startswith(word) for word, after in pairwise(words) if word)
    else:
        assert not any(words)


def test_the_deepest_tree_is_made_flatter() -> None:
    counts = [1, 1]
    while len(counts) < 40:
        counts.append(counts[-1] + counts[-2])
    assert max(code_lengths(counts, 99)) == 39
    assert max(code_lengths(counts, 15)) <= 15
    assert max(code_lengths(counts[:19], 7)) <= 7


def test_a_drawing_is_small() -> None:
    """Flat blocks of eight by eight: some bytes for each, and none for the seven rows that are as the one above."""
    chance = random.Random(1)
    rows = [b"".join(chance.randbytes(3) * 8 for _ in range(32)) * 8 for _ in range(32)]
    assert len(write_webp(Pixels(256, 256, b"".join(rows)))) < 32 * 32 * 5


def test_a_side_that_is_too_long_is_not_written() -> None:
    for width, height in ((16_385, 1), (1, 16_385)):
        with pytest.raises(LocalProtocolError, match="16384"):
            write_webp(Pixels(width, height, bytes(16_385 * 3)))


def test_texts_stand_in_exif() -> None:
    texts = {"DocumentName": "AI generated image", "UserComment": "{}"}
    file = write_webp(Pixels(2, 2, bytes(16)), texts)
    assert read_webp_text(file) == texts
    with Image.open(io.BytesIO(file)) as image:
        assert image.getexif()[ExifTags.Base.DocumentName] == "AI generated image"
        assert image.mode == "RGBA"
