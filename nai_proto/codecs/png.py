"""PNG files: their chunks and their text, read and written without a look at the pixels.

Every chunk's checksum is checked. A damaged chunk that the pixels do not need, such as a text, hides only itself. What a
file claims is bounded before anything is inflated: its pixels by `Limits.pixels`, its text by `Limits.picture_text`. What
follows the last chunk is no part of the picture, and is kept.

See:
    docs/protocol/image.md#81-png-text
    docs/protocol/image.md#86-reading-pictures-that-other-programs-saved
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from ..arguments import BYTES, FUNCTION, LIMITS, TEXTS
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from ..limits import Limits
from . import accelerators
from .picture_texts import PictureTexts

__all__ = [
    "SIGNATURE",
    "PngHeader",
    "build_png_chunk",
    "check_png",
    "has_png_alpha",
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
_FORMS: Final = {
    b"tEXt": re.compile(rb"()"),
    b"zTXt": re.compile(rb"(\0)"),
    b"iTXt": re.compile(rb"(?:\0\0|(\x01\0))[^\0]*\0[^\0]*\0"),
}
"""What stands between keyword and text in each kind of text chunk (PNG §11.3.3); a group where the text is packed."""
_LARGEST: Final = 2**31 - 1
_LONGEST_KEYWORD: Final = 79
_ALPHA: Final = 4
"""The bit in a type of colour that says: there is a channel for alpha (PNG §11.2.1)."""
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
    return ((each.kind, each.content) for each in _iter_placed_chunks(memoryview(data), limits) if each.is_intact)


def check_png(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> None:
    """Raise what `iter_png_chunks` raises, for a damaged chunk of any kind. Texts and pixels are not decoded."""
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    for chunk in _iter_placed_chunks(memoryview(data), limits):
        if not chunk.is_intact:
            raise _damage_error(f"the checksum of the chunk at byte {chunk.at} is wrong")


def read_png_header(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> PngHeader:
    """Return what the first chunk says, checked. Raises what `iter_png_chunks` raises."""
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    return _parse_header(next(_iter_placed_chunks(memoryview(data), limits)).content, limits)


def has_png_alpha(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> bool:
    """Return whether there is alpha: a channel, or a colour of at most 8 bits a sample that is transparent.

    Raises what `iter_png_chunks` raises, for the chunks before the pixels.
    """
    header = read_png_header(data, limits)
    if header.colour & _ALPHA or header.depth > 8:
        return bool(header.colour & _ALPHA)
    kinds = (kind for kind, _ in iter_png_chunks(data, limits))
    return next(kind for kind in kinds if kind in (b"tRNS", b"IDAT", b"IEND")) == b"tRNS"


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


def read_png_text(
    data: bytes | bytearray | memoryview,
    limits: Limits = Limits(),
    *,
    is_wanted: Callable[[str], bool] = lambda _: False,
) -> PictureTexts:
    """Return the texts by keyword, in the file's order, and what is damaged.

    Of several texts with one keyword the first counts that is wanted; if none is, the first.

    Raises:
        LimitExceeded: they have more than `Limits.picture_text` bytes together when inflated.
        RemoteProtocolError: the file is no PNG, or its header is damaged.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    FUNCTION.check(is_wanted, "is_wanted")
    texts: dict[str, str] = {}
    damaged: list[str] = []
    left = limits.picture_text
    chunks = _iter_placed_chunks(memoryview(data), limits, patient=True)
    next(chunks)
    try:
        for chunk in chunks:
            if not chunk.is_intact and chunk.kind != b"IDAT":
                damaged.append(f"{_describe(chunk)} has a wrong checksum")
            elif chunk.kind in _FORMS:
                text = _parse_text(chunk, left, limits)
                if isinstance(text, str):
                    damaged.append(text)
                    continue
                keyword, value, size = text
                left -= size
                if keyword not in texts or (is_wanted(value) and not is_wanted(texts[keyword])):
                    texts[keyword] = value
    except LimitExceeded:
        raise
    except RemoteProtocolError as error:
        damaged.append(str(error).removeprefix("picture: "))
    return PictureTexts(texts, tuple(damaged))


