"""What the emulator's tools do to pixels: something that can be seen and is soon done, not art.

Pixels are taken apart into planes, a byte a pixel, for one byte at a time would take seconds for a megapixel. What comes of
a byte alone goes through a table of 256 of them; what comes of two goes through large integers, whose bytes are added and
subtracted all at once, so that none carries into the next. Each step is linear, a few milliseconds for a megapixel.

See:
    docs/protocol/image.md#23-post-aiaugment-image-director-tools
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from ...codecs.pixels import Pixels, Plane

__all__ = [
    "apart",
    "blended",
    "colourful",
    "edges",
    "far_from_corner",
    "grey",
    "mapped",
    "slopes",
    "smoothed",
    "together",
]

_HALF: Final = bytes(value >> 1 for value in range(256))
_QUARTER: Final = bytes(value >> 2 for value in range(256))
_STEEPNESS: Final = bytes(min(127, abs(value - 128)) for value in range(256))


def apart(pixels: Pixels) -> list[Plane]:
    """Red, green and blue, without alpha."""
    step = pixels.channels
    return [Plane(pixels.width, pixels.height, pixels.data[channel::step]) for channel in range(3)]


def together(*planes: Plane) -> Pixels:
    """Three planes as RGB, four as RGBA; one is a picture in grey."""
    planes = planes * 3 if len(planes) == 1 else planes
    step, first = len(planes), planes[0]
    out = bytearray(step * len(first.data))
    for channel, plane in enumerate(planes):
        out[channel::step] = plane.data
    return Pixels(first.width, first.height, bytes(out))


def mapped(plane: Plane, table: bytes) -> Plane:
    """Every byte as the table of 256 has it."""
    return Plane(plane.width, plane.height, plane.data.translate(table))


def blended(a: Plane, b: Plane) -> Plane:
    """Half and half."""
    x, y = int.from_bytes(a.data), int.from_bytes(b.data)
    return _plane(a, (x & y) + ((x ^ y) >> 1 & _each(0x7F, a)))


def grey(pixels: Pixels) -> Plane:
    """How light it is: a quarter each of red and blue, half of green."""
    red, green, blue = apart(pixels)
    parts = (red.data.translate(_QUARTER), green.data.translate(_HALF), blue.data.translate(_QUARTER))
    return _plane(red, sum(map(int.from_bytes, parts)))


def slopes(plane: Plane) -> tuple[Plane, Plane]:
    """Half of what each pixel is lighter than that on its right, and that below it; 128 where it is not."""
    return _minus(plane, _right(plane, 1)), _minus(plane, _below(plane, 1))


def edges(plane: Plane) -> Plane:
    """How much each pixel differs from that on its right and that below it."""
    across, down = (each.data.translate(_STEEPNESS) for each in slopes(plane))
    return _plane(plane, int.from_bytes(across) + int.from_bytes(down))


def smoothed(plane: Plane, reach: int) -> Plane:
    """Each pixel with those around it: twice as many on each side at every step, ``reach`` times."""
    for step in range(reach):
        plane = blended(plane, _right(plane, 1 << step))
        plane = blended(plane, _below(plane, 1 << step))
    return plane


def far_from_corner(pixels: Pixels) -> Plane:
    """How far each colour is from that of the first pixel."""
    planes = apart(pixels)
    far = [plane.data.translate(bytes(min(85, abs(value - plane.data[0])) for value in range(256))) for plane in planes]
    return _plane(planes[0], sum(map(int.from_bytes, far)))


def colourful(words: str) -> tuple[int, int, int]:
    """A colour for these words, always the same, and neither black nor white."""
    red, green, blue = (64 + byte // 2 for byte in sha256(words.encode("utf-8", "surrogatepass")).digest()[:3])
    return red, green, blue


def _plane(like: Plane, value: int) -> Plane:
    return Plane(like.width, like.height, value.to_bytes(len(like.data)))


def _each(byte: int, plane: Plane) -> int:
    return int.from_bytes(bytes((byte,)) * len(plane.data))


def _minus(a: Plane, b: Plane) -> Plane:
    """Half of the difference, and 128."""
    x, y = (int.from_bytes(each.data.translate(_HALF)) for each in (a, b))
    return _plane(a, (x | _each(0x80, a)) - y)


def _right(plane: Plane, by: int) -> Plane:
    """The pixels so far on the right in place of each; at the edge it stays what it is."""
    by = min(by, plane.width)
    out = bytearray(plane.data[by:] + plane.data[-by:])
    for column in range(plane.width - by, plane.width):
        out[column :: plane.width] = plane.data[column :: plane.width]
    return Plane(plane.width, plane.height, bytes(out))


def _below(plane: Plane, by: int) -> Plane:
    """Likewise downwards."""
    edge = min(by, plane.height) * plane.width
    return Plane(plane.width, plane.height, plane.data[edge:] + plane.data[-edge:])
