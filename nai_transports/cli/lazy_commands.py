"""Groups whose commands are imported when they run, or when a help page describes them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from .command_table import Command

__all__ = ["LazyCommands"]


class LazyCommands(TyperGroup):
    """A group of commands in a table."""

    table: ClassVar[Mapping[str, Command]]
    "The commands by name, in the order of the help page."
    aliases: ClassVar[Mapping[str, str]] = {}
    "Further names of commands, which the help page does not show."

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the class of Context depends on typer's version
        return [*self.table]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- as above
        entry = self.table.get(self.aliases.get(cmd_name, cmd_name))
        return None if entry is None else _load(entry, cmd_name)


def _load(entry: Command, name: str) -> Any:
    found = getattr(import_module(f"{__package__}.{entry.module}"), entry.name)
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        # These commands refuse further arguments themselves, without repeating them: one may be a password.
        settings = {"allow_extra_args": True} if entry.takes_extra_arguments else None
        single.command(name, context_settings=settings)(found)
        command = get_command(single)
    command.name = name
    return command
