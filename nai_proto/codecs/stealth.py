"""The copy of a picture's text in the lowest bits of its alpha channel.

Bits run down the columns, the highest of each byte first: a mark, the length in bits, and gzip of that length. An error
correction of the colours may follow, which is neither written nor read. The copy is invisible; it is lost if the picture
is saved with losses, or its alpha is changed. Other programs have such copies in the colours as well, with marks of their
own: of each pixel the lowest bits of red, green and blue in turn. These are read and not written.

Bits are converted to bytes, and back, through one large integer: linear, at a few nanoseconds a pixel. Only the columns
that have the copy are read.

See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel.
"""

from __future__ import annotations

import zlib
from typing import Final

from ..arguments import BYTES, INTEGER, LIMITS, check_type
from ..errors import InvalidRequestError, RemoteProtocolError
from ..limits import Limits
from .picture_texts import excess_error
from .pixels import Pixels, Plane

__all__ = ["read_stealth", "stealth_room", "with_stealth"]

_PACKED: Final = b"stealth_pngcomp"
_MARKS: Final = {1: (_PACKED, b"stealth_pnginfo"), 3: (b"stealth_rgbcomp", b"stealth_rgbinfo")}
"""By the number of channels that have the bits: the mark of a copy in gzip, and that of one that is not packed."""
_HEAD: Final = len(_PACKED) + 4
_END: Final = b"\xff\xff\xff\xff"  # no error correction follows
_GZIP: Final = zlib.MAX_WBITS | 16
_GZIP_MARK: Final = b"\x1f\x8b"
_MOST_MEMBERS: Final = 16  # each is copied with all that follow it
_LEVEL: Final = 9

_DIGITS: Final = bytes(48 + (byte & 1) for byte in range(256))  # from a byte of alpha to the digit of its bit
_ALPHAS: Final = bytes(0xFE | (byte & 1) for byte in range(256))  # from that digit to alpha
_NO_BIT: Final = bytes(byte & 0xFE for byte in range(256))


def read_stealth(channels: Plane | Pixels, limits: Limits = Limits()) -> bytes | None:
    """Return the contents of the copy, unpacked; None if the picture has no copy there.

    Args:
        channels: alpha, from `Pixels.alpha`, or the pixels for a copy in their colours.
        limits: `Limits.picture_text` bounds the copy.

    Raises:
        RemoteProtocolError: it is damaged or too long.
    """
    check_type(channels, (Plane, Pixels), "channels", "a Plane or Pixels")
    LIMITS.check(limits, "limits")
    where = "its copy in alpha" if isinstance(channels, Plane) else "its copy in the colours"
    packed_mark, plain_mark = _MARKS[_count_channels(channels)]
    head = _read_bytes(channels, 0, _HEAD)
    mark, size = head[: len(_PACKED)], int.from_bytes(head[len(_PACKED) :])
    if len(head) < _HEAD or mark not in (packed_mark, plain_mark):
        return None
    if size % 8 or 8 * _HEAD + size > channels.width * channels.height * _count_channels(channels):
        raise RemoteProtocolError(f"picture: {where}: it is longer than the picture, or not of whole bytes")
    if size // 8 > limits.picture_text:
        raise excess_error(where, limits.picture_text)
    content = _read_bytes(channels, _HEAD, size // 8)
    return content if mark == plain_mark else _inflate(content, where, limits)


def with_stealth(pixels: Pixels, content: bytes, *, transparent: bool = False) -> Pixels:
    """Return the picture with a copy of ``content`` in alpha. Bytes of gzip differ between versions.

    Args:
        pixels: RGB or RGBA.
        content: the copy, unpacked: JSON in UTF-8.
        transparent: keep alpha, except its lowest bits where the copy is; else alpha becomes opaque, as the service
            writes it.

    Raises:
        InvalidRequestError: it does not fit (see `stealth_room`); or ``transparent``, and there is no alpha.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    content = BYTES.convert(content, "content")
    if transparent and pixels.alpha is None:
        raise InvalidRequestError("the picture has no alpha to keep", parameter="transparent")
    packed = zlib.compress(content, _LEVEL, _GZIP)
    bits = _PACKED + (8 * len(packed)).to_bytes(4) + packed
    if len(packed) > stealth_room(pixels.width, pixels.height):
        raise InvalidRequestError(
            f"a copy of {len(packed)} bytes does not fit into {pixels.area} pixels", parameter="content"
        )
    bits += _END[: (pixels.area - 8 * len(bits)) // 8]
    digits = f"{int.from_bytes(bits):0{8 * len(bits)}b}".encode()
    old = _transpose(pixels.alpha) if pixels.alpha is not None and transparent else b"\xff" * pixels.area
    new = _set_low_bits(old[: len(digits)].translate(_NO_BIT), digits) + old[len(digits) :]
    if not transparent:
        new = new.translate(_ALPHAS)
    return pixels.with_alpha(_transpose(Plane(pixels.height, pixels.width, new)))


def stealth_room(width: int, height: int) -> int:
    """Return how many bytes of gzip fit into a picture; negative for the smallest pictures."""
    INTEGER.check(width, "width")
    INTEGER.check(height, "height")
    return width * height // 8 - _HEAD


def _count_channels(channels: Plane | Pixels) -> int:
    """Return how many channels of a pixel have bits of a copy."""
    return 1 if isinstance(channels, Plane) else 3


def _read_bytes(channels: Plane | Pixels, skip: int, count: int) -> bytes:
    """Return ``count`` bytes after the first ``skip``, or as many as there are."""
    height = channels.height * _count_channels(channels)  # of a column, in bits
    first, last = 8 * skip, min(8 * (skip + count), channels.width * height // 8 * 8)
    if last <= first:
        return b""
    start, stop = first // height, -(-last // height)
    columns = b"".join(_read_column(channels, x) for x in range(start, stop))
    digits = columns[first - start * height : last - start * height].translate(_DIGITS)
    return int(digits, 2).to_bytes(len(digits) // 8)


def _read_column(channels: Plane | Pixels, x: int) -> bytes:
    """Return the samples of a column that have bits of a copy, pixel by pixel."""
    if isinstance(channels, Plane):
        return channels.data[x :: channels.width]
    out = bytearray(3 * channels.height)
    for channel in range(3):
        out[channel::3] = channels.data[channels.channels * x + channel :: channels.channels * channels.width]
    return bytes(out)


def _transpose(plane: Plane) -> bytes:
    """Return the plane column by column; of a transposed plane, the rows."""
    return b"".join(plane.data[x :: plane.width] for x in range(plane.width))


def _set_low_bits(alpha: bytes, digits: bytes) -> bytes:
    """Return alpha, whose lowest bits are 0, with the bits of the digits."""
    ones = int.from_bytes(digits) & int.from_bytes(b"\1" * len(digits))
    return (int.from_bytes(alpha) | ones).to_bytes(len(alpha))


def _inflate(packed: bytes, where: str, limits: Limits) -> bytes:
    """Return what is in gzip: in all of its members, one after the other. What follows them is ignored (RFC 1952 §2.2)."""
    content = bytearray()
    for _ in range(_MOST_MEMBERS):
        stream = zlib.decompressobj(_GZIP)
        try:
            content += stream.decompress(packed, limits.picture_text + 1 - len(content))
        except zlib.error:
            break
        if len(content) > limits.picture_text:
            raise excess_error(where, limits.picture_text)
        packed = stream.unused_data.lstrip(b"\0")
        if not stream.eof:
            break
        if not packed.startswith(_GZIP_MARK):
            return bytes(content)
    raise RemoteProtocolError(f"picture: {where}: it does not inflate")
