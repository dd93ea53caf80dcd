"""PNG files: their header and their chunks, read and written without decoding pixels.

Every chunk's checksum is checked. A damaged chunk that the pixels do not need, such as a text, hides only itself. The
pixels that a file claims are held against `Limits.pixels` before anything is inflated. What follows the last chunk is not
part of the picture.

See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import takewhile
from typing import Final, NamedTuple

from ..arguments import BYTES, LIMITS
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from ..limits import Limits
from . import accelerators

__all__ = [
    "COLOURED",
    "SIGNATURE",
    "PlacedChunk",
    "PngHeader",
    "build_png_chunk",
    "check_png",
    "check_png_header",
    "has_png_alpha",
    "iter_checked_chunks",
    "iter_placed_chunks",
    "iter_png_chunks",
    "read_pixel_chunks",
    "read_png_header",
]

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
"""What a PNG begins with."""

_KIND: Final = re.compile(rb"[A-Za-z]{4}")
_HEADER: Final = struct.Struct(">2L5B")
_LARGEST: Final = 2**31 - 1
_PIECE: Final = 65_536
COLOURED: Final = 2
"""The bit in a type of colour that says: there are colours, and not only grey (PNG §11.2.1)."""
_ALPHA: Final = 4
"""The bit that says: there is a channel for alpha."""
_OPTIONAL: Final = 0x20
"""The bit in the first letter of a kind that says: the pixels do not need this chunk (PNG §5.4)."""


class PngHeader(NamedTuple):
    """What the first chunk says of the picture."""

    width: int
    "In pixels, 1 and up; the area is at most `Limits.pixels`."
    height: int
    depth: int
    "Bits per sample."
    colour: int
    "0 for grey, 2 for RGB, 3 for a palette, 4 for grey with alpha, 6 for RGBA."
    interlaced: bool


def iter_png_chunks(
    data: bytes | bytearray | memoryview, limits: Limits = Limits()
) -> Iterator[tuple[bytes, memoryview]]:
    """Return an iterator of kind and content of each chunk, ``IHDR`` first and ``IEND`` last; contents are views.

    A damaged chunk that the pixels do not need is left out.

    Raises:
        Truncated: the file ends too early.
        LimitExceeded: it claims more than `Limits.pixels`.
        RemoteProtocolError: it is no PNG, or damaged.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    return ((chunk.kind, chunk.content) for chunk in iter_checked_chunks(memoryview(data), limits) if chunk.is_intact)


def read_pixel_chunks(data: bytes | bytearray | memoryview, limits: Limits) -> list[tuple[bytes, memoryview]]:
    """Return kind and content of each chunk, as `iter_png_chunks` does, also of some damaged files whose pixels are whole.

    These are files without an end, and with a wrong checksum of a chunk ``IDAT``: the compressed pixels have a checksum of
    their own, which decides.

    Raises what `iter_png_chunks` raises.
    """
    placed: list[PlacedChunk] = []
    damage: RemoteProtocolError | None = None
    try:
        for chunk in iter_placed_chunks(memoryview(data)):
            placed.append(chunk)
    except RemoteProtocolError as error:
        damage = error
    for chunk in placed:
        if chunk.is_needed and not chunk.is_intact:
            damage = chunk.checksum_error
            if chunk.kind != b"IDAT":
                raise damage
    packed = [chunk.content for chunk in placed if chunk.kind == b"IDAT"]
    if damage is not None and not (packed and _is_whole_stream(packed, check_png_header(placed[0], limits))):
        raise damage
    return [(chunk.kind, chunk.content) for chunk in placed if chunk.is_intact or chunk.is_needed]


