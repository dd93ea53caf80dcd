"""``nai library``: what an account has stored, to look at and to keep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.box import write_json

from .credentials import Email, UnsafePassword, Url
from .failing import one_line
from .opening import opened
from .showing import Json
from .stories import date, facts_of, printable

__all__ = ["library"]

library = typer.Typer(help="The account's stories, and what else it has stored.", no_args_is_help=True)

_STORIES: Final = ("stories", "storycontent")


@library.command("list")
def list_stories(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: Json = False
) -> None:
    """List the stories, also those that did not open."""
    with one_line("library list"):
        stories = [facts_of(story) for story in opened(url, email, unsafe_password, types=_STORIES).stories]
    if as_json:
        typer.echo(write_json([asdict(facts) for facts in stories]))
        return
    table = Table("title", "created", "last changed (UTC)", Column("size", justify="right"), "state", "id")
    for facts in stories:
        size = "" if facts.size is None else f"{facts.size:,}"
        dates = date(facts.created_at)[:10], date(facts.last_updated_at)
        table.add_row(Text(printable(facts.title)), *dates, size, facts.state, Text(printable(facts.id)))
    Console().print(table)
