"""Lorebooks: read, changed and written with nothing lost.

The versions 1 to 6 differ by added fields, so each field is optional, and the version stays what it is. A lorebook is a
value: what changes it gives another one. One that was read and not changed is written byte for byte as it was.

See:
    docs/protocol/content.md#46-lorebook
    docs/protocol/content.md#10-exported-files
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self, TypeVar

from ...arguments import BYTES, LIMITS, MAPPING, TEXT, check_type
from ...codecs.box import write_json
from ...errors import InvalidFile, InvalidRequestError
from ...limits import Limits
from ..config import DEFAULTS, ContextKind
from ..json_records import (
    Field,
    Record,
    as_flag,
    as_integer,
    as_list,
    as_texts,
    dump_records,
    make_records_reader,
    object_or_empty,
    read_json_object,
)
from .entries import Category, Entry

__all__ = ["LOREBOOK_VERSION", "Lorebook"]

E = TypeVar("E", Entry, Category)

LOREBOOK_VERSION: Final = 6
"""The newest that has been seen."""


class Lorebook(Record):
    """The entries of a story, and their categories; also what stands in a story's ``lorebook``.

    ```
    book = Lorebook.loads(path.read_bytes())
    dragon = book.entry(entry_id).changed(text="Dragons hoard tea.", keys=("dragon", "/drakes?/i"))
    path.write_bytes(book.with_entry(dragon).dumps())
    ```
    """

    version = Field("lorebookVersion", LOREBOOK_VERSION, as_integer)
    entries = Field[tuple[Entry, ...]]("entries", (), make_records_reader(Entry), dump_records)
    """In their natural order, which decides where all else is equal.

    See docs/protocol/content.md#85-order-and-reservation.
    """
    categories = Field[tuple[Category, ...]]("categories", (), make_records_reader(Category), dump_records)
    order = Field[tuple[str, ...]]("order", (), as_texts)
    "The ids of entries and categories as they are shown."

    _source: bytes | None = None

    @property
    def order_by_key_locations(self) -> bool:
        """Among equals, do those come first whose keys match further down?

        See docs/protocol/content.md#85-order-and-reservation.
        """
        return as_flag(object_or_empty(self.data.get("settings")).get("orderByKeyLocations")) is True

    # ---- files

    @classmethod
    def new(cls) -> Self:
        """An empty lorebook."""
        settings = {"orderByKeyLocations": False}
        return cls(
            {"lorebookVersion": LOREBOOK_VERSION, "entries": [], "settings": settings, "categories": [], "order": []}
        )

    @classmethod
    def loads(cls, data: bytes, *, where: str = "lorebook", limits: Limits = Limits()) -> Self:
        """A ``.lorebook`` file.

        Args:
            data: the whole file.
            where: what it is, to begin a message with.
            limits: for its nesting.

        Raises:
            InvalidFile: it is none: no JSON object, or one without ``lorebookVersion`` and a list of ``entries``.
            LimitExceeded: it is nested too deeply.
        """
        data = BYTES.convert(data, "data")
        TEXT.check(where, "where")
        LIMITS.check(limits, "limits")
        document = read_json_object(data, where=where, limits=limits)
        if "lorebookVersion" not in document or not isinstance(document.get("entries"), list):
            raise InvalidFile(f"{where}: it has no lorebookVersion, or no list of entries")
        book = cls(document)
        object.__setattr__(book, "_source", bytes(data))  # not a field: what is changed begins without it
        return book

    def dumps(self) -> bytes:
        """The file: as it was read, byte for byte, if nothing was changed.

        Raises:
            InvalidRequestError: something that was put into it has no form in JSON.
        """
        return write_json(self.data) if self._source is None else self._source

    # ---- entries

    def entry(self, entry_id: str) -> Entry:
        """The entry with this id; raises InvalidRequestError if there is none."""
        TEXT.check(entry_id, "entry_id")
        return _found(self.entries, entry_id, "entry")

    def new_entry(
        self,
        entry_id: str,
        *,
        category: str = "",
        template: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> Entry:
        """An entry to be put in with `with_entry`: with the defaults of its category, if these are to be used, else with
        those of the template.

        Args:
            entry_id: a new UUID.
            category: the id of its category.
            template: the first of the story's ``contextDefaults.loreDefaults``, for example.
            values: by the names of the fields of `Entry`.

        Raises:
            InvalidRequestError: there is no such category; else as `Record.changed`.
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
        return Entry(data).changed(id=entry_id, category=category, **values)

    def with_entry(self, entry: Entry) -> Self:
        """With this entry in place of the one that has its id; a new one comes last.

        Raises:
            InvalidRequestError: it has no id.
        """
        check_type(entry, Entry, "entry", "an Entry")
        if not entry.id:
            raise InvalidRequestError("an entry of a lorebook has an id", parameter="entry")
        old = next((known for known in self.entries if known.id == entry.id), None)
        if old is None:
            return self._put("entries", [*self._list("entries"), entry.data])._shown(entry.id, entry.category)
        changed = self._put("entries", [entry.data if _is(item, entry.id) else item for item in self._list("entries")])
        if old.category == entry.category:
            return changed
        return changed._not_shown(entry.id)._shown(entry.id, entry.category)

    def without_entry(self, entry_id: str) -> Self:
        """Without the entry that has this id; raises InvalidRequestError if there is none."""
        self.entry(entry_id)
        return self._put("entries", [item for item in self._list("entries") if not _is(item, entry_id)])._not_shown(
            entry_id
        )

    def moved(self, entry_id: str, before: str | None = None) -> Self:
        """With the entry in front of another one, or last: in the natural order, and as it is shown.

        Raises:
            InvalidRequestError: there is no entry with one of the ids.
        """
        if before is not None:
            TEXT.check(before, "before")
        entry = self.entry(entry_id)
        if before == entry_id:
            return self
        other = None if before is None else self.entry(before)
        book = self._put("entries", _moved(self._list("entries"), entry.data, other and other.data))
        if before is None:
            return book._not_shown(entry_id)._shown(entry_id, entry.category)
        return book._each_order(
            lambda shown: _moved(shown, entry_id, before) if entry_id in shown and before in shown else shown
        )

    # ---- categories

    def category(self, category_id: str) -> Category:
        """The category with this id; raises InvalidRequestError if there is none."""
        TEXT.check(category_id, "category_id")
        return _found(self.categories, category_id, "category")

    def with_category(self, category: Category) -> Self:
        """With this category in place of the one that has its id; a new one comes last.

        Raises:
            InvalidRequestError: it has no id.
        """
        check_type(category, Category, "category", "a Category")
        if not category.id:
            raise InvalidRequestError("a category of a lorebook has an id", parameter="category")
        if all(known.id != category.id for known in self.categories):
            return self._put("categories", [*self._list("categories"), category.data])._shown(category.id, "")
        return self._put(
            "categories", [category.data if _is(item, category.id) else item for item in self._list("categories")]
        )

    def without_category(self, category_id: str) -> Self:
        """Without the category that has this id; its entries stay, and are in none. Raises as `category`."""
        self.category(category_id)
        rest = [item for item in self._list("categories") if not _is(item, category_id)]
        book = self._put("categories", rest)._not_shown(category_id)
        for entry in self.entries:
            if entry.category == category_id:
                book = book.with_entry(entry.changed(category=""))
        return book

    # ---- the parts of the object

    def _list(self, wire: str) -> list[Any]:
        return as_list(self.data.get(wire)) or []

    def _put(self, wire: str, value: list[Any]) -> Self:
        return type(self)({**self.data, wire: value})

    def _shown(self, shown_id: str, category: str) -> Self:
        """With an id at the end of the list in which it is shown, if there is such a list: older versions have none."""
        home = next((known for known in self.categories if category and known.id == category), None)
        if home is not None and as_list(home.data.get("order")) is not None:
            return self.with_category(Category(_with_order(home.data, lambda shown: [*shown, shown_id])))
        return type(self)(_with_order(self.data, lambda shown: [*shown, shown_id]))

    def _not_shown(self, shown_id: str) -> Self:
        return self._each_order(lambda shown: [known for known in shown if known != shown_id])

    def _each_order(self, change: Callable[[list[Any]], list[Any]]) -> Self:
        """With all lists of what is shown changed, those that there are."""
        book = type(self)(_with_order(self.data, change))
        categories = self._list("categories")
        return book._put("categories", [_with_order(item, change) for item in categories]) if categories else book


def _found(records: Iterable[E], wanted: str, what: str) -> E:
    for record in records:
        if record.id == wanted:
            return record
    raise InvalidRequestError(f"the lorebook has no {what} with this id", parameter=f"{what}_id")


def _is(item: object, wanted: str) -> bool:
    return object_or_empty(item).get("id") == wanted


def _with_order(item: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """An object with its list of what is shown changed, if it is an object and has one."""
    shown = as_list(object_or_empty(item).get("order"))
    return item if shown is None else {**item, "order": change(shown)}


def _moved(items: list[Any], item: Any, before: Any) -> list[Any]:
    """The item in front of another, or last if that is None."""
    rest = items.copy()
    rest.remove(item)
    rest.insert(rest.index(before) if before is not None else len(rest), item)
    return rest


# What the website begins with (docs/protocol/content.md#46-lorebook).
_NEW_ENTRY: Final[Mapping[str, Any]] = {
    "text": "",
    "contextConfig": DEFAULTS[ContextKind.LORE].to_data(),
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
