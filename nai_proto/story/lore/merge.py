"""Add a lorebook to another one, so that entries and categories of both stay what they are.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from ...arguments import FUNCTION, check_type
from ...codecs.secret_box import Entropy, draw_uuid, system_entropy
from ..json_records import as_list, list_or_empty, list_to_change, object_or_empty
from .lorebook import Lorebook

__all__ = ["merge_lorebooks"]

_LISTS: Final = ("categories", "entries")
_NAMING_FIELDS: Final = frozenset(("category", "order", "advancedConditions", "conditions", "condition", "entryId"))
"""The fields of entries, categories and conditions that name entries or categories, or hold what does."""


def merge_lorebooks(book: Lorebook, added: Lorebook, *, entropy: Entropy = system_entropy) -> Lorebook:
    """Return a lorebook with the categories and entries of another one behind its own.

    What the lorebook has already, with the same id and the same content, is not added again. Any other id that is taken, or
    missing, is replaced by a new one wherever the added lorebook uses it: for categories of entries, in the order, and in
    conditions. Settings and version stay those of ``book``.

    Args:
        book: the lorebook to add to.
        added: the other one.
        entropy: for the new ids.

    Raises:
        InvalidRequestError: the entries or categories of one of them are no list.
    """
    check_type(book, Lorebook, "book", "a Lorebook")
    check_type(added, Lorebook, "added", "a Lorebook")
    FUNCTION.check(entropy, "entropy")
    present = {name: list_to_change(book.data, name) for name in _LISTS}
    new = {name: [item for item in list_to_change(added.data, name) if item not in present[name]] for name in _LISTS}
    taken = {id_ for name in _LISTS for id_ in map(_id_of, present[name])}
    used: set[object] = set()
    new_ids: dict[str, str] = {}
    fresh = {name: [_with_free_id(item, taken, used, new_ids, entropy) for item in new[name]] for name in _LISTS}
    linked = {name: [_relink(item, new_ids) for item in fresh[name]] for name in _LISTS}
    merged = {name: [*present[name], *linked[name]] for name in _LISTS if name in book.data or linked[name]}
    if as_list(book.data.get("order")) is not None:
        merged["order"] = [*list_or_empty(book.data["order"]), *_order_of(added, linked, new_ids)]
    return Lorebook({**book.data, **merged})


def _id_of(item: object) -> object:
    id_ = object_or_empty(item).get("id")
    return id_ if isinstance(id_, str) else None


def _with_free_id(item: Any, taken: set[object], used: set[object], new_ids: dict[str, str], entropy: Entropy) -> Any:
    """Return an added item with an id that nothing else has; remember the first new id for each old one."""
    if not isinstance(item, dict):
        return item
    fields = cast("dict[str, Any]", item)
    id_ = _id_of(fields)
    if id_ and id_ not in taken and id_ not in used:
        used.add(id_)
        return fields
    new_id = draw_uuid(entropy)
    used.add(new_id)
    if isinstance(id_, str) and id_ in taken:
        new_ids.setdefault(id_, new_id)
    return {**fields, "id": new_id}


def _relink(value: Any, new_ids: Mapping[str, str]) -> Any:
    """Return an added item, or the value of a field that names items, with the present ids."""
    if isinstance(value, str):
        return new_ids.get(value, value)
    if (items := as_list(value)) is not None:
        return [_relink(each, new_ids) for each in items]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _relink(each, new_ids) if name in _NAMING_FIELDS else each for name, each in fields.items()}
    return value


def _order_of(added: Lorebook, linked: Mapping[str, list[Any]], new_ids: Mapping[str, str]) -> Iterable[object]:
    """Return the ids of the added items in the order in which the editor showed them; those without a place come last."""
    ids = [_id_of(item) for item in (*linked["categories"], *linked["entries"])]
    at_top = [_id_of(item) for item in linked["categories"]]
    at_top += [_id_of(item) for item in linked["entries"] if not object_or_empty(item).get("category")]
    shown = [new_ids.get(each, each) for each in list_or_empty(added.data.get("order")) if isinstance(each, str)]
    known = [each for each in shown if each in ids]
    return dict.fromkeys([*known, *(each for each in at_top if each is not None)])
