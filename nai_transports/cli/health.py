"""``nai health``: check whether the service answers."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from nai_proto.exchange.reachability import HealthOutcome, HostHealth, health

from .common.account_options import ServiceOptions
from .common.error_messages import name_other_scheme
from .common.errors import ExitStatus
from .common.json_document import print_json
from .common.output import Json, escape_line, print_columns

__all__ = ["health_command"]

_COLORS = {HealthOutcome.OK: "green", HealthOutcome.FAILING: "yellow", HealthOutcome.UNREACHABLE: "red"}


@dataclass(frozen=True, slots=True)
class HostReport:
    """A host, as ``nai health`` prints it."""

    url: str
    roles: list[str]
    "What is sent there."
    outcome: str
    "``ok``, ``failing`` or ``unreachable``."
    detail: str
    seconds: float | None
    "From the request to the end of the answer."
    clock_skew: float | None
    "Seconds by which the host's clock is ahead of the one here."


def health_command(*, service: ServiceOptions, as_json: Json = False) -> None:
    """Check whether each of the service's hosts answers. Needs no account.

    The exit code is 5 if one of them does not answer or does not work.
    """
    with service.open_client() as client:
        hosts = client.run(health())
    if as_json:
        print_json([_describe_host(each) for each in hosts])
    else:
        width = max(len(each.outcome) for each in hosts)
        for each in hosts:
            roles = ", ".join(role.value for role in each.roles)
            time = "" if each.seconds is None else f" ({each.seconds:.2f} s)"
            said = f"{each.url} ({roles}): {escape_line(name_other_scheme(each.detail, each.url))}{time}"
            print_columns(each.outcome.value, said, width=width, fg=_COLORS[each.outcome])
    if not all(each.is_reachable for each in hosts):
        raise typer.Exit(ExitStatus.FINDINGS)


def _describe_host(host: HostHealth) -> HostReport:
    roles = [role.value for role in host.roles]
    return HostReport(host.url, roles, host.outcome.value, host.detail, host.seconds, host.clock_skew)
