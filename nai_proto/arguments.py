"""Check the types of arguments where they are given, so that a wrong one is named at the call.

An `ArgumentType` says what a parameter takes. `takes` gives such types to the parameters of a function, and
`convert_fields` to the fields of a dataclass::

    @takes(text=TEXT, voice=TEXT | INTEGER, seed=INTEGER | None)
    def speak(text, voice="Ligeia", *, seed=None): ...

Inside a function, and where a decorator would cost too much, ``TEXT.check(text, "text")`` checks one value,
``data = BYTES.convert(data, "data")`` converts it as well, and `check_type` is for a type that only this place takes.

An error shows the type of a wrong value and never the value, which could be a secret or a text of the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial, update_wrapper, wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from .errors import InvalidRequestError, InvalidTypeError, NaiError, excerpt
from .limits import Limits
from .tier import Tier
from .unknown_names import find_place, unknown_choice, unknown_parameter

__all__ = [
    "BYTES",
    "CONTAINER",
    "FLAG",
    "FLOW",
    "FUNCTION",
    "INTEGER",
    "LIMITS",
    "LIST",
    "MAPPING",
    "NUMBER",
    "OPTIONAL_FUNCTION",
    "TEXT",
    "TEXTS",
    "TIER",
    "TIME",
    "TOKENIZER",
    "ArgumentType",
    "check_type",
    "convert_fields",
    "describe_type",
    "having",
    "invalid",
    "list_items",
    "list_of",
    "member",
    "one_of",
    "record",
    "takes",
    "to_milliseconds",
    "tuple_of",
    "type_error",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def type_error(value: object, name: str, takes: str, parameter: str = "") -> InvalidTypeError:
    """Return the error for a value of the wrong type.

    Args:
        name: of the parameter, or of a part of it, such as ``characters[0]``.
        takes: what the parameter takes, such as ``"a str"``.
        parameter: the parameter, if the name does not begin with it.
    """
    problem = f"{name} takes {takes}, not {describe_type(value)}"
    return InvalidTypeError(problem, parameter=parameter or _parameter(name))


def check_type(value: object, types: type | tuple[type, ...], name: str, takes: str) -> None:
    """Raise InvalidTypeError if the value is of none of the types; arguments as for `type_error`."""
    if not isinstance(value, types):
        raise type_error(value, name, takes)


def invalid(name: str, message: str) -> InvalidRequestError:
    """Return the error for a value of a parameter that is of the right type, and wrong all the same."""
    return InvalidRequestError(message, parameter=_parameter(name))


class ArgumentType:
    """What a parameter takes.

    Args:
        takes: that, in words that end a sentence which begins with the parameter's name and "takes".
        types: the types of values. A boolean is no number here.
        but: types that are not taken, although they are subclasses of those.
        methods: the methods that values have.
        convert: gives the value in the form that is used; called with the value and the parameter's name. It raises
            `invalid` for a value that it cannot use.
    """

    def __init__(
        self,
        takes: str,
        *types: type,
        but: tuple[type, ...] = (),
        methods: tuple[str, ...] = (),
        convert: Callable[[Any, str], object] | None = None,
    ) -> None:
        self.takes = takes
        self._types = types
        self._but = but if bool in types else (*but, bool)
        self._methods = methods
        self._convert = convert

    def accepts(self, value: object) -> bool:
        """Return whether the value is of one of the types; whether it can be converted is not looked at."""
        return (
            isinstance(value, self._types)
            and not isinstance(value, self._but)
            and (not self._methods or all(callable(getattr(value, each, None)) for each in self._methods))
        )

    def check(self, value: object, name: str, takes: str = "") -> None:
        """Raise InvalidTypeError if the value is not accepted; ``takes`` says in other words what the parameter takes."""
        if not self.accepts(value):
            raise type_error(value, name, takes or self.takes)

    def convert(self, value: object, name: str) -> Any:
        """Return the value in the form that is used.

        Raises:
            InvalidTypeError: the value is of another type.
            InvalidRequestError: the value cannot be converted.
        """
        self.check(value, name)
        return value if self._convert is None else self._convert(value, name)

    def __or__(self, other: ArgumentType | None) -> ArgumentType:
        """Return the type that takes what either takes; None stands for itself."""
        return _Either(self, NONE if other is None else other)


class _Either(ArgumentType):
    def __init__(self, *types: ArgumentType) -> None:
        converts = any(each._convert for each in types)
        super().__init__(" or ".join(each.takes for each in types), convert=self.convert if converts else None)
        self._either = types

    def accepts(self, value: object) -> bool:
        return any(each.accepts(value) for each in self._either)

    def convert(self, value: object, name: str) -> Any:
        for each in self._either:
            if each.accepts(value):
                return value if each._convert is None else each._convert(value, name)
        raise type_error(value, name, self.takes)


class _ListOf(ArgumentType):
    def __init__(self, takes: str, item: ArgumentType) -> None:
        super().__init__(takes, Iterable, but=(*_TEXT_TYPES, Mapping), convert=self._convert_items)
        self._item = item

    def _convert_items(self, value: Iterable[object], name: str) -> tuple[Any, ...]:
        items = tuple(value)
        if self._item._convert is None and all(map(self._item.accepts, items)):
            return items
        return tuple([self._item.convert(item, f"{name}[{place}]") for place, item in enumerate(items)])


def having(takes: str, *methods: str) -> ArgumentType:
    """Return the type of objects that have these methods."""
    return ArgumentType(takes, object, but=(type,), methods=methods)


def list_of(item: ArgumentType, takes: str | None = None) -> ArgumentType:
    """Return the type of lists, and of other iterables, with items of one type; the result is a tuple."""
    return _ListOf(takes or f"a list, each item {item.takes}", item)


def list_items(values: Iterable[T], types: type | tuple[type, ...], name: str, takes: str) -> list[T]:
    """Return the items of a list, or of another iterable, all of which have to be of one of the types.

    Raises:
        InvalidTypeError: this is no list, or an item is of another type.
    """
    LIST.check(values, name, takes)
    items = list(values)
    for item in items:
        if not isinstance(item, types):
            raise _item_error(item, name, takes)
    return items


def tuple_of(takes: str, *items: ArgumentType) -> ArgumentType:
    """Return the type of tuples and lists that have exactly these items."""

    def convert(value: tuple[object, ...] | list[object], name: str) -> tuple[Any, ...]:
        if len(value) != len(items):
            raise invalid(name, f"{name} takes {takes}, not {len(value)} items")
        pairs = zip(items, value, strict=True)
        return tuple([item.convert(each, f"{name}[{place}]") for place, (item, each) in enumerate(pairs)])

    return ArgumentType(takes, tuple, list, convert=convert)


def record(type_: type[object], takes: str = "") -> ArgumentType:
    """Return the type of a class's objects, and of mappings with the arguments that make one."""

    def convert(value: object, name: str) -> object:
        if isinstance(value, type_) or not isinstance(value, Mapping):
            return value
        from inspect import Parameter, signature

        fields = signature(type_).parameters
        given = cast("Mapping[str, object]", value)
        listed = f"{name} takes {takes}, whose keys are {', '.join(fields)}"
        for each in fields.values():
            if each.default is Parameter.empty and each.name not in given:
                raise invalid(name, f"{listed}; {each.name} is missing")
        for key in given:
            if key not in fields:
                raise invalid(name, f"{listed}; there is no {excerpt(str(key), 40)!r}")
        try:
            return type_(**given)
        except NaiError as error:
            problem = str(error)
        raise invalid(name, f"{name}: {problem}")

    takes = takes or f"{with_article(type_.__name__)} or a mapping of its fields"
    return ArgumentType(takes, type_, Mapping, convert=convert)


