"""Read, change and write lorebooks without losing anything.

The versions 1 to 6 differ by added fields, so each field is optional, and the version is not changed. A lorebook is a value:
its methods return changed copies. One that was read and not changed is written byte for byte as it was read. What is not
read because of its type (`Lorebook.problems`) is not changed either: a method that would drop it raises InvalidRequestError.

See:
    docs/protocol/content.md#46-lorebook
    docs/protocol/content.md#10-exported-files
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self, TypeVar

from ...arguments import BYTES, LIMITS, MAPPING, TEXT, check_type
from ...codecs.secret_box import write_json
from ...errors import InvalidFile, InvalidRequestError
from ...limits import Limits
from ..context_config import DEFAULT_CONFIGS, ContextKind
from ..foreign_formats import describe_foreign_file
from ..json_records import (
    Field,
    Record,
    as_flag,
    as_integer,
    as_list,
    as_texts,
    dump_records,
    list_to_change,
    make_records_reader,
    object_or_empty,
    read_json_object,
    require_list,
)
from .entries import Category, Entry

__all__ = ["LOREBOOK_VERSION", "Lorebook"]

E = TypeVar("E", Entry, Category)

LOREBOOK_VERSION: Final = 6
"""The newest version that has been seen."""


class Lorebook(Record):
    """The entries of a story and their categories: a ``.lorebook`` file, or the ``lorebook`` of a story.

    ```
    book = Lorebook.loads(path.read_bytes())
    dragon = book.entry(entry_id).with_fields(text="Dragons hoard tea.", keys=("dragon", "/drakes?/i"))
    path.write_bytes(book.with_entry(dragon).dumps())
    ```
    """

    version = Field("lorebookVersion", LOREBOOK_VERSION, as_integer)
    entries = Field[tuple[Entry, ...]]("entries", (), make_records_reader(Entry), dump_records)
    """In their natural order, which decides among entries that are equal in all else.

    See docs/protocol/content.md#85-order-and-reservation.
    """
    categories = Field[tuple[Category, ...]]("categories", (), make_records_reader(Category), dump_records)
    order = Field[tuple[str, ...]]("order", (), as_texts)
    "The ids of entries and categories in the order in which the editor shows them."

    _source: bytes | None = None

    @property
    def order_by_key_locations(self) -> bool:
        """Return whether, among entries of equal priority, those with keys that match further down come first.

        See docs/protocol/content.md#85-order-and-reservation.
        """
        return as_flag(object_or_empty(self.data.get("settings")).get("orderByKeyLocations")) is True

    @property
    def disabled_categories(self) -> frozenset[str]:
        """The ids of the categories that are switched off. No entry is in a category without an id."""
        return frozenset(category.id for category in self.categories if category.id and not category.enabled)

    # ---- files

    @classmethod
    def new(cls) -> Self:
        """Return an empty lorebook."""
        settings = {"orderByKeyLocations": False}
        return cls(
            {"lorebookVersion": LOREBOOK_VERSION, "entries": [], "settings": settings, "categories": [], "order": []}
        )

    @classmethod
    def loads(cls, data: bytes, *, where: str = "lorebook", limits: Limits = Limits()) -> Self:
        """Read a ``.lorebook`` file.

        Args:
            data: the whole file.
            where: a name for it, with which error messages begin.
            limits: for its nesting.

        Raises:
            InvalidFile: it is no JSON object, or has no ``lorebookVersion`` or no list of ``entries``.
            LimitExceeded: it is nested too deeply.
        """
        data = BYTES.convert(data, "data")
        TEXT.check(where, "where")
        LIMITS.check(limits, "limits")
        document = read_json_object(data, where=where, limits=limits)
        if "lorebookVersion" not in document:
            foreign = describe_foreign_file(document)
            raise InvalidFile(f"{where}: it has no lorebookVersion{'' if foreign is None else f'; it is {foreign}'}")
        require_list(document, "entries", where)
        book = cls(document)
        object.__setattr__(book, "_source", bytes(data))  # not a field: what is changed begins without it
        return book

    def dumps(self) -> bytes:
        """Return the ``.lorebook`` file: as it was read, byte for byte, if nothing was changed.

        Raises:
            InvalidRequestError: something that was put into it cannot be written as JSON.
        """
        return write_json(self.data) if self._source is None else self._source

    # ---- entries

    def entry(self, entry_id: str) -> Entry:
        """Return the entry with an id.

        Args:
            entry_id: a UUID.

        Raises:
            InvalidRequestError: there is no such entry.
        """
        TEXT.check(entry_id, "entry_id")
        return _find_by_id(self.entries, entry_id, "entry")

    def new_entry(
        self,
        entry_id: str,
        *,
        category: str = "",
        template: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> Entry:
        """Return a new entry, to be added by `with_entry`.

        It has the defaults of its category, if that has `Category.use_category_defaults`, else those of the template.

        Args:
            entry_id: a new UUID.
            category: the id of its category.
            template: the fields to begin with, such as the first of the story's ``contextDefaults.loreDefaults``; by default
                those with which the website begins.
            values: the values of fields, by the names of `Entry`.

        Raises:
            InvalidRequestError: there is no such category or field, or a value is out of its bounds.
            InvalidTypeError: a value has a wrong type.
        """
        TEXT.check(entry_id, "entry_id")
        TEXT.check(category, "category")
        if template is not None:
            MAPPING.check(template, "template", "a dict or None")
        data = dict(_NEW_ENTRY if template is None else template)
        if category:
            home = self.category(category)
            if home.use_category_defaults:
                data |= home.category_defaults.data
        return Entry(data).with_fields(id=entry_id, category=category, **values)

    def with_entry(self, entry: Entry) -> Self:
        """Return a lorebook with an entry in place of the first one with the same id; a new one comes last.

        Args:
            entry: the entry; its id decides which one it replaces.

        Raises:
            InvalidRequestError: it has no id.
        """
        check_type(entry, Entry, "entry", "an Entry")
        if not entry.id:
            raise InvalidRequestError("an entry of a lorebook has an id", parameter="entry")
        old = next((known for known in self.entries if known.id == entry.id), None)
        if old is None:
            longer = self._with_list("entries", [*self._list("entries"), entry.data])
            return longer._with_id_in_order(entry.id, entry.category)
        changed = self._with_list("entries", _replace_first(self._list("entries"), entry))
        if old.category == entry.category:
            return changed
        return changed._without_id_in_orders(entry.id)._with_id_in_order(entry.id, entry.category)

    def without_entry(self, entry_id: str) -> Self:
        """Return a lorebook without an entry: without the one that `entry` returns, if several have the same id.

        Args:
            entry_id: a UUID.

        Raises:
            InvalidRequestError: there is no such entry.
        """
        self.entry(entry_id)
        book = self._with_list("entries", _without_first(self._list("entries"), entry_id))
        if any(entry.id == entry_id for entry in book.entries):  # the orders have the id for the others
            return book
        return book._without_id_in_orders(entry_id)

    def with_entry_moved(self, entry_id: str, before: str | None = None) -> Self:
        """Return a lorebook with an entry moved, in the natural order and in the order in which the editor shows it.

        Args:
            entry_id: of the entry to move.
            before: the id of the entry to put it in front of; None puts it last.

        Raises:
            InvalidRequestError: there is no entry with one of the ids.
        """
        if before is not None:
            TEXT.check(before, "before")
        entry = self.entry(entry_id)
        if before == entry_id:
            return self
        other = None if before is None else self.entry(before)
        book = self._with_list("entries", _move_before(self._list("entries"), entry.data, other and other.data))
        if before is None:
            return book._without_id_in_orders(entry_id)._with_id_in_order(entry_id, entry.category)
        return book._map_orders(
            lambda ids: _move_before(ids, entry_id, before) if entry_id in ids and before in ids else ids
        )

    # ---- categories

    def category(self, category_id: str) -> Category:
        """Return the category with an id.

        Args:
            category_id: a UUID.

        Raises:
            InvalidRequestError: there is no such category.
        """
        TEXT.check(category_id, "category_id")
        return _find_by_id(self.categories, category_id, "category")

    def with_category(self, category: Category) -> Self:
        """Return a lorebook with a category in place of the first one with the same id; a new one comes last.

        Args:
            category: the category; its id decides which one it replaces.

        Raises:
            InvalidRequestError: it has no id.
        """
        check_type(category, Category, "category", "a Category")
        if not category.id:
            raise InvalidRequestError("a category of a lorebook has an id", parameter="category")
        if all(known.id != category.id for known in self.categories):
            longer = self._with_list("categories", [*self._list("categories"), category.data])
            return longer._with_id_in_order(category.id, "")
        return self._with_list("categories", _replace_first(self._list("categories"), category))

    def without_category(self, category_id: str) -> Self:
        """Return a lorebook without a category: without the one that `category` returns, if several have the same id.

        Its entries stay. They are in no category, unless another one has the same id.

        Args:
            category_id: a UUID.

        Raises:
            InvalidRequestError: there is no such category.
        """
        self.category(category_id)
        book = self._with_list("categories", _without_first(self._list("categories"), category_id))
        if any(category.id == category_id for category in book.categories):
            return book
        book = book._without_id_in_orders(category_id)
        book = book._with_list("entries", [_without_category(item, category_id) for item in self._list("entries")])
        for entry in self.entries:
            if entry.id and entry.category == category_id:
                book = book._with_id_in_order(entry.id, "")
        return book

    # ---- the parts of the object

    def _list(self, wire: str) -> list[Any]:
        return list_to_change(self.data, wire)

    def _with_list(self, wire: str, value: list[Any]) -> Self:
        return type(self)({**self.data, wire: value})

    def _with_id_in_order(self, item_id: str, category: str) -> Self:
        """Return a lorebook with an id at the end of its category's order, or of its own; older versions have none."""
        home = next((known for known in self.categories if category and known.id == category), None)
        if home is not None and as_list(home.data.get("order")) is not None:
            return self.with_category(Category(_map_order(home.data, lambda ids: [*ids, item_id])))
        return type(self)(_map_order(self.data, lambda ids: [*ids, item_id]))

    def _without_id_in_orders(self, item_id: str) -> Self:
        return self._map_orders(lambda ids: [known for known in ids if known != item_id])

    def _map_orders(self, change: Callable[[list[Any]], list[Any]]) -> Self:
        """Return a lorebook with its own order and that of each category changed, as far as they exist."""
        book = type(self)(_map_order(self.data, change))
        categories = self._list("categories")
        return book._with_list("categories", [_map_order(item, change) for item in categories]) if categories else book


