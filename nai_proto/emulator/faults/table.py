"""The table of all faults, with their forms as text and as JSON, and their description.

As text, a fault is its name with its options: ``cut``, ``cut:at=100``, ``cut:at=100,path=/ai/generate,times=1``; no value
contains a comma. As JSON, it is an object: ``{"fault": "cut", "at": 100}``. The options have the names and the bounds of
the classes' fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, cast, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from ...codecs.json import encode_json
from ...codecs.type_mismatch import find_mismatch
from ...errors import InvalidRequestError, excerpt
from ...exchange.endpoints import endpoint
from ...unknown_names import unknown_choice
from .content import Crlf, Failure
from .delivery import CutOff, Delay, Jitter, SlowHead, Split, Stall, Throughput, WrongLength
from .fault import Fault
from .replacement import Garbage, Gateway, Refusal

__all__ = ["FAULTS", "check_fault", "decode_fault", "describe_fault_kinds", "describe_faults", "parse_fault"]

_REPLACEMENT: Final[tuple[type[Fault], ...]] = (Refusal, Gateway, Garbage)
_CONTENT: Final[tuple[type[Fault], ...]] = (Failure, Crlf)
_DELIVERY: Final[tuple[type[Fault], ...]] = (
    Delay,
    WrongLength,
    CutOff,
    Stall,
    Split,
    Jitter,
    Throughput,
    SlowHead,
)

FAULTS: Final[Mapping[str, type[Fault]]] = {
    str(kind.__struct_config__.tag): kind for kind in (*_REPLACEMENT, *_CONTENT, *_DELIVERY)
}
"""The faults by name, in the order in which they act on a response: each gets the result of those before it."""


def parse_fault(text: str) -> Fault:
    """Parse a fault from its text, such as ``cut:at=100,times=1``.

    Raises:
        InvalidRequestError: it is not one. The message is one line, and names what is wrong.
    """
    name, colon, rest = text.partition(":")
    given: dict[str, object] = {"fault": name}
    for pair in rest.split(",") if colon else ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidRequestError(f"{excerpt(text)!r}: {excerpt(pair)!r} is not KEY=VALUE", parameter="text")
        if key in given:
            raise InvalidRequestError(f"{excerpt(text)!r}: {excerpt(key)} is there twice", parameter="text")
        given[key] = value
    return decode_fault(given, lax=True)


def decode_fault(document: object, *, lax: bool = False) -> Fault:
    """Decode a fault from its JSON object.

    Args:
        document: the object.
        lax: accept numbers as texts?

    Raises:
        InvalidRequestError: it is not one. The message is one line, and names what is wrong.
    """
    given: Mapping[str, object] = cast("Mapping[str, object]", document) if isinstance(document, Mapping) else {}
    name = str(given.get("fault", ""))
    if name not in FAULTS:
        raise unknown_choice(name, "fault", FAULTS, parameter="fault")
    kind = FAULTS[name]
    known = [one.name for one in fields(kind)]
    for key in given:
        if key not in ("fault", *known):
            raise unknown_choice(key, f"option of {name}", known, parameter=key)
    try:
        fault = msgspec.convert(given, kind, strict=not lax)
    except msgspec.ValidationError:
        mismatch = find_mismatch(given, kind, strict=not lax)
        key = mismatch.path.removeprefix(".")
        raise InvalidRequestError(
            f"{name}: {key}={excerpt(str(given.get(key)))}: {mismatch.problem}", parameter=key or None
        ) from None
    if fault.endpoint is not None:
        endpoint(fault.endpoint)
    encode_json(fault)  # fails now, and not when it is sent, if a text is not valid Unicode
    return fault


def check_fault(fault: Fault) -> Fault:
    """Return a fault after a check of its values.

    Raises:
        InvalidRequestError: a value is out of range.
    """
    return decode_fault(msgspec.to_builtins(fault))


def describe_faults() -> str:
    """Return a description of all faults and their options in their text form."""
    lines = ["A fault is NAME, or NAME:KEY=VALUE,KEY=VALUE,…", "", "Options of every fault:"]
    lines += _option_lines(fields(Fault))
    common = {one.name for one in fields(Fault)}
    for name, kind in FAULTS.items():
        lines += ["", f"{name}: {_summary(kind)}"]
        lines += _option_lines([one for one in fields(kind) if one.name not in common])
    return "\n".join(lines)


def describe_fault_kinds() -> list[dict[str, object]]:
    """Return the description as objects for JSON: name, summary, and options with their defaults and choices."""
    return [
        {"name": name, "summary": _summary(kind), "options": [_describe_option(option) for option in fields(kind)]}
        for name, kind in FAULTS.items()
    ]


def _describe_option(option: FieldInfo) -> dict[str, object]:
    plain = get_args(option.type)[0]
    choices = [*get_args(plain)] if get_origin(plain) is Literal else []
    description = get_args(option.type)[-1].description
    default = None if option.required else option.default
    is_text = bool(choices) or str in (plain, *get_args(plain))
    return {
        "name": option.name,
        "description": description,
        "is_text": is_text,
        "default": default,
        "choices": choices,
    }


def _summary(kind: type[Fault]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _option_lines(options: tuple[FieldInfo, ...] | list[FieldInfo]) -> Iterator[str]:
    for option in options:
        description = get_args(option.type)[-1].description
        default = "" if option.default is None else f" (default: {option.default})"
        yield f"  {option.name:<12}  {description}{_choices(option.type)}{default}"


def _choices(annotated: Any) -> str:
    """Return the choices of an option, if it has any."""
    plain = get_args(annotated)[0]
    return f": {', '.join(get_args(plain))}" if get_origin(plain) is Literal else ""
