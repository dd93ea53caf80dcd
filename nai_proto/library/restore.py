"""Carry out a plan that restores objects of a backup into an account.

Carrying it out saves keys first, then contents, then the cards that link to them. It never replaces an object that opens
with one that does not. The service gives a new id to each object that is created, so links between objects are updated.
After an interruption, make a new plan: it finds what is done.

The account may have changed since the plan was made: another restore may have created the same objects. So the objects of a
type are listed once more right before the first of them is created, and those that are there are not created again. What
remains is a race of two restores that run at the same time: while one creates objects of a type, the other may have listed
that type already. The service has no request that creates an object only if it is missing. Where both need new keys, the
keystore's change index lets only one of them begin.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

import enum
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Never

import msgspec

from ..arguments import list_items
from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject, StoredObject, open_object, replace_content
from ..codecs.secret_box import KEY_SIZE, draw_bytes
from ..errors import (
    ConflictError,
    InvalidRequestError,
    NaiError,
    NotFoundError,
    RemoteProtocolError,
    StatusError,
    TransportError,
)
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow, perform_for_events
from ..limits import Limits
from ..objects import get_object, stream_objects
from ..secret import EncryptionKey
from .object_identity import (
    CARDS,
    CONTENT_ID_FIELD,
    CONTENTS,
    OWN_ID_FIELD,
    Identity,
    content_id_of,
    has_same_content,
    identify,
    link_keys,
)
from .opened_story import drop_content
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import SavedObject, SaveOutcome, is_fatal, seal_and_write

__all__ = ["RestoreAction", "RestoreStep", "RestoredObject", "leave_out_copy", "list_objects", "restore", "sort_steps"]


class RestoreAction(enum.Enum):
    """What a plan does with one object."""

    NOTHING = "nothing to do"
    UPDATE = "update"
    "The account has it with another content."
    CREATE = "create"
    "The account does not have it."
    CREATE_SEALED = "create, sealed"
    "The account does not have it. The backup could not open it, so its sealed data is restored."
    RELINK = "relink"
    "The account has it, but an id in it names an object that is missing."
    KEEP = "keep what is there"
    "The backup has no better version."
    LEAVE_OUT = "leave out"
    "It cannot be restored, or another copy of it is."

    @property
    def is_write(self) -> bool:
        """Return whether this action stores something."""
        return self not in (RestoreAction.NOTHING, RestoreAction.KEEP, RestoreAction.LEAVE_OUT)


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """One object of a plan, and what is done with it."""

    action: RestoreAction
    item: OpenedObject
    "The backup's object; to relink, the account's."
    present: OpenedObject | None
    "The account's present object."
    why: str
    "The reason, for people; it quotes no content."
    new_key: bool = False
    "Whether the account's keystore has no key for it yet."
    content_id: str = ""
    "For a card: the id of its content, if the account has it."
    has_own_id: bool = False
    "Whether its JSON holds its own id."

    @property
    def type(self) -> str:
        """Return the object's type."""
        return self.item.stored.type


@dataclass(frozen=True, slots=True)
class RestoredObject:
    """A step of a plan, and its result."""

    step: RestoreStep
    saved: SavedObject


def list_objects(items: Iterable[OpenedObject]) -> list[OpenedObject]:
    """Return the objects of a plan.

    Raises:
        InvalidRequestError: two have the same type and id.
    """
    listed = list_items(items, OpenedObject, "items", "the objects of a backup")
    if len({(item.stored.type, item.stored.id) for item in listed}) < len(listed):
        raise InvalidRequestError("two items are the same object: choose one version of it", parameter="items")
    return listed


def sort_steps(steps: Iterable[RestoreStep]) -> tuple[RestoreStep, ...]:
    """Return steps in the order in which they are carried out: contents, other objects, cards, which link to contents."""
    return tuple(sorted(steps, key=lambda step: {CONTENTS: 0, CARDS: 2}.get(step.type, 1)))


def leave_out_copy(item: OpenedObject, copy: OpenedObject) -> RestoreStep:
    """Return the step for an object of which the backup has another copy, which stands for both."""
    same = has_same_content(item, copy)
    action = RestoreAction.NOTHING if same else RestoreAction.LEAVE_OUT
    return RestoreStep(
        action, item, None, f"the backup has {'it' if same else 'another version of it'} as {copy.stored.id}"
    )


@flow
def restore(
    steps: Sequence[RestoreStep], key: EncryptionKey
) -> Steps[KeystoreReplacement | RestoredObject, tuple[RestoredObject, ...]]:
    """Carry out a plan; see `Library.restore`.

    Args:
        steps: the plan.
        key: the account's encryption key.
    """
    context = yield from get_context()
    planned = [*steps]
    metas_without_key = dict.fromkeys(step.item.stored.meta or "" for step in planned if step.new_key)
    keys = (yield from save_keys({}, key)).keystore
    new_keys = {meta: draw_bytes(context.entropy, KEY_SIZE) for meta in metas_without_key if meta not in keys}
    if new_keys:
        keys = (yield from save_keys(new_keys, key)).keystore
    execution = _Execution(keys, context.limits)
    restored: list[RestoredObject] = []
    stopped: SavedObject | None = None
    for step in planned:
        if stopped is None:
            saved = yield from execution.carry_out(step)
            stopped = saved if is_fatal(saved) else None
        else:
            saved = SavedObject(step.item, SaveOutcome.NOT_TRIED, stopped.error)
        yield Emit([RestoredObject(step, saved)])
        if not isinstance(step.item.source, bytes):  # nor does the result have the content in memory
            saved = replace(saved, item=drop_content(step.type, saved.item))
        restored.append(RestoredObject(step, saved))
    return tuple(restored)


