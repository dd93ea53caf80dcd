"""Pictures for clients that bring nothing to read them with: PNGs made by hand, and what the head of one says."""

from __future__ import annotations

import struct
import zlib
from typing import Final

__all__ = ["JPEG", "drawing", "shape"]

JPEG: Final = b"\xff\xd8\xff"
"""What a JPEG begins with."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MODES: Final = {2: "RGB", 6: "RGBA"}


def drawing(width: int, height: int) -> bytes:
    """A PNG in RGB in which one colour goes over into another."""
    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 128)) for x in range(width)) for y in range(height)
    )
    head = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def shape(data: bytes) -> tuple[int, int, str]:
    """Width, height and mode of a PNG, whose chunks are all there."""
    assert data.startswith(_SIGNATURE)
    width, height, _, colour = struct.unpack_from(">2L2B", data, 16)
    at = len(_SIGNATURE)
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        assert zlib.crc32(data[at + 4 : at + 8 + size]) == int.from_bytes(data[at + 8 + size : at + 12 + size], "big")
        at += 12 + size
    assert at == len(data)
    return width, height, _MODES[colour]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
