"""The frame around every command: groups of options as parameters, and one way to end after an error.

A command is a function whose parameters are its arguments and options, as typer reads them. A parameter whose type is an
`OptionGroup` stands for all options of the group, and the command gets them as one value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Final, TypeVar, get_type_hints

import typer

from .errors import exit_on_error

__all__ = ["CommandGroup", "OptionGroup", "build_command"]

_CONTEXT: Final = "command_context"
_Function = TypeVar("_Function", bound=Callable[..., None])


class OptionGroup:
    """Options that belong together: a dataclass whose fields are typer's options, each with a default."""


class CommandGroup(typer.Typer):
    """A group of commands, each in its frame."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        """Add a command, as `typer.Typer.command` does."""
        add = super().command(name, **settings)

        def decorate(function: _Function) -> _Function:
            add(build_command(function))
            return function

        return decorate


def build_command(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function that typer runs for a command.

    Its signature has the options of each group in the place of the group. An error of the library ends it as described at
    `nai_transports.cli.common.errors.exit_on_error`.
    """
    groups: dict[str, type[OptionGroup]] = {}
    parameters: list[inspect.Parameter] = []
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if isinstance(hint, type) and issubclass(hint, OptionGroup):
            groups[parameter.name] = hint
            parameters.extend(_list_options(hint))
        else:
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
    own_context = next((name for name, hint in hints.items() if hint is typer.Context), None)
    if own_context is None:  # typer fills in only one
        parameters.append(inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))

    def run(**values: Any) -> None:
        context: typer.Context = values.pop(_CONTEXT) if own_context is None else values[own_context]
        arguments = {
            name: group(**{field.name: values.pop(field.name) for field in fields(group)})  # type: ignore[arg-type]
            for name, group in groups.items()
        }
        with exit_on_error(context.command_path):
            function(**values, **arguments)

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _list_options(group: type[OptionGroup]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):  # type: ignore[arg-type]
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
