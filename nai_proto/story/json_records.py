"""Records: stored JSON objects with typed fields, and the readers of their values.

A record keeps the whole object, so unknown fields and the order of fields stay as they are. Reading is lenient: a field that
is missing or of another type has its default value, and stays as it was stored until it is changed. `Record.problems` says
which fields those are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Never, Protocol, Self, TypeVar, cast, overload, runtime_checkable

from ..arguments import MAPPING, describe_type, with_article
from ..codecs.file_problems import describe_value, find_file_problem
from ..codecs.json_depth import check_depth
from ..codecs.secret_box import decode_or_none, read_json
from ..errors import InvalidFile, InvalidRequestError, InvalidTypeError
from ..limits import Limits
from ..unknown_names import unknown_choice

__all__ = [
    "Checked",
    "Field",
    "ItemReader",
    "ListReader",
    "Record",
    "as_flag",
    "as_integer",
    "as_list",
    "as_number",
    "as_seconds",
    "as_text",
    "as_texts",
    "describe_expected",
    "describe_mismatch",
    "dump_record",
    "dump_records",
    "list_or_empty",
    "list_to_change",
    "make_record_reader",
    "make_records_reader",
    "object_or_empty",
    "read_json_object",
    "require_list",
    "require_object",
    "require_text",
]

T = TypeVar("T")
R = TypeVar("R", bound="Record")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LARGEST_FLOAT: Final = 1.7976931348623157e308  # of floats


@runtime_checkable
class Checked(Protocol):
    """A value that was read from a JSON object, and knows what of it could not be read."""

    def find_problems(self, path: str) -> Iterator[str]:
        """Yield a sentence for each value that was not read, because it is of another type; null stands for no value.

        Args:
            path: where the object is, to put in front of the names of its fields.
        """
        ...


@runtime_checkable
class ItemReader(Protocol):
    """A reader of lists that knows which of their items it does not read: `ListReader`, of whatever items."""

    def find_item_problems(self, items: Iterable[object], path: str) -> Iterator[str]:
        """Yield a sentence for each item that is not read; as `Checked.find_problems`."""
        ...


class Field(Generic[T]):
    """One field of a record.

    Args:
        wire: the name in JSON.
        default: the value of a field that is missing or of another type.
        read: reads a value from JSON; returns None for a value of another type.
        write: returns a value for JSON.
        alias: another spelling of the name; a record keeps the spelling that it has.
        is_rounded: whether a value may be stored less exactly than it was given.
    """

    def __init__(
        self,
        wire: str,
        default: T,
        read: Callable[[object], T | None],
        write: Callable[[T], object] | None = None,
        *,
        alias: str | None = None,
        is_rounded: bool = False,
    ) -> None:
        self._wire = wire
        self._alias = alias
        self.is_rounded = is_rounded
        self.default = default
        self.read = read
        self.write: Callable[[T], object] = write or _write_plain

    @property
    def expected(self) -> str:
        """What the field takes, for error messages."""
        kind = type(self.default).__name__
        article = "an" if kind[0] in "AEIOaeio" else "a"
        return _EXPECTED.get(self.read, "a list of records" if kind == "tuple" else f"{article} {kind}")

    def find_problems(self, value: object, path: str) -> Iterator[str]:
        """Yield what of a stored value is not read; as `Checked.find_problems`."""
        found = self.read(value)
        if found is None:
            yield describe_mismatch(path, value, describe_expected(self.default))
        elif isinstance(found, Checked):
            yield from found.find_problems(f"{path}.")
        elif isinstance(self.read, ItemReader):
            yield from self.read.find_item_problems(cast("list[object]", value), path)

    def __set_name__(self, owner: type[Record], name: str) -> None:
        owner.fields = {**owner.fields, name: self}

    def wire_name(self, data: Mapping[str, Any]) -> str:
        """Return the name that the field has in an object."""
        return self._alias if self._alias is not None and self._alias in data and self._wire not in data else self._wire

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> T: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | T:
        if record is None:
            return self
        value = self.read(record.data.get(self.wire_name(record.data)))
        return self.default if value is None else value

    def __set__(self, record: Record, value: T) -> Never:
        raise AttributeError("records do not change: use with_fields()")


@dataclass(frozen=True, repr=False)
class Record:
    """A JSON object that is immutable: `with_fields` returns a changed copy."""

    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    "The whole object as it is stored; do not change it."

    fields = cast("Mapping[str, Field[Any]]", {})

    def __post_init__(self) -> None:
        MAPPING.check(self.data, "data")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def problems(self) -> tuple[str, ...]:
        """What is stored where another type was expected, and so is not read: short sentences that quote nothing of it."""
        return tuple(f"its {problem}" for problem in self.find_problems(""))

    def find_problems(self, path: str) -> Iterator[str]:
        """Yield the same; as `Checked.find_problems`."""
        for definition in self.fields.values():
            name = definition.wire_name(self.data)
            if self.data.get(name) is not None:
                yield from definition.find_problems(self.data[name], path + name)

    def with_fields(self, **values: Any) -> Self:
        """Return a copy of the record with other values.

        Args:
            values: by the Python names of the fields.

        Raises:
            InvalidTypeError: a value, or an item of a list, is of the wrong type.
            InvalidRequestError: there is no such field, or a number is out of bounds.
        """
        data, record = dict(self.data), type(self).__name__.lower()
        for name, value in values.items():
            definition = self.fields.get(name)
            if definition is None:
                raise unknown_choice(name, f"field of {with_article(record)}", self.fields, parameter=name)
            listed = as_list(value)
            wanted = value if listed is None else tuple(listed)
            try:
                stored = definition.write(wanted)
                read_back = definition.read(stored)
            except (AttributeError, TypeError):  # the writer got a value of another type
                stored = read_back = None
            if read_back is None or (isinstance(wanted, tuple) and read_back != wanted):
                but = f", not {describe_type(value)}" if read_back is None else "; one of its items has the wrong type"
                raise InvalidTypeError(f"{record}.{name} takes {definition.expected}{but}", parameter=name)
            if read_back != wanted and not definition.is_rounded:
                shown = wanted if isinstance(wanted, int | float) else f"this {type(value).__name__}"
                raise InvalidRequestError(f"{record}.{name} cannot be {shown}", parameter=name)
            data[definition.wire_name(data)] = stored
        return type(self)(data)


def _write_plain(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


# ---- readers


def as_text(value: object) -> str | None:
    """Return a str, or None."""
    return value if isinstance(value, str) else None


def as_flag(value: object) -> bool | None:
    """Return a bool, or None."""
    return value if isinstance(value, bool) else None


def as_number(value: object) -> float | None:
    """Return a finite number, or None; a bool is no number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_FLOAT
    return cast("float", value) if is_number else None


