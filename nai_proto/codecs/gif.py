"""GIF files: their comments and their XMP, read without decoding pixels (GIF89a §24, §26)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import RemoteProtocolError, Truncated

__all__ = ["iter_gif_comments", "iter_gif_xmp"]

_COMMENT, _APPLICATION = 0xFE, 0xFF  # labels of extensions
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B  # what a block begins with
_HEADER: Final = 13
_IMAGE_HEADER: Final = 10
_TABLE: Final = 0x80
"""The bit that says that a table of colours follows."""
_XMP: Final = b"\x0bXMP DataXMP"
_XMP_END: Final = b"\x01\xff\xfe\xfd"
"""What follows the text: each value of a byte, downwards, so that a reader of sub-blocks finds the end (XMP, part 3)."""


def iter_gif_comments(data: bytes) -> Iterator[bytes]:
    """Yield each comment.

    Raises:
        Truncated: the file ends too early.
        RemoteProtocolError: there is something else where a block should begin.
    """
    return (_join_sub_blocks(blocks) for label, blocks in _iter_extensions(data) if label == _COMMENT)


def iter_gif_xmp(data: bytes) -> Iterator[bytes]:
    """Yield each XMP. Raises what `iter_gif_comments` raises."""
    for label, blocks in _iter_extensions(data):
        if label == _APPLICATION and bytes(blocks[: len(_XMP)]) == _XMP:
            yield bytes(blocks[len(_XMP) :]).partition(_XMP_END)[0]


def _iter_extensions(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield the label and the sub-blocks of each extension; these are views."""
    view = memoryview(data)
    try:
        at = _HEADER + _table_size(view[_HEADER - 3])
        while view[at] != _END:
            kind = view[at]
            if kind == _EXTENSION:
                end = _find_end(view, at + 2)
                yield view[at + 1], view[at + 2 : end]
                at = end
            elif kind == _IMAGE:
                at = _find_end(view, at + _IMAGE_HEADER + _table_size(view[at + _IMAGE_HEADER - 1]) + 1)
            elif kind == 0:  # some writers end a block twice
                at += 1
            else:
                raise RemoteProtocolError(
                    f"picture: the GIF has something else at byte {at}, where a block should begin"
                )
    except IndexError:
        pass
    else:
        return
    raise Truncated("picture: the GIF ends too early")


def _join_sub_blocks(blocks: memoryview) -> bytes:
    """Return the content of sub-blocks, each of which begins with its size."""
    out = bytearray()
    at = 0
    while size := blocks[at]:
        out += blocks[at + 1 : at + 1 + size]
        at += 1 + size
    return bytes(out)


def _table_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & _TABLE else 0


def _find_end(view: memoryview, at: int) -> int:
    """Return where sub-blocks end, behind the empty one."""
    while size := view[at]:
        at += 1 + size
    return at + 1
