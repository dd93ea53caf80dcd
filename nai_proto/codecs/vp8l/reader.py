"""Lossless WebP's coding of pixels, read (RFC 9649 §3, "WebP Lossless Bitstream").

All of the format: transforms, several codes for several places, copies, the cache of colours. What a picture costs is
bounded by its size, which the caller has checked: every step makes a pixel at least. What its codes cost is bounded on its
own, above what encoders write: the format's own library makes 2,600 groups of codes at most, with about a thousand entries
each. A pixel that stands for itself takes about a microsecond, a copy not much more however long it is, and a prediction up
to a half.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from ...arguments import BYTES
from ...errors import RemoteProtocolError
from ..bytewise import summed
from .codes import DISTANCES, GREENS, SAMPLES, read_code
from .huffman import LINK, LOW, ROOT, Bits, Table, table
from .predictions import with_predictions
from .transforms import Planes, packed_colours, with_colours, with_greens, with_palette

__all__ = ["read_vp8l"]

_SIGNATURE: Final = 0x2F
_GROUPS: Final = 1 << 12
_ENTRIES: Final = 1 << 22  # in the tables of all groups, eight bytes each
_CACHE: Final = range(1, 12)  # bits of a place in the cache
_HASH: Final = 0x1E35A7BD

# A pixel is a number, ARGB from the highest byte to the lowest; tables give each sample at its place.
_BLUES: Final = range(SAMPLES)
_REDS: Final = range(0, SAMPLES << 16, 1 << 16)
_ALPHAS: Final = range(0, SAMPLES << 24, 1 << 24)
_COPIES: Final = SAMPLES << 8  # and behind the greens the lengths, and behind these what is in the cache
_CACHED: Final = _COPIES + GREENS - SAMPLES
_GREEN_VALUES: Final = (*range(0, _COPIES, 1 << 8), *range(_COPIES, _CACHED + (1 << _CACHE[-1])))
_LOWEST: Final = array("I", [1]).tobytes().index(1)  # where this machine has the lowest byte of a number

# Distances to pixels that are near come first, by number; what is larger than that many is the distance and so many.
_NEAR: Final = sorted(
    ((x, y) for x in range(-7, 9) for y in range(8) if y or x > 0),
    key=lambda near: (near[0] ** 2 + near[1] ** 2, abs(near[0]), -near[0]),
)


class _Transform(enum.IntEnum):
    PREDICTIONS = 0
    COLOURS = 1
    GREENS = 2
    PALETTE = 3


class _Group(NamedTuple):
    """The codes for some places of a picture, each with the bits for the first look into it."""

    green: Table
    green_mask: int
    red: Table
    red_mask: int
    blue: Table
    blue_mask: int
    alpha: Table
    alpha_mask: int
    distance: Table
    distance_mask: int
    rest: int
    "The pixel without green, if all other samples are always the same; else -1."


def read_vp8l(content: bytes) -> tuple[int, int, tuple[bytes, ...]]:
    """Width, height, and the planes, as `write_vp8l` takes them.

    Args:
        content: of a ``VP8L`` chunk; the caller has checked the size that it says.

    Raises:
        Truncated: it ends too early.
        RemoteProtocolError: it is damaged, or has more codes than encoders write.
    """
    content = BYTES.convert(content, "content")
    bits = Bits(content)
    signature, width, height = bits.take(8), bits.take(14) + 1, bits.take(14) + 1
    alpha, version = bits.take(1), bits.take(3)
    if signature != _SIGNATURE or version:
        raise _wrong("no lossless WebP that is known")
    undo: list[Callable[[Planes], Planes]] = []
    coded = width  # a palette may put several pixels into one
    found = set[_Transform]()
    while bits.take(1):
        kind = _Transform(bits.take(2))
        if kind in found:
            raise _wrong("a transform comes twice")
        found.add(kind)
        match kind:
            case _Transform.PREDICTIONS:
                block, (_, modes, _, _) = _blocks(bits, coded, height)
                undo.append(partial(with_predictions, width=coded, modes=modes, block=block))
            case _Transform.COLOURS:
                block, factors = _blocks(bits, coded, height)
                undo.append(partial(with_colours, width=coded, factors=factors, block=block))
            case _Transform.GREENS:
                undo.append(with_greens)
            case _Transform.PALETTE:
                colours = bits.take(8) + 1
                red, green, blue, opaque = map(summed, _image(bits, colours, 1))
                undo.append(partial(with_palette, width=width, palette=(red, green, blue, opaque)))
                coded = -(-coded // packed_colours(colours))
    planes = _image(bits, coded, height, whole=True)
    bits.check()
    for step in reversed(undo):
        planes = step(planes)
    return width, height, planes if alpha else planes[:3]


def _blocks(bits: Bits, width: int, height: int) -> tuple[int, Planes]:
    """The side of the blocks into which a picture is cut, and an image of a pixel for each."""
    block = 1 << bits.take(3) + 2
    return block, _image(bits, -(-width // block), -(-height // block))


def _image(bits: Bits, width: int, height: int, *, whole: bool = False) -> Planes:
    """The planes of a coded image. Only that of the whole picture may have several groups of codes."""
    cache = 0
    if bits.take(1) and (cache := bits.take(4)) not in _CACHE:
        raise _wrong("a cache of a size that there is not")
    block, places = 1 << 14, [0]
    if whole and bits.take(1):
        block, (high, low, _, _) = _blocks(bits, width, height)
        places = [SAMPLES * first + second for first, second in zip(high, low, strict=True)]
    last = max(places)
    groups: list[_Group] = []
    entries = 0
    while len(groups) <= last:
        groups.append(_group(bits, cache))
        entries += sum(len(found) for found in groups[-1] if isinstance(found, list))
        if last >= _GROUPS or entries > _ENTRIES:
            raise _wrong("it has more codes than encoders write")
    chosen = [groups[place] for place in places]
    raw = _pixels(bits, width, height, cache, chosen, block).tobytes()
    blue, green, red, alpha = (raw[abs(_LOWEST - channel) :: 4] for channel in range(4))
    return red, green, blue, alpha


def _group(bits: Bits, cache: int) -> _Group:
    green = table(read_code(bits, GREENS + (1 << cache if cache else 0)), _GREEN_VALUES)
    red, blue, alpha = (table(read_code(bits, SAMPLES), values) for values in (_REDS, _BLUES, _ALPHAS))
    distance = table(read_code(bits, DISTANCES), range(DISTANCES))
    rest = red[0][1] | blue[0][1] | alpha[0][1] if len(red) == len(blue) == len(alpha) == 1 else -1
    masks = [min(len(found), 1 << ROOT) - 1 for found in (green, red, blue, alpha, distance)]
    return _Group(green, masks[0], red, masks[1], blue, masks[2], alpha, masks[3], distance, masks[4], rest)


def _pixels(bits: Bits, width: int, height: int, cache: int, groups: Sequence[_Group], block: int) -> array[int]:
    """The pixels of a coded image. What looks into tables is written out each time: a call would cost as much as the look.

    Args:
        cache: bits of a place in the cache of colours; 0 if there is none.
        groups: for each block.
        block: pixels of its side.
    """
    out = array("I")
    append, more, ahead = out.append, bits.more, bits.ahead
    across, area = -(-width // block), width * height
    near = [max(1, x + y * width) for x, y in _NEAR]
    places, kept = [0] * (1 << cache), 0  # the cache, and how many pixels were put there
    while (at := len(out)) < area:
        if len(groups) == 1:
            group, until = groups[0], area
        else:
            y, x = divmod(at, width)
            group = groups[y // block * across + x // block]
            until = at - x + min((x // block + 1) * block, width)
        greens, green_mask, reds, red_mask, blues, blue_mask, alphas, alpha_mask, distances, distance_mask, rest = group
        if rest >= 0 and not green_mask and greens[0][1] < _COPIES:
            out.extend(array("I", [greens[0][1] | rest]) * (until - at))
            continue
        for _ in range(until - at):
            if ahead < LOW:  # no pixel and no copy needs more than 60 bits
                ahead = more(ahead)
            length, green = greens[ahead & green_mask]
            if length >= LINK:
                length, green = greens[green + (ahead >> ROOT & (1 << length - LINK) - 1)]
            ahead >>= length
            if green < _COPIES:
                if rest >= 0:
                    append(green | rest)
                    continue
                length, red = reds[ahead & red_mask]
                if length >= LINK:
                    length, red = reds[red + (ahead >> ROOT & (1 << length - LINK) - 1)]
                ahead >>= length
                length, blue = blues[ahead & blue_mask]
                if length >= LINK:
                    length, blue = blues[blue + (ahead >> ROOT & (1 << length - LINK) - 1)]
                ahead >>= length
                length, alpha = alphas[ahead & alpha_mask]
                if length >= LINK:
                    length, alpha = alphas[alpha + (ahead >> ROOT & (1 << length - LINK) - 1)]
                ahead >>= length
                append(red | green | blue | alpha)
            elif green >= _CACHED:
                for pixel in out[kept:]:
                    places[(pixel * _HASH & 0xFFFF_FFFF) >> 32 - cache] = pixel
                kept = len(out)
                append(places[green - _CACHED])
            else:
                count, ahead = _amount(green - _COPIES, ahead)
                length, symbol = distances[ahead & distance_mask]
                if length >= LINK:
                    length, symbol = distances[symbol + (ahead >> ROOT & (1 << length - LINK) - 1)]
                far, ahead = _amount(symbol, ahead >> length)
                far = near[far - 1] if far <= len(near) else far - len(near)
                start = len(out) - far
                if start < 0 or len(out) + count > area:
                    bits.ahead = ahead
                    bits.check()
                    raise _wrong("a copy of pixels that there are not")
                piece = out[start : start + count]
                while len(piece) < count:
                    piece += piece[: count - len(piece)]
                out.extend(piece)
                break  # perhaps into another block
    bits.ahead = ahead
    return out


def _amount(symbol: int, ahead: int) -> tuple[int, int]:
    """A length or distance of this symbol and the bits behind it; and the bits behind these."""
    if symbol < 4:
        return symbol + 1, ahead
    extra = (symbol >> 1) - 1
    return (2 + (symbol & 1) << extra) + (ahead & (1 << extra) - 1) + 1, ahead >> extra


def _wrong(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"picture: {problem}")
