"""Read what a command takes, from the signature of its function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from ..app import app
from ..common.parameters import Parameter, list_parameters
from .shapes import CommandShape, ParameterShape

__all__ = ["import_command", "read_shape"]

_CHOICES: Final = re.compile(r"[a-z0-9_.-]+(\|[a-z0-9_.-]+)+")
"""A metavar that lists what there is, such as ``png|webp``."""
_PATH: Final = re.compile(r"(FILE|DIR)\b")
"""How the metavar of a path begins, such as ``FILE|DIR/``."""


def import_command(path: tuple[str, ...]) -> Any:
    """Return the click object of a command; only its module is imported.

    Args:
        path: the command's names, such as ``("story", "show")``.
    """
    command: Any = get_command(app)
    for name in path:
        command = command.get_command(None, name)
    return command


def read_shape(command: Any) -> CommandShape:
    """Return what a click command takes, and of a group the shapes of its commands.

    Args:
        command: a ``click.Command`` or ``click.Group``, of click itself or of typer's copy.
    """
    if hasattr(command, "list_commands"):
        commands = {name: read_shape(command.get_command(None, name)) for name in command.list_commands(None)}
        return CommandShape(_summarize(command.help), (), commands)
    return CommandShape(_summarize(command.help), tuple(map(_read_parameter, list_parameters(command.callback))), {})


def _read_parameter(parameter: Parameter) -> ParameterShape:
    takes_all = parameter.is_repeatable and not parameter.is_option
    return ParameterShape(
        name=parameter.name,
        options=parameter.flags,
        summary=_summarize(parameter.help),
        values=-1 if takes_all else int(parameter.takes_value),
        is_repeatable=parameter.is_repeatable,
        choices=tuple(_list_choices(parameter)),
        path=_find_path_kind(parameter) if parameter.takes_value else "",
    )


def _summarize(text: str | None) -> str:
    """Return the first sentence, without its full stop."""
    first = re.split(r"\. |\.?\n\n|\.\Z", (text or "").strip(), maxsplit=1)[0]
    return " ".join(first.split())


def _list_choices(parameter: Parameter) -> Iterator[str]:
    if issubclass(parameter.type, Enum):
        yield from (str(each.value) for each in parameter.type)
    elif _CHOICES.fullmatch(parameter.metavar):
        yield from parameter.metavar.split("|")


def _find_path_kind(parameter: Parameter) -> str:
    named = _PATH.match(parameter.metavar)
    if named is not None:
        return "file" if named[1] == "FILE" else "directory"
    return "file" if parameter.type is Path else ""
