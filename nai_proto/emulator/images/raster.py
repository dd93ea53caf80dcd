"""Pictures enlarged, sampled, mixed and laid over each other, by the standard library alone.

Nothing here takes a step per pixel: bytes are copied with a stride, or many at once looked up in a table and added as
digits of one large integer, where no digit carries into the next.
"""

from __future__ import annotations

from typing import Final

from ...codecs.pixels import Pixels, Plane

__all__ = ["CELL", "as_mask", "enlarged", "merged", "mixed", "sampled"]

CELL: Final = 8
"""Pixels each way that are of one colour."""


def enlarged(cells: Pixels, times: int = CELL) -> Pixels:
    """The picture so many times as wide and high, each pixel a square."""
    channels = cells.channels
    step = channels * times
    wide = bytearray(times * len(cells.data))
    for channel in range(channels):
        plane = cells.data[channel::channels]
        for place in range(channel, step, channels):
            wide[place::step] = plane
    row = cells.width * step
    data = b"".join(wide[at : at + row] * times for at in range(0, len(wide), row))
    return Pixels(cells.width * times, cells.height * times, data)


def sampled(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture in another size, each pixel one that was there; a step per pixel, so for small sizes."""
    channels = pixels.channels
    columns = [(2 * x + 1) * pixels.width // (2 * width) * channels for x in range(width)]
    rows: list[bytes] = []
    for y in range(height):
        at = (2 * y + 1) * pixels.height // (2 * height) * pixels.width * channels
        row = pixels.data[at : at + pixels.width * channels]
        rows.append(b"".join([row[x : x + channels] for x in columns]))
    return Pixels(width, height, b"".join(rows))


def mixed(under: bytes, over: bytes, share: float) -> bytes:
    """So much of each byte, 0 to 1, is that of ``over``; the rest is that of ``under``."""
    part = bytes(round(byte * share) for byte in range(256))
    rest = bytes(byte - of for byte, of in enumerate(part))
    total = int.from_bytes(under.translate(rest)) + int.from_bytes(over.translate(part))
    return total.to_bytes(len(under))


def merged(under: bytes, over: bytes, mask: bytes) -> bytes:
    """``over`` where the mask is 255, ``under`` where it is 0."""
    low, high = int.from_bytes(under), int.from_bytes(over)
    return (low ^ ((low ^ high) & int.from_bytes(mask))).to_bytes(len(under))


def as_mask(plane: Plane, width: int, height: int) -> bytes:
    """A mask for RGBA of this size, in whole cells: 255 where the plane is brighter than the middle."""
    every = bytearray(4 * len(plane.data))
    for channel in range(4):
        every[channel::4] = plane.data.translate(_BLACK_OR_WHITE)
    cells = sampled(Pixels(plane.width, plane.height, bytes(every)), width // CELL, height // CELL)
    return enlarged(cells).data


_BLACK_OR_WHITE: Final = bytes(255 * (byte > 127) for byte in range(256))