def check_png(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> None:
    """Raise what `iter_png_chunks` raises, for a damaged chunk of any kind. Texts and pixels are not decoded."""
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    for chunk in iter_checked_chunks(memoryview(data), limits):
        if not chunk.is_intact:
            raise chunk.checksum_error


def read_png_header(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> PngHeader:
    """Return what the first chunk says, checked. Raises what `iter_png_chunks` raises."""
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    return check_png_header(next(iter_placed_chunks(memoryview(data))), limits)


def check_png_header(chunk: PlacedChunk, limits: Limits) -> PngHeader:
    """Return what the first chunk says. Raises what `iter_png_chunks` raises, for this chunk."""
    if not chunk.is_intact:
        raise chunk.checksum_error
    return _parse_header(chunk.content, limits)


def has_png_alpha(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> bool:
    """Return whether there is alpha: a channel, or a colour of at most 8 bits a sample that is transparent.

    Raises what `iter_png_chunks` raises, for the chunks before the pixels.
    """
    header = read_png_header(data, limits)
    if header.colour & _ALPHA or header.depth > 8:
        return bool(header.colour & _ALPHA)
    before = takewhile(lambda chunk: chunk.kind not in (b"IDAT", b"IEND"), iter_placed_chunks(memoryview(data)))
    return any(chunk.kind == b"tRNS" and chunk.is_intact for chunk in before)


def build_png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum.

    Raises:
        InvalidRequestError: it is larger than a chunk can be.
    """
    kind, content = BYTES.convert(kind, "kind"), BYTES.convert(content, "content")
    if len(content) > _LARGEST:
        raise InvalidRequestError(f"{len(content)} bytes do not fit a PNG chunk", parameter="content")
    body = kind + content
    return len(content).to_bytes(4) + body + accelerators.crc32(body).to_bytes(4)


class PlacedChunk(NamedTuple):
    """A chunk, and where it begins."""

    kind: bytes
    content: memoryview
    at: int
    is_intact: bool
    "Whether its checksum is right."

    @property
    def is_needed(self) -> bool:
        """Whether the pixels need it (PNG §5.4)."""
        return not self.kind[0] & _OPTIONAL

    @property
    def checksum_error(self) -> RemoteProtocolError:
        """The error for a wrong checksum."""
        return _damage_error(f"{self} has a wrong checksum")

    def __str__(self) -> str:
        return f"the {self.kind.decode('ascii')} chunk at byte {self.at}"


def iter_placed_chunks(data: memoryview) -> Iterator[PlacedChunk]:
    """Yield each chunk, be its checksum right or wrong, and whatever its header claims.

    Raises:
        Truncated: the file ends too early.
        RemoteProtocolError: it is not a PNG, or there is something else where a chunk should begin.
    """
    if bytes(data[: len(SIGNATURE)]) != SIGNATURE:
        raise _damage_error("no PNG")
    at, first = len(SIGNATURE), True
    while True:
        start = at + 8
        size = int.from_bytes(data[at : at + 4])
        end = start + size
        if end + 4 > len(data) or start > len(data):
            raise Truncated("picture: the PNG ends too early")
        kind = bytes(data[at + 4 : start])
        if not _KIND.fullmatch(kind) or size > _LARGEST:
            raise _damage_error(f"the PNG has something else at byte {at}, where a chunk should begin")
        if first is not (kind == b"IHDR"):
            raise _damage_error("its header is not the first chunk, or comes twice")
        is_intact = accelerators.crc32(data[at + 4 : end]) == int.from_bytes(data[end : end + 4])
        yield PlacedChunk(kind, data[start:end], at, is_intact)
        if kind == b"IEND":
            return
        at, first = end + 4, False


def iter_checked_chunks(data: memoryview, limits: Limits) -> Iterator[PlacedChunk]:
    """Yield each chunk, also a damaged one that the pixels do not need. Raises what `iter_png_chunks` raises."""
    for chunk in iter_placed_chunks(data):
        if chunk.is_needed and not chunk.is_intact:
            raise chunk.checksum_error
        if chunk.kind == b"IHDR":
            check_png_header(chunk, limits)
        yield chunk


def _is_whole_stream(packed: list[memoryview], header: PngHeader) -> bool:
    """Return whether compressed pixels inflate to their end and their checksum, and not to far more than there can be."""
    most = 2 * header.height * (1 + 8 * header.width)  # samples of 16 bits, and the filters of all passes
    stream = zlib.decompressobj()
    try:
        for content in packed:
            rest: bytes | memoryview = content
            while rest and most > 0:
                most -= len(stream.decompress(rest, _PIECE))
                rest = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof and most >= 0


def _parse_header(content: memoryview, limits: Limits) -> PngHeader:
    if len(content) != _HEADER.size:
        raise _damage_error("its header has a wrong size")
    width, height, depth, colour, method, filters, interlace = _HEADER.unpack(content)
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST) or method or filters or interlace > 1:
        raise _damage_error("its header has values that are not allowed")
    if width * height > limits.pixels:
        raise LimitExceeded("pixels", limit=limits.pixels, value=width * height)
    return PngHeader(width, height, depth, colour, bool(interlace))


def _damage_error(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"picture: {problem}")
