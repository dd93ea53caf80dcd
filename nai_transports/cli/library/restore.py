"""``nai library restore``: write backed up objects to the account where they are missing or changed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.codecs.sealed_objects import OpenedObject
from nai_proto.errors import InvalidFile, UnknownNameError
from nai_proto.library import (
    Candidate,
    Library,
    ObjectsOpened,
    RestoredObject,
    RestoreStep,
    find_candidate,
    iter_objects,
    link_stories,
    open_library,
    plan_restore,
    plan_restore_elsewhere,
)
from nai_proto.library.candidates import describe_change
from nai_proto.unknown_names import suggest_name

from ...backups import BackupDirectory, ObjectSpool
from ...sync import Client
from ..common.account_options import AccountOptions
from ..common.errors import reading_options
from ..common.finished_work import note_interruption, record_done
from ..common.output import Json
from ..common.prompts import confirm
from .backup import DirectoryArgument, open_own_backup
from .restore_report import (
    Restore,
    RestoreItem,
    count_objects,
    describe_plan,
    describe_result,
    print_plan,
    print_restore,
    title_of,
)

__all__ = ["restore", "select_items"]

_STORY_TYPES: Final = ("stories", "storycontent")
_BATCH: Final = 16
"""Objects that are backed up at once: those of many transactions take long, those of one are in memory together."""
_NEEDS_YES: Final = "no terminal to ask at: give --yes to write, or --dry-run to print the plan only"


def restore(
    directory: DirectoryArgument,
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ITEM",
            help="Types, titles or ids of the objects to restore, or the beginning of one. Default: all that was ever "
            "backed up.",
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
    into_this_account: Annotated[
        bool,
        typer.Option(
            "--into-this-account",
            help="Restore a backup of another account: as new objects, with new keys and ids. Objects that were restored "
            "before are left as they are.",
        ),
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option(
            "--backup",
            metavar="DIR",
            help="With --into-this-account: backup directory for this account's present objects. Default: a directory of "
            "this account among your user data.",
            show_default=False,
        ),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up the account's present objects before writing.")
    ] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Restore backed up objects that are missing from the account or have changed. Never deletes anything.

    Prints the plan, and asks before it writes. The service gives an object that is missing a new id, which is printed beside
    the old one. The present state of the account is backed up first; to undo, restore again with --run and the number of
    that backup. After an interruption, run the same command again: it continues, and restores nothing twice.
    """
    login = account.get_credentials()
    with (
        _open_source(directory, login.email, into_this_account) as source,
        account.open_client() as client,
        ObjectSpool(directory) as spool,
    ):
        with reading_options():
            kept = source.outlines(run)
        selected = select_items([*kept], items or ())
        with (
            account.show_progress("logging in") as progress,
            client.stream(open_library(login.email, login.password, keep=spool.keep)) as opening,
        ):
            for event in opening:
                progress.show_event(event)
            library = opening.result
        if into_this_account:
            steps = plan_restore_elsewhere(library, selected, backup=source.outlines())
        else:
            steps = plan_restore(library, selected)
        if not as_json:
            print_plan(steps)
        if dry_run or not any(step.action.is_write for step in steps):
            print_restore(_report(directory, describe_plan(steps)), as_json)
            return
        if not yes:
            confirm(f"Write {count_objects(steps)} to the account?", _NEEDS_YES)
        with _open_target(source, backup, login.email, into_this_account, no_backup) as target:
            number = None if no_backup or target is None else _back_up_current(target, library)
            restored = _execute_plan(client, target, library, steps, account)
            record_done("what is restored is stored in the account")
            described = describe_result(restored)
    kept_in = None if number is None or target is None else str(target.path)
    print_restore(_report(directory, described, number, kept_in, written=True), as_json)
    if not all(one.saved.outcome.ok for one in restored):
        raise typer.Exit(1)


