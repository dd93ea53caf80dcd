"""Restore an emulator's accounts and mailbox from the rows that its journal has emitted (`RowChange`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from ...codecs.sealed_objects import StoredObject
from ...errors import Damaged, NaiError
from ...secret import AccessKey, PersistentToken
from ...tier import Tier
from .account_registry import AccountRegistry
from .journal import AccountRow, KeystoreRow, LetterRow, MailRow, RowKey, TokenRow
from .mailbox import Mail, Mailbox, MailKind
from .trained_modules import ModuleTraining

__all__ = ["restore"]

T = TypeVar("T")


def restore(rows: Iterable[tuple[RowKey, bytes]], accounts: AccountRegistry, mailbox: Mailbox) -> None:
    """Restore accounts and mailbox from rows. Call it before the journal is enabled.

    Args:
        rows: those that still exist, in the order in which their keys were first stored.
        accounts: empty; gets the accounts.
        mailbox: empty; gets mails, gift keys and identities.

    Raises:
        Damaged: these are not the rows of an emulator.
    """
    readers = _readers(accounts, mailbox)
    for key, document in sorted(rows, key=lambda row: row[0][:1] != ("account",)):  # the other rows refer to it
        try:
            readers[key[0]](key[1:], document)
        except (LookupError, ValueError, TypeError, RecursionError, NaiError):
            problem = f"a row of kind {key[0][:20]!r} is not valid" if key else "a row has no key"
        else:
            continue
        raise Damaged(f"the stored state is damaged: {problem}")


_Reader = Callable[[RowKey, bytes], None]


def _readers(accounts: AccountRegistry, mailbox: Mailbox) -> Mapping[str, _Reader]:
    def account(key: RowKey, document: bytes) -> None:
        row = _read(document, AccountRow)
        accounts.admit(
            row.email, AccessKey(row.key), PersistentToken(row.persistent_token), row.profile, int(_single(key))
        )

    def token(key: RowKey, document: bytes) -> None:
        row = _read(document, TokenRow)
        accounts.tokens[_single(key)] = (accounts.by_number(row.account), row.until)

    def keystore(key: RowKey, document: bytes) -> None:
        row, storage = _read(document, KeystoreRow), accounts.by_number(int(_single(key))).storage
        storage.keystore, storage.keystore_index, storage.indexed = row.keystore, row.index, row.indexed

    def stored_object(key: RowKey, document: bytes) -> None:
        number, type_, id_ = key
        item = StoredObject.from_json(msgspec.json.decode(document))
        if (item.type, item.id) != (type_, id_):
            raise ValueError
        accounts.by_number(int(number)).storage.keep(item)

    def module(key: RowKey, document: bytes) -> None:
        number, id_ = key
        training = _read(document, ModuleTraining)
        if training.id != id_:
            raise ValueError
        accounts.by_number(int(number)).modules.add(training)

    def mail(_: RowKey, document: bytes) -> None:
        row = _read(document, MailRow)
        mailbox.mails.append(Mail(MailKind(row.kind), row.email, row.token))

    def letter(key: RowKey, document: bytes) -> None:
        row = _read(document, LetterRow)
        mailbox.letters[_single(key)] = (MailKind(row.kind), accounts.by_number(row.account))

    def gift(key: RowKey, document: bytes) -> None:
        mailbox.gift_keys[_single(key)] = _read(document, Tier)

    def identity(key: RowKey, document: bytes) -> None:
        mailbox.google[_single(key)] = accounts.by_number(_read(document, int))

    return {
        "account": account,
        "token": token,
        "keystore": keystore,
        "object": stored_object,
        "module": module,
        "mail": mail,
        "letter": letter,
        "gift": gift,
        "google": identity,
    }


def _read(document: bytes, type: type[T]) -> T:  # noqa: A002
    return msgspec.json.decode(document, type=type)


def _single(key: RowKey) -> str:
    (name,) = key
    return name
