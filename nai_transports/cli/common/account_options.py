"""The options of every command that talks to the service: where it is, and who the command acts for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Self, TypeGuard

import typer

from nai_proto import account
from nai_proto.errors import AuthenticationError, NaiError, TransportError
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from nai_proto.secret import AccessToken, Token

from ...proxy import Proxy, needs_no_proxy, parse_proxy
from ...sync import Client
from .command import OptionGroup
from .credentials import (
    PASSWORD_VARIABLE,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Credentials,
    CredentialSources,
    FoundToken,
    name_url_source,
)
from .error_messages import ServiceAddress, is_of_proxy, is_refused_login
from .errors import WrongUsage
from .exchange_notes import note_exchange, note_wait
from .help_page import ACCOUNT_PANEL, format_options_page
from .output import format_date
from .parameters import list_parameters
from .profile_defaults import fill_in
from .profile_file import (
    PROFILE_VARIABLE,
    UserProfile,
    check_proxy,
    check_url,
    check_value,
    load_profiles,
    make_timeouts,
)
from .progress import ProgressDisplay, show_progress
from .renewing_client import RenewingClient
from .stored_logins import keep_last_token

__all__ = ["AccountOptions", "ServiceOptions", "choose_proxy", "find_proxy", "format_account_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions(OptionGroup):
    """Where the service is, and how long it may take."""

    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use the settings and the login of this profile.",
            envvar=PROFILE_VARIABLE,
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None
    url: Annotated[
        str | None,
        typer.Option(
            help="Send requests to this address, such as an emulator's, not to NovelAI.",
            envvar=URL_VARIABLE,
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            help="Wait at most this long at each step: to connect, for the response to begin, between its parts.",
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None
    quiet: Annotated[
        bool,
        typer.Option(
            "-q", "--quiet", help="Show no progress, and no waits and retries.", rich_help_panel=ACCOUNT_PANEL
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "-v",
            "--verbose",
            help="Show each request and response on stderr: status, fields, sizes and times, without secrets and contents.",
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = False

    @contextmanager
    def enclose(
        self, command: str, values: dict[str, Any], is_given: Callable[[str], bool]
    ) -> Generator[None, None, None]:
        """Use the models and the preset of the profile where the command line names none.

        An error about the proxy says which one it is, and where its address came from.

        Raises:
            WrongUsage: the command is to be quiet and verbose.
        """
        if self.quiet and self.verbose:
            raise WrongUsage("--quiet and --verbose exclude each other")
        try:
            with fill_in(command, values, is_given, self.load_profile):
                yield
        except TransportError as error:
            if is_of_proxy(error) and (found := find_proxy(self.load_profile())):
                source, url = found
                proxy = parse_proxy(url)
                address = f"The proxy {proxy.host}:{proxy.port} is from {source}"
                error.add_note(f"{address}: correct it, or name the service's host in NO_PROXY")
            raise

    def load_profile(self, *, is_new: bool = False) -> UserProfile:
        """Return the profile that the option, NAI_PROFILE or nobody names.

        Args:
            is_new: may it be one that is not in the file? It is empty then.

        Raises:
            WrongUsage: there is no such profile, or the file is damaged.
            FileError: the file cannot be read.
        """
        return load_profiles().get(self.profile, is_new=is_new)

    @property
    def is_profile_named(self) -> bool:
        """Does the option name the profile? The value of NAI_PROFILE is also the option's, and does not count."""
        return self.profile is not None and self.profile != os.environ.get(PROFILE_VARIABLE)

    def build_session(self, profile: UserProfile | None = None) -> Session:
        """Return a session without a token.

        Args:
            profile: as `load_profile` returned it; None loads it.

        Raises:
            WrongUsage: the address is not valid, or as for `load_profile`.
        """
        profile = profile or self.load_profile()
        timeouts = (profile.timeout or Timeouts()) if self.timeout is None else make_timeouts(self.timeout)
        return Session(base_url=self.check_address() or profile.url, timeouts=timeouts)

    def check_address(self) -> str | None:
        """Return the address of the option or of NAI_URL; None without one.

        Raises:
            WrongUsage: requests cannot be sent to it.
        """
        return None if self.url is None else check_value(name_url_source(self.url), check_url, self.url)

    def find_address(self) -> ServiceAddress | None:
        """Return the address of the option, of NAI_URL or of the profile; None if it is NovelAI's own, or cannot be read."""
        if self.url is not None:
            return ServiceAddress(self.url, name_url_source(self.url))
        try:
            profile = self.load_profile()
        except NaiError:
            return None
        return ServiceAddress(profile.url, f"the profile {profile.name}") if profile.url else None

    def show_progress(self, first: str) -> AbstractContextManager[ProgressDisplay]:
        """Show progress as `nai_transports.cli.common.progress.show_progress` does, unless the command is to be quiet."""
        return show_progress(first, quiet=self.quiet)

    def open_client(
        self,
        token: Token | None = None,
        profile: UserProfile | None = None,
        make_client: Callable[..., Client] = Client,
    ) -> Client:
        """Return a blocking client; https goes through the proxy that the environment or the profile names.

        Args:
            token: signs the requests; None for those that need no account.
            profile: as for `build_session`.
            make_client: takes a session, and the options of `Client`.

        Raises:
            WrongUsage: as for `build_session`. When something is run: the proxy is not an HTTP proxy's URL.
        """
        profile = profile or self.load_profile()
        session = self.build_session(profile)
        signed = session if token is None else session.with_token(token)
        on_event = None if self.quiet else note_exchange if self.verbose else note_wait
        return make_client(signed, proxy=partial(choose_proxy, profile=profile), on_event=on_event)


