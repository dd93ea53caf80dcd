"""``nai library import``: store stories and presets from files in the account, each of them once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.library import FileImport, FileToImport, Library, RestoreAction, RestoredObject, SavedObject, plan_import
from nai_proto.story.files import FileKind

from ... import files
from ...backups import is_backup
from ...sync import Client
from ...terminals import is_terminal
from ..common.account_options import AccountOptions
from ..common.errors import WrongUsage
from ..common.finished_work import note_interruption, record_done
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, escape_line, format_count, print_sentence
from ..common.prompts import confirm
from ..common.tables import Column, print_table
from .library_loader import open_account

__all__ = ["import_files"]

_SUFFIXES: Final = (*(f".{kind}" for kind in FileKind), ".txt", ".json", ".png", ".sealed")
"""The files of a directory that are looked at: exported ones, and cards."""
_NEEDS_YES: Final = "no terminal to ask at: give --yes to write, or --dry-run to print the plan only"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportItem:
    """A file of the plan, and what became of it."""

    path: str
    kind: str | None
    "Such as ``story``; None if it is none that can be imported."
    title: str
    action: str
    "``create``, ``nothing``, ``keep``, ``leave_out``, or ``relink`` to complete an interrupted import."
    why: str
    id: str | None
    "The id that the story or preset has in the account; None if nothing was written."
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What ``nai library import`` did, or would do."""

    written: bool
    "Was the plan carried out?"
    files: list[ImportItem]


def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Files, or directories with files, such as those of `nai library export`."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Import files into the account: stories, scenarios, lorebooks, texts, presets, or all of an export.

    Prints the plan, and asks before it writes. What the account has stays as it is, and nothing is imported twice: after an
    interruption, run the same command again. Texts in directories are left out; name them to begin stories with them. A
    scenario begins with its defaults; `nai story import` takes answers, and imports a file again as a copy. The exit code is
    1 if a file that is named cannot be imported.
    """
    found = _find_files(paths)
    read = [
        FileToImport(files.decode_name(path.as_posix()), files.read(path), is_named) for path, is_named in found.items()
    ]
    login = account.get_credentials()
    library = open_account(account, login)
    plan = plan_import(library, read, now=time.time())
    writes = [file for file in plan if file.action.is_write]
    if not as_json:
        _print_plan(plan)
    results: dict[str, SavedObject] = {}
    if writes and not dry_run:
        if not yes:
            confirm(f"Import {format_count(len(writes), 'file')} into the account?", _NEEDS_YES)
        with account.open_client() as client:
            results = _carry_out(client, library, writes, account)
        record_done("what is imported is stored in the account; run again, the command imports nothing twice")
    report = Import(written=bool(results), files=[_describe(file, results.get(file.path)) for file in plan])
    if as_json:
        print_json(report)
    else:
        _print_result(report)
    left_out = [file for file, is_named in zip(plan, found.values(), strict=True) if is_named and _is_left_out(file)]
    if left_out or any(file.error is not None for file in report.files):
        raise typer.Exit(1)


def _is_left_out(file: FileImport) -> bool:
    return file.action is RestoreAction.LEAVE_OUT


# ---- files


def _find_files(paths: Sequence[Path]) -> dict[Path, bool]:
    """Return the files of the command's arguments, and whether each is named itself, not only a directory that it is in.

    Raises:
        WrongUsage: a directory is a backup.
    """
    found: dict[Path, bool] = {}
    for path in paths:
        if not os.path.isdir(path):
            found[path] = True
            continue
        if is_backup(path):
            raise WrongUsage(
                f"{path} is a backup directory: restore it with nai library restore {path}, and with --into-this-account "
                "if it is of another account"
            )
        for each in sorted(path.rglob("*")):
            if each.suffix.lower() in _SUFFIXES and os.path.isfile(each) and not _is_hidden(each.relative_to(path)):
                found.setdefault(each, False)
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


# ---- writing


def _carry_out(
    client: Client, library: Library, plan: Sequence[FileImport], account: AccountOptions
) -> dict[str, SavedObject]:
    """Store the objects of files; return what became of each file: of its first object that failed, else of its last one."""
    steps = [(file.path, step) for file in plan for step in file.steps]
    restored: list[RestoredObject] = []
    flow = library.restore([step for _, step in steps])
    note = "What was imported is stored; the same command imports the rest."
    with account.show_progress("importing") as progress, note_interruption(note), client.stream(flow) as stream:
        for event in stream:
            if isinstance(event, RestoredObject):
                restored.append(event)
                progress.update("objects", len(restored), len(steps))
    results: dict[str, SavedObject] = {}
    for (path, _), one in zip(steps, restored, strict=True):
        if path not in results or results[path].outcome.ok:
            results[path] = one.saved
    return results


# ---- output


def _describe(file: FileImport, saved: SavedObject | None) -> ImportItem:
    is_stored = saved is not None and saved.outcome.ok
    return ImportItem(
        path=file.path,
        kind=str(file.kind) or None,
        title=file.title,
        action=file.action.name.lower(),
        why=file.why,
        id=saved.item.stored.id if saved is not None and is_stored else None,
        error=None if saved is None or is_stored else f"{saved.outcome.value}: {saved.error}",
    )


def _print_plan(plan: Sequence[FileImport]) -> None:
    """Print a row for each file that is imported, or that is not although it could be meant; a sentence for the only one."""
    shown = [file for file in plan if file.action is not RestoreAction.NOTHING]
    rows = [(file.action.value, str(file.kind), file.title, file.path, file.why) for file in shown]
    if len(rows) == 1 and is_terminal(sys.stdout):
        what = f", {shown[0].kind} {shown[0].title!r}" if shown[0].kind else ""
        why = f"; {shown[0].why}" if shown[0].why else ""
        print_sentence(f"{shown[0].action.value.capitalize()}: {shown[0].path}{what}{why}.")
    elif rows:
        columns = (Column("what", is_mark=True), Column("kind", is_mark=True), "title", "file", "why")
        print_table(columns, rows)
    if any(file.action is RestoreAction.KEEP and file.kind == FileKind.STORY for file in shown):
        print_remark("nai story import FILE imports another version of a story as a copy")


def _print_result(report: Import) -> None:
    """Print the id of each new story or preset; what was not stored goes to stderr."""
    for file in report.files:
        if file.error is not None:
            print_remark(escape_line(f"{file.path}: {file.error}"))
        elif file.id is not None:
            print_sentence(f"Imported {file.path} as {file.title} ({file.id}).")
    counts = (
        (sum(file.id is not None for file in report.files), "imported"),
        (sum(file.action == "nothing" and file.kind is not None for file in report.files), "had nothing new"),
        (
            sum(file.action == "nothing" and file.kind is None for file in report.files),
            "skipped beside a .story of the same name",
        ),
        (sum(file.action == "leave_out" for file in report.files), "left out"),
        (sum(file.error is not None for file in report.files), "failed"),
    )
    if len(report.files) == 1 and counts[0][0]:
        return  # it is said above
    said = [f"{format_count(number, 'file')} {what}" for number, what in counts if number]
    print_sentence(f"{'; '.join(said) or 'No file imported'}.")
