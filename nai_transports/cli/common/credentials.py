"""Who a command acts for. This is the one place that knows where tokens, e-mails and passwords come from, in this order:

===========  ===========================================================================================
a token      NAI_TOKEN; else a login with e-mail and password
an e-mail    an argument or ``--email``; NAI_EMAIL; a prompt
a password   ``--unsafe-password``; NAI_PASSWORD; the system's keyring; a prompt
===========  ===========================================================================================

Commands that derive a key from the password need e-mail and password even if NAI_TOKEN is set.

All users of a machine can read the arguments of its processes. A password is therefore an argument only of an option whose
name says that it is unsafe. Without a terminal there is no prompt, and the error names the other ways.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto import account
from nai_proto.exchange.session import Session
from nai_proto.secret import Password, PersistentToken, Token, parse_token

from ...proxy import proxy_from_environment
from ...sync import Client
from . import system_keyring
from .prompts import ask, ask_secret

__all__ = [
    "Credentials",
    "Email",
    "UnsafePassword",
    "Url",
    "build_session",
    "get_credentials",
    "get_email",
    "open_client",
    "sign_in",
]

Email: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Log in with this e-mail if NAI_TOKEN is not set or not enough. The password comes from NAI_PASSWORD, the "
        "system's keyring, or a prompt.",
        envvar="NAI_EMAIL",
    ),
]
UnsafePassword: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Unsafe: the password. Other users see it in the list of processes, and shells store it in their history.",
    ),
]
Url: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Send requests to this address, such as an emulator's, not to NovelAI.", envvar="NAI_URL"),
]

_NO_EMAIL: Final = "no e-mail, and no terminal to ask at: give the e-mail, or set NAI_EMAIL"
_NO_PASSWORD: Final = (
    "no password, and no terminal to ask at: set NAI_PASSWORD, keep the password in the system's keyring (nai account "
    "remember), or give --unsafe-password"
)
_OR_TOKEN: Final = "; or set NAI_TOKEN to a token"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """E-mail and password: what logs in, and what the keys of an account are derived from."""

    email: str
    "As it was given: the keys depend on its case. See docs/protocol/native.md#3-key-derivation."
    password: Password

    def __repr__(self) -> str:
        return "Credentials(…)"


def open_client(session: Session) -> Client:
    """Return a blocking client for a session; it uses the proxy that the environment names.

    Raises:
        InvalidRequestError: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY does not name an HTTP proxy.
    """
    return Client(session, proxy=proxy_from_environment(session.account))


def get_credentials(
    email: str | None, unsafe_password: str | None, *, from_keyring: bool = True, or_token: bool = False
) -> Credentials:
    """Return e-mail and password, whether NAI_TOKEN is set or not.

    Args:
        email: the e-mail of the command line or of NAI_EMAIL, if there is one.
        unsafe_password: the password of the command line, if there is one.
        from_keyring: may the password come from the keyring?
        or_token: would a token do as well? Then the error message says so.

    Raises:
        InvalidRequestError: e-mail or password is empty, or missing and there is no terminal.
    """
    alternative = _OR_TOKEN if or_token else ""
    email = get_email(email, alternative)
    if unsafe_password is not None:
        return Credentials(email, Password(unsafe_password))
    if text := os.environ.get("NAI_PASSWORD"):
        return Credentials(email, Password(text))
    if from_keyring and (kept := system_keyring.recall(email)):
        return Credentials(email, kept)
    return Credentials(email, Password(ask_secret("Password", _NO_PASSWORD + alternative)))


def get_email(email: str | None, alternative: str = "") -> str:
    """Return the e-mail of the command line or NAI_EMAIL, else the one that the person types.

    Args:
        email: the e-mail of the command line or NAI_EMAIL, if there is one.
        alternative: the end of the error message: what else can be given.

    Raises:
        InvalidRequestError: there is no e-mail and no terminal.
    """
    return email or ask("E-mail", _NO_EMAIL + alternative)


def build_session(url: str | None) -> Session:
    """Return a session without a token, for NovelAI or for the server at ``url``.

    Raises:
        InvalidRequestError: the address is not valid.
    """
    return Session() if url is None else Session(base_url=url)


def sign_in(url: str | None, email: str | None, unsafe_password: str | None, *, persistent: bool = True) -> Session:
    """Return a session with the token of NAI_TOKEN; without that, with the token of a login.

    See docs/protocol/native.md#21-tokens.

    Args:
        url: as for `build_session`.
        email, unsafe_password: as for `get_credentials`.
        persistent: is a persistent token enough? Some endpoints refuse it; a persistent NAI_TOKEN is then ignored.

    Raises:
        InvalidRequestError: the token or the address is not valid, or there is no e-mail or no password.
        NaiError: logging in failed.
    """
    session = build_session(url)
    token = _token_from_environment()
    if token is None or (isinstance(token, PersistentToken) and not persistent):
        login = get_credentials(email, unsafe_password, or_token=True)
        with open_client(session) as client:
            token = client.run(account.login(login.email, login.password))
    return session.with_token(token)


def _token_from_environment() -> Token | None:
    text = os.environ.get("NAI_TOKEN")
    return parse_token(text) if text else None
