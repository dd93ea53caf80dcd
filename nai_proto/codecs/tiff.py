"""Directories of TIFF and BigTIFF: of the files, and of EXIF, which is a small TIFF (TIFF 6.0 §2).

Only the tags that a caller names are looked at, and each once, so offsets that point anywhere cost nothing and lead nowhere.
A tag that is damaged or too long hides only itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ..errors import RemoteProtocolError
from ..limits import Limits
from .picture_texts import describe_problem, excess_error

__all__ = ["ASCII", "BYTE", "LONG", "UNDEFINED", "UTF_8", "TiffReader", "TiffTag"]

BYTE, ASCII, LONG, UNDEFINED, UTF_8 = 1, 2, 4, 7, 129
"""Types of a tag's value."""

_SIZES: Final = {BYTE: 1, ASCII: 1, 3: 2, LONG: 4, UNDEFINED: 1, 13: 4, 16: 8, 18: 8, UTF_8: 1}
"""Bytes of an item by its type; what has another type is no text and points to no directory."""


class _Layout(NamedTuple):
    """The forms of what is in a directory, for `struct`."""

    order: str
    first: slice
    "Where the header says where the first directory is."
    count_form: str
    entry_form: str
    room: int
    "Bytes in an entry for a value, or for its offset."


_LAYOUTS: Final = {
    start: _Layout(order, slice(8, 16), "Q", "HHQ", 8) if b"+" in start else _Layout(order, slice(4, 8), "H", "HHL", 4)
    for order, starts in (("<", (b"II*\0", b"II+\0")), (">", (b"MM\0*", b"MM\0+")))
    for start in starts
}


class TiffTag(NamedTuple):
    """An entry of a directory."""

    name: str
    kind: int
    "The type of its value."
    value: memoryview


class TiffReader:
    """Reads the directories of a TIFF.

    Args:
        data: the whole TIFF.
        limits: `Limits.picture_text` bounds each value.

    Raises:
        RemoteProtocolError: it is no TIFF.
    """

    damaged: list[str]
    "What could not be read so far."

    def __init__(self, data: memoryview, limits: Limits) -> None:
        layout = _LAYOUTS.get(bytes(data[:4]))
        if layout is None:
            raise RemoteProtocolError("picture: its EXIF does not begin as a TIFF")
        self.damaged = []
        self._layout = layout
        self._data = data
        self._most = limits.picture_text

    @property
    def order(self) -> str:
        """The byte order: ``<`` or ``>``, as for `struct`."""
        return self._layout.order

    def iter_first(self, names: Mapping[int, str]) -> Iterator[TiffTag]:
        """Yield the tags of the first directory that have a name here."""
        return self._iter_directory(self._data[self._layout.first], names)

    def iter_directory(self, tag: TiffTag, names: Mapping[int, str]) -> Iterator[TiffTag]:
        """Yield the tags that have a name here, of the directory that a tag points to."""
        return self._iter_directory(tag.value, names)

    def _iter_directory(self, where: memoryview, names: Mapping[int, str]) -> Iterator[TiffTag]:
        order, _, count_form, entry_form, room = self._layout
        entry = struct.Struct(order + entry_form)
        wanted = set(names)
        try:
            at = self._parse_offset(where)
            (count,) = struct.unpack_from(order + count_form, self._data, at)
            at += struct.calcsize(order + count_form)
            for place in range(at, at + (entry.size + room) * count, entry.size + room):
                number, kind, length = entry.unpack_from(self._data, place)
                if number not in wanted or kind not in _SIZES:
                    continue
                wanted.discard(number)
                try:
                    value = self._read_value(place + entry.size, length * _SIZES[kind], f"the tag {names[number]}")
                except RemoteProtocolError as error:
                    self.damaged.append(describe_problem(error))
                else:
                    yield TiffTag(names[number], kind, value)
        except (struct.error, OverflowError):  # OverflowError: an offset that no file has
            self.damaged.append("the list of its tags is cut off")

    def _read_value(self, at: int, size: int, where: str) -> memoryview:
        room = self._layout.room
        if size > room:
            at = self._parse_offset(self._data[at : at + room])
        if at + size > len(self._data):
            raise RemoteProtocolError(f"picture: {where} is cut off")
        if size > self._most:
            raise excess_error(where, self._most)
        return self._data[at : at + size]

    def _parse_offset(self, value: memoryview) -> int:
        (offset,) = struct.unpack(self.order + ("Q" if len(value) == 8 else "L"), value)
        return int(offset)
