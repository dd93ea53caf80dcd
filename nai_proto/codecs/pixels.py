"""Pixels of 8-bit RGB and RGBA pictures, and grey masks, out of PNG and lossless WebP files and into them, by the standard
library alone. How they stand in a WebP, `vp8l` says; how in a PNG, this module.

A row is filtered by what stands left of it, above, or both. Channels never mix, so each is undone on its own: whoever needs
only alpha, as the stealth copy does, pays for one. Bytes are added many at once (`bytewise`); the two filters that look at
the byte just made (average and Paeth) go byte by byte, at some tenths of a microsecond each. If there is much of these and
numpy is installed, it does them (`diagonals`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..arguments import BYTES, INTEGER, LIMITS, check_type
from ..errors import InvalidRequestError, RemoteProtocolError
from ..limits import Limits
from . import diagonals
from .bytewise import added, subtracted, summed
from .png import SIGNATURE, Header, chunk, chunks, header, with_text
from .vp8l import read_vp8l, write_vp8l
from .webp import Lossless, is_webp, lossless, webp_file, with_webp_text

__all__ = ["Pixels", "Plane", "read_alpha", "read_grey", "read_pixels", "write_png", "write_webp"]

_CHANNELS: Final = {0: 1, 2: 3, 6: 4}
_COLOURS: Final = (2, 6)
_AVERAGE, _PAETH = 3, 4  # filters (PNG §9)
_WORTH: Final = 500_000  # bytes so filtered that take as long without numpy as loading it does
_LEVEL: Final = 1  # drawings compress well at any level, noise at none


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture: its rows from the top, in each three bytes a pixel for red, green and blue, or four with alpha."""

    width: int
    height: int
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_size(self.width, self.height, self.data)
        if self.width < 1 or self.height < 1 or len(self.data) not in (3 * self.area, 4 * self.area):
            raise InvalidRequestError(
                "pixels are three or four bytes each, and as many as width and height say", parameter="data"
            )

    @property
    def area(self) -> int:
        """How many pixels there are."""
        return self.width * self.height

    @property
    def channels(self) -> int:
        """3 for RGB, 4 for RGBA."""
        return len(self.data) // self.area

    @property
    def rgb(self) -> bytes:
        """The colours without alpha."""
        if self.channels == 3:
            return self.data
        out = bytearray(3 * self.area)
        for channel in range(3):
            out[channel::3] = self.data[channel::4]
        return bytes(out)

    @property
    def alpha(self) -> Plane | None:
        """Alpha alone, if there is one."""
        return Plane(self.width, self.height, self.data[3::4]) if self.channels == 4 else None

    def with_alpha(self, alpha: bytes) -> Pixels:
        """The same colours with this alpha."""
        alpha = BYTES.convert(alpha, "alpha")
        if len(alpha) != self.area:
            raise InvalidRequestError(f"alpha has a byte for each of {self.area} pixels", parameter="alpha")
        out = bytearray(4 * self.area)
        for channel in range(3):
            out[channel::4] = self.data[channel :: self.channels]
        out[3::4] = alpha
        return Pixels(self.width, self.height, bytes(out))


@dataclass(frozen=True, slots=True)
class Plane:
    """One channel of a picture: a byte a pixel, rows from the top."""

    width: int
    height: int
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_size(self.width, self.height, self.data)
        if len(self.data) != self.width * self.height:
            raise InvalidRequestError("a plane has a byte a pixel, as many as width and height say", parameter="data")


def read_pixels(data: bytes, limits: Limits = Limits()) -> Pixels:
    """The pixels of a PNG or a lossless WebP.

    Raises:
        RemoteProtocolError: it is damaged; a PNG that is interlaced, or neither RGB nor RGBA of 8 bits; a WebP with losses
            or that moves; and what `chunks` and `webp_chunks` raise.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    if is_webp(data):
        return _from_webp(lossless(data, limits))
    head, raw = _raw(data, limits)
    channels = _CHANNELS[head.colour]
    if _by_diagonals(raw, 1 + head.width * channels):
        return Pixels(head.width, head.height, diagonals.unfiltered(raw, head.width, channels, slice(None)))
    out = bytearray(head.width * head.height * channels)
    for channel in range(channels):
        out[channel::channels] = _plane(head, raw, channel)
    return Pixels(head.width, head.height, bytes(out))


def read_alpha(data: bytes, limits: Limits = Limits()) -> Plane | None:
    """Alpha alone of a PNG or a lossless WebP; None if it has none. Raises what `read_pixels` raises."""
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    if is_webp(data):
        found = lossless(data, limits)
        return None if found is not None and not found.alpha else _from_webp(found).alpha
    if header(data, limits).colour == 2:
        return None
    head, raw = _raw(data, limits)
    if _by_diagonals(raw, 1 + 4 * head.width):
        return Plane(head.width, head.height, diagonals.unfiltered(raw, head.width, 4, slice(3, None)))
    return Plane(head.width, head.height, _plane(head, raw, 3))


def read_grey(data: bytes, limits: Limits = Limits()) -> Plane:
    """How bright each pixel is: a PNG in 8-bit grey, or the red of what `read_pixels` reads, which is the grey if it has no
    colours. Raises what that raises.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    if is_webp(data):
        pixels = read_pixels(data, limits)
        return Plane(pixels.width, pixels.height, pixels.data[:: pixels.channels])
    head, raw = _raw(data, limits, _CHANNELS)
    return Plane(head.width, head.height, _plane(head, raw, 0))


