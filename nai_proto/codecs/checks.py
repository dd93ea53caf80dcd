"""Refuse arguments of types that a parameter does not take, by a sentence that names the parameter and what it takes.

A caller who passes None where bytes are wanted is told so at once, and not by an AttributeError from further down. Values
are never shown, since they may be secret; their types are.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar, cast

from ..errors import InvalidRequestError, InvalidTypeError, excerpt
from ..limits import Limits

__all__ = [
    "as_bytes",
    "as_items",
    "as_member",
    "check_bytes",
    "check_choice",
    "check_container",
    "check_function",
    "check_integer",
    "check_iterable",
    "check_limits",
    "check_mapping",
    "check_number",
    "check_text",
    "check_texts",
    "check_type",
    "item_error",
    "type_error",
]

T = TypeVar("T")
M = TypeVar("M", bound=StrEnum)

_TEXTS: Final[tuple[type, ...]] = (str, bytes, bytearray, memoryview)
"""What can be iterated over, and is no list."""


def type_error(value: object, name: str, takes: str) -> InvalidTypeError:
    """Return the error for a value of the wrong type.

    Args:
        value: what was given; only its type is shown.
        name: of the parameter.
        takes: what the parameter takes, such as ``"a str"``.
    """
    given = "None" if value is None else type(value).__name__
    return InvalidTypeError(f"{name} takes {takes}, not {given}", parameter=name)


def item_error(item: object, name: str, takes: str) -> InvalidTypeError:
    """Return the error for a list or a dict that holds an item of the wrong type; arguments as for `type_error`."""
    given = "None" if item is None else type(item).__name__
    return InvalidTypeError(f"{name} takes {takes}; one of its items is {given}", parameter=name)


def check_type(value: object, kinds: type | tuple[type, ...], name: str, takes: str) -> None:
    """Raise InvalidTypeError if the value is of none of the types."""
    if not isinstance(value, kinds):
        raise type_error(value, name, takes)


def check_text(value: object, name: str) -> None:
    """Raise InvalidTypeError if the value is no str."""
    if not isinstance(value, str):
        raise type_error(value, name, "a str")


def check_integer(value: object, name: str, takes: str = "an int") -> None:
    """Raise InvalidTypeError if the value is no int; True and False are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise type_error(value, name, takes)


def check_number(value: object, name: str, takes: str = "a number") -> None:
    """Raise InvalidTypeError if the value is neither int nor float; True and False are neither."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise type_error(value, name, takes)


def check_mapping(value: object, name: str, takes: str = "a dict") -> None:
    """Raise InvalidTypeError if the value is no mapping."""
    if not isinstance(value, Mapping):
        raise type_error(value, name, takes)


def check_texts(value: object, name: str) -> None:
    """Raise InvalidTypeError if the value is no mapping of str to str."""
    takes = "a dict of str to str"
    check_mapping(value, name, takes)
    for pair in cast("Mapping[object, object]", value).items():
        for item in pair:
            if not isinstance(item, str):
                raise item_error(item, name, takes)


def as_items(values: Iterable[T], kind: type | tuple[type, ...], name: str, takes: str) -> list[T]:
    """Return the items of a list, a tuple or another iterable as a list; texts, bytes and mappings are no lists.

    Args:
        values: what was given.
        kind: what each item has to be.
        name: of the parameter.
        takes: what the parameter takes, such as ``"a list of str"``.

    Raises:
        InvalidTypeError: the values cannot be iterated over, or an item is of another type.
    """
    check_iterable(values, name, takes)
    items = list(values)
    for item in items:
        if not isinstance(item, kind):
            raise item_error(item, name, takes)
    return items


def check_iterable(value: object, name: str, takes: str) -> None:
    """Raise InvalidTypeError if the value cannot be taken for a list: texts, bytes and mappings are none."""
    if not _is_list(value):
        raise type_error(value, name, takes)


def check_container(value: object, name: str, takes: str) -> None:
    """Raise InvalidTypeError if nothing can be looked for in the value; texts and bytes are no containers."""
    if not _is_container(value):
        raise type_error(value, name, takes)


def check_function(value: object, name: str, *, optional: bool = False) -> None:
    """Raise InvalidTypeError if the value cannot be called; None is taken where the parameter is optional."""
    if not callable(value) and not (optional and value is None):
        raise type_error(value, name, "a function or None" if optional else "a function")


def check_choice(value: object, choices: Sequence[str], name: str) -> None:
    """Raise InvalidTypeError if the value is no str, and InvalidRequestError if it is none of the choices."""
    takes = " or ".join(repr(str(choice)) for choice in choices)
    if not isinstance(value, str):
        raise type_error(value, name, takes)
    if value not in choices:
        raise InvalidRequestError(f"{name} takes {takes}, not {excerpt(value, 40)!r}", parameter=name)


def as_member(value: object, kind: type[M], name: str) -> M:
    """Return a member of an enumeration, which may be given by its text.

    Raises:
        InvalidTypeError: the value is neither a member nor a str.
        InvalidRequestError: no member has this text.
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise type_error(value, name, f"{kind.__name__}")
    check_choice(value, list(kind), name)
    return kind(value)


def check_limits(limits: object) -> None:
    """Raise InvalidTypeError if ``limits`` is no `Limits`."""
    if not isinstance(limits, Limits):
        raise type_error(limits, "limits", "Limits")


def check_bytes(value: object, name: str, takes: str = "bytes") -> None:
    """Raise InvalidTypeError if the value is neither bytes nor a bytearray nor a memoryview."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise type_error(value, name, takes)


def as_bytes(value: object, name: str) -> bytes:
    """Return bytes, a bytearray or a memoryview as bytes.

    Raises:
        InvalidTypeError: the value is none of them.
    """
    if isinstance(value, bytes):
        return value
    check_bytes(value, name)
    return bytes(cast("bytearray", value))


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (*_TEXTS, Mapping))


def _is_container(value: object) -> bool:
    return isinstance(value, Container) and not isinstance(value, _TEXTS)
