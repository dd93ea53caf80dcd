"""Tell which objects are the same one: in the account now, in a backup, and after a restore gave them other ids.

The service gives an object a new id whenever it is created, so an object that was lost and restored has two. What stays is
the id that the client drew: the meta of a sealed object, which names its key, and the ``id`` in the JSON of presets and
shelves.

See:
    docs/protocol/content.md#33-details-that-matter
    docs/protocol/content.md#41-stories
    docs/protocol/content.md#44-shelf
    docs/protocol/content.md#45-presets-and-aimodules
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from ..codecs.sealed_objects import PLAIN_TYPES, OpenedObject
from ..codecs.secret_box import write_json
from ..errors import InvalidRequestError

if TYPE_CHECKING:
    from ..codecs.key_derivation import AccountHash

__all__ = [
    "CARDS",
    "CONTENTS",
    "CONTENT_ID_FIELD",
    "ID_FIELD",
    "OWN_ID_FIELD",
    "Identity",
    "content_id_of",
    "find_other_copies",
    "has_own_id",
    "has_same_content",
    "identify",
    "json_without_ids",
    "link_keys",
    "list_accounts",
]

CARDS: Final = "stories"
CONTENTS: Final = "storycontent"
ID_FIELD: Final = "id"
"""The field with the id that the client drew: of a card's and a shelf's JSON, the object's meta."""
OWN_ID_FIELD: Final = "remoteId"
"""The field of an object's JSON with the id that the service gave it."""
CONTENT_ID_FIELD: Final = "remoteStoryId"
"""The field of a card with the id of its content."""

Identity: TypeAlias = str | bytes
"""What objects of one type are told apart by: an id that the client drew, or bytes of the object if it has none."""


def list_accounts(items: Iterable[OpenedObject]) -> set[AccountHash]:
    """Return the accounts that objects were read from, as far as that is known."""
    return {item.account for item in items if item.account is not None}


def identify(item: OpenedObject) -> Identity:
    """Return what an object is found by among those of its type, whatever id the service gave it."""
    stored = item.stored
    if stored.meta and stored.type not in PLAIN_TYPES:
        return stored.meta
    if not item.ok:
        return (item.whole().stored.data or "").encode("utf-8", "surrogatepass")
    own = item.json().get(ID_FIELD)
    return own if isinstance(own, str) and own else json_without_ids(item)


def find_other_copies(
    items: Iterable[OpenedObject], is_present: Callable[[OpenedObject], bool]
) -> dict[tuple[str, str], OpenedObject]:
    """Return the objects of a backup that were lost and restored: by type and id, with the copy that stands for them.

    Args:
        items: one version of each object.
        is_present: whether the account has an object under its id. If it has none of the copies, the last one that opens
            stands for all.
    """
    groups: defaultdict[tuple[str, Identity], list[OpenedObject]] = defaultdict(list)
    for item in items:
        groups[item.stored.type, identify(item)].append(item)
    others: dict[tuple[str, str], OpenedObject] = {}
    for copies in groups.values():
        if len(copies) > 1:
            present = [item for item in copies if is_present(item)]
            last = max(reversed(present or copies), key=lambda item: (item.ok, item.stored.lastUpdatedAt or 0))
            kept = {id(item) for item in present or [last]}
            others |= {(item.stored.type, item.stored.id): last for item in copies if id(item) not in kept}
    return others


def json_without_ids(item: OpenedObject) -> bytes:
    """Return the object's JSON without the ids that the service assigned."""
    try:
        return write_json(
            {name: value for name, value in item.json().items() if name not in (OWN_ID_FIELD, CONTENT_ID_FIELD)}
        )
    except InvalidRequestError:  # a number larger than any float can be read, but not written
        return item.plaintext


def has_same_content(item: OpenedObject, other: OpenedObject) -> bool:
    """Return whether both opened, and differ at most in the ids that the service assigned."""
    if not (item.ok and other.ok):
        return False
    item, other = item.whole(), other.whole()
    return item.plaintext == other.plaintext or json_without_ids(item) == json_without_ids(other)


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
