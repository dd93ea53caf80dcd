"""``nai health``: check whether the service answers."""

from __future__ import annotations

import json

import typer

from nai_proto.exchange.reachability import HealthOutcome, HostHealth, health

from .common.account_options import ServiceOptions
from .common.output import Json, escape_line

__all__ = ["health_command"]

_COLORS = {HealthOutcome.OK: "green", HealthOutcome.FAILING: "yellow", HealthOutcome.UNREACHABLE: "red"}


def health_command(*, service: ServiceOptions, as_json: Json = False) -> None:
    """Check whether each of the service's hosts answers. Needs no account.

    The exit code is 1 if one of them does not answer or does not work.
    """
    with service.open_client() as client:
        hosts = client.run(health())
    if as_json:
        typer.echo(json.dumps([_describe_host(each) for each in hosts], ensure_ascii=False))
    else:
        width = max(len(each.outcome) for each in hosts)
        for each in hosts:
            roles = ", ".join(role.value for role in each.roles)
            outcome = typer.style(f"{each.outcome.value:<{width}}", fg=_COLORS[each.outcome])
            typer.echo(f"{outcome}  {each.url} ({roles}): {escape_line(each.detail)}")
    if not all(each.is_reachable for each in hosts):
        raise typer.Exit(1)


def _describe_host(host: HostHealth) -> dict[str, object]:
    roles = [role.value for role in host.roles]
    return {"url": host.url, "roles": roles, "outcome": host.outcome.value, "detail": host.detail}
