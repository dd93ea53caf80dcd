"""``nai library backup`` and ``nai library verify``: back up the account to a directory, and check the backups."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from ... import backups, files
from ..common.account_options import AccountOptions
from ..common.output import Json, escape_line, format_date
from ..common.progress import show_progress
from ..common.tables import Column, print_table

__all__ = ["BackupOption", "DirectoryArgument", "backup", "open_own_backup", "verify"]

_SHOWN_RUNS: Final = 20
_NAME_CHARACTERS: Final = 16
"""How much of the hash of an e-mail goes into the name of the account's own backup directory."""

DirectoryArgument: TypeAlias = Annotated[Path, typer.Argument(help="Backup directory.", show_default=False)]
BackupOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--backup",
        metavar="DIR",
        help="Backup directory to keep it in. Default: a directory of this account among your user data.",
        show_default=False,
    ),
]


def open_own_backup(directory: Path | None, email: str) -> backups.BackupDirectory:
    """Open a backup directory of the account; if none is given, its own one among the user's data.

    Args:
        directory: the one that the person gave.
        email: of the account.

    Raises:
        FileError, InvalidFile: as for `nai_transports.backups.BackupDirectory`.
    """
    if directory is None:
        from platformdirs import user_data_path

        name = hashlib.sha256(email.lower().encode()).hexdigest()[:_NAME_CHARACTERS]
        directory = user_data_path("nai-proto", appauthor=False) / "backups" / name
        files.make_directories(directory.parent)
    return backups.BackupDirectory(directory, email)


def backup(
    directory: DirectoryArgument,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Back up everything that the account stores, both readable and encrypted as it is stored.

    Creates the directory if needed. Each backup adds what is new or changed; nothing in the directory is ever replaced or
    deleted. You can stop it at any time; the next backup continues.
    """
    login = account.get_credentials()
    with account.open_client() as client, show_progress("logging in") as progress:
        summary = backups.backup(client, login.email, login.password, directory, progress.show_event)
    if as_json:
        typer.echo(json.dumps({"directory": str(directory), "listed": summary.listed, **asdict(summary)}))
        return
    typer.echo(
        f"{summary.listed} objects backed up and verified in {directory}: {summary.new} new, {summary.changed} changed, "
        f"{summary.unchanged} unchanged; {summary.gone} no longer in the account, kept."
    )
    if summary.failed:
        typer.echo(f"{summary.failed} did not open; backed up encrypted.", err=True)
    for type_, reason in summary.unread.items():
        typer.echo(f"{escape_line(type_)} could not be listed: {reason}", err=True)


def verify(directory: DirectoryArgument, as_json: Json = False) -> None:
    """Check that all backups in a directory are complete and unchanged. Needs no password."""
    with backups.BackupDirectory(directory) as opened:
        report, runs = opened.verify(), opened.runs
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **asdict(report), "runs": [asdict(run) for run in runs]}))
    else:
        _print_runs(runs)
        for problem in report.problems:
            typer.echo(escape_line(problem))
        verdict = "everything is as it was backed up" if report.ok else f"{len(report.problems)} problems"
        typer.echo(f"{report.objects} objects, {report.versions} versions, {report.files} files: {verdict}.")
    if not report.ok:
        raise typer.Exit(1)


def _print_runs(runs: Sequence[backups.BackupRun]) -> None:
    """Print the last backups with the numbers that `nai library restore --run` takes."""
    columns = (Column("backup", is_number=True), "began (UTC)", Column("objects", is_number=True), "state")
    print_table(columns, map(_describe_run, runs[-_SHOWN_RUNS:]))


def _describe_run(run: backups.BackupRun) -> tuple[str, ...]:
    complete = "complete, before a restore" if run.before_restore else "complete"
    state = "interrupted" if run.finished is None else complete
    return str(run.id), format_date(run.started), str(run.objects), state
