"""JPEG files (ITU-T T.81) as far as previews need them: written from blocks of one colour each, and measured.

A block of 8 × 8 pixels in one colour is one coefficient, the mean, and an end mark. Quantised by 8 it is the colour itself,
so that what is read is what was written but for the rounding between RGB and YCbCr. Each block is a few bits that are
looked up, and all of them become bytes by way of one large integer.
"""

from __future__ import annotations

import struct
from typing import Final

from ..arguments import BYTES, check_type
from ..errors import InvalidRequestError, RemoteProtocolError, Truncated
from .pixels import Pixels, Plane

__all__ = ["jpeg_size", "write_jpeg"]

_BLOCK: Final = 8
_LARGEST: Final = 0xFFFF

_LENGTHS: Final = (0, 1, 5, 1, 1, 1, 1, 1, 1)  # codes of one bit, two, three … (T.81 table K.3)
_END_OF_BLOCK: Final = "0"  # the only code for what follows the mean


def _codes() -> list[str]:
    """The code of each category, which is how many bits of a difference follow."""
    codes: list[str] = []
    code = 0
    for length, count in enumerate(_LENGTHS, 1):
        codes += [f"{code + each:0{length}b}" for each in range(count)]
        code = (code + count) << 1
    return codes


_CODES: Final = _codes()


def _told(difference: int) -> str:
    """A block whose mean differs so much from that of the block before."""
    size = abs(difference).bit_length()
    value = difference if difference >= 0 else difference + (1 << size) - 1
    return _CODES[size] + (f"{value:0{size}b}" if size else "") + _END_OF_BLOCK


_BITS: Final = {difference: _told(difference) for difference in range(-255, 256)}


def write_jpeg(cells: Pixels | Plane) -> bytes:
    """A picture eight times as wide and high, in which each pixel is a block; of RGBA without alpha, of a plane in grey.

    Raises:
        InvalidRequestError: it would be wider or higher than 65,535 pixels.
    """
    check_type(cells, (Pixels, Plane), "cells", "Pixels or a Plane")
    width, height = _BLOCK * cells.width, _BLOCK * cells.height
    if max(width, height) > _LARGEST:
        raise InvalidRequestError(f"a JPEG has sides of at most {_LARGEST} pixels", parameter="cells")
    parts = (cells.data,) if isinstance(cells, Plane) else _ycc(cells.rgb)
    count = len(parts)
    frame = b"".join(bytes((number, 0x11, 0)) for number in range(1, count + 1))
    scan = b"".join(bytes((number, 0)) for number in range(1, count + 1))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            _segment(0xDB, b"\0" + bytes((_BLOCK,)) * 64),
            _segment(0xC0, struct.pack(">B2HB", 8, height, width, count) + frame),
            _segment(0xC4, b"\x10" + b"\1".ljust(16, b"\0") + b"\0"),
            _segment(0xDA, bytes((count,)) + scan + b"\0\x3f\0"),
            _entropy(parts),
            b"\xff\xd9",
        )
    )


def jpeg_size(data: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        Truncated: the file ends before it says so.
        RemoteProtocolError: it is no JPEG.
    """
    BYTES.check(data, "data")
    if bytes(data[:3]) != b"\xff\xd8\xff":
        raise RemoteProtocolError("picture: no JPEG")
    at = 2
    while at + 4 <= len(data):
        marker, kind = data[at], data[at + 1]
        if marker != 0xFF:
            raise RemoteProtocolError("picture: what should be a segment of the JPEG is none")
        if kind == 0xFF:  # what fills up
            at += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            if at + 9 > len(data):
                break
            height, width = struct.unpack_from(">2H", data, at + 5)
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise Truncated("picture: the JPEG ends too early")


def _segment(kind: int, content: bytes) -> bytes:
    return bytes((0xFF, kind)) + (2 + len(content)).to_bytes(2) + content


def _ycc(rgb: bytes) -> tuple[bytes, bytes, bytes]:
    """Brightness and two differences, as JFIF has them."""
    pixels = list(zip(rgb[0::3], rgb[1::3], rgb[2::3], strict=True))
    return (
        bytes((19595 * r + 38470 * g + 7471 * b + 32768) >> 16 for r, g, b in pixels),
        bytes(min(255, (-11059 * r - 21709 * g + 32768 * b + 8421375) >> 16) for r, g, b in pixels),
        bytes(min(255, (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16) for r, g, b in pixels),
    )


def _entropy(parts: tuple[bytes, ...]) -> bytes:
    """The blocks, those of all channels in turn; the first differs from the middle."""
    told = [[_BITS[value - before] for before, value in zip(b"\x80" + part[:-1], part, strict=True)] for part in parts]
    bits = "".join(map("".join, zip(*told, strict=True)))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
