"""The journal of an emulator's state as rows: every change records its row, and the next `Store` emits all of them.

A row is a key and a document. The document is encoded when it is emitted, so a row that changes three times in one step
is written once, in its last state. A journal that is not enabled records nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import msgspec

from ...codecs.json import encode_json
from ...codecs.private_struct import PrivateStruct
from .profile import Profile

__all__ = [
    "AccountRow",
    "Journal",
    "KeystoreRow",
    "LetterRow",
    "MailRow",
    "RowChange",
    "RowKey",
    "RowTable",
    "TokenRow",
]

V = TypeVar("V")

RowKey: TypeAlias = tuple[str, ...]
"""A row's key, with its kind first: ``("object", "1", "stories", "<id>")``."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """The new state of a row."""

    key: RowKey = field(repr=False)
    document: bytes | None = field(repr=False)
    "JSON; None if the row has been removed."


class Journal:
    """The rows that have changed and were not emitted yet."""

    def __init__(self) -> None:
        self.enabled = False
        "Is the state stored?"
        self._changed: dict[RowKey, Callable[[], object] | None] = {}

    def put(self, key: RowKey, document: Callable[[], object]) -> None:
        """Record that a row is new or has changed; `document` returns its document when it is emitted."""
        if self.enabled:
            self._changed[key] = document

    def drop(self, key: RowKey) -> None:
        """Record that a row is removed."""
        if self.enabled:
            self._changed[key] = None

    def take(self) -> tuple[RowChange, ...]:
        """Return all changes once, in the order in which their rows were first recorded."""
        changed, self._changed = self._changed, {}
        return tuple([RowChange(key, None if make is None else encode_json(make())) for key, make in changed.items()])


class RowTable(MutableMapping[str, V], Generic[V]):
    """A dictionary whose items are rows: each change of it is recorded in the journal.

    Args:
        journal: records the changes.
        kind: of the rows.
        row: returns the document of a value.
    """

    def __init__(self, journal: Journal, kind: str, row: Callable[[V], object]) -> None:
        self._journal = journal
        self._kind = kind
        self._row = row
        self._items: dict[str, V] = {}

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __setitem__(self, key: str, value: V) -> None:
        self._items[key] = value
        self._journal.put((self._kind, key), lambda: self._row(value))

    def __delitem__(self, key: str) -> None:
        del self._items[key]
        self._journal.drop((self._kind, key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


# ---- the documents of the rows, by kind


class AccountRow(PrivateStruct, frozen=True):
    """``("account", number)``."""

    email: str
    key: str
    persistent_token: str
    profile: Profile


class TokenRow(msgspec.Struct):
    """``("token", token)``: a valid access token or persistent token."""

    account: int
    until: float | None


class KeystoreRow(PrivateStruct, frozen=True):
    """``("keystore", number)``, of the account with this number."""

    keystore: str | None
    index: int
    indexed: bool


class MailRow(PrivateStruct, frozen=True):
    """``("mail", number)``."""

    kind: str
    email: str
    token: str


class LetterRow(msgspec.Struct):
    """``("letter", token)``: a mailed token that has not been used yet."""

    kind: str
    account: int
