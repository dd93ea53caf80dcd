"""Conversion between UTF-16 units, which JavaScript counts, and characters, which Python counts.

The two differ behind an astral character, which has two units. Positions in stored stories are units; positions in arguments
and results of this package are characters.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#73-sections
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate

from ..arguments import INTEGER, TEXT
from ..errors import InvalidRequestError

__all__ = [
    "count_characters",
    "count_units",
    "decode_units",
    "encode_units",
    "join_surrogates",
    "make_unit_converter",
    "replace_lone_surrogates",
]


def encode_units(text: str) -> bytes:
    """Return the units of a text, two bytes each, little-endian; lone surrogates are kept."""
    return text.encode("utf-16-le", "surrogatepass")


def decode_units(units: bytes) -> str:
    """Return the text of units as `encode_units` returns them."""
    return units.decode("utf-16-le", "surrogatepass")


def count_units(text: str) -> int:
    """Return the number of UTF-16 units of a text.

    Args:
        text: of any length; a character beyond U+FFFF counts as two.
    """
    TEXT.check(text, "text")
    return len(text) if text.isascii() else len(encode_units(text)) // 2


def join_surrogates(text: str) -> str:
    """Return the text with each pair of adjacent surrogates joined to one character, as JavaScript sees it."""
    return text if text.isascii() else decode_units(encode_units(text))


def replace_lone_surrogates(text: str) -> str:
    """Join surrogates, and replace lone ones by U+FFFD, because encodings and tokenizers reject them.

    See docs/protocol/content.md#33-details-that-matter.
    """
    return text if text.isascii() else encode_units(text).decode("utf-16-le", "replace")


def count_characters(text: str, units: int) -> int:
    """Return how many characters the first UTF-16 units of a text are.

    Args:
        text: the text.
        units: their number, from 0 to that of the whole text.

    Raises:
        InvalidRequestError: the text has fewer units, or the position is inside a character.
    """
    TEXT.check(text, "text")
    INTEGER.check(units, "units")
    size = count_units(text)
    if not 0 <= units <= size:
        raise InvalidRequestError(f"a text of {size} units has no position {units}", parameter="units")
    if size == len(text):
        return units
    characters = len(decode_units(encode_units(text)[: 2 * units]))
    if count_units(text[:characters]) != units:
        raise InvalidRequestError("this position is inside a character", parameter="units")
    return characters


def make_unit_converter(text: str) -> Callable[[int], int]:
    """Return a function that converts positions of a text from units to characters.

    It accepts every position: one inside a character becomes the end of the character, and one outside the text becomes the
    nearer end of the text.
    """
    size = count_units(text)
    if size == len(text):
        return lambda units: min(max(units, 0), size)
    edges = [0, *accumulate(1 + (character > "\uffff") for character in text)]
    return lambda units: min(bisect_left(edges, units), len(text))
