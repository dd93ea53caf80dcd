"""What of an emulator lasts, as rows: whoever changes something notes its row, and the next `Store` hands them all out.

A row is its key and a document. Its document is made when it is handed out, so a thing that is changed three times in a
step is written once, as it then is. An emulator that nobody keeps notes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import msgspec

from ...codecs.json import encode
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
"""What a row is of, the kind first: ``("object", "1", "stories", "<id>")``."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row as it is from now on."""

    key: RowKey = field(repr=False)
    document: bytes | None = field(repr=False)
    "JSON; None when there is no such row any more."


class Journal:
    """The rows that were changed and not handed out yet."""

    def __init__(self) -> None:
        self.kept = False
        "Is there somebody who keeps them?"
        self._noted: dict[RowKey, Callable[[], object] | None] = {}

    def put(self, key: RowKey, document: Callable[[], object]) -> None:
        """This row is new, or another than it was."""
        if self.kept:
            self._noted[key] = document

    def drop(self, key: RowKey) -> None:
        """This row is gone."""
        if self.kept:
            self._noted[key] = None

    def take(self) -> tuple[RowChange, ...]:
        """All of them, in the order in which they were noted first."""
        noted, self._noted = self._noted, {}
        return tuple([RowChange(key, None if make is None else encode(make())) for key, make in noted.items()])


class RowTable(MutableMapping[str, V], Generic[V]):
    """A dictionary whose items are rows, by whomever they are changed.

    Args:
        journal: where they are noted.
        kind: of the rows.
        row: gives the document of a value.
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


class AccountRow(msgspec.Struct):
    """``("account", number)``."""

    email: str
    key: str
    persistent_token: str
    profile: Profile


class TokenRow(msgspec.Struct):
    """``("token", token)``: what is good for signing."""

    account: int
    until: float | None


class KeystoreRow(msgspec.Struct):
    """``("keystore", number)``, of the account with this number."""

    keystore: str | None
    index: int
    indexed: bool


class MailRow(msgspec.Struct):
    """``("mail", number)``."""

    kind: str
    email: str
    token: str


class LetterRow(msgspec.Struct):
    """``("letter", token)``: a mailed token that has not been used."""

    kind: str
    account: int
