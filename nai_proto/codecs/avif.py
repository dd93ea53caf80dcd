"""AVIF files: their EXIF and XMP, read without decoding pixels (ISO 14496-12 §8.11, ISO 23008-12 annex A).

A file is boxes in boxes. The box ``meta`` lists items with a kind, and where in the file the bytes of each are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ..errors import RemoteProtocolError, Truncated
from ..limits import Limits
from .picture_texts import excess_error

__all__ = ["EXIF", "XMP", "iter_avif_items"]

EXIF: Final = b"Exif"
"""The kind of an item that is EXIF. Before it stands the distance to where it begins, in four bytes."""
XMP: Final = b"application/rdf+xml"
"""The kind of an item that is XMP."""

_MIME: Final = b"mime"


def iter_avif_items(data: bytes, kind: bytes, limits: Limits) -> Iterator[bytes]:
    """Yield the bytes of each item of a kind.

    Raises:
        Truncated: the file ends too early.
        RemoteProtocolError: it is damaged, or an item is longer than `Limits.picture_text`.
    """
    meta = _find_box(memoryview(data), b"meta")
    if meta is None:
        return
    boxes = meta[4:]  # behind its version
    items, places = _find_box(boxes, b"iinf"), _find_box(boxes, b"iloc")
    if items is None or places is None:
        return
    numbers = {number for number, each in _iter_items(items) if each == kind}
    if numbers:
        for place in _iter_places(places):
            if place.item in numbers:
                yield _join_extents(place, data, boxes, limits)


# ---- boxes


def _iter_boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and content of each box."""
    at = 0
    while at < len(data):
        cursor = _Cursor(data, at)
        size, kind = cursor.read_number(4), bytes(cursor.read(4))
        if size == 1:
            size = cursor.read_number(8)
        elif size == 0:  # to the end
            size = len(data) - at
        if size < cursor.at - at:
            raise RemoteProtocolError("picture: the AVIF has something else where a box should begin")
        yield kind, cursor.read(size - (cursor.at - at))
        at += size


def _find_box(data: memoryview, wanted: bytes) -> memoryview | None:
    return next((content for kind, content in _iter_boxes(data) if kind == wanted), None)


class _Cursor:
    """Reads bytes from left to right."""

    def __init__(self, data: memoryview, at: int = 0) -> None:
        self.at = at
        self._data = data

    def read(self, size: int) -> memoryview:
        """Return the next bytes. Raise Truncated if there are not so many."""
        start, self.at = self.at, self.at + size
        if self.at > len(self._data):
            raise Truncated("picture: the AVIF ends too early")
        return self._data[start : self.at]

    def read_number(self, size: int) -> int:
        """Return the next bytes as a number."""
        return int.from_bytes(self.read(size))

    def read_version(self) -> int:
        """Return the version of a box, and skip its flags."""
        return self.read_number(4) >> 24


# ---- items


def _iter_items(box: memoryview) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each item and its kind; of one with a content type, that."""
    cursor = _Cursor(box)
    cursor.read(2 if cursor.read_version() == 0 else 4)  # how many there are
    for kind, entry in _iter_boxes(box[cursor.at :]):
        item = _Cursor(entry)
        version = item.read_version()
        if kind != b"infe" or version < 2:
            continue
        number = item.read_number(2 if version == 2 else 4)
        item.read(2)
        item_kind = bytes(item.read(4))
        names = bytes(entry[item.at :]).split(b"\0")
        yield number, names[1] if item_kind == _MIME and len(names) > 1 else item_kind


class _Place(NamedTuple):
    """Where the bytes of an item are."""

    item: int
    method: int
    "0: offsets count from the beginning of the file; 1: from that of the box ``idat``."
    extents: list[tuple[int, int]]
    "Offset and length of each part; a length of 0 means: to the end."


def _iter_places(box: memoryview) -> Iterator[_Place]:
    cursor = _Cursor(box)
    version = cursor.read_version()
    sizes = cursor.read_number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 2 if version < 2 else 4
    for _ in range(cursor.read_number(wide)):
        item = cursor.read_number(wide)
        method = cursor.read_number(2) & 15 if version else 0
        cursor.read(2)  # which file: this one
        base = cursor.read_number(base_size)
        extents: list[tuple[int, int]] = []
        for _ in range(cursor.read_number(2)):
            cursor.read(index_size if version else 0)
            offset = base + cursor.read_number(offset_size)
            extents.append((offset, cursor.read_number(length_size)))
        yield _Place(item, method, extents)


def _join_extents(place: _Place, data: bytes, boxes: memoryview, limits: Limits) -> bytes:
    """Return the bytes of an item."""
    sources: Mapping[int, memoryview | None] = {0: memoryview(data), 1: _find_box(boxes, b"idat")}
    source = sources.get(place.method)
    if source is None:
        raise RemoteProtocolError("picture: the AVIF has a text in a form that is not known")
    out = bytearray()
    for offset, length in place.extents:
        end = offset + length if length else max(offset, len(source))
        if end > len(source):
            raise Truncated("picture: the AVIF ends too early")
        if len(out) + end - offset > limits.picture_text:
            raise excess_error("a text of the AVIF", limits.picture_text)
        out += source[offset:end]
    return bytes(out)
