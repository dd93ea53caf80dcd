"""Carry out a plan that restores objects of a backup into an account.

Carrying it out saves keys first, then contents, then the cards that link to them. It never replaces an object that opens
with one that does not. The service gives a new id to each object that is created, so links between objects are updated.
After an interruption, make a new plan: it finds what is done.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Never

import msgspec

from ..codecs.sealed_objects import OpenedObject, StoredObject, replace_content
from ..codecs.secret_box import KEY_SIZE, draw_bytes
from ..exchange.actions import Emit, Steps, get_context
from ..exchange.flow import flow
from ..secret import EncryptionKey
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import SavedObject, SaveOutcome, is_fatal, seal_and_write

__all__ = [
    "CARDS",
    "CONTENTS",
    "CONTENT_ID_FIELD",
    "OWN_ID_FIELD",
    "RestoreAction",
    "RestoreStep",
    "RestoredObject",
    "content_id_of",
    "has_own_id",
    "link_keys",
    "restore",
    "sort_steps",
]

CARDS: Final = "stories"
CONTENTS: Final = "storycontent"
OWN_ID_FIELD: Final = "remoteId"
"""The field of an object's JSON with the id that the service gave it."""
CONTENT_ID_FIELD: Final = "remoteStoryId"
"""The field of a card with the id of its content."""


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
    "It cannot be restored."

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


def sort_steps(steps: Iterable[RestoreStep]) -> tuple[RestoreStep, ...]:
    """Return steps in the order in which they are carried out: contents, other objects, cards, which link to contents."""
    return tuple(sorted(steps, key=lambda step: {CONTENTS: 0, CARDS: 2}.get(step.type, 1)))


@flow
def restore(
    steps: Sequence[RestoreStep], key: EncryptionKey
) -> Steps[KeystoreReplacement | RestoredObject, tuple[RestoredObject, ...]]:
    """Carry out a plan; see `Library.restore`.

    Args:
        steps: the plan.
        key: the account's encryption key.
    """
    entropy = (yield from get_context()).entropy
    planned = [*steps]
    metas_without_key = dict.fromkeys(step.item.stored.meta or "" for step in planned if step.new_key)
    keys = (yield from save_keys({}, key)).keystore
    new_keys = {meta: draw_bytes(entropy, KEY_SIZE) for meta in metas_without_key if meta not in keys}
    if new_keys:
        keys = (yield from save_keys(new_keys, key)).keystore
    restored: list[RestoredObject] = []
    new_ids: dict[str, str] = {}
    stopped: SavedObject | None = None
    for step in planned:
        if stopped is None:
            saved = yield from _carry_out(step, keys, new_ids)
            stopped = saved if is_fatal(saved) else None
        else:
            saved = SavedObject(step.item, SaveOutcome.NOT_TRIED, stopped.error)
        if saved.outcome is SaveOutcome.CREATED and step.type == CONTENTS:
            new_ids.update(dict.fromkeys(link_keys(step.item), saved.item.stored.id))
        restored.append(RestoredObject(step, saved))
        yield Emit([restored[-1]])
    return tuple(restored)


def _carry_out(step: RestoreStep, keys: Mapping[str, bytes], new_ids: Mapping[str, str]) -> Steps[Never, SavedObject]:
    item, present = step.item, step.present
    match step.action:
        case RestoreAction.CREATE_SEALED:
            return (yield from seal_and_write(replace(item, stored=_as_new(item, item.stored.data)), keys))
        case RestoreAction.CREATE:
            saved = yield from seal_and_write(_with_links(replace(item, stored=_as_new(item)), step, new_ids), keys)
            with_own_id = _with_links(saved.item, step, new_ids) if saved.outcome.ok else saved.item
            if with_own_id.plaintext == saved.item.plaintext:
                return saved
            updated = yield from seal_and_write(with_own_id, keys)
            return replace(updated, outcome=SaveOutcome.CREATED) if updated.outcome.ok else updated
        case RestoreAction.UPDATE if present is not None:
            stored = msgspec.structs.replace(present.stored, meta=item.stored.meta)
            return (yield from seal_and_write(_with_links(replace(item, stored=stored), step, new_ids), keys))
        case RestoreAction.RELINK:
            linked = _with_links(item, step, new_ids)
            if linked.plaintext != item.plaintext:
                return (yield from seal_and_write(linked, keys))
        case _:
            pass
    return SavedObject(present or item, SaveOutcome.UNCHANGED)


def _as_new(item: OpenedObject, data: str | None = None) -> StoredObject:
    return StoredObject(type=item.stored.type, meta=item.stored.meta or "", data=data)


def _with_links(item: OpenedObject, step: RestoreStep, new_ids: Mapping[str, str]) -> OpenedObject:
    """Return the item with the ids that the service assigned to it and to the content that it links to."""
    content = item.json()
    if step.has_own_id and item.stored.id:
        content[OWN_ID_FIELD] = item.stored.id
    if step.type == CARDS and (linked := content_id_of(item)):
        content[CONTENT_ID_FIELD] = (
            step.content_id or new_ids.get(linked) or new_ids.get(item.stored.meta or "") or linked
        )
    return replace_content(item, content)


def link_keys(item: OpenedObject) -> tuple[str, ...]:
    """Return what a card may link to a content by: its id and its meta."""
    return tuple(key for key in (item.stored.id, item.stored.meta) if key)


def content_id_of(card: OpenedObject) -> str:
    """Return the id of the content that a card links to; empty if there is none."""
    content_id = card.json().get(CONTENT_ID_FIELD)
    return content_id if isinstance(content_id, str) else ""


def has_own_id(item: OpenedObject) -> bool:
    """Return whether an object's JSON holds the id that the service gave it."""
    return item.ok and item.json().get(OWN_ID_FIELD) == item.stored.id
