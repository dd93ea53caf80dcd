"""Decode documents: one loop over the bytes, one turn for each value, without recursion.

An array, an object or a map is a *frame*: a number of values in a row, and a function that makes a value of them. The frames
around it wait on a stack, as iterators over their remaining turns. A wrapper or a Set is a frame of one value, and so
is the list of a record's names.

Linear in time and memory. A value that claims to have more parts than there are bytes is refused at its head, before
anything is allocated; a bundle must follow the previous one, so that no byte is read more than twice; depth and number
of values have limits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import repeat
from math import copysign
from typing import Final, NamedTuple, TypeAlias

from ...arguments import BYTES, LIMITS
from ...errors import LimitExceeded
from ...limits import Limits
from .extensions import BUNDLE, LEAVES, OWN, RECORD, WRAPPERS, Leaf, Wrapper, wrap_value
from .js_values import BigInt, JsMap, RawBytes, Value
from .string_bundles import Bundle, decode_text
from .value_headers import CONSTANTS, FORMS, ValueKind, cut_short_error, damage_error

__all__ = ["DOCUMENT_WRAPPERS", "unpackb"]

DOCUMENT_WRAPPERS: Final = (20, 30, 31, 40, 41, 42)
"""Extensions that wrap a value in story documents.

See docs/protocol/content.md#71-wrappers.
"""


class _Frame(NamedTuple):
    """A number of values in a row, and the function that makes a value, or another frame, of them."""

    length: int
    make: Callable[[list[Value]], Value | _Frame]


_Make: TypeAlias = "Callable[[list[Value]], Value | _Frame]"

_TEXT, _ARRAY, _MAP = ValueKind.TEXT, ValueKind.ARRAY, ValueKind.MAP
_SAFE: Final = 2**53
_FLOATS: Final = {4: struct.Struct(">f").unpack_from, 8: struct.Struct(">d").unpack_from}


def unpackb(
    data: bytes | bytearray | memoryview,
    *,
    limits: Limits = Limits(),
    wrappers: Collection[int] = DOCUMENT_WRAPPERS,
    raw: Collection[int] = (),
) -> Value:
    """Return the value of a document.

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
    around: dict[int, Wrapper] = {number: partial(wrap_value, number) for number in wrappers}
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
        self._shapes: dict[int, _Frame] = {}
        self._bundle: Bundle | None = None
        self._others: dict[ValueKind, Callable[[int, int, int], tuple[Value | _Frame, int]]] = {
            ValueKind.BINARY: self._read_binary,
            ValueKind.BUNDLED: self._read_bundled,
            ValueKind.CONSTANT: self._read_constant,
            ValueKind.EXTENSION: self._read_extension,
            ValueKind.FLOAT: self._read_float,
            ValueKind.SIGNED: self._signed,
            ValueKind.UNSIGNED: self._read_unsigned,
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
        """Return the value at the current place, and its end, which may be after the data, since slices do not raise."""
        data, size, shapes, others = self._data, len(self._data), self._shapes, self._others
        depth, most = self._limits.document_depth, self._limits.document_values
        following: _Make
        stack: list[tuple[list[Value], Iterator[None], _Make]] = []
        values: list[Value] = []
        turns: Iterator[None] = repeat(None, 1)
        make: _Make = _build_array
        at, left = 0, most
        while True:
            for _ in turns:
                byte = data[at]
                at += 1
                if byte < 0x40:
                    values.append(byte)
                    continue
                if byte > 0xDF:
                    values.append(byte - 256)
                    continue
                if byte < 0x80:
                    shape = shapes.get(byte)
                    if shape is None:
                        values.append(byte)
                        continue
                    if shape is _WIDE:
                        shape, at = self._read_wide_record(byte, at)
                    count, following = shape
                    break
                kind, width, count = FORMS[byte]
                if width:
                    count = int.from_bytes(data[at : at + width])
                    at += width
                if kind is _TEXT:
                    values.append(decode_text(data, at, count))
                    at += count
                    continue
                if kind is _ARRAY:
                    following = _build_array
                    break
                if kind is _MAP:
                    count, following = 2 * count, _build_map
                    break
                item, at = others[kind](width, count, at)
                if isinstance(item, _Frame):
                    count, following = item
                    break
                values.append(item)
            else:
                if not stack:
                    return values[0], at
                item = make(values)
                values, turns, make = stack.pop()
                if not isinstance(item, _Frame):
                    values.append(item)
                    continue
                count, following = item
            left -= count
            if count > size - at:
                raise cut_short_error()
            if left < 0:
                raise LimitExceeded("document values", limit=most, value=most - left)
            if len(stack) == depth:
                raise LimitExceeded("document depth", limit=depth, value=depth + 1)
            stack.append((values, turns, make))
            values, turns, make = [], repeat(None, count), following

    # ---- rarer kinds: each returns the value or frame, and where its head ends

    def _read_binary(self, _: int, count: int, at: int) -> tuple[Value, int]:
        return self._data[at : at + count], at + count

    def _read_constant(self, _: int, count: int, at: int) -> tuple[Value, int]:
        return CONSTANTS[count], at

    def _read_unsigned(self, width: int, number: int, at: int) -> tuple[Value, int]:
        return (BigInt(number) if width == 8 else number), at

    def _signed(self, width: int, number: int, at: int) -> tuple[Value, int]:
        return self._read_unsigned(width, _signed(width, number), at)

    def _read_float(self, _: int, size: int, at: int) -> tuple[Value, int]:
        number: float = _FLOATS[size](self._data, at)[0]
        if number.is_integer() and -_SAFE <= number <= _SAFE and (number or copysign(1, number) > 0):
            return int(number), at + size
        return number, at + size

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

    def _read_extension(self, _: int, count: int, at: int) -> tuple[Value | _Frame, int]:
        number = self._data[at]
        start, end = at + 1, at + 1 + count
        if end > len(self._data):
            raise cut_short_error()
        body = self._data[start:end]
        if number in self._leaves:
            return self._leaves[number](body), end
        return _Frame(1, self._select_wrapper(number, body, start)), end

    def _select_wrapper(self, number: int, body: bytes, start: int) -> _Make:
        """Return the function that wraps the value after an extension."""
        if number == RECORD:
            return partial(self._define_record, _decode_record_id(body))
        if number == BUNDLE:
            earliest = max(start + len(body), self._bundle.end if self._bundle else 0)
            self._bundle = Bundle.read_announced(self._data, body, start, earliest)
            return _take_only
        if number in self._around:
            return partial(_build_wrapped, self._around[number], body)
        raise damage_error("unknown extension", f"an extension with number {number}")

    # ---- records

    def _define_record(self, key: int, values: list[Value]) -> _Frame:
        """Return the frame of a record with these names. Its number may be used from now on, also inside itself."""
        names = values[0]
        texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        if texts != names:
            raise damage_error("bad record keys", "the names of a record are not a list of texts")
        frame = _Frame(len(texts), partial(_build_record, texts))
        if key > 0xFF:
            self._shapes[key & 0xFF] = _WIDE
        self._shapes[key] = frame
        return frame

    def _read_wide_record(self, byte: int, at: int) -> tuple[_Frame, int]:
        """Return the frame of a record whose number has two bytes."""
        frame = self._shapes.get(_combine_wide_id(byte, self._data[at]))
        if frame is None:
            raise damage_error("unknown record", "a record that is not defined")
        return frame, at + 1


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


def _build_array(values: list[Value]) -> Value:
    return values


def _build_map(values: list[Value]) -> Value:
    each = iter(values)
    return JsMap(tuple(zip(each, each, strict=True)))


def _take_only(values: list[Value]) -> Value:
    return values[0]


def _build_record(names: list[str], values: list[Value]) -> Value:
    return dict(zip(names, values, strict=True))


def _build_wrapped(wrap: Wrapper, body: bytes, values: list[Value]) -> Value:
    return wrap(body, values[0])


_WIDE: Final = _Frame(-1, _build_array)
"""Marks the first byte of numbers with two bytes."""
