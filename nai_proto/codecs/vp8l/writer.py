"""Lossless WebP's coding of pixels, written (RFC 9649 §3, "WebP Lossless Bitstream").

Of what the format has, three things are used, none of which looks at single pixels. Every pixel is what it differs
from the one above (a transform with one predictor for all), so whatever goes on downwards becomes zeros; a pixel that
differs as the one before it is part of a run; the rest is sent by prefix codes, one per channel. A drawing of a megapixel
takes a tenth of a second, noise half a second to a second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from ...arguments import INTEGER, list_items
from ...errors import InvalidRequestError
from ..bytewise import subtracted
from .codes import DISTANCES, GREENS, SAMPLES, write_code
from .huffman import number, packed

__all__ = ["write_vp8l"]

_SIGNATURE: Final = b"\x2f"
_LARGEST: Final = 1 << 14  # pixels of a side
_RUN: Final = re.compile(rb"\0{4,4096}")  # shorter is no gain, longer is no length
_NO_CACHE: Final = "0"
_ONE_GROUP: Final = "0"  # of codes, for all places
_LEFT: Final = 1  # the symbol of the distance to the pixel before


def write_vp8l(width: int, height: int, planes: Sequence[bytes]) -> bytes:
    """The content of a ``VP8L`` chunk.

    Args:
        width, height: at most 16,384 each.
        planes: red, green, blue, and alpha if there is any: a byte a pixel, rows from the top.

    Raises:
        InvalidRequestError: the picture is too large for the format.
    """
    INTEGER.check(width, "width")
    INTEGER.check(height, "height")
    planes = list_items(planes, bytes, "planes", "a list of bytes")
    if width < 1 or height < 1 or len(planes) not in (3, 4) or {len(plane) for plane in planes} != {width * height}:
        raise InvalidRequestError("planes are three or four, with a byte a pixel each", parameter="planes")
    if max(width, height) > _LARGEST:
        raise InvalidRequestError(
            f"a WebP has at most {_LARGEST} pixels a side", parameter="width" if width > _LARGEST else "height"
        )
    red, green, blue = (_differences(plane, width, 0) for plane in planes[:3])
    alpha = _differences(planes[3], width, 255) if len(planes) > 3 else bytes(width * height)
    head = number(width - 1, 14), number(height - 1, 14), number(len(planes) > 3, 1), number(0, 3)
    return _SIGNATURE + packed(chain(head, _PREDICTED_FROM_ABOVE, _image((green, red, blue, alpha))))


def _differences(plane: bytes, width: int, corner: int) -> bytes:
    """From the pixel above; in the first row from that to the left; of the first pixel from the corner's."""
    return subtracted(plane, bytes((corner,)) + plane[: width - 1] + plane[:-width])


def _image(planes: Sequence[bytes]) -> Iterator[str]:
    """Runs and single pixels, in words of bits. The order of channels is the format's: green, red, blue, alpha."""
    runs = [run.span() for run in _RUN.finditer(_changes(planes))]
    lengths = {length: _length(length) for length in {end - start for start, end in runs}}
    edges = zip([0, *(end for _, end in runs)], [*(start for start, _ in runs), len(planes[0])], strict=True)
    gaps = [slice(*edge) for edge in edges]
    kept = [b"".join([plane[gap] for gap in gaps]) for plane in planes]
    greens = Counter(kept[0]) + Counter(SAMPLES + lengths[end - start][0] for start, end in runs)
    head, green = write_code(greens, GREENS)
    others = [write_code(Counter(plane), SAMPLES) for plane in kept[1:]]
    distance, _ = write_code(Counter([_LEFT]), DISTANCES)  # which is alone, so none is ever sent
    yield _NO_CACHE + _ONE_GROUP
    yield from (head, *(other for other, _ in others), distance)
    tables = [green, *(table for _, table in others)]
    words = [map(table.__getitem__, plane) for table, plane in zip(tables, kept, strict=True)]
    pixels = map("".join, zip(*words, strict=True))
    copies = {length: green[SAMPLES + symbol] + extra for length, (symbol, extra) in lengths.items()}
    at = 0
    for start, end in runs:
        yield from islice(pixels, start - at)
        yield copies[end - start]
        at = end
    yield from pixels


def _changes(planes: Sequence[bytes]) -> bytes:
    """A byte a pixel: zero if it is as the one before it."""
    changed = 0
    for plane in planes:
        pixels = int.from_bytes(plane, "little")
        changed |= pixels ^ pixels << 8
    area = len(planes[0])
    return b"\1" + changed.to_bytes(area + 1, "little")[1:area]


def _length(length: int) -> tuple[int, str]:
    """Its symbol and the bits behind that: each symbol from the fifth on stands for a half of a power of two."""
    if length <= 4:
        return length - 1, ""
    bits = (length - 1).bit_length() - 2
    half = length - 1 >> bits & 1
    return 2 * bits + 2 + half, number(length - 1 - (2 + half << bits), bits)


# A transform (1) by predictors (00) that are one for blocks of 512 × 512 (111), and all number 2, the pixel above: that
# image has no cache, five codes of one symbol each, and so no bits. No other transform follows (0).
_PREDICTED_FROM_ABOVE: Final = (
    *("1", "00", "111", "0"),
    *(write_code(Counter([symbol]), SAMPLES)[0] for symbol in (2, 0, 0, 0, 0)),
    "0",
)
