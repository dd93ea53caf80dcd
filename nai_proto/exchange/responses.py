"""JSON responses as typed values that lose nothing.

A `Response` has fields for the known keys; all other keys are in its ``extra``, at every level. A missing key or a value of
another type raises an error that names its place. `raw_json` returns the document itself instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Generic, Never, TypeVar, get_args

import msgspec

from ..codecs.json import JsonDecoder, convert_document, parse_number
from ..errors import RemoteProtocolError
from ..http import Head
from ..limits import Limits
from .operation import Operation
from .readers import BodyReader, JsonBodyReader, read_json

__all__ = ["JsonListReader", "JsonReader", "Response", "raw_json"]


class Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of all responses. The ``camelCase`` of JSON is ``snake_case`` here."""

    private: ClassVar[frozenset[str]] = frozenset()
    """Fields whose values are not in the repr."""
    extra: Mapping[str, Any] = msgspec.field(name="*", default_factory=dict[str, Any])
    "The keys without a field, as received."

    def __repr__(self) -> str:
        shown = (
            f"{each.name}={'…' if each.name in self.private else repr(getattr(self, each.name))}"
            for each in msgspec.structs.fields(self)
            if each.name != "extra" and getattr(self, each.name) is not None
        )
        more = [f"extra=[{', '.join(map(repr, self.extra))}]"] if self.extra else []
        return f"{type(self).__name__}({', '.join([*shown, *more])})"


A = TypeVar("A", bound=Response)


@dataclass(frozen=True, slots=True)
class JsonReader(Generic[A]):
    """Reads one JSON object as a `Response`. A number without a fraction becomes an int: ``5.0`` too."""

    type: type[A]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[A]:  # noqa: ARG002 -- a ReaderFactory
        def build(document: dict[str, Any]) -> A:
            return _to_response(document, self.type, where)

        return read_json(_DOCUMENT, build, where, limits)


@dataclass(frozen=True, slots=True)
class JsonListReader(Generic[A]):
    """Reads one JSON list of objects as a tuple of `Response`s, each as `JsonReader` reads it."""

    type: type[A]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[tuple[A, ...]]:  # noqa: ARG002 -- a ReaderFactory
        def build(documents: list[dict[str, Any]]) -> tuple[A, ...]:
            return tuple([_to_response(each, self.type, f"{where}[{place}]") for place, each in enumerate(documents)])

        return read_json(_DOCUMENTS, build, where, limits)


def _to_response(document: dict[str, Any], type: type[A], where: str) -> A:  # noqa: A002
    try:
        return _with_extra(convert_document(document, type, where=where), document)
    except RecursionError:
        pass
    raise RemoteProtocolError(f"{where}: nested too deeply to be read")


def raw_json(operation: Operation[Never, object]) -> Operation[Never, Any]:
    """Return the operation with the JSON document itself, complete and unchecked, as its result.

    Args:
        operation: one whose response is a JSON object, such as ``get_subscription()``.
    """
    return Operation(
        operation.request, (("application/json", JsonBodyReader(object, _itself)),), operation.repeat, operation.options
    )


def _itself(document: object) -> Any:
    return document


_DOCUMENT: Final = JsonDecoder(dict[str, Any], read_float=parse_number)
_DOCUMENTS: Final = JsonDecoder(list[dict[str, Any]], read_float=parse_number)


def _with_extra(response: A, document: Mapping[str, Any]) -> A:
    """Return the response with the document's keys that have no field, at every level."""
    names, nested = _layout(type(response))
    changed: dict[str, Any] = {}
    for key, name in nested:
        value = getattr(response, name)
        if isinstance(value, Response) and (whole := _with_extra(value, document[key])) is not value:
            changed[name] = whole
    if not names >= document.keys():
        changed["extra"] = {key: value for key, value in document.items() if key not in names}
    return msgspec.structs.replace(response, **changed) if changed else response


@cache
def _layout(kind: type[Response]) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """Return the JSON names of a class's fields, and both names of the fields that hold responses.

    Cached, since this evaluates all annotations.
    """
    fields = msgspec.structs.fields(kind)
    nested = [(field.encode_name, field.name) for field in fields if _holds_response(field.type)]
    return frozenset(field.encode_name for field in fields), tuple(nested)


def _holds_response(annotation: Any) -> bool:
    """Return whether a type is a response's, or an optional response's."""
    return any(isinstance(kind, type) and issubclass(kind, Response) for kind in (annotation, *get_args(annotation)))
