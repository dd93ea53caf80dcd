"""Lossless WebP (VP8L) that no encoder writes: files cut short, altered or lying, and what the format allows beyond habit.

Files are put together here from words of bits, the lowest first, as the format's specification has them (RFC 9649 §3).
"""

from __future__ import annotations

import io
import random
import struct
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nai_proto.codecs.pixels import Pixels, read_alpha, read_pixels, write_webp
from nai_proto.codecs.vp8l.codes import DISTANCES, GREENS, write_code
from nai_proto.codecs.vp8l.huffman import codes, number, packed
from nai_proto.codecs.vp8l.predictions import with_predictions
from nai_proto.codecs.vp8l.transforms import Planes, with_colours
from nai_proto.codecs.webp import lossless, webp_file
from nai_proto.errors import LimitExceeded, RemoteProtocolError, Truncated
from nai_proto.limits import Limits

PLAIN = "0"  # no transform follows, or there is no cache, or one group of codes is for all


def file_of(width: int, height: int, *words: str, alpha: bool = True, version: int = 0) -> bytes:
    head = number(width - 1, 14), number(height - 1, 14), number(alpha, 1), number(version, 3)
    return webp_file([(b"VP8L", b"\x2f" + packed([*head, *words]))])


def one(symbol: int) -> str:
    """A code of one symbol, which needs no bits."""
    return write_code(Counter([symbol]), 256)[0]


def colour(red: int, green: int, blue: int, alpha: int) -> str:
    """Codes by which all pixels are this one, without bits."""
    return "".join(map(one, (green, red, blue, alpha, 0)))


def greens(symbols: Iterable[int] | Mapping[int, int], size: int = GREENS) -> tuple[str, list[str]]:
    """A code for these of green, and its words."""
    return write_code(Counter(symbols), size)


# ---- cut short, altered


SAMPLE = Pixels(12, 9, random.Random(1).randbytes(12 * 9 * 4))


def by_pillow(picture: Pixels) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGBA", (picture.width, picture.height), picture.data).save(out, "WEBP", lossless=True, exact=True)
    return out.getvalue()


FEW = Pixels(40, 30, b"".join(random.Random(1).choice([b"red.", b"blue", b"grey"]) for _ in range(1200)))
FILES = {"own": write_webp(SAMPLE), "pillow's": by_pillow(SAMPLE), "of few colours": by_pillow(FEW)}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_picture_cut_anywhere_is_noticed(file: bytes) -> None:
    for size in range(12, len(file)):
        with pytest.raises(Truncated):
            read_pixels(file[:size])
    found = lossless(file)
    assert found is not None
    content = bytes(found.content)
    for size in range(5, len(content)):
        with pytest.raises(Truncated):
            read_pixels(webp_file([(b"VP8L", content[:size])]))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*FILES.values()]), st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 7)), max_size=4))
def test_altered_pictures_are_read_or_documented_errors(file: bytes, flips: list[tuple[int, int]]) -> None:
    altered = bytearray(file)
    for at, bit in flips:
        altered[25 + at % (len(file) - 25)] ^= 1 << bit
    try:
        picture = read_pixels(bytes(altered))
    except RemoteProtocolError:
        return
    assert read_alpha(bytes(altered)) == picture.alpha
    try:
        with Image.open(io.BytesIO(altered)) as image:
            theirs = Pixels(*image.size, image.tobytes())
    except OSError:
        return
    assert picture == theirs


# ---- lying


def test_what_a_header_claims_is_refused_before_anything_is_made() -> None:
    bomb = file_of(1 << 14, 1 << 14, PLAIN, PLAIN, PLAIN, colour(0, 0, 0, 0))
    assert len(bomb) < 40
    for read in (read_pixels, read_alpha):
        with pytest.raises(LimitExceeded, match="pixels"):
            read(bomb)
        with pytest.raises(LimitExceeded, match="pixels"):
            read(FILES["own"], Limits(pixels=12 * 9 - 1))
    assert read_pixels(FILES["own"], Limits(pixels=12 * 9)) == SAMPLE


