"""As whom a command asks: the one place that says where tokens, e-mails and passwords come from, the first way first.

===========  ==========================================================================================
a token      NAI_TOKEN; only without it, and where a key is derived from the password, the others
an e-mail    an argument or ``--email``; NAI_EMAIL; the prompt
a password   ``--unsafe-password``; NAI_PASSWORD; the system's keyring; the prompt
===========  ==========================================================================================

An argument is read by every user of the machine, in its list of processes: so no password is one unless its option's own
name calls it unsafe. Where there is no terminal, nothing is asked for, and an error names the ways.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto import account
from nai_proto.exchange.session import Session
from nai_proto.secret import Password, PersistentToken, Token, parse_token

from . import keychain
from .asking import ask, ask_secretly
from .client import open_client

__all__ = ["Credentials", "Email", "UnsafePassword", "Url", "credentials", "service", "signed_in", "whose"]

Email: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Log in with this e-mail if NAI_TOKEN has no token that is enough. The password is that of NAI_PASSWORD, of "
        "the system's keyring, or of a prompt.",
        envvar="NAI_EMAIL",
    ),
]
UnsafePassword: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Unsafe: the password, where other users can read it in the list of processes and shells write it down.",
    ),
]
Url: TypeAlias = Annotated[
    str | None, typer.Option(help="Ask this address, such as an emulator's, instead of NovelAI.", envvar="NAI_URL")
]

_NO_EMAIL: Final = "no e-mail, and no terminal to ask at: name the account, or set NAI_EMAIL"
_NO_PASSWORD: Final = (
    "no password, and no terminal to ask at: set NAI_PASSWORD, or keep it in the system's keyring (nai account remember), "
    "or give --unsafe-password"
)
_OR_TOKEN: Final = "; or set NAI_TOKEN to a token"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What logs in, and what the keys of an account are derived from."""

    email: str
    "As it was given: its case goes into the keys. See docs/protocol/native.md#3-key-derivation."
    password: Password

    def __repr__(self) -> str:
        return "Credentials(…)"


def credentials(
    email: str | None, unsafe_password: str | None, *, recall: bool = True, or_token: bool = False
) -> Credentials:
    """E-mail and password, for what derives a key from them; NAI_TOKEN does not matter here.

    Args:
        email: of the account, if the command line or NAI_EMAIL had one.
        unsafe_password: if the command line had one.
        recall: may the password come from the keyring?
        or_token: would a token have been enough? Then the error says so.

    Raises:
        InvalidRequestError: one of them is not to be had, or is empty.
    """
    more = _OR_TOKEN if or_token else ""
    email = whose(email, more)
    if unsafe_password is not None:
        return Credentials(email, Password(unsafe_password))
    if text := os.environ.get("NAI_PASSWORD"):
        return Credentials(email, Password(text))
    if recall and (kept := keychain.recall(email)):
        return Credentials(email, kept)
    return Credentials(email, Password(ask_secretly("Password", _NO_PASSWORD + more)))


def whose(email: str | None, more: str = "") -> str:
    """The e-mail: the one of the command line or NAI_EMAIL, else the one that is typed.

    Raises:
        InvalidRequestError: there is no terminal; ``more`` names more ways out than giving it.
    """
    return email or ask("E-mail", _NO_EMAIL + more)


def service(url: str | None) -> Session:
    """NovelAI, or what is at ``url``; nobody is signed in.

    Raises:
        InvalidRequestError: the address is none.
    """
    return Session() if url is None else Session(base_url=url)


def signed_in(url: str | None, email: str | None, unsafe_password: str | None, *, persistent: bool = True) -> Session:
    """The service with the token of NAI_TOKEN; without that, with the one of a login.

    See docs/protocol/native.md#21-tokens.

    Args:
        url: as for `service`.
        email, unsafe_password: as for `credentials`.
        persistent: is a persistent token enough? Some endpoints refuse it; then it is passed over.

    Raises:
        InvalidRequestError: the token, or the address, is none; or e-mail or password are not to be had.
        NaiError: logging in failed.
    """
    asked = service(url)
    token = _token()
    if token is None or (isinstance(token, PersistentToken) and not persistent):
        given = credentials(email, unsafe_password, or_token=True)
        with open_client(asked) as client:
            token = client.run(account.login(given.email, given.password))
    return asked.with_token(token)


def _token() -> Token | None:
    text = os.environ.get("NAI_TOKEN")
    return parse_token(text) if text else None
