"""Split a JSON document that is one long list, while its bytes come, into the items and everything else.

The document is ``{"objects": [item, item, …], …}``. An item is given out when its end has come, so that no more is kept than
an item that is not complete. What is left at the end is the document without these items: it is read as a document of its
own, so that what is wrong outside the items, and in the first item that is wrong, is found as in a document that is read at
once. ``0`` stands where items were taken out, since a comma may follow or be missing there.

Each byte is searched once for the next quotation mark or bracket, and decoded once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..errors import RemoteProtocolError

__all__ = ["JsonListSplitter"]

_START_BYTES: Final = 64
"""The list begins within so many bytes; if not, the document has another form."""
_HEAD: Final = rb'(?:\xef\xbb\xbf)?(\s*\{\s*"%b"\s*:\s*\[)'
_TO_BRACKET: Final = re.compile(rb'[^"\[\]{}]*')
"""What is inside an item, up to a bracket or a text."""
_TO_COMMA: Final = re.compile(rb'[^",\[\]{}]*')
"""What is between the items, up to a comma, a bracket or a text."""
_QUOTE, _COMMA, _BACKSLASH = b'",\\'
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")
_STAND_IN: Final = b"0"


class JsonListSplitter:
    """Splits one document.

    Args:
        name: of the list in the document, which comes first in it.
        decode: returns the values of the items in a list; raises RemoteProtocolError if it does not decode.
    """

    def __init__(self, name: str, decode: Callable[[bytes], Sequence[Any]]) -> None:
        self._head = re.compile(_HEAD % name.encode())
        self._decode = decode
        self._buffer = bytearray()
        "What has come and was neither taken out nor left."
        self._rest = bytearray()
        self._is_open = False
        "Has the list begun?"
        self._is_split = True
        "May there be more items to take out?"
        self._at = 0
        "Where the search in the buffer goes on."
        self._depth = 0
        "The level of brackets there, within an item."
        self._in_text = False
        "Is that within a text?"
        self.has_taken = False
        "Has an item been returned? Then ``0`` stands for it in what is left."
        self._missing = 0
        "How many bytes fewer are left than have come."
        self._hole = 0
        "Where they are missing."

    def receive_data(self, data: bytes) -> list[Any]:
        """Receive a piece of the document; return the values of the items that it completes."""
        if not self._is_split:
            self._rest += data
            return []
        self._buffer += data
        if not self._is_open and not self._find_start():
            return []
        ends, is_last = self._find_ends()
        items = self._take(ends)
        if len(items) < len(ends) or is_last:
            self._leave_rest()
        return items

    def receive_eof(self) -> bytes:
        """Return what is left of the document: all but the items that were returned."""
        self._leave_rest()
        return bytes(self._rest)

    def map_position(self, position: int) -> int:
        """Return the position in the whole document of a byte of what is left."""
        return position if position <= self._hole else position + self._missing

    # ---- inside

    def _find_start(self) -> bool:
        head = self._head.match(self._buffer, 0, _START_BYTES)
        if head is not None:
            self._is_open = True
            self._hole = len(head[1])
            self._rest += head[0]
            del self._buffer[: head.end()]
        elif len(self._buffer) >= _START_BYTES:
            self._leave_rest()
        return self._is_open

    def _find_ends(self) -> tuple[list[int], bool]:
        """Return where the items end that the buffer has completely, and whether the list ends there too."""
        buffer, at = self._buffer, self._at
        size = len(buffer)
        ends: list[int] = []
        is_last = False
        while at < size and not is_last:
            if self._in_text:
                quote = buffer.find(_QUOTE, at)
                if quote < 0:
                    at = size
                    break
                self._in_text = _is_escaped(buffer, quote)
                at = quote + 1
                continue
            at = _skip(_TO_BRACKET if self._depth else _TO_COMMA, buffer, at)
            if at == size:
                break
            mark = buffer[at]
            if mark == _QUOTE:
                self._in_text = True
            elif mark in _OPENING:
                self._depth += 1
            elif self._depth:
                self._depth -= 1
            else:
                ends.append(at)
                is_last = mark != _COMMA
            at += 1
        self._at = at
        return ends, is_last

    def _take(self, ends: Sequence[int]) -> list[Any]:
        """Take out the items that end there, up to the first that does not decode; return their values."""
        start = 1 if self.has_taken else 0  # after the comma
        if not ends:
            return []
        items: list[Any] = []
        together = self._decode_items(start, ends[-1], len(ends))
        if together is not None:
            items = together
        else:
            for end in ends:
                one = self._decode_items(start, end, 1)
                if one is None:
                    break
                items += one
                start = end + 1
        if items:
            self._cut(ends[len(items) - 1])
        return items

    def _decode_items(self, start: int, end: int, count: int) -> list[Any] | None:
        """Return the values of so many items; None if they do not decode."""
        with memoryview(self._buffer) as view:
            text = b"".join((b"[", view[start:end], b"]"))
        try:
            values = self._decode(text)
        except RemoteProtocolError:  # the reader of what is left tells the problem
            return None
        return [*values] if len(values) == count else None

    def _cut(self, end: int) -> None:
        """Drop the buffer up to the comma or bracket after an item."""
        if not self.has_taken:
            self.has_taken = True
            self._rest += _STAND_IN
            self._missing = -len(_STAND_IN)
        self._missing += end
        self._at -= end
        del self._buffer[:end]

    def _leave_rest(self) -> None:
        self._is_split = False
        self._rest += self._buffer
        self._buffer = bytearray()


def _skip(pattern: re.Pattern[bytes], data: bytearray, start: int) -> int:
    """Return where a match of a pattern that fits everywhere ends."""
    match = pattern.match(data, start)
    return start if match is None else match.end()


def _is_escaped(data: bytearray, quote: int) -> bool:
    """Return whether a quotation mark inside a text belongs to it: an odd number of backslashes is before it."""
    first = quote
    while data[first - 1] == _BACKSLASH:  # before the text is its own quotation mark
        first -= 1
    return (quote - first) % 2 == 1
