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

__all__ = ["characters_in", "encodable", "measured", "ruler", "units_in", "units_of", "whole"]


def units_of(text: str) -> bytes:
    """The units, two bytes each, the lower one first; halves of characters are kept."""
    return text.encode("utf-16-le", "surrogatepass")


def measured(units: bytes) -> str:
    """The text of what `units_of` gave, or of a piece of it."""
    return units.decode("utf-16-le", "surrogatepass")


def units_in(text: str) -> int:
    """How many UTF-16 units a text has."""
    TEXT.check(text, "text")
    return len(text) if text.isascii() else len(units_of(text)) // 2


def whole(text: str) -> str:
    """The text with each character whole: halves that stand side by side become one, as they are to JavaScript."""
    return text if text.isascii() else measured(units_of(text))


def encodable(text: str) -> str:
    """As `whole`, and with U+FFFD for halves that stand alone, which no encoding and no tokenizer takes.

    See docs/protocol/content.md#33-details-that-matter.
    """
    return text if text.isascii() else units_of(text).decode("utf-16-le", "replace")


def characters_in(text: str, units: int) -> int:
    """How many characters the first ``units`` of a text are.

    Raises:
        InvalidRequestError: the text has fewer units, or a character would be cut in two.
    """
    TEXT.check(text, "text")
    INTEGER.check(units, "units")
    size = units_in(text)
    if not 0 <= units <= size:
        raise InvalidRequestError(f"there is no unit {units} in a text of {size}", parameter="units")
    if size == len(text):
        return units
    characters = len(measured(units_of(text)[: 2 * units]))
    if units_in(text[:characters]) != units:
        raise InvalidRequestError("this position is in the middle of a character", parameter="units")
    return characters


def ruler(text: str) -> Callable[[int], int]:
    """`characters_in` for many positions of one text, where no position is refused.

    One in the middle of a character is taken for its end; those outside of the text are taken for its edges.
    """
    size = units_in(text)
    if size == len(text):
        return lambda units: min(max(units, 0), size)
    edges = [0, *accumulate(1 + (character > "\uffff") for character in text)]
    return lambda units: min(bisect_left(edges, units), len(text))
