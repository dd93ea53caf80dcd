"""An emulator's accounts, and what is outside of it, from the rows that they once were (`Change`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from ...codecs.sealed import StoredObject
from ...errors import Damaged, NaiError
from ...secret import AccessKey, PersistentToken
from ...tier import Tier
from .account_registry import AccountRegistry
from .journal import AccountRow, KeystoreRow, LetterRow, MailRow, RowKey, TokenRow
from .mailbox import Mail, Mailbox, MailKind

__all__ = ["restore"]

T = TypeVar("T")


def restore(rows: Iterable[tuple[RowKey, bytes]], accounts: AccountRegistry, outside: Mailbox) -> None:
    """Puts everything back, before anybody keeps what changes.

    Args:
        rows: what is left of all changes, in the order in which their keys first came.
        accounts: none yet.
        outside: nothing yet.

    Raises:
        Damaged: these are not the rows of an emulator.
    """
    readers = _readers(accounts, outside)
    for key, document in sorted(rows, key=lambda row: row[0][:1] != ("account",)):  # which all others name
        try:
            readers[key[0]](key[1:], document)
        except (LookupError, ValueError, TypeError, RecursionError, NaiError):
            problem = f"no {key[0][:20] if key else 'row'} is like this one"
        else:
            continue
        raise Damaged(f"what was stored is damaged: {problem}")


_Reader = Callable[[RowKey, bytes], None]


def _readers(accounts: AccountRegistry, outside: Mailbox) -> Mapping[str, _Reader]:
    def account(key: RowKey, document: bytes) -> None:
        row = _read(document, AccountRow)
        accounts.admit(
            row.email, AccessKey(row.key), PersistentToken(row.persistent_token), row.profile, int(_one(key))
        )

    def token(key: RowKey, document: bytes) -> None:
        row = _read(document, TokenRow)
        accounts.tokens[_one(key)] = (accounts.numbered(row.account), row.until)

    def keystore(key: RowKey, document: bytes) -> None:
        row, storage = _read(document, KeystoreRow), accounts.numbered(int(_one(key))).storage
        storage.keystore, storage.keystore_index, storage.indexed = row.keystore, row.index, row.indexed

    def stored(key: RowKey, document: bytes) -> None:
        number, type_, id_ = key
        item = StoredObject.of(msgspec.json.decode(document))
        if (item.type, item.id) != (type_, id_):
            raise ValueError
        accounts.numbered(int(number)).storage.keep(item)

    def mail(_: RowKey, document: bytes) -> None:
        row = _read(document, MailRow)
        outside.mails.append(Mail(MailKind(row.kind), row.email, row.token))

    def letter(key: RowKey, document: bytes) -> None:
        row = _read(document, LetterRow)
        outside.letters[_one(key)] = (MailKind(row.kind), accounts.numbered(row.account))

    def gift(key: RowKey, document: bytes) -> None:
        outside.gift_keys[_one(key)] = _read(document, Tier)

    def identity(key: RowKey, document: bytes) -> None:
        outside.google[_one(key)] = accounts.numbered(_read(document, int))

    return {
        "account": account,
        "token": token,
        "keystore": keystore,
        "object": stored,
        "mail": mail,
        "letter": letter,
        "gift": gift,
        "google": identity,
    }


def _read(document: bytes, type: type[T]) -> T:  # noqa: A002
    return msgspec.json.decode(document, type=type)


def _one(key: RowKey) -> str:
    (name,) = key
    return name
