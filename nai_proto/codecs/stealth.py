"""The copy of a picture's text in the lowest bits of its alpha channel.

Bits run down the columns, the highest of each byte first: a mark, the length in bits, and gzip of that length. An error
correction of the colours may follow, which is neither written nor read. The copy is invisible; it is lost if the picture
is saved with losses, or its alpha is changed.

Bits are converted to bytes, and back, through one large integer: linear, at a few nanoseconds a pixel. Only the columns
that have the copy are read.

See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel.
"""

from __future__ import annotations

import zlib
from typing import Final

from ..arguments import BYTES, INTEGER, LIMITS, check_type
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from ..limits import Limits
from .pixels import Pixels, Plane

__all__ = ["read_stealth", "stealth_room", "with_stealth"]

_PACKED: Final = b"stealth_pngcomp"
_PLAIN: Final = b"stealth_pnginfo"  # of other tools (docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel)
_HEAD: Final = len(_PACKED) + 4
_END: Final = b"\xff\xff\xff\xff"  # no error correction follows
_GZIP: Final = zlib.MAX_WBITS | 16
_LEVEL: Final = 9

_DIGITS: Final = bytes(48 + (byte & 1) for byte in range(256))  # from a byte of alpha to the digit of its bit
_ALPHAS: Final = bytes(0xFE | (byte & 1) for byte in range(256))  # from that digit to alpha
_NO_BIT: Final = bytes(byte & 0xFE for byte in range(256))


def read_stealth(alpha: Plane, limits: Limits = Limits()) -> bytes | None:
    """Return the contents of the copy, unpacked; None if the picture has no copy.

    Args:
        alpha: from `read_alpha` or `Pixels.alpha`.

    Raises:
        LimitExceeded: it has more bytes than `Limits.picture_text`.
        RemoteProtocolError: it is damaged.
    """
    check_type(alpha, Plane, "alpha", "a Plane")
    LIMITS.check(limits, "limits")
    head = _read_bytes(alpha, 0, _HEAD)
    mark, size = head[: len(_PACKED)], int.from_bytes(head[len(_PACKED) :])
    if len(head) < _HEAD or mark not in (_PACKED, _PLAIN):
        return None
    if size % 8 or 8 * _HEAD + size > len(alpha.data):
        raise _damage_error("it is longer than the picture, or not of whole bytes")
    if size // 8 > limits.picture_text:
        raise LimitExceeded("picture text", limit=limits.picture_text, value=size // 8)
    content = _read_bytes(alpha, _HEAD, size // 8)
    return content if mark == _PLAIN else _inflate(content, limits)


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


def _read_bytes(alpha: Plane, skip: int, count: int) -> bytes:
    """Return ``count`` bytes after the first ``skip``, or as many as there are."""
    first, last = 8 * skip, min(8 * (skip + count), len(alpha.data) // 8 * 8)
    if last <= first:
        return b""
    start, stop = first // alpha.height, -(-last // alpha.height)
    columns = b"".join(alpha.data[x :: alpha.width] for x in range(start, stop))
    digits = columns[first - start * alpha.height : last - start * alpha.height].translate(_DIGITS)
    return int(digits, 2).to_bytes(len(digits) // 8)


def _transpose(plane: Plane) -> bytes:
    """Return the plane column by column; of a transposed plane, the rows."""
    return b"".join(plane.data[x :: plane.width] for x in range(plane.width))


def _set_low_bits(alpha: bytes, digits: bytes) -> bytes:
    """Return alpha, whose lowest bits are 0, with the bits of the digits."""
    ones = int.from_bytes(digits) & int.from_bytes(b"\1" * len(digits))
    return (int.from_bytes(alpha) | ones).to_bytes(len(alpha))


def _inflate(packed: bytes, limits: Limits) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(packed, limits.picture_text + 1)
    except zlib.error:
        pass
    else:
        if len(content) > limits.picture_text:
            raise LimitExceeded("picture text", limit=limits.picture_text, value=len(content))
        if stream.eof and not stream.unused_data:
            return content
    raise _damage_error("it does not inflate")


def _damage_error(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"picture: its copy in alpha: {problem}")
