"""``nai library backup`` and ``nai library verify``: back up the account to a directory, and check the backups."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.errors import Damaged
from nai_proto.library.object_identity import CARDS, CONTENTS, content_id_of

from ... import backups, files
from ..common.account_options import AccountOptions
from ..common.errors import ExitStatus
from ..common.finished_work import record_done
from ..common.json_document import print_json, to_time
from ..common.notes import print_remark
from ..common.output import Json, escape_line, format_count, print_sentence
from ..common.tables import Column, print_table
from ..common.usage_messages import quote
from .library_loader import UnreadType, list_unread
from .restore_report import title_of

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


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """A file of a backup directory that was not what had been backed up."""

    file: str
    kept_as: str | None
    "Where the file is now that somebody else had changed; None if it was missing or an older version."


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What ``nai library backup`` did."""

    directory: str
    backup: int
    "The backup's number, which ``nai library restore --run`` takes."
    listed: int
    new: int
    changed: int
    unchanged: int
    gone: int
    moved: int
    "Of the new ones: those that were restored, and so have another id than before."
    failed: int
    written: int
    repaired: list[RepairedFile]
    unread: list[UnreadType]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierBackup:
    """A backup in a directory."""

    backup: int
    started_at: datetime | None
    finished_at: datetime | None
    "None if it was interrupted."
    before_restore: bool
    objects: int
    state: str
    "``complete``, ``damaged`` if a problem concerns it, or ``interrupted``."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What ``nai library verify`` found."""

    directory: str
    ok: bool
    objects: int
    versions: int
    files: int
    problems: list[str]
    backups: list[EarlierBackup]


def backup(
    directory: DirectoryArgument,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Back up everything that the account stores, both readable and encrypted as it is stored.

    Creates the directory if needed. Each backup adds what is new or changed; nothing in the directory is ever replaced or
    deleted. You can stop it at any time; the next backup continues. Files in it that are missing or were changed are written
    again.
    """
    login = account.get_credentials()
    with account.open_client() as client, account.show_progress("logging in") as progress:
        summary = backups.backup(client, login.email, login.password, directory, progress.show_event)
    record_done(f"backup {summary.run} in {directory} is complete")
    if as_json:
        print_json(_describe_backup(directory, summary))
        return
    print_sentence(_summarize(directory, summary))
    if summary.moved:
        print_sentence(
            f"{summary.moved} of the new ones were restored: they have other ids than before, which are kept too."
        )
    for name, kept_as in summary.repaired.items():
        what = f"was changed by somebody else; that file is now {kept_as}" if kept_as else "was missing or outdated"
        print_remark(f"repaired {directory / name}: it {what}")
    if summary.failed:
        print_remark(f"{summary.failed} did not open; backed up encrypted")
    for type_, reason in summary.unread.items():
        print_remark(f"{escape_line(type_)} could not be listed: {reason}")


def _summarize(directory: Path, summary: backups.BackupSummary) -> str:
    """Return in a sentence how many objects there are, and of those of each kind, if there are any."""
    counts = (summary.new, "new"), (summary.changed, "changed"), (summary.unchanged, "unchanged")
    parts = ", ".join(f"{number:,} {what}" for number, what in counts if number)
    kept = f"; {summary.gone:,} no longer in the account, kept" if summary.gone else ""
    what = f"{format_count(summary.listed, 'object')} backed up and verified in {directory}"
    return f"{what}{f': {parts}' if parts else ''}{kept}."


def _describe_backup(directory: Path, summary: backups.BackupSummary) -> Backup:
    return Backup(
        directory=str(directory),
        backup=summary.run,
        listed=summary.listed,
        new=summary.new,
        changed=summary.changed,
        unchanged=summary.unchanged,
        gone=summary.gone,
        moved=summary.moved,
        failed=summary.failed,
        written=summary.written,
        repaired=[RepairedFile(file, kept_as or None) for file, kept_as in summary.repaired.items()],
        unread=list_unread(summary.unread),
    )


def verify(directory: DirectoryArgument, as_json: Json = False) -> None:
    """Check that all backups in a directory are complete and unchanged. Needs no password.

    The exit code is 5 if something is missing or was changed. `nai library backup` writes missing and changed files again.
    """
    with backups.BackupDirectory(directory) as opened:
        report = opened.verify()
        runs = [_describe_run(run, report) for run in opened.runs]
        titles = _find_titles(opened, report.problems)
    problems = [_describe_problem(problem, titles) for problem in report.problems]
    if as_json:
        print_json(
            Verification(
                directory=str(directory),
                ok=report.ok,
                objects=report.objects,
                versions=report.versions,
                files=report.files,
                problems=problems,
                backups=runs,
            )
        )
    else:
        columns = (Column("backup", is_number=True), "began (UTC)", Column("objects", is_number=True), "state")
        print_table(columns, map(_format_run, runs[-_SHOWN_RUNS:]))
        for problem in problems:
            print_sentence(problem)
        verdict = "everything is as it was backed up" if report.ok else format_count(len(report.problems), "problem")
        counts = (report.objects, "object"), (report.versions, "version"), (report.files, "file")
        print_sentence(f"{', '.join(format_count(*each) for each in counts)}: {verdict}.")
    if not report.ok:
        if not as_json:
            print_remark(_advise(directory, report.problems))
        raise typer.Exit(ExitStatus.FINDINGS)


def _describe_run(run: backups.BackupRun, report: backups.VerificationReport) -> EarlierBackup:
    return EarlierBackup(
        backup=run.id,
        started_at=to_time(run.started),
        finished_at=to_time(run.finished),
        before_restore=run.before_restore,
        objects=run.objects,
        state="interrupted" if run.finished is None else "damaged" if report.is_damaged(run.id) else "complete",
    )


def _format_run(run: EarlierBackup) -> tuple[str, ...]:
    began = "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M}"
    return str(run.backup), began, str(run.objects), f"{run.state}{', before a restore' if run.before_restore else ''}"


def _find_titles(opened: backups.BackupDirectory, problems: Collection[backups.BackupProblem]) -> Mapping[str, str]:
    """Return the titles of the objects that problems are of, by their ids; without those that cannot be read."""
    titles: dict[str, str] = {}
    types = {problem.object[0] for problem in problems if problem.object is not None}
    for type_ in {CARDS if each == CONTENTS else each for each in types}:
        with suppress(Damaged):
            for item in opened.items(type_):
                title = title_of(item)
                titles[item.stored.id] = title
                if item.ok and type_ == CARDS:
                    titles[content_id_of(item)] = title
    return titles


def _describe_problem(problem: backups.BackupProblem, titles: Mapping[str, str]) -> str:
    """Return a problem with the title of its object, and with the backups that it concerns."""
    title = "" if problem.object is None else titles.get(problem.object[1], "")
    owners = [*([repr(title)] if title else ()), *([_name_backups(problem.runs)] if problem.runs else ())]
    return f"{problem}; it belongs to {' in '.join(owners)}" if owners else str(problem)


def _name_backups(runs: Collection[int]) -> str:
    return f"backup {min(runs)}" if len(runs) == 1 else f"{len(runs)} backups from {min(runs)} to {max(runs)}"


def _advise(directory: Path, problems: Iterable[backups.BackupProblem]) -> str:
    """Return what to do about problems."""
    where = quote(str(directory))
    if all(problem.is_repairable for problem in problems):
        return escape_line(f"the next backup writes these files again; type: nai library backup {where}")
    return escape_line(f"{where} cannot be repaired: keep it, and type: nai library backup NEW-DIRECTORY")
