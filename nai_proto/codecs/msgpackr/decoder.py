"""Decode documents: one loop over the bytes, one turn for each value, without recursion.

An array, an object or a map is a *frame*: a container, and the keys at which the next values belong in it. An object is a
copy of its record's *shape*, filled by name. All others are lists, filled by index; a map, a wrapper or a Set is made of its
list when that is full. The frames around wait on a stack, as iterators over their remaining keys.

Linear in time and memory. A value that claims to have more parts than there are bytes is refused at its head, before
anything is allocated; a bundle must follow the previous one, so that no byte is read more than twice; depth and number
of values have limits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from math import copysign
from typing import Any, Final, NamedTuple, TypeAlias

from ...arguments import BYTES, LIMITS
from ...errors import Damaged, LimitExceeded
from ...limits import Limits
from .extensions import BUNDLE, LEAVES, OWN, RECORD, SHARED, WRAPPERS, Leaf, Wrapper, decode_reference_number
from .js_values import BigInt, JsMap, RawBytes, Shared, Value, Wrapped
from .string_bundles import Bundle, decode_text
from .value_headers import CONSTANTS, FORMS, ValueKind, cut_short_error, damage_error

__all__ = ["DOCUMENT_WRAPPERS", "unpackb"]

DOCUMENT_WRAPPERS: Final = (20, 30, 31, 40, 41, 42)
"""Extensions that wrap a value in story documents.

See docs/protocol/content.md#71-wrappers.
"""


class _Shape(NamedTuple):
    """A record: the names of an object's fields."""

    names: list[str]
    "In the order of the values, with those that are there twice."
    empty: dict[str, Value]
    "An object with these fields. To copy it takes less time than to make another one."


_Finish: TypeAlias = "Callable[..., Value | _Shape]"
"""Makes a value, or the shape of the object that follows in its place, of the values in a frame, its arguments."""

_TEXT, _FLOAT, _UNSIGNED, _CONSTANT = ValueKind.TEXT, ValueKind.FLOAT, ValueKind.UNSIGNED, ValueKind.CONSTANT
_ARRAY, _MAP, _EXTENSION = ValueKind.ARRAY, ValueKind.MAP, ValueKind.EXTENSION
_SAFE: Final = 2**53
_COUNTS: Final = {
    size: struct.Struct(f">{form}").unpack_from for size, form in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))
}
_FLOATS: Final = {4: struct.Struct(">f").unpack_from, 8: struct.Struct(">d").unpack_from}


def unpackb(
    data: bytes | bytearray | memoryview,
    *,
    limits: Limits = Limits(),
    wrappers: Collection[int] = DOCUMENT_WRAPPERS,
    raw: Collection[int] = (),
) -> Value:
    """Return the value of a document.

    Up to half of the time for a large document is Python's cyclic garbage collector's, which finds nothing in it: whoever
    knows that nothing else needs it meanwhile may pause it (`gc.disable`).

    See docs/protocol/content.md#64-safety.

    Args:
        data: the document, without other data.
        limits: `Limits.unpacked` bounds its bytes, `Limits.document_depth` and `Limits.document_values` its values.
        wrappers: extensions, from 0 to 127, that are followed by the value they wrap: they become `Wrapped`.
        raw: other extensions, which have only a body: they become `RawBytes`. ``range(128)`` keeps all unknown
            extensions, but misreads those that wrap a value, which cannot be distinguished.

    Raises:
        Damaged: it is not such a document, or has an extension that is in neither; ``category`` names the problem.
        LimitExceeded: it is larger than ``limits`` allow.
    """
    LIMITS.check(limits, "limits")
    document: bytes = BYTES.convert(data, "data")
    if len(document) > limits.unpacked:
        raise LimitExceeded("document bytes", limit=limits.unpacked, value=len(document))
    leaves: dict[int, Leaf] = {number: partial(RawBytes, number) for number in {*raw} - {*wrappers} - OWN}
    around: dict[int, Wrapper] = {number: partial(Wrapped, number) for number in wrappers}
    try:
        return _Reader(document, limits, leaves | LEAVES, around | WRAPPERS).document()
    except (IndexError, struct.error):  # a read after the last byte
        pass
    raise cut_short_error()