def with_png_text(data: bytes, texts: Mapping[str, str], limits: Limits = Limits()) -> bytes:
    """Return the same file with these texts in place of its own, right after the header; all else stays byte for byte.

    A text is Latin-1 in a ``tEXt`` chunk, or UTF-8 in an uncompressed ``iTXt`` chunk if it has to be. Text chunks that are
    damaged go as well.

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
    for chunk in _iter_placed_chunks(memoryview(data), limits):
        if chunk.kind in _FORMS:
            out += data[kept : chunk.at]
            kept = chunk.at + 12 + len(chunk.content)
    return bytes(out + data[kept:])


class _Chunk(NamedTuple):
    """A chunk, and where it begins."""

    kind: bytes
    content: memoryview
    at: int
    is_intact: bool
    "Whether its checksum is right."


def _iter_placed_chunks(data: memoryview, limits: Limits, *, patient: bool = False) -> Iterator[_Chunk]:
    """Yield each chunk; with ``patient`` also a damaged one that the pixels need, but the header."""
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
            raise _damage_error(f"what should be a chunk at byte {at} is none")
        if first is not (kind == b"IHDR"):
            raise _damage_error("its header is not what comes first, and once")
        is_intact = accelerators.crc32(data[at + 4 : end]) == int.from_bytes(data[end : end + 4])
        if not (is_intact or kind[0] & _OPTIONAL or (patient and not first)):
            raise _damage_error(f"the checksum of the chunk at byte {at} is wrong")
        if first:
            _parse_header(data[start:end], limits)
        yield _Chunk(kind, data[start:end], at, is_intact)
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


def _parse_text(chunk: _Chunk, left: int, limits: Limits) -> tuple[str, str, int] | str:
    """Return keyword and text of a chunk, and how many bytes it counts; of a damaged one what is wrong with it."""
    if len(chunk.content) > left:
        raise _text_limit_error(len(chunk.content), left, limits)
    keyword, found, value = bytes(chunk.content).partition(b"\0")
    if not found or not 0 < len(keyword) <= _LONGEST_KEYWORD:
        return f"{_describe(chunk)} has no keyword"
    where = f"{_describe(chunk)} ({keyword.decode('latin-1')})"
    form = _FORMS[chunk.kind].match(value)
    if form is None:
        return f"{where} is not in the form of its kind"
    unpacked = value[form.end() :]
    if form[1]:
        inflated = _inflate_text(unpacked, left, limits)
        if inflated is None:
            return f"{where} does not inflate"
        unpacked = inflated
    try:
        text = unpacked.decode("utf-8" if chunk.kind == b"iTXt" else "latin-1")
    except UnicodeDecodeError:
        return f"{where} is not UTF-8"
    return keyword.decode("latin-1"), text, len(unpacked)


def _describe(chunk: _Chunk) -> str:
    return f"the {chunk.kind.decode('ascii')} chunk at byte {chunk.at}"


def _inflate_text(packed: bytes, left: int, limits: Limits) -> bytes | None:
    """Return the text of a packed chunk; None if it is damaged."""
    stream = zlib.decompressobj()
    try:
        value = stream.decompress(packed, left + 1)
    except zlib.error:
        return None
    if len(value) > left:
        raise _text_limit_error(len(value), left, limits)
    return value if stream.eof else None


def _text_limit_error(size: int, left: int, limits: Limits) -> LimitExceeded:
    return LimitExceeded("picture text", limit=limits.picture_text, value=limits.picture_text - left + size)


def _build_text_chunk(keyword: str, text: str) -> bytes:
    problem = "a keyword of 1 to 79 characters of Latin-1 is expected"
    try:
        name = keyword.encode("latin-1")
        if 0 < len(name) <= _LONGEST_KEYWORD and b"\0" not in name:
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