def write_png(pixels: Pixels, texts: Mapping[str, str] | None = None) -> bytes:
    """A PNG file with these pixels and texts. Raises what `with_text` raises."""
    check_type(pixels, Pixels, "pixels", "Pixels")
    stride = pixels.width * pixels.channels
    above = bytes(stride) + pixels.data[:-stride]
    rows = subtracted(pixels.data, above)
    filtered = b"".join(b"\2" + rows[at : at + stride] for at in range(0, len(rows), stride))
    colour = 6 if pixels.channels == 4 else 2
    head = struct.pack(">2L5B", pixels.width, pixels.height, 8, colour, 0, 0, 0)
    file = SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(filtered, _LEVEL)) + chunk(b"IEND", b"")
    return with_text(file, texts, Limits(pixels=pixels.area)) if texts else file


def write_webp(pixels: Pixels, texts: Mapping[str, str] | None = None) -> bytes:
    """A lossless WebP with these pixels, and in EXIF these texts by the names of their tags.

    Raises:
        InvalidRequestError: a side has more than 16,384 pixels; and what `write_exif` raises.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    planes = [pixels.data[channel :: pixels.channels] for channel in range(pixels.channels)]
    file = webp_file([(b"VP8L", write_vp8l(pixels.width, pixels.height, planes))])
    return with_webp_text(file, texts, Limits(pixels=pixels.area)) if texts else file


def _check_size(width: object, height: object, data: object) -> None:
    INTEGER.check(width, "width")
    INTEGER.check(height, "height")
    check_type(data, bytes, "data", "bytes")


def _from_webp(found: Lossless | None) -> Pixels:
    if found is None:
        raise RemoteProtocolError("picture: a WebP with losses or that moves; only still ones without losses are read")
    width, height, planes = read_vp8l(bytes(found.content))
    out = bytearray(len(planes) * width * height)
    for channel, plane in enumerate(planes):
        out[channel :: len(planes)] = plane
    return Pixels(width, height, bytes(out))


def _raw(data: bytes, limits: Limits, colours: Container[int] = _COLOURS) -> tuple[Header, bytes]:
    """The header, and the inflated rows, each behind the number of its filter."""
    found = list(chunks(data, limits))
    head = header(data, limits)
    if head.depth != 8 or head.colour not in colours or head.interlaced:
        raise RemoteProtocolError("picture: only 8-bit RGB and RGBA without interlacing are read")
    size = head.height * (1 + head.width * _CHANNELS[head.colour])
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(b"".join(content for kind, content in found if kind == b"IDAT"), size + 1)
    except zlib.error:
        raw = b""
    if len(raw) != size or not stream.eof:
        raise RemoteProtocolError("picture: its pixels do not inflate to its size")
    if max(raw[:: size // head.height]) > _PAETH:
        raise RemoteProtocolError("picture: a row has a filter that there is not")
    return head, raw


def _by_diagonals(raw: bytes, stride: int) -> bool:
    """Is that quicker? For a few rows with the slow filters it is not worth looking for numpy."""
    filters = raw[::stride]
    return stride * (filters.count(_AVERAGE) + filters.count(_PAETH)) > _WORTH and diagonals.is_there()


def _plane(head: Header, raw: bytes, channel: int) -> bytes:
    """One channel without its filters."""
    channels = _CHANNELS[head.colour]
    stride = 1 + head.width * channels
    above = bytes(head.width)
    out: list[bytes] = []
    for at in range(0, len(raw), stride):
        row = raw[at + 1 + channel : at + stride : channels]
        match raw[at]:
            case 1:
                above = summed(row)
            case 2:
                above = added(row, above)
            case 3:
                above = _averaged(row, above)
            case 4:
                above = _paeth(row, above)
            case _:
                above = row
        out.append(above)
    return b"".join(out)


# ---- byte by byte


def _averaged(row: bytes, above: bytes) -> bytes:
    out = bytearray()
    left = 0
    for byte, up in zip(row, above, strict=True):
        left = byte + (left + up >> 1) & 0xFF
        out.append(left)
    return bytes(out)


def _paeth(row: bytes, above: bytes) -> bytes:
    """The neighbour that is nearest to left + up - corner; of equals left, then up."""
    out = bytearray()
    left = corner = 0
    for byte, up in zip(row, above, strict=True):
        across, down = up - corner, left - corner
        far = abs(across + down)
        across, down = abs(across), abs(down)
        if across <= down and across <= far:
            left = byte + left & 0xFF
        elif down <= far:
            left = byte + up & 0xFF
        else:
            left = byte + corner & 0xFF
        corner = up
        out.append(left)
    return bytes(out)
