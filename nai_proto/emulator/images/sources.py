"""Pictures that requests bring: their pixels, where these can be read."""

from __future__ import annotations

from typing import Final

from ...codecs.pixels import Pixels, Plane, read_grey, read_pixels
from ...errors import NaiError
from ...image.rules import MOST_PIXELS
from ...limits import Limits
from .retouching import together

__all__ = ["grey_of", "pixels_of"]

_READ: Final = Limits(pixels=MOST_PIXELS)
"""No picture is drawn that is larger."""


def pixels_of(data: bytes) -> Pixels | None:
    """The pixels of a PNG of 8 bits, or of a lossless WebP; None if it is anything else, or too large.

    Slow for a large one whose rows are filtered in the clever ways, so for use in a `Compute`.
    """
    try:
        return read_pixels(data, _READ)
    except NaiError:
        grey = grey_of(data)
    return None if grey is None else together(grey)


def grey_of(data: bytes) -> Plane | None:
    """How bright a PNG in 8-bit grey is, or by its red whatever `pixels_of` reads; None if it is anything else."""
    try:
        return read_grey(data, _READ)
    except NaiError:
        return None