def choose_proxy(url: str, profile: UserProfile) -> Proxy | None:
    """Return the proxy for an address: of HTTPS_PROXY or ALL_PROXY, else the profile's; None for http, and as NO_PROXY says.

    Raises:
        WrongUsage: it is not an HTTP proxy's URL.
    """
    if not url.startswith("https:") or needs_no_proxy(url) or (found := find_proxy(profile)) is None:
        return None
    return parse_proxy(check_value(found[0], check_proxy, found[1]))


def find_proxy(profile: UserProfile) -> tuple[str, str] | None:
    """Return where the proxy for https comes from, in words, and its URL, which may have a password; None without one."""
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        if proxy := os.environ.get(name.lower()) or os.environ.get(name):
            return name, proxy
    return (f"the profile {profile.name}", profile.proxy) if profile.proxy else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions(ServiceOptions):
    """Who a command acts for, besides what the environment says."""

    email: Annotated[
        str | None,
        typer.Option(
            help="Log in with this e-mail. The password comes from NAI_PASSWORD, `nai login`, or a prompt.",
            envvar="NAI_EMAIL",
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None
    unsafe_password: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Unsafe: the password. Other users see it in the list of processes, and shells store it in their history.",
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None

    def __repr__(self) -> str:
        return f"AccountOptions(url={self.url!r}, …)"

    @contextmanager
    def enclose(
        self, command: str, values: dict[str, Any], is_given: Callable[[str], bool]
    ) -> Generator[None, None, None]:
        """Do as `ServiceOptions.enclose` does; an error about a login that was refused says where its password came from."""
        try:
            with ServiceOptions.enclose(self, command, values, is_given):
                yield
        except AuthenticationError as error:
            if is_refused_login(error) and (note := self._explain_refused_login()):
                error.add_note(note)
            raise

    def _explain_refused_login(self) -> str | None:
        """Return where the password came from, and what to do; None if the person typed it."""
        try:
            sources = self.build_sources()
            login = sources.find_credentials(asks=False)
        except NaiError:
            return None
        if self.unsafe_password is not None:
            return None
        if PASSWORD_VARIABLE in login.source:
            return f"The password is that of {PASSWORD_VARIABLE}"
        again = f"run {sources.login_command} again if it has changed"
        return f"The password is what `nai login` kept in {login.source}: {again}"

    def with_email(self, email: str | None) -> Self:
        """Return the options with the e-mail that is the command's argument, if there is one."""
        return self if email is None else replace(self, email=email)

    def build_sources(self, profile: UserProfile | None = None) -> CredentialSources:
        """Return what credentials are looked up by.

        The address is checked here, before anything is asked for: what was typed wrongly is not the name of a login.

        Args:
            profile: as for `build_session`.

        Raises:
            WrongUsage: as for `build_session`.
        """
        return CredentialSources(
            profile=profile or self.load_profile(),
            is_profile_named=self.is_profile_named,
            url=self.check_address(),
            email=self.email,
            unsafe_password=self.unsafe_password,
        )

    def get_email(self) -> str:
        """Return the e-mail, else the one that the person types.

        Raises:
            InvalidRequestError: there is no e-mail and no terminal.
        """
        return self.build_sources().find_email()

    def get_credentials(self) -> Credentials:
        """Return e-mail and password, whether there is a token or not.

        Raises:
            MissingCredentials: one of them is missing, and there is no terminal.
            InvalidRequestError: e-mail or password is empty.
        """
        return self.build_sources().find_credentials()

    @contextmanager
    def log_in(self, *, persistent: bool = True) -> Generator[Client, None, None]:
        """Give a blocking client with a token, or with that of a login.

        A token that the service refuses inside the block is an error that says where the token came from.

        See docs/protocol/native.md#21-tokens.

        Args:
            persistent: is a persistent token enough? Some endpoints refuse it; such a token is then passed over.

        Raises:
            MissingCredentials: there is no token, and no e-mail or no password.
            InvalidRequestError: the token or the address is not valid.
        """
        profile = self.load_profile()
        found = self.build_sources(profile).find_token(persistent=persistent)
        with self.use_token(found, profile) as client:
            yield client

    @contextmanager
    def use_token(self, found: FoundToken | Credentials, profile: UserProfile) -> Generator[Client, None, None]:
        """Give a blocking client as `log_in` does, for what was found.

        With a password, it has the token of the last login if that was kept; else it logs in when something is run.
        """
        if isinstance(found, Credentials):
            with self._open_renewing_client(found, profile) as client:
                yield client
            return
        with self.open_client(found.token, profile) as client:
            try:
                yield client
            except AuthenticationError as error:
                error.add_note(_explain_refusal(found, self.build_sources(profile).login_command))
                raise

    def _open_renewing_client(self, login: Credentials, profile: UserProfile) -> Client:
        """Return a client that logs in, and keeps the token beside the password if `nai login` kept that."""
        kept = login.kept
        token = None if kept is None or _is_expired(kept.last_token) else kept.last_token
        place = self.build_sources(profile).place

        def keep(new_token: AccessToken) -> None:
            if kept is not None:
                keep_last_token(place, kept, new_token)

        log_in = account.login(login.email, login.password)
        return self.open_client(token, profile, partial(RenewingClient, log_in=log_in, keep=keep))


def format_account_page() -> str:
    """Return the page of ``nai help options``."""
    return format_options_page(list_parameters(AccountOptions))


def _explain_refusal(found: FoundToken, login_command: str) -> str:
    """Return where a refused token came from, whether it has expired, and what to do."""
    reason = "was replaced, or is not of this service"
    if _is_expired(found.token):
        reason = f"expired on {format_date(found.token.expires_at)} UTC"
    if found.source == TOKEN_VARIABLE:
        return f"The token of {TOKEN_VARIABLE} {reason}: set it to another one, or unset it and run {login_command}"
    return f"The token that `nai login` kept in {found.source} {reason}: run {login_command} again"


def _is_expired(token: Token | None) -> TypeGuard[AccessToken]:
    expires_at = token.expires_at if isinstance(token, AccessToken) else None
    return expires_at is not None and expires_at < time.time()
