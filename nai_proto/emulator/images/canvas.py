"""A canvas for simple shapes, filled row by row with one colour.

A `Frame` is a part of it with coordinates of its own, so that a figure is drawn the same in any size. The time is
proportional to the rows that a shape covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, hypot
from typing import Final, TypeAlias

from ...codecs.pixels import Pixels

__all__ = ["DAYLIGHT", "Canvas", "Colour", "Frame", "Light", "Point"]

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]
Light: TypeAlias = tuple[float, float, float]
"""What is left of red, green and blue."""

DAYLIGHT: Final[Light] = (1.0, 1.0, 1.0)


class Canvas:
    """Pixels to draw on, in RGB, or in RGBA that is transparent at first. Sizes are in pixels.

    Args:
        width: 1 and up.
        height: 1 and up.
        clear: Whether there is an alpha channel.
    """

    def __init__(self, width: int, height: int, *, clear: bool = False) -> None:
        self.width: Final = width
        self.height: Final = height
        self.clear: Final = clear
        self.light = DAYLIGHT
        "Falls on all that is drawn from now on."
        self._channels: Final = 4 if clear else 3
        self._data: Final = bytearray(self._channels * width * height)

    def to_pixels(self) -> Pixels:
        """Return what was drawn."""
        return Pixels(self.width, self.height, bytes(self._data))

    def fill_box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle; what is outside is cut off."""
        first, last = max(0, round(left)), min(self.width, round(right))
        if first < last:
            paint = self._mix(colour)
            for y in range(max(0, round(top)), min(self.height, round(bottom))):
                self._fill(y, first, last, paint)

    def fill_ellipse(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Fill an ellipse around a point, with these radii."""
        if across <= 0 or down <= 0:
            return
        paint = self._mix(colour)
        for row in range(max(0, ceil(y - down - 0.5)), min(self.height, ceil(y + down - 0.5))):
            reach = across * max(0.0, 1 - ((row + 0.5 - y) / down) ** 2) ** 0.5
            first, last = max(0, round(x - reach)), min(self.width, round(x + reach))
            if first < last:
                self._fill(row, first, last, paint)

    def fill_polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon by the even-odd rule."""
        paint = self._mix(colour)
        crossings: dict[int, list[float]] = {}
        for (x, y), (to_x, to_y) in zip(points, (*points[1:], points[0]), strict=True):
            if y > to_y:
                x, y, to_x, to_y = to_x, to_y, x, y
            first, last = max(0, ceil(y - 0.5)), min(self.height, ceil(to_y - 0.5))
            if first < last:
                slope = (to_x - x) / (to_y - y)
                at = x + (first + 0.5 - y) * slope
                for row in range(first, last):
                    crossings.setdefault(row, []).append(at)
                    at += slope
        for row, places in crossings.items():
            places.sort()
            for left, right in zip(places[::2], places[1::2], strict=True):
                start, end = max(0, round(left)), min(self.width, round(right))
                if start < end:
                    self._fill(row, start, end, paint)

    def _mix(self, colour: Colour) -> bytes:
        """Return one pixel of this colour in the present light."""
        shade = (min(255, round(value * part)) for value, part in zip(colour, self.light, strict=True))
        return bytes((*shade, 255)[: self._channels])

    def _fill(self, y: int, first: int, last: int, paint: bytes) -> None:
        at = self._channels * (y * self.width + first)
        self._data[at : at + self._channels * (last - first)] = paint * (last - first)


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of a canvas, in which x and y go from 0 to 1: to the right, or to the left if mirrored, and down."""

    canvas: Canvas
    left: float
    top: float
    width: float
    height: float
    mirrored: bool = False

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        (a, upper), (b, lower) = self._place((left, top)), self._place((right, bottom))
        self.canvas.fill_box(min(a, b), upper, max(a, b), lower, colour)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Fill an ellipse around a point; the radii are parts of width and height."""
        self.canvas.fill_ellipse(*self._place((x, y)), across * self.width, down * self.height, colour)

    def polygon(self, colour: Colour, *points: Point) -> None:
        """Fill a polygon."""
        self.canvas.fill_polygon([self._place(point) for point in points], colour)

    def line(self, colour: Colour, thickness: float, *points: Point) -> None:
        """Draw straight lines from point to point; the thickness is a part of the width."""
        half = thickness * self.width / 2
        places = [self._place(point) for point in points]
        for (x, y), (to_x, to_y) in pairwise(places):
            length = hypot(to_x - x, to_y - y) or 1.0
            across, down = half * (to_y - y) / length, half * (to_x - x) / length
            corners = (
                (x - across, y + down),
                (x + across, y - down),
                (to_x + across, to_y - down),
                (to_x - across, to_y + down),
            )
            self.canvas.fill_polygon(corners, colour)
        for x, y in places:
            self.canvas.fill_ellipse(x, y, half, half, colour)

    def ellipses(self, colour: Colour, *ellipses: tuple[float, float, float, float]) -> None:
        """Fill several ellipses of one colour."""
        for x, y, across, down in ellipses:
            self.ellipse(x, y, across, down, colour)

    def part(self, left: float, top: float, width: float, height: float) -> Frame:
        """Return a part of the frame as a frame."""
        (x, y), (other, _) = self._place((left, top)), self._place((left + width, top))
        return Frame(self.canvas, min(x, other), y, width * self.width, height * self.height, self.mirrored)

    def _place(self, point: Point) -> Point:
        x, y = point
        return self.left + self.width * (1 - x if self.mirrored else x), self.top + self.height * y