class _Execution:
    """A plan that is carried out: what its next step needs to know of those before it."""

    def __init__(self, keys: Mapping[str, bytes], limits: Limits) -> None:
        self._keys = keys
        self._limits = limits
        self._new_ids: dict[str, str] = {}
        "The ids of the contents that this plan was to create, by what cards link to them by."
        self._listings: dict[str, _Listing | NaiError] = {}

    def carry_out(self, step: RestoreStep) -> Steps[Never, SavedObject]:
        """Carry out one step."""
        item, present = step.item, step.present
        match step.action:
            case RestoreAction.CREATE | RestoreAction.CREATE_SEALED:
                saved = yield from self._create_if_missing(step)
                if saved.outcome.ok and step.type == CONTENTS:
                    self._new_ids.update(dict.fromkeys(link_keys(item), saved.item.stored.id))
                return saved
            case RestoreAction.UPDATE if present is not None:
                stored = msgspec.structs.replace(present.whole().stored, meta=item.stored.meta)
                updated = self._with_links(replace(item, stored=stored), step)
                return (yield from seal_and_write(updated, self._keys))
            case RestoreAction.RELINK:
                return (yield from self._relink(item.whole(), step))
            case _:
                return SavedObject(present or item, SaveOutcome.UNCHANGED)

    def _create_if_missing(self, step: RestoreStep) -> Steps[Never, SavedObject]:
        listing = self._listings.get(step.type)
        if listing is None:
            listing = self._listings[step.type] = yield from self._list(step.type)
        if isinstance(listing, NaiError):
            return SavedObject(step.item, SaveOutcome.REFUSED, listing)
        stored = yield from listing.take(step.item)
        if stored is None:
            return (yield from self._create(step))
        present = open_object(stored, self._keys, self._limits)
        if present.ok and step.item.ok:
            return (yield from self._relink(present, step))
        if present.ok or present.stored.data == step.item.whole().stored.data:
            return SavedObject(present, SaveOutcome.UNCHANGED)
        return SavedObject(step.item, SaveOutcome.CONFLICT, _created_error(present.stored), present.stored)

    def _list(self, type: str) -> Steps[Never, _Listing | NaiError]:  # noqa: A002
        listing = _Listing(self._keys, self._limits)
        try:
            yield from perform_for_events(stream_objects(type), listing.add)
        except (StatusError, RemoteProtocolError, TransportError) as error:
            return error
        return listing

    def _create(self, step: RestoreStep) -> Steps[Never, SavedObject]:
        item = step.item
        if step.action is RestoreAction.CREATE_SEALED:
            return (
                yield from seal_and_write(replace(item, stored=_as_new(item, item.whole().stored.data)), self._keys)
            )
        new = self._with_links(replace(item, stored=_as_new(item)), step)
        created = yield from seal_and_write(new, self._keys)
        if not created.outcome.ok:
            return created
        linked = yield from self._relink(created.item, step)
        return replace(linked, outcome=SaveOutcome.CREATED) if linked.outcome.ok else linked

    def _relink(self, item: OpenedObject, step: RestoreStep) -> Steps[Never, SavedObject]:
        """Write an object of the account with the right ids in it, if it has others."""
        linked = self._with_links(item, step)
        if linked.plaintext == item.plaintext:
            return SavedObject(item, SaveOutcome.UNCHANGED)
        return (yield from seal_and_write(linked, self._keys))

    def _with_links(self, item: OpenedObject, step: RestoreStep) -> OpenedObject:
        """Return the item with the ids that the service assigned to it and to the content that it links to."""
        content = item.json()
        if step.has_own_id and item.stored.id:
            content[OWN_ID_FIELD] = item.stored.id
        if step.type == CARDS and (linked := content_id_of(item)):
            new_id = self._new_ids.get(linked) or self._new_ids.get(item.stored.meta or "")
            content[CONTENT_ID_FIELD] = step.content_id or new_id or linked
        try:
            return replace_content(item, content)
        except InvalidRequestError:  # a number larger than any float can be read, but not written
            return item


class _Listing:
    """What identifies the account's objects of one type, as they are right before the first of them is created."""

    def __init__(self, keys: Mapping[str, bytes], limits: Limits) -> None:
        self._keys = keys
        self._limits = limits
        self._left: defaultdict[Identity, deque[StoredObject]] = defaultdict(deque)
        "Without their data, if they can be read again by their ids."

    def add(self, listed: Sequence[StoredObject]) -> Steps[Never, None]:
        """Take objects that have come."""
        identities = yield from compute(lambda: [self._identify(stored) for stored in listed])
        for identity, stored in zip(identities, listed, strict=True):
            self._left[identity].append(msgspec.structs.replace(stored, data=None) if stored.id else stored)

    def take(self, item: OpenedObject) -> Steps[Never, StoredObject | None]:
        """Return the object that is this one, if there is one; each stands for one object of the plan only."""
        left = self._left[identify(item)]
        while left:
            stored = left.popleft()
            try:
                return (yield from get_object(item.stored.type, stored.id)) if stored.id else stored
            except NotFoundError:  # it was deleted a moment ago
                continue
        return None

    def _identify(self, stored: StoredObject) -> Identity:
        if stored.meta and stored.type not in PLAIN_TYPES:  # it need not be opened
            return stored.meta
        return identify(open_object(stored, self._keys, self._limits))


def _created_error(stored: StoredObject) -> ConflictError:
    return ConflictError(
        409, f"{stored.type} {stored.id} was created since the plan was made, and does not open: make a new plan"
    )


def _as_new(item: OpenedObject, data: str | None = None) -> StoredObject:
    return StoredObject(type=item.stored.type, meta=item.stored.meta or "", data=data)
