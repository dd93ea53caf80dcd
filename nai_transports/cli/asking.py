"""Whom a command asks, and as whom: the service or an emulator, with a token or by logging in.

Passwords are prompted for: on a command line, or in an environment, they would be there for others to read.
"""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

import typer

from nai_proto import account
from nai_proto.exchange.session import Session
from nai_proto.secret import AccessToken, Password, PersistentToken

from ..httpx import Client

__all__ = ["Email", "Url", "signed_in"]

Email: TypeAlias = Annotated[
    str | None, typer.Option(help="Log in with this e-mail; the password is asked for.", envvar="NAI_EMAIL")
]
Url: TypeAlias = Annotated[
    str | None, typer.Option(help="Ask this address, such as an emulator's, instead of NovelAI.", envvar="NAI_URL")
]


def signed_in(url: str | None, email: str | None) -> Session:
    """The service, or an emulator at ``url``, with the token of NAI_TOKEN; without that, with the one of a login.

    Args:
        url: where to ask; NovelAI if None.
        email: of the account; prompted for if None, as the password always is.

    Raises:
        LocalProtocolError: the token, or the address, is none.
        NaiError: logging in failed.
    """
    asked = Session() if url is None else Session.at(url)
    text = os.environ.get("NAI_TOKEN", "")
    if text:
        persistent = text.startswith(PersistentToken.PREFIX)
        return asked.with_token(PersistentToken(text) if persistent else AccessToken(text))
    email = email or _prompt("E-mail", hide=False)
    password = Password(_prompt("Password", hide=True))
    with Client(asked) as client:
        return asked.with_token(client.run(account.login(email, password)))


def _prompt(what: str, *, hide: bool) -> str:
    answer: str = typer.prompt(what, hide_input=hide, err=True)
    return answer
