"""The stored objects of one type: a sequence in which an object is found by id without a search."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import overload

from ...codecs.sealed_objects import StoredObject
from ...errors import InvalidRequestError

__all__ = ["ObjectCollection"]


class ObjectCollection(Sequence[StoredObject]):
    """Objects in order of creation, each with an id of its own; equal to any sequence of the same objects.

    Access by id takes constant time. Access by position copies all objects.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[StoredObject] = ()) -> None:
        self._items: dict[str, StoredObject] = {}
        for item in items:
            self.append(item)

    @property
    def ids(self) -> Container[str]:
        """The ids of all objects."""
        return self._items.keys()

    def find(self, id: str) -> StoredObject | None:  # noqa: A002
        """Return the object with this id; None if there is none."""
        return self._items.get(id)

    def append(self, item: StoredObject) -> None:
        """Add an object as the last one.

        Raises:
            InvalidRequestError: there is an object with this id.
        """
        if item.id in self._items:
            raise InvalidRequestError(f"{item!r} is already there", parameter="item")
        self._items[item.id] = item

    def put(self, item: StoredObject) -> None:
        """Replace the object with this id; add it as the last one if there is none."""
        self._items[item.id] = item

    def take(self, id: str) -> StoredObject | None:  # noqa: A002
        """Remove the object with this id, and return it."""
        return self._items.pop(id, None)

    @overload
    def __getitem__(self, index: int) -> StoredObject: ...

    @overload
    def __getitem__(self, index: slice) -> list[StoredObject]: ...

    def __getitem__(self, index: int | slice) -> StoredObject | list[StoredObject]:
        return [*self._items.values()][index]

    def __setitem__(self, index: int, item: StoredObject) -> None:
        items = [*self]
        items[index] = item
        self._items = ObjectCollection(items)._items

    def __delitem__(self, index: int) -> None:
        del self._items[self[index].id]

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    def __repr__(self) -> str:
        return f"<ObjectCollection of {len(self)} objects>"
