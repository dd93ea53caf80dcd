"""A command's arguments and options as values, read from its signature, for help pages and completion."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from typer.models import ArgumentInfo, OptionInfo

__all__ = ["Parameter", "list_parameters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An argument or an option of a command."""

    name: str
    "Its name in Python."
    flags: tuple[str, ...]
    "How an option is written, such as ``--number`` and ``-n``, or ``--store`` and ``--no-store``; empty for an argument."
    help: str
    type: type
    "The type of one value; ``bool`` for an option without a value."
    metavar: str
    "What stands for its value on a help page; empty for an option without a value."
    default: object
    "None where there is none that can be named."
    is_required: bool
    is_repeatable: bool
    minimum: float | None
    maximum: float | None
    variable: str
    "The environment variable that it comes from if it is not given; or empty."
    panel: str
    "The heading under which the help page has it; empty for the page's own."

    @property
    def is_option(self) -> bool:
        """Whether it is an option, and not an argument."""
        return bool(self.flags)

    @property
    def takes_value(self) -> bool:
        """Whether a value follows it."""
        return self.type is not bool


def list_parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the arguments and options of a command, in the order of its signature.

    Args:
        function: a command that `nai_transports.cli.common.command.build_command` returned, also as typer has wrapped it; or
            a group of options.
    """
    return tuple(_list_parameters(function))


def _list_parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if get_origin(parameter.annotation) is not Annotated:
            continue
        hint, *others = get_args(parameter.annotation)
        info = next((each for each in others if isinstance(each, OptionInfo | ArgumentInfo)), None)
        if info is not None and not info.hidden:
            yield _describe(parameter, hint, info)


def _describe(parameter: inspect.Parameter, hint: Any, info: OptionInfo | ArgumentInfo) -> Parameter:
    value_type, is_repeatable = _read_type(hint)
    is_required = parameter.default is inspect.Parameter.empty
    return Parameter(
        name=parameter.name,
        flags=_list_flags(parameter.name, value_type, info) if isinstance(info, OptionInfo) else (),
        help=info.help or "",
        type=value_type,
        metavar=info.metavar or _name_value(parameter.name, value_type, info),
        default=None if is_required or info.show_default is False else parameter.default,
        is_required=is_required,
        is_repeatable=is_repeatable,
        minimum=info.min,
        maximum=info.max,
        variable=info.envvar if isinstance(info.envvar, str) else "",
        panel=info.rich_help_panel or "",
    )


def _read_type(hint: Any) -> tuple[type, bool]:
    """Return the type of one value, and whether there may be several."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is list:
        return get_args(hint)[0], True
    return hint, False


def _list_flags(name: str, value_type: type, info: OptionInfo) -> tuple[str, ...]:
    # In an annotation, typer keeps the first flag where a default would be.
    first = () if info.default is ... else (str(info.default),)
    if flags := (*first, *(info.param_decls or ())):
        return flags
    word = name.replace("_", "-")
    return (f"--{word}", f"--no-{word}") if value_type is bool else (f"--{word}",)


def _name_value(name: str, value_type: type, info: OptionInfo | ArgumentInfo) -> str:
    if isinstance(info, ArgumentInfo):
        return name.upper()
    if value_type is bool:
        return ""
    if issubclass(value_type, Enum):
        return "|".join(str(each.value) for each in value_type)
    if issubclass(value_type, int | float):
        return "NUMBER"
    return "FILE" if issubclass(value_type, Path) else "TEXT"
