"""Entries and categories of a lorebook.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...arguments import LIMITS, OPTIONAL_FUNCTION, to_milliseconds
from ...limits import Limits
from ..context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind, make_config_reader
from ..json_records import (
    Field,
    Record,
    as_flag,
    as_integer,
    as_seconds,
    as_text,
    as_texts,
    dump_record,
    dump_records,
    make_record_reader,
    make_records_reader,
    object_or_empty,
)
from .biases import StoredBiases
from .key_matching import Key

__all__ = ["SEARCH_RANGE", "Category", "Entry"]

SEARCH_RANGE: Final = (0, 10_000)
"""The least and the greatest ``searchRange``, in UTF-16 units."""


def _read_search_range(value: object) -> int | None:
    known = as_integer(value)
    return None if known is None else max(SEARCH_RANGE[0], min(known, SEARCH_RANGE[1]))


def _write_time(seconds: float) -> int:
    return to_milliseconds(seconds, "last_updated_at")


class Entry(Record):
    """An entry of a lorebook.

    The settings of a sub-context and the defaults of a category have some of its fields, and are of this type too.
    """

    id = Field("id", "", as_text)
    "A UUID."
    display_name = Field("displayName", "", as_text)
    "The title."
    text = Field("text", "", as_text)
    "The text that is put into the context."
    keys = Field[tuple[str, ...]]("keys", (), as_texts)
    "As they are written; `parse_keys` parses them."
    search_range = Field("searchRange", 1000, _read_search_range)
    "How many UTF-16 units at the end of the story are searched for the keys: 0 to 10,000."
    enabled = Field("enabled", True, as_flag)
    "False: it never takes part."
    force_activation = Field("forceActivation", False, as_flag)
    "True: it always takes part, whatever its keys."
    key_relative = Field("keyRelative", False, as_flag)
    "True: its place in the context is counted from the match of its key."
    non_story_activatable = Field("nonStoryActivatable", False, as_flag)
    "True: its keys are also searched in other active parts (it can cascade)."
    category = Field("category", "", as_text)
    "The id of its category; empty if it has none."
    hidden = Field("hidden", False, as_flag)
    "True: the editor does not show it."
    config = Field(
        "contextConfig",
        DEFAULT_CONFIGS[ContextKind.LORE],
        make_config_reader(DEFAULT_CONFIGS[ContextKind.LORE]),
        ContextConfig.to_data,
    )
    "Its context settings."
    advanced_conditions = Field[tuple[Record, ...]]("advancedConditions", (), make_records_reader(Record), dump_records)
    "Conditions that make it active: see `nai_proto.story.lore.conditions`."
    lore_bias_groups = Field[tuple[StoredBiases, ...]](
        "loreBiasGroups", (), make_records_reader(StoredBiases), dump_records
    )
    "Biases that are in force while it is active, or while it is not."
    last_updated_at = Field("lastUpdatedAt", 0.0, as_seconds, _write_time, is_rounded=True)
    "Seconds since 1970."

    def parse_keys(self, *, fill: Callable[[str], str] | None = None, limits: Limits = Limits()) -> tuple[Key, ...]:
        """Return the keys, without empty ones.

        Args:
            fill: fills in placeholders, as for `Key.parse`.
            limits: for keys.
        """
        OPTIONAL_FUNCTION.check(fill, "fill")
        LIMITS.check(limits, "limits")
        return tuple(Key.parse(key, fill=fill, limits=limits) for key in self.keys if key.strip())


class Category(Record):
    """A category of entries of a lorebook."""

    id = Field("id", "", as_text)
    "A UUID."
    name = Field("name", "", as_text)
    "The title."
    enabled = Field("enabled", True, as_flag)
    "False: none of its entries takes part."
    create_subcontext = Field("createSubcontext", False, as_flag)
    "True: its entries are put into the context as one block. See docs/protocol/content.md#84-sub-contexts."
    subcontext_settings = Field("subcontextSettings", Entry(), make_record_reader(Entry), dump_record)
    "The settings of that block, of which `Entry.config` is used."
    use_category_defaults = Field("useCategoryDefaults", False, as_flag)
    "True: new entries begin with `category_defaults`."
    category_defaults = Field("categoryDefaults", Entry(), make_record_reader(Entry), dump_record)
    "The fields that new entries begin with."
    category_bias_groups = Field[tuple[StoredBiases, ...]](
        "categoryBiasGroups", (), make_records_reader(StoredBiases), dump_records
    )
    "Biases that are in force while one of its entries is active, or while none is."
    open = Field("open", True, as_flag)
    "True: the editor shows its entries."
    order = Field[tuple[str, ...]]("order", (), as_texts)
    "The ids of its entries in the order in which the editor shows them."

    @property
    def entry_header(self) -> str:
        """The text in front of each of its entries."""
        return as_text(object_or_empty(self.data.get("settings")).get("entryHeader")) or ""
