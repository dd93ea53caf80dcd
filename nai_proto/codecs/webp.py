"""WebP files: their chunks and their EXIF, read and written without decoding pixels.

See docs/protocol/image.md#82-webp.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..arguments import BYTES, LIMITS, list_items
from ..errors import LimitExceeded, RemoteProtocolError, Truncated
from ..limits import Limits
from .exif import write_exif

__all__ = [
    "build_webp",
    "find_webp_channels",
    "is_webp",
    "iter_webp_chunks",
    "read_webp_size",
    "with_webp_text",
]

_RIFF: Final = 12
_EXIF: Final = 0x08  # flags of VP8X
_ALPHA: Final = 0x10


def is_webp(data: bytes | bytearray | memoryview) -> bool:
    """Return whether data begins as a WebP."""
    BYTES.check(data, "data")
    return bytes(data[:4]) == b"RIFF" and bytes(data[8:12]) == b"WEBP"


def iter_webp_chunks(
    data: bytes | bytearray | memoryview, limits: Limits = Limits()
) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and content of each chunk, as views. Data after the last chunk is ignored.

    Raises:
        Truncated: the file ends too early, behind the chunks that are whole.
        LimitExceeded: its header claims more than `Limits.pixels`.
        RemoteProtocolError: it is not a WebP, or damaged.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    view = memoryview(data)
    if not is_webp(view):
        raise _damage_error("no WebP")
    end = 8 + int.from_bytes(view[4:8], "little")
    at = _RIFF
    while at < end:
        start = at + 8
        size = int.from_bytes(view[at + 4 : start], "little")
        if start + size > len(view):
            raise Truncated("picture: the WebP ends too early")
        if start + size > end:
            raise _damage_error("a chunk is longer than the WebP")
        kind, content = bytes(view[at : at + 4]), view[start : start + size]
        if at == _RIFF:
            width, height, _ = _read_size_and_alpha(kind, content)
            if width * height > limits.pixels:
                raise LimitExceeded("pixels", limit=limits.pixels, value=width * height)
        yield kind, content
        at = start + size + size % 2
    if at == _RIFF:
        raise _damage_error("a WebP without a picture")
    if end > len(view):
        raise Truncated("picture: the WebP ends too early")


def read_webp_size(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> tuple[int, int]:
    """Return width and height in pixels, from the first chunk. Errors as for `iter_webp_chunks`."""
    LIMITS.check(limits, "limits")
    kind, content = next(iter_webp_chunks(data, limits))
    width, height, _ = _read_size_and_alpha(kind, content)
    return width, height


def with_webp_text(data: bytes, texts: Mapping[str, str], limits: Limits = Limits()) -> bytes:
    """Return the file with these texts as its EXIF, in the extended form.

    Raises:
        InvalidRequestError: what `write_exif` raises.
        RemoteProtocolError: what `iter_webp_chunks` raises.
    """
    data = BYTES.convert(data, "data")
    kept = [(kind, bytes(content)) for kind, content in iter_webp_chunks(data, limits) if kind != b"EXIF"]
    kind, content = kept[0]
    if kind != b"VP8X":
        width, height, alpha = _read_size_and_alpha(kind, memoryview(content))
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        kept.insert(0, (b"VP8X", bytes((_ALPHA * alpha, 0, 0, 0)) + size))
    first = kept[0][1]
    kept[0] = (b"VP8X", bytes((first[0] | _EXIF,)) + first[1:])
    return build_webp([*kept, (b"EXIF", write_exif(texts))])


def find_webp_channels(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> tuple[bool, bool]:
    """Return whether there is alpha, and whether the colours are stored without losses, as far as the header says.

    Alpha may be there beside pixels with losses, without, and of several frames; such frames may be of either kind.

    Raises what `iter_webp_chunks` raises; and RemoteProtocolError if there is no picture, or one of two sizes.
    """
    size: tuple[int, int] | None = None
    has_alpha = False
    for kind, content in iter_webp_chunks(data, limits):
        if kind in (b"VP8X", b"VP8L"):
            width, height, marked = _read_size_and_alpha(kind, content)
            if size not in (None, (width, height)):
                raise _damage_error("a WebP with two sizes")
            size, has_alpha = (width, height), has_alpha or marked
        if kind in (b"VP8L", b"VP8 ", b"ANMF"):
            return has_alpha, kind != b"VP8 "
    raise _damage_error("a WebP without a picture")


def build_webp(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a file from the kind and content of each chunk."""
    body = bytearray(b"WEBP")
    for kind, content in list_items(chunks, tuple, "chunks", "a list of pairs of bytes"):
        BYTES.check(kind, "chunks", "a list of pairs of bytes")
        BYTES.check(content, "chunks", "a list of pairs of bytes")
        body += kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + bytes(body)


def _read_size_and_alpha(kind: bytes, content: memoryview) -> tuple[int, int, bool]:
    """Return width, height, and whether there is alpha, from the first chunk."""
    if kind == b"VP8X" and len(content) >= 10:
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height, bool(content[0] & _ALPHA)
    if kind == b"VP8L" and len(content) >= 5 and content[0] == 0x2F:
        bits = int.from_bytes(content[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if kind == b"VP8 " and len(content) >= 10 and bytes(content[3:6]) == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return width, height, False
    raise _damage_error("the first chunk of the WebP is not an image")


def _damage_error(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"picture: {problem}")
