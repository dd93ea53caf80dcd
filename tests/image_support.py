"""Helpers of the tests of images: small files, and the body of a request."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from nai_proto.http import Request

__all__ = ["JPEG", "PNG", "WEBP", "body_of", "png"]


def png(width: int, height: int) -> bytes:
    """Return a valid black PNG of one bit per pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((width + 7) // 8)) * height
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


PNG = png(64, 64)
WEBP = b"RIFF\x04\x00\x00\x00WEBP"
JPEG = b"\xff\xd8\xff\xe0"


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON of a request."""
    body: dict[str, Any] = json.loads(request.body)
    return body
