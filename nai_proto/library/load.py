"""Load an account's contents: log in, open the keystore, fetch and open all objects, link cards to contents.

An object that does not open never stops the others: it is returned with an error state and its raw ciphertext. A keystore
that does not open stops everything, since an account without its keys is not an empty account.

A list is opened while it comes, some objects at a time, with an event after each computation: so what it takes in memory is
what the library keeps. If a list breaks off for good, the events have what came before.

See:
    docs/protocol/native.md#3-key-derivation
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Never, TypeAlias

from ..account import login_with_spelling
from ..codecs.key_derivation import AccountHash, encryption_key
from ..codecs.keystore import Keystore, open_keystore
from ..codecs.sealed_objects import OpenedObject, StoredObject, open_objects
from ..errors import NaiError, RemoteProtocolError, StatusError, TransportError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow, perform_for_events
from ..limits import Limits
from ..objects import TYPES, StoredKeystore, get_keystore, stream_objects
from ..secret import AccessToken, EncryptionKey, Password
from .contents import Library
from .opened_story import keep_whole, link_stories

__all__ = [
    "Access",
    "KeepObject",
    "KeystoreOpened",
    "LoadEvent",
    "ObjectsOpened",
    "log_in",
    "open_library",
    "read_library",
]

_BATCH_CHARACTERS: Final = 262_144
"""Characters of sealed text that one computation opens, in a few milliseconds."""
_ESSENTIAL_TYPES: Final = ("stories", "storycontent")


@dataclass(frozen=True, slots=True)
class Access:
    """The result of a login with e-mail and password. Its repr shows no secret."""

    email: str = field(repr=False)
    "In the spelling that logged in, from which the key is derived."
    token: AccessToken
    "Authenticates requests: ``flow.with_options(token=access.token)``."
    key: EncryptionKey
    "Opens and seals the keystore."


@flow
def log_in(email: str, password: Password | str) -> Steps[Never, Access]:
    """Log in, and derive the key that opens the keystore.

    Args:
        email: as for `nai_proto.account.login`.
        password: of the account.

    Raises (when run):
        AuthenticationError: no account has this e-mail and password.
    """
    password = _hide(password)
    token, spelling = yield from login_with_spelling(email, password)
    return Access(spelling, token, (yield from compute(partial(encryption_key, spelling, password))))


def _hide(password: Password | str) -> Password:
    """Return a password whose repr shows nothing, for a flow's own variable: tracebacks may have it."""
    return password if isinstance(password, Password) else Password(password)


@dataclass(frozen=True, slots=True)
class KeystoreOpened:
    """The keystore was read, and did open. This event comes before all objects."""

    stored: StoredKeystore
    keystore: Keystore


@dataclass(frozen=True, slots=True)
class ObjectsOpened:
    """Some more objects were read, and did open or not. For a type without objects there is one event without items."""

    type: str
    items: tuple[OpenedObject, ...] = field(repr=False)
    done: int
    "How many objects of this type have been opened, these included."
    total: int | None
    "How many objects of this type there are; None while the list still comes. The last event of a type has it."


LoadEvent: TypeAlias = KeystoreOpened | ObjectsOpened
"""What `read_library` reports while it loads."""
KeepObject: TypeAlias = Callable[[str, OpenedObject], OpenedObject]
"""Returns what the library keeps of an object, such as `drop_content`; takes the type under which it is listed, and it."""


@flow
def open_library(
    email: str, password: Password | str, *, types: Sequence[str] = TYPES, keep: KeepObject = keep_whole
) -> Steps[LoadEvent, Library]:
    """Log in, and open everything that the account stores.

    Args:
        email: as for `nai_proto.account.login`; the keystore's key is derived from the spelling that logs in.
        password: of the account.
        types: types of the objects to fetch.
        keep: is called once with each object, and returns what stays of it in the library, after its event. With
            `drop_content`, contents take no memory but while they are opened.

    Raises (when run):
        AuthenticationError: no account has this e-mail and password.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld.
    """
    password = _hide(password)
    access = yield from log_in(email, password)
    reading = read_library(access.key, email=access.email, types=types, keep=keep)
    library = yield from reading.with_options(token=access.token)
    return replace(library, token=access.token)


