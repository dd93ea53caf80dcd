"""Decode long JSON in pieces, so that other threads, such as an event loop's, can run between two pieces.

A piece ends at a comma, whatever quotes and brackets precede it. This is sound, because JSON delimits itself: a piece that
begins where a member begins, ends before a comma and decodes as members *is* the next members; a comma within a text
or a nested list leaves a piece that does not decode. So if all pieces decode, together they are the whole; if one does
not, the whole must be decoded at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Final, TypeVar

__all__ = ["iter_json_chunks"]

T = TypeVar("T", bound=Sized)

_SIZE: Final = 65_536
"""Least bytes of a piece, which take half a millisecond."""


def iter_json_chunks(
    decode: Callable[[bytes], T], brackets: bytes, text: bytes, start: int, mark: bytes
) -> Iterator[T]:
    """Yield the members of an array or object that begins before ``start`` and ends at the last byte but one of ``text``.

    Args:
        decode: decodes a piece, as an array or object of its own.
        brackets: ``b"[]"`` or ``b"{}"``.
        text: a document, whose last two bytes close the array or object and its parent.
        start: where the first member begins.
        mark: the end of a member and a comma, such as ``b"],"``.

    Raises:
        ValueError: a member is missing. And the errors of ``decode``.
    """
    end = len(text) - 2
    if start == end:
        return
    while start <= end:
        comma = text.find(mark, start + _SIZE, end)
        stop = end if comma < 0 else comma + len(mark) - 1
        members = decode(brackets[:1] + text[start:stop] + brackets[1:])
        if not members:
            raise ValueError("there is no member beside a comma")
        yield members
        start = stop + 1
