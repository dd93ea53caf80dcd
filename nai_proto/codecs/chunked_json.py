"""Long JSON, decoded in pieces.

A decoder holds the interpreter from the first byte to the last, whatever thread it runs in, and an event loop beside it
stands still. Between two pieces the loop can turn.

A piece ends at a comma that is found without a look at quotes and brackets. That is sound, because JSON delimits itself:
what begins where a member begins, ends before a comma and decodes as members *is* the next members, and a comma within
a text or a nested list leaves a piece that does not decode. So if all pieces decode, they are what decoding the whole
would have given; if one does not, nothing is known, and the whole has to be decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Final, TypeVar

__all__ = ["iter_json_chunks"]

T = TypeVar("T", bound=Sized)

_SIZE: Final = 65_536
"""Bytes of a piece, at least: half a millisecond."""


def iter_json_chunks(
    decode: Callable[[bytes], T], brackets: bytes, text: bytes, start: int, mark: bytes
) -> Iterator[T]:
    """Yield the members of an array or object that reaches from before ``start`` to the last byte of ``text`` but one.

    Args:
        decode: takes a piece as an array or object of its own.
        brackets: ``b"[]"`` or ``b"{}"``.
        text: a document; its last two bytes close the array or object, and what that stands in.
        start: where the first member begins.
        mark: a comma, with what a member ends with before it: ``b"],"``.

    Raises:
        ValueError: a member is missing. And whatever ``decode`` raises.
    """
    end = len(text) - 2
    if start == end:
        return
    while start <= end:
        found = text.find(mark, start + _SIZE, end)
        stop = end if found < 0 else found + len(mark) - 1
        members = decode(brackets[:1] + text[start:stop] + brackets[1:])
        if not members:
            raise ValueError("a member is due beside a comma")
        yield members
        start = stop + 1
