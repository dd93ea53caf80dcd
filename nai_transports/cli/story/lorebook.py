"""``nai lorebook``: test which entries of a lorebook a text activates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.story import EntryTrial, Lorebook, try_lorebook
from nai_proto.story.files import FileKind, read_file
from nai_proto.story.json_records import object_or_empty
from nai_proto.story.lore.search_text import clean_text
from nai_proto.story.placeholder_fields import list_texts
from nai_proto.story.placeholders import check_answers, fill_placeholders, find_placeholders

from ... import files
from ..common.account_options import AccountOptions
from ..common.command import CommandGroup
from ..common.errors import WrongUsage, reading_options
from ..common.json_document import print_json
from ..common.notes import print_note, print_remark
from ..common.output import Json, escape_line, print_problems
from ..common.tables import Column, TableRow, print_table
from ..common.text_input import read_text_file
from .story_source import AnswerOption, parse_answers, select_story

__all__ = ["lorebook"]

lorebook = CommandGroup(help="Test a lorebook.", no_args_is_help=True)

_CONTEXT_CHARACTERS: Final = 20
"""How much text is shown on each side of a match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedKey:
    """A key of an entry."""

    key: str
    match: list[int] | None
    "Where it first matches in the text, from character to character; None if it does not."
    problem: str | None
    "Why it can never match."


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedEntry:
    """A lorebook entry, as ``nai lorebook test`` prints it."""

    id: str
    name: str
    enabled: bool
    always_on: bool
    active: bool
    "Does the text activate it?"
    keys: list[TriedKey]


@lorebook.callback()
def _group() -> None: ...


@lorebook.command("test")
def try_keys(
    name: Annotated[
        str,
        typer.Argument(
            metavar="LOREBOOK", help="A .lorebook file, a character card, or a story: a file, a title or id."
        ),
    ],
    text: Annotated[str | None, typer.Option(help="Text to search. Default: the story's text.")] = None,
    file: Annotated[Path | None, typer.Option(help="Search this file; - reads stdin.")] = None,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show which lorebook entries a text activates, by which keys, and which keys are not valid."""
    fill = partial(fill_placeholders, values=parse_answers(answer))
    book, story_text = _load_lorebook(name, answer, account)
    searched = _read_text(text, file)
    if searched is None:
        searched = story_text
    if searched is None:
        raise WrongUsage("there is no text to search: give --text or --file")
    searched = clean_text(searched, fill)  # as a context is made of it
    trials = try_lorebook(book, searched, fill=fill)
    if as_json:
        print_json([_describe_trial(trial) for trial in trials])
        return
    if not trials:
        print_remark("the lorebook has no entries")
        return
    rows = [TableRow(row, is_dim=not trial.active) for trial in trials for row in _build_rows(trial, searched)]
    print_table((Column("", is_mark=True), "entry", "key", "where"), rows)
    print_note(f"{sum(trial.active for trial in trials)} of {len(trials)} entries active")


def _load_lorebook(name: str, answer: list[str] | None, account: AccountOptions) -> tuple[Lorebook, str | None]:
    """Return the lorebook, and the text of its story if it is in one."""
    path = Path(name)
    if os.path.isfile(path) or path.suffix.lower() == ".lorebook":
        story_file = read_file(files.read(path), where=str(path))
        if story_file.kind is FileKind.LOREBOOK:
            with reading_options():
                check_answers(parse_answers(answer), find_placeholders(*list_texts({"lorebook": story_file.document})))
            book = Lorebook(story_file.document)
            print_problems(name, book.problems)
            return book, None
    story = select_story(name, answer, account, builds_context=True).story
    return Lorebook(object_or_empty(story.fields.get("lorebook"))), story.text


def _read_text(text: str | None, file: Path | None) -> str | None:
    if text is not None and file is not None:
        raise WrongUsage("give --text or --file, not both")
    return text if file is None else read_text_file(file)


def _build_rows(trial: EntryTrial, text: str) -> list[tuple[str, str, str, str]]:
    mark = "✓" if trial.active else "·"
    name = trial.name or trial.entry.id or "—"
    state = "always on" if trial.entry.force_activation else "" if trial.enabled else "off"
    rows = [(mark, name, "", state)] if state or not trial.keys else []
    mark, name = ("", "") if rows else (mark, name)
    for key in trial.keys:
        match = key.result.match
        where = (
            key.result.problem or "—"
            if match is None
            else f"{match.start}: {_format_match(text, match.start, match.end)}"
        )
        rows.append((mark, name, key.key.text, where))
        mark, name = "", ""
    return rows


def _format_match(text: str, start: int, end: int) -> str:
    """Return a match in brackets, with the text around it."""
    before, after = text[:start], text[end:]
    if len(before) > _CONTEXT_CHARACTERS:
        before = "… " + before[-_CONTEXT_CHARACTERS:].lstrip()
    if len(after) > _CONTEXT_CHARACTERS:
        after = after[:_CONTEXT_CHARACTERS].rstrip() + " …"
    return escape_line(f"{before}[{text[start:end]}]{after}")


def _describe_trial(trial: EntryTrial) -> TriedEntry:
    return TriedEntry(
        id=trial.entry.id,
        name=trial.name,
        enabled=trial.enabled,
        always_on=trial.entry.force_activation,
        active=trial.active,
        keys=[
            TriedKey(
                key=key.key.text,
                match=None if key.result.match is None else [key.result.match.start, key.result.match.end],
                problem=key.result.problem or None,
            )
            for key in trial.keys
        ],
    )
