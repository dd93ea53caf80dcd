"""What the documents can hold and Python has no word for.

None, booleans, texts, bytes and arrays (lists) are what they are everywhere. A number is an int when it is whole and within
2**53, else a float, however it was packed: JavaScript has one kind of number. An object is a dict, in the order of its
fields. All else is a value of one of the classes below: frozen, equal by content, and packed as what it was read from.

Stories are private: what a value holds is not in its repr.

See:
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#71-wrappers
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final, TypeAlias

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
Value: TypeAlias = "_Plain | _Collection | _Other"
"""Anything that a document can hold."""


class Special(enum.Enum):
    """JavaScript's own."""

    UNDEFINED = "undefined"
    "What an object's field is while it is not set; null is None."
    INVALID_DATE = "Invalid Date"


UNDEFINED: Final = Special.UNDEFINED
INVALID_DATE: Final = Special.INVALID_DATE


class BigInt(int):
    """A JavaScript BigInt, of any size. To Python it equals the int; to the website it equals no number.

    See docs/protocol/content.md#72-ids.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"BigInt({int(self)})" if self.bit_length() <= 64 else f"BigInt(of {self.bit_length()} bits)"


@dataclass(frozen=True, slots=True)
class JsMap:
    """A JavaScript Map: keys of any kind, in order. Lists and objects may be keys, so it is no dict."""

    pairs: tuple[tuple[Value, Value], ...] = field(default=(), repr=False)

    def lookup(self) -> dict[str | int | float, Value]:
        """Return a new dict of the pairs whose key is a text or a number, as ids are; of equal keys the last counts.

        A `BigInt` is no such key: the website would not find it either.

        See docs/protocol/content.md#72-ids.
        """
        return {
            key: value
            for key, value in self.pairs
            if isinstance(key, str | int | float) and not isinstance(key, bool | BigInt)
        }


@dataclass(frozen=True, slots=True)
class JsSet:
    """A JavaScript Set, in order."""

    items: tuple[Value, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A value with a class attached to it, which is an extension's number."""

    type: int
    "From 0 to 127."
    value: Value = field(repr=False)


@dataclass(frozen=True, slots=True)
class RawBytes:
    """An extension whose meaning is not known, and whose data are therefore kept as bytes."""

    type: int
    "From 0 to 127."
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date, as its distance from the beginning of 1970 in UTC."""

    seconds: int
    "Signed, 64 bits: more than `datetime` holds. Rounded down, so that `nanoseconds` are never negative."
    nanoseconds: int = 0
    "The rest; JavaScript has whole milliseconds."

    @classmethod
    def from_milliseconds(cls, milliseconds: int) -> Timestamp:
        """Return the date of JavaScript's count, also that of the JSON around a document."""
        seconds, rest = divmod(milliseconds, 1000)
        return cls(seconds, rest * 1_000_000)

    @property
    def milliseconds(self) -> int:
        """JavaScript's count, rounded down."""
        return self.seconds * 1000 + self.nanoseconds // 1_000_000


@dataclass(frozen=True, slots=True)
class RegExp:
    """A regular expression of JavaScript's; never seen in a document, like all that follow."""

    source: str = field(repr=False)
    flags: str


@dataclass(frozen=True, slots=True)
class ErrorValue:
    """An error of JavaScript's: a value here, not an exception."""

    name: str
    message: str = field(repr=False)
    cause: Value = field(default=UNDEFINED, repr=False)


@dataclass(frozen=True, slots=True)
class TypedArray:
    """Numbers as a block of memory."""

    kind: int
    "0 to 10: Int8, Uint8, Uint8Clamped, Int16, Uint16, Int32, Uint32, Float32, Float64, BigInt64, BigUint64 (each"
    " + ``Array``); 16: ArrayBuffer, 17: DataView."
    data: bytes = field(repr=False)
    "Little-endian, a whole number of elements."


@dataclass(frozen=True, slots=True)
class Shared:
    """A value with a number, by which a `SharedReference` elsewhere in the document stands for it.

    Both are kept as they were written instead of being resolved: objects would turn up in two places, or in themselves.

    See docs/protocol/content.md#61-numbers-and-simple-values.
    """

    number: int
    value: Value = field(repr=False)


@dataclass(frozen=True, slots=True)
class SharedReference:
    """Stands for the value that is `Shared` under this number."""

    number: int
