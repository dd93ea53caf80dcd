"""Figure and ground: the ground is what has the colour of the picture's border, and is connected with the border.

So a figure keeps its parts that have the same colour. Pixels are taken in runs of a row, which makes a plain ground quick.

See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
"""

from __future__ import annotations

import re
from typing import Final

from ...codecs.pixels import Pixels, Plane
from .canvas import Colour
from .pixel_operations import join_channels, map_values, measure_distance, merge, split_channels

__all__ = ["cut_out", "flatten"]

_TOLERANCE: Final = 40
"""How far, over all channels, the ground may be from its colour: what JPEG changes around a figure is less, mostly."""
_PLAIN: Final = 0.6
"""How much of a plain border has its colour."""
_RUN: Final = re.compile(rb"\xff+")
_NEAR: Final = bytes(255 * (distance <= _TOLERANCE) for distance in range(256))
_OPAQUE: Final = bytes(255 * (byte > 127) for byte in range(256))


def flatten(pixels: Pixels) -> Pixels:
    """Return the image without alpha, white where it was more than half transparent."""
    if pixels.alpha is None:
        return pixels
    opaque = map_values(pixels.alpha, _OPAQUE)
    mask = join_channels(opaque).data
    return Pixels(pixels.width, pixels.height, merge(b"\xff" * len(mask), pixels.rgb, mask))


def cut_out(pixels: Pixels) -> Plane:
    """Return the alpha of the figure alone: 0 where the ground is, and what it was elsewhere."""
    near = _find_near(pixels, _find_median(pixels))
    ring = _list_border(near)
    if ring.count(255) < _PLAIN * len(ring):  # no plain border: what is like the first pixel is the ground
        near = _find_near(pixels, (pixels.data[0], pixels.data[1], pixels.data[2]))
    alpha = bytearray(b"\xff" * pixels.area if pixels.alpha is None else pixels.alpha.data)
    for y, start, end in _find_ground(near):
        alpha[y * pixels.width + start : y * pixels.width + end] = bytes(end - start)
    return Plane(pixels.width, pixels.height, bytes(alpha))


def _list_border(plane: Plane) -> bytes:
    """Return the values of the outermost pixels."""
    data, width = plane.data, plane.width
    return data[:width] + data[-width:] + data[::width] + data[width - 1 :: width]


def _find_median(pixels: Pixels) -> Colour:
    """Return the median colour of the outermost pixels."""
    rings = [sorted(_list_border(plane)) for plane in split_channels(pixels)]
    red, green, blue = (ring[len(ring) // 2] for ring in rings)
    return red, green, blue


def _find_near(pixels: Pixels, colour: Colour) -> Plane:
    """Return 255 where the colour is about this one, and 0 elsewhere."""
    return map_values(measure_distance(pixels, colour), _NEAR)


def _find_ground(near: Plane) -> list[tuple[int, int, int]]:
    """Return the runs of pixels that are connected with the border: row, first column and the one after the last."""
    width, height = near.width, near.height
    runs: list[tuple[int, int, int]] = []
    parents: list[int] = []

    def find(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    outside, above = 0, range(0)
    runs.append((0, 0, 0))
    parents.append(outside)  # all that touches the border is connected with it
    for y in range(height):
        first = len(runs)
        upper = iter(above)
        other = next(upper, None)
        for match in _RUN.finditer(near.data, y * width, (y + 1) * width):
            start, end = match.start() - y * width, match.end() - y * width
            at = len(runs)
            runs.append((y, start, end))
            parents.append(outside if y in (0, height - 1) or start == 0 or end == width else at)
            while other is not None and runs[other][2] <= start:
                other = next(upper, None)
            while other is not None and runs[other][1] < end:
                one, two = sorted((find(at), find(other)))
                parents[two] = one
                if runs[other][2] > end:  # the next run may touch it as well
                    break
                other = next(upper, None)
        above = range(first, len(runs))
    return [run for at, run in enumerate(runs) if find(at) == outside]
