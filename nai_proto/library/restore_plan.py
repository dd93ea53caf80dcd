"""Plan how objects of a backup get back into the account that they come from, as a list that people can read.

A plan compares the backup with what the account stores now; `Library.restore` carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..arguments import check_type
from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject
from ..codecs.secret_box import KEY_SIZE
from ..errors import InvalidRequestError
from .contents import Library
from .object_identity import (
    CARDS,
    CONTENTS,
    OWN_ID_FIELD,
    Identity,
    content_id_of,
    find_other_copies,
    has_own_id,
    has_same_content,
    identify,
    link_keys,
    list_accounts,
)
from .restore import RestoreAction, RestoreStep, leave_out_copy, list_objects, sort_steps

__all__ = ["plan_restore"]


def plan_restore(library: Library, items: Iterable[OpenedObject]) -> tuple[RestoreStep, ...]:
    """Return a plan after which the account has these objects again. This sends no request.

    The account's objects are found by their id; those that an earlier restore created, by their meta, or for presets and
    shelves by the ``id`` in them. An object that was restored has had several ids, and the backup has a copy under each: one
    of them is restored, which is the one that the account has, or else the last one.

    Args:
        library: the account's present library, with all types.
        items: the objects of a backup of this account, one version of each: all, or some of them.

    Returns:
        The steps in the order in which they are carried out: contents, other objects, cards.

    Raises:
        InvalidRequestError: two items have the same type and id, or one is of another account.
    """
    check_type(library, Library, "library", "a Library")
    chosen = list_objects(items)
    if library.email and not all(account.is_of(library.email) for account in list_accounts(chosen)):
        raise InvalidRequestError(
            f"these are objects of another account than {library.email}; plan_restore_elsewhere plans how they get into "
            "this account, as new objects",
            parameter="items",
        )
    account = _AccountIndex(library, chosen)
    steps = [account.plan_step(item) for item in chosen]
    touched = {step.present.stored.id for step in steps if step.present is not None}
    steps += [
        account.plan_relink(card, card) for card in account.misdirected_cards(chosen) if card.stored.id not in touched
    ]
    return sort_steps(steps)


class _AccountIndex:
    """The account's present objects, by everything that identifies an object."""

    def __init__(self, library: Library, chosen: Iterable[OpenedObject]) -> None:
        self._keystore = library.keystore
        self._listed = {CARDS, CONTENTS, *library.others}
        self._cards = [story.card for story in library.stories if story.card.ok]
        self._by_id: dict[tuple[str, str], OpenedObject] = {}
        self._by_identity: dict[tuple[str, Identity], OpenedObject] = {}
        for item in library.items:
            self._by_id.setdefault((item.stored.type, item.stored.id), item)
            self._by_identity.setdefault((item.stored.type, identify(item)), item)
        self._other_copies = find_other_copies(chosen, lambda item: (item.stored.type, item.stored.id) in self._by_id)
        contents = [item for item in chosen if item.stored.type == CONTENTS]
        self._to_create = {key for item in contents if self._find(item) is None for key in link_keys(item)}

    def misdirected_cards(self, chosen: Iterable[OpenedObject]) -> list[OpenedObject]:
        """Return the cards that link to one of the chosen contents by an id that is no longer valid."""
        keys = {key for item in chosen if item.stored.type == CONTENTS for key in link_keys(item)}
        return [
            card
            for card in self._cards
            if self._is_misdirected(card) and {content_id_of(card), card.stored.meta} & keys
        ]

    def plan_step(self, item: OpenedObject) -> RestoreStep:
        """Return the step for an object of the backup."""
        present, type_ = self._find(item), item.stored.type
        if type_ not in self._listed:
            why = f"the account's objects of type {type_} could not be listed"
            return RestoreStep(RestoreAction.KEEP, item, None, why)
        if copy := self._other_copies.get((type_, item.stored.id)):
            return leave_out_copy(item, copy)
        if present is None:
            return self._create(item)
        if has_same_content(present, item) or _has_same_data(present, item):
            return self.plan_relink(item, present)
        if not item.ok:
            return RestoreStep(RestoreAction.KEEP, item, present, f"the backup's copy does not open ({item.category})")
        why = "the account has another version" if present.ok else "the account's copy does not open"
        return self._write(RestoreAction.UPDATE, item, present, why)

    def plan_relink(self, item: OpenedObject, present: OpenedObject) -> RestoreStep:
        """Return the step for an object that differs from the account's at most in the ids in it."""
        wrong_own_id = present.ok and has_own_id(item) and present.json().get(OWN_ID_FIELD) != present.stored.id
        if not wrong_own_id and not (present.ok and self._is_misdirected(present)):
            return RestoreStep(RestoreAction.NOTHING, item, present, "the account has the same version")
        why = "an id in it names an object that is missing"
        return RestoreStep(
            RestoreAction.RELINK, present, present, why, False, self._find_content_id(present), has_own_id(item)
        )

    def _find(self, item: OpenedObject) -> OpenedObject | None:
        type_ = item.stored.type
        return self._by_id.get((type_, item.stored.id)) or self._by_identity.get((type_, identify(item)))

    def _create(self, item: OpenedObject) -> RestoreStep:
        if item.ok:
            return self._write(RestoreAction.CREATE, item, None, "the account does not have it")
        if item.whole().stored.data is None:
            return RestoreStep(RestoreAction.KEEP, item, None, "the backup has no data of it")
        why = f"the account does not have it; the backup's copy does not open ({item.category})"
        return RestoreStep(RestoreAction.CREATE_SEALED, item, None, why)

    def _write(self, action: RestoreAction, item: OpenedObject, present: OpenedObject | None, why: str) -> RestoreStep:
        meta = item.stored.meta or ""
        new_key = item.stored.type not in PLAIN_TYPES and meta not in self._keystore
        if item.stored.type not in PLAIN_TYPES and len(self._keystore.get(meta, bytes(KEY_SIZE))) != KEY_SIZE:
            return RestoreStep(RestoreAction.KEEP, item, present, "the account's key for it is unusable")
        why = f"{why}, nor a key for it" if new_key else why
        return RestoreStep(action, item, present, why, new_key, self._find_content_id(item), has_own_id(item))

    def _is_misdirected(self, card: OpenedObject) -> bool:
        """Return whether a card links to a missing content, while another one of it exists or will be created."""
        content_id = content_id_of(card)
        if card.stored.type != CARDS or (CONTENTS, content_id) in self._by_id:
            return False
        return bool(self._find_content_id(card)) or bool({content_id, card.stored.meta} & self._to_create)

    def _find_content_id(self, item: OpenedObject) -> str:
        """Return the id of a card's content, if the account has it."""
        if item.stored.type != CARDS:
            return ""
        content = self._by_id.get((CONTENTS, content_id_of(item))) or self._by_identity.get(
            (CONTENTS, item.stored.meta or "")
        )
        return "" if content is None else content.stored.id


def _has_same_data(present: OpenedObject, item: OpenedObject) -> bool:
    """Return whether both are the same sealed data, other than data that opens only in the backup: its key is lost."""
    return (present.ok or not item.ok) and present.whole().stored.data == item.whole().stored.data
