"""Encode documents: the inverse of the decoder's loop, without recursion, in linear time.

It writes the plainest form that the website reads: objects are records, Maps are maps, texts are not bundled, and numbers
are packed as in JavaScript. Equal values in equal order give equal bytes.

See:
    docs/protocol/content.md#61-numbers-and-simple-values
    docs/protocol/content.md#72-ids
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

from ...arguments import LIMITS
from ...errors import Damaged, InvalidRequestError
from ...limits import Limits
from .extensions import PARTS, RECORD
from .js_values import BigInt, JsMap, Value
from .string_bundles import encode_text
from .value_headers import CONSTANTS, ValueKind, encode_extension_header, encode_header

__all__ = ["packb"]

_SAFE: Final = 2**53
_RECORDS: Final = range(0x40, 0x80)
_DOUBLE: Final = struct.Struct(">Bd")


def packb(value: Value, *, limits: Limits = Limits()) -> bytes:
    """Return the document of a value, which `unpackb` restores, with equal types.

    Only whole floats within 2**53 are restored as integers, as which JavaScript writes them.

    Args:
        value: of exactly the types in `Value`; not subclasses, tuples, or dicts whose keys are not texts.
        limits: as for `unpackb`, which can read the document under these limits.

    Raises:
        InvalidRequestError: a part cannot be represented, an integer beyond 2**53 is not a `BigInt`, or the value exceeds
            ``limits`` (as a list in itself does). The message names types, never contents.
    """
    LIMITS.check(limits, "limits")
    try:
        return _Writer(limits).document(value)
    except (AttributeError, Damaged, OverflowError, TypeError, ValueError, struct.error) as error:
        problem = str(error)
    raise InvalidRequestError(f"this cannot be written as a story document: {problem}", parameter="value")


class _Writer:
    """The state of writing a document."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._out = bytearray()
        self._left = limits.document_values
        self._shapes: dict[tuple[str, ...], bytes] = {}
        self._defined: list[tuple[str, ...]] = []

    def document(self, value: Value) -> bytes:
        """Return the whole document. Enclosing values wait on a stack, as iterators over their remaining values."""
        out = self._out
        stack: list[Iterator[Value]] = [iter((value,))]
        while stack:
            for item in stack[-1]:
                kind = type(item)
                leaf = _LEAVES.get(kind)
                if leaf is not None:
                    out += leaf(item)
                    continue
                inner = self._begin(kind, item, len(stack))
                if inner is not None:
                    stack.append(inner)
                    break
            else:
                stack.pop()
        if len(out) > self._limits.unpacked:
            raise ValueError("it is too large")
        return bytes(out)

    def _begin(self, kind: type, item: Any, level: int) -> Iterator[Value] | None:
        """Write the head of a value that contains others, and return these."""
        if kind is dict:
            names = tuple(item)
            shape = self._shapes.get(names)
            self._out += shape or self._define_record(names)
            return self._check_inner(len(names), item.values(), level if shape else level + 1)  # its names are a list
        if kind is list:
            self._out += encode_header(ValueKind.ARRAY, len(item))
            return self._check_inner(len(item), item, level)
        if kind is JsMap:
            self._out += encode_header(ValueKind.MAP, len(item.pairs))
            return self._check_inner(2 * len(item.pairs), chain.from_iterable(item.pairs), level)
        if kind not in PARTS:
            raise TypeError(f"a {kind.__name__} has no form")
        number, body, *following = PARTS[kind](item)
        self._out += encode_extension_header(number, len(body)) + body
        return self._check_inner(1, following, level) if following else None

    def _check_inner(self, count: int, values: Iterable[Value], level: int) -> Iterator[Value]:
        self._left -= count
        if level > self._limits.document_depth or self._left < 0 or len(self._out) > self._limits.unpacked:
            raise ValueError("it is too large, or nested too deeply, or holds itself")
        return iter(values)

    def _define_record(self, names: tuple[str, ...]) -> bytes:
        """Return the first head of a record. After 64 records, the oldest loses its number.

        See docs/protocol/content.md#62-records.
        """
        if not all(type(name) is str for name in names):
            raise TypeError("a dict whose keys are not all texts has no form; a Map has")
        turn = len(self._defined)
        if turn >= len(_RECORDS):
            del self._shapes[self._defined[turn - len(_RECORDS)]]
        self._defined.append(names)
        number = self._shapes[names] = bytes((_RECORDS[turn % len(_RECORDS)],))
        self._left -= 1 + len(names)
        return (
            encode_extension_header(RECORD, 1)
            + number
            + encode_header(ValueKind.ARRAY, len(names))
            + b"".join(map(_encode_text, names))
        )


# ---- values that contain no others


def _encode_text(text: str) -> bytes:
    data = encode_text(text)
    return encode_header(ValueKind.TEXT, len(data)) + data


def _encode_binary(data: bytes) -> bytes:
    return encode_header(ValueKind.BINARY, len(data)) + data


def _encode_float(number: float) -> bytes:
    return _DOUBLE.pack(0xCB, number)


def _encode_number(number: int) -> bytes:
    """Encode an integer as JavaScript does; 64 to 127 take two bytes, since one byte would be a record."""
    if -0x20 <= number < 0x40:
        return bytes((number & 0xFF,))
    if 0 <= number < 2**32:
        return encode_header(ValueKind.UNSIGNED, number)
    if -(2**31) <= number < 0:
        byte, width = (0xD0, 1) if number >= -(2**7) else (0xD1, 2) if number >= -(2**15) else (0xD2, 4)
        return bytes((byte,)) + number.to_bytes(width, signed=True)
    if -_SAFE <= number <= _SAFE:
        return _encode_float(number)
    raise ValueError("an integer beyond 2**53 must be a BigInt, since it is not a JavaScript number")


def _encode_bigint(number: BigInt) -> bytes:
    if -(2**63) <= number < 2**63:
        return b"\xd3" + number.to_bytes(8, signed=True)
    if 0 <= number < 2**64:
        return b"\xcf" + number.to_bytes(8)
    kind, body, *_ = PARTS[BigInt](number)
    return encode_extension_header(kind, len(body)) + body


def _encode_integer(number: int) -> bytes:
    return _SMALL.get(number) or _encode_number(number)


_SMALL: Final = {number: _encode_number(number) for number in range(-0x80, 0x100)}
_CONSTANTS: Final = {value: bytes((byte,)) for byte, value in CONSTANTS.items()}


_LEAVES: Final[Mapping[type, Callable[[Any], bytes]]] = {
    int: _encode_integer,
    str: _encode_text,
    float: _encode_float,
    bool: _CONSTANTS.__getitem__,
    type(None): _CONSTANTS.__getitem__,
    bytes: _encode_binary,
    BigInt: _encode_bigint,
}
