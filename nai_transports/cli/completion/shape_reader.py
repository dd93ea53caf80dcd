"""Read what a command takes from its click object.

Only attributes are used that all versions of typer have, whether they use click or a copy of it. What a value is comes from
the signature of the command's function (`nai_transports.cli.common.parameters`).
"""

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
    described = {} if command.callback is None else {each.name: each for each in list_parameters(command.callback)}
    parameters = (_read_parameter(each, described[each.name]) for each in command.params if each.name in described)
    return CommandShape(_summarize(command.help), tuple(parameters), {})


def _read_parameter(parameter: Any, described: Parameter) -> ParameterShape:
    values = 0 if getattr(parameter, "is_flag", False) else parameter.nargs
    return ParameterShape(
        name=described.name,
        options=(*parameter.opts, *parameter.secondary_opts) if described.is_option else (),
        summary=_summarize(described.help),
        values=values,
        is_repeatable=described.is_repeatable,
        choices=tuple(_list_choices(described)),
        path=_find_path_kind(described) if values else "",
    )


def _summarize(text: str | None) -> str:
    """Return the first sentence, without its full stop."""
    first = re.split(r"\. |\.?\n\n|\.\Z", (text or "").strip(), maxsplit=1)[0]
    return " ".join(first.split())


def _list_choices(described: Parameter) -> Iterator[str]:
    if issubclass(described.type, Enum):
        yield from (str(each.value) for each in described.type)
    elif _CHOICES.fullmatch(described.metavar):
        yield from described.metavar.split("|")


def _find_path_kind(described: Parameter) -> str:
    named = _PATH.match(described.metavar)
    if named is not None:
        return "file" if named[1] == "FILE" else "directory"
    return "file" if described.type is Path else ""
