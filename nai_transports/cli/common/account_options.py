"""The options of every command that talks to the service: where it is, and who the command acts for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Annotated, Self

import typer

from nai_proto import account
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from nai_proto.secret import PersistentToken, Token, parse_token

from ...proxy import proxy_from_environment
from ...sync import Client
from .command import OptionGroup
from .credentials import Credentials, find_credentials, find_email
from .help_page import ACCOUNT_PANEL, format_options_page
from .parameters import list_parameters

__all__ = ["AccountOptions", "ServiceOptions", "format_account_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions(OptionGroup):
    """Where the service is, and how long it may take."""

    url: Annotated[
        str | None,
        typer.Option(
            help="Send requests to this address, such as an emulator's, not to NovelAI.",
            envvar="NAI_URL",
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Wait at most this long at each step: to connect, for the response to begin, between its parts.",
            rich_help_panel=ACCOUNT_PANEL,
        ),
    ] = None

    def build_session(self) -> Session:
        """Return a session without a token.

        Raises:
            InvalidRequestError: the address is not valid.
        """
        wait = self.timeout
        timeouts = Timeouts() if wait is None else Timeouts(pool=wait, connect=wait, write=wait, read=wait, idle=wait)
        return Session(base_url=self.url, timeouts=timeouts)

    def open_client(self, token: Token | None = None) -> Client:
        """Return a blocking client; it uses the proxy that the environment names.

        Args:
            token: signs the requests; None for those that need no account.

        Raises:
            InvalidRequestError: the address is not valid, or HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not an HTTP proxy's.
        """
        session = self.build_session()
        return Client(
            session if token is None else session.with_token(token), proxy=proxy_from_environment(session.account)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions(ServiceOptions):
    """Who a command acts for, besides what the environment says."""

    email: Annotated[
        str | None,
        typer.Option(
            help="Log in with this e-mail if NAI_TOKEN is not set or not enough. The password comes from NAI_PASSWORD, "
            "the system's keyring, or a prompt.",
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

    def with_email(self, email: str | None) -> Self:
        """Return the options with the e-mail that is the command's argument, if there is one."""
        return self if email is None else replace(self, email=email)

    def get_email(self) -> str:
        """Return the e-mail, else the one that the person types.

        Raises:
            InvalidRequestError: there is no e-mail and no terminal.
        """
        return find_email(self.email)

    def get_credentials(self, *, from_keyring: bool = True, or_token: bool = False) -> Credentials:
        """Return e-mail and password, whether NAI_TOKEN is set or not.

        Args:
            from_keyring: may the password come from the keyring?
            or_token: would a token do as well? Then the error message says so.

        Raises:
            InvalidRequestError: e-mail or password is empty, or missing and there is no terminal.
        """
        return find_credentials(self.email, self.unsafe_password, from_keyring=from_keyring, or_token=or_token)

    def sign_in(self, *, persistent: bool = True) -> Client:
        """Return a blocking client with the token of NAI_TOKEN; without that, with the token of a login.

        See docs/protocol/native.md#21-tokens.

        Args:
            persistent: is a persistent token enough? Some endpoints refuse it; a persistent NAI_TOKEN is then ignored.

        Raises:
            InvalidRequestError: the token or the address is not valid, or there is no e-mail or no password.
            NaiError: logging in failed.
        """
        token = _read_token()
        if token is None or (isinstance(token, PersistentToken) and not persistent):
            login = self.get_credentials(or_token=True)
            with self.open_client() as client:
                token = client.run(account.login(login.email, login.password))
        return self.open_client(token)


def _read_token() -> Token | None:
    text = os.environ.get("NAI_TOKEN")
    return parse_token(text) if text else None


def format_account_page() -> str:
    """Return the page of ``nai help options``."""
    return format_options_page(list_parameters(AccountOptions))
