"""Objects of stored JSON with typed names on them: what has no name here stays, and so does the order.

A record is read with patience: a field that is missing or of another type is its default, and stays as it was stored until
it is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Never, Self, TypeVar, cast, overload

from ..arguments import MAPPING, describe_type
from ..codecs.box import attempt, read_json
from ..codecs.json import check_depth
from ..errors import InvalidFile, InvalidRequestError, InvalidTypeError
from ..limits import Limits

__all__ = [
    "Field",
    "Record",
    "as_flag",
    "as_integer",
    "as_list",
    "as_number",
    "as_text",
    "as_texts",
    "dump_records",
    "list_or_empty",
    "make_records_reader",
    "object_or_empty",
    "read_json_object",
]

T = TypeVar("T")
R = TypeVar("R", bound="Record")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LARGEST_FLOAT: Final = 1.7976931348623157e308  # of floats


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
        self.write: Callable[[T], object] = write or _write_plain

    @property
    def takes(self) -> str:
        """What it takes, for a message."""
        kind = type(self.default).__name__
        article = "an" if kind[0] in "AEIOaeio" else "a"
        return _EXPECTED.get(self.read, "a list of records" if kind == "tuple" else f"{article} {kind}")

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
        raise AttributeError("records are values: use with_fields()")


@dataclass(frozen=True, repr=False)
class Record:
    """A JSON object that is not changed, but replaced."""

    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    "The whole object as it is stored. Not to be changed."

    fields = cast("Mapping[str, Field[Any]]", {})

    def __post_init__(self) -> None:
        MAPPING.check(self.data, "data")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def with_fields(self, **values: Any) -> Self:
        """The record with other values.

        Args:
            values: by the names of its fields here.

        Raises:
            InvalidTypeError: a value, or an item of a list, is of another type.
            InvalidRequestError: there is no such field, or a number is out of its bounds.
        """
        data, record = dict(self.data), type(self).__name__.lower()
        for name, value in values.items():
            known = self.fields.get(name)
            if known is None:
                raise InvalidRequestError(f"{record}: there is no field {name!r}", parameter=name)
            listed = as_list(value)
            wanted = value if listed is None else tuple(listed)
            try:
                written = known.write(wanted)
                found = known.read(written)
            except (AttributeError, TypeError):  # a writer's, which got something else than it writes
                written = found = None
            if found is None or (isinstance(wanted, tuple) and found != wanted):
                but = f", not {describe_type(value)}" if found is None else "; one of its items is something else"
                raise InvalidTypeError(f"{record}.{name} takes {known.takes}{but}", parameter=name)
            if found != wanted:
                shown = wanted if isinstance(wanted, int | float) else f"this {type(value).__name__}"
                raise InvalidRequestError(f"{record}.{name} cannot be {shown}", parameter=name)
            data[known.wire(data)] = written
        return type(self)(data)


def _write_plain(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


# ---- readers


def as_text(value: object) -> str | None:
    """A text."""
    return value if isinstance(value, str) else None


def as_flag(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def as_number(value: object) -> float | None:
    """A number that is finite; a flag is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_FLOAT
    return cast("float", value) if known else None


def as_integer(value: object) -> int | None:
    """A number without its fraction."""
    known = as_number(value)
    return None if known is None else int(known)


def as_texts(value: object) -> tuple[str, ...] | None:
    """Those items of a list that are texts."""
    items = as_list(value)
    return None if items is None else tuple(item for item in items if isinstance(item, str))


def make_records_reader(kind: Callable[[Mapping[str, Any]], R]) -> Callable[[object], tuple[R, ...] | None]:
    """A reader of those items of a list that are objects."""

    def read(value: object) -> tuple[R, ...] | None:
        items = as_list(value)
        if items is None:
            return None
        return tuple(kind(cast("dict[str, Any]", item)) for item in items if isinstance(item, dict))

    return read


def dump_records(records: Iterable[Record]) -> list[Mapping[str, Any]]:
    """A writer of records in a list."""
    return [record.data for record in records]


def as_list(value: object) -> list[Any] | None:
    """A list of anything."""
    return cast("list[object]", value) if isinstance(value, list) else None


_EXPECTED: Final[Mapping[Callable[[object], object], str]] = {
    as_text: "a str",
    as_flag: "True or False",
    as_number: "a finite number",
    as_integer: "an int",
    as_texts: "a list of str",
}
"""What the readers read, for messages."""


# ---- whole objects


def read_json_object(data: bytes, *, where: str, limits: Limits = Limits()) -> dict[str, Any]:
    """A JSON object in UTF-8, with whole numbers of any size, and lone surrogates, as objects are read.

    Raises:
        InvalidFile: it is none.
        LimitExceeded: it is nested too deeply.
    """
    check_depth(data, limits.json_depth + 1)  # a card or a content is a level down
    document = attempt(read_json, data.removeprefix(_BYTE_ORDER_MARK))
    if not isinstance(document, dict):
        raise InvalidFile(f"{where}: a JSON object in UTF-8 was expected")
    return cast("dict[str, Any]", document)


def object_or_empty(value: object) -> Mapping[str, Any]:
    """Those of an object; none of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def list_or_empty(value: object) -> list[object]:
    """Those of a list; none of anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []
