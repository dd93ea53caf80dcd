"""The fields of stories and scenarios in which placeholders stand: the same ones are searched and filled.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from .json_records import Record, as_list, as_text, make_records_reader, object_or_empty
from .lore.entries import Entry
from .lore.key_matching import fill_key

__all__ = ["fill_fields", "list_texts"]

_TEXT_FIELDS: Final = ("context", "ephemeralContext")
_LOREBOOK_FIELD: Final = "lorebook"


def list_texts(fields: Mapping[str, Any]) -> list[str]:
    """Return all texts in which placeholders stand, except the text of the story itself.

    Args:
        fields: a story's content, or a scenario.
    """
    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return text

    _map_fields(fields, note, note)
    return texts


def fill_fields(fields: dict[str, Any], fill: Callable[[str], str]) -> None:
    """Replace the placeholders in a story's content, except in its text.

    Args:
        fields: the content, which is changed.
        fill: fills in the placeholders of a text.
    """
    fields.update(_map_fields(fields, fill, partial(fill_key, fill=fill)))


def _map_fields(
    fields: Mapping[str, Any], map_text: Callable[[str], str], map_key: Callable[[str], str]
) -> dict[str, Any]:
    """Return the fields that have texts, with each text and each key of the lorebook replaced.

    Fields of another type are not among them: they stay as they are.
    """
    mapped: dict[str, Any] = {
        name: [_map_item(item, map_text) for item in items]
        for name in _TEXT_FIELDS
        if (items := as_list(fields.get(name))) is not None
    }
    lorebook = object_or_empty(fields.get(_LOREBOOK_FIELD))
    if (items := as_list(lorebook.get("entries"))) is not None:
        entries = [_map_entry(item, map_text, map_key) for item in items]
        mapped[_LOREBOOK_FIELD] = {**lorebook, "entries": entries}
    return mapped


def _map_item(item: object, map_text: Callable[[str], str]) -> object:
    fields = object_or_empty(item)
    text = as_text(fields.get("text"))
    return item if text is None else {**fields, "text": map_text(text)}


def _map_entry(item: object, map_text: Callable[[str], str], map_key: Callable[[str], str]) -> object:
    entry = Entry(object_or_empty(item))
    mapped = {
        "display_name": map_text(entry.display_name),
        "text": map_text(entry.text),
        "keys": tuple(map(map_key, entry.keys)),
        "advanced_conditions": tuple(_map_condition(each, map_text, map_key) for each in entry.advanced_conditions),
    }
    changed = {name: value for name, value in mapped.items() if value != getattr(entry, name)}
    return dict(entry.with_fields(**changed).data) if changed else item


def _map_condition(condition: Record, map_text: Callable[[str], str], map_key: Callable[[str], str]) -> Record:
    """Return a condition of an entry with its key, its operands, and those of the conditions in it replaced."""
    data = dict(condition.data)
    for name, map_one in (("key", map_key), ("left", map_text), ("right", map_text)):
        if isinstance(text := data.get(name), str):
            data[name] = map_one(text)
    if inside := make_records_reader(Record)(data.get("conditions")):
        data["conditions"] = [_map_condition(each, map_text, map_key).data for each in inside]
    if inside := make_records_reader(Record)([data.get("condition")]):
        data["condition"] = _map_condition(inside[0], map_text, map_key).data
    return Record(data)
