"""JPEG files: their segments, size and comments, read without decoding pixels (ITU-T T.81)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from ..arguments import BYTES
from ..errors import RemoteProtocolError, Truncated

__all__ = ["is_jpeg", "iter_jpeg_comments", "iter_jpeg_segments", "read_jpeg_size"]

_START: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segment that has the size."""
_SCAN: Final = 0xDA
_COMMENT: Final = 0xFE
_LONGEST: Final = 0xFFFF - 2
"""How many bytes a segment can hold."""
_END: Final = re.compile(rb"\xff\xd9")
"""The marker of the end, which never stands among pixels (ITU-T T.81 §B.1.1.5)."""


def is_jpeg(data: bytes | bytearray | memoryview) -> bool:
    """Return whether data begins as a JPEG."""
    BYTES.check(data, "data")
    return bytes(data[:3]) == _START


def iter_jpeg_segments(data: bytes | bytearray | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield marker and content of each segment before the pixels; contents are views.

    Raises:
        Truncated: the file ends before its pixels, or in them.
        RemoteProtocolError: it is no JPEG, or damaged.
    """
    BYTES.check(data, "data")
    view = memoryview(data)
    if not is_jpeg(view):
        raise RemoteProtocolError("picture: no JPEG")
    at = 2
    while at + 4 <= len(view):
        if view[at] != 0xFF:
            raise RemoteProtocolError(
                f"picture: the JPEG has something else at byte {at}, where a segment should begin"
            )
        marker = view[at + 1]
        if marker == 0xFF:  # what fills up
            at += 1
            continue
        if marker == _SCAN and _END.search(view, at):
            return
        end = at + 2 + int.from_bytes(view[at + 2 : at + 4])
        if end > len(view) or marker == _SCAN:
            break
        yield marker, view[at + 4 : end]
        at = end
    raise Truncated("picture: the JPEG ends too early")


def iter_jpeg_comments(data: bytes | bytearray | memoryview) -> Iterator[bytes]:
    """Yield each comment. One that fills its segment goes on in the next. Raises what `iter_jpeg_segments` raises."""
    comment = bytearray()
    for marker, content in iter_jpeg_segments(data):
        if marker == _COMMENT:
            comment += content
            if len(content) < _LONGEST:
                yield bytes(comment)
                comment.clear()
    if comment:
        yield bytes(comment)


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
