"""PNG files: their chunks and their text, read and written without a look at the pixels.

Every chunk's checksum is checked. What a file claims is bounded before anything is inflated: its pixels by
`Limits.pixels`, its text by `Limits.picture_text`. What follows the last chunk is no part of the picture, and is kept.

See docs/protocol/image.md#81-png-text.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ..arguments import BYTES, LIMITS, TEXTS
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from ..limits import Limits
from . import accelerators

__all__ = [
    "SIGNATURE",
    "PngHeader",
    "build_png_chunk",
    "iter_png_chunks",
    "read_png_header",
    "read_png_text",
    "with_png_text",
]

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
"""What a PNG begins with."""

_KIND: Final = re.compile(rb"[A-Za-z]{4}")
_HEADER: Final = struct.Struct(">2L5B")
_HEADER_END: Final = len(SIGNATURE) + 8 + _HEADER.size + 4
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")
_LARGEST: Final = 2**31 - 1


class PngHeader(NamedTuple):
    """What the first chunk says of the picture."""

    width: int
    "In pixels, 1 and up; the area is at most `Limits.pixels`."
    height: int
    depth: int
    "Bits per sample."
    colour: int
    "2 for RGB, 6 for RGBA."
    interlaced: bool


def iter_png_chunks(
    data: bytes | bytearray | memoryview, limits: Limits = Limits()
) -> Iterator[tuple[bytes, memoryview]]:
    """Return an iterator of kind and content of each chunk, ``IHDR`` first and ``IEND`` last; contents are views.

    Raises:
        Truncated: the file ends too early.
        LimitExceeded: it claims more than `Limits.pixels`.
        RemoteProtocolError: it is no PNG, or damaged.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    return ((kind, content) for kind, content, _ in _iter_placed_chunks(memoryview(data), limits))


def read_png_header(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> PngHeader:
    """Return what the first chunk says, checked. Raises what `iter_png_chunks` raises."""
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    _, content, _ = next(_iter_placed_chunks(memoryview(data), limits))
    return _parse_header(content, limits)


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


def read_png_text(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> dict[str, str]:
    """Return the texts by keyword, in the file's order; of several with one keyword the first.

    Raises:
        LimitExceeded: they have more than `Limits.picture_text` bytes together when inflated.
        RemoteProtocolError: a text is damaged. And what `iter_png_chunks` raises.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    texts: dict[str, str] = {}
    left = limits.picture_text
    for kind, content, _ in _iter_placed_chunks(memoryview(data), limits):
        if kind in _TEXTS:
            keyword, value, size = _parse_text(kind, content, left, limits)
            left -= size
            texts.setdefault(keyword, value)
    return texts


def with_png_text(data: bytes, texts: Mapping[str, str], limits: Limits = Limits()) -> bytes:
    """Return the same file with these texts in place of its own, right after the header; all else stays byte for byte.

    A text is Latin-1 in a ``tEXt`` chunk, or UTF-8 in an uncompressed ``iTXt`` chunk if it has to be.

    See docs/protocol/image.md#81-png-text.

    Raises:
        InvalidRequestError: a keyword is not 1 to 79 characters of Latin-1, or a text holds NUL or a lone surrogate.
        RemoteProtocolError: what `iter_png_chunks` raises.
    """
    data = BYTES.convert(data, "data")
    TEXTS.convert(texts, "texts")
    LIMITS.check(limits, "limits")
    out = bytearray(data[:_HEADER_END])
    for keyword, text in texts.items():
        out += _build_text_chunk(keyword, text)
    kept = _HEADER_END
    for kind, content, at in _iter_placed_chunks(memoryview(data), limits):
        if kind in _TEXTS:
            out += data[kept:at]
            kept = at + 12 + len(content)
    return bytes(out + data[kept:])


def _iter_placed_chunks(data: memoryview, limits: Limits) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield each chunk, and where it begins."""
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
            raise _damage_error("what should be a chunk is none")
        if first is not (kind == b"IHDR"):
            raise _damage_error("its header is not what comes first, and once")
        if accelerators.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise _damage_error("the checksum of a chunk is wrong")
        if first:
            _parse_header(data[start:end], limits)
        yield kind, data[start:end], at
        if kind == b"IEND":
            return
        at, first = end + 4, False


def _parse_header(content: memoryview, limits: Limits) -> PngHeader:
    if len(content) != _HEADER.size:
        raise _damage_error("its header has another size")
    width, height, depth, colour, method, filters, interlace = _HEADER.unpack(content)
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST) or method or filters or interlace > 1:
        raise _damage_error("its header has values that none can have")
    if width * height > limits.pixels:
        raise LimitExceeded("pixels", limit=limits.pixels, value=width * height)
    return PngHeader(width, height, depth, colour, bool(interlace))


def _parse_text(kind: bytes, content: memoryview, left: int, limits: Limits) -> tuple[str, str, int]:
    """Return keyword and text of a chunk, and how many bytes it counts."""
    if len(content) > left:
        raise _text_limit_error(len(content), left, limits)
    keyword, found, value = bytes(content).partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = value[:1] == b"\1"
        method, value = value[:2], value[2:].partition(b"\0")[2].partition(b"\0")[2]
        found = found if method in (b"\0\0", b"\1\0") else b""
    elif packed:
        found, value = found if value[:1] == b"\0" else b"", value[1:]
    if not found:
        raise _damage_error("a text is damaged")
    if packed:
        value = _inflate_text(value, left, limits)
    try:
        return keyword.decode("latin-1"), value.decode("utf-8" if kind == b"iTXt" else "latin-1"), len(value)
    except UnicodeDecodeError:
        pass  # and raise below: the codec's error holds the text
    raise _damage_error("a text is not UTF-8")


def _inflate_text(packed: bytes, left: int, limits: Limits) -> bytes:
    stream = zlib.decompressobj()
    try:
        value = stream.decompress(packed, left + 1)
    except zlib.error:
        pass
    else:
        if len(value) > left:
            raise _text_limit_error(len(value), left, limits)
        if stream.eof:
            return value
    raise _damage_error("a text does not inflate")


def _text_limit_error(size: int, left: int, limits: Limits) -> LimitExceeded:
    return LimitExceeded("picture text", limit=limits.picture_text, value=limits.picture_text - left + size)


def _build_text_chunk(keyword: str, text: str) -> bytes:
    problem = "a keyword of 1 to 79 characters of Latin-1 is expected"
    try:
        name = keyword.encode("latin-1")
        if 0 < len(name) < 80 and b"\0" not in name:
            problem = "a text of a PNG cannot hold NUL or a lone surrogate"
            if "\0" not in text:
                if _is_latin1(text):
                    return build_png_chunk(b"tEXt", name + b"\0" + text.encode("latin-1"))
                return build_png_chunk(b"iTXt", name + bytes(5) + text.encode())
    except UnicodeEncodeError:
        pass
    raise InvalidRequestError(problem, parameter="texts")


def _is_latin1(text: str) -> bool:
    return text.isascii() or max(text) <= "\xff"


def _damage_error(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"picture: {problem}")
