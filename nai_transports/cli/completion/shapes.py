"""What commands take, as completion needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CommandShape", "ParameterShape"]


class ParameterShape(NamedTuple):
    """An argument or an option."""

    name: str
    "As the command's function has it."
    options: tuple[str, ...]
    "Its names on the command line; an argument has none."
    summary: str
    values: int
    "How many values it takes: none if it is a flag; -1 for an argument that takes all that follow."
    is_repeatable: bool
    choices: tuple[str, ...]
    "All values that there are, if they are few."
    path: str
    "``file`` or ``directory`` if its value is a path."


class CommandShape(NamedTuple):
    """What a command or a group of commands takes."""

    summary: str
    parameters: tuple[ParameterShape, ...]
    commands: Mapping[str, CommandShape]
    "The commands of a group, by name."
