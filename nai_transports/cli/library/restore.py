"""``nai library restore``: what was backed up, put back where it is missing or has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.sealed import Opened
from nai_proto.errors import InvalidRequestError
from nai_proto.library import (
    Access,
    KeystoreOpened,
    Library,
    LoadEvent,
    RestoreAction,
    RestoredObject,
    RestoreStep,
    link_stories,
    open_library,
    plan_restore,
)
from nai_proto.library import restore as carry_out

from ...backups import BackupDirectory
from ...sync import Client
from ..common.credentials import Email, UnsafePassword, Url, build_session, get_credentials, open_client
from ..common.errors import exit_on_error
from ..common.output import Json, escape_line, show_progress
from ..common.prompts import confirm
from .backup import DirectoryArgument

__all__ = ["restore", "select_items"]

_STORY_TYPES: Final = ("stories", "storycontent")
_TITLE_FIELDS: Final = ("title", "name")
_NEEDS_YES: Final = "no terminal to ask at: give --yes to write, or --dry-run to see the plan only"


def restore(
    directory: DirectoryArgument,
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ITEM",
            help="Types, ids or titles of what to put back, a story with its content; all that ever was if not given.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(help="As the backup of this number saw them, of those that `nai library verify` lists."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up before writing what the account has now.")
    ] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Put back into the account what was backed up, where it is missing or has changed. Nothing is ever removed.

    The plan is printed, and written when you agree. Before, what the account has now is backed up too, so that you can
    change your mind: restore again, with --run and the number of that backup.
    """
    with exit_on_error("library restore"):
        given = get_credentials(email, unsafe_password)
        with BackupDirectory(directory, given.email) as backups, open_client(build_session(url)) as client:
            wanted = select_items([*backups.items(run=run)], items or ())
            events: list[LoadEvent] = []
            with (
                show_progress("logging in") as progress,
                client.stream(open_library(given.email, given.password)) as opening,
            ):
                for event in opening:
                    progress.show_event(event)
                    events.append(event)
                library = opening.result
            steps = plan_restore(library, wanted)
            writes = sum(step.action.writes for step in steps)
            if not as_json:
                _print_plan(steps)
            if dry_run or not writes:
                _print_result(as_json, steps)
                return
            if not yes:
                confirm(f"Write {writes} objects to the account?", _NEEDS_YES)
            number = None if no_backup else _back_up_current(backups, events, library)
            restored = _execute_plan(client, backups, library, steps)
        _print_result(as_json, steps, restored, number)
    if not all(one.saved.outcome.ok for one in restored):
        raise typer.Exit(1)


# ---- which


def select_items(items: Sequence[Opened], wanted: Sequence[str]) -> list[Opened]:
    """Those that are meant by types, ids or titles; all if none is.

    Raises:
        InvalidRequestError: nothing is called so, or more than one is.
    """
    if not wanted:
        return [*items]
    stories, orphans = link_stories(*([item for item in items if item.stored.type == each] for each in _STORY_TYPES))
    groups = [[item for item in (story.card, story.content) if item is not None] for story in stories]
    groups += [[item] for item in (*orphans, *(item for item in items if item.stored.type not in _STORY_TYPES))]
    found: dict[int, Opened] = {}
    for name in wanted:
        found.update((id(item), item) for group in _find_groups(groups, name) for item in group)
    return [*found.values()]


def _find_groups(groups: Iterable[list[Opened]], name: str) -> list[list[Opened]]:
    typed = [part for group in groups if (part := [item for item in group if item.stored.type == name])]
    if typed:
        return typed
    known = [group for group in groups if any(item.stored.id == name for item in group)]
    titled = [group for group in groups if any(_title_of(item) == name for item in group)]
    if not known and len(titled) > 1:
        ids = ", ".join(group[0].stored.id for group in titled)
        raise InvalidRequestError(escape_line(f"{len(titled)} objects are called {name!r}; name one of the ids {ids}"))
    if not known and not titled:
        raise InvalidRequestError(escape_line(f"the backups have no type, no id and no title {name!r}"))
    return known or titled


def _title_of(item: Opened) -> str:
    content = item.json() if item.ok else {}
    return next((title for name in _TITLE_FIELDS if isinstance(title := content.get(name), str)), "")


# ---- doing it


def _back_up_current(backups: BackupDirectory, events: Iterable[LoadEvent], library: Library) -> int:
    """Keeps what the account has now; gives the number of that backup."""
    for event in events:
        if isinstance(event, KeystoreOpened):
            backups.begin(
                event.stored, before_restore=True
            )  # so that the next restore has the same in mind as this one
        else:
            backups.keep(event)
    return backups.finish(library).run


def _execute_plan(
    client: Client, backups: BackupDirectory, library: Library, steps: Sequence[RestoreStep]
) -> tuple[RestoredObject, ...]:
    access = library.access
    assert isinstance(access, Access)  # since it was opened with a password
    done = 0
    with (
        show_progress("restoring") as progress,
        client.stream(carry_out(steps, access.key).with_options(token=access.token)) as restoring,
    ):
        for event in restoring:
            if isinstance(event, RestoredObject):
                done += 1
                progress.update("restored", done, len(steps))
            else:
                backups.keep(event)
        return restoring.result


# ---- telling


def _describe_steps(steps: Sequence[RestoreStep]) -> list[dict[str, str]]:
    """The steps in words. Contents have the titles of their cards."""
    titles = {step.item.stored.meta: _title_of(step.item) for step in steps if step.type == _STORY_TYPES[0]}
    return [
        {
            "type": step.type,
            "id": step.item.stored.id,
            "title": _title_of(step.item) or titles.get(step.item.stored.meta, ""),
            "action": step.action.name.lower(),
            "why": step.why,
        }
        for step in steps
    ]


def _print_plan(steps: Sequence[RestoreStep]) -> None:
    table = Table("type", "title", Column("id", overflow="fold"), "what", "why")  # ids are to be copied
    for step, told in zip(steps, _describe_steps(steps), strict=True):
        if step.action is not RestoreAction.NOTHING:
            words = told["type"], told["title"], told["id"], step.action.value, step.why
            table.add_row(*(Text(escape_line(word)) for word in words))
    if table.row_count:
        Console().print(table)


def _print_result(
    as_json: bool,
    steps: Sequence[RestoreStep],
    restored: Sequence[RestoredObject] | None = None,
    backup: int | None = None,
) -> None:
    told = _describe_steps(steps)
    for facts, one in zip(told, restored or (), strict=False):
        error = "" if one.saved.error is None else str(one.saved.error)
        facts.update(outcome=one.saved.outcome.value, stored_id=one.saved.item.stored.id, error=error)
        if not one.saved.outcome.ok and not as_json:
            words = f"{facts['type']} {facts['title']} ({facts['id']}): {facts['outcome']}: {error}"
            typer.echo(escape_line(words), err=True)
    there = sum(step.action is RestoreAction.NOTHING for step in steps)
    if as_json:
        typer.echo(json.dumps({"written": restored is not None, "backup": backup, "steps": told}))
    elif restored is None:
        typer.echo(f"{there} of {len(steps)} objects are there as they were; nothing was written.")
    else:
        stored = sum(one.saved.outcome.ok and one.step.action.writes for one in restored)
        typer.echo(f"{stored} objects are restored, {there} were there as they were.")
        if backup is not None:
            typer.echo(f"Backup {backup} has what was there before.")
