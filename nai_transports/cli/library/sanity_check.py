"""``nai sanity-check``: check that everything the account stores is complete and opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import InvalidRequestError
from nai_proto.library import Finding, SanityReport, Severity, check

from ..common.account_options import AccountOptions
from ..common.output import Json, escape_line
from .library_loader import load_library

__all__ = ["sanity_check"]

_NO_ARGUMENT: Final = (
    "give only the e-mail as an argument; run `nai login`, set NAI_PASSWORD, or type the password at the prompt"
)
_COLORS: Final = {Severity.LOSS: "red", Severity.FAULT: "yellow", Severity.NOTE: "blue"}


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

    Changes nothing. The exit code is 0 if nothing was found, and 1 if something was found or the account cannot be loaded.
    """
    if context.args:
        raise InvalidRequestError(_NO_ARGUMENT)
    report = check(load_library(account.with_email(email_argument)))
    typer.echo(write_json(_report_to_dict(report)) if as_json else "\n".join(_format_report(report)))
    raise typer.Exit(0 if report.is_clean else 1)


def _format_report(report: SanityReport) -> Iterator[str]:
    """Yield the counts, then a line for each finding, the worst first."""
    width = max(len(count.type) for count in report.counts)
    for count in report.counts:
        yield f"{escape_line(count.type):<{width}}  {count.opened} of {count.total} opened"
    yield f"{'keystore':<{width}}  {report.keys} keys"
    yield ""
    yield from (_format_finding(finding) for finding in report.findings)
    number = len(report.findings)
    yield "No problems found." if report.is_clean else f"{number} finding{'s' if number > 1 else ''}."


def _format_finding(finding: Finding) -> str:
    severity = typer.style(f"{finding.severity.value:<5}", fg=_COLORS[finding.severity])
    words = [finding.type, *([finding.id] if finding.id else [])]
    meta = f" (meta {finding.meta})" if finding.meta else ""
    others = "".join(f" [{each.type} {each.id}]" for each in finding.others)
    return f"{severity}  {escape_line(' '.join(words) + meta)}: {escape_line(finding.sentence + others)}"


def _report_to_dict(report: SanityReport) -> dict[str, object]:
    return {
        "clean": report.is_clean,
        "counts": [{"type": each.type, "opened": each.opened, "total": each.total} for each in report.counts],
        "keys": report.keys,
        "findings": [
            {
                "kind": each.kind.value,
                "severity": each.severity.value,
                "type": each.type,
                "id": each.id,
                "meta": each.meta,
                "category": each.category,
                "suspicion": None if each.suspicion is None else each.suspicion.value,
                "sentence": each.sentence,
                "others": [other._asdict() for other in each.others],
            }
            for each in report.findings
        ],
    }
