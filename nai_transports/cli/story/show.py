"""``nai story show``: show the facts of a story, and its text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final

import typer

from nai_proto.library import OpenedStory
from nai_proto.story import Lorebook, Story
from nai_proto.story.json_records import object_or_empty
from nai_proto.story.utf16 import replace_lone_surrogates

from ..common.account_options import AccountOptions
from ..common.json_document import print_json, to_time
from ..common.output import Json
from ..common.output import print_facts as show_facts
from ..common.text_stream import escape_prose, print_prose
from .story_source import AnswerOption, StoryArgument, select_story

__all__ = ["show"]

_SHOWN_CHARACTERS: Final = 600
"""How much of a long text is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryReport:
    """A story, as ``nai story show`` prints it."""

    title: str
    id: str | None
    "The id of the card; None for a file."
    last_updated_at: datetime | None
    "None for a file, or if the card does not say it."
    description: str
    format: str
    "``document``, or ``story`` for the older form."
    model: str | None
    module: str | None
    characters: int
    sections: int
    steps: int
    "Steps of the history up to the present text."
    history_nodes: int
    "All steps of the history, also those of other branches."
    branches: int
    lorebook_entries: int
    problems: list[str]
    memory: str
    authors_note: str
    text: str


def show(
    story: StoryArgument,
    text: Annotated[bool, typer.Option("--text", help="Print only the text, in full.")] = False,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show a story: its settings, history, lorebook, and the end of its text."""
    chosen = select_story(story, answer, account)
    selected = chosen.story
    report = _describe_story(selected, chosen.stored)
    if as_json:
        print_json(report)
        return
    if text:
        full_text = replace_lone_surrogates(selected.text)
        print_prose(full_text)
        return
    facts = {name: value for name, value in asdict(report).items() if value not in (None, "", [])}
    blocks = {name: str(facts.pop(name)) for name in ("memory", "authors_note", "text") if name in facts}
    show_facts(facts, as_json=False)
    for name, block in blocks.items():
        cut = ("… " if len(block) > _SHOWN_CHARACTERS else "") + block[-_SHOWN_CHARACTERS:]
        typer.echo(f"\n{typer.style(name.replace('_', ' '), dim=True)}")
        print_prose(escape_prose(cut))


def _describe_story(story: Story, stored: OpenedStory | None) -> StoryReport:
    history, lorebook = story.history, Lorebook(object_or_empty(story.fields.get("lorebook")))
    description: object = story.card.get("description")
    return StoryReport(
        title=story.title,
        id=None if stored is None else stored.card.stored.id,
        last_updated_at=None if stored is None else to_time(stored.last_updated_at),
        description=description if isinstance(description, str) else "",
        format="document" if story.has_document else "story",
        model=story.settings.model,
        module=story.settings.module,
        characters=len(story.text),
        sections=len(story.sections),
        steps=story.step,
        history_nodes=len(history),
        branches=len(history.leaves),
        lorebook_entries=len(lorebook.entries),
        problems=[*story.problems],
        memory=story.memory,
        authors_note=story.authors_note,
        text=story.text,
    )
