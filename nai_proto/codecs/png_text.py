"""The text of PNG files: chunks of keyword and text, read and written; all else stays byte for byte.

A damaged chunk hides only itself, and so does one that is too long: texts are held against `Limits.picture_text`, which
counts them together and inflated. A packed text costs time before it turns out to be too long, so after a few such texts no
more are unpacked.

See:
    docs/protocol/image.md#81-png-text
    docs/protocol/image.md#86-reading-pictures-that-other-programs-saved
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from ..arguments import BYTES, FUNCTION, LIMITS, TEXTS
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from ..limits import Limits
from .picture_texts import PictureTexts, describe_problem, excess_error
from .png import PlacedChunk, build_png_chunk, check_png_header, iter_checked_chunks, iter_placed_chunks

__all__ = ["read_png_text", "with_png_text"]

_FORMS: Final = {
    b"tEXt": re.compile(rb"()"),
    b"zTXt": re.compile(rb"(\0)"),
    b"iTXt": re.compile(rb"(?:\0\0|(\x01\0))[^\0]*\0[^\0]*\0"),
}
"""What stands between keyword and text in each kind of text chunk (PNG §11.3.3); a group where the text is packed."""
_LONGEST_KEYWORD: Final = 79
_MOST_BOMBS: Final = 4
"""How many packed texts may turn out to be too long. Each costs the time to inflate `Limits.picture_text` bytes."""


def read_png_text(
    data: bytes | bytearray | memoryview,
    limits: Limits = Limits(),
    *,
    is_wanted: Callable[[str], bool] = lambda _: False,
) -> PictureTexts:
    """Return the texts by keyword, in the file's order, and what is damaged or too long.

    Of several texts with one keyword the first counts that is wanted; if none is, the first.

    Raises:
        LimitExceeded: the header claims more than `Limits.pixels`.
        RemoteProtocolError: the file is no PNG.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    FUNCTION.check(is_wanted, "is_wanted")
    texts: dict[str, str] = {}
    damaged: list[str] = []
    room = _Room(limits)
    chunks = iter_placed_chunks(memoryview(data))
    header = next(chunks)
    try:
        check_png_header(header, limits)
    except LimitExceeded:
        raise
    except RemoteProtocolError as error:
        damaged.append(describe_problem(error))
    try:
        for chunk in chunks:
            try:
                text = _read_chunk(chunk, room)
            except RemoteProtocolError as error:
                damaged.append(describe_problem(error))
                continue
            if text is not None:
                keyword, value = text
                if keyword not in texts or (is_wanted(value) and not is_wanted(texts[keyword])):
                    texts[keyword] = value
    except RemoteProtocolError as error:
        damaged.append(describe_problem(error))
    return PictureTexts(texts, tuple(damaged))


def with_png_text(
    data: bytes, texts: Mapping[str, str], limits: Limits = Limits(), *, keep_others: bool = False
) -> bytes:
    """Return the same file with these texts in place of its own, right after the header; all else stays byte for byte.

    A text is Latin-1 in a ``tEXt`` chunk, or UTF-8 in an uncompressed ``iTXt`` chunk if it has to be. Text chunks that are
    damaged go as well.

    Args:
        data: the PNG.
        texts: by keyword.
        limits: for its pixels.
        keep_others: leave text chunks with other keywords as they are, also damaged ones.

    Raises:
        InvalidRequestError: a keyword is not 1 to 79 characters of Latin-1, or a text holds NUL or a lone surrogate.
        RemoteProtocolError: what `iter_png_chunks` raises.
    """
    data = BYTES.convert(data, "data")
    TEXTS.convert(texts, "texts")
    LIMITS.check(limits, "limits")
    out = bytearray()
    kept = 0
    for chunk in iter_checked_chunks(memoryview(data), limits):
        end = chunk.at + 12 + len(chunk.content)
        if chunk.kind == b"IHDR":
            out += data[:end] + b"".join(_build_text_chunk(keyword, text) for keyword, text in texts.items())
            kept = end
        elif chunk.kind in _FORMS and not (keep_others and _read_keyword(chunk) not in texts):
            out += data[kept : chunk.at]
            kept = end
    return bytes(out + data[kept:])


class _Room:
    """How many bytes of text may still come, and how many packed texts may still be too long for that."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.picture_text
        self._left = limits.picture_text
        self._bombs = _MOST_BOMBS

    def take(self, size: int, where: str) -> None:
        """Take room for a text. Raise RemoteProtocolError, which begins with ``where``, if there is not so much."""
        if size > self._left:
            raise excess_error(where, self._most)
        self._left -= size

    def inflate(self, packed: bytes, where: str) -> bytes:
        """Return the bytes of a packed text, and take room for them.

        Raises:
            RemoteProtocolError: it does not inflate, or is too long; the message begins with ``where``.
        """
        if not self._bombs:
            raise RemoteProtocolError(f"picture: {where} is not unpacked: {_MOST_BOMBS} texts before it are too long")
        stream = zlib.decompressobj()
        try:
            value = stream.decompress(packed, self._left + 1)
        except zlib.error:
            value = None
        if value is None or not (stream.eof or len(value) > self._left):
            raise RemoteProtocolError(f"picture: {where} does not inflate")
        self._bombs -= len(value) > self._left
        self.take(len(value), where)
        return value


def _read_chunk(chunk: PlacedChunk, room: _Room) -> tuple[str, str] | None:
    """Return keyword and text of a chunk; None if it is no text.

    Raises:
        RemoteProtocolError: it is damaged or too long.
    """
    if not chunk.is_intact:
        raise chunk.checksum_error
    if chunk.kind not in _FORMS:
        return None
    keyword = _read_keyword(chunk)
    if keyword is None:
        raise RemoteProtocolError(f"picture: {chunk} has no keyword")
    where = f"{chunk} ({keyword})"
    value = chunk.content[len(keyword) + 1 :]
    form = _FORMS[chunk.kind].match(value)
    if form is None:
        raise RemoteProtocolError(f"picture: {where} is not in the form of its kind")
    text = bytes(value[form.end() :])
    if form[1]:
        text = room.inflate(text, where)
    else:
        room.take(len(text), where)
    try:
        return keyword, text.decode("utf-8" if chunk.kind == b"iTXt" else "latin-1")
    except UnicodeDecodeError:
        pass  # and raise below: the codec's error holds the text
    raise RemoteProtocolError(f"picture: {where} is not UTF-8")


def _read_keyword(chunk: PlacedChunk) -> str | None:
    keyword, end, _ = bytes(chunk.content[: _LONGEST_KEYWORD + 1]).partition(b"\0")
    return keyword.decode("latin-1") if keyword and end else None


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
