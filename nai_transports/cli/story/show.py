"""``nai story show``: what a story is, and its text."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from nai_proto.codecs.box import write_json
from nai_proto.story import Lorebook, Story
from nai_proto.story.json_records import object_or_empty
from nai_proto.story.utf16 import replace_lone_surrogates

from ..credentials import Email, UnsafePassword, Url
from ..failing import one_line
from ..showing import Json
from ..showing import show as show_facts
from ..stories import written
from .given import Which, found

__all__ = ["show"]

_BEGINNING: Final = 600
"""Characters of a text that are shown."""


def show(
    story: Which,
    text: Annotated[bool, typer.Option("--text", help="Print the whole text, and nothing else.")] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a story: its settings, how it was written, and the end of its text."""
    with one_line("story show"):
        told = found(story, url, email, unsafe_password).story
        if text:
            whole = replace_lone_surrogates(told.text)
            typer.echo(written(whole) if sys.stdout.isatty() else whole)
            return
        facts = _facts(told)
    if as_json:
        typer.echo(write_json(facts))
        return
    blocks = {name: str(facts.pop(name)) for name in ("memory", "authors_note", "text") if name in facts}
    show_facts(facts, as_json=False)
    for name, block in blocks.items():
        cut = ("… " if len(block) > _BEGINNING else "") + block[-_BEGINNING:]
        typer.echo(f"\n{typer.style(name.replace('_', ' '), dim=True)}\n{written(cut)}")


def _facts(story: Story) -> dict[str, object]:
    """Whatever can be said; what is not there is left out."""
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
