"""Back up all stories of an account, and say what is new since the last time.

A backup has every version of everything that the account stores, readable and as it is
encrypted. Nothing in it is ever replaced: run this every night. Run it with NAI_EMAIL
and NAI_PASSWORD set::

    python story_backup.py ~/novelai-backup

The exit status is 1 if something did not open, could not be listed, or is no longer as
it was backed up.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nai_proto as nai
from nai_transports.backups import BackupDirectory, BackupSummary, backup
from nai_transports.clients import Client as AnyClient
from nai_transports.sync import Client


def back_up(
    client: AnyClient, email: str, password: nai.Password | str, directory: Path
) -> list[str]:
    """Back up an account, read the backup again, and print what happened.

    Returns:
        what is wrong, a line for each problem.

    Raises:
        nai.NaiError: the backup is not complete; the next run continues it.
    """
    summary = backup(client, email, password, directory, print_progress)
    counts = (
        f"{summary.new} new, {summary.changed} changed, {summary.unchanged} as before"
    )
    print(f"backup {summary.run}: {counts}")
    with BackupDirectory(directory) as backups:
        report = backups.verify()  # reads all of it from the disk; needs no password
    print(f"{report.objects} objects in {report.versions} versions are in {directory}")
    return [*list_problems(summary), *map(str, report.problems)]


def print_progress(event: nai.library.LoadEvent) -> None:
    """Print how many objects of a type are on the disk, once all of them are."""
    if isinstance(event, nai.library.ObjectsOpened) and event.done == event.total:
        print(f"  {event.type}: {event.done}")


def list_problems(summary: BackupSummary) -> list[str]:
    """Return what could not be read of the account, a line for each."""
    unread = [
        f"{kind} could not be listed: {reason}"
        for kind, reason in summary.unread.items()
    ]
    failed = (
        [f"{summary.failed} did not open: they are in the backup as they are encrypted"]
        if summary.failed
        else []
    )
    return unread + failed


def main() -> int:
    """Back up the account of the environment into the directory of the command line."""
    directory = Path(sys.argv[1]).expanduser()
    with Client() as client:  # at NAI_URL, if that is set
        try:
            problems = back_up(
                client, os.environ["NAI_EMAIL"], os.environ["NAI_PASSWORD"], directory
            )
        except nai.NaiError as error:
            problems = [f"the backup is not complete: {error.plain_message}"]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
