"""Recognize files of other programs, which are not read, so that an error message can say what they are.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from .json_records import object_or_empty

__all__ = ["CHARACTER_CARD", "CHARACTER_CARD_KEYWORDS", "CONVERSATION_FORMAT", "describe_foreign_file"]

CHARACTER_CARD: Final = "a character card of SillyTavern"
CHARACTER_CARD_KEYWORDS: Final = ("chara", "ccv3")
"""The keywords of the PNG text chunks that such a card has."""
CONVERSATION_FORMAT: Final = "nai-conversation"
"""What the files of ``nai chat`` have as their ``format``."""
_KEY_FIELDS: Final = frozenset(("key", "keys"))


def describe_foreign_file(document: Mapping[str, Any]) -> str | None:
    """Return what a JSON file of another program is, for an error message; None if that is not known.

    Args:
        document: the file.
    """
    spec: object = document.get("spec")
    entries: object = document.get("entries")
    if isinstance(spec, str) and spec.startswith("chara_card"):
        return CHARACTER_CARD
    if isinstance(entries, Mapping | list) and _are_world_entries(cast("Mapping[str, Any] | list[Any]", entries)):
        return "a world of SillyTavern"
    if document.get("format") == CONVERSATION_FORMAT:
        return "a conversation that nai chat saved"
    if {"prompt", "actions", "worldinfo"} <= document.keys():
        return "a story of KoboldAI"
    return None


def _are_world_entries(entries: Mapping[str, Any] | list[Any]) -> bool:
    """Return whether these are entries with the fields that SillyTavern gives them."""
    items = entries.values() if isinstance(entries, Mapping) else entries
    fields = [object_or_empty(item).keys() for item in items]
    return bool(fields) and all("content" in names and not _KEY_FIELDS.isdisjoint(names) for names in fields)
