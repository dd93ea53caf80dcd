"""Entries and categories of a lorebook.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from ...arguments import LIMITS, OPTIONAL_FUNCTION
from ...limits import Limits
from ..config import DEFAULTS, ContextConfig, ContextKind
from ..json_records import (
    Field,
    Record,
    as_flag,
    as_integer,
    as_text,
    as_texts,
    dump_records,
    make_records_reader,
    object_or_empty,
)
from .biases import StoredBiases
from .keys import Key

__all__ = ["SEARCH_RANGE", "Category", "Entry"]

SEARCH_RANGE: Final = (0, 10_000)
"""What ``searchRange`` may be, in UTF-16 units."""


def _config(value: object) -> ContextConfig | None:
    return (
        ContextConfig.from_data(cast("dict[str, Any]", value), DEFAULTS[ContextKind.LORE])
        if isinstance(value, dict)
        else None
    )


def _search_range(value: object) -> int | None:
    known = as_integer(value)
    return None if known is None else max(SEARCH_RANGE[0], min(known, SEARCH_RANGE[1]))


class Entry(Record):
    """One entry; also the settings of a sub-context and the defaults of a category, which have some of its fields."""

    id = Field("id", "", as_text)
    "A UUID."
    display_name = Field("displayName", "", as_text)
    "Its title."
    text = Field("text", "", as_text)
    "What comes into the context."
    keys = Field[tuple[str, ...]]("keys", (), as_texts)
    "As they are written; `parsed_keys` understands them."
    search_range = Field("searchRange", 1000, _search_range)
    "How many UTF-16 units of the story are searched for the keys, counted from its end: 0 to 10,000."
    enabled = Field("enabled", True, as_flag)
    "Off, it takes no part."
    force_activation = Field("forceActivation", False, as_flag)
    "Always on, whatever its keys."
    key_relative = Field("keyRelative", False, as_flag)
    "Its place is counted from the match of its key."
    non_story_activatable = Field("nonStoryActivatable", False, as_flag)
    "Cascading: its keys are searched in what else is active, too."
    category = Field("category", "", as_text)
    "The id of its category, or nothing."
    hidden = Field("hidden", False, as_flag)
    "Not shown in the editor."
    config = Field("contextConfig", DEFAULTS[ContextKind.LORE], _config, ContextConfig.to_data)
    "How it is put into the context."
    advanced_conditions = Field[tuple[Record, ...]]("advancedConditions", (), make_records_reader(Record), dump_records)
    "What else has to be so: `nai_proto.story.lore.conditions`."
    lore_bias_groups = Field[tuple[StoredBiases, ...]](
        "loreBiasGroups", (), make_records_reader(StoredBiases), dump_records
    )
    "What is likelier or rarer while it is active, or while it is not."
    last_updated_at = Field("lastUpdatedAt", 0, as_integer)
    "In milliseconds since 1970."

    def parsed_keys(self, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()) -> tuple[Key, ...]:
        """Its keys but the empty ones; arguments as for `Key.parse`."""
        OPTIONAL_FUNCTION.check(fill, "fill")
        LIMITS.check(limits, "limits")
        return tuple(Key.parse(key, fill=fill, limits=limits) for key in self.keys if key.strip())


def _entry(value: object) -> Entry | None:
    return Entry(cast("dict[str, Any]", value)) if isinstance(value, dict) else None


def _data(record: Record) -> Mapping[str, Any]:
    return record.data


class Category(Record):
    """A category of entries."""

    id = Field("id", "", as_text)
    "A UUID."
    name = Field("name", "", as_text)
    "Its title."
    enabled = Field("enabled", True, as_flag)
    "Off, none of its entries takes part."
    create_subcontext = Field("createSubcontext", False, as_flag)
    "Its entries come into the context as one block. See docs/protocol/content.md#84-sub-contexts."
    subcontext_settings = Field("subcontextSettings", Entry(), _entry, _data)
    "How that block is put into the context: its `Entry.config` counts."
    use_category_defaults = Field("useCategoryDefaults", False, as_flag)
    "New entries begin with `category_defaults`."
    category_defaults = Field("categoryDefaults", Entry(), _entry, _data)
    "What they begin with."
    category_bias_groups = Field[tuple[StoredBiases, ...]](
        "categoryBiasGroups", (), make_records_reader(StoredBiases), dump_records
    )
    "What is likelier or rarer while one of its entries is active, or while none is."
    open = Field("open", True, as_flag)
    "Unfolded in the editor."
    order = Field[tuple[str, ...]]("order", (), as_texts)
    "The ids of its entries as they are shown."

    @property
    def entry_header(self) -> str:
        """What stands in front of each of its entries."""
        return as_text(object_or_empty(self.data.get("settings")).get("entryHeader")) or ""
