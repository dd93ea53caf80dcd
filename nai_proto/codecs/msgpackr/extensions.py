"""Extensions, both ways.

An extension is a number from 0 to 255 and a body of bytes. `LEAVES` have only these; `WRAPPERS` are in front of a value, and
their body is a filler. `PARTS` is the inverse of both. The decoder handles records (0x72), bundles (0x62) and shared values
(0x69) itself, whose body matters to the value that follows.

See docs/protocol/content.md#61-numbers-and-simple-values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ...errors import Damaged
from .js_values import (
    INVALID_DATE,
    UNDEFINED,
    BigInt,
    ErrorValue,
    JsSet,
    RawBytes,
    RegExp,
    Shared,
    SharedReference,
    Special,
    Timestamp,
    TypedArray,
    Value,
    Wrapped,
)
from .value_headers import damage_error

__all__ = [
    "BUNDLE",
    "LEAVES",
    "OWN",
    "PARTS",
    "RECORD",
    "SHARED",
    "WRAPPERS",
    "Leaf",
    "Wrapper",
    "decode_reference_number",
]

Leaf: TypeAlias = Callable[[bytes], Value]
Wrapper: TypeAlias = Callable[[Value], Value]
Parts: TypeAlias = "tuple[int, bytes] | tuple[int, bytes, Value]"

RECORD: Final = 0x72
BUNDLE: Final = 0x62
SHARED: Final = 0x69
_UNDEFINED: Final = 0x00
_BIGINT: Final = 0x42
_ERROR: Final = 0x65
_REFERENCE: Final = 0x70
_SET: Final = 0x73
_TYPED: Final = 0x74
_REGEXP: Final = 0x78
_DATE: Final = 0xFF

_FILLER: Final = b"\x00"
_DATE_8: Final = struct.Struct(">Q")
_DATE_12: Final = struct.Struct(">Iq")
_ELEMENT_SIZES: Final = {**dict(enumerate((1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8))), 16: 1, 17: 1}
"""By kind."""


def _extension_error(what: str) -> Damaged:
    return damage_error("bad extension", what)


# ---- from bytes


def _decode_undefined(body: bytes) -> Value:
    if len(body) != 1:
        raise _extension_error("undefined has one byte")
    return UNDEFINED


def _decode_bigint(body: bytes) -> Value:
    if not body:
        raise _extension_error("a BigInt has no bytes")
    return BigInt.from_bytes(body, signed=True)


def _decode_reference(body: bytes) -> Value:
    return SharedReference(decode_reference_number(body))


def decode_reference_number(body: bytes) -> int:
    """Return the number of a shared value, or of a reference to it. Raises Damaged."""
    if len(body) != 4:
        raise _extension_error("a reference has four bytes")
    return int.from_bytes(body)


def _decode_typed_array(body: bytes) -> Value:
    size = _ELEMENT_SIZES.get(body[0], 0) if body else 0
    if not size or (len(body) - 1) % size:
        raise _extension_error("a typed array has a known kind and whole elements")
    return TypedArray(body[0], body[1:])


def _decode_timestamp(body: bytes) -> Value:
    match len(body):
        case 1:
            return INVALID_DATE
        case 4:
            return Timestamp(int.from_bytes(body))
        case 8:
            both: int = _DATE_8.unpack(body)[0]
            return Timestamp(both & 0x3_FFFF_FFFF, both >> 34)
        case 12:
            nanoseconds, seconds = _DATE_12.unpack(body)
            return Timestamp(seconds, nanoseconds)
        case size:
            raise _extension_error(f"a date has 1, 4, 8 or 12 bytes, not {size}")


LEAVES: Final[dict[int, Leaf]] = {
    _UNDEFINED: _decode_undefined,
    _BIGINT: _decode_bigint,
    _REFERENCE: _decode_reference,
    _TYPED: _decode_typed_array,
    _DATE: _decode_timestamp,
}


def _build_set(value: Value) -> Value:
    if not isinstance(value, list):
        raise _extension_error("a Set is an array")
    return JsSet(tuple(value))


def _build_regexp(value: Value) -> Value:
    match value:
        case [str(source), str(flags)]:
            return RegExp(source, flags)
        case _:
            raise _extension_error("a RegExp is an array of two texts")


def _build_error(value: Value) -> Value:
    match value:
        case [str(name), str(message), *cause] if len(cause) < 2:
            return ErrorValue(name, message, *cause)
        case _:
            raise _extension_error("an Error is an array of a name, a message and a cause")


WRAPPERS: Final[dict[int, Wrapper]] = {_ERROR: _build_error, _SET: _build_set, _REGEXP: _build_regexp}

OWN: Final = frozenset((*LEAVES, *WRAPPERS, RECORD, BUNDLE, SHARED))
"""Numbers with a fixed meaning, which a `Wrapped` or a `RawBytes` cannot have."""

# ---- to bytes


def _split_special(value: Special) -> Parts:
    return (_UNDEFINED, _FILLER) if value is UNDEFINED else (_DATE, b"\xff")


def _encode_timestamp(value: Timestamp) -> bytes:
    seconds, nanoseconds = value.seconds, value.nanoseconds
    if not nanoseconds and 0 <= seconds < 2**32:
        return seconds.to_bytes(4)
    if 0 <= seconds < 2**34 and 0 <= nanoseconds < 10**9:
        return _DATE_8.pack(nanoseconds << 34 | seconds)
    return _DATE_12.pack(nanoseconds, seconds)


def _encode_typed_array(value: TypedArray) -> bytes:
    body = bytes((value.kind,)) + value.data
    _decode_typed_array(body)
    return body


def _check_free_number(number: int) -> int:
    if number in OWN or not 0 <= number < 128:
        raise ValueError(f"{number} is a number with a fixed meaning")
    return number


PARTS: Final[Mapping[type, Callable[[Any], Parts]]] = {
    Special: _split_special,
    BigInt: lambda value: (_BIGINT, value.to_bytes(value.bit_length() // 8 + 1, signed=True)),
    SharedReference: lambda value: (_REFERENCE, value.number.to_bytes(4)),
    TypedArray: lambda value: (_TYPED, _encode_typed_array(value)),
    Timestamp: lambda value: (_DATE, _encode_timestamp(value)),
    ErrorValue: lambda value: (_ERROR, _FILLER, [value.name, value.message, value.cause]),
    Shared: lambda value: (SHARED, value.number.to_bytes(4), value.value),
    JsSet: lambda value: (_SET, _FILLER, list(value.items)),
    RegExp: lambda value: (_REGEXP, _FILLER, [value.source, value.flags]),
    Wrapped: lambda value: (_check_free_number(value.type), _FILLER, value.value),
    RawBytes: lambda value: (_check_free_number(value.type), value.data),
}
"""The number and body of a value's extension, and the value that follows, if one does."""
