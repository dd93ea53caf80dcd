"""JavaScript counts a text in UTF-16 units, Python in characters: the two differ behind every astral character.

All positions inside of the formats are units; all that this package takes from and gives to whoever uses
it are characters.

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
    """The units, two bytes each, the lower one first; halves of characters are kept."""
    return text.encode("utf-16-le", "surrogatepass")


def decode_units(units: bytes) -> str:
    """The text of what `encode_units` gave, or of a piece of it."""
    return units.decode("utf-16-le", "surrogatepass")


def count_units(text: str) -> int:
    """How many UTF-16 units a text has."""
    TEXT.check(text, "text")
    return len(text) if text.isascii() else len(encode_units(text)) // 2


def join_surrogates(text: str) -> str:
    """The text with each character whole: halves that stand side by side become one, as they are to JavaScript."""
    return text if text.isascii() else decode_units(encode_units(text))


def replace_lone_surrogates(text: str) -> str:
    """As `join_surrogates`, and with U+FFFD for halves that stand alone, which no encoding and no tokenizer takes.

    See docs/protocol/content.md#33-details-that-matter.
    """
    return text if text.isascii() else encode_units(text).decode("utf-16-le", "replace")


def count_characters(text: str, units: int) -> int:
    """How many characters the first ``units`` of a text are.

    Raises:
        InvalidRequestError: the text has fewer units, or a character would be cut in two.
    """
    TEXT.check(text, "text")
    INTEGER.check(units, "units")
    size = count_units(text)
    if not 0 <= units <= size:
        raise InvalidRequestError(f"there is no unit {units} in a text of {size}", parameter="units")
    if size == len(text):
        return units
    characters = len(decode_units(encode_units(text)[: 2 * units]))
    if count_units(text[:characters]) != units:
        raise InvalidRequestError("this position is in the middle of a character", parameter="units")
    return characters


def make_unit_converter(text: str) -> Callable[[int], int]:
    """`count_characters` for many positions of one text, where no position is refused.

    One in the middle of a character is taken for its end; those outside of the text are taken for its edges.
    """
    size = count_units(text)
    if size == len(text):
        return lambda units: min(max(units, 0), size)
    edges = [0, *accumulate(1 + (character > "\uffff") for character in text)]
    return lambda units: min(bisect_left(edges, units), len(text))
