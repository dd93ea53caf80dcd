"""The card and the content of a new story.

See:
    docs/protocol/content.md#41-stories
    docs/protocol/content.md#42-storycontent
    docs/protocol/content.md#43-context-configuration-contextconfig
    docs/protocol/content.md#46-lorebook
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRequestError
from ..text.models import Model
from ..text.preset import Preset

__all__ = ["CONTEXT_ENTRIES", "build_card", "build_content"]


def _build_config(suffix: str, reserved: int, priority: int, trim: str, position: int) -> dict[str, Any]:
    return {
        "prefix": "",
        "suffix": suffix,
        "tokenBudget": 1,
        "reservedTokens": reserved,
        "budgetPriority": priority,
        "trimDirection": trim,
        "insertionType": "newline",
        "maximumTrimType": "sentence",
        "insertionPosition": position,
    }


CONTEXT_ENTRIES: Final[list[dict[str, Any]]] = [
    {"text": "", "contextConfig": _build_config("\n", 0, 800, "trimBottom", 0)},
    {"text": "", "contextConfig": _build_config("\n", 1, -400, "trimBottom", -4)},
]
"""The memory and the Author's Note."""


def build_card(title: str, now: int, has_document: bool) -> dict[str, Any]:
    """Return the card of a new story.

    Args:
        title: of the story.
        now: milliseconds since 1970.
        has_document: whether the text is in the document format.
    """
    return {
        "storyMetadataVersion": 1,
        "id": "",
        "remoteId": "",
        "remoteStoryId": "",
        "title": title,
        "description": "",
        "textPreview": "",
        "isTA": False,
        "favorite": False,
        "tags": [],
        "createdAt": now,
        "lastUpdatedAt": now,
        "isModified": True,
        "hasDocument": has_document,
    }


def build_content(text: tuple[str, object], model: Model | str, version: int) -> dict[str, Any]:
    """Return the content of a new story.

    Args:
        text: the name and the value of the field with the text.
        model: its default preset gives the settings.
        version: of the content.
    """
    name, packed = text
    lore = {"text": "", "contextConfig": _build_config("\n", 0, 400, "trimBottom", -1)}
    ephemeral = {"text": "", "contextConfig": _build_ephemeral_config()}
    return {
        "storyContentVersion": version,
        name: packed,
        "settings": _build_settings(Model.named(model)),
        "context": [{**entry, "contextConfig": dict(entry["contextConfig"])} for entry in CONTEXT_ENTRIES],
        "lorebook": {
            "lorebookVersion": 5,
            "entries": [],
            "settings": {"orderByKeyLocations": False},
            "categories": [],
            "order": [],
        },
        "storyContextConfig": {**_build_config("", 512, 0, "trimTop", -1), "allowInsertionInside": True},
        "ephemeralContext": [],
        "contextDefaults": {"ephemeralDefaults": [ephemeral], "loreDefaults": [lore]},
        "settingsDirty": False,
        "didGenerate": False,
        "phraseBiasGroups": [],
        "bannedSequenceGroups": [],
    }


def _build_ephemeral_config() -> dict[str, Any]:
    return {**_build_config("\n", 1, -10000, "doNotTrim", -2), "maximumTrimType": "newline"}


def _build_settings(model: Model) -> dict[str, Any]:
    preset: dict[str, Any] = {"id": "", "parameters": {}}
    try:
        preset |= Preset.from_default(model).to_preset_data()
    except InvalidRequestError:  # this model has no presets
        pass
    return {
        "parameters": preset["parameters"],
        "preset": preset["id"],
        "trimResponses": True,
        "banBrackets": True,
        "prefix": "vanilla",
        "prefixMode": 0,
        "dynamicPenaltyRange": False,
        "mode": 0,
        "model": model.id,
    }
