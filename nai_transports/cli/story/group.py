"""``nai story``: a story to read, to look into, to take away and to go on with."""

from __future__ import annotations

import typer

from .context import context
from .export import export
from .going_on import going_on
from .show import show
from .tree import tree

__all__ = ["story"]

story = typer.Typer(help="A story of the account, or in a file.", no_args_is_help=True)
story.command()(show)
story.command()(tree)
story.command()(export)
story.command()(context)
story.command("continue")(going_on)
