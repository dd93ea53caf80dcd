"""``nai story show``: show the facts of a story, and its text."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from nai_proto.codecs.secret_box import write_json
from nai_proto.story import Lorebook, Story
from nai_proto.story.json_records import object_or_empty
from nai_proto.story.utf16 import replace_lone_surrogates

from ..common.account_options import AccountOptions
from ..common.output import Json, escape_lines
from ..common.output import print_facts as show_facts
from .story_source import AnswerOption, StoryArgument, select_story

__all__ = ["show"]

_SHOWN_CHARACTERS: Final = 600
"""How much of a long text is shown."""


def show(
    story: StoryArgument,
    text: Annotated[bool, typer.Option("--text", help="Print only the text, in full.")] = False,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show a story: its settings, history, lorebook, and the end of its text."""
    selected = select_story(story, answer, account).story
    if text:
        full_text = replace_lone_surrogates(selected.text)
        typer.echo(escape_lines(full_text) if sys.stdout.isatty() else full_text)
        return
    facts = _describe_story(selected)
    if as_json:
        typer.echo(write_json(facts))
        return
    blocks = {name: str(facts.pop(name)) for name in ("memory", "authors_note", "text") if name in facts}
    show_facts(facts, as_json=False)
    for name, block in blocks.items():
        cut = ("… " if len(block) > _SHOWN_CHARACTERS else "") + block[-_SHOWN_CHARACTERS:]
        typer.echo(f"\n{typer.style(name.replace('_', ' '), dim=True)}\n{escape_lines(cut)}")


def _describe_story(story: Story) -> dict[str, object]:
    """Return the facts of a story by name; what the story does not have is left out."""
    history, lorebook = story.history, Lorebook(object_or_empty(story.fields.get("lorebook")))
    facts: dict[str, object] = {
        "title": story.title,
        "description": story.card.get("description"),
        "format": "document" if story.has_document else "story",
        "model": story.settings.model,
        "module": story.settings.module,
        "characters": len(story.text),
        "sections": len(story.sections),
        "steps": story.step,
        "nodes_of_history": len(history),
        "branches": len(history.leaves),
        "lorebook_entries": len(lorebook.entries),
        "problems": list(story.problems),
        "memory": story.memory,
        "authors_note": story.authors_note,
        "text": story.text,
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [])}
