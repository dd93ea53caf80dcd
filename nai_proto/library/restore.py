"""Restore objects of a backup into an account: make a plan that people can read, then carry it out.

A plan compares the backup with what the account stores now. Carrying it out saves keys first, then contents, then the cards
that link to them. It never replaces an object that opens with one that does not. The service gives a new id to an object
that it has lost, so links between objects are updated. After an interruption, make a new plan: it finds what is done.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Never

import msgspec

from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject, StoredObject, replace_content
from ..codecs.secret_box import KEY_SIZE, draw_bytes, write_json
from ..errors import InvalidRequestError
from ..exchange.actions import Emit, Steps, get_context
from ..exchange.flow import flow
from ..secret import EncryptionKey
from .contents import Library
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import SavedObject, SaveOutcome, is_fatal, seal_and_write

__all__ = ["RestoreAction", "RestoreStep", "RestoredObject", "plan_restore", "restore"]

_CARDS: Final = "stories"
_CONTENTS: Final = "storycontent"
_OWN_ID_FIELD: Final = "remoteId"
_CONTENT_ID_FIELD: Final = "remoteStoryId"


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

    @property
    def is_write(self) -> bool:
        """Return whether this action stores something."""
        return self not in (RestoreAction.NOTHING, RestoreAction.KEEP)


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


def plan_restore(library: Library, items: Iterable[OpenedObject]) -> tuple[RestoreStep, ...]:
    """Return a plan after which the account has these objects again. This sends no request.

    The account's objects are found by their id; those that an earlier restore created, by their meta or their content.

    Args:
        library: the account's present library, with all types.
        items: the backup's objects, one version of each.

    Returns:
        The steps in the order in which they are carried out: contents, other objects, cards.

    Raises:
        InvalidRequestError: two items have the same type and id.
    """
    chosen = [*items]
    ids = [(item.stored.type, item.stored.id) for item in chosen]
    if len({*ids}) < len(ids):
        raise InvalidRequestError("two items are the same object: choose one version of it")
    account = _AccountIndex(library, chosen)
    steps = [account.plan_step(item) for item in chosen]
    touched = {step.present.stored.id for step in steps if step.present is not None}
    steps += [
        account.plan_relink(card, card) for card in account.misdirected_cards(chosen) if card.stored.id not in touched
    ]
    return tuple(sorted(steps, key=lambda step: _ORDER.get(step.type, 1)))


_ORDER: Final = {_CONTENTS: 0, _CARDS: 2}


class _AccountIndex:
    """The account's present objects, by everything that identifies an object."""

    def __init__(self, library: Library, chosen: Iterable[OpenedObject]) -> None:
        self._keystore = library.keystore
        self._listed = {_CARDS, _CONTENTS, *library.others}
        self._cards = [story.card for story in library.stories if story.card.ok]
        self._by_id: dict[tuple[str, str], OpenedObject] = {}
        self._by_meta: dict[tuple[str, str], OpenedObject] = {}
        self._by_content: dict[tuple[str, bytes], OpenedObject] = {}
        for item in library.items:
            type_, meta = item.stored.type, item.stored.meta
            self._by_id.setdefault((type_, item.stored.id), item)
            if meta:
                self._by_meta.setdefault((type_, meta), item)
            if item.ok and type_ in PLAIN_TYPES:
                self._by_content.setdefault((type_, _json_without_ids(item)), item)
        contents = [item for item in chosen if item.stored.type == _CONTENTS]
        self._to_create = {key for item in contents if self._find(item) is None for key in _link_keys(item)}

    def misdirected_cards(self, chosen: Iterable[OpenedObject]) -> list[OpenedObject]:
        """Return the cards that link to one of the chosen contents by an id that is no longer valid."""
        keys = {key for item in chosen if item.stored.type == _CONTENTS for key in _link_keys(item)}
        return [
            card for card in self._cards if self._is_misdirected(card) and {_content_id(card), card.stored.meta} & keys
        ]

    def plan_step(self, item: OpenedObject) -> RestoreStep:
        """Return the step for an object of the backup."""
        present, type_ = self._find(item), item.stored.type
        if type_ not in self._listed:
            why = f"the account's objects of type {type_} could not be listed"
            return RestoreStep(RestoreAction.KEEP, item, None, why)
        if present is None:
            return self._create(item)
        # The same sealed data that opens only in the backup: the account has lost its key.
        same_data = present.stored.data == item.stored.data and (present.ok or not item.ok)
        if same_data or (present.ok and item.ok and _json_without_ids(present) == _json_without_ids(item)):
            return self.plan_relink(item, present)
        if not item.ok:
            return RestoreStep(RestoreAction.KEEP, item, present, f"the backup's copy does not open ({item.category})")
        why = "the account has another version" if present.ok else "the account's copy does not open"
        return self._write(RestoreAction.UPDATE, item, present, why)

    def plan_relink(self, item: OpenedObject, present: OpenedObject) -> RestoreStep:
        """Return the step for an object that differs from the account's at most in the ids in it."""
        wrong_own_id = present.ok and _has_own_id(item) and present.json().get(_OWN_ID_FIELD) != present.stored.id
        if not wrong_own_id and not (present.ok and self._is_misdirected(present)):
            return RestoreStep(RestoreAction.NOTHING, item, present, "the account has the same version")
        why = "an id in it names an object that is missing"
        return RestoreStep(
            RestoreAction.RELINK, present, present, why, False, self._find_content_id(present), _has_own_id(item)
        )

    def _find(self, item: OpenedObject) -> OpenedObject | None:
        type_, meta = item.stored.type, item.stored.meta
        present = self._by_id.get((type_, item.stored.id)) or self._by_meta.get((type_, meta or ""))
        if present is None and item.ok and type_ in PLAIN_TYPES:
            present = self._by_content.get((type_, _json_without_ids(item)))
        return present

    def _create(self, item: OpenedObject) -> RestoreStep:
        if item.ok:
            return self._write(RestoreAction.CREATE, item, None, "the account does not have it")
        if item.stored.data is None:
            return RestoreStep(RestoreAction.KEEP, item, None, "the backup has no data of it")
        why = f"the account does not have it; the backup's copy does not open ({item.category})"
        return RestoreStep(RestoreAction.CREATE_SEALED, item, None, why)

    def _write(self, action: RestoreAction, item: OpenedObject, present: OpenedObject | None, why: str) -> RestoreStep:
        meta = item.stored.meta or ""
        new_key = item.stored.type not in PLAIN_TYPES and meta not in self._keystore
        if item.stored.type not in PLAIN_TYPES and len(self._keystore.get(meta, bytes(KEY_SIZE))) != KEY_SIZE:
            return RestoreStep(RestoreAction.KEEP, item, present, "the account's key for it is unusable")
        why = f"{why}, nor a key for it" if new_key else why
        return RestoreStep(action, item, present, why, new_key, self._find_content_id(item), _has_own_id(item))

    def _is_misdirected(self, card: OpenedObject) -> bool:
        """Return whether a card links to a missing content, while another one of it exists or will be created."""
        content_id = _content_id(card)
        if card.stored.type != _CARDS or (_CONTENTS, content_id) in self._by_id:
            return False
        return bool(self._find_content_id(card)) or bool({content_id, card.stored.meta} & self._to_create)

    def _find_content_id(self, item: OpenedObject) -> str:
        """Return the id of a card's content, if the account has it."""
        if item.stored.type != _CARDS:
            return ""
        content = self._by_id.get((_CONTENTS, _content_id(item))) or self._by_meta.get(
            (_CONTENTS, item.stored.meta or "")
        )
        return "" if content is None else content.stored.id


