"""``nai library restore``: write backed up objects to the account where they are missing or changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.errors import InvalidRequestError
from nai_proto.library import (
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
_NEEDS_YES: Final = "no terminal to ask at: give --yes to write, or --dry-run to print the plan only"


def restore(
    directory: DirectoryArgument,
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ITEM",
            help="Types, ids or titles of the objects to restore. Default: all objects that were ever backed up.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(
            help="Restore the state of this backup (see `nai library verify`). Default: the last state of each object."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up the account's present objects before writing.")
    ] = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Restore backed up objects that are missing from the account or have changed. Never deletes anything.

    Prints the plan, and asks before it writes. The present state of the account is backed up first; to undo, restore again
    with --run and the number of that backup.
    """
    with exit_on_error("library restore"):
        login = get_credentials(email, unsafe_password)
        with BackupDirectory(directory, login.email) as backups, open_client(build_session(url)) as client:
            selected = select_items([*backups.items(run=run)], items or ())
            events: list[LoadEvent] = []
            with (
                show_progress("logging in") as progress,
                client.stream(open_library(login.email, login.password)) as opening,
            ):
                for event in opening:
                    progress.show_event(event)
                    events.append(event)
                library = opening.result
            steps = plan_restore(library, selected)
            writes = sum(step.action.is_write for step in steps)
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


# ---- selecting


def select_items(items: Sequence[OpenedObject], names: Sequence[str]) -> list[OpenedObject]:
    """Return the objects with these types, ids or titles, a story's card with its content; all if no name is given.

    Args:
        items: the objects of a backup.
        names: types, ids or titles.

    Raises:
        InvalidRequestError: a name matches no object, or several titles.
    """
    if not names:
        return [*items]
    stories, orphans = link_stories(*([item for item in items if item.stored.type == each] for each in _STORY_TYPES))
    groups = [[item for item in (story.card, story.content) if item is not None] for story in stories]
    groups += [[item] for item in (*orphans, *(item for item in items if item.stored.type not in _STORY_TYPES))]
    matching: dict[int, OpenedObject] = {}
    for name in names:
        matching.update((id(item), item) for group in _find_groups(groups, name) for item in group)
    return [*matching.values()]


def _find_groups(groups: Iterable[list[OpenedObject]], name: str) -> list[list[OpenedObject]]:
    by_type = [part for group in groups if (part := [item for item in group if item.stored.type == name])]
    if by_type:
        return by_type
    by_id = [group for group in groups if any(item.stored.id == name for item in group)]
    by_title = [group for group in groups if any(_title_of(item) == name for item in group)]
    if not by_id and len(by_title) > 1:
        ids = ", ".join(group[0].stored.id for group in by_title)
        raise InvalidRequestError(
            escape_line(f"{len(by_title)} objects are called {name!r}; give one of the ids {ids}")
        )
    if not by_id and not by_title:
        raise InvalidRequestError(
            escape_line(f"the backup directory has no object with the type, id or title {name!r}")
        )
    return by_id or by_title


def _title_of(item: OpenedObject) -> str:
    content = item.json() if item.ok else {}
    return next((title for name in _TITLE_FIELDS if isinstance(title := content.get(name), str)), "")


# ---- writing


def _back_up_current(backups: BackupDirectory, events: Iterable[LoadEvent], library: Library) -> int:
    """Back up the account's present objects; return the number of the backup."""
    for event in events:
        if isinstance(event, KeystoreOpened):
            backups.begin(event.stored, before_restore=True)  # later restores ignore this backup unless --run names it
        else:
            backups.keep(event)
    return backups.finish(library).run


def _execute_plan(
    client: Client, backups: BackupDirectory, library: Library, steps: Sequence[RestoreStep]
) -> tuple[RestoredObject, ...]:
    restored = 0
    with (
        show_progress("restoring") as progress,
        client.stream(library.restore(steps)) as stream,
    ):
        for event in stream:
            if isinstance(event, RestoredObject):
                restored += 1
                progress.update("restored", restored, len(steps))
            else:
                backups.keep(event)
        return stream.result


# ---- output


def _describe_steps(steps: Sequence[RestoreStep]) -> list[dict[str, str]]:
    """Return the steps as texts by name. A content has the title of its card."""
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
    table = Table("type", "title", Column("id", overflow="fold"), "what", "why")  # ids must be complete, to be copied
    for step, facts in zip(steps, _describe_steps(steps), strict=True):
        if step.action is not RestoreAction.NOTHING:
            words = facts["type"], facts["title"], facts["id"], step.action.value, step.why
            table.add_row(*(Text(escape_line(word)) for word in words))
    if table.row_count:
        Console().print(table)


def _print_result(
    as_json: bool,
    steps: Sequence[RestoreStep],
    restored: Sequence[RestoredObject] | None = None,
    backup: int | None = None,
) -> None:
    descriptions = _describe_steps(steps)
    for facts, one in zip(descriptions, restored or (), strict=False):
        error = "" if one.saved.error is None else str(one.saved.error)
        facts.update(outcome=one.saved.outcome.value, stored_id=one.saved.item.stored.id, error=error)
        if not one.saved.outcome.ok and not as_json:
            words = f"{facts['type']} {facts['title']} ({facts['id']}): {facts['outcome']}: {error}"
            typer.echo(escape_line(words), err=True)
    unchanged = sum(step.action is RestoreAction.NOTHING for step in steps)
    if as_json:
        typer.echo(json.dumps({"written": restored is not None, "backup": backup, "steps": descriptions}))
    elif restored is None:
        typer.echo(f"{unchanged} of {len(steps)} objects are unchanged; nothing was written.")
    else:
        stored = sum(one.saved.outcome.ok and one.step.action.is_write for one in restored)
        typer.echo(f"{stored} objects were restored, {unchanged} were unchanged.")
        if backup is not None:
            typer.echo(f"Backup {backup} has the state before the restore.")
