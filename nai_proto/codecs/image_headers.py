"""What the first bytes of an image file say: its format, and the size of a JPEG (ITU-T T.81).

PNG and WebP have modules of their own.
"""

from __future__ import annotations

import struct
from typing import Final

from ..arguments import BYTES
from ..errors import RemoteProtocolError, Truncated
from .png import SIGNATURE
from .webp import is_webp

__all__ = ["detect_format", "read_jpeg_size"]

_AVIF_BRANDS: Final = (b"avif", b"avis", b"mif1", b"msf1")


def detect_format(data: bytes) -> str | None:
    """Return Pillow's name for the format that a file begins as, None for one that is not read here."""
    data = BYTES.convert(data, "data")
    if data.startswith(SIGNATURE):
        return "PNG"
    if is_webp(data):
        return "WEBP"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    return "AVIF" if data[4:8] == b"ftyp" and data[8:12] in _AVIF_BRANDS else None


def read_jpeg_size(data: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Return width and height in pixels.

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
