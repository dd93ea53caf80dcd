"""Preset files, read with a look at every value: what is known is typed, what is not is kept.

See docs/protocol/native.md#121-file-format-preset-utf-8-json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, cast

from ..codecs.json import JsonDecoder
from ..errors import InvalidFile, InvalidRequestError, RemoteProtocolError
from ..limits import Limits
from .preset_fields import FIELDS, Slot, checked, kind_of
from .rules import Kind

__all__ = ["parameters_of", "parsed", "read_settings", "read_slots", "text_of", "written_slots"]

_OBJECT: Final = JsonDecoder(dict[str, Any])


def parsed(data: bytes | str, where: str) -> dict[str, object]:
    """A file's text as a JSON object.

    Raises:
        InvalidFile: it is none.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    try:
        return _OBJECT.decode(data.removeprefix(b"\xef\xbb\xbf"), where=where, depth=Limits().json_depth)
    except RemoteProtocolError as error:
        problem = str(error)
    raise InvalidFile(problem if problem.startswith(where) else f"{where}: {problem}")


def text_of(document: Mapping[str, object], key: str, where: str) -> str:
    """A text that must be there.

    Raises:
        InvalidFile: it is not.
    """
    value = document.get(key)
    if not isinstance(value, str):
        raise InvalidFile(f"{where}: {key} is {_missing(value, 'text')}; is this a .preset file?")
    return value


def parameters_of(document: Mapping[str, object], where: str) -> Mapping[str, object]:
    """The parameters, which must be there; raises as `text_of`."""
    value = document.get("parameters")
    if not isinstance(value, Mapping):
        raise InvalidFile(f"{where}: parameters is {_missing(value, 'an object')}; is this a .preset file?")
    return cast("Mapping[str, object]", value)


def _missing(value: object, wanted: str) -> str:
    return "missing" if value is None else f"not {wanted}"


def read_settings(parameters: Mapping[str, object], where: str) -> dict[str, object]:
    """The settings of a file but ``order``, those that are not known included.

    Raises:
        InvalidFile: one has a wrong type.
    """
    return {name: _read(name, value, where) for name, value in parameters.items() if name != "order"}


def _read(name: str, value: object, where: str) -> object:
    new_word = name == "phrase_rep_pen" and isinstance(value, str) and not Kind.PHRASE_REP_PEN.holds(value)
    if name not in FIELDS or value is None or new_word:
        return deepcopy(value)
    if isinstance(value, float) and value.is_integer() and kind_of(name) is Kind.INTEGER:
        value = int(value)  # 40.0, as some programs write 40
    try:
        return checked(name, value)
    except InvalidRequestError as error:
        problem = str(error)
    raise InvalidFile(f"{where}: {problem}")


def read_slots(order: object, where: str) -> tuple[Slot, ...] | None:
    """The samplers of a file; None if it has no ``order``. Names that are not known, and copies, are kept.

    Raises:
        InvalidFile: it is not a list of objects with ``id`` and ``enabled``.
    """
    if order is None:
        return None
    if isinstance(order, Sequence) and not isinstance(order, str | bytes):
        found = [_slot(entry) for entry in cast("Sequence[object]", order)]
        if None not in found:
            return tuple(slot for slot in found if slot is not None)
    raise InvalidFile(f"{where}: order is not a list of objects with id (text) and enabled (true or false)")


def _slot(entry: object) -> Slot | None:
    if not isinstance(entry, Mapping):
        return None
    rest = dict(cast("Mapping[str, object]", entry))
    name, enabled = rest.pop("id", None), rest.pop("enabled", None)
    if not isinstance(name, str) or not isinstance(enabled, bool):
        return None
    return Slot(name, enabled, deepcopy(rest))


def written_slots(slots: Iterable[Slot]) -> list[dict[str, object]]:
    """``order`` as a file has it."""
    return [{"id": slot.name, "enabled": slot.enabled, **deepcopy(dict(slot.rest))} for slot in slots]
