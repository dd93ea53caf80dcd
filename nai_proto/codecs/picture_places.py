"""The places around a picture's pixels where a file may say how it was made, and how each is read.

Which places a format has is one table. Each place is read on its own, up to the first damage that hides the rest of the
file; a piece that is damaged or too long hides only itself. The places in the pixels are read in `picture_metadata`.

See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias

from ..errors import RemoteProtocolError
from ..limits import Limits
from .avif import EXIF, XMP, iter_avif_items
from .exif import read_exif
from .gif import iter_gif_comments, iter_gif_xmp
from .jpeg import iter_jpeg_comments, iter_jpeg_segments
from .metadata_forms import is_service_comment, restore_comment, texts_from_tags
from .picture_texts import PictureTexts, describe_problem, excess_error
from .png import iter_placed_chunks
from .png_text import read_png_text
from .tiff import TiffReader
from .webp import iter_webp_chunks

__all__ = ["TEXT_PLACES", "Place"]

_XMP: Final = "XML:com.adobe.xmp"
"""The keyword that XMP has among the texts of a PNG."""
_APP1: Final = 0xE1
_JPEG_EXIF: Final = b"Exif\0\0"
_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_RAW_PROFILES: Final = ("Raw profile type exif", "Raw profile type APP1")
_TIFF_XMP: Final = 0x02BC


class Place(enum.Enum):
    """Where in a file it stands."""

    TEXT = "text"
    "Text chunks of a PNG, XMP among them. See docs/protocol/image.md#81-png-text."
    EXIF = "EXIF"
    "EXIF, where a WebP has it. See docs/protocol/image.md#82-webp."
    XMP = "XMP"
    "XMP of other programs, as one text of XML."
    COMMENT = "comment"
    "Comments of a JPEG or GIF. Converters put the text ``Comment`` of a PNG there."
    ALPHA = "alpha"
    "The lowest bits of alpha. See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel."
    COLOURS = "colours"
    "The lowest bits of the colours, where other programs have what NovelAI has in alpha."


_Reader: TypeAlias = Callable[[bytes, Limits], PictureTexts]
_Piece: TypeAlias = bytes | memoryview
_Pieces: TypeAlias = Callable[[bytes, Limits], Iterator[_Piece]]
"""Yields the pieces of a file that belong to a place; raises RemoteProtocolError where a damage hides the rest."""


def _read_png_text(data: bytes, limits: Limits) -> PictureTexts:
    texts, damaged = read_png_text(data, limits, is_wanted=is_service_comment)
    return PictureTexts(restore_comment(texts, "comment"), damaged)


def _exif_reader(iter_pieces: _Pieces) -> _Reader:
    """Return the reader of EXIF for a format."""

    def decode(piece: _Piece, limits: Limits) -> PictureTexts:
        return texts_from_tags(read_exif(piece, limits), limits)

    return partial(_read_best, iter_pieces, decode)


def _xmp_reader(iter_pieces: _Pieces) -> _Reader:
    """Return the reader of XMP for a format."""

    def decode(piece: _Piece, limits: Limits) -> PictureTexts:
        return PictureTexts({_XMP: _decode(piece, "its XMP", limits, "utf-8-sig")})

    return partial(_read_best, iter_pieces, decode)


def _comment_reader(iter_pieces: _Pieces) -> _Reader:
    """Return the reader of comments for a format."""

    def decode(piece: _Piece, limits: Limits) -> PictureTexts:
        text = _decode(piece, "a comment", limits, "utf-8", "latin-1")
        return PictureTexts({"Comment": text} if text else {})

    return partial(_read_best, iter_pieces, decode)


def _read_best(
    iter_pieces: _Pieces, decode: Callable[[_Piece, Limits], PictureTexts], data: bytes, limits: Limits
) -> PictureTexts:
    """Return the texts of the first piece that has NovelAI's comment, or else of the first that has any."""
    texts: dict[str, str] = {}
    damaged: list[str] = []
    try:
        for piece in iter_pieces(data, limits):
            try:
                found, problems = decode(piece, limits)
            except RemoteProtocolError as error:
                damaged.append(describe_problem(error))
                continue
            damaged += problems
            if not texts or (_has_service_comment(found) and not _has_service_comment(texts)):
                texts = found
    except RemoteProtocolError as error:
        damaged.append(describe_problem(error))
    return PictureTexts(texts, tuple(damaged))