class _Reader:
    """The state of reading a document, with its records and bundles.

    See docs/protocol/content.md#62-records.
    """

    def __init__(self, data: bytes, limits: Limits, leaves: Mapping[int, Leaf], around: Mapping[int, Wrapper]) -> None:
        self._data = data
        self._limits = limits
        self._leaves = leaves
        self._around = around
        self._shapes: dict[int, _Shape] = {}
        self._bundle: Bundle | None = None
        self._others: dict[ValueKind, Callable[[int, int, int], tuple[Value, int]]] = {
            ValueKind.BINARY: self._read_binary,
            ValueKind.BUNDLED: self._read_bundled,
            ValueKind.SIGNED: self._read_signed,
        }

    def document(self) -> Value:
        """Return the whole document."""
        value, end = self._read_value()
        if self._bundle is not None:
            if self._bundle.start != end:
                raise damage_error("bad bundle offset", "the last bundle is not right behind the value")
            end = self._bundle.end
        if end > len(self._data):
            raise cut_short_error()
        if end < len(self._data):
            raise damage_error("trailing data", f"{len(self._data) - end} bytes follow its end")
        return value

    def _read_value(self) -> tuple[Value, int]:
        """Return the first value, and its end, which may be after the data, since slices do not raise."""
        data, size, shapes = self._data, len(self._data), self._shapes
        leaves, around, others = self._leaves, self._around, self._others
        depth, most = self._limits.document_depth, min(self._limits.document_values, size)
        # An object or a list is any container here, since its keys come with it.
        stack: list[tuple[Any, Any, Iterator[Any], _Finish | None]] = []
        root: list[Value] = [None]
        container: Any = root
        key: Any
        keys: Iterator[Any] = iter((0,))
        finish: _Finish | None = None
        following: _Finish | None
        at, left = 0, most
        while True:
            for key in keys:
                byte = data[at]
                at += 1
                if byte < 0x40:
                    container[key] = byte
                    continue
                if byte < 0x80:
                    shape = shapes.get(byte)
                    if shape is None:
                        container[key] = byte
                        continue
                    if shape is _WIDE:
                        shape, at = self._read_wide_record(byte, at)
                    count, following = len(shape.names), None
                    break
                if byte > 0xDF:
                    container[key] = byte - 256
                    continue
                kind, width, count = FORMS[byte]
                if width:
                    count = _COUNTS[width](data, at)[0]
                    at += width
                if kind is _TEXT:
                    start, at = at, at + count
                    try:
                        container[key] = data[start:at].decode()
                        continue
                    except UnicodeDecodeError:
                        pass
                    container[key] = decode_text(data, start, count)
                    continue
                if kind is _FLOAT:
                    number = _FLOATS[count](data, at)[0]
                    at += count
                    whole = number.is_integer() and -_SAFE <= number <= _SAFE and (number or copysign(1, number) > 0)
                    container[key] = int(number) if whole else number
                    continue
                if kind is _UNSIGNED:
                    container[key] = count if width < 8 else BigInt(count)
                    continue
                if kind is _CONSTANT:
                    container[key] = CONSTANTS[count]
                    continue
                shape = following = None
                if kind is _ARRAY:
                    break
                if kind is _MAP:
                    count, following = 2 * count, _build_map
                    break
                if kind is not _EXTENSION:
                    container[key], at = others[kind](width, count, at)
                    continue
                extension, start = data[at], at + 1
                at = start + count
                if at > size:
                    raise cut_short_error()
                decode = leaves.get(extension)
                if decode is not None:
                    container[key] = decode(data[start:at])
                    continue
                following = around.get(extension) if count == 1 else None
                if following is None:
                    following = self._select_wrapper(extension, data[start:at], start)
                count = 1
                break
            else:
                if not stack:
                    return root[0], at
                filled, make = container, finish
                container, key, keys, finish = stack.pop()
                if make is None:
                    continue
                item = make(*filled)
                if not isinstance(item, _Shape):
                    container[key] = item
                    continue
                shape, count, following = item, len(item.names), None
            left -= count
            if left < 0:
                raise self._excess_error(most - left)
            if len(stack) == depth:
                raise LimitExceeded("document depth", limit=depth, value=depth + 1)
            stack.append((container, key, keys, finish))
            filling: Any
            if shape is None:
                filling, keys = [None] * count, iter(range(count))
            else:
                filling, keys = shape.empty.copy(), iter(shape.names)
            if following is None:
                container[key] = filling
            container, finish = filling, following

    # ---- rarer kinds: each returns the value and its end

    def _read_binary(self, _: int, count: int, at: int) -> tuple[Value, int]:
        return self._data[at : at + count], at + count

    def _read_signed(self, width: int, number: int, at: int) -> tuple[Value, int]:
        signed = _signed(width, number)
        return (BigInt(signed) if width == 8 else signed), at

    def _read_bundled(self, _: int, __: int, at: int) -> tuple[Value, int]:
        if self._bundle is None:
            raise damage_error("no bundle", "a text is in a bundle, but there is none")
        byte = self._data[at]
        at += 1
        if byte < 0x80:
            return self._bundle.cut(byte), at
        if byte > 0xDF:
            return self._bundle.cut(byte - 256), at
        kind, width, _ = FORMS[byte]
        units = int.from_bytes(self._data[at : at + width])
        if kind is ValueKind.SIGNED:
            units = _signed(width, units)
        elif kind is not ValueKind.UNSIGNED:
            raise damage_error("bad bundle length", "the length of a bundled text is not an integer")
        return self._bundle.cut(units), at + width

    def _select_wrapper(self, number: int, body: bytes, start: int) -> _Finish:
        """Return what finishes the frame of the value after an extension that is no wrapper with a filler."""
        if number == RECORD:
            return partial(self._define_record, _decode_record_id(body))
        if number == BUNDLE:
            earliest = max(start + len(body), self._bundle.end if self._bundle else 0)
            self._bundle = Bundle.read_announced(self._data, body, start, earliest)
            return _take_only
        if number == SHARED:
            return partial(Shared, decode_reference_number(body))
        if number in self._around:
            raise damage_error("bad extension", "an extension in front of a value has one byte")
        raise damage_error("unknown extension", f"an extension with number {number}")

    def _excess_error(self, values: int) -> LimitExceeded | Damaged:
        """Return the error for containers that claim to have so many values in all."""
        if values > len(self._data):  # each has a byte
            return cut_short_error()
        return LimitExceeded("document values", limit=self._limits.document_values, value=values)

    # ---- records

    def _define_record(self, number: int, names: Value) -> _Shape:
        """Return the shape of a record with these names. Its number may be used from now on, also inside itself."""
        texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        if texts != names:
            raise damage_error("bad record keys", "the names of a record are not a list of texts")
        shape = _Shape(texts, dict.fromkeys(texts))
        if number > 0xFF:
            self._shapes[number & 0xFF] = _WIDE
        self._shapes[number] = shape
        return shape

    def _read_wide_record(self, byte: int, at: int) -> tuple[_Shape, int]:
        """Return the shape of a record whose number has two bytes, and where that ends."""
        shape = self._shapes.get(_combine_wide_id(byte, self._data[at]))
        if shape is None:
            raise damage_error("unknown record", "a record that is not defined")
        return shape, at + 1


def _decode_record_id(body: bytes) -> int:
    """Return the number of a record: its later first byte, or more than 255 if its number has two bytes."""
    match tuple(body[:3]):
        case (byte,) if 0x40 <= byte < 0x80:
            return byte
        case (byte, high) if 0x60 <= byte < 0x80:
            return _combine_wide_id(byte, high)
        case _:
            raise damage_error("bad record id", "a record has a number that no record can have")


def _combine_wide_id(byte: int, high: int) -> int:
    return (high + 1) << 8 | byte


def _signed(width: int, number: int) -> int:
    return number - (1 << 8 * width) if number >> 8 * width - 1 else number


# ---- the values of frames


def _build_map(*values: Value) -> Value:
    each = iter(values)
    return JsMap(tuple(zip(each, each, strict=True)))


def _take_only(value: Value) -> Value:
    return value


_WIDE: Final = _Shape([], {})
"""Marks the first byte of numbers with two bytes."""
