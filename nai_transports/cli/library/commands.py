"""``nai library list``, which is ``nai story list`` too, and ``nai library show``: list the account's stories, show one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from nai_proto.errors import InvalidRequestError

from ..common.account_options import AccountOptions
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json
from ..common.output import print_facts as show_facts
from ..common.tables import Cell, Column, print_table
from ..common.text_stream import escape_prose, print_prose
from .library_loader import STORY_TYPES, load_library
from .story_summary import StoryDetails, StorySummary, describe_story, summarize_story

__all__ = ["list_stories", "show"]

_SHOWN_CHARACTERS: Final = 600
"""How much of a long text is shown."""
_MINUTES: Final = "%Y-%m-%d %H:%M"
_SECONDS: Final = f"{_MINUTES}:%S"
_BLOCKS: Final = ("memory", "authors_note", "text", "preview")
"""Facts that are shown as paragraphs."""


def list_stories(*, account: AccountOptions, as_json: Json = False) -> None:
    """List all stories, including those that do not open."""
    stories = [summarize_story(story) for story in load_library(account, types=STORY_TYPES).stories]
    if as_json:
        print_json(stories)
    elif stories:
        columns = ("title", "changed (UTC)", Column("bytes", is_number=True), "state", Column("id", is_id=True))
        print_table(columns, _describe_rows(stories))
    else:
        print_remark("there are no stories")


def _describe_rows(stories: Sequence[StorySummary]) -> Iterator[tuple[Cell, ...]]:
    """Yield the cells of each story. Times have seconds if stories of one title would look alike without them."""
    to_the_minute = Counter((story.title, _format_time(story, _MINUTES)) for story in stories)
    form = _SECONDS if max(to_the_minute.values()) > 1 else _MINUTES
    for story in stories:
        yield story.title, _format_time(story, form), story.content_bytes, story.state, story.id


def _format_time(story: StorySummary, form: str) -> str:
    return "" if story.last_updated_at is None else f"{story.last_updated_at:{form}}"


def show(
    story: Annotated[str, typer.Argument(metavar="STORY", help="Title or id of a story, or the beginning of one.")],
    text: Annotated[bool, typer.Option("--text", help="Print only the text, in full.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show a story: its card, memory, and the beginning of its text."""
    details = describe_story(load_library(account, types=STORY_TYPES).find(story))
    if text and details.text is None:
        raise InvalidRequestError(f"the story's text cannot be read (state: {details.state})")
    if as_json:
        print_json(details)
    elif text:
        full_text = details.text or ""
        print_prose(full_text)
    else:
        _print_story(details)


def _print_story(details: StoryDetails) -> None:
    """Print a line for each fact, and a paragraph for each text that people wrote; nothing of what there is not."""
    facts = {name: value for name, value in asdict(details).items() if value not in (None, "", [])}
    if "text" in facts:
        facts.pop("preview", None)
    blocks = {name: str(facts.pop(name)) for name in _BLOCKS if name in facts}
    show_facts(facts, as_json=False)
    for name, block in blocks.items():
        cut = block[:_SHOWN_CHARACTERS] + (" …" if len(block) > _SHOWN_CHARACTERS else "")
        typer.echo(f"\n{typer.style(name.replace('_', ' '), dim=True)}")
        print_prose(escape_prose(cut))