def test_a_large_picture_of_few_bytes_costs_its_pixels() -> None:
    file = file_of(1000, 900, PLAIN, PLAIN, PLAIN, colour(1, 2, 3, 4))
    assert len(file) < 40
    assert read_pixels(file) == Pixels(1000, 900, b"\1\2\3\4" * 900_000)


def test_a_picture_has_one_size() -> None:
    small = (b"VP8X", bytes(4) + b"\1\0\0\1\0\0")
    large = file_of(1 << 12, 1 << 12, PLAIN, PLAIN, PLAIN, colour(0, 0, 0, 0))
    found = lossless(large)
    assert found is not None
    with pytest.raises(RemoteProtocolError, match="two sizes"):
        read_pixels(webp_file([small, (b"VP8L", bytes(found.content))]))
    with pytest.raises(RemoteProtocolError, match="without a picture"):
        read_pixels(webp_file([small]))


def test_more_codes_than_encoders_write_are_refused() -> None:
    """Four pixels in one block, whose code is number 65,535."""
    places = PLAIN + colour(255, 255, 0, 0)
    with pytest.raises(RemoteProtocolError, match="more codes"):
        read_pixels(file_of(2, 2, PLAIN, PLAIN, "1", "000", places, colour(0, 0, 0, 0) * 65_536))


HALVES = Counter({symbol: 1 << 15 - symbol for symbol in range(15)} | {15: 1})
DEEP, DEEP_WORDS = write_code(HALVES, 256)
"A code whose longest words have fifteen bits."
DEEP_GREEN, _ = write_code(HALVES, GREENS)
DEEP_AND_FAR, _ = write_code(HALVES, DISTANCES)


def test_codes_with_more_entries_than_encoders_write_are_refused() -> None:
    places = PLAIN + colour(15, 255, 0, 0)
    with pytest.raises(RemoteProtocolError, match="more codes"):
        read_pixels(file_of(2, 2, PLAIN, PLAIN, "1", "000", places, (DEEP_GREEN + DEEP * 3 + DEEP_AND_FAR) * 4_096))


LIES: dict[str, tuple[str, ...]] = {
    "a transform comes twice": ("1", "01", "1", "01"),
    "a cache of a size that there is not": (PLAIN, "1", number(12, 4)),
    "more symbols": (PLAIN, PLAIN, PLAIN, "0", number(15, 4), *(["000", "100", "100"] + ["000"] * 16), PLAIN, "1" * 90),
    "not whole": (PLAIN, PLAIN, PLAIN, "0", number(15, 4), *(["000"] * 3 + ["100"] + ["000"] * 15), PLAIN),
    "a copy of pixels": (PLAIN, PLAIN, PLAIN, greens([256, 257])[0], *map(one, (0, 0, 0, 0))),
}


@pytest.mark.parametrize(("problem", "words"), LIES.items(), ids=LIES)
def test_what_cannot_be_is_told(problem: str, words: tuple[str, ...]) -> None:
    with pytest.raises(RemoteProtocolError, match=problem):
        read_pixels(file_of(3, 3, *words, number(0, 200)))


def test_a_copy_that_is_longer_than_the_picture_is_told() -> None:
    head, words = greens([0, 256 + 3])
    codes_of_all = head + "".join(map(one, (0, 0, 0, 1)))
    fits = file_of(5, 1, PLAIN, PLAIN, PLAIN, codes_of_all, words[0], words[259])
    assert read_pixels(fits) == Pixels(5, 1, bytes(20))
    with pytest.raises(RemoteProtocolError, match="a copy of pixels"):
        read_pixels(file_of(4, 1, PLAIN, PLAIN, PLAIN, codes_of_all, words[0], words[259]))


def test_only_the_first_version_is_read() -> None:
    with pytest.raises(RemoteProtocolError, match="known"):
        read_pixels(file_of(1, 1, PLAIN, PLAIN, PLAIN, colour(0, 0, 0, 0), version=1))


