"""``nai story export``: a story as a file, to be read or to be brought elsewhere."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from nai_proto.codecs.box import write_json
from nai_proto.errors import FileError, InvalidRequestError
from nai_proto.library.file_names import make_safe_name
from nai_proto.story import Story
from nai_proto.story.book import Book, build_book, to_epub, to_html, to_markdown
from nai_proto.story.files import Scenario, build_story_file
from nai_proto.story.utf16 import replace_lone_surrogates

from ... import files
from ..common.credentials import Email, UnsafePassword, Url
from ..common.errors import exit_on_error
from .story_source import StoryArgument, current_time_ms, select_story

__all__ = ["ExportFormat", "export"]


class ExportFormat(StrEnum):
    """What a story can be written as; also the ending of the file's name."""

    MARKDOWN = "md"
    TEXT = "txt"
    HTML = "html"
    EPUB = "epub"
    STORY = "story"
    SCENARIO = "scenario"


def export(
    story: StoryArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; - for stdout. Named after the story if not given.")
    ] = None,
    form: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="What to write; the ending of --output, or md, if not given."),
    ] = None,
    author: Annotated[str, typer.Option(help="Who wrote it.")] = "",
    language: Annotated[str, typer.Option(help="Its language, for HTML and EPUB.")] = "en",
    origins: Annotated[bool, typer.Option("--origins", help="Mark in HTML who wrote what.")] = False,
    chapters: Annotated[bool, typer.Option(help="Take lines that look like headings for headings.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that holds something else.")] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
) -> None:
    """Write a story as Markdown, plain text, HTML or EPUB, or as a file that the website reads."""
    with exit_on_error("story export"):
        wanted = form or _format_from_name(output)
        told = select_story(story, url, email, unsafe_password).story
        book = partial(build_book, told, author=author, language=language, chapters=chapters)
        data = _export(wanted, told, book, author, origins)
        if output == Path("-"):
            sys.stdout.buffer.write(data)
            return
        path = output or Path(f"{make_safe_name(told.title or 'story')}.{wanted}")
        if path.exists() and not overwrite and files.read(path) != data:
            raise FileError(f"{path} holds something else, and is kept (--overwrite replaces it)", path=str(path))
        files.write(path, data)
    typer.echo(f"{path}: {len(data):,} bytes")


def _format_from_name(output: Path | None) -> ExportFormat:
    if output is None or output == Path("-"):
        return ExportFormat.MARKDOWN
    ending = output.suffix.lower().removeprefix(".")
    if ending in [*ExportFormat]:
        return ExportFormat(ending)
    raise InvalidRequestError(f"{output}: what it should be is not clear; --format is one of {', '.join(ExportFormat)}")


def _export(wanted: ExportFormat, story: Story, book: Callable[[], Book], author: str, origins: bool) -> bytes:
    match wanted:
        case ExportFormat.MARKDOWN:
            return to_markdown(book())
        case ExportFormat.TEXT:
            return replace_lone_surrogates(story.text).encode() + b"\n"
        case ExportFormat.HTML:
            return to_html(book(), origins=origins)
        case ExportFormat.EPUB:
            return to_epub(book(), identifier=_book_identifier(story), modified=current_time_ms() // 1000)
        case ExportFormat.STORY:
            return build_story_file(*map(write_json, story.to_data(now=current_time_ms())))
        case ExportFormat.SCENARIO:
            return Scenario.from_story(story, author=author).dumps()


def _book_identifier(story: Story) -> str:
    """The same one for each edition of a story: of its id, or of its title where it has none."""
    known = story.card.get("id")
    return uuid.uuid5(uuid.NAMESPACE_URL, f"story:{known if isinstance(known, str) and known else story.title}").urn
