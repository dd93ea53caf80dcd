"""Bans and biases as a story has them: groups of phrases, whose unknown fields stay (content §4.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from ..errors import LocalProtocolError, NaiError, RemoteProtocolError
from ..text.parameters import Phrase
from ..text.phrases import BanList, BiasGroup, plain

__all__ = ["ban_list", "bias_group", "listed", "merged"]

_TOKENS: Final = 1
"""The type of a phrase that is token ids."""

Group = TypeVar("Group", BanList, BiasGroup)


def listed(fields: Mapping[str, Any], name: str) -> list[Any]:
    """A field that is a list; empty for anything else."""
    found = fields.get(name)
    return cast("list[object]", found) if isinstance(found, list) else []


def ban_list(data: object) -> BanList:
    """The ban group that a story has. Raises RemoteProtocolError."""
    group: Mapping[str, object] = cast("Mapping[str, object]", data) if isinstance(data, Mapping) else {}
    sequences, enabled = group.get("sequences"), group.get("enabled", True)
    if not isinstance(sequences, list) or not isinstance(enabled, bool):
        raise RemoteProtocolError("ban group: it has no list of sequences, or does not say whether it is on")
    try:
        return BanList(*cast("list[Phrase]", sequences), enabled=enabled)
    except LocalProtocolError as error:
        problem = str(error)
    raise RemoteProtocolError(f"ban group: {problem}")


def bias_group(data: object) -> BiasGroup:
    """The bias group that a story has. Raises RemoteProtocolError."""
    if not isinstance(data, Mapping):
        raise RemoteProtocolError("bias group: it is no object")
    return BiasGroup.from_data(cast("Mapping[str, object]", data))


def merged(old: list[Any], groups: Sequence[Group], read: Callable[[object], Group], phrases: str) -> list[Any]:
    """The groups as JSON; where one stood before, what it had and this library does not know stays."""
    return [
        _written(group, old[index] if index < len(old) else {}, read, phrases) for index, group in enumerate(groups)
    ]


def _written(group: Group, before: Any, read: Callable[[object], Group], phrases: str) -> Any:
    try:
        if read(before) == group:
            return before
    except NaiError:
        pass
    kept = cast("dict[str, object]", before) if isinstance(before, dict) else {}
    known: dict[str | tuple[int, ...], Any] = {}
    for phrase in listed(kept, phrases):
        try:
            known[plain(phrase)] = phrase
        except NaiError:
            continue
    written: dict[str, Any] = {
        **kept,
        phrases: [known.get(phrase, _phrase(phrase)) for phrase in group],
        "enabled": group.enabled,
    }
    if isinstance(group, BiasGroup):
        snake = "ensure_sequence_finish" in kept or "generate_once" in kept
        finish, once = (
            ("ensure_sequence_finish", "generate_once") if snake else ("ensureSequenceFinish", "generateOnce")
        )
        written |= {"bias": group.bias, finish: group.ensure_sequence_finish, once: group.generate_once}
    return written


def _phrase(phrase: str | tuple[int, ...]) -> object:
    return phrase if isinstance(phrase, str) else {"sequences": [list(phrase)], "type": _TOKENS}
