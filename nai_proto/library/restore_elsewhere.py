"""Plan how a backup of one account gets into another one: as new objects, with new keys and new ids.

Nothing that the other account has is changed. The metas of the new objects are derived from its e-mail, ignoring case as a
login does, and from what identifies the old objects. So each object is restored once, from however many backups of the old
account, and a plan that was interrupted can be made again: it finds what is done. Keys are drawn when the plan is carried
out, and the service gives the ids. Links between objects are kept: stories to their contents, and shelves to what is on
them, also if it is restored later. Modules and presets keep the ids inside them, by which stories name them.

See:
    docs/protocol/content.md#41-stories
    docs/protocol/content.md#44-shelf
    docs/protocol/content.md#10-exported-files
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Any, Final, cast

import msgspec

from ..arguments import check_type
from ..codecs.key_derivation import email_hash
from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject, replace_content
from ..codecs.secret_box import KEY_SIZE, UUID_SIZE, format_uuid, write_json
from ..errors import InvalidRequestError
from .contents import Library
from .object_identity import (
    CARDS,
    CONTENTS,
    ID_FIELD,
    OWN_ID_FIELD,
    content_id_of,
    find_other_copies,
    has_own_id,
    has_same_content,
    identify,
    list_accounts,
)
from .opened_story import link_stories
from .restore import RestoreAction, RestoreStep, leave_out_copy, list_objects, sort_steps

__all__ = ["plan_restore_elsewhere"]

_SHELF: Final = "shelf"


def plan_restore_elsewhere(
    library: Library, items: Iterable[OpenedObject], *, backup: Iterable[OpenedObject] | None = None
) -> tuple[RestoreStep, ...]:
    """Return a plan after which an account has copies of another account's objects. This sends no request.

    An object that was stored before, from this or another backup of its account, is not restored again, nor changed: if it
    differs from the backup, the step says so. To restore it anew, delete it first.

    Args:
        library: the present library of the account to restore into, with all types and its e-mail.
        items: the objects to restore, one version of each.
        backup: all objects of the backup, by which links are found. None if ``items`` are all.

    Returns:
        The steps in the order in which they are carried out: contents, other objects, cards.

    Raises:
        InvalidRequestError: two items have the same type and id, or one is of the account itself; or the library was read
            without its e-mail.
    """
    check_type(library, Library, "library", "a Library")
    chosen = list_objects(items)
    if not library.email:
        raise InvalidRequestError(
            "this library was read without the account's e-mail: open it with open_library, or give read_library the e-mail",
            parameter="library",
        )
    if any(account.is_of(library.email) for account in list_accounts(chosen)):
        raise InvalidRequestError(
            f"these are objects of {library.email} itself; plan_restore plans how they get back", parameter="items"
        )
    plan = _Plan(library, chosen, _NewMetas([*(backup or ()), *chosen], library.email))
    return sort_steps(plan.plan_step(item) for item in chosen)


class _NewMetas:
    """The metas that the objects of a backup get."""

    def __init__(self, items: Iterable[OpenedObject], email: str) -> None:
        self._hashed_email = bytes.fromhex(email_hash(email.lower()))
        known: dict[str, OpenedObject] = {}
        for item in items:
            known.setdefault(_key_of(item), item)
        cards, contents = ([item for item in known.values() if item.stored.type == each] for each in (CARDS, CONTENTS))
        stories, _ = link_stories(cards, contents)
        self._owners: dict[str, str] = {}
        "The key of a content's card: the two share a meta."
        self._content_keys: dict[str, str] = {}
        for story in stories:
            if story.content is not None:
                self._owners.setdefault(_key_of(story.content), _key_of(story.card))
                self._content_keys[_key_of(story.card)] = _key_of(story.content)
        self.by_old_meta: dict[str, str] = {}
        for item in (*cards, *known.values()):
            if item.stored.meta:
                self.by_old_meta.setdefault(item.stored.meta, self.of(item))

    def of(self, item: OpenedObject) -> str:
        """Return the new meta of an object."""
        return self._derive(_key_of(item))

    def of_content(self, card: OpenedObject) -> str:
        """Return the new meta of a card's content; that of the card if the backup has no content for it."""
        key = _key_of(card)
        return self._derive(self._content_keys.get(key, key))

    def _derive(self, key: str) -> str:
        named = self._owners.get(key, key).encode("utf-8", "surrogatepass")
        return format_uuid(blake2b(named, key=self._hashed_email, digest_size=UUID_SIZE).digest())


def _key_of(item: OpenedObject) -> str:
    """Return what identifies an object in all backups of its account, with its type; without an id, that is its data."""
    stored, identity = item.stored, identify(item)
    if isinstance(identity, bytes):
        identity = stored.id or sha256(write_json(item.whole().stored.document)).hexdigest()
    return f"{stored.type} {identity}"


