"""JavaScript counts a text in UTF-16 units, Python in characters: the two differ behind every astral character.

All positions inside of the formats are units (content §5, §7.3); all that this package takes from and gives to whoever uses
it are characters.
"""

from __future__ import annotations

from ..errors import LocalProtocolError

__all__ = ["characters_in", "units_in"]


def units_in(text: str) -> int:
    """How many UTF-16 units a text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def characters_in(text: str, units: int) -> int:
    """How many characters the first ``units`` of a text are.

    Raises:
        LocalProtocolError: the text has fewer units, or a character would be cut in two.
    """
    if text.isascii():
        whole, size = units, len(text)
    else:
        data = text.encode("utf-16-le", "surrogatepass")
        size = len(data) // 2
        whole = len(data[: 2 * max(units, 0)].decode("utf-16-le", "surrogatepass"))
        if 0 <= units <= size and units_in(text[:whole]) != units:
            raise LocalProtocolError("this position is in the middle of a character")
    if not 0 <= units <= size:
        raise LocalProtocolError(f"there is no unit {units} in a text of {size}")
    return whole
