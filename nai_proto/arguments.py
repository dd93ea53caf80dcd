"""Check the types of arguments where they are given, so that a wrong one is named at the call.

An `ArgumentType` says what a parameter takes. `takes` gives them to the parameters of a function, `convert_fields` to the
fields of a dataclass::

    @takes(text=TEXT, voice=TEXT | INTEGER, seed=INTEGER | None)
    def speak(text, voice="Ligeia", *, seed=None): ...

It may also convert: a mapping to an object (`record`), a list item by item (`list_of`). An error shows the type of a wrong
value and never the value, which could be a secret or a text of the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from functools import partial, update_wrapper, wraps
from inspect import isgeneratorfunction, signature
from typing import Any, Final, ParamSpec, TypeVar, cast

from .errors import InvalidRequestError, InvalidTypeError, NaiError, excerpt
from .tier import Tier

__all__ = [
    "BYTES",
    "FLAG",
    "FLOW",
    "FUNCTION",
    "INTEGER",
    "MAPPING",
    "NUMBER",
    "TEXT",
    "TIER",
    "ArgumentType",
    "convert_fields",
    "describe_type",
    "having",
    "invalid",
    "list_of",
    "member",
    "record",
    "takes",
    "tuple_of",
]

P = ParamSpec("P")
R = TypeVar("R")


class ArgumentType:
    """What a parameter takes.

    Args:
        takes: that, in words that end a sentence which begins with the parameter's name and "takes".
        types: the types of values. A boolean is no number here.
        but: types that are not taken, although they are subclasses of those.
        convert: gives the value in the form that is used; called with the parameter's name and the value. It raises
            `invalid` for a value that it cannot use.
    """

    def __init__(
        self,
        takes: str,
        *types: type,
        but: tuple[type, ...] = (),
        convert: Callable[[str, Any], object] | None = None,
    ) -> None:
        self.takes = takes
        self._types = types
        self._but = but if bool in types else (*but, bool)
        self._convert = convert

    def accepts(self, value: object) -> bool:
        """Is the value of one of the types?"""
        return isinstance(value, self._types) and not isinstance(value, self._but)

    def is_final(self, value: object) -> bool:
        """Is the value accepted, and in the form that is used already?"""
        return self._convert is None and self.accepts(value)

    def convert(self, name: str, value: Any) -> Any:
        """Return an accepted value in the form that is used."""
        return value if self._convert is None else self._convert(name, value)

    def __call__(self, name: str, value: object) -> Any:
        """Return the value in the form that is used.

        Raises:
            InvalidTypeError: the value is of another type.
            InvalidRequestError: the value cannot be converted.
        """
        if not self.accepts(value):
            raise InvalidTypeError(f"{name} takes {self.takes}, not {describe_type(value)}", parameter=_parameter(name))
        return self.convert(name, value)

    def __or__(self, other: ArgumentType | None) -> ArgumentType:
        """Return the type that takes what either takes; None stands for itself."""
        return _Either(self, NONE if other is None else other)


class _Either(ArgumentType):
    def __init__(self, *types: ArgumentType) -> None:
        super().__init__(" or ".join(each.takes for each in types))
        self._either = types

    def accepts(self, value: object) -> bool:
        return any(each.accepts(value) for each in self._either)

    def is_final(self, value: object) -> bool:
        return any(each.is_final(value) for each in self._either)

    def convert(self, name: str, value: Any) -> Any:
        return next(each for each in self._either if each.accepts(value)).convert(name, value)


class _Having(ArgumentType):
    def __init__(self, takes: str, *methods: str) -> None:
        super().__init__(takes)
        self._methods = methods

    def accepts(self, value: object) -> bool:
        return not isinstance(value, type) and all(callable(getattr(value, each, None)) for each in self._methods)


class _Flow(ArgumentType):
    def accepts(self, value: object) -> bool:
        return isinstance(value, Iterable) and not isinstance(value, Collection | type)


class _ListOf(ArgumentType):
    def __init__(self, takes: str, item: ArgumentType) -> None:
        super().__init__(takes)
        self._item = item

    def accepts(self, value: object) -> bool:
        return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | memoryview | Mapping)

    def is_final(self, value: object) -> bool:
        return isinstance(value, tuple) and all(map(self._item.is_final, cast("tuple[object, ...]", value)))

    def convert(self, name: str, value: Iterable[object]) -> tuple[Any, ...]:
        return tuple([self._item(f"{name}[{place}]", item) for place, item in enumerate(value)])


def having(takes: str, *methods: str) -> ArgumentType:
    """Return the type of objects that have these methods."""
    return _Having(takes, *methods)


def list_of(item: ArgumentType, takes: str | None = None) -> ArgumentType:
    """Return the type of lists, and of other iterables, with items of one type; the result is a tuple."""
    return _ListOf(takes or f"a list, each item {item.takes}", item)


def tuple_of(takes: str, *items: ArgumentType) -> ArgumentType:
    """Return the type of tuples and lists that have exactly these items."""

    def convert(name: str, value: tuple[object, ...] | list[object]) -> tuple[Any, ...]:
        if len(value) != len(items):
            raise invalid(name, f"{name} takes {takes}, not {len(value)} items")
        return tuple(
            [item(f"{name}[{place}]", each) for place, (item, each) in enumerate(zip(items, value, strict=True))]
        )

    return ArgumentType(takes, tuple, list, convert=convert)


def record(type_: type[object], takes: str = "") -> ArgumentType:
    """Return the type of a class's objects, and of mappings with the arguments that make one."""

    def convert(name: str, value: object) -> object:
        if isinstance(value, type_) or not isinstance(value, Mapping):
            return value
        try:
            return type_(**signature(type_).bind(**cast("Mapping[str, object]", value)).arguments)
        except (NaiError, TypeError) as error:
            problem = str(error)
        raise invalid(name, f"{name}: {problem}; it takes {', '.join(signature(type_).parameters)}")

    return ArgumentType(
        takes or f"{describe_name(type_.__name__)} or a mapping of its fields", type_, Mapping, convert=convert
    )


