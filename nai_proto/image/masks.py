"""Masks for inpainting, made of boxes (image §5.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Final

from ..codecs.png import chunk
from ..errors import LocalProtocolError

__all__ = ["BLOCK", "box_mask"]

BLOCK: Final = 8
"""Models see an image in blocks of so many pixels each way: what is drawn anew is whole blocks."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def box_mask(width: int, height: int, boxes: Iterable[tuple[int, int, int, int]]) -> bytes:
    """A mask, white in every block that one of the boxes touches: a grey PNG with a pixel for each block.

    Args:
        width: of the image, in pixels; a multiple of 64.
        height: likewise.
        boxes: left, top, right, bottom in pixels of the image, the last two not included; what lies outside is cut off.

    Raises:
        LocalProtocolError: a side is no multiple of 64.
    """
    if width <= 0 or height <= 0 or width % 64 or height % 64:
        raise LocalProtocolError(f"an image to be inpainted has sides that are multiples of 64, not {width} × {height}")
    columns, rows = width // BLOCK, height // BLOCK
    pixels = [bytearray(columns) for _ in range(rows)]
    for box in boxes:
        left, top = max(0, box[0]), max(0, box[1])
        right, bottom = min(width, box[2]), min(height, box[3])
        if left < right and top < bottom:
            first, last = left // BLOCK, -(-right // BLOCK)
            for row in pixels[top // BLOCK : -(-bottom // BLOCK)]:
                row[first:last] = b"\xff" * (last - first)
    head = struct.pack(">2L5B", columns, rows, 8, 0, 0, 0, 0)  # eight bits of grey
    packed = zlib.compress(b"".join(b"\0" + row for row in pixels))
    return b"".join((_SIGNATURE, chunk(b"IHDR", head), chunk(b"IDAT", packed), chunk(b"IEND", b"")))