def as_seconds(value: object) -> float | None:
    """Return a time that a document has in milliseconds since 1970 in seconds; None for anything but a finite number."""
    number = as_number(value)
    return None if number is None else number / 1000


def as_integer(value: object) -> int | None:
    """Return a finite number without its fraction, or None."""
    number = as_number(value)
    return None if number is None else int(number)


class ListReader(Generic[T]):
    """A reader of lists, without the items that are of another type.

    Args:
        read_item: reads an item; returns None for one of another type.
        expected: what an item is, for people.
    """

    def __init__(self, read_item: Callable[[object], T | None], expected: str) -> None:
        self._read_item = read_item
        self._expected = expected

    def __call__(self, value: object) -> tuple[T, ...] | None:
        """Return the items, or None if the value is no list."""
        items = as_list(value)
        if items is None:
            return None
        return tuple(read for item in items if (read := self._read_item(item)) is not None)

    def find_item_problems(self, items: Iterable[object], path: str) -> Iterator[str]:
        """Yield what of the items is not read; as `Checked.find_problems`."""
        for index, item in enumerate(items):
            read = self._read_item(item)
            if read is None:
                yield describe_mismatch(f"{path}[{index}]", item, self._expected)
            elif isinstance(read, Checked):
                yield from read.find_problems(f"{path}[{index}].")


as_texts: Final = ListReader(as_text, "a text")
"""Return the items of a list that are str, or None if the value is no list."""


