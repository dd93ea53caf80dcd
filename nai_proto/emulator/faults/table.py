"""The table of all faults, and what is made of it: their form as text, their form as JSON, their description.

As text a fault is its name and what is known of it: ``cut``, ``cut:at=100``, ``cut:at=100,path=/ai/generate,times=1``; no
value has a comma. As JSON it is an object: ``{"fault": "cut", "at": 100}``. Both have the names and bounds of the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, cast, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from ...codecs.json import encode
from ...codecs.mismatch import find_mismatch
from ...errors import InvalidRequestError, excerpt
from ...exchange.endpoints import endpoint
from .content import Crlf, Failure
from .delivery import CutOff, Delay, Jitter, SlowHead, Split, Stall, Throughput, WrongLength
from .fault import Fault
from .replacement import Garbage, Gateway, Refusal

__all__ = ["FAULTS", "check_fault", "decode_fault", "describe_faults", "parse_fault"]

_INSTEAD: Final[tuple[type[Fault], ...]] = (Refusal, Gateway, Garbage)
_SAYING: Final[tuple[type[Fault], ...]] = (Failure, Crlf)
_ARRIVING: Final[tuple[type[Fault], ...]] = (
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
    str(kind.__struct_config__.tag): kind for kind in (*_INSTEAD, *_SAYING, *_ARRIVING)
}
"""Every fault by its name, in the order in which they act on an answer: each gets what those before it have left of it."""


def parse_fault(text: str) -> Fault:
    """The fault that a text tells: ``cut:at=100,times=1``.

    Raises:
        InvalidRequestError: it tells none. The message is one line, and names what is wrong.
    """
    name, colon, rest = text.partition(":")
    given: dict[str, object] = {"fault": name}
    for pair in rest.split(",") if colon else ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidRequestError(f"{excerpt(text)!r}: {excerpt(pair)!r} is not KEY=VALUE", parameter="text")
        if key in given:
            raise InvalidRequestError(f"{excerpt(text)!r}: {excerpt(key)} stands there twice", parameter="text")
        given[key] = value
    return decode_fault(given, lax=True)


def decode_fault(document: object, *, lax: bool = False) -> Fault:
    """The fault that a JSON object tells.

    Args:
        document: the object, decoded.
        lax: are its numbers texts?

    Raises:
        InvalidRequestError: it tells none. The message is one line, and names what is wrong.
    """
    given = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    name = str(given.get("fault", ""))
    if name not in FAULTS:
        raise InvalidRequestError(f"there is no fault {excerpt(name)!r}, only {', '.join(FAULTS)}", parameter="fault")
    kind = FAULTS[name]
    known = [one.name for one in fields(kind)]
    for key in given:
        if key not in ("fault", *known):
            raise InvalidRequestError(f"{name} has no {excerpt(key)!r}, only {', '.join(known)}", parameter=key)
    try:
        found = msgspec.convert(given, kind, strict=not lax)
    except msgspec.ValidationError:
        mismatch = find_mismatch(given, kind, strict=not lax)
        key = mismatch.path.removeprefix(".")
        raise InvalidRequestError(
            f"{name}: {key}={excerpt(str(given.get(key)))}: {mismatch.problem}", parameter=key or None
        ) from None
    if found.endpoint is not None:
        endpoint(found.endpoint)
    encode(found)  # what UTF-8 cannot carry is found now, and not when it is to be sent
    return found


def check_fault(one: Fault) -> Fault:
    """The same fault, its values found to be possible.

    Raises:
        InvalidRequestError: one is not.
    """
    return decode_fault(msgspec.to_builtins(one))


def describe_faults() -> str:
    """All faults with what can be said of them, for people who write them as text."""
    lines = ["A fault is NAME, or NAME:KEY=VALUE,KEY=VALUE,…", "", "What may be known of every one:"]
    lines += _lines(fields(Fault))
    common = {one.name for one in fields(Fault)}
    for name, kind in FAULTS.items():
        lines += ["", f"{name}: {_summary(kind)}"]
        lines += _lines([one for one in fields(kind) if one.name not in common])
    return "\n".join(lines)


def _summary(kind: type[Fault]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _lines(of: tuple[FieldInfo, ...] | list[FieldInfo]) -> Iterator[str]:
    for one in of:
        description = get_args(one.type)[-1].description
        yield f"  {one.name:<12}  {description}{_choices(one.type)}{'' if one.default is None else f' (else {one.default})'}"


def _choices(annotated: Any) -> str:
    """The words that a value is one of, if it is."""
    plain = get_args(annotated)[0]
    return f": {', '.join(get_args(plain))}" if get_origin(plain) is Literal else ""
