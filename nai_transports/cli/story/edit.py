"""``nai story undo``, ``redo``, ``append`` and ``rename``: change a story of the account, and save it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.errors import LocalProtocolError
from nai_proto.library import EditedStory, Library, OpenedStory

from ..common.account_options import AccountOptions
from ..common.errors import CommandFailed, WrongUsage
from ..common.finished_work import note_interruption, record_done
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, escape_line, format_count, print_sentence
from ..common.text_input import check_one_text, read_text
from ..library.story_summary import describe_change
from .story_source import select_stored_story

__all__ = ["append", "check_title", "note_same_title", "print_story", "record_stored", "redo", "rename", "undo"]

_SHOWN_CHARACTERS: Final = 60
"""How much of the end of a text is shown."""
_LONGEST_WORD: Final = 20
"""How much less is shown to begin with a word. Some languages have few blanks."""

_NO_TEXT: Final = "there is no text to append: give it as an argument, or with --file"

StoredStoryArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="STORY", help="Title or id of a story of the account, or the beginning of one.")
]
Steps: TypeAlias = Annotated[int, typer.Option(min=1, help="Number of steps.")]


def undo(
    story: StoredStoryArgument,
    steps: Steps = 1,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Undo the last steps of a story: generations and edits. Nothing is lost: redo brings them back."""
    saved = _edit_text(story, account, lambda each, _: _repeat(each.undo, steps))
    print_story(saved, f"Undid {format_count(steps, 'step')} of", as_json)


def redo(
    story: StoredStoryArgument,
    steps: Steps = 1,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Redo the steps of a story that were undone last. Where it branches, the way that was taken last is taken."""
    saved = _edit_text(story, account, lambda each, _: _repeat(each.redo, steps))
    print_story(saved, f"Redid {format_count(steps, 'step')} of", as_json)


def append(
    story: StoredStoryArgument,
    text: Annotated[
        str | None,
        typer.Argument(help="Text to append, with its blank or line end; - reads stdin.", show_default=False),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Append the text of this file; - reads stdin.")] = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Append a text to a story, directly behind its last character."""
    added = ""

    def append_text(each: EditedStory, now: float) -> None:
        nonlocal added
        added = read_text(text, file) or ""
        if not added:
            raise WrongUsage(_NO_TEXT)
        each.append(added, now=now)

    check_one_text(text, file)
    if file is None and not text:
        raise WrongUsage(_NO_TEXT)
    saved = _edit_text(story, account, append_text)  # whoever types the text learns before it if there is no such story
    print_story(saved, f"Appended {format_count(len(added), 'character')} to", as_json)


def rename(
    story: StoredStoryArgument,
    title: Annotated[str, typer.Argument(help="New title.")],
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Give a story another title."""

    old_title = ""

    def set_title(each: EditedStory, _: float) -> None:
        nonlocal old_title
        old_title = each.title
        each.title = title

    check_title(title)
    library, saved = _edit(story, account, set_title)
    print_story(saved, f"Renamed {old_title} to", as_json)
    note_same_title(saved, library)


def check_title(title: str) -> None:
    """Check that a story can be found by its new title.

    Raises:
        WrongUsage: it is empty.
    """
    if not title.strip():
        raise WrongUsage("the title is empty")


def note_same_title(story: OpenedStory, library: Library) -> None:
    """Say which other stories have the title of one that was stored, and how to tell them apart.

    Args:
        story: as it is stored now.
        library: of the account, as it was before.
    """
    title, id_ = _fold(story.title), story.card.stored.id
    others = [each.card.stored.id for each in library.stories if _fold(each.title) == title]
    if others := [each for each in others if each != id_]:
        has = "another story has" if len(others) == 1 else f"{len(others)} other stories have"
        print_remark(f"{has} this title ({', '.join(others)}); commands tell them apart by id")


def _fold(title: str) -> str:
    return title.strip().casefold()


def record_stored(story: OpenedStory) -> None:
    """Record that a story is stored in the account, for an error that comes later."""
    record_done(f"stored: {escape_line(story.title)} ({story.card.stored.id})")


def print_story(story: OpenedStory, done: str, as_json: bool) -> None:
    """Print what was done to a story of the account, and what it is now: title, id, length of its text and how it ends.

    Args:
        story: as it is stored now.
        done: the beginning of the line, such as ``"Renamed"``.
        as_json: print `ChangedStory` instead?
    """
    changed = describe_change(story)
    if as_json:
        print_json(changed)
        return
    text = story.text
    end = "" if text is None else f": {format_count(len(text), 'character')}"
    if text:
        end += f", ending in: {_cut_beginning(text)}"
    print_sentence(f"{done} {changed.title} ({changed.id}){end}")


def _cut_beginning(text: str) -> str:
    """Return the end of a text, from the beginning of a word unless none is near."""
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    end = text[-_SHOWN_CHARACTERS - 1 :]  # with the character before, which says whether a word begins there
    words = re.search(r"\s+(?=\S)", end[:_LONGEST_WORD])
    return f"… {end[words.end() :] if words else end[1:]}"


# ---- edits


def _edit_text(
    name: str,
    account: AccountOptions,
    change: Callable[[EditedStory, float], None],
) -> OpenedStory:
    """Change the text of a story, and save it. Changes that the website has not made a step yet become one first."""

    def commit_and_change(story: EditedStory, now: float) -> None:
        story.commit_pending(now=now)
        change(story, now)

    _, saved = _edit(name, account, commit_and_change)
    return saved


def _edit(
    name: str,
    account: AccountOptions,
    change: Callable[[EditedStory, float], None],
) -> tuple[Library, OpenedStory]:
    """Change a story of the account, and save it; return the account's stories, and the story as it is stored.

    Raises:
        ConflictError: another program changed it meanwhile; its version stays.
    """
    library, stored = select_stored_story(name, account)
    story = stored.edit()
    change(story, time.time())
    note = f"The change may be stored: nai story show {stored.card.stored.id} shows the story."
    with account.open_client() as client, note_interruption(note):
        saved = client.run(library.save(story))
    record_stored(saved)
    return library, saved


def _repeat(step: Callable[[], None], times: int) -> None:
    for done in range(times):
        try:
            step()
        except LocalProtocolError as error:
            problem = f"{error}, after {done} of {times} steps; nothing was changed" if done else str(error)
        else:
            continue
        raise CommandFailed(problem)
