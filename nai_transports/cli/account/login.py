"""``nai login``, ``nai logout`` and ``nai whoami``: keep the login of an account, forget it, and show whose it is."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Never

import typer

from nai_proto import account as accounts
from nai_proto.account.info import Subscription
from nai_proto.errors import AuthenticationError, FileError, InvalidRequestError, MissingExtra
from nai_proto.exchange.actions import Steps
from nai_proto.secret import AccessToken, Password, Token, parse_token

from ..common import prompts, system_keyring
from ..common.account_options import AccountOptions
from ..common.credentials import (
    EMAIL_VARIABLE,
    PASSWORD_VARIABLE,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Credentials,
    CredentialSources,
    describe_token,
)
from ..common.errors import MissingCredentials, WrongUsage
from ..common.finished_work import record_done
from ..common.json_document import print_json, to_time
from ..common.notes import print_note, print_remark
from ..common.output import Json, format_date, print_sentence
from ..common.profile_file import DEFAULT, UserProfile, add_profile, load_profiles
from ..common.secret_file import ACCESS, secret_file_path
from ..common.stored_logins import (
    StoredLogin,
    forget_login,
    keep_in_file,
    keep_in_keyring,
    normalize_address,
)
from ..common.text_input import read_standard_input_bytes
from .plain_facts import print_account_facts

__all__ = ["login", "logout", "whoami"]


_ATTEMPTS: Final = 3
"""How often a password is asked for."""


class LoginSecret(StrEnum):
    """What `nai login` keeps."""

    PASSWORD = "password"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class _CheckedLogin:
    """A login that the service accepts."""

    token: Token
    subscription: Subscription
    credentials: Credentials | None = None
    "What logged in; None if the person has only a token."


# ---- login


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _LoginOptions(AccountOptions):
    """The options without one for the password, which is refused with what to do instead."""

    unsafe_password: Annotated[str | None, typer.Option(metavar="TEXT", hidden=True)] = None


def login(
    *,
    account: _LoginOptions,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Read a token from stdin, and log in with no password.")
    ] = False,
    with_password: Annotated[bool, typer.Option("--with-password", help="Read the password from stdin.")] = False,
    keep: Annotated[
        LoginSecret | None,
        typer.Option(
            help="Keep the password, or only a token of this login. Default: ask; a token without a terminal."
        ),
    ] = None,
    insecure_storage: Annotated[
        bool,
        typer.Option("--insecure-storage", help="Without a keyring, keep it in a file, not encrypted; do not ask."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Log in once for all commands, with e-mail and password or with a token.

    The login is checked, and kept in the system's keyring, or else in a file that only you can read. With the password,
    every command works until you log out. With the token of a login, commands work for 30 days; those for the library and
    stories ask for the password. A persistent token (pst-…) works likewise, for as long as you do not replace it.

    Each profile has a login of its own (`--profile NAME` creates one), which is sent only to the profile's address.
    """
    _check_options(account, with_token, with_password, keep)
    profile = account.load_profile(is_new=True)
    sources = account.build_sources(profile)
    if with_token:
        checked = _check_token(account, profile, _read_token())
    elif (email := _choose_email(sources, profile, with_password)) is None:
        checked = _check_token(account, profile, _parse_token(prompts.ask_secret("Token", _NO_TERMINAL)))
    else:
        checked = _log_in(account, sources, email, with_password)
    keyring_problem = _find_keyring_problem()
    kept = _choose_secret(checked, keep, keyring_problem)
    where = _keep(sources, kept, keyring_problem, insecure_storage)
    record_done(f"the login is kept in {where}")
    path = None
    if profile.name not in load_profiles().by_name and profile.name != DEFAULT:
        path = add_profile(UserProfile(name=profile.name, url=account.url, email=kept.email))
    if as_json:
        has_password = isinstance(kept.secret, Password)
        print_json(_build_report(sources, where, kept.email, has_password, checked.token, checked.subscription))
    else:
        _describe_login(checked, kept, where, sources)
        _name_options(sources, path)
    _warn_of_variables(sources)


