"""``nai story export``: write a story to a file, to read it or to import it elsewhere."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import FileError
from nai_proto.library.file_names import make_safe_name
from nai_proto.story import Story
from nai_proto.story.book import Book, build_book, to_epub, to_html, to_markdown
from nai_proto.story.files import Scenario, build_story_file
from nai_proto.story.utf16 import replace_lone_surrogates

from ... import files
from ..common.account_options import AccountOptions
from ..common.errors import WrongUsage, reading_options
from ..common.finished_work import record_done
from ..common.json_document import print_json
from ..common.output import Json, print_sentence
from ..common.output_files import OutputPath, Overwrite, build_output_option, choose_paths
from .story_source import AnswerOption, StoryArgument, select_story

__all__ = ["ExportFormat", "export"]


class ExportFormat(StrEnum):
    """The formats of an exported story; the values are the file names' suffixes."""

    MARKDOWN = "md"
    TEXT = "txt"
    HTML = "html"
    EPUB = "epub"
    STORY = "story"
    SCENARIO = "scenario"


@dataclass(frozen=True, slots=True)
class StoryExport:
    """The file that ``nai story export`` wrote."""

    path: str
    format: str
    bytes: int
    title: str


def export(
    story: StoryArgument,
    output: Annotated[OutputPath | None, build_output_option(*(f".{each}" for each in ExportFormat))] = None,
    form: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Format. Default: the suffix of --output, or md."),
    ] = None,
    author: Annotated[str, typer.Option(help="Author of the story.")] = "",
    language: Annotated[
        str, typer.Option(help="Language of the text, for HTML and EPUB. Default: what its script suggests.")
    ] = "",
    origins: Annotated[bool, typer.Option("--origins", help="Mark in HTML who wrote which part.")] = False,
    chapters: Annotated[bool, typer.Option(help="Treat lines that look like headings as headings.")] = True,
    overwrite: Overwrite = False,
    answer: AnswerOption = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Export a story as Markdown, text, HTML, EPUB, .story or .scenario, to a file named after it.

    With -o - it goes to stdout.
    """
    if as_json and output is not None and output.is_stdout:
        raise WrongUsage("--json and -o - both write to stdout; give one of them")
    format_ = form or _choose_format(output)
    selected = select_story(story, answer, account).story
    book = partial(build_book, selected, author=author, language=language, chapters=chapters)
    data = _export(format_, selected, book, author, origins)
    if output is not None and output.is_stdout:
        if as_json:
            raise WrongUsage("stdout cannot take both the story and --json; give -o with a file name")
        sys.stdout.buffer.write(data)
        return
    with reading_options():
        (path,) = choose_paths(output, make_safe_name(selected.title or "story"), (f".{format_}",))
    files.make_directories(path.parent)
    if os.path.exists(path) and not overwrite and files.read(path) != data:
        raise FileError(f"{path} already exists with other content (--force replaces it)", path=str(path))
    files.write(path, data)
    record_done(f"written: {path}", [path])
    if as_json:
        print_json(StoryExport(str(path), str(format_), len(data), selected.title))
    else:
        print_sentence(f"{path}: {len(data):,} bytes")


def _choose_format(output: OutputPath | None) -> ExportFormat:
    """Return the format that the suffix of a file names; Markdown where there is no file.

    Raises:
        WrongUsage: the file has no suffix, or another one.
    """
    if output is None or output.is_stdout or output.is_directory:
        return ExportFormat.MARKDOWN
    suffix = output.suffix.removeprefix(".")
    if suffix in [*ExportFormat]:
        return ExportFormat(suffix)
    formats = ", ".join(ExportFormat)
    if suffix:
        raise WrongUsage(f"-o {output.path}: .{suffix} is none of the formats: {formats}")
    raise WrongUsage(f"-o {output.path}: without a suffix, give the --format: {formats}")


def _export(format_: ExportFormat, story: Story, book: Callable[[], Book], author: str, origins: bool) -> bytes:
    match format_:
        case ExportFormat.MARKDOWN:
            return to_markdown(book())
        case ExportFormat.TEXT:
            return replace_lone_surrogates(story.text).encode() + b"\n"
        case ExportFormat.HTML:
            return to_html(book(), origins=origins)
        case ExportFormat.EPUB:
            return to_epub(book(), identifier=_book_identifier(story), modified=time.time())
        case ExportFormat.STORY:
            return build_story_file(*map(write_json, story.to_data(now=time.time())))
        case ExportFormat.SCENARIO:
            return Scenario.from_story(story, author=author).dumps()


def _book_identifier(story: Story) -> str:
    """Return an identifier that is equal for all editions of a story: made from its id, else from its title."""
    id_ = story.card.get("id")
    return uuid.uuid5(uuid.NAMESPACE_URL, f"story:{id_ if isinstance(id_, str) and id_ else story.title}").urn
