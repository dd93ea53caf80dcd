"""Log in, open the keystore, fetch and open all objects, link cards to contents.

One item that does not open never stops the rest: it is in the result with its state and its untouched text. A keystore
that does not open stops everything, since an account without its keys is not an empty account.

Opening is heavy work, so it is handed out as computations of about a megabyte each, with an event after each.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

from ..codecs.keystore import Keystore, open_keystore
from ..codecs.sealed import Opened, StoredObject, open_objects
from ..errors import NaiError, RemoteProtocolError, StatusError, TransportError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow
from ..limits import Limits
from ..objects import TYPES, StoredKeystore, keystore, list_objects
from ..secret import EncryptionKey, Password
from .access import log_in
from .values import Library, link

__all__ = ["KeystoreOpened", "LibraryEvent", "OpeningEvent", "open_library", "read_library"]

_SLICE: Final = 1_048_576
"""Characters of sealed text that one computation opens: some milliseconds."""
_STORIES: Final = "stories"
_CONTENTS: Final = "storycontent"
_ESSENTIAL: Final = (_STORIES, _CONTENTS)


@dataclass(frozen=True, slots=True)
class KeystoreOpened:
    """The keystore has been read, and opens. Comes before all objects."""

    stored: StoredKeystore
    keystore: Keystore


@dataclass(frozen=True, slots=True)
class LibraryEvent:
    """Some more objects have been opened, or found not to open. For a type that has none there is one, with no items."""

    type: str
    items: tuple[Opened, ...] = field(repr=False)
    done: int
    "How many of this type, these included."
    total: int


OpeningEvent: TypeAlias = KeystoreOpened | LibraryEvent


@flow
def open_library(email: str, password: Password | str, *, types: Sequence[str] = TYPES) -> Steps[OpeningEvent, Library]:
    """Log in, and open all that the account has.

    Args:
        email: as for `nai_proto.account.login`; the spelling that logs in is the one that the keystore's key comes from.
        password: of the account.
        types: of the objects to fetch.

    Raises (when run):
        AuthenticationError: no account has these.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld.
    """
    access = yield from log_in(email, password)
    library = yield from read_library(access.key, types=types).with_options(token=access.token)
    return replace(library, access=access)


@flow
def read_library(key: EncryptionKey, *, types: Sequence[str] = TYPES) -> Steps[OpeningEvent, Library]:
    """The same for whoever is logged in and has the account's key.

    A keystore that another program has damaged in the known way is read all the same;
    `Keystore.repaired` says so.

    See docs/protocol/content.md#24-known-faults-in-existing-code.
    """
    limits = (yield from get_context()).limits
    stored = yield from keystore()
    keys = yield from compute(partial(open_keystore, stored.keystore, key, repair=True, limits=limits))
    yield Emit([KeystoreOpened(stored, keys)])
    opened: dict[str, list[Opened]] = {}
    unread: dict[str, NaiError] = {}
    for each in types:
        try:
            items = yield from list_objects(each)
        except (StatusError, RemoteProtocolError, TransportError) as error:
            if each in _ESSENTIAL or (isinstance(error, TransportError) and error.phase == "total"):
                raise
            unread[each] = error
        else:
            opened[each] = yield from _open_all(each, items, keys, limits)
    cards, contents = (opened.pop(each, []) for each in _ESSENTIAL)
    stories, orphans = yield from compute(partial(link, cards, contents))
    return Library(keys, stories, orphans, {each: tuple(items) for each, items in opened.items()}, unread, stored)


def _open_all(
    type: str,  # noqa: A002
    items: Sequence[StoredObject],
    keys: Keystore,
    limits: Limits,
) -> Steps[LibraryEvent, list[Opened]]:
    opened: list[Opened] = []
    for batch in _slices(items):
        done = yield from compute(partial(open_objects, batch, keys, limits))
        opened += done
        yield Emit([LibraryEvent(type, tuple(done), len(opened), len(items))])
    return opened


def _slices(items: Sequence[StoredObject]) -> Iterator[list[StoredObject]]:
    """Neighbours of about `_SLICE` characters together, at least one."""
    batch: list[StoredObject] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.data or "")
        if size >= _SLICE:
            yield batch
            batch, size = [], 0
    if batch or not items:
        yield batch
