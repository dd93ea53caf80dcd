"""EXIF as far as pictures of the service use it: texts in a small TIFF file, read and written.

Only the first directory and the one for cameras are looked at, and in them only the tags that are named here. A damaged tag
hides only itself.

See:
    docs/protocol/image.md#82-webp
    docs/protocol/image.md#86-reading-pictures-that-other-programs-saved
"""

from __future__ import annotations

import codecs
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from ..arguments import BYTES, LIMITS, TEXTS
from ..errors import InvalidRequestError
from ..limits import Limits
from .picture_texts import PictureTexts
from .tiff import ASCII, LONG, UNDEFINED, UTF_8, TiffReader, TiffTag

__all__ = ["USER_COMMENT", "read_exif", "write_exif"]

USER_COMMENT: Final = "UserComment"
"""The one text that is marked with its encoding."""

# CIPA DC-008 (EXIF) and TIFF 6.0: numbers of tags.
_TAGS: Final = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x0131: "Software",
    0x013B: "Artist",
    0x8298: "Copyright",
}
_NUMBERS: Final = {name: number for number, name in _TAGS.items()}
_OTHER_TAGS: Final = {0x010F: "Make", 0x0110: "Model"}
"""Tags that are read and not written; other programs have their parameters there."""
_WINDOWS_TAGS: Final = {
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
}
"""Tags of Windows in UTF-16, which are read and not written."""
_CAMERA, _COMMENT = 0x8769, 0x9286
_PREFIX: Final = b"Exif\0\0"  # some writers repeat what JPEG needs
_MARK: Final = b"ASCII\0\0\0"
_WIDE: Final = {"<": ("utf-16-le", "utf-16-be"), ">": ("utf-16-be", "utf-16-le")}
"""UTF-16 in the order of the TIFF, and in the other one."""


def read_exif(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> PictureTexts:
    """Return the texts by the names of their tags, and what is damaged.

    The tags are ``DocumentName``, ``ImageDescription``, ``Software``, ``Artist``, ``Copyright``, ``UserComment``, and, of
    other programs, ``Make``, ``Model`` and those whose names begin with ``XP``.

    Args:
        data: the EXIF, or a TIFF.
        limits: a tag of more than `Limits.picture_text` bytes is left out as too long.

    Raises:
        RemoteProtocolError: it is no EXIF.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    content = memoryview(data)
    if bytes(content[: len(_PREFIX)]) == _PREFIX:
        content = content[len(_PREFIX) :]
    reader = TiffReader(content, limits)
    texts: dict[str, str] = {}
    for tag in _iter_texts(reader):
        text = _decode_tag(tag, reader.order)
        if text is None:
            reader.damaged.append(f"the tag {tag.name} is in no known encoding")
        elif text:  # cameras leave room for a comment
            texts[tag.name] = text
    return PictureTexts(texts, tuple(reader.damaged))


def write_exif(texts: Mapping[str, str]) -> bytes:
    """Return EXIF with these texts by the names that `read_exif` has, in UTF-8; empty ones are left out.

    Raises:
        InvalidRequestError: another name, or a text with NUL or a lone surrogate.
    """
    TEXTS.convert(texts, "texts")
    comment = b""
    values: dict[int, bytes] = {}
    for name, text in texts.items():
        if name not in _NUMBERS and name != USER_COMMENT:
            raise InvalidRequestError(f"{name!r} is no tag that is written", parameter="texts")
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidRequestError("a text in EXIF cannot hold NUL or a lone surrogate", parameter="texts")
        if not text:
            continue
        if name == USER_COMMENT:
            comment = _MARK + text.encode()
        else:
            values[_NUMBERS[name]] = text.encode() + b"\0"
    entries = [(number, ASCII, values[number]) for number in sorted(values)]
    if not comment:
        return b"II*\0" + (8).to_bytes(4, "little") + _build_directory(entries, 8)
    camera = [*entries, (_CAMERA, LONG, bytes(4))]
    where = 8 + len(_build_directory(camera, 8))
    camera[-1] = (_CAMERA, LONG, where.to_bytes(4, "little"))
    camera.sort()
    both = _build_directory(camera, 8) + _build_directory([(_COMMENT, UNDEFINED, comment)], where)
    return b"II*\0" + (8).to_bytes(4, "little") + both


def _iter_texts(reader: TiffReader) -> Iterator[TiffTag]:
    """Yield the tags with text: those of the first directory, and the comment of the one for cameras."""
    for tag in reader.iter_first({**_TAGS, **_OTHER_TAGS, **_WINDOWS_TAGS, _CAMERA: "Exif"}):
        if tag.name == "Exif":
            yield from reader.iter_directory(tag, {_COMMENT: USER_COMMENT})
        elif tag.kind in (ASCII, UTF_8) or tag.name in _WINDOWS_TAGS.values():
            yield tag


def _decode_tag(tag: TiffTag, order: str) -> str | None:
    """Return the text of a tag; None if no known encoding fits."""
    value = bytes(tag.value)
    if tag.name == USER_COMMENT:
        return _decode_comment(value, order)
    if tag.name in _WINDOWS_TAGS.values():
        return _decode_or_none(value, "utf-16-le")
    return _decode_or_none(value.lstrip(b"\0").split(b"\0")[0], "utf-8")


def _decode_comment(value: bytes, order: str) -> str | None:
    """Return the text of ``UserComment`` without its mark: the reading that is JSON, or else the likeliest one.

    Return None if no known encoding fits. Programs disagree on what a mark means, and some write none.

    See docs/protocol/image.md#86-reading-pictures-that-other-programs-saved.
    """
    mark, text = value[:8].rstrip(b"\0 ").upper(), value[8:]
    narrow, wide = _decode_each(text, "utf-8-sig"), _decode_wide(text, order)
    match mark:
        case b"UNICODE":
            readings = [*wide, *narrow]
        case b"JIS":
            readings = _decode_each(text, "iso2022_jp", "utf-8-sig")
        case b"ASCII" | b"":
            readings = [*narrow, *filter(_is_json, wide)]
        case _:
            readings = _decode_each(value, "utf-8-sig")
    return next(filter(_is_json, readings), readings[0] if readings else None)


def _decode_wide(text: bytes, order: str) -> list[str]:
    """Return the readings in UTF-16, the one with the most ASCII first."""
    orders = ("utf-16",) if text[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _WIDE[order]
    readings = _decode_each(text, *orders)
    return sorted(readings, key=lambda reading: len(reading.encode("ascii", "ignore")), reverse=True)


def _decode_each(text: bytes, *encodings: str) -> list[str]:
    return [reading for encoding in encodings if (reading := _decode_or_none(text, encoding)) is not None]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _decode_or_none(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding).rstrip("\0")
    except UnicodeDecodeError:
        return None


def _build_directory(entries: list[tuple[int, int, bytes]], at: int) -> bytes:
    """Return a directory that stands at ``at``, and behind it what does not fit into its entries."""
    behind = at + 2 + 12 * len(entries) + 4
    head, tail = bytearray(len(entries).to_bytes(2, "little")), bytearray()
    for number, kind, value in entries:
        head += struct.pack("<HHL", number, kind, len(value) // (4 if kind == LONG else 1))
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack("<L", behind + len(tail))
            tail += value + b"\0" * (len(value) % 2)
    return bytes(head + bytes(4) + tail)