def _report(
    directory: Path,
    steps: list[RestoreItem],
    backup: int | None = None,
    backup_directory: str | None = None,
    *,
    written: bool = False,
) -> Restore:
    return Restore(
        directory=str(directory), written=written, backup=backup, backup_directory=backup_directory, steps=steps
    )


# ---- backup directories


def _open_source(directory: Path, email: str, into_this_account: bool) -> BackupDirectory:
    """Open the backup directory to restore from.

    Raises:
        InvalidFile: it is a backup of another account and is not to be restored into this one, or the other way round.
    """
    with BackupDirectory(directory) as source:
        is_own = source.belongs_to(email)
    if is_own and into_this_account:
        problem = "is a backup of this account; leave out --into-this-account to restore it"
    elif not is_own and not into_this_account:
        problem = (
            f"is a backup of another account than {email}; give --into-this-account too to restore it into this one"
        )
    else:
        return BackupDirectory(directory, email if is_own else None)
    raise InvalidFile(f"{directory} {problem}", path=str(directory))


@contextmanager
def _open_target(
    source: BackupDirectory, directory: Path | None, email: str, into_this_account: bool, no_backup: bool
) -> Generator[BackupDirectory | None, None, None]:
    """Open the backup directory for what is about to be changed: the source itself, unless it is another account's."""
    if not into_this_account:
        yield source
    elif no_backup:
        yield None
    else:
        with open_own_backup(directory, email) as target:
            yield target


# ---- selecting


def select_items(items: Sequence[OpenedObject], names: Sequence[str]) -> list[OpenedObject]:
    """Return the objects with these types, ids or titles, a story's card with its content; all if no name is given.

    Args:
        items: the objects of a backup.
        names: types, or ids, titles or the beginnings of them that fit one object or story only.

    Raises:
        InvalidRequestError: a name fits no object, or several.
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


def _make_candidate(group: list[OpenedObject]) -> Candidate[list[OpenedObject]]:
    ids = tuple(item.stored.id for item in group)
    return Candidate(group, title_of(group[0]), ids, describe_change(group[0].stored.lastUpdatedAt))


def _find_groups(groups: Sequence[list[OpenedObject]], name: str) -> list[list[OpenedObject]]:
    by_type = [part for group in groups if (part := [item for item in group if item.stored.type == name])]
    by_id = [group for group in groups if any(item.stored.id == name for item in group)]
    if by_type or by_id:
        return by_type or by_id
    candidates = map(_make_candidate, groups)
    try:
        return [find_candidate(candidates, name, kind="object of the backup", kinds="objects of the backup")]
    except UnknownNameError as error:
        hint = suggest_name(name, {item.stored.type for group in groups for item in group})
        raise UnknownNameError(f"{error}{hint}", parameter=error.parameter) from None


# ---- writing


def _back_up_current(backups: BackupDirectory, library: Library) -> int:
    """Back up the account's present objects; return the number of the backup."""
    backups.begin(library.stored_keystore, before_restore=True)  # later restores ignore it unless --run names it
    for type_, listed in groupby(iter_objects(library), key=itemgetter(0)):
        outlines = [item for _, item in listed]
        for start in range(0, len(outlines), _BATCH):
            batch = tuple(item.whole() for item in outlines[start : start + _BATCH])
            backups.keep(ObjectsOpened(type_, batch, start + len(batch), len(outlines)))
    return backups.finish(library).run


def _execute_plan(
    client: Client,
    backups: BackupDirectory | None,
    library: Library,
    steps: Sequence[RestoreStep],
    account: AccountOptions,
) -> tuple[RestoredObject, ...]:
    restored = 0
    with (
        account.show_progress("restoring") as progress,
        note_interruption("What was restored is stored; the same command restores the rest."),
        client.stream(library.restore(steps)) as stream,
    ):
        for event in stream:
            if isinstance(event, RestoredObject):
                restored += 1
                progress.update("restored", restored, len(steps))
            elif backups is not None:
                backups.keep(event)
        return stream.result