def test_a_picture_with_losses_or_that_moves_is_told() -> None:
    still, moving = io.BytesIO(), io.BytesIO()
    image = Image.new("RGBA", (9, 9), (1, 2, 3, 4))
    image.save(still, "WEBP", lossless=False)
    image.save(moving, "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGBA", (9, 9))])
    for file in (still.getvalue(), moving.getvalue()):
        for read in (read_pixels, read_alpha):
            with pytest.raises(RemoteProtocolError, match="losses or that moves"):
                read(file)


# ---- beyond habit; Pillow is the judge


def seen_by_pillow(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as image:
        return Pixels(*image.size, image.tobytes())


def test_words_of_fifteen_bits_are_read_in_every_channel() -> None:
    chance = random.Random(2)
    head, green = greens({**{symbol: 1 << 15 - symbol for symbol in range(15)}, 256 + 2: 1})
    words = [green[chance.randrange(15)] + "".join(chance.choices(DEEP_WORDS[:16], k=3)) for _ in range(16 * 15)]
    copies = [green[256 + 2] + DEEP_WORDS[12] + number(far, 5) for far in (0, 17, 30)]
    file = file_of(16, 16, PLAIN, PLAIN, PLAIN, head, DEEP * 3, DEEP_AND_FAR, *words, *copies, *words[:7])
    assert read_pixels(file) == seen_by_pillow(file)


def test_lengths_may_repeat_and_end_early() -> None:
    """Four codes of two bits each: a length, three times as before, and then a limit on how many are told."""
    order = {17: 0, 18: 0, 0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 0, 16: 1}
    lengths = "0" + number(len(order) - 4, 4) + "".join(number(length, 3) for length in order.values())
    told = "1" + number(0, 3) + number(0, 2) + "0" + "1" + number(0, 2)
    words = codes([2] * 4)
    pixels = "".join(words[green] for green in (0, 1, 2, 3, 3, 2))
    file = file_of(3, 2, PLAIN, PLAIN, PLAIN, lengths + told, *map(one, (9, 8, 255, 0)), pixels)
    found = read_pixels(file)
    assert found == seen_by_pillow(file)
    assert found.data[1::4] == bytes((0, 1, 2, 3, 3, 2))


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 300])
def test_all_near_distances_are_known_also_where_they_would_lie_ahead(width: int) -> None:
    chance = random.Random(width)
    height = -(-4_000 // width)
    head, words = greens([*range(200), 256])
    pixels = [words[chance.randrange(200)] for _ in range(width * height - 120)]
    far, fars = write_code(Counter(range(14)), DISTANCES)
    copies = [fars[symbol] + extra for symbol, extra in (far_of(code) for code in range(1, 121))]
    codes_of_all = head + "".join(map(one, (1, 2, 255))) + far
    file = file_of(width, height, PLAIN, PLAIN, PLAIN, codes_of_all, *pixels, *(words[256] + copy for copy in copies))
    assert read_pixels(file) == seen_by_pillow(file)


def far_of(code: int) -> tuple[int, str]:
    """A distance's symbol and the bits behind it."""
    for symbol in range(40):
        bits = max(0, (symbol >> 1) - 1)
        first = symbol if symbol < 4 else 2 + symbol % 2 << bits
        if first < code <= first + (1 << bits):
            return symbol, number(code - 1 - first, bits)
    raise AssertionError(code)


@pytest.mark.parametrize("bits", [1, 5, 11])
def test_colours_come_from_the_cache(bits: int) -> None:
    chance = random.Random(bits)
    places = [280 + chance.randrange(1 << bits) for _ in range(60)]
    head, words = greens([*range(8), *places], GREENS + (1 << bits))
    pixels = [words[chance.choice([*range(8), *places])] for _ in range(20 * 20)]
    file = file_of(20, 20, PLAIN, "1", number(bits, 4), PLAIN, head, *map(one, (7, 99, 255, 0)), *pixels)
    assert read_pixels(file) == seen_by_pillow(file)


@pytest.mark.parametrize("colours", [1, 2, 3, 4, 5, 16, 17, 200])
def test_what_has_no_colour_in_the_palette_is_transparent_black(colours: int) -> None:
    chance = random.Random(colours)
    head, words = greens(range(8))
    palette = PLAIN + head + "".join(map(one, (1, 2, 255, 0)))
    steps = "".join(chance.choices(words[:8], k=colours))
    head, words = greens(range(256))
    count = 8 if colours <= 2 else 4 if colours <= 4 else 2 if colours <= 16 else 1
    pixels = chance.choices(words[:256], k=-(-33 // count) * 5)
    codes_of_all = head + "".join(map(one, (0, 0, 0, 0)))
    transform = "1", "11", number(colours - 1, 8), palette, steps, PLAIN
    file = file_of(33, 5, *transform, PLAIN, PLAIN, codes_of_all, *pixels)
    assert read_pixels(file) == seen_by_pillow(file)


# ---- transforms, by the specification's own formulas, a sample at a time


def predicted(mode: int, left: int, up: int, corner: int, right: int) -> int:
    """For every mode but the eleventh, whose choice is one for all samples of a pixel."""

    def mean(a: int, b: int) -> int:
        return (a + b) // 2

    def clamped(a: int) -> int:
        return max(0, min(255, a))

    middle = mean(left, up)
    return [
        *(0, left, up, right, corner, mean(mean(left, right), up), mean(left, corner), middle, mean(corner, up)),
        *(mean(up, right), mean(mean(left, corner), mean(up, right)), 0, clamped(left + up - corner)),
        *(clamped(middle + int((middle - corner) / 2)), 0, 0),
    ][mode]


def foretold(planes: Planes, width: int, modes: bytes, block: int) -> list[bytes]:
    height, across = len(planes[0]) // width, -(-width // block)
    out = [bytearray(plane) for plane in planes]
    for y in range(height):
        for x in range(width):
            at = y * width + x
            mode = modes[y // block * across + x // block] & 15
            mode = 1 if y == 0 else 2 if x == 0 else mode
            near = [
                [plane[at - step] if at >= step else 0 for step in (1, width, width + 1, width - 1)] for plane in out
            ]
            if at == 0 or mode in (0, 14, 15):
                guesses = [0, 0, 0, 255]
            elif mode == 11:
                to_left = sum(abs(up - corner) for _, up, corner, _ in near)
                to_up = sum(abs(left - corner) for left, _, corner, _ in near)
                guesses = [four[0] if to_left < to_up else four[1] for four in near]
            else:
                guesses = [predicted(mode, *four) for four in near]
            for plane, guess in zip(out, guesses, strict=True):
                plane[at] = plane[at] + guess & 255
    return [bytes(plane) for plane in out]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 12), st.integers(1, 9), st.sampled_from([255, 3]))
def test_every_prediction_is_what_the_format_says(seed: int, width: int, height: int, most: int) -> None:
    chance = random.Random(seed)
    red, green, blue, alpha = (bytes(chance.choices(range(most + 1), k=width * height)) for _ in range(4))
    modes = bytes(chance.choices(range(256), k=-(-width // 4) * -(-height // 4)))
    planes = (red, green, blue, alpha)
    assert list(with_predictions(planes, width, modes, 4)) == foretold(planes, width, modes, 4)


def test_colours_are_raised_by_parts_of_others() -> None:
    chance = random.Random(3)
    red, green, blue, alpha = (chance.randbytes(11 * 6) for _ in range(4))
    red_to_blue, green_to_blue, green_to_red, rest = (chance.randbytes(3 * 2) for _ in range(4))

    def part(factor: int, sample: int) -> int:
        first, second = struct.unpack("2b", bytes((factor, sample)))
        return int(first * second) >> 5

    reds, blues = bytearray(red), bytearray(blue)
    for at in range(11 * 6):
        place = at // 11 // 4 * 3 + at % 11 // 4
        reds[at] = red[at] + part(green_to_red[place], green[at]) & 255
        blues[at] = blue[at] + part(green_to_blue[place], green[at]) + part(red_to_blue[place], reds[at]) & 255
    found = with_colours((red, green, blue, alpha), 11, (red_to_blue, green_to_blue, green_to_red, rest), 4)
    assert found == (bytes(reds), green, bytes(blues), alpha)
