"""Objects of stored JSON with typed names on them: what has no name here stays, and so does the order.

A record is read with patience: a field that is missing or of another type is its default, and stays as it was stored until
it is changed. JSON is read and written as JavaScript does, whole numbers of any size and lone surrogates included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Never, Self, TypeVar, cast, overload

from ..codecs.json import check_depth
from ..errors import LocalProtocolError, RemoteProtocolError
from ..limits import Limits

__all__ = ["Field", "Record", "read_object", "stored", "write_object"]
__all__ += ["a_flag", "a_list", "a_number", "a_text", "a_whole", "some_objects", "some_texts"]

T = TypeVar("T")
R = TypeVar("R", bound="Record")

_DIGITS: Final = 640  # any Python reads so many; to JavaScript a longer number is a float in any case
_LARGEST: Final = 1.7976931348623157e308
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Field(Generic[T]):
    """One field of a record.

    Args:
        wire: its name in JSON.
        default: for what is missing, or not read.
        read: a value from JSON; None for what is not of the type.
        write: the value for JSON.
        also: another spelling of its name; the one that was read is written.
    """

    def __init__(
        self,
        wire: str,
        default: T,
        read: Callable[[object], T | None],
        write: Callable[[T], object] | None = None,
        *,
        also: str | None = None,
    ) -> None:
        self._wire = wire
        self._also = also
        self.default = default
        self.read = read
        self.write: Callable[[T], object] = write or _plain

    def __set_name__(self, owner: type[Record], name: str) -> None:
        owner.fields = {**owner.fields, name: self}

    def wire(self, data: Mapping[str, Any]) -> str:
        """Its name in this object."""
        return self._also if self._also is not None and self._also in data and self._wire not in data else self._wire

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> T: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | T:
        if record is None:
            return self
        value = self.read(record.data.get(self.wire(record.data)))
        return self.default if value is None else value

    def __set__(self, record: Record, value: T) -> Never:
        raise AttributeError("records are values: use changed()")


@dataclass(frozen=True, repr=False)
class Record:
    """A JSON object that is not changed, but replaced."""

    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    "The whole object as it is stored. Not to be changed."

    fields = cast("Mapping[str, Field[Any]]", {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def changed(self, **values: Any) -> Self:
        """The record with other values.

        Args:
            values: by the names of its fields here.

        Raises:
            LocalProtocolError: there is no such field, or the value is not of its type.
        """
        data = dict(self.data)
        for name, value in values.items():
            known = self.fields.get(name)
            if known is None:
                raise LocalProtocolError(f"{type(self).__name__.lower()}: there is no field {name!r}")
            written = known.write(value)
            if known.read(written) is None:
                raise LocalProtocolError(f"{type(self).__name__.lower()}: {name} cannot be a {type(value).__name__}")
            data[known.wire(data)] = written
        return type(self)(data)


def _plain(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


# ---- readers


def a_text(value: object) -> str | None:
    """A text."""
    return value if isinstance(value, str) else None


def a_flag(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def a_number(value: object) -> float | None:
    """A number that is finite; a flag is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return cast("float", value) if known else None


def a_whole(value: object) -> int | None:
    """A number without its fraction."""
    known = a_number(value)
    return None if known is None else int(known)


def some_texts(value: object) -> tuple[str, ...] | None:
    """Those items of a list that are texts."""
    items = a_list(value)
    return None if items is None else tuple(item for item in items if isinstance(item, str))


def some_objects(kind: Callable[[Mapping[str, Any]], R]) -> Callable[[object], tuple[R, ...] | None]:
    """A reader of those items of a list that are objects."""

    def read(value: object) -> tuple[R, ...] | None:
        items = a_list(value)
        if items is None:
            return None
        return tuple(kind(cast("dict[str, Any]", item)) for item in items if isinstance(item, dict))

    return read


def stored(records: Iterable[Record]) -> list[Mapping[str, Any]]:
    """A writer of records in a list."""
    return [record.data for record in records]


def a_list(value: object) -> list[Any] | None:
    """A list of anything."""
    return cast("list[object]", value) if isinstance(value, list) else None


# ---- JSON


def read_object(data: bytes, *, where: str, limits: Limits = Limits()) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RemoteProtocolError: it is none.
        LimitExceeded: it is nested deeper than `Limits.json_depth`.
    """
    check_depth(data, limits.json_depth)
    try:
        found: object = json.loads(
            data.removeprefix(b"\xef\xbb\xbf").decode(), parse_constant=_no_constant, parse_int=_integer
        )
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RemoteProtocolError(f"{where}: a JSON object in UTF-8 was expected")
    return cast("dict[str, Any]", found)


def write_object(value: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8, as JavaScript writes it.

    Raises:
        LocalProtocolError: something in it has no form in JSON.
    """
    try:
        found = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    else:
        return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", found).encode()
    raise LocalProtocolError(f"this cannot be written as JSON ({problem})")


def _no_constant(name: str) -> Never:
    raise ValueError(name)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _DIGITS else float(digits)
