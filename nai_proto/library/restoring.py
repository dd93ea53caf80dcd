"""Giving an account back what a backup has: first a plan that can be read, then the plan carried out.

A plan compares what was backed up with what is there now. Carrying it out writes keys first, contents before the cards
that lead to them, and never replaces something that opens by something that does not. The service gives new ids to what
it has lost, so links are set anew. A plan that was interrupted is made again: what it did is found to be there.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Never

import msgspec

from ..codecs.box import KEY_SIZE, draw, write_json
from ..codecs.sealed import PLAIN_TYPES, Opened, StoredObject, edited
from ..errors import InvalidRequestError
from ..exchange.actions import Emit, Steps, get_context
from ..exchange.flow import flow
from ..secret import EncryptionKey
from .keys import ReplacingKeystore, save_keys
from .values import Library
from .writing import Outcome, Saved, ends_all, store

__all__ = ["Action", "Restored", "Step", "plan_restore", "restore"]

_CARDS: Final = "stories"
_CONTENTS: Final = "storycontent"
_OWN_ID: Final = "remoteId"
_CONTENT_ID: Final = "remoteStoryId"


class Action(enum.Enum):
    """What is to be done about one object."""

    NOTHING = "nothing to do"
    UPDATE = "update"
    "it is there, with another content"
    CREATE = "create"
    "it is not there"
    CREATE_SEALED = "create, sealed"
    "it is not there; the backup could not open it either, so it goes back as it is"
    RELINK = "relink"
    "it is there, but an id in it names what is not there any more"
    KEEP = "keep what is there"
    "the backup has nothing better"

    @property
    def writes(self) -> bool:
        """Will something be stored?"""
        return self not in (Action.NOTHING, Action.KEEP)


@dataclass(frozen=True, slots=True)
class Step:
    """One object, and what is to be done about it."""

    action: Action
    item: Opened
    "From the backup; what is to be relinked is the account's."
    present: Opened | None
    "What the account has in its place."
    why: str
    "For people; quotes nothing."
    new_key: bool = False
    "Does the account's keystore have no key for it?"
    content_id: str = ""
    "Of the content that a card leads to, if the account has it."
    names_itself: bool = False
    "Does it hold its own id?"

    @property
    def type(self) -> str:
        """Of the object."""
        return self.item.stored.type


@dataclass(frozen=True, slots=True)
class Restored:
    """A step after it was taken."""

    step: Step
    saved: Saved


def plan_restore(library: Library, items: Iterable[Opened]) -> tuple[Step, ...]:
    """What has to be done so that the account has these objects again. Nothing is asked, nothing is written.

    Objects are found by their id; those that an earlier restoring made anew by their meta, or by what they hold.

    Args:
        library: what the account has now, all types of it.
        items: as they were backed up, each once.

    Returns:
        The steps in the order in which they are to be taken: contents, the rest, cards.

    Raises:
        InvalidRequestError: an object is among the items twice.
    """
    chosen = [*items]
    names = [(item.stored.type, item.stored.id) for item in chosen]
    if len({*names}) < len(names):
        raise InvalidRequestError("an object is among the items twice: choose one version of it")
    account = _Account(library, chosen)
    steps = [account.step(item) for item in chosen]
    touched = {step.present.stored.id for step in steps if step.present is not None}
    steps += [account.same(card, card) for card in account.led_to(chosen) if card.stored.id not in touched]
    return tuple(sorted(steps, key=lambda step: _ORDER.get(step.type, 1)))


_ORDER: Final = {_CONTENTS: 0, _CARDS: 2}


class _Account:
    """What is there now, by all that an object can be known by."""

    def __init__(self, library: Library, chosen: Iterable[Opened]) -> None:
        self._keystore = library.keystore
        self._listed = {_CARDS, _CONTENTS, *library.others}
        self._cards = [story.card for story in library.stories if story.card.ok]
        self._by_id: dict[tuple[str, str], Opened] = {}
        self._by_meta: dict[tuple[str, str], Opened] = {}
        self._by_content: dict[tuple[str, bytes], Opened] = {}
        for item in library.items:
            type_, meta = item.stored.type, item.stored.meta
            self._by_id.setdefault((type_, item.stored.id), item)
            if meta:
                self._by_meta.setdefault((type_, meta), item)
            if item.ok and type_ in PLAIN_TYPES:
                self._by_content.setdefault((type_, _unlinked(item)), item)
        contents = [item for item in chosen if item.stored.type == _CONTENTS]
        self._coming = {name for item in contents if self._find(item) is None for name in _names(item)}

    def led_to(self, chosen: Iterable[Opened]) -> list[Opened]:
        """Cards that lead to chosen contents, by a name that is not right any more."""
        names = {name for item in chosen if item.stored.type == _CONTENTS for name in _names(item)}
        return [card for card in self._cards if self._astray(card) and {_content_named(card), card.stored.meta} & names]

    def step(self, item: Opened) -> Step:
        """What is to be done about one."""
        present, type_ = self._find(item), item.stored.type
        if type_ not in self._listed:
            return Step(Action.KEEP, item, None, f"what the account has of {type_} could not be listed")
        if present is None:
            return self._create(item)
        same_bytes = present.stored.data == item.stored.data and (present.ok or not item.ok)  # or its key was lost
        if same_bytes or (present.ok and item.ok and _unlinked(present) == _unlinked(item)):
            return self.same(item, present)
        if not item.ok:
            return Step(Action.KEEP, item, present, f"the backup's copy does not open ({item.category})")
        return self._write(
            Action.UPDATE, item, present, "it holds something else" if present.ok else "it does not open"
        )

    def same(self, item: Opened, present: Opened) -> Step:
        """What is there holds the same, the ids in it aside."""
        named = present.ok and _names_itself(item) and present.json().get(_OWN_ID) != present.stored.id
        if not named and not (present.ok and self._astray(present)):
            return Step(Action.NOTHING, item, present, "it is there, and holds the same")
        why = "an id in it names what is not there any more"
        return Step(Action.RELINK, present, present, why, False, self._content_id(present), _names_itself(item))

    def _find(self, item: Opened) -> Opened | None:
        type_, meta = item.stored.type, item.stored.meta
        found = self._by_id.get((type_, item.stored.id)) or self._by_meta.get((type_, meta or ""))
        if found is None and item.ok and type_ in PLAIN_TYPES:
            found = self._by_content.get((type_, _unlinked(item)))
        return found

    def _create(self, item: Opened) -> Step:
        if item.ok:
            return self._write(Action.CREATE, item, None, "it is not there")
        if item.stored.data is None:
            return Step(Action.KEEP, item, None, "the backup has nothing of it")
        return Step(Action.CREATE_SEALED, item, None, f"it is not there; the copy does not open ({item.category})")

    def _write(self, action: Action, item: Opened, present: Opened | None, why: str) -> Step:
        meta = item.stored.meta or ""
        new_key = item.stored.type not in PLAIN_TYPES and meta not in self._keystore
        if item.stored.type not in PLAIN_TYPES and len(self._keystore.get(meta, bytes(KEY_SIZE))) != KEY_SIZE:
            return Step(Action.KEEP, item, present, "the account's key for its meta can seal nothing")
        why = f"{why}, nor is there a key for it" if new_key else why
        return Step(action, item, present, why, new_key, self._content_id(item), _names_itself(item))

    def _astray(self, card: Opened) -> bool:
        """Does a card name a content that is not there, while it could name another, now or soon?"""
        named = _content_named(card)
        if card.stored.type != _CARDS or (_CONTENTS, named) in self._by_id:
            return False
        return bool(self._content_id(card)) or bool({named, card.stored.meta} & self._coming)

    def _content_id(self, item: Opened) -> str:
        """Of the content that a card leads to, if the account has it."""
        if item.stored.type != _CARDS:
            return ""
        found = self._by_id.get((_CONTENTS, _content_named(item))) or self._by_meta.get(
            (_CONTENTS, item.stored.meta or "")
        )
        return "" if found is None else found.stored.id


def _names(item: Opened) -> tuple[str, ...]:
    """What a card may know a content by."""
    return tuple(name for name in (item.stored.id, item.stored.meta) if name)


def _content_named(card: Opened) -> str:
    named = card.json().get(_CONTENT_ID)
    return named if isinstance(named, str) else ""


def _names_itself(item: Opened) -> bool:
    return item.ok and item.json().get(_OWN_ID) == item.stored.id


def _unlinked(item: Opened) -> bytes:
    """What it holds, but for the ids that the service gave."""
    try:
        return write_json({name: value for name, value in item.json().items() if name not in (_OWN_ID, _CONTENT_ID)})
    except InvalidRequestError:  # a number beyond all floats can be read, but not be written
        return item.plaintext


@flow
def restore(steps: Sequence[Step], key: EncryptionKey) -> Steps[ReplacingKeystore | Restored, tuple[Restored, ...]]:
    """Carry out a plan. One step that fails does not stop the rest; what others changed since the plan stays (a conflict).

    Args:
        steps: from `plan_restore`, in its order.
        key: the account's.

    Raises (when run):
        NaiError: the keystore could not be read or written; then no object was.
    """
    entropy = (yield from get_context()).entropy
    planned = [*steps]
    keyless = dict.fromkeys(step.item.stored.meta or "" for step in planned if step.new_key)
    keys = (yield from save_keys({}, key)).keystore
    new = {meta: draw(entropy, KEY_SIZE) for meta in keyless if meta not in keys}
    if new:
        keys = (yield from save_keys(new, key)).keystore
    restored: list[Restored] = []
    moved: dict[str, str] = {}
    stopped: Saved | None = None
    for step in planned:
        if stopped is None:
            saved = yield from _take(step, keys, moved)
            stopped = saved if ends_all(saved) else None
        else:
            saved = Saved(step.item, Outcome.NOT_TRIED, stopped.error)
        if saved.outcome is Outcome.CREATED and step.type == _CONTENTS:
            moved.update(dict.fromkeys(_names(step.item), saved.item.stored.id))
        restored.append(Restored(step, saved))
        yield Emit([restored[-1]])
    return tuple(restored)


def _take(step: Step, keys: Mapping[str, bytes], moved: Mapping[str, str]) -> Steps[Never, Saved]:
    item, present = step.item, step.present
    match step.action:
        case Action.CREATE_SEALED:
            return (yield from store(replace(item, stored=_anew(item, item.stored.data)), keys))
        case Action.CREATE:
            saved = yield from store(_linked(replace(item, stored=_anew(item)), step, moved), keys)
            own = _linked(saved.item, step, moved) if saved.outcome.ok else saved.item
            if own.plaintext == saved.item.plaintext:
                return saved
            named = yield from store(own, keys)
            return replace(named, outcome=Outcome.CREATED) if named.outcome.ok else named
        case Action.UPDATE if present is not None:
            stored = msgspec.structs.replace(present.stored, meta=item.stored.meta)
            return (yield from store(_linked(replace(item, stored=stored), step, moved), keys))
        case Action.RELINK:
            linked = _linked(item, step, moved)
            if linked.plaintext != item.plaintext:
                return (yield from store(linked, keys))
        case _:
            pass
    return Saved(present or item, Outcome.UNCHANGED)


def _anew(item: Opened, data: str | None = None) -> StoredObject:
    return StoredObject(type=item.stored.type, meta=item.stored.meta or "", data=data)


def _linked(item: Opened, step: Step, moved: Mapping[str, str]) -> Opened:
    """The item with the ids that the service has given to it, and to the content that it leads to."""
    content = item.json()
    if step.names_itself and item.stored.id:
        content[_OWN_ID] = item.stored.id
    if step.type == _CARDS and (named := _content_named(item)):
        content[_CONTENT_ID] = step.content_id or moved.get(named) or moved.get(item.stored.meta or "") or named
    return edited(item, content)
