"""Which story a command is about: a file, or one of the account's."""

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
from ..library.library_loader import STORY_TYPES, find_story, load_library

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
        metavar="STORY", help="A title or an id (`nai library list`), or the path of a .story or .scenario file."
    ),
]


@dataclass(frozen=True, slots=True)
class SelectedStory:
    """A story, and where it is from."""

    story: Story
    stored: OpenedStory | None = None
    "In the account; None for a file."
    library: Library | None = None
    "The account's stories and contents; None for a file."


def select_story(which: str, url: str | None, email: str | None, unsafe_password: str | None) -> SelectedStory:
    """The story of this path, if there is such a file; else the account's of this title or id.

    Raises:
        NaiError: there is none, or it cannot be read.
    """
    path = Path(which)
    if path.is_file() or path.suffix.lower() in _FILE_SUFFIXES:
        return SelectedStory(_read_story_file(path))
    library = load_library(url, email, unsafe_password, types=STORY_TYPES)
    stored = find_story(library.stories, which)
    if stored.content is None or not stored.ok:
        raise InvalidRequestError("its card or its content did not open (nai library list says more)")
    return SelectedStory(Story.from_data(stored.card.json(), stored.content.json()), stored, library)


def current_time_ms() -> int:
    """Milliseconds since 1970, as stories have them."""
    return int(1000 * time.time())


def _read_story_file(path: Path) -> Story:
    data = files.read(path)
    file = read_file(data, where=str(path))
    if file.kind is FileKind.SCENARIO:
        return Scenario(file.document).start_story(now=current_time_ms())
    return Story.from_data(*read_story_file(file.data, where=str(path)))


AnswerOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="KEY=TEXT", help="For a placeholder of the story. May be given more than once."),
]


def parse_answers(given: list[str] | None) -> dict[str, str]:
    """Answers by key.

    Raises:
        InvalidRequestError: one has no ``=``.
    """
    told = [each.partition("=") for each in given or ()]
    if not all(sign for _, sign, _ in told):
        raise InvalidRequestError("--answer is KEY=TEXT, such as hero=Mira")
    return {key.strip(): text for key, _, text in told}


def parse_tier(name: str) -> Tier:
    """The tier of this name, in any case.

    Raises:
        InvalidRequestError: there is none.
    """
    try:
        return Tier[name.strip().upper()]
    except KeyError:
        pass
    raise InvalidRequestError(f"no tier is called {name!r}; there are {', '.join(each.name.lower() for each in Tier)}")
