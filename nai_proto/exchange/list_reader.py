"""Read a response that is one long list while it comes: each item when its end is there.

So a list of any length takes no more memory than what becomes of its items. Results and errors are those of a reader of the
whole document, however the body is cut; an error comes after the items before it.

See:
    docs/protocol/native.md#72-userdata-object
    docs/library.md#open-a-library-that-is-larger-than-the-memory
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, Never, TypeVar, cast

import msgspec

from ..codecs.json import JsonDecoder
from ..codecs.json_list import JsonListSplitter
from ..errors import LimitExceeded, NaiError, RemoteProtocolError
from ..http import Head
from ..limits import Limits
from .readers import decode_body

__all__ = ["StreamedListReader", "WholeListReader"]

T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)

_ITEMS: Final = JsonDecoder(list[Any], lenient=True)  # Any: one malformed item must not hide the others


@dataclass(frozen=True, slots=True)
class StreamedListReader(Generic[T]):
    """Reads ``{"NAME": [item, …]}``: each item is an event.

    The result has the items that were no events: all of a document in which the list does not come first. A document that
    has the list twice is refused.
    """

    name: str
    "Of the list."
    to: Callable[[object], T]
    "Returns the event for an item."

    def __call__(self, where: str, head: Head, limits: Limits, /) -> _Reader[T]:  # noqa: ARG002 -- a ReaderFactory
        return _Reader(self.name, self.to, where, limits)


@dataclass(frozen=True, slots=True)
class WholeListReader(Generic[T]):
    """Reads ``{"NAME": [item, …]}`` as `StreamedListReader` does, with all items as the result."""

    name: str
    to: Callable[[object], T]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> _KeepingReader[T]:  # noqa: ARG002 -- a ReaderFactory
        return _KeepingReader(_Reader(self.name, self.to, where, limits))


class _Reader(Generic[T]):
    """Reads one document; arguments as for `StreamedListReader`."""

    complete = False
    "Always False: only the end of the body completes it."
    partial = None
    "Always None: the events are what has come."

    def __init__(self, name: str, to: Callable[[object], T], where: str, limits: Limits) -> None:
        self.failure: NaiError | None = None
        self._name = name
        self._to = to
        self._where = where
        self._limits = limits
        self._size = 0
        self._splitter = JsonListSplitter(name, self._decode)

    def receive_data(self, data: bytes) -> list[T]:
        if self.failure is not None:
            raise self.failure
        left = self._limits.body - self._size
        self._size += len(data)
        items = [self._to(item) for item in self._splitter.receive_data(data[:left] if len(data) > left else data)]
        if self._size > self._limits.body:
            self.failure = LimitExceeded("body", limit=self._limits.body, value=self._size)
            if not items:
                raise self.failure
        return items

    def receive_eof(self) -> tuple[T, ...]:
        if self.failure is not None:
            raise self.failure
        rest = self._splitter.receive_eof()
        document = decode_body(_decoder(self._name), rest, self._where, self._limits, self._splitter.map_position)
        items: list[object] = getattr(document, self._name)
        if self._splitter.has_taken:
            if _count_members(rest, self._name) > 1:
                raise RemoteProtocolError(f"{self._where}: {self._name!r} is there twice")
            items = items[1:]
        return tuple(map(self._to, items))

    def _decode(self, items: bytes) -> list[Any]:
        return _ITEMS.decode(items, where=self._where, depth=self._limits.json_depth - 1)


class _KeepingReader(Generic[T]):
    """Keeps the items that another reader reads."""

    complete = False
    partial = None
    failure = None

    def __init__(self, reader: _Reader[T]) -> None:
        self._reader = reader
        self._items: list[T] = []

    def receive_data(self, data: bytes) -> Sequence[Never]:
        self._items += self._reader.receive_data(data)
        if self._reader.failure is not None:
            raise self._reader.failure
        return ()

    def receive_eof(self) -> tuple[T, ...]:
        return (*self._items, *self._reader.receive_eof())


@cache
def _decoder(name: str) -> JsonDecoder[Any]:
    """Return a decoder of a document with a list of this name."""
    return JsonDecoder(msgspec.defstruct("Document", [(name, list[Any])]), lenient=True)


def _count_members(document: bytes, name: str) -> int:
    """Return how many members of an object have this name."""
    if document.count(name.encode()) == 1 and b"\\" not in document:
        return 1
    # A member that nobody reads may be no UTF-8.
    text = document.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    members = cast("list[tuple[str, object]]", json.loads(text, object_pairs_hook=list))
    return [key for key, _ in members].count(name)