def _check_options(account: AccountOptions, with_token: bool, with_password: bool, keep: LoginSecret | None) -> None:
    if account.unsafe_password is not None:
        raise WrongUsage("nai login takes no password as an option: type it, or use --with-password")
    if with_token and with_password:
        raise WrongUsage("give --with-token or --with-password, not both: stdin has one of them")
    if with_token and keep is LoginSecret.PASSWORD:
        raise WrongUsage("--with-token has no password to keep: leave out --keep password")


def _read_token() -> Token:
    text = prompts.ask_secret("Token", _NO_TERMINAL) if prompts.is_interactive() else _read_stdin("a token")
    return _parse_token(text)


def _parse_token(text: str) -> Token:
    try:
        return parse_token(text.strip())
    except InvalidRequestError:
        pass
    raise WrongUsage("that is not a token: a token is printable ASCII without blanks, such as pst-…; nothing was kept")


def _choose_email(sources: CredentialSources, profile: UserProfile, with_password: bool) -> str | None:
    """Return the e-mail to log in with; None if the person wants to type a token instead."""
    email = sources.email or profile.email
    if sources.email and profile.email and sources.email.lower() != profile.email.lower():
        raise WrongUsage(
            f"the profile {profile.name} is for {profile.email}: change its e-mail in {load_profiles().path}, or log in "
            "with another --profile"
        )
    if email:
        return email
    if with_password or not prompts.is_interactive():
        raise MissingCredentials(_NO_TERMINAL)
    while (answer := prompts.ask("E-mail, or - to type a token", _NO_TERMINAL)) != "-" and "@" not in answer:
        print_note("That is not an e-mail, which has an @.")  # it may be a token, and is not repeated
    return None if answer == "-" else answer


def _log_in(account: AccountOptions, sources: CredentialSources, email: str, with_password: bool) -> _CheckedLogin:
    """Return the login with a password that is given; else ask for one, up to three times while it is wrong."""
    profile = sources.profile
    if password := _find_password(sources, with_password):
        return _check_password(account, profile, Credentials(email, password))
    if not prompts.is_interactive():
        raise MissingCredentials(_NO_TERMINAL)
    for attempts_left in reversed(range(_ATTEMPTS)):
        typed = sources.ask_password(email, _NO_TERMINAL)
        try:
            return _check_password(account, profile, Credentials(email, typed))
        except MissingCredentials:
            if not attempts_left:
                raise
            print_note("No account has this e-mail and password: try again, or press Ctrl-C.")
            if not (sources.email or profile.email):
                email = prompts.ask("E-mail", _NO_TERMINAL, default=email)
    raise AssertionError("unreachable")


def _find_password(sources: CredentialSources, with_password: bool) -> Password | None:
    """Return the password of stdin or of the environment, if one is given so."""
    if with_password:
        return Password(_read_stdin("a password"))
    password = sources.get_variable(PASSWORD_VARIABLE)
    return Password(password) if password else None


def _read_stdin(what: str) -> str:
    """Return the one line of stdin, without its end. Its errors do not quote it."""
    try:
        text = read_standard_input_bytes().decode("utf-8-sig") if sys.stdin else ""
    except UnicodeDecodeError:
        text = ""
    line = text.removesuffix("\n").removesuffix("\r")
    if not line or "\n" in line:
        raise WrongUsage(f"stdin must have {what} in one line of UTF-8, and nothing else")
    return line


def _check_token(account: AccountOptions, profile: UserProfile, token: Token) -> _CheckedLogin:
    with account.open_client(token, profile) as client:
        try:
            return _CheckedLogin(token, client.run(accounts.get_subscription()))
        except AuthenticationError:
            pass
    raise MissingCredentials(
        "the service does not accept this token; nothing was kept. The website shows a persistent token (pst-…) in the "
        "account settings, and `nai access-token` prints one"
    )


