"""The first bytes of values in MessagePack, for decoder and encoder.

See docs/protocol/content.md#61-numbers-and-simple-values.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple, TypeAlias

from ...errors import Damaged

__all__ = [
    "CONSTANTS",
    "FIXED_EXTENSIONS",
    "FORMS",
    "HEADS",
    "ValueForm",
    "ValueHeader",
    "ValueKind",
    "cut_short_error",
    "damage_error",
    "encode_extension_header",
    "encode_header",
]


class ValueKind(enum.IntEnum):
    """The kind of value that a first byte begins."""

    TEXT = enum.auto()
    EXTENSION = enum.auto()
    ARRAY = enum.auto()
    MAP = enum.auto()
    BINARY = enum.auto()
    UNSIGNED = enum.auto()
    SIGNED = enum.auto()
    FLOAT = enum.auto()
    CONSTANT = enum.auto()
    BUNDLED = enum.auto()
    "A text in a bundle. See docs/protocol/content.md#63-bundled-strings."


class ValueHeader(NamedTuple):
    """The first bytes of one kind of value."""

    fixed: int
    "The byte that includes the count, if the count is less than `below`."
    below: int
    wide: tuple[tuple[int, int], ...]
    "The bytes for counts that follow in one, two or four bytes."


HEADS: Final = {
    ValueKind.TEXT: ValueHeader(0xA0, 32, ((0xD9, 1), (0xDA, 2), (0xDB, 4))),
    ValueKind.ARRAY: ValueHeader(0x90, 16, ((0xDC, 2), (0xDC, 2), (0xDD, 4))),
    ValueKind.MAP: ValueHeader(0x80, 16, ((0xDE, 2), (0xDE, 2), (0xDF, 4))),
    ValueKind.BINARY: ValueHeader(0, 0, ((0xC4, 1), (0xC5, 2), (0xC6, 4))),
    ValueKind.EXTENSION: ValueHeader(0, 0, ((0xC7, 1), (0xC8, 2), (0xC9, 4))),
    ValueKind.UNSIGNED: ValueHeader(0, 0, ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8))),
    ValueKind.SIGNED: ValueHeader(0, 0, ((0xD0, 1), (0xD1, 2), (0xD2, 4), (0xD3, 8))),
}
FIXED_EXTENSIONS: Final = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}
"""First bytes of extensions, by the size of the body."""
CONSTANTS: Final[dict[int, bool | None]] = {0xC0: None, 0xC2: False, 0xC3: True}

ValueForm: TypeAlias = tuple[ValueKind, int, int]
"""Kind, width of the count that follows (of an integer: of the number), and the count if the byte includes it; for a float
its size, for a constant the byte."""


def _build_forms() -> dict[int, ValueForm]:
    forms: dict[int, ValueForm] = {
        0xC1: (ValueKind.BUNDLED, 0, 0),
        0xCA: (ValueKind.FLOAT, 0, 4),
        0xCB: (ValueKind.FLOAT, 0, 8),
    }
    forms |= {byte: (ValueKind.CONSTANT, 0, byte) for byte in CONSTANTS}
    forms |= {byte: (ValueKind.EXTENSION, 0, size) for size, byte in FIXED_EXTENSIONS.items()}
    for kind, header in HEADS.items():
        forms |= {header.fixed | count: (kind, 0, count) for count in range(header.below)}
        forms |= {byte: (kind, width, 0) for byte, width in header.wide}
    return forms


FORMS: Final = _build_forms()
"""Every first byte from 0x80 to 0xdf; others are integers or, from 0x40 to 0x7f, perhaps records."""


def encode_header(kind: ValueKind, count: int) -> bytes:
    """Return the first bytes of a value, up to its count. Raises OverflowError."""
    fixed, below, wide = HEADS[kind]
    if count < below:
        return bytes((fixed | count,))
    byte, width = wide[(count > 0xFF) + (count > 0xFFFF)]
    return bytes((byte,)) + count.to_bytes(width)


def encode_extension_header(number: int, size: int) -> bytes:
    """Return the first bytes of an extension, up to its body."""
    fixed = FIXED_EXTENSIONS.get(size)
    return (encode_header(ValueKind.EXTENSION, size) if fixed is None else bytes((fixed,))) + bytes((number,))


def damage_error(category: str, problem: str) -> Damaged:
    """Return the error for a damaged document."""
    return Damaged(f"story document: {problem}", category=category)


def cut_short_error() -> Damaged:
    """Return the error for a document that ends too early."""
    return damage_error("incomplete", "it ends too early")