@flow
def read_library(
    key: EncryptionKey, *, email: str = "", types: Sequence[str] = TYPES, keep: KeepObject = keep_whole
) -> Steps[LoadEvent, Library]:
    """Open everything that the account stores, with a session that has a token, and with the account's key.

    A keystore that another program has damaged in the known way is read all the same;
    `Keystore.repaired` says so.

    See docs/protocol/content.md#24-known-faults-in-existing-code.

    Args:
        key: opens the keystore.
        email: of the account. Plans of restores need it, to tell this account's objects from another's.
        types: types of the objects to fetch.
        keep: is called once with each object, and returns what stays of it in the library, after its event. With
            `drop_content`, contents take no memory but while they are opened.

    Raises (when run):
        DecryptionFailed, Damaged: the keystore does not open, or was withheld.
    """
    limits = (yield from get_context()).limits
    account = AccountHash.of(email) if email else None
    stored = yield from get_keystore()
    keys = yield from compute(partial(open_keystore, stored.keystore, key, repair=True, limits=limits))
    yield Emit([KeystoreOpened(stored, keys)])
    opened: dict[str, list[OpenedObject]] = {}
    unread: dict[str, NaiError] = {}
    for each in types:
        try:
            opened[each] = yield from _Opening(each, keys, limits, keep, account).open_list()
        except (StatusError, RemoteProtocolError, TransportError) as error:
            if each in _ESSENTIAL_TYPES or (isinstance(error, TransportError) and error.phase == "total"):
                raise
            unread[each] = error
    cards, contents = (opened.pop(each, []) for each in _ESSENTIAL_TYPES)
    stories, orphans = yield from compute(partial(link_stories, cards, contents))
    others = {each: tuple(items) for each, items in opened.items()}
    return Library(keys, stories, orphans, others, unread, stored, key, email=email)


class _Opening:
    """Opens the objects of one type while their list comes."""

    def __init__(
        self,
        type: str,  # noqa: A002
        keys: Keystore,
        limits: Limits,
        keep: KeepObject,
        account: AccountHash | None,
    ) -> None:
        self._type = type
        self._keys = keys
        self._limits = limits
        self._keep = keep
        self._account = account
        self._kept: list[OpenedObject] = []
        self._batch: list[StoredObject] = []
        "What has come and is not opened."
        self._characters = 0
        "Of sealed text in the batch."

    def open_list(self) -> Steps[ObjectsOpened, list[OpenedObject]]:
        """Read the list, and open what it has; return what is kept of it."""
        total = yield from perform_for_events(stream_objects(self._type), self._add)
        yield from self._open_batch(total)
        return self._kept

    def _add(self, items: Sequence[StoredObject]) -> Steps[ObjectsOpened, None]:
        """Take objects that have come. The last batch is opened when the list's end has come."""
        for item in items:
            if self._characters >= _BATCH_CHARACTERS:
                yield from self._open_batch(None)
            self._batch.append(item)
            self._characters += len(item.data or "")

    def _open_batch(self, total: int | None) -> Steps[ObjectsOpened, None]:
        batch, self._batch, self._characters = self._batch, [], 0
        opened, kept = yield from compute(partial(self._open_objects, batch))
        self._kept += kept
        yield Emit([ObjectsOpened(self._type, opened, len(self._kept), total)])

    def _open_objects(self, batch: Sequence[StoredObject]) -> tuple[tuple[OpenedObject, ...], list[OpenedObject]]:
        """Return the objects as they were opened, and what is kept of them."""
        opened = tuple(replace(item, account=self._account) for item in open_objects(batch, self._keys, self._limits))
        return opened, [self._keep(self._type, item) for item in opened]
