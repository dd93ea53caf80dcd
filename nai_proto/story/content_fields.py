"""The fields of a story's card and content and of a scenario that are read beside the text, each with what it should be.

`ContentFields.problems` says which of them are something else, so that they are not read: a lorebook whose entries are an
object instead of a list has none.

See:
    docs/protocol/content.md#41-stories
    docs/protocol/content.md#42-storycontent
    docs/protocol/content.md#10-exported-files
"""

from __future__ import annotations

from .context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind, make_config_reader
from .json_records import (
    Field,
    Record,
    as_flag,
    as_integer,
    as_text,
    as_texts,
    dump_record,
    dump_records,
    make_record_reader,
    make_records_reader,
)
from .lore.biases import StoredBans, StoredBiases
from .lore.lorebook import Lorebook

__all__ = ["CardFields", "ContentFields", "EphemeralFields"]


def _make_config_field(kind: ContextKind, name: str = "contextConfig") -> Field[ContextConfig]:
    default = DEFAULT_CONFIGS[kind]
    return Field(name, default, make_config_reader(default), ContextConfig.to_data)


class _ContextFields(Record):
    """The memory or the Author's Note."""

    text = Field("text", "", as_text)
    config = _make_config_field(ContextKind.MEMORY)


class EphemeralFields(Record):
    """An ephemeral entry; see `nai_proto.story.EphemeralEntry`."""

    text = Field("text", "", as_text)
    config = _make_config_field(ContextKind.EPHEMERAL)
    starting_step = Field("startingStep", 0, as_integer)
    delay = Field("delay", 0, as_integer)
    duration = Field("duration", 0, as_integer)
    repeat = Field("repeat", False, as_flag)
    reverse = Field("reverse", False, as_flag)


class _SettingsFields(Record):
    """The settings of generation; `nai_proto.story.StorySettings` changes them."""

    parameters = Field("parameters", Record(), make_record_reader(Record), dump_record)
    preset = Field("preset", "", as_text)
    model = Field("model", "", as_text)
    prefix = Field("prefix", "", as_text)
    trim_responses = Field("trimResponses", True, as_flag)
    ban_brackets = Field("banBrackets", True, as_flag)


class _MessageFields(Record):
    """The settings of chat models."""

    system_prompt = Field("systemPrompt", "", as_text)
    prefill = Field("prefill", "", as_text)


class CardFields(Record):
    """The card of a story."""

    title = Field("title", "", as_text)
    description = Field("description", "", as_text)
    tags = Field[tuple[str, ...]]("tags", (), as_texts)
    is_adventure = Field("isTA", False, as_flag)


class ContentFields(Record):
    """The content of a story, or a scenario, but for its text."""

    settings = Field("settings", _SettingsFields(), make_record_reader(_SettingsFields), dump_record)
    context = Field[tuple[_ContextFields, ...]]("context", (), make_records_reader(_ContextFields), dump_records)
    "The memory and the Author's Note."
    lorebook = Field("lorebook", Lorebook(), make_record_reader(Lorebook), dump_record)
    config = _make_config_field(ContextKind.STORY, "storyContextConfig")
    ephemeral = Field[tuple[EphemeralFields, ...]](
        "ephemeralContext", (), make_records_reader(EphemeralFields), dump_records
    )
    biases = Field[tuple[StoredBiases, ...]]("phraseBiasGroups", (), make_records_reader(StoredBiases), dump_records)
    bans = Field[tuple[StoredBans, ...]]("bannedSequenceGroups", (), make_records_reader(StoredBans), dump_records)
    stops = Field[tuple[str, ...]]("eosSequences", (), as_texts)
    message_settings = Field("messageSettings", _MessageFields(), make_record_reader(_MessageFields), dump_record)
