"""JSON responses as typed values that forget nothing.

A `Response` names the keys that we know; whatever else the service sends is in its ``extra``, at every level. What is
missing or of another type is an error that says where. `raw_json` gives the document as it came instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, Never, TypeVar, cast

import msgspec

from ..codecs.json import converted
from ..errors import RemoteProtocolError
from ..http import Head
from ..limits import Limits
from .operation import Operation
from .readers import BodyReader, Json

__all__ = ["JsonReader", "Response", "raw_json"]


class Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What answers share. The wire's ``camelCase`` is ``snake_case`` here."""

    private: ClassVar[frozenset[str]] = frozenset()
    """Fields whose values stay out of the repr."""
    extra: Mapping[str, Any] = msgspec.field(name="*", default_factory=dict[str, Any])
    "The keys that this class does not know, as they came."

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
    """Reads one JSON object as an `Response`. A number without a fraction is an int, however it was written."""

    type: type[A]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[A]:
        def answer(document: dict[str, Any]) -> A:
            try:
                whole = _whole(document)
            except RecursionError:
                whole = None
            if whole is None:
                raise RemoteProtocolError(f"{where}: nested too deeply to be read")
            return _with_extra(converted(whole, self.type, where=where), whole)

        return Json(dict[str, Any], answer)(where, head, limits)


def raw_json(operation: Operation[Never, object]) -> Operation[Never, Any]:
    """The operation, but its answer is the JSON document as it is: nothing is missing there, and nothing is promised."""
    return Operation(
        operation.request, (("application/json", Json(object, _itself)),), operation.repeat, operation.options
    )


def _itself(document: object) -> Any:
    return document


def _whole(value: object) -> Any:
    """The document with ``5.0`` as ``5``."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_whole(item) for item in cast("list[object]", value)]
    return value


def _with_extra(response: A, document: Mapping[str, Any]) -> A:
    """Return the response with whatever of the document has no field, at every level."""
    names = _field_names(type(response))
    inner = {
        name: _with_extra(value, document[key])
        for key, name in names.items()
        if isinstance(value := getattr(response, name), Response)
    }
    extra = {key: value for key, value in document.items() if key not in names}
    return msgspec.structs.replace(response, extra=extra, **inner) if extra or inner else response


@cache
def _field_names(kind: type[Response]) -> Mapping[str, str]:
    """The names of a class's fields by their names on the wire: looked up once, since that evaluates all annotations."""
    return {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
