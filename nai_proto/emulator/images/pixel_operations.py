"""Operations on pixels: mix, mask, filter. They work with the standard library alone.

None handles one pixel at a time, which would take seconds for a megapixel. Bytes are copied with a stride.
A function of one byte is a table of 256 bytes. A function of two bytes is arithmetic on large integers, in which no byte
carries into the next. Each operation is linear: a few milliseconds for a megapixel.

See:
    docs/protocol/image.md#23-post-aiaugment-image-director-tools
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from ...codecs.pixels import Pixels, Plane

__all__ = [
    "WHOLE",
    "average",
    "compute_slopes",
    "detect_edges",
    "join_channels",
    "make_ramp",
    "make_table",
    "map_values",
    "measure_distance",
    "merge",
    "mix",
    "pick_colour",
    "smooth",
    "split_channels",
    "to_grey",
    "weigh",
]

WHOLE: Final = 256
"""What the weights of a mean add up to."""
_KEPT_BYTES: Final = 262_144

_HALF: Final = bytes(value >> 1 for value in range(256))
_QUARTER: Final = bytes(value >> 2 for value in range(256))
_STEEPNESS: Final = bytes(min(127, abs(value - 128)) for value in range(256))


# ---- two images of one size


def weigh(parts: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the weighted mean of equally long bytes, each rounded to the nearest.

    Args:
        parts: Bytes and their weight; the weights are not negative, and add up to `WHOLE`.
    """
    size = len(parts[0][0])
    if len(parts) == 1:
        return parts[0][0]
    # Each byte has two places, so that no sum carries into the next one; the upper one is the sum divided by 256.
    total = _find_halves(size) if size <= _KEPT_BYTES else _find_halves.__wrapped__(size)
    for data, weight in parts:
        wide = bytearray(2 * size)
        wide[1::2] = data
        total += weight * int.from_bytes(wide)
    return total.to_bytes(2 * size)[::2]


@lru_cache(maxsize=4)
def _find_halves(size: int) -> int:
    """Return what rounds so many sums to the nearest; it is kept for lines, of which many are weighed in a row."""
    return int.from_bytes(b"\0\x80" * size)


def mix(below: bytes, above: bytes, share: float) -> bytes:
    """Return ``share`` (0 to 1) of each byte of ``above`` plus the rest of ``below``."""
    weight = round(WHOLE * share)
    return weigh([(data, part) for data, part in ((below, WHOLE - weight), (above, weight)) if part])


def merge(below: bytes, above: bytes, mask: bytes) -> bytes:
    """Return ``above`` where the mask is 255 and ``below`` where it is 0."""
    low, high = int.from_bytes(below), int.from_bytes(above)
    return (low ^ ((low ^ high) & int.from_bytes(mask))).to_bytes(len(below))


# ---- channels


def split_channels(pixels: Pixels) -> list[Plane]:
    """Return red, green and blue; alpha is dropped."""
    step = pixels.channels
    return [Plane(pixels.width, pixels.height, pixels.data[channel::step]) for channel in range(3)]


def join_channels(*planes: Plane) -> Pixels:
    """Return an image of one plane (grey, as RGB), three planes (RGB) or four planes (RGBA)."""
    planes = planes * 3 if len(planes) == 1 else planes
    step, first = len(planes), planes[0]
    out = bytearray(step * len(first.data))
    for channel, plane in enumerate(planes):
        out[channel::step] = plane.data
    return Pixels(first.width, first.height, bytes(out))


def to_grey(pixels: Pixels) -> Plane:
    """Return the brightness: a quarter of red, half of green and a quarter of blue."""
    red, green, blue = split_channels(pixels)
    parts = (red.data.translate(_QUARTER), green.data.translate(_HALF), blue.data.translate(_QUARTER))
    return _plane_from_int(red, sum(map(int.from_bytes, parts)))


# ---- filters


