"""Refuse options that contradict each other, by a table: each package of options has one, which it calls ``CONFLICTS``.

The same table says what gives way where options come from two places, such as a preset and a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from .errors import InvalidRequestError

__all__ = ["Conflict", "check_conflicts", "override_options"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row of a table: two options that contradict each other."""

    first: str
    second: str
    problem: str
    "What is wrong and what to do, in words that go on from the two options: ``both set the size: give one of them``."
    clash: Callable[[Any, Any], bool] | None = None
    """Returns whether two values contradict each other; the value of an option that is not there is None. Without it any
    two do that are not None, false or empty."""

    def is_in(self, options: Mapping[str, object]) -> bool:
        """Return whether the options contradict each other."""
        first, second = options.get(self.first), options.get(self.second)
        return self.clash(first, second) if self.clash is not None else _is_given(first) and _is_given(second)


def check_conflicts(options: Mapping[str, object], table: Sequence[Conflict]) -> None:
    """Raise for the first row of the table that the options break.

    Raises:
        InvalidRequestError: two options contradict each other. Names both, and their values if they are numbers.
    """
    for row in table:
        if row.is_in(options):
            both = " and ".join(_describe(name, options.get(name)) for name in (row.first, row.second))
            raise InvalidRequestError(f"{both} {row.problem}", parameter=row.first)


def override_options(options: Mapping[str, Any], more: Mapping[str, Any], table: Sequence[Conflict]) -> dict[str, Any]:
    """Return the options with others, which win: what contradicts one of those gives way."""

    def gives_way(name: str) -> bool:
        rows = [row for row in table if name in (row.first, row.second)]
        return any(row.is_in({**more, name: options[name]}) for row in rows)

    kept = {name: value for name, value in options.items() if name not in more and not gives_way(name)}
    return {**kept, **more}


def _is_given(value: object) -> bool:
    """Return whether an option is given: a number is, also if it is 0."""
    return bool(value) or (isinstance(value, int | float) and value is not False)


def _describe(name: str, value: object) -> str:
    """Return an option for a message, with its value if that is made of numbers: texts are private."""
    items = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    return f"{name}={value!r}" if all(isinstance(item, int | float) for item in items) else name
