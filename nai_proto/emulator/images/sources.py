"""Pictures that requests bring: how large they are, and their pixels where these can be read."""

from __future__ import annotations

from typing import Final

from ...codecs.jpeg import jpeg_size
from ...codecs.pixels import Pixels, Plane, read_grey, read_pixels
from ...codecs.png import header
from ...codecs.webp import webp_size
from ...errors import NaiError
from ...image.rules import MOST_PIXELS
from ...image.sources import image_type
from ...limits import Limits
from .retouching import together

__all__ = ["grey_of", "picture_size", "pixels_of"]

_LIMITS: Final = Limits()
_READ: Final = Limits(pixels=MOST_PIXELS)
"""No picture is drawn that is larger."""


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, WebP or JPEG, as its head says; None if it is none of these, or damaged."""
    try:
        match image_type(data):
            case "png":
                head = header(data, _LIMITS)
                return head.width, head.height
            case "webp":
                return webp_size(data, _LIMITS)
            case "jpeg":
                return jpeg_size(data)
            case None:
                return None
    except NaiError:
        return None


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
