"""Calls whose arguments are replaced one by one by values of other types.

Whatever is given, a call either takes it or refuses it with one of the project's errors. If that is an `InvalidTypeError`,
its message begins with a path that has the name of the parameter in it. Properties are set by functions whose parameter
is ``value``; there, the name is that of the property.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from nai_proto.errors import InvalidTypeError, NaiError

WRONG: tuple[Any, ...] = (
    *(None, 5, -1, 1.5, True, object()),
    *("x", "", b"x", b""),
    *({}, {"a": 1}, {5: None}),
    *([], ["a"], [None], ()),
)
"""What is given in place of each argument."""


class Case(NamedTuple):
    """A call that works, by the names of its parameters."""

    call: Callable[..., Any]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of what is called."""
        return getattr(self.call, "__qualname__", repr(self.call))


def run(call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call it; what it gives piece by piece is asked for whole."""
    parameters = inspect.signature(call).parameters
    positional = [
        arguments[name] for name, one in parameters.items() if one.kind is one.POSITIONAL_ONLY and name in arguments
    ]
    named = {
        name: value
        for name, value in arguments.items()
        if name not in parameters or parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY
    }
    result: Any = call(*positional, **named)
    return [*result] if hasattr(result, "__next__") else result


def check(case: Case) -> None:
    """Give each wrong value in place of each argument, and look at what becomes of it."""
    run(case.call, case.arguments)
    unrefused: list[str] = []
    for name in case.arguments:
        for wrong in WRONG:
            try:
                run(case.call, {**case.arguments, name: wrong})
            except InvalidTypeError as error:
                words = re.findall(r"\w+", str(error).partition(" takes ")[0])
                named = bool(error.parameter) and f"{error.parameter}" in str(error)
                if not named or (name not in words and name != "value"):
                    unrefused.append(f"{name}={wrong!r}: {error} ({error.parameter})")
            except NaiError:
                pass
            except Exception as error:
                unrefused.append(f"{name}={wrong!r}: {type(error).__name__}: {error}")
    assert not unrefused, "\n".join([case.name, *unrefused])
