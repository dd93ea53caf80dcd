"""Select the story of a command: one in a file, or one of the account."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.errors import Damaged, InvalidFile, InvalidRequestError
from nai_proto.library import Library, OpenedStory
from nai_proto.story import Story
from nai_proto.story.files import FileKind, Scenario, read_file, read_story_file
from nai_proto.story.placeholder_fields import list_texts
from nai_proto.story.placeholders import check_answers, find_placeholders
from nai_proto.text.models import find_listed_model
from nai_proto.tier import Tier
from nai_proto.unknown_names import unknown_choice

from ... import files
from ..common.account_options import AccountOptions
from ..common.errors import WrongUsage, reading_options
from ..common.output import print_problems
from ..library.library_loader import STORY_TYPES, load_library

__all__ = [
    "AnswerOption",
    "SelectedStory",
    "StoryArgument",
    "check_model",
    "parse_answers",
    "parse_tier",
    "select_stored_story",
    "select_story",
]

_FILE_SUFFIXES: Final = (".story", ".scenario", ".png")

StoryArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="STORY", help="Title or id, or the beginning of one, or path of a .story or .scenario file."
    ),
]


@dataclass(frozen=True, slots=True)
class SelectedStory:
    """A story, and where it was found."""

    story: Story
    answers: Mapping[str, str] = field(default_factory=dict[str, str])
    "Values of placeholders, to be filled in when a context is built; a scenario has been begun with its own."
    stored: OpenedStory | None = None
    "The objects of the account's story; None for a file."
    library: Library | None = None
    "The account's stories and contents; None for a file."
    problems: tuple[str, ...] = ()
    "What of its fields cannot be read, in sentences."


def select_story(
    name: str,
    answer: list[str] | None,
    account: AccountOptions,
    *,
    builds_context: bool = False,
) -> SelectedStory:
    """Return the story of a file, if the name is a path of one; else the account's story with this title or id.

    A scenario is begun with the answers. What cannot be read of its fields is printed to standard error.

    Args:
        name: the argument of the command.
        answer: the option of the command; an `AnswerOption`.
        account: whose story, if the name is not one of a file.
        builds_context: whether the command fills in the placeholders of a story that was begun before.

    Raises:
        NaiError: there is no such story, it cannot be read, or an answer is to no placeholder.
    """
    selected = _select_story(name, parse_answers(answer), account)
    if selected.answers:
        if not builds_context:
            raise WrongUsage(
                "--answer begins a scenario, and this story has begun; nai story context fills in its placeholders"
            )
        story = selected.story
        with reading_options():
            check_answers(selected.answers, find_placeholders(story.text, *list_texts(story.fields)))
    print_problems(name, selected.problems)
    return selected


def _select_story(name: str, answers: Mapping[str, str], account: AccountOptions) -> SelectedStory:
    if _is_file(name):
        return _read_story_file(Path(name), answers)
    library = load_library(account, types=STORY_TYPES)
    stored = library.find(name)
    if not stored.ok:
        raise InvalidRequestError("the story's card or content did not open; nai library list shows the reason")
    story = stored.edit()
    return SelectedStory(story, answers, stored, library, story.field_problems)


def select_stored_story(name: str, account: AccountOptions) -> tuple[Library, OpenedStory]:
    """Return the account's stories and contents, and the story with this title or id.

    Args:
        name: the argument of the command.
        account: whose story.

    Raises:
        NaiError: there is no such story; or the name is a path of a file, which the command cannot change.
    """
    if _is_file(name):
        raise WrongUsage(f"{name} is a file, and this changes a story of the account; nai story import stores a file")
    library = load_library(account, types=STORY_TYPES)
    return library, library.find(name)


def _is_file(name: str) -> bool:
    path = Path(name)
    return os.path.isfile(path) or path.suffix.lower() in _FILE_SUFFIXES


def _read_story_file(path: Path, answers: Mapping[str, str]) -> SelectedStory:
    data = files.read(path)
    file = read_file(data, where=str(path))
    if file.kind is FileKind.SCENARIO:
        scenario = Scenario(file.document)
        with reading_options():
            check_answers(answers, scenario.placeholders)
        return SelectedStory(scenario.start_story(answers, now=time.time()), problems=scenario.problems)
    story = Story.from_data(*read_story_file(file.data, where=str(path)))
    try:
        _ = story.text  # each command needs it, and here its name is known
    except Damaged as error:
        problem = f"{path}: {error}"
    else:
        return SelectedStory(story, answers, problems=story.field_problems)
    raise InvalidFile(problem, path=str(path))


AnswerOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="KEY=TEXT", help="Value of a placeholder; a scenario asks for it (repeatable)."),
]


def check_model(model: str | None) -> None:
    """Check that there is a model of this name, if one is given.

    Raises:
        WrongUsage: there is none; the message suggests others.
    """
    if model is not None:
        with reading_options():
            find_listed_model(model)


def parse_answers(options: list[str] | None) -> dict[str, str]:
    """Return the values of ``KEY=TEXT`` options by key.

    Raises:
        WrongUsage: an option has no ``=``.
    """
    pairs = [each.partition("=") for each in options or ()]
    if not all(sign for _, sign, _ in pairs):
        raise WrongUsage("--answer is KEY=TEXT, such as hero=Mira")
    return {key.strip(): text for key, _, text in pairs}


def parse_tier(name: str) -> Tier:
    """Return the tier of a name in upper or lower case.

    Raises:
        UnknownChoiceError: no tier has this name.
    """
    try:
        return Tier[name.strip().upper()]
    except KeyError:
        pass
    raise unknown_choice(name, "tier", [each.name.lower() for each in Tier], parameter="tier")
