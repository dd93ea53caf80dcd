"""The command line's tree. `command_table` has the commands, which are imported when they run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import takewhile
from typing import Annotated, Any, ClassVar, Final

import typer
from typer.main import get_command, get_group

from nai_proto.unknown_names import find_close_name
from nai_proto.version import __version__

from .command_table import ALIASES, COMMANDS, GROUPS, LIBRARY, STORY, Command, format_first_page
from .common.command import CommandGroup, Group, run_command_line

__all__ = ["app", "library", "story"]


class _LazyCommands(Group):
    """A group of commands in a table."""

    table: ClassVar[Mapping[str, Command]]
    "The commands by name, in the order of the help page."
    aliases: ClassVar[Mapping[str, str]] = {}
    "Further names of commands, which the help page does not show."

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the class of Context depends on typer's version
        return [*self.table]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- as above
        name = self.aliases.get(cmd_name, cmd_name)
        entry = self.table.get(name)
        return None if entry is None else _load(entry, name)

    def summarize_command(self, ctx: Any, name: str) -> str:  # noqa: ARG002 -- as above
        return self.table[name].summary

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if self.get_command(ctx, name) is None and (elsewhere := _find_elsewhere(name, self.table)):
            return ctx.fail(f"no command is called {name!r} here; {elsewhere}")
        return super().resolve_command(ctx, args)


def _find_elsewhere(name: str, table: Mapping[str, Command]) -> str:
    """Return which command of a group has this name or a near one, or that it is an option; empty if it is none of these.

    It is empty too if a name in the table is near.

    Args:
        name: that is none of the table.
        table: the commands that there are where the name was typed.
    """
    if name == "version":
        return "type: nai --version"
    others = {f"nai {group} {each}": each for group, commands in GROUPS.items() for each in commands}
    if same := [command for command, each in others.items() if each == name]:
        return f"there is {' and '.join(same)}"
    if find_close_name(name, table) or (near := find_close_name(name, others.values())) is None:
        return ""
    return f"did you mean {' or '.join(command for command, each in others.items() if each == near)}?"


def _load(entry: Command, name: str) -> Any:
    found: Any = getattr(import_module(f"{__package__}.{entry.module}"), entry.name)
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        single = CommandGroup(add_completion=False, pretty_exceptions_enable=False)
        # These commands refuse further arguments themselves, without repeating them: one may be a password.
        settings = {
            "allow_extra_args": entry.takes_extra_arguments,
            "allow_interspersed_args": not entry.runs_program,
        }
        single.command(name, context_settings=settings)(found)
        command = get_command(single)
    command.name = name
    return command


class _Commands(_LazyCommands):
    table = COMMANDS
    aliases = ALIASES

    def main(self, *args: Any, **settings: Any) -> Any:
        run_command_line(super().main, *args, name_command=_name_command, **settings)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- the page is the same at every width
        formatter.write(format_first_page())


def _name_command(arguments: Sequence[str]) -> str:
    """Return the names of a command and its group, as far as the arguments begin with them."""
    group, *others = [*takewhile(lambda argument: not argument.startswith("-"), arguments[:2])] or [""]
    if group not in COMMANDS:
        return ""
    return " ".join((group, *(name for name in others if name in GROUPS.get(group, ()))))


class _ObjectCommands(_LazyCommands):
    """Commands whose arguments may be ids of stored objects."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*_strip_dashes_of_ids(args)])


class _StoryCommands(_ObjectCommands):
    table = STORY


class _LibraryCommands(_ObjectCommands):
    table = LIBRARY


_DASHED_ID: Final = re.compile("-[A-Za-z0-9_][A-Za-z0-9_-]{19}")
"""An id that looks like an option."""


def _strip_dashes_of_ids(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the arguments, with ids without the dash at their beginning; `nai_proto.library.find_candidate` finds those."""
    are_options_over = False
    for argument in arguments:
        are_options_over = are_options_over or argument == "--"
        yield argument[1:] if not are_options_over and _DASHED_ID.fullmatch(argument) else argument


app = CommandGroup(
    name="nai",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
story = CommandGroup(
    cls=_StoryCommands, help="List, read, create, continue, edit, export or delete stories.", no_args_is_help=True
)
library = CommandGroup(
    cls=_LibraryCommands,
    help="List, show, export, import, back up and restore what the account stores.",
    no_args_is_help=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None: ...


@story.callback()
@library.callback()
def _group() -> None: ...
