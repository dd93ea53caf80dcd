"""Storing objects, one or many, each with an outcome of its own.

An object goes out with the index that it was read with, so that nothing newer is written over. Where an answer got lost, a
look at what is stored now tells what became of the write: each sealing is unlike any other, so what is there either is
what was sent, or is not.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#3-objects
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Never

from ..codecs.sealed import Opened, StoredObject, edited, seal_object
from ..errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NaiError,
    NotFoundError,
    RemoteProtocolError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    TransportError,
)
from ..exchange.actions import Emit, Sleep, Steps, compute, get_context
from ..exchange.flow import flow
from ..exchange.retry import may_have_acted
from ..objects import create_object, get_object, list_objects, update_object

__all__ = ["Change", "Outcome", "Saved", "Written", "ends_all", "save_objects", "store", "write_object"]

_TRIES: Final = 3
_PAUSE: Final = Sleep(0.25, 1.0)


class Outcome(enum.Enum):
    """What became of an object that was to be stored."""

    UNCHANGED = "unchanged"
    "it holds that already; nothing was sent"
    CREATED = "created"
    UPDATED = "updated"
    CONFLICT = "changed by others"
    "since it was read; it stays as they left it"
    GONE = "gone"
    "it is not there any more; nothing was stored"
    REFUSED = "refused"
    "by the service, or by this library: nothing was stored, and the error says why"
    UNKNOWN = "unknown"
    "no answer came, and it could not be found out what became of it"
    NOT_TRIED = "not tried"
    "since one before failed for a reason that holds for all"

    @property
    def ok(self) -> bool:
        """Is it stored as it was to be?"""
        return self in (Outcome.UNCHANGED, Outcome.CREATED, Outcome.UPDATED)


@dataclass(frozen=True, slots=True)
class Change:
    """What an object is to hold."""

    item: Opened
    "As it was read; or from `nai_proto.codecs.sealed.new_object`, to create it."
    content: Mapping[str, object] | None = field(default=None, repr=False)
    "None for what the item holds."


@dataclass(frozen=True, slots=True)
class Written:
    """How one write went."""

    outcome: Outcome
    stored: StoredObject
    "What the service has, as far as it is known: theirs in a conflict, what was given if nothing is known."
    error: NaiError | None = None
    "Why it was not stored."


@dataclass(frozen=True, slots=True)
class Saved:
    """How storing one object went."""

    item: Opened
    "As it is stored now, to go on with; if it was not stored, as it was given."
    outcome: Outcome
    error: NaiError | None = None
    "Why it was not stored."
    theirs: StoredObject | None = None
    "After a conflict: what is stored instead."


@flow
def save_objects(changes: Sequence[Change], keystore: Mapping[str, bytes]) -> Steps[Saved, tuple[Saved, ...]]:
    """Store objects, one after the other. One that fails does not stop the rest: each has an event.

    What holds its content already is not written. What did not open is sent only to be created anew, sealed as it is.
    A new object's key has to be in the account's keystore before (`save_keys`), or nobody could ever open it.

    Args:
        changes: what is to be stored, in this order.
        keystore: the account's, as it is now.
    """
    saved: list[Saved] = []
    stopped: Saved | None = None
    for change in changes:
        if stopped is None:
            one = yield from _save(change, keystore)
            stopped = one if ends_all(one) else None
        else:
            one = Saved(change.item, Outcome.NOT_TRIED, stopped.error)
        saved.append(one)
        yield Emit([one])
    return tuple(saved)


def _save(change: Change, keystore: Mapping[str, bytes]) -> Steps[Never, Saved]:
    item = change.item
    try:
        wanted = item if change.content is None else edited(item, change.content)
    except InvalidRequestError as error:
        return Saved(item, Outcome.REFUSED, error)
    if item.stored.id and wanted.plaintext == item.plaintext:
        return Saved(item, Outcome.UNCHANGED)
    saved = yield from store(wanted, keystore)
    return saved if saved.outcome.ok else replace(saved, item=item)


@flow
def store(item: Opened, keystore: Mapping[str, bytes]) -> Steps[Never, Saved]:
    """Seal what the item holds, and write it in the place of what it was read from, whatever that holds."""
    entropy = (yield from get_context()).entropy
    try:
        data = yield from compute(partial(seal_object, item, keystore, None, entropy))
        written = yield from write_object(item.stored, data)
    except InvalidRequestError as error:
        return Saved(item, Outcome.REFUSED, error)
    if written.outcome.ok:
        return Saved(replace(item, stored=written.stored), written.outcome)
    theirs = written.stored if written.outcome is Outcome.CONFLICT else None
    return Saved(item, written.outcome, written.error, theirs)


def ends_all(saved: Saved) -> bool:
    """Did it fail for a reason that holds for whatever comes next, too?"""
    return isinstance(saved.error, AuthenticationError | TransportError)


@flow
def write_object(stored: StoredObject, data: str) -> Steps[Never, Written]:
    """Store sealed data in the place of an object's; for one that has no id, as a new object of its type and meta.

    Args:
        stored: as it was read.
        data: sealed; sent as it is.

    Raises (when run):
        InvalidRequestError: it cannot be sent.
    """
    try:
        return (yield from (_update if stored.id else _create)(stored, data))
    except NotFoundError as error:
        return Written(Outcome.GONE if stored.id else Outcome.REFUSED, stored, error)
    except (StatusError, RemoteProtocolError, TransportError) as error:
        return Written(Outcome.REFUSED, stored, error)


def _create(stored: StoredObject, data: str) -> Steps[Never, Written]:
    """Sent once: there could be two of it in the end."""
    try:
        now = yield from create_object(stored.type, stored.meta or "", data)
    except (ServerError, RequestTimeoutError, RemoteProtocolError, TransportError) as error:
        if not may_have_acted(error):
            raise
        failure: NaiError = error
    else:
        if now.data == data and now.id:
            return Written(Outcome.CREATED, now)
        failure = _not_it()
    found = next((item for item in (yield from _listed(stored.type)) if item.data == data), None)
    return Written(Outcome.UNKNOWN, stored, failure) if found is None else Written(Outcome.CREATED, found)


def _update(stored: StoredObject, data: str) -> Steps[Never, Written]:
    """Sent again where a look shows that nothing was stored: with the index, no write can arrive twice."""
    failure: NaiError | None = None
    for _ in range(_TRIES):
        if stored.changeIndex is None:
            # Compare before, since the service cannot:
            # docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
            present = yield from get_object(stored.type, stored.id)
            if present.data != stored.data:
                return Written(Outcome.CONFLICT, present, _changed_meanwhile(stored))
        try:
            now = yield from update_object(stored, data)
        except (ConflictError, ServerError, RequestTimeoutError, RemoteProtocolError, TransportError) as error:
            if not (isinstance(error, ConflictError) or may_have_acted(error)):
                raise
            failure = error
        else:
            if now.data == data and now.id == stored.id:
                return Written(Outcome.UPDATED, now)
            failure = _not_it()
        try:
            present = yield from get_object(stored.type, stored.id)
        except NotFoundError:
            raise
        except (StatusError, RemoteProtocolError, TransportError):
            return Written(Outcome.UNKNOWN, stored, failure)
        if present.data == data:
            return Written(Outcome.UPDATED, present)
        if present.data != stored.data:
            conflict = failure if isinstance(failure, ConflictError) else _changed_meanwhile(stored)
            return Written(Outcome.CONFLICT, present, conflict)
        stored = present
        yield _PAUSE
    return Written(Outcome.REFUSED, stored, failure)


def _listed(type: str) -> Steps[Never, tuple[StoredObject, ...]]:  # noqa: A002
    try:
        return (yield from list_objects(type))
    except (StatusError, RemoteProtocolError, TransportError):
        return ()


def _changed_meanwhile(stored: StoredObject) -> ConflictError:
    return ConflictError(409, f"another program changed {stored.type} {stored.id} since it was read: read it again")


def _not_it() -> RemoteProtocolError:
    return RemoteProtocolError("the answer to a stored object was expected to be that object")
