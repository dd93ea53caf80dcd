"""Save objects, one or many, each with its own outcome.

An object is sent with the change index that it was read with, so that nothing newer is overwritten. After a lost response,
the object is read back to find out whether it was written: sealing the same content twice gives different data, so the
stored data shows which write it came from.

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

from ..codecs.sealed_objects import OpenedObject, StoredObject, replace_content, seal_object
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

__all__ = [
    "ObjectChange",
    "SaveOutcome",
    "SavedObject",
    "WriteResult",
    "check_saved",
    "is_fatal",
    "save_object",
    "save_objects",
    "seal_and_write",
    "write_object",
]

_MAX_TRIES: Final = 3
_PAUSE: Final = Sleep(0.25, 1.0)


class SaveOutcome(enum.Enum):
    """The outcome of saving an object."""

    UNCHANGED = "unchanged"
    "It has this content already; nothing was sent."
    CREATED = "created"
    UPDATED = "updated"
    CONFLICT = "changed by others"
    "Another program changed it since it was read; it was not overwritten."
    GONE = "gone"
    "It was deleted; nothing was stored."
    REFUSED = "refused"
    "The service or this library refused it; nothing was stored. The error says why."
    UNKNOWN = "unknown"
    "There was no response, and reading it back failed too: it may have been stored."
    NOT_TRIED = "not tried"
    "An object before it failed for a reason that holds for all."

    @property
    def ok(self) -> bool:
        """Return whether the account now stores the wanted content."""
        return self in (SaveOutcome.UNCHANGED, SaveOutcome.CREATED, SaveOutcome.UPDATED)


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object and its new content."""

    item: OpenedObject
    "The object as it was read; or one from `nai_proto.codecs.sealed_objects.new_object`, to create it."
    content: Mapping[str, object] | None = field(default=None, repr=False)
    "The new content as JSON; None for the item's own content."


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of writing one sealed object."""

    outcome: SaveOutcome
    stored: StoredObject
    "The object as the service stores it: after a conflict the other program's; if unknown, as it was passed."
    error: NaiError | None = None
    "Why it was not stored."


@dataclass(frozen=True, slots=True)
class SavedObject:
    """The result of saving one object."""

    item: OpenedObject
    "As it is stored now, for further changes; if it was not stored, as it was passed."
    outcome: SaveOutcome
    error: NaiError | None = None
    "Why it was not stored."
    theirs: StoredObject | None = None
    "After a conflict: the object that another program stored."


@flow
def save_objects(
    changes: Sequence[ObjectChange], keystore: Mapping[str, bytes]
) -> Steps[SavedObject, tuple[SavedObject, ...]]:
    """Save objects, one after the other. One that fails does not stop the others; each has an event.

    An object that has its content already is not written. An object that did not open can only be created again, with its
    sealed data. Save the key of a new object in the account's keystore first (`save_keys`), or it could never be opened.

    Args:
        changes: the objects with their new contents, in the order in which they are written.
        keystore: the account's present keys, by meta.

    Returns:
        The results, in the same order.
    """
    saved: list[SavedObject] = []
    stopped: SavedObject | None = None
    for change in changes:
        if stopped is None:
            one = yield from _save(change, keystore)
            stopped = one if is_fatal(one) else None
        else:
            one = SavedObject(change.item, SaveOutcome.NOT_TRIED, stopped.error)
        saved.append(one)
        yield Emit([one])
    return tuple(saved)


def save_object(change: ObjectChange, keystore: Mapping[str, bytes]) -> Steps[SavedObject, OpenedObject]:
    """Save one object, and return it as it is stored; raise the error if it was not stored.

    Args:
        change, keystore: as for `save_objects`.
    """
    (saved,) = yield from save_objects([change], keystore)
    check_saved(saved)
    return saved.item


def check_saved(saved: SavedObject) -> None:
    """Raise the error of an object that was not stored."""
    if not saved.outcome.ok:
        assert saved.error is not None
        raise saved.error


def _save(change: ObjectChange, keystore: Mapping[str, bytes]) -> Steps[Never, SavedObject]:
    item = change.item
    try:
        wanted = item if change.content is None else replace_content(item, change.content)
    except InvalidRequestError as error:
        return SavedObject(item, SaveOutcome.REFUSED, error)
    if item.stored.id and wanted.plaintext == item.plaintext:
        return SavedObject(item, SaveOutcome.UNCHANGED)
    saved = yield from seal_and_write(wanted, keystore)
    return saved if saved.outcome.ok else replace(saved, item=item)


@flow
def seal_and_write(item: OpenedObject, keystore: Mapping[str, bytes]) -> Steps[Never, SavedObject]:
    """Seal the item's content, and write it, even if the stored object has the same content."""
    entropy = (yield from get_context()).entropy
    try:
        data = yield from compute(partial(seal_object, item, keystore, None, entropy))
        written = yield from write_object(item.stored, data)
    except InvalidRequestError as error:
        return SavedObject(item, SaveOutcome.REFUSED, error)
    if written.outcome.ok:
        return SavedObject(replace(item, stored=written.stored), written.outcome)
    theirs = written.stored if written.outcome is SaveOutcome.CONFLICT else None
    return SavedObject(item, written.outcome, written.error, theirs)


