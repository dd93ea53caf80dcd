"""``nai doctor``: look for what keeps commands from working, and say what to do about it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

import typer

from nai_proto import account as accounts
from nai_proto.errors import AuthenticationError, InvalidRequestError, NaiError
from nai_proto.exchange.reachability import HealthOutcome, HostHealth, health
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.secret import AccessToken, Token

from ...proxy import needs_no_proxy
from ...terminals import measure_width
from ..common.account_options import AccountOptions, choose_proxy, find_proxy
from ..common.credentials import TOKEN_VARIABLE, Credentials, CredentialSources, FoundToken, describe_token
from ..common.error_messages import ServiceAddress, advise_on_address
from ..common.errors import ExitStatus, MissingCredentials
from ..common.json_document import print_json, to_time
from ..common.notes import print_note
from ..common.output import Json, escape_line, format_count, format_date
from ..common.profile_file import UserProfile
from ..common.text_wrapping import wrap_text
from .doctor_checks import (
    Diagnosis,
    Outcome,
    check_extras,
    check_keyring,
    check_tokenizers,
    check_version,
)
from .doctor_settings import check_settings

__all__ = ["doctor"]

_PATIENCE_S: Final = 10.0
"""How long to wait for a host at each step, if nothing else says it."""
_MAX_SKEW_S: Final = 60.0
"""A wrong clock matters when certificates and tokens seem to have expired; answers say their time in whole seconds."""
_SOON_S: Final = 3 * 86_400
_COLORS: Final = {Outcome.OK: "green", Outcome.NOTE: "yellow", Outcome.PROBLEM: "red"}


def doctor(*, account: AccountOptions, as_json: Json = False) -> None:
    """Check installation, profile, credentials, hosts, clock and proxy, and say what to do about each.

    Changes nothing, and shows no secret. The exit code is 5 if there is something to fix.
    """
    findings: list[Diagnosis] = []
    for finding in _examine(account):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json(findings)
    else:
        print_note(_summarize(findings))
    if any(each.outcome is Outcome.PROBLEM for each in findings):
        raise typer.Exit(ExitStatus.FINDINGS)


def _summarize(findings: Sequence[Diagnosis]) -> str:
    problems = sum(each.outcome is Outcome.PROBLEM for each in findings)
    need = f"{format_count(problems, 'needs', 'need') if problems else 'none needs'} attention"
    return f"{format_count(len(findings), 'check')}, {need}"


def _examine(options: AccountOptions) -> Iterator[Diagnosis]:
    yield from chain(check_version(), check_extras())
    try:
        profile = options.load_profile()
        session = options.build_session(profile)
    except NaiError as error:
        yield Diagnosis(
            "profile", Outcome.PROBLEM, str(error), "correct it, and run nai doctor again for the other checks"
        )
    else:
        yield from check_settings(options, profile)
        yield from _examine_service(options, profile, session)
    yield from chain(check_keyring(), check_tokenizers())


def _examine_service(options: AccountOptions, profile: UserProfile, session: Session) -> Iterator[Diagnosis]:
    credentials, found = _check_credentials(options.build_sources(profile))
    urls = dict.fromkeys((session.account, session.text, session.image, session.api))
    proxies = list(_check_proxy(urls, profile))
    yield from proxies
    if any(each.outcome is Outcome.PROBLEM for each in proxies):
        yield from credentials
        return  # no client can be made
    if options.timeout is None and profile.timeout is None:
        options = replace(options, timeout=_PATIENCE_S)
    try:
        with options.open_client(profile=profile) as client:
            hosts = client.run(health())
    except NaiError as error:
        yield Diagnosis("host", Outcome.PROBLEM, str(error))
        yield from credentials
        return
    address = options.find_address()
    yield from (_judge_host(each, address) for each in hosts)
    yield from _check_clock(hosts)
    can_ask = any(each.url == session.account and each.is_reachable for each in hosts)
    yield from credentials if can_ask else map(_defer_login, credentials)
    if found is not None and can_ask:
        yield _check_account(options, profile, found)


# ---- credentials


def _check_credentials(sources: CredentialSources) -> tuple[list[Diagnosis], FoundToken | Credentials | None]:
    """Return findings, and the credentials if they can be tried."""
    try:
        found = sources.find_token(asks=False)
        stored = sources.stored
    except MissingCredentials:
        return [Diagnosis("credentials", Outcome.PROBLEM, "nobody is logged in", f"run {sources.login_command}")], None
    except NaiError as error:
        advice = f"set {TOKEN_VARIABLE} to a token, or unset it" if isinstance(error, InvalidRequestError) else ""
        return [Diagnosis("credentials", Outcome.PROBLEM, str(error), advice)], None
    findings = [_describe_credentials(found, sources)]
    if stored is not None and stored.where != found.source:
        findings.append(
            Diagnosis(
                "credentials", Outcome.NOTE, f"the login in {stored.where} is not used: {found.source} comes first"
            )
        )
    usable = findings[0].outcome is not Outcome.PROBLEM
    return findings, found if usable else None


def _defer_login(finding: Diagnosis) -> Diagnosis:
    """Return a finding on credentials without a login as what to do now: the host does not answer."""
    if (advice := finding.advice or "").startswith("run `nai login"):
        return replace(finding, advice=f"when the host answers, {advice}")
    return finding


def _describe_credentials(found: FoundToken | Credentials, sources: CredentialSources) -> Diagnosis:
    if isinstance(found, Credentials):
        return Diagnosis("credentials", Outcome.OK, f"e-mail and password, from {found.source}")
    detail = f"{describe_token(found.token)}, from {found.source}"
    expires_at = found.token.expires_at if isinstance(found.token, AccessToken) else None
    if expires_at is None:
        return Diagnosis("credentials", Outcome.OK, detail)
    advice: str | None = _advise_renewal(found, sources)
    left = expires_at - time.time()
    date = f"{format_date(expires_at)} UTC"
    if left <= 0:
        outcome, detail = Outcome.PROBLEM, f"{detail}: it expired on {date}"
    elif left < _SOON_S:
        outcome, detail = Outcome.NOTE, f"{detail}: it expires on {date}"
    else:
        outcome, detail, advice = Outcome.OK, f"{detail}, valid until {date}", None
    return Diagnosis("credentials", outcome, detail, advice, expires_at=to_time(expires_at))


def _advise_renewal(found: FoundToken | Credentials, sources: CredentialSources) -> str:
    if found.source == TOKEN_VARIABLE:
        return f"set {TOKEN_VARIABLE} to another token"
    return f"run {sources.login_command} again"


def _check_account(options: AccountOptions, profile: UserProfile, found: FoundToken | Credentials) -> Diagnosis:
    """Return whether the service accepts the credentials, and what they pay for."""
    try:
        with options.open_client(profile=profile) as client:
            token: Token
            if isinstance(found, Credentials):
                token = client.run(accounts.login(found.email, found.password))
            else:
                token = found.token
            paid = client.run(accounts.get_subscription().with_options(token=token, retry=NO_RETRY))
    except AuthenticationError:
        problem = f"the service does not accept what {found.source} has"
        return Diagnosis("account", Outcome.PROBLEM, problem, _advise_renewal(found, options.build_sources(profile)))
    except NaiError as error:
        return Diagnosis("account", Outcome.PROBLEM, str(error))
    if not paid.active:
        return Diagnosis("account", Outcome.NOTE, "no active subscription", "subscribe on the website to generate")
    return Diagnosis("account", Outcome.OK, f"accepted; tier {paid.tier}, active")


# ---- the way to the service


def _judge_host(host: HostHealth, address: ServiceAddress | None) -> Diagnosis:
    """Return what to do about a host.

    Args:
        host: was asked.
        address: of the service; None if it is NovelAI's own.
    """
    match host.outcome:
        case HealthOutcome.OK:
            return Diagnosis(
                "host", Outcome.OK, f"{host.url} answers in {host.seconds or 0:.2f} s", seconds=host.seconds
            )
        case HealthOutcome.FAILING:
            advice = "wait: the server has a problem of its own, or the address is of something else"
            return Diagnosis("host", Outcome.PROBLEM, f"{host.url}: {host.detail}", advice, host.seconds)
        case _:
            advice = "check the network, and whether HTTPS_PROXY must be set"
            if address is not None:
                advice = advise_on_address(host.detail, address)
            return Diagnosis("host", Outcome.PROBLEM, f"{host.url}: {host.detail}", advice, host.seconds)


def _check_clock(hosts: Iterable[HostHealth]) -> Iterator[Diagnosis]:
    skews = [host.clock_skew for host in hosts if host.clock_skew is not None]
    if not skews:
        return
    skew = min(skews, key=abs)
    if abs(skew) <= _MAX_SKEW_S:
        yield Diagnosis("clock", Outcome.OK, "agrees with the service's to a minute", seconds=skew)
    else:
        direction = "behind" if skew > 0 else "ahead of"
        yield Diagnosis(
            "clock",
            Outcome.PROBLEM,
            f"{_format_duration(abs(skew))} {direction} the service's: certificates and tokens may seem to have expired",
            "set this computer's clock, or let the network set it",
            skew,
        )


def _format_duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _check_proxy(urls: Iterable[str], profile: UserProfile) -> Iterator[Diagnosis]:
    secure = [url for url in urls if url.startswith("https:")]
    if not secure:
        yield Diagnosis("proxy", Outcome.OK, "none: only https goes through a proxy")
    for url in secure:
        try:
            proxy = choose_proxy(url, profile)
        except NaiError as error:
            yield Diagnosis("proxy", Outcome.PROBLEM, str(error), "correct or unset it")
            return
        if proxy is not None:
            source, _ = find_proxy(profile) or ("", "")
            yield Diagnosis("proxy", Outcome.OK, f"{url} through {proxy.host}:{proxy.port}, from {source}")
        elif needs_no_proxy(url):
            yield Diagnosis("proxy", Outcome.OK, f"{url} directly, because of NO_PROXY")
        else:
            from urllib.request import getproxies_environment  # loads an HTTP client: not at import

            ignored = "; HTTP_PROXY is not used for https" if getproxies_environment().get("http") else ""
            yield Diagnosis("proxy", Outcome.OK, f"{url} directly{ignored}")


# ---- output

_OUTCOME_WIDTH: Final = 9
_CHECK_WIDTH: Final = 18
_READABLE: Final = 45
"Columns of a terminal in which a finding is readable beside the name of its check, with few paths that are wider."
_INDENT: Final = 4
"Of a finding below the name of its check."


def _print(finding: Diagnosis) -> None:
    """Print a finding: aligned and wrapped on a terminal, with tabs between its parts elsewhere."""
    detail, advice = escape_line(finding.detail), escape_line(finding.advice or "")
    width = measure_width(sys.stdout)
    if width is None:
        typer.echo("\t".join((finding.outcome, finding.check, detail, advice)))
        return
    outcome = typer.style(f"{finding.outcome:<{_OUTCOME_WIDTH}}", fg=_COLORS[finding.outcome])
    head = f"{outcome}{finding.check:<{_CHECK_WIDTH}}"
    column = _OUTCOME_WIDTH + _CHECK_WIDTH
    if width - column < _READABLE:
        column = _INDENT
        head = f"{head.rstrip()}\n{' ' * column}"
    typer.echo(head + wrap_text(detail, width, column=column, hanging=column))
    if advice:
        typer.echo(" " * column + wrap_text(f"→ {advice}", width, column=column, hanging=column + 2))
