"""JPEG files: their segments, size and EXIF, read without a look at the pixels (ITU-T T.81, CIPA DC-008)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from ..arguments import BYTES, LIMITS
from ..errors import RemoteProtocolError, Truncated
from ..limits import Limits
from .exif import read_exif
from .picture_texts import PictureTexts

__all__ = ["is_jpeg", "iter_jpeg_segments", "read_jpeg_size", "read_jpeg_text"]

_START: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segment that has the size."""
_SCAN: Final = 0xDA
_APP1: Final = 0xE1
_EXIF: Final = b"Exif\0\0"


def is_jpeg(data: bytes | bytearray | memoryview) -> bool:
    """Return whether data begins as a JPEG."""
    BYTES.check(data, "data")
    return bytes(data[:3]) == _START


def iter_jpeg_segments(data: bytes | bytearray | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield marker and content of each segment before the pixels; contents are views.

    Raises:
        Truncated: the file ends before its pixels.
        RemoteProtocolError: it is no JPEG, or damaged.
    """
    BYTES.check(data, "data")
    view = memoryview(data)
    if not is_jpeg(view):
        raise RemoteProtocolError("picture: no JPEG")
    at = 2
    while at + 4 <= len(view):
        if view[at] != 0xFF:
            raise RemoteProtocolError(f"picture: what should be a segment of the JPEG at byte {at} is none")
        marker = view[at + 1]
        if marker == 0xFF:  # what fills up
            at += 1
            continue
        if marker == _SCAN:
            return
        end = at + 2 + int.from_bytes(view[at + 2 : at + 4])
        if end > len(view):
            break
        yield marker, view[at + 4 : end]
        at = end
    raise Truncated("picture: the JPEG ends too early")


def read_jpeg_size(data: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Return width and height in pixels.

    Raises:
        RemoteProtocolError: what `iter_jpeg_segments` raises; or the file does not say.
    """
    for marker, content in iter_jpeg_segments(data):
        if marker in _FRAMES and len(content) >= 5:
            height, width = struct.unpack_from(">2H", content, 1)
            return width, height
    raise RemoteProtocolError("picture: the JPEG does not say its size")


def read_jpeg_text(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> PictureTexts:
    """Return the texts of its EXIF, as `read_exif` has them; none if there is none.

    Raises what `iter_jpeg_segments` and `read_exif` raise.
    """
    LIMITS.check(limits, "limits")
    for marker, content in iter_jpeg_segments(data):
        if marker == _APP1 and bytes(content[: len(_EXIF)]) == _EXIF:
            return read_exif(content, limits)
    return PictureTexts({})
