"""What can be told of an image's bytes without looking at its pixels."""

from __future__ import annotations

from typing import Final, Literal

from ..codecs.jpeg import jpeg_size
from ..codecs.webp import webp_size
from ..errors import RemoteProtocolError

__all__ = ["image_size", "image_type", "png_size"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"


def image_type(data: bytes) -> Literal["png", "webp", "jpeg"] | None:
    """What kind of image begins so; None if none that the service knows."""
    if data.startswith(_PNG):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "jpeg" if data.startswith(b"\xff\xd8\xff") else None


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG in pixels, as its header says; None if it has none."""
    if not data.startswith(_PNG) or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, WebP or JPEG in pixels, as its header says; None if it has none, or a damaged one."""
    try:
        match image_type(data):
            case "webp":
                return webp_size(data)
            case "jpeg":
                return jpeg_size(data)
            case _:
                return png_size(data)
    except RemoteProtocolError:
        return None