def make_record_reader(kind: Callable[[Mapping[str, Any]], R]) -> Callable[[object], R | None]:
    """Return a reader that makes a record of an object."""
    return lambda value: kind(cast("dict[str, Any]", value)) if isinstance(value, dict) else None


def make_records_reader(kind: Callable[[Mapping[str, Any]], R]) -> ListReader[R]:
    """Return a reader that makes records of the objects in a list."""
    return ListReader(make_record_reader(kind), "an object")


def dump_record(record: Record) -> Mapping[str, Any]:
    """Return a record as a JSON object."""
    return record.data


def dump_records(records: Iterable[Record]) -> list[Mapping[str, Any]]:
    """Return records as a list of JSON objects."""
    return [record.data for record in records]


def as_list(value: object) -> list[Any] | None:
    """Return a list, or None."""
    return cast("list[object]", value) if isinstance(value, list) else None


_EXPECTED: Final[Mapping[Callable[[object], object], str]] = {
    as_text: "a str",
    as_flag: "True or False",
    as_number: "a finite number",
    as_seconds: "seconds since 1970",
    as_integer: "an int",
    as_texts: "a list of str",
}
"""What each reader reads, for error messages."""

_JSON_WORDS: Final[Mapping[type, str]] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    tuple: "a list",
}


def describe_expected(default: object) -> str:
    """Return what a field with such a default value is in JSON, for people."""
    return _JSON_WORDS.get(type(default), "an object")


def describe_mismatch(path: str, value: object, expected: str) -> str:
    """Return a sentence that says what is stored where something else was expected."""
    found = describe_value(value)
    return (
        f"{path} is {found}, and {expected} was expected"
        if found != expected
        else f"{path} is {found} that is not known"
    )


# ---- whole objects


def read_json_object(data: bytes, *, where: str, limits: Limits = Limits()) -> dict[str, Any]:
    """Read a JSON object in UTF-8; integers of any size and lone surrogates are kept.

    Args:
        data: the JSON text.
        where: the name of the data, to begin an error message with.
        limits: for the nesting of a card or a content, which is one level inside.

    Raises:
        InvalidFile: the data is no JSON object in UTF-8; the message says what it is, or where it ceases to be JSON.
        LimitExceeded: the object is nested too deeply.
    """
    check_depth(data, limits.json_depth + 1)  # a card or a content is a level down
    document = decode_or_none(read_json, data.removeprefix(_BYTE_ORDER_MARK))
    if not isinstance(document, dict):
        raise InvalidFile(f"{where}: {find_file_problem(data)}")
    return cast("dict[str, Any]", document)


def require_list(document: Mapping[str, Any], name: str, where: str) -> None:
    """Check that a field of a file is a list.

    Raises:
        InvalidFile: it is another value, or missing.
    """
    _require(document, name, list, "a list", where)


def require_object(document: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    """Return a field of a file that is an object; raise as `require_list`."""
    _require(document, name, dict, "an object", where)
    return cast("dict[str, Any]", document[name])


def require_text(document: Mapping[str, Any], name: str, where: str) -> None:
    """Check that a field of a file is a text; raise as `require_list`."""
    _require(document, name, str, "a text", where)


def _require(document: Mapping[str, Any], name: str, kind: type, expected: str, where: str) -> None:
    if name not in document:
        raise InvalidFile(f"{where}: its {name} is missing")
    if not isinstance(document[name], kind):
        raise InvalidFile(f"{where}: its {describe_mismatch(name, document[name], expected)}")


def list_to_change(document: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list of a field that is to be changed; an empty one if there is none.

    Raises:
        InvalidRequestError: the field is another value, which the change would drop.
    """
    value: object = document.get(name)
    if value is not None and not isinstance(value, list):
        raise InvalidRequestError(
            f"{describe_mismatch(name, value, 'a list')}, so it cannot be changed", parameter=name
        )
    return list_or_empty(document.get(name))


def object_or_empty(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for any other value."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def list_or_empty(value: object) -> list[object]:
    """Return a list; an empty one for any other value."""
    return cast("list[object]", value) if isinstance(value, list) else []
