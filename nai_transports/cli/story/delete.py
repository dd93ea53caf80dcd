"""``nai story delete``: delete stories of the account, which stay in a backup directory."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.codecs.sealed_objects import OpenedObject, StoredObject, open_objects
from nai_proto.library import Library, OpenedStory

from ...backups import BackupDirectory
from ...sync import Client
from ..common.account_options import AccountOptions
from ..common.finished_work import note_interruption, record_done
from ..common.json_document import print_json
from ..common.output import Json, escape_line, print_sentence
from ..common.prompts import confirm
from ..library.backup import BackupOption, open_own_backup
from ..library.library_loader import STORY_TYPES, open_account

__all__ = ["delete"]

_NEEDS_YES: Final = "no terminal to ask at: give --yes to delete"


@dataclass(frozen=True, slots=True)
class DeletedStory:
    """A story that was deleted."""

    title: str
    id: str
    restore_command: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """What ``nai story delete`` did."""

    backup_directory: str
    backup: int
    "Number of the backup that has the deleted stories."
    deleted: list[DeletedStory]


def delete(
    stories: Annotated[list[str], typer.Argument(metavar="STORY", help="Titles or ids, or the beginning of one.")],
    backup: BackupOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Delete stories from the account. They are backed up first, and the command that restores them is printed.

    A story that another program changes meanwhile is not deleted.
    """
    login = account.get_credentials()
    library = open_account(account, login, types=STORY_TYPES)
    selected = [*{id(story): story for story in map(library.find, stories)}.values()]
    if not yes:
        titles = ", ".join(f"{story.title!r} ({story.card.stored.id})" for story in selected)
        confirm(f"Delete {titles}?", _NEEDS_YES)
    with open_own_backup(backup, login.email) as backups, account.open_client() as client:
        options = account.build_sources().account_options
        deletions = [(story, _describe_deletion(story, backups.path, options)) for story in selected]
        run = backups.keep_objects(library.stored_keystore, _group(selected))
        _delete_all(client, backups, library, deletions)
    deleted = [described for _, described in deletions]
    if as_json:
        print_json(Deletion(str(backups.path), run, deleted))
        return
    for each in deleted:
        print_sentence(f"Deleted {each.title} ({each.id}); to restore it, type: {each.restore_command}")


def _describe_deletion(story: OpenedStory, directory: Path, options: Iterable[str]) -> DeletedStory:
    restore = ("nai", "library", "restore", str(directory), story.card.stored.id, *options)
    return DeletedStory(story.title, story.card.stored.id, shlex.join(restore))


def _group(stories: Iterable[OpenedStory]) -> dict[str, list[OpenedObject]]:
    """Return the cards and contents of stories by the type under which they are listed."""
    contents = {id(story.content): story.content for story in stories if story.content is not None}
    return dict(zip(STORY_TYPES, ([story.card for story in stories], [*contents.values()]), strict=True))


def _delete_all(
    client: Client, backups: BackupDirectory, library: Library, deletions: Sequence[tuple[OpenedStory, DeletedStory]]
) -> None:
    """Delete stories that are backed up; what was changed at the last moment is backed up once more."""
    for story, described in deletions:
        with note_interruption(f"{story.title!r} may be deleted; to restore it, type: {described.restore_command}"):
            deleted = client.run(library.delete(story))
        record_done(f"deleted: {escape_line(story.title)} ({described.id}), kept in {backups.path}")
        if newer := [item for item in deleted if not _is_kept(item, story)]:
            again = {item.type: open_objects([item], library.keystore) for item in newer}
            backups.keep_objects(library.stored_keystore, again)


def _is_kept(item: StoredObject, story: OpenedStory) -> bool:
    return any(each is not None and each.stored.data == item.data for each in (story.card, story.content))
