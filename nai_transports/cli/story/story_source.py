"""Select the story of a command: one in a file, or one of the account."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.errors import InvalidRequestError
from nai_proto.library import Library, OpenedStory
from nai_proto.story import Story
from nai_proto.story.files import FileKind, Scenario, read_file, read_story_file
from nai_proto.tier import Tier

from ... import files
from ..library.library_loader import STORY_TYPES, load_library

__all__ = [
    "AnswerOption",
    "SelectedStory",
    "StoryArgument",
    "current_time_ms",
    "parse_answers",
    "parse_tier",
    "select_story",
]

_FILE_SUFFIXES: Final = (".story", ".scenario", ".png")

StoryArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="STORY", help="Title or id (see `nai library list`), or path of a .story or .scenario file."
    ),
]


@dataclass(frozen=True, slots=True)
class SelectedStory:
    """A story, and where it was found."""

    story: Story
    stored: OpenedStory | None = None
    "The objects of the account's story; None for a file."
    library: Library | None = None
    "The account's stories and contents; None for a file."


def select_story(name: str, url: str | None, email: str | None, unsafe_password: str | None) -> SelectedStory:
    """Return the story of a file, if the name is a path of one; else the account's story with this title or id.

    Args:
        name: the argument of the command.
        url, email, unsafe_password: as for `nai_transports.cli.library.library_loader.load_library`.

    Raises:
        NaiError: there is no such story, or it cannot be read.
    """
    path = Path(name)
    if path.is_file() or path.suffix.lower() in _FILE_SUFFIXES:
        return SelectedStory(_read_story_file(path))
    library = load_library(url, email, unsafe_password, types=STORY_TYPES)
    stored = library.find(name)
    if not stored.ok:
        raise InvalidRequestError("the story's card or content did not open; nai library list shows the reason")
    return SelectedStory(stored.edit(), stored, library)


def current_time_ms() -> int:
    """Return the milliseconds since 1970, the unit of times in stories."""
    return int(1000 * time.time())


def _read_story_file(path: Path) -> Story:
    data = files.read(path)
    file = read_file(data, where=str(path))
    if file.kind is FileKind.SCENARIO:
        return Scenario(file.document).start_story(now=current_time_ms())
    return Story.from_data(*read_story_file(file.data, where=str(path)))


AnswerOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="KEY=TEXT", help="Value of a placeholder of the story (repeatable)."),
]


def parse_answers(options: list[str] | None) -> dict[str, str]:
    """Return the values of ``KEY=TEXT`` options by key.

    Raises:
        InvalidRequestError: an option has no ``=``.
    """
    pairs = [each.partition("=") for each in options or ()]
    if not all(sign for _, sign, _ in pairs):
        raise InvalidRequestError("--answer is KEY=TEXT, such as hero=Mira")
    return {key.strip(): text for key, _, text in pairs}


def parse_tier(name: str) -> Tier:
    """Return the tier of a name in upper or lower case.

    Raises:
        InvalidRequestError: no tier has this name.
    """
    try:
        return Tier[name.strip().upper()]
    except KeyError:
        pass
    raise InvalidRequestError(f"no tier is called {name!r}; tiers: {', '.join(each.name.lower() for each in Tier)}")
