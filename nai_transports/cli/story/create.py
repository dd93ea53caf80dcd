"""``nai story create`` and ``nai story import``: store new stories in the account."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from nai_proto.errors import InvalidFile, InvalidRequestError, NaiError
from nai_proto.library import Library, OpenedStory
from nai_proto.story import Lorebook, Origin, Story, merge_lorebooks
from nai_proto.story.files import FileKind, Scenario, import_story, read_file

from ... import files
from ...sync import Client
from ..common.account_options import AccountOptions
from ..common.errors import CommandFailed, WrongUsage, reading_options
from ..common.finished_work import note_interruption
from ..common.json_document import print_json
from ..common.output import Json, print_problems
from ..common.text_input import read_text
from ..library.library_loader import load_library
from ..library.story_summary import ChangedStory, describe_change
from .edit import check_title, note_same_title, print_story, record_stored
from .story_source import AnswerOption, check_model, parse_answers, select_stored_story

__all__ = ["create", "import_"]

_LOREBOOK: Final = "lorebook"


def create(
    title: Annotated[str, typer.Argument(help="Title of the story.")],
    text: Annotated[
        str | None, typer.Option("--text", help="Text that the story begins with; - reads stdin.", show_default=False)
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Begin with the text of this file; - reads stdin.")] = None,
    model: Annotated[str, typer.Option(help="Model id or name.")] = "Kayra",
    memory: Annotated[str, typer.Option(help="Memory of the story.", show_default=False)] = "",
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Store a new story in the account.

    Another story may have the same title; a note says so, with its id.
    """
    check_title(title)
    check_model(model)
    begin, now = read_text(text, file), time.time()
    story = Story.new(title, now=now, model=model)
    story.memory = memory
    if begin:
        story.append(begin, now=now, origin=Origin.PROMPT)
    library = load_library(account, types=("stories",))
    with account.open_client() as client:
        (stored,) = _create_all(client, library, [story])
    print_story(stored, "Created", as_json)
    note_same_title(stored, library)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedStory(ChangedStory):
    """A story that ``nai story import`` has stored."""

    path: str
    "The file that it begins with."


def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files of stories, scenarios, lorebooks or text.")
    ],
    into: Annotated[
        str | None,
        typer.Option(
            metavar="STORY",
            help="Add lorebooks to this story of the account: a title or id.",
            show_default=False,
        ),
    ] = None,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Import files into the account: each begins a new story; with --into, lorebooks are added to a story instead.

    Takes .story, .scenario and .lorebook files, cards, and plain text, told by their content. A scenario's placeholders get
    the values of --answer, else their defaults. All files are read before anything is stored.
    """
    if into is not None:
        print_story(_import_lorebooks(paths, into, account), f"Added {_count(paths, 'lorebook')} to", as_json)
        return
    answers, now = parse_answers(answer), time.time()
    if answers and len(paths) > 1:
        raise WrongUsage("--answer is for the placeholders of one scenario: import it by itself")
    stories = _read_stories(paths, now, answers)
    library = load_library(account, types=())
    with account.open_client() as client:
        stored = _create_all(client, library, stories)
    if as_json:
        pairs = zip(paths, stored, strict=True)
        print_json([ImportedStory(**asdict(describe_change(story)), path=str(path)) for path, story in pairs])
        return
    for path, story in zip(paths, stored, strict=True):
        print_story(story, f"Imported {path} as", as_json=False)


def _count(paths: Sequence[Path], noun: str) -> str:
    return f"1 {noun}" if len(paths) == 1 else f"{len(paths)} {noun}s"


def _read_stories(paths: Sequence[Path], now: float, answers: Mapping[str, str]) -> list[Story]:
    """Return the stories that begin with files; if some cannot be read, the error names all of these."""
    stories: list[Story] = []
    errors: list[NaiError] = []
    for path in paths:
        try:
            stories.append(_read_story(path, now, answers))
        except NaiError as error:
            errors.append(error)
    if not errors:
        return stories
    for other in errors[1:]:
        errors[0].add_note(other.plain_message)
    if len(paths) > 1:
        errors[0].add_note("No file was imported")
    raise errors[0]


def _read_story(path: Path, now: float, answers: Mapping[str, str]) -> Story:
    """Return the story that begins with a file; print what of the file's fields cannot be read."""
    data = files.read(path)
    with reading_options():
        story = import_story(data, name=files.decode_name(path.name), now=now, answers=answers)
    try:
        problems = Scenario.loads(data).problems
    except InvalidFile:  # it is a file of another kind
        problems = story.field_problems
    print_problems(str(path), problems)
    return story


def _create_all(client: Client, library: Library, stories: Iterable[Story]) -> list[OpenedStory]:
    """Store stories; if one fails, the error names those that are stored."""
    stored: list[OpenedStory] = []
    for story in stories:
        with note_interruption(f"{story.title!r} may be stored: nai story list shows whether it is."):
            stored.append(client.run(library.create(story)))
        record_stored(stored[-1])
    return stored


def _import_lorebooks(paths: Iterable[Path], into: str, account: AccountOptions) -> OpenedStory:
    """Add lorebooks to a story of the account, and save it."""
    added = [_read_lorebook(path) for path in paths]
    library, stored = select_stored_story(into, account)
    story = stored.edit()
    print_problems(into, story.field_problems)
    present: object = story.fields.get(_LOREBOOK)
    if present is not None and not isinstance(present, dict):
        raise CommandFailed(f"the lorebook of {into!r} is no object, so nothing can be added to it")
    book = Lorebook(cast("dict[str, Any]", present) or Lorebook.new().data)
    try:
        for each in added:
            book = merge_lorebooks(book, each)
    except InvalidRequestError as error:  # about what the account has, and not about the arguments
        problem = f"the lorebook of {into!r} cannot be changed: {error}"
        raise CommandFailed(problem) from None
    story.fields[_LOREBOOK] = dict(book.data)
    id_ = stored.card.stored.id.lstrip("-")  # which finds the story, and is no option
    note = f"The change may be stored: nai lorebook test {id_} shows the entries."
    with account.open_client() as client, note_interruption(note):
        saved = client.run(library.save(story))
    record_stored(saved)
    return saved


def _read_lorebook(path: Path) -> Lorebook:
    try:
        file = read_file(files.read(path), where=str(path))
    except InvalidFile as error:
        error.add_note("--into takes lorebooks; without it, a text begins a new story")
        raise
    if file.kind is not FileKind.LOREBOOK:
        raise WrongUsage(f"{path}: --into takes lorebooks, and this is a {file.kind}")
    book = Lorebook(file.document)
    print_problems(str(path), book.problems)
    return book