def _link_keys(item: OpenedObject) -> tuple[str, ...]:
    """Return what a card may link to a content by: its id and its meta."""
    return tuple(key for key in (item.stored.id, item.stored.meta) if key)


def _content_id(card: OpenedObject) -> str:
    """Return the id of the content that a card links to; empty if there is none."""
    content_id = card.json().get(_CONTENT_ID_FIELD)
    return content_id if isinstance(content_id, str) else ""


def _has_own_id(item: OpenedObject) -> bool:
    return item.ok and item.json().get(_OWN_ID_FIELD) == item.stored.id


def _json_without_ids(item: OpenedObject) -> bytes:
    """Return the object's JSON without the ids that the service assigned."""
    try:
        return write_json(
            {name: value for name, value in item.json().items() if name not in (_OWN_ID_FIELD, _CONTENT_ID_FIELD)}
        )
    except InvalidRequestError:  # a number larger than any float can be read, but not written
        return item.plaintext


@flow
def restore(
    steps: Sequence[RestoreStep], key: EncryptionKey
) -> Steps[KeystoreReplacement | RestoredObject, tuple[RestoredObject, ...]]:
    """Carry out a plan. A step that fails does not stop the others. An object that was changed since the plan is kept.

    Args:
        steps: from `plan_restore`, in its order.
        key: the account's encryption key.

    Returns:
        The results, in the order of the steps.

    Raises (when run):
        NaiError: the keystore could not be read or written. Then no object was written.
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
        if saved.outcome is SaveOutcome.CREATED and step.type == _CONTENTS:
            new_ids.update(dict.fromkeys(_link_keys(step.item), saved.item.stored.id))
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
        content[_OWN_ID_FIELD] = item.stored.id
    if step.type == _CARDS and (linked := _content_id(item)):
        content[_CONTENT_ID_FIELD] = (
            step.content_id or new_ids.get(linked) or new_ids.get(item.stored.meta or "") or linked
        )
    return replace_content(item, content)
