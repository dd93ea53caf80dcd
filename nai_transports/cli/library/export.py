"""``nai library export``: write everything that the account stores to files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.library import ExportedFile, export_files
from nai_proto.objects import TYPES

from ... import files
from ...backups import ObjectSpool
from ..common.account_options import AccountOptions
from ..common.finished_work import record_done
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, format_count, print_sentence
from .library_loader import STORY_TYPES, UnreadType, list_unread, load_library

__all__ = ["export"]

_WRITTEN: Final = "written"
_UNCHANGED: Final = "unchanged"
_KEPT: Final = "not replaced"


@dataclass(frozen=True, slots=True)
class LibraryExport:
    """What ``nai library export`` did, by paths."""

    directory: str
    written: list[str]
    unchanged: list[str]
    not_replaced: list[str]
    "Files that exist with other content."
    unread: list[UnreadType]


def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory to write to; created if needed.", file_okay=False)
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STORY", help="Export only this story: a title or id, or the beginning of one (repeatable)."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Export stories, texts, lorebooks and presets as files. Objects that do not open are exported encrypted, with a note.

    An existing file with other content is replaced only with --force. The exit code is 1 if a file was not replaced, or
    if objects could not be listed.
    """
    with ObjectSpool(directory) as spool:
        account_library = load_library(account, types=STORY_TYPES if only else TYPES, keep=spool.keep)
        stories = None if not only else [account_library.find(name) for name in only]
        exported_files = export_files(account_library, stories)
        paths_by_outcome = _write_files(directory, exported_files, account, overwrite=overwrite)
    for type_, error in account_library.unread.items():
        print_remark(f"{type_} could not be listed: {error}")
    for path in paths_by_outcome[_KEPT]:
        print_remark(f"{path} already exists with other content (--force replaces it)")
    if as_json:
        written, unchanged, kept = ([*map(str, paths)] for paths in paths_by_outcome.values())
        print_json(LibraryExport(str(directory), written, unchanged, kept, list_unread(account_library.unread)))
    else:
        counts = [
            f"{len(paths)} {'file' if len(paths) == 1 else 'files'} {outcome}"
            for outcome, paths in paths_by_outcome.items()
            if paths
        ]
        print_sentence(f"{directory}: {', '.join(counts) or 'nothing to export'}")
    raise typer.Exit(1 if paths_by_outcome[_KEPT] or account_library.unread else 0)


def _write_files(
    directory: Path, exported_files: Iterable[ExportedFile], account: AccountOptions, *, overwrite: bool
) -> dict[str, list[Path]]:
    """Write the files; return their paths by outcome."""
    paths_by_outcome: dict[str, list[Path]] = {_WRITTEN: [], _UNCHANGED: [], _KEPT: []}
    written = paths_by_outcome[_WRITTEN]
    try:
        with account.show_progress("exporting") as progress:
            for file in exported_files:
                path = directory.joinpath(*map(files.encode_name, file.path))
                paths_by_outcome[_write_file(path, file.data, overwrite)].append(path)
                progress.update("items", file.done, file.total)
    finally:
        if written:
            record_done(f"written: {format_count(len(written), 'file')} in {directory}", written)
    return paths_by_outcome


def _write_file(path: Path, data: bytes, overwrite: bool) -> str:
    """Write a file unless it exists with other content; return the outcome."""
    if os.path.exists(path):
        if files.read(path) == data:
            return _UNCHANGED
        if not overwrite:
            return _KEPT
    files.make_directories(path.parent)
    files.write(path, data)
    return _WRITTEN