def _check_password(account: AccountOptions, profile: UserProfile, credentials: Credentials) -> _CheckedLogin:
    def log_in() -> Steps[Never, _CheckedLogin]:
        token, email = yield from accounts.login_with_spelling(credentials.email, credentials.password)
        subscription = yield from accounts.get_subscription().with_options(token=token)
        return _CheckedLogin(token, subscription, Credentials(email, credentials.password))

    with account.open_client(profile=profile) as client:
        try:
            return client.run(log_in())
        except AuthenticationError:
            pass
    raise MissingCredentials("no account has this e-mail and password; nothing was kept")


def _find_keyring_problem() -> str | None:
    """Return why the system's keyring cannot be used, or None."""
    try:
        system_keyring.describe()
    except (MissingExtra, FileError) as error:
        return str(error)
    return None


def _choose_secret(checked: _CheckedLogin, keep: LoginSecret | None, keyring_problem: str | None) -> StoredLogin:
    credentials = checked.credentials
    if credentials is None:
        return StoredLogin(checked.token)
    if keep is None:
        keep = LoginSecret.TOKEN
        if prompts.is_interactive():
            print_note(_CHOICE.format(date=_format_end(checked.token)))
            keep = prompts.ask_choice(
                "Keep", LoginSecret, LoginSecret.TOKEN if keyring_problem else LoginSecret.PASSWORD
            )
    if keep is LoginSecret.PASSWORD:
        assert isinstance(checked.token, AccessToken)  # as every login gives
        return StoredLogin(credentials.password, credentials.email, checked.token)
    return StoredLogin(checked.token, credentials.email)


def _keep(sources: CredentialSources, kept: StoredLogin, keyring_problem: str | None, insecure_storage: bool) -> str:
    """Keep the login, and return where it is, in words."""
    if keyring_problem is None:
        return keep_in_keyring(sources.place, kept)
    if not insecure_storage:
        place = f"{secret_file_path()}, not encrypted; {ACCESS}"
        if prompts.is_interactive():
            what = "e-mail and password" if isinstance(kept.secret, Password) else "the token"
            print_remark(f"{keyring_problem}. A file can keep {what}: {place}.")
        alternative = f"{keyring_problem}; give --insecure-storage to keep the login in {place}"
        prompts.confirm("Keep it there?", alternative, default=True)
    return keep_in_file(sources.place, kept)


def _describe_login(checked: _CheckedLogin, kept: StoredLogin, where: str, sources: CredentialSources) -> None:
    tier = checked.subscription.tier
    until = "" if checked.subscription.active else ", not active"
    address = sources.place.address or "NovelAI"
    print_sentence(f"Logged in to {address} ({tier}{until}), profile {sources.profile.name}.")
    what = "password" if isinstance(kept.secret, Password) else "token"
    print_sentence(f"The {what} is in {where}.")


def _name_options(sources: CredentialSources, path: Path | None) -> None:
    """Say with which options commands use the login, where they need any.

    Args:
        sources: of the login.
        path: of the file that has its profile from now on; None if the profile is not new.
    """
    profile, address = sources.profile.name, sources.place.address
    options = () if profile == DEFAULT else ("--profile", profile)
    if path is not None:
        print_sentence(f"The profile {profile} is in {path}: commands act for it with {shlex.join(options)}.")
    elif address not in (None, sources.profile.url, os.environ.get(URL_VARIABLE)):
        given = shlex.join((*options, "--url", address))
        print_remark(f"commands act for it with {given}; NAI_URL, set to this address, stands in for --url")


def _warn_of_variables(sources: CredentialSources) -> None:
    """Say which variables win over the login that was kept."""
    winning = TOKEN_VARIABLE if sources.get_variable(TOKEN_VARIABLE) else None
    if winning is None and sources.get_variable(PASSWORD_VARIABLE) and sources.email:
        winning = f"{EMAIL_VARIABLE} and {PASSWORD_VARIABLE}"
    if winning is not None:
        print_remark(f"{winning}, which the environment has, wins over this login, unless --profile names the profile")


