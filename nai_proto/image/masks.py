"""Masks for inpainting, made from boxes or images: always of whole blocks.

See docs/protocol/image.md#53-img2img-enhance-inpaint.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from ..arguments import BYTES, INTEGER, list_of, takes, tuple_of
from ..codecs.pillow_images import scale_image
from ..codecs.pixels import read_grey, read_pixels
from ..codecs.png import build_png_chunk, read_png_header
from ..errors import InvalidRequestError, RemoteProtocolError
from ..limits import Limits
from .image_files import png_size

__all__ = ["BLOCK", "align_mask", "box_mask"]

BLOCK: Final = 8
"""Pixels of a block each way: models see an image in blocks, and redraw whole ones."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HALF: Final = 255 * BLOCK * BLOCK / 2
"""The sum of a block's bytes in each channel when it is half white."""
_GREY: Final = 0  # a type of colour (PNG §11.2.1)
_BOXES: Final = list_of(tuple_of("left, top, right and bottom", INTEGER, INTEGER, INTEGER, INTEGER), "a list of boxes")
_OPAQUE: Final = bytes(128) + b"\xff" * 128


@takes(width=INTEGER, height=INTEGER, boxes=_BOXES)
def box_mask(width: int, height: int, boxes: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Make a mask, white in every block that one of the boxes touches: a grey PNG with a pixel for each block.

    Args:
        width: of the image, in pixels; a multiple of 64.
        height: of the image, in pixels; a multiple of 64.
        boxes: left, top, right, bottom in pixels of the image, the last two not included; what is outside of the image
            is cut off.

    Raises:
        InvalidRequestError: a side is no multiple of 64.
    """
    _check_size(width, height)
    columns, rows = width // BLOCK, height // BLOCK
    pixels = [bytearray(columns) for _ in range(rows)]
    for box in boxes:
        left, top = max(0, box[0]), max(0, box[1])
        right, bottom = min(width, box[2]), min(height, box[3])
        if left < right and top < bottom:
            first, last = left // BLOCK, -(-right // BLOCK)
            for row in pixels[top // BLOCK : -(-bottom // BLOCK)]:
                row[first:last] = b"\xff" * (last - first)
    return _write_mask(columns, pixels)


@takes(mask=BYTES, width=INTEGER, height=INTEGER)
def align_mask(mask: bytes, width: int, height: int) -> bytes:
    """Make a mask of whole blocks of another: white where at least half of a block is; a grey PNG, a pixel for each block.

    It takes some tenths of a second for a megapixel, so use `compute` on an event loop.

    Args:
        mask: a PNG as large as the image; what is less than half opaque is black. Or one with a pixel for each block,
            which is returned unchanged. An image of another size is scaled to that of the image; that, another format and
            a PNG that is not 8-bit grey, RGB or RGBA need Pillow, the extra ``image``.
        width: of the image, in pixels; a multiple of 64.
        height: of the image, in pixels; a multiple of 64.

    Raises:
        MissingExtra: the mask needs Pillow, which is not installed.
        InvalidRequestError: a side is no multiple of 64, or the mask is no image, or is damaged.
    """
    _check_size(width, height)
    if png_size(mask) == (width // BLOCK, height // BLOCK):
        return mask
    try:
        same_size = mask if png_size(mask) == (width, height) else scale_image(mask, width, height)
        seen = _read_channels(same_size, Limits(pixels=width * height))
    except RemoteProtocolError as error:
        problem = str(error).removeprefix("picture: ")
    else:
        stride = len(seen) // height
        strips = [seen[at : at + BLOCK * stride] for at in range(0, len(seen), BLOCK * stride)]
        return _write_mask(width // BLOCK, [_blocks(strip, stride, stride // width) for strip in strips])
    raise InvalidRequestError(f"the mask cannot be read: {problem}", parameter="mask")


def _check_size(width: int, height: int) -> None:
    if width <= 0 or height <= 0 or width % 64 or height % 64:
        raise InvalidRequestError(
            f"width and height of an image to be inpainted are multiples of 64, not {width} × {height}",
            parameter="width",
        )


def _read_channels(mask: bytes, limits: Limits) -> bytes:
    """Return the bytes of its channels without alpha, black where it is transparent."""
    if read_png_header(mask, limits).colour == _GREY:
        return read_grey(mask, limits).data
    pixels = read_pixels(mask, limits)
    rgb, alpha = pixels.rgb, pixels.alpha
    if alpha is None:
        return rgb
    kept = bytearray(len(rgb))
    kept[::3] = kept[1::3] = kept[2::3] = alpha.data.translate(_OPAQUE)
    return (int.from_bytes(rgb) & int.from_bytes(kept)).to_bytes(len(rgb))


def _blocks(strip: bytes, stride: int, channels: int) -> bytes:
    """Return eight rows of pixels as one row of blocks."""
    rows, across = range(0, len(strip), stride), channels * BLOCK
    totals = (sum(sum(strip[row + at : row + at + across]) for row in rows) for at in range(0, stride, across))
    return bytes(255 if total >= channels * _HALF else 0 for total in totals)


def _write_mask(columns: int, rows: Sequence[bytes | bytearray]) -> bytes:
    head = struct.pack(">2L5B", columns, len(rows), 8, 0, 0, 0, 0)  # eight bits of grey
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"".join(
        (_SIGNATURE, build_png_chunk(b"IHDR", head), build_png_chunk(b"IDAT", packed), build_png_chunk(b"IEND", b""))
    )
