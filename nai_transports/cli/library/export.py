"""``nai library export``: what an account has stored, as files to read and to keep."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.errors import FileError
from nai_proto.library import ExportedFile, export_files
from nai_proto.objects import TYPES

from ... import files
from ..common.credentials import Email, UnsafePassword, Url
from ..common.errors import exit_on_error
from ..common.output import show_progress
from .library_loader import STORY_TYPES, find_story, load_library

__all__ = ["export"]

_WRITTEN: Final = "written"
_UNCHANGED: Final = "there already"
_KEPT: Final = "kept"


def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.", file_okay=False)
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TITLE|ID", help="Only this story, and nothing else. May be given more than once."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that hold something else.")] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
) -> None:
    """Write stories, texts, lorebooks and presets as files; what did not open is written sealed, beside a note on why.

    A file that is there already and holds something else is kept, unless --overwrite is given. The exit status is 1 if one
    was, or if not all could be read.
    """
    with exit_on_error("library export"):
        whole = load_library(url, email, unsafe_password, types=STORY_TYPES if only else TYPES)
        chosen = None if not only else [find_story(whole.stories, wanted) for wanted in only]
        done = _write_files(directory, export_files(whole, chosen), overwrite)
    for type_, error in whole.unread.items():
        typer.echo(f"nai library export: {type_} could not be listed: {error}", err=True)
    for path in done[_KEPT]:
        typer.echo(f"nai library export: {path} holds something else, and is kept (--overwrite replaces it)", err=True)
    counts = [f"{len(paths)} {'file' if len(paths) == 1 else 'files'} {how}" for how, paths in done.items() if paths]
    typer.echo(f"{directory}: {', '.join(counts) or 'nothing to export'}")
    raise typer.Exit(1 if done[_KEPT] or whole.unread else 0)


def _write_files(directory: Path, made: Iterable[ExportedFile], overwrite: bool) -> dict[str, list[Path]]:
    """The paths by what became of them."""
    done: dict[str, list[Path]] = {_WRITTEN: [], _UNCHANGED: [], _KEPT: []}
    with show_progress("exporting") as progress:
        for file in made:
            path = directory.joinpath(*file.path)
            done[_write_file(path, file.data, overwrite)].append(path)
            progress.update("items", file.done, file.total)
    return done


def _write_file(path: Path, data: bytes, overwrite: bool) -> str:
    """Writes the file, unless another stands there."""
    if path.exists():
        if files.read(path) == data:
            return _UNCHANGED
        if not overwrite:
            return _KEPT
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = error.strerror
    else:
        files.write(path, data)
        return _WRITTEN
    raise FileError(f"{path.parent} cannot be made: {problem}", path=str(path.parent))
