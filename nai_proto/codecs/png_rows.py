"""The rows of a PNG with 8 bits a sample, without interlacing and palette, by the standard library alone (PNG §9, §10).

A row is filtered by what stands left of it, above, or both. Channels never mix, so each is restored on its own: reading
alpha costs one channel. Bytes are added many at once, as the digits of one large integer; the two filters that look at the
byte just restored (average and Paeth) go byte by byte, at some tenths of a microsecond each.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from ..errors import RemoteProtocolError
from ..limits import Limits
from .png import SIGNATURE, PngHeader, build_png_chunk, read_pixel_chunks

__all__ = ["FilteredRows", "encode_png", "has_plain_rows", "read_rows"]

_CHANNELS: Final = {0: 1, 2: 3, 4: 2, 6: 4}
"""Samples of a pixel by type of colour: grey, RGB, grey with alpha, RGBA."""

_COLOURS: Final = {channels: colour for colour, channels in _CHANNELS.items()}
_UP, _AVERAGE, _PAETH = 2, 3, 4  # filters
_LEVEL: Final = 1  # drawings compress well at any level, noise at none


@dataclass(frozen=True, slots=True)
class FilteredRows:
    """Rows as they are filtered, inflated."""

    header: PngHeader
    raw: bytes = field(repr=False)
    "Each row behind the number of its filter."

    @property
    def channels(self) -> int:
        """Samples of a pixel."""
        return _CHANNELS[self.header.colour]

    @property
    def stride(self) -> int:
        """Bytes of a row, its filter's number included."""
        return 1 + self.header.width * self.channels

    @property
    def slow_bytes(self) -> int:
        """How many bytes have to be restored one by one."""
        filters = self.raw[:: self.stride]
        return self.stride * (filters.count(_AVERAGE) + filters.count(_PAETH))

    def restore_channel(self, channel: int) -> bytes:
        """Return one channel without its filters, a byte a pixel."""
        above = bytes(self.header.width)
        out: list[bytes] = []
        for at in range(0, len(self.raw), self.stride):
            row = self.raw[at + 1 + channel : at + self.stride : self.channels]
            match self.raw[at]:
                case 1:
                    above = _accumulate(row)
                case 2:
                    above = _add(row, above)
                case 3:
                    above = _restore_average(row, above)
                case 4:
                    above = _restore_paeth(row, above)
                case _:
                    above = row
            out.append(above)
        return b"".join(out)

    def restore(self) -> bytes:
        """Return all channels without their filters, pixel by pixel."""
        out = bytearray(self.header.width * self.header.height * self.channels)
        for channel in range(self.channels):
            out[channel :: self.channels] = self.restore_channel(channel)
        return bytes(out)


def has_plain_rows(header: PngHeader) -> bool:
    """Return whether `read_rows` reads a PNG with this header."""
    return header.depth == 8 and header.colour in _CHANNELS and not header.interlaced


def read_rows(data: bytes, header: PngHeader, limits: Limits) -> FilteredRows:
    """Return the inflated rows of a PNG; never more than its header claims is inflated.

    Args:
        data: the file.
        header: of the file; `has_plain_rows` is true of it.
        limits: for `read_pixel_chunks`.

    Raises:
        RemoteProtocolError: the rows are damaged; and what `read_pixel_chunks` raises.
    """
    packed = b"".join(content for kind, content in read_pixel_chunks(data, limits) if kind == b"IDAT")
    stride = 1 + header.width * _CHANNELS[header.colour]
    size = header.height * stride
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(packed, size + 1)
    except zlib.error:
        raw = b""
    if len(raw) != size or not stream.eof:
        raise RemoteProtocolError("picture: its pixels do not inflate to its size")
    if max(raw[::stride]) > _PAETH:
        raise RemoteProtocolError("picture: a row has an unknown filter")
    return FilteredRows(header, raw)


def encode_png(width: int, height: int, data: bytes) -> bytes:
    """Return a PNG with these pixels, which may be grey, RGB or RGBA; each row is filtered by the one above."""
    stride = len(data) // height
    rows = _subtract(data, bytes(stride) + data[:-stride])
    filtered = b"".join(bytes((_UP,)) + rows[at : at + stride] for at in range(0, len(rows), stride))
    head = struct.pack(">2L5B", width, height, 8, _COLOURS[stride // width], 0, 0, 0)
    return (
        SIGNATURE
        + build_png_chunk(b"IHDR", head)
        + build_png_chunk(b"IDAT", zlib.compress(filtered, _LEVEL))
        + build_png_chunk(b"IEND", b"")
    )


# ---- many bytes at once, each modulo 256
#
# Without their highest bits no sum carries into the next byte, and a difference from a byte with its highest bit set borrows
# from none; the highest bits themselves are set right by exclusive or.


def _add(a: bytes, b: bytes) -> bytes:
    high = int.from_bytes(b"\x80" * len(a))
    return _add_numbers(int.from_bytes(a), int.from_bytes(b), high).to_bytes(len(a))


def _subtract(a: bytes, b: bytes) -> bytes:
    high = int.from_bytes(b"\x80" * len(a))
    x, y = int.from_bytes(a), int.from_bytes(b)
    return (((x | high) - (y & ~high)) ^ ((x ^ ~y) & high)).to_bytes(len(a))


def _accumulate(row: bytes) -> bytes:
    """Return each byte plus all before it: add the byte one before, then of the result the one two before, four …"""
    high = int.from_bytes(b"\x80" * len(row), "little")
    all_bits = (1 << 8 * len(row)) - 1
    total, step = int.from_bytes(row, "little"), 1
    while step < len(row):
        total = _add_numbers(total, total << 8 * step & all_bits, high)
        step *= 2
    return total.to_bytes(len(row), "little")


def _add_numbers(x: int, y: int, high: int) -> int:
    return ((x & ~high) + (y & ~high)) ^ ((x ^ y) & high)


# ---- byte by byte


def _restore_average(row: bytes, above: bytes) -> bytes:
    out = bytearray()
    left = 0
    for byte, up in zip(row, above, strict=True):
        left = byte + (left + up >> 1) & 0xFF
        out.append(left)
    return bytes(out)


def _restore_paeth(row: bytes, above: bytes) -> bytes:
    """Add to each byte the neighbour that is nearest to left + up - corner; of equals left, then up."""
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