def is_fatal(saved: SavedObject) -> bool:
    """Return whether it failed for a reason that holds for all further objects too."""
    return isinstance(saved.error, AuthenticationError | TransportError)


@flow
def write_object(stored: StoredObject, data: str) -> Steps[Never, WriteResult]:
    """Replace the data of an object; if it has no id, create an object of its type and meta.

    Args:
        stored: the object as it was read.
        data: its new data, sealed.

    Raises (when run):
        InvalidRequestError: the object has no meta.
    """
    try:
        return (yield from (_update if stored.id else _create)(stored, data))
    except NotFoundError as error:
        return WriteResult(SaveOutcome.GONE if stored.id else SaveOutcome.REFUSED, stored, error)
    except (StatusError, RemoteProtocolError, TransportError) as error:
        return WriteResult(SaveOutcome.REFUSED, stored, error)


def _create(stored: StoredObject, data: str) -> Steps[Never, WriteResult]:
    """Create an object. The request is sent once: a second one could create it twice."""
    try:
        now = yield from create_object(stored.type, stored.meta or "", data)
    except (ServerError, RequestTimeoutError, RemoteProtocolError, TransportError) as error:
        if not may_have_acted(error):
            raise
        failure: NaiError = error
    else:
        if now.data == data and now.id:
            return WriteResult(SaveOutcome.CREATED, now)
        failure = _mismatch_error()
    created = next((item for item in (yield from _list_or_nothing(stored.type)) if item.data == data), None)
    if created is None:
        return WriteResult(SaveOutcome.UNKNOWN, stored, failure)
    return WriteResult(SaveOutcome.CREATED, created)


def _update(stored: StoredObject, data: str) -> Steps[Never, WriteResult]:
    """Update an object. The request is repeated if reading back shows that nothing was stored; with the change index, no
    write can be applied twice."""
    failure: NaiError | None = None
    for _ in range(_MAX_TRIES):
        if stored.changeIndex is None:
            # Without a change index the service cannot notice a conflict, so compare first:
            # docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
            present = yield from get_object(stored.type, stored.id)
            if present.data != stored.data:
                return WriteResult(SaveOutcome.CONFLICT, present, _conflict_error(stored))
        try:
            now = yield from update_object(stored, data)
        except (ConflictError, ServerError, RequestTimeoutError, RemoteProtocolError, TransportError) as error:
            if not (isinstance(error, ConflictError) or may_have_acted(error)):
                raise
            failure = error
        else:
            if now.data == data and now.id == stored.id:
                return WriteResult(SaveOutcome.UPDATED, now)
            failure = _mismatch_error()
        try:
            present = yield from get_object(stored.type, stored.id)
        except NotFoundError:
            raise
        except (StatusError, RemoteProtocolError, TransportError):
            return WriteResult(SaveOutcome.UNKNOWN, stored, failure)
        if present.data == data:
            return WriteResult(SaveOutcome.UPDATED, present)
        if present.data != stored.data:
            return WriteResult(SaveOutcome.CONFLICT, present, _conflict_error(stored))
        stored = present
        yield _PAUSE
    return WriteResult(SaveOutcome.REFUSED, stored, failure)


def _list_or_nothing(type: str) -> Steps[Never, tuple[StoredObject, ...]]:  # noqa: A002
    try:
        return (yield from list_objects(type))
    except (StatusError, RemoteProtocolError, TransportError):
        return ()


def _conflict_error(stored: StoredObject) -> ConflictError:
    return ConflictError(
        409, f"{stored.type} {stored.id} was changed since it was read, so it was not overwritten: read it again"
    )


def _mismatch_error() -> RemoteProtocolError:
    return RemoteProtocolError("the response to a stored object should be that object")
