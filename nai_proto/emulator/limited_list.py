"""The base of an emulator's lists of things that apply to a limited number of requests: faults, and scripted replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast, overload

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["LimitedList"]


T = TypeVar("T", bound=Struct)
"""A struct with a field ``times``: how often the item still applies; None is always."""


class LimitedList(Sequence[T], Generic[T]):
    """Items in the order in which they were added. An item whose ``times`` are used up is removed."""

    def __init__(self) -> None:
        self._items: list[T] = []

    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice, /) -> T | tuple[T, ...]:
        """Return an item that is left, or several; their ``times`` are how often they still apply."""
        return self._items[index] if isinstance(index, int) else tuple(self._items[index])

    def __len__(self) -> int:
        """Return how many items are left."""
        return len(self._items)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{(*self._items,)!r}"

    def add(self, *_: Any) -> None:
        """Add items at the end: all of them, or none if it raises."""
        raise AssertionError("each list overrides this")

    def remove(self, index: int) -> None:
        """Remove an item by its place. A response that has begun is not affected.

        Raises:
            IndexError: there are not so many.
        """
        del self._items[index]

    def clear(self) -> None:
        """Remove all items. Responses that have begun are not affected."""
        self._items.clear()

    def _use_first(self, applies: Callable[[T], bool]) -> T | None:
        """Return the first item that applies, and count it as used once more; None if there is none."""
        for at, one in enumerate(self._items):
            if applies(one):
                times: int | None = cast("Any", one).times
                left = None if times is None else times - 1
                self._items[at : at + 1] = [] if left == 0 else [replace(one, times=left)]
                return one
        return None
