r"""Lone surrogates in JSON: escapes such as ``\ud83d`` that are half of a character and stand without the other half.

JSON may hold them, UTF-8 and msgspec may not. In a document they become U+FFFD, as Go reads them and as JavaScript writes
them in UTF-8. In a stream the other half may come in the next event: `SplitCharacters` joins the two.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Final

__all__ = ["SplitCharacters", "replace_lone_escapes"]

# Escapes are matched one after the other, so that in "\\ud83d" the second backslash begins none.
_ESCAPES: Final = re.compile(
    rb"""
      \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}    # a character
    | (?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})
    | \\.
    """,
    re.VERBOSE | re.DOTALL,
)


def replace_lone_escapes(data: bytes) -> bytes:
    """Return a JSON document with ``\\ufffd`` for each escape of a lone surrogate; what is not JSON stays not JSON."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return data
    return _ESCAPES.sub(lambda escape: b"\\ufffd" if escape["lone"] else escape[0], data)


class SplitCharacters:
    """Joins characters whose two surrogates come in different pieces of a text.

    It is true while it holds the first half of a character, and contains the keys of the texts that wait for the second.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, str] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def release(self) -> dict[Hashable, str]:
        """Return U+FFFD for each half that is held back, by the key of its text, when no piece follows."""
        held, self._held = self._held, {}
        return dict.fromkeys(held, "\ufffd")

    def join(self, text: str, key: Hashable, *, last: bool) -> str:
        """Return a piece of a text; lone surrogates become U+FFFD.

        A first half at the end of the piece is held back and given with the next piece.

        Args:
            text: the piece.
            key: of the text that the piece belongs to.
            last: does no other piece of this text follow?
        """
        text = self._held.pop(key, "") + text
        if not last and "\ud800" <= text[-1:] <= "\udbff":
            text, self._held[key] = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
