"""Load an account's contents: log in, open the keystore, fetch and open all objects, link cards to contents.

An object that does not open never stops the others: it is returned with an error state and its raw ciphertext. A keystore
that does not open stops everything, since an account without its keys is not an empty account.

Opening takes long, so it is split into computations of about a megabyte each, with an event after each.

See:
    docs/protocol/native.md#3-key-derivation
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
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
    library = yield from read_library(access.key, types=types, keep=keep).with_options(token=access.token)
    return replace(library, token=access.token)


@flow
def read_library(
    key: EncryptionKey, *, types: Sequence[str] = TYPES, keep: KeepObject = keep_whole
) -> Steps[LoadEvent, Library]:
    """Open everything that the account stores, with a session that has a token, and with the account's key.

    A keystore that another program has damaged in the known way is read all the same;
    `Keystore.repaired` says so.

    See docs/protocol/content.md#24-known-faults-in-existing-code.

    Args:
        key: opens the keystore.
        types: types of the objects to fetch.
        keep: is called once with each object, and returns what stays of it in the library, after its event. With
            `drop_content`, contents take no memory but while they are opened.

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
            items = deque((yield from list_objects(each)))
        except (StatusError, RemoteProtocolError, TransportError) as error:
            if each in _ESSENTIAL_TYPES or (isinstance(error, TransportError) and error.phase == "total"):
                raise
            unread[each] = error
        else:
            opened[each] = yield from _open_all(each, items, keys, limits, keep)
    cards, contents = (opened.pop(each, []) for each in _ESSENTIAL_TYPES)
    stories, orphans = yield from compute(partial(link_stories, cards, contents))
    others = {each: tuple(items) for each, items in opened.items()}
    return Library(keys, stories, orphans, others, unread, stored, key)


def _open_all(
    type: str,  # noqa: A002
    items: deque[StoredObject],
    keys: Keystore,
    limits: Limits,
    keep: KeepObject,
) -> Steps[ObjectsOpened, list[OpenedObject]]:
    kept: list[OpenedObject] = []
    total = len(items)
    for batch in _iter_batches(items):
        opened, left = yield from compute(partial(_open_batch, type, batch, keys, limits, keep))
        kept += left
        yield Emit([ObjectsOpened(type, opened, len(kept), total)])
        del opened, left  # before the next batch is opened
    return kept


def _open_batch(
    type: str,  # noqa: A002
    batch: Sequence[StoredObject],
    keys: Keystore,
    limits: Limits,
    keep: KeepObject,
) -> tuple[tuple[OpenedObject, ...], list[OpenedObject]]:
    """Return the objects as they were opened, and what is kept of them."""
    opened = open_objects(batch, keys, limits)
    return tuple(opened), [keep(type, item) for item in opened]


def _iter_batches(items: deque[StoredObject]) -> Iterator[list[StoredObject]]:
    """Take neighbouring objects out, in batches of about `_BATCH_CHARACTERS`; at least one batch."""
    is_empty = not items
    while items or is_empty:
        is_empty = False
        batch: list[StoredObject] = []
        size = 0
        while items and size < _BATCH_CHARACTERS:
            batch.append(items.popleft())
            size += len(batch[-1].data or "")
        yield batch
