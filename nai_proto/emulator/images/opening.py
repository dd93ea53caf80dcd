"""The picture that a tool is to work on: found in a request, measured, and opened where its pixels can be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ...codecs.pixels import Pixels, read_grey, read_pixels
from ...codecs.png import header
from ...codecs.webp import lossless
from ...errors import NaiError
from ...image.sources import image_size, image_type
from ...limits import Limits
from ..asked import Asked
from ..chance import Chance
from .bodies import Body, invalid, read_body
from .drawing import landscape
from .raster import CELL, enlarged
from .retouching import together

__all__ = ["Source", "opened", "received", "source_of"]

_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that came with a request."""

    data: bytes = field(repr=False)
    width: int
    height: int


def received(asked: Asked, *names: str) -> Body:
    """What came. Whether a form has the parts that it speaks of is asked before all else.

    See docs/protocol/image.md#12-notes-for-an-emulator.

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
    size = image_size(data)
    if size is None or 0 in size:
        raise invalid(f"{name} is no PNG, WebP or JPEG")
    return Source(data, *size)


def opened(source: Source) -> Pixels:
    """Its pixels; of what is not read here, such as a JPEG, others in their place. For use in a `Compute`.

    Raises:
        Refused: 400, it is damaged, or too large.
    """
    if source.width * source.height <= _LIMITS.pixels:
        try:
            return _read(source.data) or _instead(source)
        except NaiError:
            pass
    raise invalid("image is damaged, or too large")


def _read(data: bytes) -> Pixels | None:
    """The pixels of a PNG in 8-bit grey or colours, or of a lossless WebP; None if it is anything else."""
    kind = image_type(data)
    if kind == "webp":
        return None if lossless(data, _LIMITS) is None else read_pixels(data, _LIMITS)
    if kind != "png":
        return None
    head = header(data, _LIMITS)
    if head.depth != 8 or head.interlaced or head.colour not in (0, 2, 6):
        return None
    return read_pixels(data, _LIMITS) if head.colour else together(read_grey(data, _LIMITS))


def _instead(source: Source) -> Pixels:
    """A landscape of its size, always the same in place of the same."""
    cells = landscape(-(-source.width // CELL), -(-source.height // CELL), Chance(sha256(source.data).digest()))
    whole, stride = enlarged(cells).data, 4 * CELL * cells.width
    rows = (whole[at : at + 4 * source.width] for at in range(0, stride * source.height, stride))
    return Pixels(source.width, source.height, b"".join(rows))
