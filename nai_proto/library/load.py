"""Load an account's contents: log in, open the keystore, fetch and open all objects, link cards to contents.

An object that does not open never stops the others: it is returned with an error state and its raw ciphertext. A keystore
that does not open stops everything, since an account without its keys is not an empty account.

Opening takes long, so it is split into computations of about a megabyte each, with an event after each.

See:
    docs/protocol/native.md#3-key-derivation
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Never, TypeAlias

from ..account import login_with_spelling
from ..codecs.key_derivation import encryption_key
from ..codecs.keystore import Keystore, open_keystore
from ..codecs.sealed_objects import OpenedObject, StoredObject, open_objects
from ..errors import NaiError, RemoteProtocolError, StatusError, TransportError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow
from ..limits import Limits
from ..objects import TYPES, StoredKeystore, get_keystore, list_objects
from ..secret import AccessToken, EncryptionKey, Password
from .contents import Library
from .opened_story import link_stories

__all__ = ["Access", "KeystoreOpened", "LoadEvent", "ObjectsOpened", "log_in", "open_library", "read_library"]

_BATCH_CHARACTERS: Final = 1_048_576
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
    total: int


LoadEvent: TypeAlias = KeystoreOpened | ObjectsOpened


@flow
def open_library(email: str, password: Password | str, *, types: Sequence[str] = TYPES) -> Steps[LoadEvent, Library]:
    """Log in, and open everything that the account stores.

    Args:
        email: as for `nai_proto.account.login`; the keystore's key is derived from the spelling that logs in.
        password: of the account.
        types: types of the objects to fetch.

    Raises (when run):
        AuthenticationError: no account has this e-mail and password.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld.
    """
    password = _hide(password)
    access = yield from log_in(email, password)
    library = yield from read_library(access.key, types=types).with_options(token=access.token)
    return replace(library, token=access.token)


@flow
def read_library(key: EncryptionKey, *, types: Sequence[str] = TYPES) -> Steps[LoadEvent, Library]:
    """Open everything that the account stores, with a session that has a token, and with the account's key.

    A keystore that another program has damaged in the known way is read all the same;
    `Keystore.repaired` says so.

    See docs/protocol/content.md#24-known-faults-in-existing-code.

    Args:
        key: opens the keystore.
        types: types of the objects to fetch.

    Raises (when run):
        DecryptionFailed, Damaged: the keystore does not open, or was withheld.
    """
    limits = (yield from get_context()).limits
    stored = yield from get_keystore()
    keys = yield from compute(partial(open_keystore, stored.keystore, key, repair=True, limits=limits))
    yield Emit([KeystoreOpened(stored, keys)])
    opened: dict[str, list[OpenedObject]] = {}
    unread: dict[str, NaiError] = {}
    for each in types:
        try:
            items = yield from list_objects(each)
        except (StatusError, RemoteProtocolError, TransportError) as error:
            if each in _ESSENTIAL_TYPES or (isinstance(error, TransportError) and error.phase == "total"):
                raise
            unread[each] = error
        else:
            opened[each] = yield from _open_all(each, items, keys, limits)
    cards, contents = (opened.pop(each, []) for each in _ESSENTIAL_TYPES)
    stories, orphans = yield from compute(partial(link_stories, cards, contents))
    others = {each: tuple(items) for each, items in opened.items()}
    return Library(keys, stories, orphans, others, unread, stored, key)


def _open_all(
    type: str,  # noqa: A002
    items: Sequence[StoredObject],
    keys: Keystore,
    limits: Limits,
) -> Steps[ObjectsOpened, list[OpenedObject]]:
    opened: list[OpenedObject] = []
    for batch in _iter_batches(items):
        done = yield from compute(partial(open_objects, batch, keys, limits))
        opened += done
        yield Emit([ObjectsOpened(type, tuple(done), len(opened), len(items))])
    return opened


def _iter_batches(items: Sequence[StoredObject]) -> Iterator[list[StoredObject]]:
    """Group neighbouring objects into batches of about `_BATCH_CHARACTERS`; at least one batch."""
    batch: list[StoredObject] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.data or "")
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch or not items:
        yield batch
