"""The command line's tree. `command_table` has the commands, which are imported when they run."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from nai_proto.version import __version__

from .command_table import ALIASES, COMMANDS, LIBRARY, STORY
from .common.errors import INTERRUPTED
from .first_page import format_first_page
from .lazy_commands import LazyCommands

__all__ = ["app", "library", "story"]


class _Commands(LazyCommands):
    table = COMMANDS
    aliases = ALIASES

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # before or behind a command's own handling, as while it is imported
            sys.exit(INTERRUPTED)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- the page is the same at every width
        formatter.write(format_first_page())


class _StoryCommands(LazyCommands):
    table = STORY


class _LibraryCommands(LazyCommands):
    table = LIBRARY


_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="nai",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=_HELP_OPTIONS,
)
story = typer.Typer(
    cls=_StoryCommands, help="Read, create, continue, edit, export or delete stories.", no_args_is_help=True
)
library = typer.Typer(
    cls=_LibraryCommands,
    help="List, show, export, back up and restore what the account stores.",
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