def _has_service_comment(texts: Mapping[str, str]) -> bool:
    return is_service_comment(texts.get("Comment", ""))


def _decode(piece: _Piece, where: str, limits: Limits, *encodings: str) -> str:
    """Return a piece as text, in the first of the encodings that fits.

    Raises:
        RemoteProtocolError: it is in none of them, or too long; the message begins with ``where``.
    """
    if len(piece) > limits.picture_text:
        raise excess_error(where, limits.picture_text)
    for encoding in encodings:
        try:
            return bytes(piece).decode(encoding).rstrip("\0")
        except UnicodeDecodeError:
            pass
    raise RemoteProtocolError(f"picture: {where} is not UTF-8")


# ---- the pieces of each format


def _iter_png_exif(data: bytes, limits: Limits) -> Iterator[_Piece]:
    """Yield EXIF of its own chunk, and as ImageMagick has it in a text: behind name and size, in hexadecimal digits."""
    for chunk in iter_placed_chunks(memoryview(data)):
        if chunk.kind == b"eXIf" and chunk.is_intact:  # a damaged one is named with the texts
            yield chunk.content
    texts = read_png_text(data, limits).texts
    for keyword in filter(texts.__contains__, _RAW_PROFILES):
        try:
            profile = bytes.fromhex("".join(texts[keyword].split()[2:]))
        except ValueError:
            profile = b""  # which is no EXIF, as will be said
        if not profile.startswith(_JPEG_XMP):
            yield profile


def _iter_webp(data: bytes, limits: Limits, *, kind: bytes) -> Iterator[_Piece]:
    """Yield the content of each chunk of a kind."""
    return (content for each, content in iter_webp_chunks(data, limits) if each == kind)


def _iter_jpeg(data: bytes, _: Limits, *, start: bytes) -> Iterator[_Piece]:
    """Yield what is behind ``start`` in each segment of an application that begins with it."""
    for marker, content in iter_jpeg_segments(data):
        if marker == _APP1 and bytes(content[: len(start)]) == start:
            yield content[len(start) :]


def _iter_tiff_exif(data: bytes, _: Limits) -> Iterator[_Piece]:
    yield data


def _iter_tiff_xmp(data: bytes, limits: Limits) -> Iterator[_Piece]:
    reader = TiffReader(memoryview(data), limits)
    for tag in reader.iter_first({_TIFF_XMP: "XMP"}):
        yield tag.value
    for problem in reader.damaged:
        raise RemoteProtocolError(f"picture: {problem}")


def _iter_avif_exif(data: bytes, limits: Limits) -> Iterator[_Piece]:
    for item in iter_avif_items(data, EXIF, limits):
        yield item[4 + int.from_bytes(item[:4]) :]


TEXT_PLACES: Final[Mapping[str, Mapping[Place, _Reader]]] = {
    "PNG": {Place.TEXT: _read_png_text, Place.EXIF: _exif_reader(_iter_png_exif)},
    "WEBP": {
        Place.EXIF: _exif_reader(partial(_iter_webp, kind=b"EXIF")),
        Place.XMP: _xmp_reader(partial(_iter_webp, kind=b"XMP ")),
    },
    "JPEG": {
        Place.EXIF: _exif_reader(partial(_iter_jpeg, start=_JPEG_EXIF)),
        Place.XMP: _xmp_reader(partial(_iter_jpeg, start=_JPEG_XMP)),
        Place.COMMENT: _comment_reader(lambda data, _: iter_jpeg_comments(data)),
    },
    "GIF": {
        Place.XMP: _xmp_reader(lambda data, _: iter_gif_xmp(data)),
        Place.COMMENT: _comment_reader(lambda data, _: iter_gif_comments(data)),
    },
    "BMP": {},
    "TIFF": {Place.EXIF: _exif_reader(_iter_tiff_exif), Place.XMP: _xmp_reader(_iter_tiff_xmp)},
    "AVIF": {
        Place.EXIF: _exif_reader(_iter_avif_exif),
        Place.XMP: _xmp_reader(lambda data, limits: iter_avif_items(data, XMP, limits)),
    },
}
"""The places of each format around its pixels, and how they are read."""