class _Plan:
    """The new objects, and what the account has of them."""

    def __init__(self, library: Library, chosen: Iterable[OpenedObject], new_metas: _NewMetas) -> None:
        self._keystore = library.keystore
        self._listed = {CARDS, CONTENTS, *library.others}
        self._new_metas = new_metas
        self._present = {(item.stored.type, item.stored.meta): item for item in library.items}
        self._content_ids = {item.stored.id for item in library.items if item.stored.type == CONTENTS}
        self._other_copies = find_other_copies(chosen, lambda _: False)
        self._chosen_contents = {new_metas.of(item) for item in chosen if item.stored.type == CONTENTS and item.ok}

    def plan_step(self, item: OpenedObject) -> RestoreStep:
        """Return the step for an object of the backup."""
        type_, meta = item.stored.type, self._new_metas.of(item)
        if type_ not in self._listed:
            return _leave_out(item, f"the account's objects of type {type_} could not be listed")
        if copy := self._other_copies.get((type_, item.stored.id)):
            return leave_out_copy(item, copy)
        if not item.ok:
            return _leave_out(item, f"the backup's copy does not open ({item.category})")
        try:
            new = self._make_new(item, meta)
        except InvalidRequestError:  # a number larger than any float can be read, but not written
            return _leave_out(item, "it has a number that cannot be written")
        present = self._present.get((type_, meta))
        if present is not None:
            return self._plan_relink(item, new, present)
        is_sealed = type_ not in PLAIN_TYPES
        if is_sealed and len(self._keystore.get(meta, bytes(KEY_SIZE))) != KEY_SIZE:
            return _leave_out(item, "the account's key for it is unusable")
        why = f"with {'a new key and ' if is_sealed else ''}new ids"
        content_id = self._find_content_id(item)
        return RestoreStep(
            RestoreAction.CREATE,
            new,
            None,
            why,
            is_sealed and meta not in self._keystore,
            content_id,
            _links_itself(item),
        )

    def _plan_relink(self, item: OpenedObject, new: OpenedObject, present: OpenedObject) -> RestoreStep:
        """Return the step for an object that was stored before: an interruption may have left the old ids in it."""
        if not present.ok:
            why = "it was stored before, and the account's copy does not open; to store it anew, delete that copy first"
            return RestoreStep(RestoreAction.KEEP, item, present, why)
        if not self._has_old_ids(item, present):
            if has_same_content(present, new):
                return RestoreStep(RestoreAction.NOTHING, item, present, "it was stored before")
            why = "it was stored before, and the account's copy differs; to store it anew, delete that copy first"
            return RestoreStep(RestoreAction.KEEP, item, present, why)
        why = "it was stored before, and an id in it is still the old one"
        content_id = self._find_content_id(item)
        return RestoreStep(RestoreAction.RELINK, present, present, why, False, content_id, _links_itself(item))

    def _has_old_ids(self, item: OpenedObject, present: OpenedObject) -> bool:
        if _links_itself(item) and present.json().get(OWN_ID_FIELD) != present.stored.id:
            return True
        if present.stored.type != CARDS or content_id_of(present) in self._content_ids:
            return False
        return bool(self._find_content_id(item)) or self._new_metas.of_content(item) in self._chosen_contents

    def _find_content_id(self, item: OpenedObject) -> str:
        """Return the id of a card's content, if it was stored before."""
        if item.stored.type != CARDS:
            return ""
        content = self._present.get((CONTENTS, self._new_metas.of_content(item)))
        return "" if content is None else content.stored.id

    def _make_new(self, item: OpenedObject, meta: str) -> OpenedObject:
        """Return the object under its new meta. It keeps its old id, by which the plan's other objects name it."""
        stored = msgspec.structs.replace(item.stored, meta=meta, data=None, changeIndex=None)
        if item.stored.type not in (CARDS, _SHELF):
            return replace(item, stored=stored)
        content = {**item.json(), ID_FIELD: meta}
        if item.stored.type == _SHELF and "children" in content:
            content["children"] = _relink_children(content["children"], self._new_metas.by_old_meta)
        return replace(replace_content(item, content), stored=stored)


def _leave_out(item: OpenedObject, why: str) -> RestoreStep:
    return RestoreStep(RestoreAction.LEAVE_OUT, item, None, why)


def _links_itself(item: OpenedObject) -> bool:
    """Return whether the object's JSON is to hold its own id: every card's does."""
    return item.stored.type == CARDS or has_own_id(item)


def _relink_children(value: Any, new_metas: Mapping[str, str]) -> Any:
    """Return the children of a shelf, which are metas, or objects whose ``id`` is one."""
    if isinstance(value, str):
        return new_metas.get(value, value)
    if isinstance(value, list):
        return [_relink_children(each, new_metas) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        child = cast("dict[str, Any]", value)
        return {name: _relink_children(each, new_metas) if name == ID_FIELD else each for name, each in child.items()}
    return value
