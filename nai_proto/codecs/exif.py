"""EXIF as far as pictures of the service use it: texts in a small TIFF file, read and written.

Only the first directory and the one for cameras are looked at, and in them only the tags that are named here, so offsets
that point anywhere cost nothing and lead nowhere.

See docs/protocol/image.md#82-webp.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from ..arguments import BYTES, LIMITS, TEXTS
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from ..limits import Limits

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
_CAMERA, _COMMENT = 0x8769, 0x9286
_ASCII, _LONG, _UNDEFINED = 2, 4, 7  # types
_SIZES: Final = {1: 1, _ASCII: 1, 3: 2, _LONG: 4, _UNDEFINED: 1}
_PREFIX: Final = b"Exif\0\0"  # some writers repeat what JPEG needs
_MARK: Final = b"ASCII\0\0\0"
_MARKS: Final = {_MARK: "utf-8", bytes(8): "utf-8", b"UNICODE\0": "utf-16"}


def read_exif(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> dict[str, str]:
    """Return the texts by the names of their tags.

    These are ``DocumentName``, ``ImageDescription``, ``Software``, ``Artist``, ``Copyright`` and ``UserComment``.

    Raises:
        LimitExceeded: it has more bytes than `Limits.picture_text`.
        Truncated: something stands behind its end.
        RemoteProtocolError: it is no EXIF, or a text is not in its encoding.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    if len(data) > limits.picture_text:
        raise LimitExceeded("picture text", limit=limits.picture_text, value=len(data))
    content = bytes(data).removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        raise _damage_error("no EXIF")
    try:
        return _read_texts(content, order)
    except struct.error:
        pass  # and raise below: something was looked for behind the end
    except UnicodeDecodeError:
        raise _damage_error("a text in its EXIF is not in its encoding") from None
    raise Truncated("picture: its EXIF ends too early")


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
    entries = [(number, _ASCII, values[number]) for number in sorted(values)]
    if not comment:
        return b"II*\0" + (8).to_bytes(4, "little") + _build_directory(entries, 8)
    camera = [*entries, (_CAMERA, _LONG, bytes(4))]
    where = 8 + len(_build_directory(camera, 8))
    camera[-1] = (_CAMERA, _LONG, where.to_bytes(4, "little"))
    camera.sort()
    both = _build_directory(camera, 8) + _build_directory([(_COMMENT, _UNDEFINED, comment)], where)
    return b"II*\0" + (8).to_bytes(4, "little") + both


def _read_texts(data: bytes, order: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    (first,) = struct.unpack_from(order + "L", data, 4)
    for number, kind, value in _iter_entries(data, order, first):
        if number in _TAGS and kind == _ASCII:
            texts.setdefault(_TAGS[number], value.split(b"\0", 1)[0].decode())
        elif number == _CAMERA and kind == _LONG and USER_COMMENT not in texts:
            (camera,) = struct.unpack_from(order + "L", value)
            for inner, _, comment in _iter_entries(data, order, camera):
                if inner == _COMMENT:
                    texts[USER_COMMENT] = _decode_comment(comment, order)
    return texts


def _iter_entries(data: bytes, order: str, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield tag, type and bytes of the entries in a directory that may matter."""
    (count,) = struct.unpack_from(order + "H", data, at)
    wanted = {*_TAGS, _CAMERA, _COMMENT}
    for place in range(at + 2, at + 2 + 12 * count, 12):
        number, kind, length = struct.unpack_from(order + "HHL", data, place)
        if number not in wanted or kind not in _SIZES:
            continue
        wanted.discard(number)  # once is enough
        size = length * _SIZES[kind]
        start = place + 8
        if size > 4:
            (start,) = struct.unpack_from(order + "L", data, start)
        yield number, kind, struct.unpack_from(f"{min(size, len(data) + 1)}s", data, start)[0]


def _decode_comment(value: bytes, order: str) -> str:
    encoding = _MARKS.get(value[:8], "")
    if encoding == "utf-16":
        bom = value[8:10] in (b"\xff\xfe", b"\xfe\xff")
        encoding = "utf-16" if bom else "utf-16-le" if order == "<" else "utf-16-be"
    if not encoding:
        raise _damage_error("the comment in its EXIF has no encoding that is known")
    return value[8:].decode(encoding).rstrip("\0")


def _build_directory(entries: list[tuple[int, int, bytes]], at: int) -> bytes:
    """Return a directory that stands at ``at``, and behind it what does not fit into its entries."""
    behind = at + 2 + 12 * len(entries) + 4
    head, tail = bytearray(len(entries).to_bytes(2, "little")), bytearray()
    for number, kind, value in entries:
        head += struct.pack("<HHL", number, kind, len(value) // _SIZES[kind])
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack("<L", behind + len(tail))
            tail += value + b"\0" * (len(value) % 2)
    return bytes(head + bytes(4) + tail)


def _damage_error(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"picture: {problem}")
