"""What an account of the emulator has stored, a keystore and objects, and the rules for changing it.

See docs/protocol/native.md#7-keystore-and-user-objects.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import overload

import msgspec

from ...codecs.sealed_objects import StoredObject
from ...errors import InvalidRequestError
from ...objects import generate_id
from ..errors import Refused
from .journal import Journal, KeystoreRow, RowKey

__all__ = ["Entropy", "ObjectCollection", "Storage", "derive_bytes"]

Entropy = Callable[[int], bytes]


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


@dataclass(eq=False)
class Storage:
    """The keystore and objects of one account. Tests may change its fields directly; only its methods record changes."""

    keystore: str | None = field(default=None, repr=False)
    "Sealed, in base64; None until one is stored."
    keystore_index: int = 0
    "The keystore's change index: how often it has changed."
    indexed: bool = True
    "Is the index sent? Not every account of the service has one. See docs/protocol/native.md#73-keystore-wire-form."
    objects: defaultdict[str, ObjectCollection] = field(
        default_factory=lambda: defaultdict(ObjectCollection), repr=False
    )
    "By type, in order of creation."
    journal: Journal = field(default_factory=Journal, repr=False)
    "Records what the methods change."
    owner: int = 0
    "The number of the account."

    # ---- the keystore

    def keystore_document(self) -> Mapping[str, object]:
        """Return the response to ``GET /user/keystore``.

        See docs/protocol/native.md#73-keystore-wire-form.
        """
        if self.keystore is None:
            return {"keystore": None}
        if not self.indexed:
            return {"keystore": self.keystore}
        return {"keystore": self.keystore, "changeIndex": self.keystore_index}

    def put_keystore(self, sealed: str, index: float | None) -> None:
        """Replace the keystore.

        Args:
            sealed: the new keystore, in base64; ``""`` removes it.
            index: the change index that the client knows; None does not check it.

        Raises:
            Refused: 400 or 409, there is no index, or another one.
        """
        if index is not None and not (self.indexed and self.keystore is not None):
            raise Refused(
                400,
                "changeIndex is not expected",
                reason="nothing is stored yet, or this account's keystore has no index; leave changeIndex out",
            )
        if index not in (None, self.keystore_index):
            raise Refused(409, "Keystore was changed meanwhile", reason=_explain_conflict(index, self.keystore_index))
        self._change_keystore(sealed or None, self.keystore_index + 1 if sealed else 0)

    def clear_stories(self) -> None:
        """Remove keystore and stories, as an account recovery with ``deleteContent`` does.

        See docs/protocol/native.md#61-request-schemas.
        """
        self._change_keystore(None, 0)
        self.clear(("stories", "storycontent"))

    def _change_keystore(self, sealed: str | None, index: int) -> None:
        self.keystore, self.keystore_index = sealed, index
        row = partial(KeystoreRow, sealed, index, self.indexed)
        self.journal.put(("keystore", str(self.owner)), row)

    # ---- objects; an unknown id is 404

    def list_objects(self, type: str, offset: int = 0, limit: int | None = None) -> Mapping[str, object]:  # noqa: A002
        """Return the response to ``GET /user/objects/{type}``; an unknown type has no objects.

        See docs/protocol/native.md#72-userdata-object.
        """
        items = self.objects.get(type, ())[offset:]
        return {"objects": [item.document for item in (items if limit is None else items[:limit])]}

    def find(self, type: str, id: str) -> StoredObject:  # noqa: A002
        """Return the object with this type and id.

        Raises:
            Refused: 404, there is none.
        """
        found = self.objects[type].find(id) if type in self.objects else None
        if found is None:
            raise Refused(
                404,
                "Object not found",
                reason="the account of this token has no object of this type and id; GET /user/objects/{type} lists them",
            )
        return found

    def create(self, type: str, meta: str, data: str, now: float, entropy: Entropy) -> StoredObject:  # noqa: A002
        """Store a new object under a new id, and return it."""
        others = self.objects[type]
        numbers = count(len(others))
        id_ = generate_id(lambda size: derive_bytes(entropy, type, next(numbers), size), others.ids)
        created = StoredObject(id=id_, type=type, meta=meta, data=data, lastUpdatedAt=int(now), changeIndex=1)
        self.keep(created)
        return created

    def update(
        self,
        type: str,  # noqa: A002
        id: str,  # noqa: A002
        meta: str,
        data: str,
        index: float | None,
        now: float,
    ) -> StoredObject:
        """Replace meta and data of an object, and return it.

        Raises:
            Refused: 404, there is no such object; 409, its change index is another one. None does not check it.
        """
        old = self.find(type, id)
        if index not in (None, old.changeIndex):
            raise Refused(409, "Object was changed meanwhile", reason=_explain_conflict(index, old.changeIndex))
        written = {"meta": meta, "data": data, "lastUpdatedAt": int(now), "changeIndex": (old.changeIndex or 0) + 1}
        extra = {name: value for name, value in old.extra.items() if name not in written}  # values of a wrong type
        new = msgspec.structs.replace(old, **written, extra=extra)
        self.keep(new)
        return new

    def keep(self, item: StoredObject) -> None:
        """Store an object in the place of the one with its type and id; a new one comes last."""
        self.objects[item.type].put(item)
        self.journal.put(self._key(item), lambda: item.document)

    def delete(self, type: str, id: str) -> StoredObject:  # noqa: A002
        """Remove an object, and return it."""
        found = self.find(type, id)
        self.objects[type].take(id)
        self.journal.drop(self._key(found))
        return found

    def clear(self, types: Iterable[str]) -> None:
        """Remove all objects of these types."""
        for type_ in types:
            for item in self.objects.pop(type_, ()):
                self.journal.drop(self._key(item))

    def forget(self) -> None:
        """Remove everything, because the account is removed."""
        self.clear([*self.objects])
        self.journal.drop(("keystore", str(self.owner)))

    def _key(self, item: StoredObject) -> RowKey:
        return ("object", str(self.owner), item.type, item.id)


def _explain_conflict(sent: float | None, stored: int | None) -> str:
    return f"changeIndex {sent} was sent, and {stored} is stored; read it again, merge, and write with that index"


def derive_bytes(entropy: Entropy, kind: str, number: int, size: int) -> bytes:
    """Return this many bytes that differ by kind and number, even if the entropy is always the same, as in a test."""
    return hashlib.shake_128(entropy(16) + f"{kind}{number}".encode()).digest(size)