def map_values(plane: Plane, table: bytes) -> Plane:
    """Return the plane with each byte replaced by its entry in a table of 256 bytes."""
    return Plane(plane.width, plane.height, plane.data.translate(table))


def make_table(function: Callable[[int], float]) -> bytes:
    """Return the table of a function of one byte, for `map_values`. Its results are rounded and clipped."""
    return bytes(min(255, max(0, round(function(value)))) for value in range(256))


def make_ramp(middle: int, strength: float) -> bytes:
    """Return the table that maps 128 to ``middle``, black to black and white to white, at a strength of 0 to 1."""

    def ramp(value: int) -> float:
        full = middle * value / 128 if value < 128 else middle + (255 - middle) * (value - 128) / 127
        return value + strength * (full - value)

    return make_table(ramp)


def average(a: Plane, b: Plane) -> Plane:
    """Return the mean of two planes, rounded down."""
    x, y = int.from_bytes(a.data), int.from_bytes(b.data)
    return _plane_from_int(a, (x & y) + ((x ^ y) >> 1 & _fill(0x7F, a)))


def compute_slopes(plane: Plane) -> tuple[Plane, Plane]:
    """Return half the difference of each pixel to its right neighbour, and to the one below, plus 128."""
    return _half_difference(plane, _shift_left(plane, 1)), _half_difference(plane, _shift_up(plane, 1))


def detect_edges(plane: Plane) -> Plane:
    """Return how much each pixel differs from its right neighbour and from the one below."""
    across, down = (each.data.translate(_STEEPNESS) for each in compute_slopes(plane))
    return _plane_from_int(plane, int.from_bytes(across) + int.from_bytes(down))


def smooth(plane: Plane, steps: int) -> Plane:
    """Return each pixel averaged with its neighbours to the right and below; each step doubles how far that reaches."""
    for step in range(steps):
        plane = average(plane, _shift_left(plane, 1 << step))
        plane = average(plane, _shift_up(plane, 1 << step))
    return plane


def measure_distance(pixels: Pixels, colour: tuple[int, int, int]) -> Plane:
    """Return how far each colour is from this one."""
    planes = split_channels(pixels)
    far = [
        plane.data.translate(bytes(min(85, abs(value - own)) for value in range(256)))
        for plane, own in zip(planes, colour, strict=True)
    ]
    return _plane_from_int(planes[0], sum(map(int.from_bytes, far)))


def pick_colour(data: bytes) -> tuple[int, int, int]:
    """Return a colour for any bytes: always the same, and neither black nor white."""
    red, green, blue = (64 + byte // 2 for byte in sha256(data).digest()[:3])
    return red, green, blue


def _plane_from_int(like: Plane, value: int) -> Plane:
    return Plane(like.width, like.height, value.to_bytes(len(like.data)))


def _fill(byte: int, plane: Plane) -> int:
    """Return the integer of a plane of this size in which every byte is the same."""
    return int.from_bytes(bytes((byte,)) * len(plane.data))


def _half_difference(a: Plane, b: Plane) -> Plane:
    """Return half of ``a - b``, plus 128."""
    x, y = (int.from_bytes(each.data.translate(_HALF)) for each in (a, b))
    return _plane_from_int(a, (x | _fill(0x80, a)) - y)


def _shift_left(plane: Plane, columns: int) -> Plane:
    """Return the plane moved to the left. The last columns stay as they are."""
    columns = min(columns, plane.width)
    out = bytearray(plane.data[columns:] + plane.data[-columns:])
    for column in range(plane.width - columns, plane.width):
        out[column :: plane.width] = plane.data[column :: plane.width]
    return Plane(plane.width, plane.height, bytes(out))


def _shift_up(plane: Plane, rows: int) -> Plane:
    """Return the plane moved up. The last rows stay as they are."""
    edge = min(rows, plane.height) * plane.width
    return Plane(plane.width, plane.height, plane.data[edge:] + plane.data[-edge:])
