"""The picture that a tool is to work on: found in a request, measured, and opened where its pixels can be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ...codecs.pixels import Pixels
from ...codecs.png import header
from ...errors import NaiError
from ...image.sources import image_type, png_size
from ...limits import Limits
from ..asked import Asked
from ..chance import Chance
from .bodies import Body, invalid, read_body
from .drawing import landscape
from .raster import CELL, enlarged
from .retouching import together
from .sources import grey_of, picture_size, pixels_of

__all__ = ["Source", "opened", "received", "source_of"]

_MOST: Final = Limits().pixels


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that came with a request."""

    data: bytes = field(repr=False)
    width: int
    height: int


def received(asked: Asked, *names: str) -> Body:
    """What came. Whether a form has the parts that it speaks of is asked before all else (image §12).

    Args:
        asked: has the body.
        names: of the fields for pictures.

    Raises:
        Refused: 400, it is no such body, or a part is missing.
    """
    body = read_body(asked)
    if body.parts is not None:
        for name in body.document.keys() & names:
            body.image(body.document[name], name)
    return body


def source_of(body: Body, value: object, name: str) -> Source:
    """The picture that a field of the body stands for.

    Raises:
        Refused: 400, there is none, or it is no PNG, WebP or JPEG.
    """
    if value is None:
        raise invalid(f"{name} is required")
    data = body.image(value, name)
    size = picture_size(data) or png_size(data)  # the latter of one that claims too much to be opened
    if size is None or 0 in size:
        raise invalid(f"{name} is no PNG, WebP or JPEG")
    return Source(data, *size)


def opened(source: Source) -> Pixels:
    """Its pixels; of a JPEG, a WebP or a PNG with a palette, which are not read here, others in their place.

    For use in a `Compute`.

    Raises:
        Refused: 400, it is damaged, or too large.
    """
    pixels = pixels_of(source.data)
    if pixels is not None:
        return pixels
    grey = grey_of(source.data)
    if grey is not None:
        return together(grey)
    if _readable(source.data) or source.width * source.height > _MOST:
        raise invalid("image is damaged, or too large")
    return _instead(source)


def _instead(source: Source) -> Pixels:
    """A landscape of its size, always the same in place of the same."""
    cells = landscape(-(-source.width // CELL), -(-source.height // CELL), Chance(sha256(source.data).digest()))
    whole, stride = enlarged(cells).data, 4 * CELL * cells.width
    rows = (whole[at : at + 4 * source.width] for at in range(0, stride * source.height, stride))
    return Pixels(source.width, source.height, b"".join(rows))


def _readable(data: bytes) -> bool:
    """Is it a PNG whose pixels are read where all is well?"""
    if image_type(data) != "png":
        return False
    try:
        head = header(data)
    except NaiError:
        return True
    return (head.depth, head.interlaced) == (8, False) and head.colour in (0, 2, 6)
