"""The size of a JPEG (ITU-T T.81), read from its header."""

from __future__ import annotations

import struct

from ..arguments import BYTES
from ..errors import RemoteProtocolError, Truncated

__all__ = ["read_jpeg_size"]


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
