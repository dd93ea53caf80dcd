"""Python types for the values of documents.

None, booleans, texts, bytes and arrays (lists) are Python's own. A number is an int if it is whole and within 2**53, else a
float, however it was packed: JavaScript has one kind of number. An object is a dict, in the order of its fields. All
other values are of the classes below: frozen, equal by content, and packed as they were read. They are structs, since a
document has tens of thousands, and a dataclass takes ten times as long to make.

Stories are private: contents are not in the repr.

See:
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#71-wrappers
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias, Union

import msgspec

from ..private_struct import PrivateStruct

__all__ = [
    "INVALID_DATE",
    "UNDEFINED",
    "BigInt",
    "ErrorValue",
    "JsMap",
    "JsSet",
    "RawBytes",
    "RegExp",
    "Shared",
    "SharedReference",
    "Special",
    "Timestamp",
    "TypedArray",
    "Value",
    "Wrapped",
]

_Plain: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"
_Collection: TypeAlias = "JsMap | JsSet | TypedArray | Wrapped | RawBytes"
_Other: TypeAlias = "Timestamp | Special | RegExp | ErrorValue | Shared | SharedReference"
Value: TypeAlias = Union["_Plain", "_Collection", "_Other"]
"""Any value of a document."""


class Special(enum.Enum):
    """Values of JavaScript without a Python counterpart."""

    UNDEFINED = "undefined"
    "The value of an object's field that is not set; null is None."
    INVALID_DATE = "Invalid Date"


UNDEFINED: Final = Special.UNDEFINED
"""JavaScript's ``undefined``, which is not None."""
INVALID_DATE: Final = Special.INVALID_DATE
"""JavaScript's ``new Date(NaN)``."""


class BigInt(int):
    """A JavaScript BigInt, of any size. In Python it equals the int; for the website it equals no number.

    See docs/protocol/content.md#72-ids.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"BigInt({int(self)})" if self.bit_length() <= 64 else f"BigInt(of {self.bit_length()} bits)"


class JsMap(PrivateStruct, frozen=True):
    """A JavaScript Map: keys of any kind, in order. It is not a dict, since lists and objects may be keys."""

    pairs: tuple[tuple[Value, Value], ...] = ()

    def lookup(self) -> dict[str | int | float, Value]:
        """Return a new dict of the pairs whose key is a text or a number, as ids are; the last of equal keys wins.

        Keys of `BigInt` are left out: the website does not find them either.

        See docs/protocol/content.md#72-ids.
        """
        return {
            key: value
            for key, value in self.pairs
            if isinstance(key, str | int | float) and not isinstance(key, bool | BigInt)
        }


class JsSet(PrivateStruct, frozen=True):
    """A JavaScript Set, in order."""

    items: tuple[Value, ...] = ()


class Wrapped(PrivateStruct, frozen=True):
    """A value with a class, which is the number of its extension."""

    type: int
    "From 0 to 127."
    value: Value

    def __repr__(self) -> str:
        return f"Wrapped({self.type}, …)"


class RawBytes(PrivateStruct, frozen=True):
    """An extension of unknown meaning, whose data is kept as bytes."""

    type: int
    "From 0 to 127."
    data: bytes


class Timestamp(msgspec.Struct, frozen=True):
    """A date, as the time since 1970 in UTC."""

    seconds: int
    "Signed, 64 bits: more than `datetime` holds. Rounded down, so that `nanoseconds` are never negative."
    nanoseconds: int = 0
    "The rest of the second; JavaScript has whole milliseconds."

    @classmethod
    def from_milliseconds(cls, milliseconds: int) -> Timestamp:
        """Return the date of JavaScript's milliseconds, which the JSON around a document also has."""
        seconds, rest = divmod(milliseconds, 1000)
        return cls(seconds, rest * 1_000_000)

    @property
    def milliseconds(self) -> int:
        """JavaScript's milliseconds, rounded down."""
        return self.seconds * 1000 + self.nanoseconds // 1_000_000


class RegExp(PrivateStruct, frozen=True):
    """A regular expression of JavaScript. No document with it, or with one of the following, was seen."""

    source: str
    flags: str


class ErrorValue(PrivateStruct, frozen=True):
    """An error of JavaScript: a value here, not an exception."""

    name: str
    message: str
    cause: Value = UNDEFINED


class TypedArray(PrivateStruct, frozen=True):
    """A typed array: numbers as a block of memory."""

    kind: int
    "0 to 10: Int8, Uint8, Uint8Clamped, Int16, Uint16, Int32, Uint32, Float32, Float64, BigInt64, BigUint64 (each"
    " + ``Array``); 16: ArrayBuffer, 17: DataView."
    data: bytes
    "Little-endian, a whole number of elements."


class Shared(PrivateStruct, frozen=True):
    """A value with a number, by which a `SharedReference` elsewhere in the document refers to it.

    Both are kept and not resolved: otherwise objects could be in two places, or in themselves.

    See docs/protocol/content.md#61-numbers-and-simple-values.
    """

    number: int
    value: Value


class SharedReference(msgspec.Struct, frozen=True):
    """A reference to the value that is `Shared` with this number."""

    number: int