def one_of(*choices: str) -> ArgumentType:
    """Return the type of these texts."""
    listed = f"one of {', '.join(choices)}"

    def convert(value: str, name: str) -> str:
        if value not in choices:
            raise unknown_choice(value, name.replace("_", " "), choices, parameter=_parameter(name))
        return value

    return ArgumentType(listed, str, convert=convert)


def member(type_: type[StrEnum]) -> ArgumentType:
    """Return the type of an enumeration's members and of their values; the result is a member."""
    values = one_of(*type_)
    takes = f"{with_article(type_.__name__)} or its value"
    return ArgumentType(takes, str, convert=lambda value, name: type_(values.convert(value, name)))


def takes(**types: ArgumentType) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that a call checks and converts the arguments that are named here.

    Keyword arguments that the function takes as ``**options`` may be named as well. A call that does not fit the function
    at all, with an unknown argument or without a required one, raises InvalidTypeError, which is a TypeError.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        from inspect import iscoroutinefunction, isgeneratorfunction, signature

        names = [*signature(function).parameters]

        @wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            given: list[Any] = [*args]
            for place, name in enumerate(names[: len(given)]):
                if name in types:
                    given[place] = types[name].convert(given[place], name)
            named: dict[str, Any] = {
                name: types[name].convert(value, name) if name in types else value for name, value in options.items()
            }
            try:
                return cast("Callable[..., R]", function)(*given, **named)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                    raise  # from inside the function
                problem = _explain_call(error, function, given, named)
            raise problem

        if iscoroutinefunction(function):

            @wraps(function)
            async def call_and_wait(*args: P.args, **options: P.kwargs) -> Any:
                return await cast("Callable[..., Any]", call)(*args, **options)

            return cast("Callable[P, R]", call_and_wait)  # frameworks ask whether a function is a coroutine function
        if not isgeneratorfunction(function):
            return call
        # `exchange.flow.flow` wants either a generator function's own code or, as here, an object that has none.
        return cast("Callable[P, R]", update_wrapper(partial(call), function))

    return decorate


