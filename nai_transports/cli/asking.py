"""Whom a command asks, and as whom: the service or an emulator, with a token or by logging in.

Passwords are prompted for: on a command line, or in an environment, they would be there for others to read.
"""

from __future__ import annotations

import os
from typing import TypeVar

import typer

from nai_proto import account
from nai_proto.exchange.flow import Flow, Runnable, using
from nai_proto.exchange.session import Session
from nai_proto.secret import AccessToken, Password, PersistentToken, Token

__all__ = ["authorized", "session"]

E = TypeVar("E")
R = TypeVar("R")


def session(url: str | None) -> Session:
    """The service, or an emulator at ``url``, with the token of NAI_TOKEN if there is one."""
    asked = Session() if url is None else Session.at(url)
    text = os.environ.get("NAI_TOKEN", "")
    return asked.with_token(_token(text)) if text else asked


def authorized(asked: Session, email: str | None, flow: Runnable[E, R]) -> Runnable[E, R]:
    """``flow``, behind a login if the session has no token.

    Args:
        asked: who is asked.
        email: of the account; prompted for if None.
        flow: what is to be done.
    """
    if asked.token is not None:
        return flow
    email = email or _prompt("E-mail", hide=False)
    return _logged_in(email, Password(_prompt("Password", hide=True)), flow)


def _logged_in(email: str, password: Password, flow: Runnable[E, R]) -> Flow[E, R]:
    token = yield from account.login(email, password)
    return (yield from using(token, flow))


def _token(text: str) -> Token:
    return PersistentToken(text) if text.startswith(PersistentToken.PREFIX) else AccessToken(text)


def _prompt(what: str, *, hide: bool) -> str:
    answer: str = typer.prompt(what, hide_input=hide, err=True)
    return answer
