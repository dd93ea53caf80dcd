"""Images in other sizes: enlarged in squares, by the nearest pixel, or smoothly.

All work on whole rows and columns at once, with the standard library alone, so that a source image looks the same with and
without Pillow.

See docs/protocol/image.md#53-img2img-enhance-inpaint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import Final

from ...codecs.pixels import Pixels, Plane
from .pixel_operations import WHOLE, weigh

__all__ = ["pick_nearest", "resize", "scale_up"]

_FINEST_RATIO: Final = 32
"""Lines that are weighed for one, each way; of a source that is larger still, some are left out."""


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
    steps = ((_pick_rows, height), (_pick_columns, width))
    for change, size in steps if _are_rows_first(plane, width, height) else reversed(steps):
        plane = change(plane, size)
    return plane


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the image in another size in pixels, each pixel the weighted mean of those around its place (linear filter)."""
    steps = ((_resize_rows, height), (_resize_columns, width))
    for change, size in steps if _are_rows_first(pixels, width, height) else reversed(steps):
        pixels = change(pixels, size)
    return pixels


def _are_rows_first(image: Pixels | Plane, width: int, height: int) -> bool:
    """Return whether there are fewer pixels after the rows were resized than after the columns were."""
    return image.width * height <= width * image.height


def _pick_rows(plane: Plane, height: int) -> Plane:
    rows = [plane.data[y * plane.width : (y + 1) * plane.width] for y in _find_nearest(plane.height, height)]
    return Plane(plane.width, height, b"".join(rows))


def _pick_columns(plane: Plane, width: int) -> Plane:
    out = bytearray(width * plane.height)
    for x, source in enumerate(_find_nearest(plane.width, width)):
        out[x::width] = plane.data[source :: plane.width]
    return Plane(width, plane.height, bytes(out))


def _find_nearest(old: int, new: int) -> Iterator[int]:
    """Yield the place among ``old`` that is nearest to each of ``new``."""
    return ((2 * place + 1) * old // (2 * new) for place in range(new))


def _resize_rows(pixels: Pixels, height: int) -> Pixels:
    if height == pixels.height:
        return pixels
    data, stride = pixels.data, pixels.width * pixels.channels
    rows = _weigh_lines(lambda y: data[y * stride : (y + 1) * stride], pixels.height, height)
    return Pixels(pixels.width, height, b"".join(rows))


def _resize_columns(pixels: Pixels, width: int) -> Pixels:
    if width == pixels.width:
        return pixels
    data, channels, height = pixels.data, pixels.channels, pixels.height
    stride, new_stride = pixels.width * channels, width * channels

    def take(x: int) -> bytes:
        """Return a column, channel by channel."""
        return b"".join([data[x * channels + channel :: stride] for channel in range(channels)])

    out = bytearray(new_stride * height)
    for x, column in enumerate(_weigh_lines(take, pixels.width, width)):
        for channel in range(channels):
            out[x * channels + channel :: new_stride] = column[channel * height : (channel + 1) * height]
    return Pixels(width, height, bytes(out))


def _weigh_lines(take: Callable[[int], bytes], old: int, new: int) -> Iterator[bytes]:
    """Yield ``new`` lines in place of ``old`` ones.

    Args:
        take: Returns one of the old lines.
        old: How many there are.
        new: How many there will be.
    """
    step = max(1, old // (new * _FINEST_RATIO))
    for place in range(new):
        yield weigh([(take(step * at), weight) for at, weight in _weights(old // step, new, place)])


def _weights(old: int, new: int, place: int) -> Iterator[tuple[int, int]]:
    """Yield which lines one of ``new`` lines is made of, with weights that fall to 0 within two lines of the result."""
    ratio = old / new
    centre, reach = (place + 0.5) * ratio, max(1.0, ratio)
    first, last = max(0, floor(centre - reach)), min(old, ceil(centre + reach))
    shares = [max(0.0, 1 - abs(at + 0.5 - centre) / reach) for at in range(first, last)]
    total = sum(shares)
    bounds = (round(WHOLE * share / total) for share in accumulate(shares, initial=0.0))
    return ((first + at, high - low) for at, (low, high) in enumerate(pairwise(bounds)) if high > low)