def _find_by_id(records: Iterable[E], wanted: str, what: str) -> E:
    for record in records:
        if record.id == wanted != "":
            return record
    raise InvalidRequestError(f"the lorebook has no {what} with this id", parameter=f"{what}_id")


def _has_id(item: object, wanted: str) -> bool:
    return object_or_empty(item).get("id") == wanted


def _find_first(items: list[Any], wanted: str) -> int:
    """Return the index of the first item with an id; there is one."""
    return next(index for index, item in enumerate(items) if _has_id(item, wanted))


def _replace_first(items: list[Any], record: Entry | Category) -> list[Any]:
    """Return a list with a record in place of the first item with its id; there is one."""
    at = _find_first(items, record.id)
    return [*items[:at], record.data, *items[at + 1 :]]


def _without_first(items: list[Any], wanted: str) -> list[Any]:
    """Return a list without the first item with an id; there is one."""
    at = _find_first(items, wanted)
    return [*items[:at], *items[at + 1 :]]


def _without_category(item: Any, category_id: str) -> Any:
    """Return an entry without its category, if it has this one."""
    return {**item, "category": ""} if object_or_empty(item).get("category") == category_id else item


def _map_order(item: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """Return an object with its order changed, if it is an object and has one."""
    ids = as_list(object_or_empty(item).get("order"))
    return item if ids is None else {**item, "order": change(ids)}


def _move_before(items: list[Any], item: Any, before: Any) -> list[Any]:
    """Return a list with an item moved in front of another one, or to the end if that is None."""
    rest = items.copy()
    rest.remove(item)
    rest.insert(rest.index(before) if before is not None else len(rest), item)
    return rest


# What the website begins with (docs/protocol/content.md#46-lorebook).
_NEW_ENTRY: Final[Mapping[str, Any]] = {
    "text": "",
    "contextConfig": DEFAULT_CONFIGS[ContextKind.LORE].to_data(),
    "lastUpdatedAt": 0,
    "displayName": "",
    "id": "",
    "keys": [],
    "searchRange": 1000,
    "enabled": True,
    "forceActivation": False,
    "keyRelative": False,
    "nonStoryActivatable": False,
    "category": "",
    "loreBiasGroups": [],
    "hidden": False,
}
