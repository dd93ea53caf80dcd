"""Lossless WebP's predictions: pixels say what they differ from what their neighbours foretell (RFC 9649 §3, "Transforms").

Most predictions need the pixel just made, so it goes pixel by pixel. Each is one integer with a sample in sixteen bits:
four sums or means are one, at about half a microsecond in the worst case.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, repeat
from typing import Final, NamedTuple, TypeAlias

from .transforms import Planes

__all__ = ["with_predictions"]

Row: TypeAlias = Sequence[int]

_ONES: Final = 0x0001_0001_0001_0001
_LOW: Final = 0xFF * _ONES
_OFFSET: Final = 0x100 * _ONES  # added to a difference, or it would borrow from the next sample
_BLACK: Final = 0xFF << 48


class _Run(NamedTuple):
    """Pixels side by side that are predicted alike, with their neighbours."""

    rest: Row
    "What they differ from their predictions."
    left: int
    "The pixel before the first."
    above: Row
    corners: Row
    "Of each the one above to the left."
    rights: Row
    "And that to the right."


def with_predictions(planes: Planes, width: int, modes: bytes, block: int) -> Planes:
    """Every pixel is added to what its neighbours predict, by the mode of its block.

    Args:
        modes: a byte a block, of which the lowest four bits count.
        block: pixels of its side.
    """
    across = -(-width // block)
    out = [bytearray(), bytearray(), bytearray(), bytearray()]
    above: list[int] = []
    for y, start in enumerate(range(0, len(planes[0]), width)):
        row = _joined([plane[start : start + width] for plane in planes])
        if above:
            first = y // block * across
            above = _below(above, row, modes[first : first + across], block)
        else:
            above = _from_left(_Run(row, _BLACK, (), (), ()))
        for plane, samples in zip(out, _samples(above), strict=True):
            plane += samples
    red, green, blue, alpha = map(bytes, out)
    return red, green, blue, alpha


def _joined(samples: Sequence[bytes]) -> Row:
    """Pixels of their samples: red lowest, alpha highest."""
    width = len(samples[0])
    row = bytearray(8 * width)
    for channel, plane in enumerate(samples):
        row[2 * channel :: 8] = plane
    return struct.unpack(f"<{width}Q", row)


def _samples(row: Row) -> list[bytes]:
    packed = struct.pack(f"<{len(row)}Q", *row)
    return [packed[2 * channel :: 8] for channel in range(4)]


def _below(above: Row, rest: Row, modes: bytes, block: int) -> list[int]:
    """A row below another. Its first pixel is predicted from above, and stands where the last one looks to the right."""
    row = [rest[0] + above[0] & _LOW]
    rights = [*above[1:], row[0]]
    start, blocks = 1, 0
    for mode, same in groupby(modes):
        blocks += len(list(same))
        end = min(blocks * block, len(rest))
        places = slice(start, end)
        run = _Run(rest[places], row[-1], above[places], above[start - 1 : end - 1], rights[places])
        row += _PREDICTORS[mode & 15](run)
        start = end
    return row


# ---- what is known before


def _from(rest: Row, predicted: Iterable[int]) -> list[int]:
    return [pixel + known & _LOW for pixel, known in zip(rest, predicted, strict=False)]


def _from_mean(rest: Row, one: Row, other: Row) -> list[int]:
    return [pixel + (a + b >> 1 & _LOW) & _LOW for pixel, a, b in zip(rest, one, other, strict=True)]


# ---- what needs the pixel before


def _from_left(run: _Run) -> list[int]:
    left = run.left
    return [left := left + pixel & _LOW for pixel in run.rest]


def _from_mean_with_left(run: _Run, other: Row) -> list[int]:
    left = run.left
    return [left := pixel + (left + b >> 1 & _LOW) & _LOW for pixel, b in zip(run.rest, other, strict=True)]


def _from_three(run: _Run) -> list[int]:
    """The mean of above and of the mean of left and right."""
    left = run.left
    return [
        left := pixel + ((left + right >> 1 & _LOW) + up >> 1 & _LOW) & _LOW
        for pixel, up, right in zip(run.rest, run.above, run.rights, strict=True)
    ]


def _from_four(run: _Run) -> list[int]:
    """The mean of two means: of left and corner, of above and right."""
    left = run.left
    return [
        left := pixel + ((left + corner >> 1 & _LOW) + (up + right >> 1 & _LOW) >> 1 & _LOW) & _LOW
        for pixel, up, corner, right in zip(run.rest, run.above, run.corners, run.rights, strict=True)
    ]


def _from_nearer(run: _Run) -> list[int]:
    """Left or above, what is nearer to left + above - corner: to left it is as far from there as from above to corner."""
    left = run.left
    return [
        left := pixel + (left if _distance(up, corner) < _distance(left, corner) else up) & _LOW
        for pixel, up, corner in zip(run.rest, run.above, run.corners, strict=True)
    ]


def _from_sum(run: _Run) -> list[int]:
    """Left + above - corner."""
    left = run.left
    return [
        left := pixel + _clamped(left + up + _OFFSET - corner) & _LOW
        for pixel, up, corner in zip(run.rest, run.above, run.corners, strict=True)
    ]


def _from_half(run: _Run) -> list[int]:
    """The mean of left and above, and half of what it differs from the corner; halves are cut towards zero."""
    left, row = run.left, list[int]()
    for pixel, up, corner in zip(run.rest, run.above, run.corners, strict=True):
        mean = left + up >> 1 & _LOW
        far = mean + _OFFSET - corner
        half = far + (_ONES & ~(far >> 8)) >> 1 & _LOW  # with half of the offset
        left = pixel + _clamped(mean + half + (_OFFSET >> 1)) & _LOW
        row.append(left)
    return row


def _distance(one: int, other: int) -> int:
    """How far the samples are apart, all four together."""
    far = one + _OFFSET - other
    negative = _ONES & ~(far >> 8)
    return ((far ^ negative * 0xFF) + negative & _LOW) % 0xFFFF  # the sum of the digits


def _clamped(far: int) -> int:
    """Samples of what has the offset: below it they are 0, from twice the offset on 255."""
    inside, over = far >> 8 & _ONES, far >> 9 & _ONES
    return far & inside * 0xFF | over * 0xFF


_PREDICTORS: Final[Sequence[Callable[[_Run], list[int]]]] = (
    lambda run: _from(run.rest, repeat(_BLACK)),
    _from_left,
    lambda run: _from(run.rest, run.above),
    lambda run: _from(run.rest, run.rights),
    lambda run: _from(run.rest, run.corners),
    _from_three,
    lambda run: _from_mean_with_left(run, run.corners),
    lambda run: _from_mean_with_left(run, run.above),
    lambda run: _from_mean(run.rest, run.corners, run.above),
    lambda run: _from_mean(run.rest, run.above, run.rights),
    _from_four,
    _from_nearer,
    _from_sum,
    _from_half,
    lambda run: _from(run.rest, repeat(_BLACK)),  # the last two have no name in the format; its library takes them so
    lambda run: _from(run.rest, repeat(_BLACK)),
)
