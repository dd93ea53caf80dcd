"""``nai sanity-check``: check that everything the account stores is complete and opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from nai_proto.library import Finding, FindingKind, LibraryChecker, SanityReport, Severity, TypeCount

from ..common.account_options import AccountOptions
from ..common.errors import ExitStatus, WrongUsage
from ..common.json_document import print_json
from ..common.output import Json, escape_line, print_columns, print_sentence
from .library_loader import load_library

__all__ = ["sanity_check"]

_NO_ARGUMENT: Final = (
    "give only the e-mail as an argument; run `nai login`, set NAI_PASSWORD, or type the password at the prompt"
)
_SEVERITY_WIDTH: Final = 5
_COLORS: Final = {Severity.LOSS: "red", Severity.FAULT: "yellow", Severity.NOTE: "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SanityFinding:
    """One finding of ``nai sanity-check``."""

    kind: str
    severity: str
    "``loss``, ``fault`` or ``note``."
    type: str
    id: str | None
    meta: str | None
    category: str | None
    "The check that failed; None if the object opened."
    suspicion: str | None
    sentence: str
    others: list[dict[str, str | None]]
    "Types and ids of other objects that it is about."


@dataclass(frozen=True, slots=True, kw_only=True)
class SanityCheck:
    """What ``nai sanity-check`` found."""

    clean: bool
    "Are there no findings but notes?"
    counts: list[TypeCount]
    keys: int
    "Number of keys in the keystore."
    findings: list[SanityFinding]


def sanity_check(
    context: typer.Context,
    email_argument: Annotated[
        str | None,
        typer.Argument(metavar="EMAIL", help="E-mail of the account. Default: ask.", show_default=False),
    ] = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Load everything that the account stores, and report objects that do not open, are missing or inconsistent.

    Changes nothing. The exit code is 5 if there is a problem. A key that no object uses is none: a deleted story leaves its
    key behind, so that a backup of it can be opened.
    """
    if context.args:
        raise WrongUsage(_NO_ARGUMENT)
    checker = LibraryChecker()
    report = checker.finish(load_library(account.with_email(email_argument), keep=checker.keep))
    if as_json:
        print_json(_describe_report(report))
    else:
        _print_report(report)
    raise typer.Exit(0 if report.is_clean else ExitStatus.FINDINGS)


def _print_report(report: SanityReport) -> None:
    """Print the counts, then a line for each finding, the worst first."""
    width = max(len(count.type) for count in report.counts)
    for count in report.counts:
        print_columns(escape_line(count.type), f"{count.opened} of {count.total} opened", width=width)
    print_columns("keystore", f"{report.keys} keys", width=width)
    typer.echo()
    for finding in report.problems:
        _print_finding(finding.severity, _format_finding(finding))
    if unused := len(report.of(FindingKind.UNUSED_KEY)):
        keys = "1 key is" if unused == 1 else f"{unused} keys are"
        _print_finding(Severity.NOTE, f"{keys} used by no object, such as those of deleted stories. Nothing to do.")
    number = len(report.problems)
    print_sentence("No problems found." if report.is_clean else f"{number} problem{'s' if number > 1 else ''}.")


def _print_finding(severity: Severity, sentence: str) -> None:
    print_columns(severity.value, sentence, width=_SEVERITY_WIDTH, fg=_COLORS[severity])


def _format_finding(finding: Finding) -> str:
    words = [finding.type, *([finding.id] if finding.id else [])]
    meta = f" (meta {finding.meta})" if finding.meta else ""
    others = "".join(f" [{each.type} {each.id}]" for each in finding.others)
    return escape_line(f"{' '.join(words)}{meta}: {finding.sentence}{others}")


def _describe_report(report: SanityReport) -> SanityCheck:
    return SanityCheck(
        clean=report.is_clean,
        counts=[*report.counts],
        keys=report.keys,
        findings=[_describe_finding(each) for each in report.findings],
    )


def _describe_finding(finding: Finding) -> SanityFinding:
    return SanityFinding(
        kind=finding.kind.value,
        severity=finding.severity.value,
        type=finding.type,
        id=finding.id or None,
        meta=finding.meta or None,
        category=finding.category or None,
        suspicion=None if finding.suspicion is None else finding.suspicion.value,
        sentence=finding.sentence,
        others=[other._asdict() for other in finding.others],
    )
