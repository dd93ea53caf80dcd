"""Images of requests: their size, and their pixels where they can be decoded.

Decoding can take seconds for a large image: call it in a `Compute`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ...codecs.pixels import Pixels, Plane, read_grey, read_pixels
from ...errors import MissingExtra, NaiError
from ...image.image_files import image_size
from ...image.parameter_rules import MAX_PIXELS
from ...limits import Limits
from .request import DecodedBody, validation_error

__all__ = ["SourceImage", "decode_brightness", "decode_pixels", "decode_source", "find_source"]

_TOOL_LIMITS: Final = Limits()
_GENERATION_LIMITS: Final = Limits(pixels=MAX_PIXELS)
"""No generated image is larger."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """An image that a tool works on. Sizes are in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int


def find_source(body: DecodedBody, value: object, name: str) -> SourceImage:
    """Return the image that a field of the body holds, with its size.

    Args:
        body: The request's body.
        value: Value of the field; None if it is absent.
        name: Name of the field, for the error message.

    Raises:
        Refused: 400, the field is absent, or it does not hold a PNG, WebP or JPEG.
    """
    if value is None:
        raise validation_error(f"{name} is required")
    data = body.decode_image(value, name)
    size = image_size(data)
    if size is None or 0 in size:
        raise validation_error(f"{name} is not a PNG, WebP or JPEG")
    return SourceImage(data, *size)


def decode_source(source: SourceImage) -> Pixels | None:
    """Decode an image for a tool.

    Returns:
        The pixels; None for an image that only Pillow decodes, where it is not installed.

    Raises:
        Refused: 400, the image is damaged or too large.
    """
    if source.width * source.height <= _TOOL_LIMITS.pixels:
        try:
            return read_pixels(source.data, _TOOL_LIMITS)
        except MissingExtra:
            return None
        except NaiError:
            pass
    raise validation_error("image is damaged, or too large")


def decode_pixels(data: bytes) -> Pixels | None:
    """Decode an image for a generation; None if it is damaged, too large, or needs Pillow and that is not installed."""
    try:
        return read_pixels(data, _GENERATION_LIMITS)
    except NaiError:
        return None


def decode_brightness(data: bytes) -> Plane | None:
    """Decode the brightness of a grey image, or the red of another; None where `decode_pixels` returns None."""
    try:
        return read_grey(data, _GENERATION_LIMITS)
    except NaiError:
        return None
