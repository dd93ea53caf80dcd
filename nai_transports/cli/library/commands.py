"""``nai library list`` and ``nai library show``: list the account's stories, and show one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Final

import typer

from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import InvalidRequestError

from ..common.account_options import AccountOptions
from ..common.output import Json, escape_lines, format_date
from ..common.output import print_facts as show_facts
from ..common.tables import Column, print_table
from .library_loader import STORY_TYPES, load_library
from .story_summary import StorySummary, describe_story, summarize_story

__all__ = ["list_stories", "show"]


def list_stories(*, account: AccountOptions, as_json: Json = False) -> None:
    """List all stories, including those that do not open."""
    stories = [summarize_story(story) for story in load_library(account, types=STORY_TYPES).stories]
    if as_json:
        typer.echo(write_json([asdict(facts) for facts in stories]))
        return
    size, id_ = Column("size", is_number=True), Column("id", is_whole=True)
    print_table(("title", "created", "last changed (UTC)", size, "state", id_), map(_describe_row, stories))


def _describe_row(facts: StorySummary) -> tuple[str, ...]:
    size = "" if facts.size is None else f"{facts.size:,}"
    dates = format_date(facts.created_at)[:10], format_date(facts.last_updated_at)
    return facts.title, *dates, size, facts.state, facts.id


def show(
    story: Annotated[str, typer.Argument(metavar="TITLE|ID", help="Title or id (see `nai library list`).")],
    text: Annotated[bool, typer.Option("--text", help="Print only the text, in full.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show a story: its card, memory, and the beginning of its text."""
    selected = load_library(account, types=STORY_TYPES).find(story)
    details = describe_story(selected)
    if text and "text" not in details:
        raise InvalidRequestError(f"the story's text cannot be read (state: {summarize_story(selected).state})")
    if as_json:
        typer.echo(write_json({**asdict(summarize_story(selected)), **details}))
    elif text:
        full_text = str(details["text"])
        typer.echo(escape_lines(full_text) if sys.stdout.isatty() else full_text)
    else:
        _print_story(summarize_story(selected), details)


def _print_story(facts: StorySummary, details: dict[str, object]) -> None:
    """Print a line for each fact, and a paragraph for each text that people wrote."""
    set_facts = {name: value for name, value in asdict(facts).items() if value is not None}
    blocks = {name: str(details.pop(name)) for name in ("memory", "authors_note", "text", "preview") if name in details}
    show_facts({**set_facts, **details}, as_json=False)
    for name, block in blocks.items():
        cut = block[:_SHOWN_CHARACTERS] + (" …" if len(block) > _SHOWN_CHARACTERS else "")
        typer.echo(f"\n{typer.style(name.replace('_', ' '), dim=True)}\n{escape_lines(cut)}")


_SHOWN_CHARACTERS: Final = 600
"""How much of a long text is shown."""
