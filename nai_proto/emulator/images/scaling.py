"""Images in other sizes: enlarged in squares, by the nearest pixel, or smoothly.

All work on whole rows and columns at once, with the standard library alone, so that a source image looks the same with and
without Pillow.

See docs/protocol/image.md#53-img2img-enhance-inpaint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import Final

from ...codecs.pixels import Pixels, Plane
from .pixel_operations import WHOLE, weigh

__all__ = ["pick_nearest", "resize", "scale_up"]

_FINEST_RATIO: Final = 32
"""Rows that are weighed for one, each way; of a source that is larger still, some are left out."""


def scale_up(cells: Pixels, times: int) -> Pixels:
    """Return the image so many times as wide and high, each pixel as a square."""
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


def pick_nearest(plane: Plane, width: int, height: int) -> Plane:
    """Return the plane in another size in pixels, each pixel the nearest one of it."""
    if (plane.width, plane.height) == (width, height):
        return plane
    rows = [plane.data[y * plane.width : (y + 1) * plane.width] for y in _nearest(plane.height, height)]
    data = b"".join(rows)
    out = bytearray(width * height)
    for x, source in enumerate(_nearest(plane.width, width)):
        out[x::width] = data[source :: plane.width]
    return Plane(width, height, bytes(out))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the image in another size in pixels, each pixel the weighted mean of those around its place (linear filter)."""
    if (pixels.width, pixels.height) == (width, height):
        return pixels
    channels, stride = pixels.channels, pixels.width * pixels.channels
    rows = [pixels.data[at : at + stride] for at in range(0, len(pixels.data), stride)]
    data = b"".join(_resize_lines(rows, height))
    columns = [b"".join(data[place::stride] for place in range(at, at + channels)) for at in range(0, stride, channels)]
    stride = width * channels
    out = bytearray(stride * height)
    for x, column in enumerate(_resize_lines(columns, width)):
        for channel in range(channels):
            out[x * channels + channel :: stride] = column[channel * height : (channel + 1) * height]
    return Pixels(width, height, bytes(out))


def _nearest(old: int, new: int) -> Iterator[int]:
    """Yield the place among ``old`` that is nearest to each of ``new``."""
    return ((2 * place + 1) * old // (2 * new) for place in range(new))


def _resize_lines(lines: Sequence[bytes], count: int) -> Sequence[bytes]:
    """Return so many lines in place of these."""
    if len(lines) == count:
        return lines
    step = max(1, len(lines) // (count * _FINEST_RATIO))
    lines = lines[::step]
    return [weigh([(lines[at], weight) for at, weight in _weights(len(lines), count, place)]) for place in range(count)]


def _weights(old: int, new: int, place: int) -> Iterator[tuple[int, int]]:
    """Yield which lines one of ``new`` lines is made of, with weights that fall to 0 within two lines of the result."""
    ratio = old / new
    centre, reach = (place + 0.5) * ratio, max(1.0, ratio)
    first, last = max(0, floor(centre - reach)), min(old, ceil(centre + reach))
    shares = [max(0.0, 1 - abs(at + 0.5 - centre) / reach) for at in range(first, last)]
    total = sum(shares)
    bounds = (round(WHOLE * share / total) for share in accumulate(shares, initial=0.0))
    return ((first + at, high - low) for at, (low, high) in enumerate(pairwise(bounds)) if high > low)