def member(type_: type[Enum], takes: str = "") -> ArgumentType:
    """Return the type of an enumeration's members and of their values; the result is a member."""

    def convert(name: str, value: object) -> Enum:
        try:
            return type_(value)
        except ValueError:
            pass
        raise invalid(
            name, f"{name} is {excerpt(str(value), 40)!r}, and takes one of {', '.join(e.value for e in type_)}"
        )

    return ArgumentType(takes or f"{describe_name(type_.__name__)} or its value", type_, str, convert=convert)


def takes(**types: ArgumentType) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that a call checks and converts the arguments that are named here.

    Keyword arguments that the function takes as ``**options`` may be named as well.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = [*signature(function).parameters]

        @wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            given: list[Any] = [*args]
            for place, name in enumerate(names[: len(given)]):
                if name in types:
                    given[place] = types[name](name, given[place])
            named: dict[str, Any] = {
                name: types[name](name, value) if name in types else value for name, value in options.items()
            }
            return cast("Callable[..., R]", function)(*given, **named)

        # For a generator function `exchange.flow.flow` wants either its code or, as here, an object that has none.
        return (
            cast("Callable[P, R]", update_wrapper(partial(call), function)) if isgeneratorfunction(function) else call
        )

    return decorate


def convert_fields(record: object, **types: ArgumentType) -> None:
    """Check and convert fields of a dataclass, also of a frozen one: for its ``__post_init__``."""
    for name, type_ in types.items():
        value = getattr(record, name)
        if not type_.is_final(value):
            object.__setattr__(record, name, type_(name, value))


def invalid(name: str, message: str) -> InvalidRequestError:
    """Return the error for a value of a parameter that is of the right type, and wrong all the same."""
    return InvalidRequestError(message, parameter=_parameter(name))


def describe_type(value: object) -> str:
    """Return the type of a value, for a message: ``an int``, ``bytes``, ``None``."""
    name = "None" if value is None else type(value).__name__
    if name in ("None", "bytes"):
        return name
    return describe_name(name)


def describe_name(name: str) -> str:
    """Return the name of a type with its article."""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _parameter(name: str) -> str:
    """Return the parameter that a name such as ``characters[0]`` belongs to."""
    return name.partition("[")[0]


def _to_bytes(name: str, value: bytes | bytearray | memoryview) -> bytes:  # noqa: ARG001 -- as `ArgumentType` calls it
    return bytes(value)


def _tier(name: str, value: Tier | int | str) -> Tier:
    try:
        return Tier[value.upper()] if isinstance(value, str) else Tier(value)
    except (KeyError, ValueError):
        pass
    raise invalid(name, f"{name} is one of {', '.join(each.name.capitalize() for each in Tier)}, or its number")


NONE: Final = ArgumentType("None", type(None))
TEXT: Final = ArgumentType("text", str)
FLAG: Final = ArgumentType("true or false", bool)
INTEGER: Final = ArgumentType("an integer", int)
NUMBER: Final = ArgumentType("a number", int, float)
BYTES: Final = ArgumentType("bytes", bytes, bytearray, memoryview, convert=_to_bytes)
MAPPING: Final = ArgumentType("a mapping", Mapping)
FLOW: Final = _Flow("an operation or another flow")
FUNCTION: Final = having("a function", "__call__")
TIER: Final = ArgumentType("a Tier, its name or its number", Tier, str, int, convert=_tier)