def _explain_call(
    error: TypeError, function: Callable[..., object], args: Sequence[object], options: Mapping[str, object]
) -> InvalidTypeError:
    """Return the error for a call that does not fit a function.

    Args:
        error: what Python says of it. It names the class that defines ``__init__``, which may be private.
        function: that was called.
        args: its positional arguments.
        options: its keyword arguments.
    """
    from inspect import Parameter, signature

    name = function.__qualname__
    shown = type(args[0]).__name__ if name.endswith(".__init__") and args else name
    parameters = [each for each in signature(function).parameters.values() if each.name != "self"]
    names = [each.name for each in parameters if each.kind is not Parameter.VAR_KEYWORD]
    takes_any = len(names) < len(parameters)
    for each in options:
        if each not in names and (not takes_any or find_place(each) is not None):
            return cast("InvalidTypeError", unknown_parameter(each, names, f"{shown}()", kind=InvalidTypeError))
    return InvalidTypeError(str(error).replace(f"{name}()", f"{shown}()"))


def convert_fields(record: object, **types: ArgumentType) -> None:
    """Check and convert fields of a dataclass, also of a frozen one: for its ``__post_init__``."""
    for name, type_ in types.items():
        value = getattr(record, name)
        if (converted := type_.convert(value, name)) is not value:
            object.__setattr__(record, name, converted)


def describe_type(value: object) -> str:
    """Return the type of a value, for a message: ``an int``, ``bytes``, ``None``."""
    name = "None" if value is None else type(value).__name__
    return name if name in ("None", "bytes") else with_article(name)


def with_article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _parameter(name: str) -> str:
    """Return the parameter that a name such as ``characters[0]`` belongs to."""
    return name.partition("[")[0]


def _item_error(item: object, name: str, takes: str) -> InvalidTypeError:
    problem = f"{name} takes {takes}; one of its items is {describe_type(item)}"
    return InvalidTypeError(problem, parameter=_parameter(name))


def _to_texts(value: Mapping[object, object], name: str) -> Mapping[object, object]:
    for item in (item for pair in value.items() for item in pair):
        if not isinstance(item, str):
            raise _item_error(item, name, TEXTS.takes)
    return value


def _to_time(value: float, name: str) -> float:
    if not 0 <= value < _YEAR_10000:
        raise invalid(
            name, f"{name} is {value!r}, and takes seconds since 1970, as time.time() returns them: no milliseconds"
        )
    return value


def to_milliseconds(seconds: float, name: str) -> int:
    """Return a time as the service's documents have it: milliseconds since 1970.

    Args:
        seconds: since 1970.
        name: of the parameter that it was given for.

    Raises:
        InvalidRequestError: it is no such time.
    """
    checked: float = TIME.convert(seconds, name)
    return round(checked * 1000)


def _to_tier(value: Tier | int | str, name: str) -> Tier:
    try:
        return Tier[value.upper()] if isinstance(value, str) else Tier(value)
    except (KeyError, ValueError):
        pass
    raise invalid(name, f"{name} is one of {', '.join(map(str, Tier))}, or its number")


_YEAR_10000: Final = 253_402_300_800
"""In seconds since 1970."""
_TEXT_TYPES: Final[tuple[type, ...]] = (str, bytes, bytearray, memoryview)
"""What can be iterated over, and is no list."""

NONE: Final = ArgumentType("None", type(None))
TEXT: Final = ArgumentType("a str", str)
TEXTS: Final = ArgumentType("a mapping of str to str", Mapping, convert=_to_texts)
FLAG: Final = ArgumentType("True or False", bool)
INTEGER: Final = ArgumentType("an int", int)
NUMBER: Final = ArgumentType("a number", int, float)
TIME: Final = ArgumentType("seconds since 1970, as time.time() returns them", int, float, convert=_to_time)
"""The type of a parameter that is a point in time."""
BYTES: Final = ArgumentType("bytes", bytes, bytearray, memoryview, convert=lambda value, _: bytes(value))
MAPPING: Final = ArgumentType("a mapping", Mapping)
LIST: Final = list_of(ArgumentType("anything", object), "a list")
CONTAINER: Final = ArgumentType("a collection", Container, but=_TEXT_TYPES)
FLOW: Final = ArgumentType("an operation or another flow", Iterable, but=(Collection, type))
FUNCTION: Final = ArgumentType("a function", object, methods=("__call__",))
OPTIONAL_FUNCTION: Final = FUNCTION | None
LIMITS: Final = ArgumentType("Limits", Limits)
TIER: Final = ArgumentType("a Tier, its name or its number", Tier, str, int, convert=_to_tier)
TOKENIZER: Final = having("a tokenizer, such as nai_proto.tokenizers.read gives", "encode", "decode", "count")
