"""Small pictures in the cells of a terminal: two pixels in each cell with colours, a shade in each without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.text import Text

from nai_proto.codecs.pixels import Pixels

__all__ = ["draw_blocks"]

_Color = tuple[int, int, int]

_UPPER_HALF: Final = "▀"
_SHADES: Final = " ░▒▓█"
_SAMPLES: Final = 4
"""How many pixels of each row and column of a cell's half are mixed; all of them would take a second."""


def draw_blocks(picture: Pixels, rows: int, *, colors: bool) -> Text:
    """Return a picture that is so many rows high, in cells that are twice as high as they are wide.

    Args:
        picture: the picture.
        rows: its height in rows.
        colors: may it have colours? Else its cells are lighter or darker.
    """
    height = 2 * rows
    width = max(1, round(height * picture.width / picture.height))
    pixels = [[_mix(picture, column, row, width, height) for column in range(width)] for row in range(height)]
    shades = _choose_shades([sum(pixel) for row in pixels for pixel in row])
    drawn = Text()
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            if colors:
                drawn.append(_UPPER_HALF, f"{_name(above)} on {_name(below)}")
            else:
                drawn.append(shades((sum(above) + sum(below)) / 2))
        drawn.append("\n")
    drawn.right_crop(1)
    return drawn


def _choose_shades(values: Sequence[int]) -> Callable[[float], str]:
    """Return a function that gives the shade of a brightness, so that the picture has all of them."""
    darkest = min(values)
    step = (max(values) - darkest + 1) / len(_SHADES)
    return lambda value: _SHADES[int((value - darkest) / step)]


def _name(color: _Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _mix(picture: Pixels, column: int, row: int, columns: int, rows: int) -> _Color:
    """Return the mean colour of a part of a picture that is divided into columns and rows."""
    samples = [
        picture.data[at : at + 3]
        for y in _spread(row, rows, picture.height)
        for at in (picture.channels * (y * picture.width + x) for x in _spread(column, columns, picture.width))
    ]
    red, green, blue = (sum(channel) // len(samples) for channel in zip(*samples, strict=True))
    return red, green, blue


def _spread(part: int, parts: int, length: int) -> Iterator[int]:
    """Yield some positions in one of the equal parts of a length."""
    for sample in range(_SAMPLES):
        yield (part * _SAMPLES + sample) * length // (parts * _SAMPLES)
