"""Lossless WebP (VP8L), with Pillow on the other side: what is written is read there, and the other way round.

Damage, and what no encoder writes, is in test_vp8l_damage.
"""

from __future__ import annotations

import io
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from nai_proto.codecs.pixels import Pixels, read_alpha, read_pixels, write_webp
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.vp8l.huffman import code_lengths, codes
from nai_proto.codecs.webp import read_webp_text
from nai_proto.errors import InvalidRequestError


@st.composite
def pictures(draw: st.DrawFn, largest: int = 24) -> Pixels:
    """Of few colours or many, with rows and pixels that repeat or do not; or slopes, with some noise."""
    width, height, channels = (
        draw(st.integers(1, largest)),
        draw(st.integers(1, largest)),
        draw(st.sampled_from([3, 4])),
    )
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    if draw(st.booleans()):
        return slopes(width, height, channels, draw(st.sampled_from([0, 1, 5])), chance)
    colours = [chance.randbytes(channels) for _ in range(draw(st.sampled_from([1, 2, 3, 16, 17, 400])))]
    across, down = draw(st.sampled_from([1, 3, 8])), draw(st.sampled_from([1, 5]))
    drawn = bytearray()
    while len(drawn) < width * height * channels:
        row = b"".join(chance.choice(colours) * across for _ in range(width))[: width * channels]
        drawn += row * down
    return Pixels(width, height, bytes(drawn[: width * height * channels]))


def slopes(width: int, height: int, channels: int, noise: int, chance: random.Random) -> Pixels:
    """Every channel grows across and down, and with the others."""
    drawn = bytearray()
    steps = [(chance.uniform(-4, 4), chance.uniform(-4, 4)) for _ in range(channels)]
    for y in range(height):
        for x in range(width):
            level = 0.0
            for across, down in steps:
                level += x * across + y * down + chance.uniform(-noise, noise)
                drawn.append(int(level) & 255)
    return Pixels(width, height, bytes(drawn))


def by_pillow(picture: Pixels, **options: int) -> bytes:
    out = io.BytesIO()
    image = Image.frombytes("RGBA" if picture.channels == 4 else "RGB", (picture.width, picture.height), picture.data)
    image.save(out, "WEBP", lossless=True, exact=True, **options)
    return out.getvalue()


def seen_by_pillow(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "WEBP"
        return Pixels(*image.size, image.tobytes())


@settings(max_examples=100, deadline=None)
@given(pictures())
def test_every_pixel_that_is_written_is_read_here_and_by_pillow(picture: Pixels) -> None:
    file = write_webp(picture)
    assert seen_by_pillow(file) == picture == read_pixels(file)
    assert read_alpha(file) == picture.alpha


@settings(max_examples=100, deadline=None)
@given(pictures(largest=48), st.sampled_from([0, 50, 100]), st.integers(0, 6))
def test_every_pixel_that_pillow_wrote_is_read(picture: Pixels, quality: int, method: int) -> None:
    file = by_pillow(picture, quality=quality, method=method)
    assert read_pixels(file) == seen_by_pillow(file)
    assert read_pixels(file).rgb == picture.rgb


@pytest.mark.parametrize("method", [0, 3, 6])
@pytest.mark.parametrize("kind", ["slopes", "both"])
def test_larger_pictures_that_pillow_wrote_are_read(kind: str, method: int) -> None:
    """With several groups of codes, copies from afar, and codes that need a second look."""
    chance = random.Random(7)
    slope = slopes(160, 120, 3, 2, chance).data
    colours = [chance.randbytes(3) for _ in range(700)]
    spots = b"".join(colours[min(chance.randrange(700), chance.randrange(700))] for _ in range(160 * 120))
    data = slope + (spots if kind == "both" else slope)
    picture = Pixels(160, len(data) // 480, data)
    assert read_pixels(by_pillow(picture, quality=90, method=method)) == picture


@pytest.mark.parametrize(
    "picture",
    [
        Pixels(16_384, 1, bytes(16_384 * 3)),
        Pixels(1, 16_384, bytes(16_384 * 4)),
        Pixels(130, 70, bytes(range(256)) * 142 + bytes(48)),
        with_stealth(Pixels(64, 96, bytes(64 * 96 * 3)), b"the harbour at night"),
        Pixels(300, 250, b"".join(bytes((x & 255, y & 255, x * y >> 8 & 255)) for y in range(250) for x in range(300))),
    ],
    ids=["widest", "highest", "counting", "stealth", "gradients"],
)
def test_pictures_of_every_kind_are_written(picture: Pixels) -> None:
    file = write_webp(picture)
    assert seen_by_pillow(file) == picture == read_pixels(file)


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
        with pytest.raises(InvalidRequestError, match="16384"):
            write_webp(Pixels(width, height, bytes(16_385 * 3)))


def test_texts_stand_in_exif() -> None:
    texts = {"DocumentName": "AI generated image", "UserComment": "{}"}
    file = write_webp(Pixels(2, 2, bytes(16)), texts)
    assert read_webp_text(file) == texts
    with Image.open(io.BytesIO(file)) as image:
        assert image.getexif()[ExifTags.Base.DocumentName] == "AI generated image"
        assert image.mode == "RGBA"
