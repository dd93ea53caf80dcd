"""Decode chunks with unknown keys as quickly as others, once a stream has shown which keys those are.

msgspec skips unknown keys or refuses them, but keeps none. So classes are made that have the unknown keys as fields of
their own; what they decode is then converted to the usual classes, with those fields in ``extra``. `tolerant_decoder` gives
the same values, ten times as slowly.

See docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from types import UnionType
from typing import Any, Final, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType

from ..codecs.json_depth import check_depth
from .response_objects import EXTRA, keeps_unknown_keys
from .response_parser import PARTS, list_keys

__all__ = ["UnknownKeys", "find_unknown_keys", "make_decoder"]

T = TypeVar("T")

UnknownKeys: TypeAlias = frozenset[tuple[type, str, bool]]
"""Classes, each with a key that it has no field for, and whether there may be an array or an object behind it."""

_NOT_EXTRA: Final = frozenset(("text", "message", "delta", "reasoning", "token_ids", "statusCode", "detail"))
"""Unknown keys that do not simply go to ``extra``: a text in another place than usual, and what makes a chunk an error."""

_SIMPLE: Final = str | int | float | bool | UnsetType | None
_NULL: Final = UnsetType | None
"The type of a key ``error``, which makes a chunk an error unless it is null."


def find_unknown_keys(document: object, type: type) -> Iterator[tuple[type, str, bool]]:  # noqa: A002
    """Yield the unknown keys of a document, and of its parts.

    Args:
        document: decoded JSON.
        type: what the document should be, one of `response_objects`.
    """
    if isinstance(document, list):
        for item in cast("list[object]", document):
            yield from find_unknown_keys(item, type)
    elif isinstance(document, dict):
        given = cast("dict[str, object]", document)
        known = list_keys(type)
        if keeps_unknown_keys(type):
            yield from ((type, key, isinstance(item, dict | list)) for key, item in given.items() if key not in known)
        for key, part in PARTS.get(type, {}).items():
            yield from find_unknown_keys(given.get(key), part)


@lru_cache(maxsize=32)
def make_decoder(type: type[T], unknown: UnknownKeys, depth: int) -> Callable[[bytes], T] | None:  # noqa: A002
    """Return a decoder of documents that may have these unknown keys; None if one of them does not simply go to ``extra``.

    The decoder raises what msgspec raises for a document with other unknown keys, and for all that is not usual, and
    LimitExceeded for one of more than ``depth`` levels.
    """
    if any(key in _NOT_EXTRA for _, key, _ in unknown):
        return None
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(_extend(type, unknown)).decode
    is_flat = not any(nested for _, _, nested in unknown)

    def decode_and_convert(data: bytes) -> T:
        if not is_flat:
            check_depth(data, depth)
        return msgspec.convert(decode(data), type, from_attributes=True)

    return decode_and_convert


def _extend(type: type, unknown: UnknownKeys) -> type:  # noqa: A002
    """Return a class like ``type`` with a field for each of its unknown keys, and with extended parts.

    Its ``extra`` is a property, from which `msgspec.convert` takes that of the usual class.
    """
    parts = {key: (part, _extend(part, unknown)) for key, part in PARTS.get(type, {}).items()}
    keys = {key: _SIMPLE for owner, key, _ in unknown if owner is type}
    keys |= {key: Any for owner, key, nested in unknown if owner is type and nested}
    keys |= {key: _NULL for key in keys if key == "error"}
    if not keys and all(part is extended for part, extended in parts.values()):
        return type
    names = {f"unknown_{place}": key for place, key in enumerate(keys)}
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(type):
        key = field.encode_name
        if key != EXTRA:
            annotation = _replace(field.type, *parts[key]) if key in parts else field.type
            fields.append((field.name, annotation, _field(field.default, field.default_factory, key)))
    fields += [(name, keys[key], _field(UNSET, msgspec.NODEFAULT, key)) for name, key in names.items()]

    def extra(self: object) -> dict[str, Any]:
        return {key: value for name, key in names.items() if (value := getattr(self, name)) is not UNSET}

    return msgspec.defstruct(
        type.__name__,
        fields,
        namespace={"extra": property(extra)},
        kw_only=True,
        gc=False,
        forbid_unknown_fields=True,
    )


def _field(default: Any, factory: Any, name: str) -> Any:
    return msgspec.field(default=default, default_factory=factory, name=name)  # type: ignore[call-overload]  # one is NODEFAULT


def _replace(annotation: Any, old: type, new: type) -> Any:
    """Return a class, an optional one or a tuple of them with another class in its place."""
    if annotation is old:
        return new
    made = [_replace(each, old, new) for each in get_args(annotation)]
    if get_origin(annotation) is tuple:
        return tuple[tuple(made)]  # type: ignore[misc]
    union: Any = Union
    return union[tuple(made)] if get_origin(annotation) in (Union, UnionType) else annotation
