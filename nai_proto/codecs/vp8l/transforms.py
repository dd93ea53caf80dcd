"""What lossless WebP does to colours before it codes them, undone (RFC 9649 §3, "Transforms").

Predictions are a module of their own, `vp8l_predictions`. Here no pixel is looked at on its own: sums are of many bytes at
once (`bytewise`), products and palettes are tables by which whole rows are translated.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from ..bytewise import added

__all__ = ["Planes", "packed_colours", "with_colours", "with_greens", "with_palette"]

Planes: TypeAlias = tuple[bytes, bytes, bytes, bytes]
"""Red, green, blue and alpha of a picture: a byte a pixel each, rows from the top."""


def with_greens(planes: Planes) -> Planes:
    """Green is added to red and to blue."""
    red, green, blue, alpha = planes
    return added(red, green), green, added(blue, green), alpha


def with_palette(planes: Planes, width: int, palette: Planes) -> Planes:
    """Green is the number of a colour, or of `packed_colours` side by side. What has no colour is transparent black.

    Args:
        width: of the picture that comes out.
    """
    indexes = planes[1]
    if (count := packed_colours(len(palette[0]))) > 1:
        words = _unpacked(count)
        stride = -(-width // count)
        rows = (indexes[at : at + stride] for at in range(0, len(indexes), stride))
        indexes = b"".join([b"".join(map(words.__getitem__, row))[:width] for row in rows])
    red, green, blue, alpha = (indexes.translate(plane.ljust(256, b"\0")) for plane in palette)
    return red, green, blue, alpha


def packed_colours(colours: int) -> int:
    """How many pixels of so many colours one pixel of the coded picture holds."""
    return 8 if colours <= 2 else 4 if colours <= 4 else 2 if colours <= 16 else 1


@cache
def _unpacked(count: int) -> list[bytes]:
    """Of each byte its parts, the lowest first."""
    bits = 8 // count
    return [bytes(byte >> bits * at & (1 << bits) - 1 for at in range(count)) for byte in range(256)]


def with_colours(planes: Planes, width: int, factors: Planes, block: int) -> Planes:
    """Red is raised by a part of green, blue by parts of green and of that red, as the factors of each block say.

    Args:
        factors: a pixel a block: of red to blue, of green to blue, of green to red.
        block: pixels of its side.
    """
    red, green, blue, alpha = planes
    red_to_blue, green_to_blue, green_to_red, _ = factors
    red = added(red, _scaled(green, width, green_to_red, block))
    blue = added(blue, _scaled(green, width, green_to_blue, block))
    return red, green, added(blue, _scaled(red, width, red_to_blue, block)), alpha


def _scaled(plane: bytes, width: int, factors: bytes, block: int) -> bytes:
    """The plane times its blocks' factors."""
    parts: list[bytes] = []
    across = -(-width // block)
    for y, start in enumerate(range(0, len(plane), width)):
        first = y // block * across
        tables = [_products(factor) for factor in factors[first : first + across]]
        edges = range(start, start + width, block)
        parts += [
            plane[edge : min(edge + block, start + width)].translate(table)
            for edge, table in zip(edges, tables, strict=True)
        ]
    return b"".join(parts)


@cache
def _products(factor: int) -> bytes:
    """Of every sample and this factor, both with a sign; 32 is one."""
    return bytes(_signed(factor) * _signed(sample) >> 5 & 0xFF for sample in range(256))


def _signed(byte: int) -> int:
    return (byte ^ 0x80) - 0x80
