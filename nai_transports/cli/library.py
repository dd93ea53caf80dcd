"""``nai library``: what an account has stored, to look at and to keep."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.box import write_json
from nai_proto.errors import InvalidRequestError

from .credentials import Email, UnsafePassword, Url
from .export import export
from .failing import one_line
from .opening import opened
from .showing import Json
from .showing import show as show_facts
from .stories import STORIES, Facts, date, details_of, facts_of, find, printable, written

__all__ = ["library"]

library = typer.Typer(help="The account's stories, and what else it has stored.", no_args_is_help=True)
library.command()(export)


@library.command("list")
def list_stories(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: Json = False
) -> None:
    """List the stories, also those that did not open."""
    with one_line("library list"):
        stories = [facts_of(story) for story in opened(url, email, unsafe_password, types=STORIES).stories]
    if as_json:
        typer.echo(write_json([asdict(facts) for facts in stories]))
        return
    table = Table("title", "created", "last changed (UTC)", Column("size", justify="right"), "state", "id")
    for facts in stories:
        size = "" if facts.size is None else f"{facts.size:,}"
        dates = date(facts.created_at)[:10], date(facts.last_updated_at)
        table.add_row(Text(printable(facts.title)), *dates, size, facts.state, Text(printable(facts.id)))
    Console().print(table)


@library.command()
def show(
    story: Annotated[str, typer.Argument(metavar="TITLE|ID", help="As `nai library list` has it.")],
    text: Annotated[bool, typer.Option("--text", help="Print the whole text of the story, and nothing else.")] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a story: what its card says, its memory, and the beginning of its text."""
    with one_line("library show"):
        found = find(opened(url, email, unsafe_password, types=STORIES).stories, story)
        details = details_of(found)
        if text and "text" not in details:
            raise InvalidRequestError(f"its text is not to be had ({facts_of(found).state})")
    if as_json:
        typer.echo(write_json({**asdict(facts_of(found)), **details}))
    elif text:
        whole = str(details["text"])
        typer.echo(written(whole) if sys.stdout.isatty() else whole)
    else:
        _show(facts_of(found), details)


def _show(facts: Facts, details: dict[str, object]) -> None:
    """A line for each fact; what people have written in paragraphs of its own."""
    known = {name: value for name, value in asdict(facts).items() if value is not None}
    blocks = {name: str(details.pop(name)) for name in ("memory", "authors_note", "text", "preview") if name in details}
    show_facts({**known, **details}, as_json=False)
    for name, block in blocks.items():
        cut = block[:_BEGINNING] + (" …" if len(block) > _BEGINNING else "")
        typer.echo(f"\n{typer.style(name.replace('_', ' '), dim=True)}\n{written(cut)}")


_BEGINNING: Final = 600
"""Characters of a text that are shown."""
