"""The format of preset files: known settings are checked, unknown ones are kept.

See docs/protocol/native.md#121-file-format-preset-utf-8-json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, cast

from ..codecs.file_problems import describe_value, find_file_problem
from ..codecs.json import JsonDecoder
from ..errors import InvalidFile, InvalidRequestError, InvalidTypeError, LimitExceeded, RemoteProtocolError
from ..limits import Limits
from .parameter_rules import ParameterKind
from .preset_fields import FIELDS, SamplerSlot, copy_setting, setting_kind
from .samplers import SAMPLERS

__all__ = ["dump_slots", "parse_document", "read_settings", "read_slots", "require_parameters", "require_text"]

_OBJECT: Final = JsonDecoder(dict[str, Any])


def parse_document(data: bytes | str, where: str) -> dict[str, object]:
    """Parse a file's text as a JSON object.

    Raises:
        InvalidFile: it is no JSON object.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    try:
        return _OBJECT.decode(data.removeprefix(b"\xef\xbb\xbf"), where=where, depth=Limits().json_depth)
    except LimitExceeded as error:
        problem = str(error)
    except RemoteProtocolError:
        problem = find_file_problem(data)
    raise InvalidFile(f"{where}: {problem}")


def require_text(document: Mapping[str, object], key: str, where: str) -> str:
    """Return a text that must be there.

    Raises:
        InvalidFile: it is missing, or no text.
    """
    value = document.get(key)
    if not isinstance(value, str):
        raise InvalidFile(f"{where}: {key} is {_describe_missing(value, 'a text')}; is this a .preset file?")
    return value


def require_parameters(document: Mapping[str, object], where: str) -> Mapping[str, object]:
    """Return the parameters, which must be there; raise as `require_text`."""
    value = document.get("parameters")
    if not isinstance(value, Mapping):
        raise InvalidFile(f"{where}: parameters is {_describe_missing(value, 'an object')}; is this a .preset file?")
    return cast("Mapping[str, object]", value)


def _describe_missing(value: object, wanted: str) -> str:
    return "missing" if value is None else f"{describe_value(value)}, not {wanted}"


def read_settings(parameters: Mapping[str, object], where: str) -> dict[str, object]:
    """Return the settings of a file except ``order``, unknown ones included.

    Raises:
        InvalidFile: one has a wrong type.
    """
    return {name: _read_setting(name, value, where) for name, value in parameters.items() if name != "order"}


def _read_setting(name: str, value: object, where: str) -> object:
    new_word = name == "phrase_rep_pen" and isinstance(value, str) and not ParameterKind.PHRASE_REP_PEN.accepts(value)
    if name not in FIELDS or value is None or new_word:
        return deepcopy(value)
    if isinstance(value, float) and value.is_integer() and setting_kind(name) is ParameterKind.INTEGER:
        value = int(value)  # 40.0, as some programs write 40
    try:
        return copy_setting(name, value)
    except InvalidRequestError as error:
        is_number = isinstance(value, int | float)  # which the error shows
        is_other = isinstance(error, InvalidTypeError) and not is_number
        problem = f"{name} is {describe_value(value)}, not {setting_kind(name)}" if is_other else str(error)
    raise InvalidFile(f"{where}: {problem}")


def read_slots(order: object, where: str) -> tuple[SamplerSlot, ...] | None:
    """Return the samplers of a file; None if it has no ``order``. Unknown and repeated names are kept.

    Older files have the numbers of samplers: those that are listed are on.

    See docs/protocol/content.md#42-storycontent.

    Raises:
        InvalidFile: it is not a list of objects with ``id`` and ``enabled``, or of numbers.
    """
    if order is None:
        return None
    if not isinstance(order, Sequence) or isinstance(order, str | bytes):
        raise InvalidFile(f"{where}: order is {describe_value(order)}, not a list")
    slots: list[SamplerSlot] = []
    for place, entry in enumerate(cast("Sequence[object]", order)):
        slot = _read_numbered_slot(entry) or _read_slot(entry)
        if slot is None:
            raise InvalidFile(
                f"{where}: order[{place}] is neither an object with id (text) and enabled (true or false) nor the number "
                f"of a sampler, 0 to {len(SAMPLERS) - 1}"
            )
        slots.append(slot)
    return tuple(slots)


def _read_numbered_slot(entry: object) -> SamplerSlot | None:
    is_number = isinstance(entry, int | float) and not isinstance(entry, bool) and entry in range(len(SAMPLERS))
    return SamplerSlot(SAMPLERS[int(cast("float", entry))].name, enabled=True) if is_number else None


def _read_slot(entry: object) -> SamplerSlot | None:
    if not isinstance(entry, Mapping):
        return None
    rest = dict(cast("Mapping[str, object]", entry))
    name, enabled = rest.pop("id", None), rest.pop("enabled", None)
    if not isinstance(name, str) or not isinstance(enabled, bool):
        return None
    return SamplerSlot(name, enabled, deepcopy(rest))


def dump_slots(slots: Iterable[SamplerSlot]) -> list[dict[str, object]]:
    """Return ``order`` as a file has it."""
    return [{"id": slot.name, "enabled": slot.enabled, **deepcopy(dict(slot.rest))} for slot in slots]