def _format_end(token: Token) -> str:
    expires_at = token.expires_at if isinstance(token, AccessToken) else None
    return "for 30 days" if expires_at is None else f"until {format_date(expires_at)} UTC"


_NO_TERMINAL: Final = (
    "no terminal to ask at: use --with-token with a token on stdin; or --email, --with-password and a password"
)
_CHOICE: Final = (
    "Keep the password, or only a token?\n"
    "  password  every command works until you log out\n"
    "  token     works {date}; library and stories ask for the password"
)


# ---- logout


@dataclass(frozen=True, slots=True)
class Logout:
    """What ``nai logout`` did."""

    profile: str
    address: str
    deleted_from: list[str]
    "Where a login was kept; empty if none was."


def logout(*, account: AccountOptions, as_json: Json = False) -> None:
    """Delete the login that `nai login` kept for the profile.

    A token itself stays valid: that of a login for 30 days, a persistent one until another is made (`nai access-token
    --persistent --overwrite`).
    """
    sources = account.build_sources(account.load_profile(is_new=True))
    address = normalize_address(sources.place.address)
    places = forget_login(sources.place)
    if not places and (missing := load_profiles().explain_missing(sources.profile.name)):
        raise WrongUsage(f"{missing} No login is kept for it at {address}", parameter="profile")
    if places:
        record_done("the login is deleted")
    if as_json:
        print_json(Logout(sources.profile.name, address, [*places]))
    elif places:
        print_sentence(
            f"The login of the profile {sources.profile.name} at {address} was deleted from {' and '.join(places)}."
        )
    else:
        other = sources.describe_other_places()
        print_sentence(f"No login is kept for the profile {sources.profile.name} at {address}{other}.")
    if sources.get_variable(TOKEN_VARIABLE):
        print_remark(f"{TOKEN_VARIABLE} is still set, and commands go on using it")


# ---- whoami


@dataclass(frozen=True, slots=True)
class AccountReport:
    """Who commands act for, as ``nai whoami`` prints it, and ``nai login`` as JSON."""

    profile: str
    address: str
    "Of the service, or of the server that commands send requests to."
    source: str
    "Where the token or the password comes from."
    email: str | None
    "None if only a token is known."
    login: str
    "``password``, with which every command works, or ``token``: then commands for the library and stories ask for it."
    token: str
    "The kind of the token, or of the one that the password logged in with."
    token_expires_at: datetime | None
    "None also beside a password, which gets the next token by itself."
    tier: str
    active: bool


def whoami(*, account: AccountOptions, as_json: Json = False) -> None:
    """Show who commands act for, where that comes from, and whether the service accepts it. Asks for nothing."""
    profile = account.load_profile()
    sources = account.build_sources(profile)
    try:
        found = sources.find_token(asks=False)
    except MissingCredentials as error:
        address = normalize_address(sources.place.address)
        other = sources.describe_other_places()
        problem = MissingCredentials(
            f"nobody is logged in at {address} (profile {profile.name}): run {sources.login_command}{other}"
        )
        raise problem from error
    with account.use_token(found, profile) as client:
        paid = client.run(accounts.get_subscription())
        token = client.session.token
    assert token is not None  # `use_token` has set it
    print_account_facts(
        asdict(_build_report(sources, found.source, found.email, isinstance(found, Credentials), token, paid)), as_json
    )


def _build_report(
    sources: CredentialSources, source: str, email: str | None, has_password: bool, token: Token, paid: Subscription
) -> AccountReport:
    return AccountReport(
        profile=sources.profile.name,
        address=normalize_address(sources.place.address),
        source=source,
        email=email,
        login="password" if has_password else "token",
        token=describe_token(token),
        token_expires_at=to_time(token.expires_at) if isinstance(token, AccessToken) and not has_password else None,
        tier=paid.tier.name.lower(),
        active=paid.active,
    )
