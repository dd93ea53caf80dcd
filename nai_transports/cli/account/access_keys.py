"""``nai access-key`` and ``nai access-token``: what logs in, and what a login gives. Printing these is their purpose."""

from __future__ import annotations

import json
from typing import Annotated, Final, Never

import typer

from nai_proto import account
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.actions import Steps
from nai_proto.secret import Token

from ..common.credentials import Credentials, UnsafePassword, Url, build_session, get_credentials, open_client
from ..common.errors import exit_on_error
from ..common.output import Json
from ..common.prompts import confirm

__all__ = ["ALLOW_EXTRA_ARGS", "access_key", "access_token"]

ALLOW_EXTRA_ARGS: Final = {"allow_extra_args": True}
"""How these commands are registered: what follows the e-mail is refused by themselves, and not repeated."""

_Email = Annotated[
    str | None, typer.Argument(help="Of the account; asked for if not given.", envvar="NAI_EMAIL", show_default=False)
]


def access_key(
    context: typer.Context, email: _Email = None, unsafe_password: UnsafePassword = None, as_json: Json = False
) -> None:
    """Print the key that logs in to the account instead of its password. Nothing is sent anywhere.

    The key depends on the case of the e-mail, and programs differ: some take it as typed, as this command does, others in
    lower case. If the service refuses the key, give the e-mail in lower case; `nai access-token` tries both.
    """
    with exit_on_error("access-key"):
        given = _check_arguments(context, email, unsafe_password)
        key = account.access_key(given.email, given.password).reveal()
    _print("access_key", key, as_json)


def access_token(
    context: typer.Context,
    email: _Email = None,
    persistent: Annotated[
        bool, typer.Option("--persistent", help="Draw the token that does not expire; refused if there is one.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Draw it although there is one, which then is void everywhere.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the older token may be made void.")] = False,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Log in, and print the token, which is good for everything for 30 days; or a persistent one (pst-…).

    NAI_TOKEN takes either. An account has one persistent token; some endpoints refuse it, such as those of the library.
    """
    with exit_on_error("access-token"):
        if overwrite and not persistent:
            raise InvalidRequestError("--overwrite is for --persistent: a login's tokens do not replace each other")
        given = _check_arguments(context, email, unsafe_password)
        if overwrite and not yes:
            confirm("The older persistent token will be void wherever it is used. Draw another?", _NEEDS_YES)
        with open_client(build_session(url)) as client:
            token = client.run(_create_token(given, persistent, overwrite)).reveal()
    _print("persistent_token" if persistent else "access_token", token, as_json)


_NEEDS_YES: Final = "the older persistent token will be void wherever it is used: --yes says that this is meant"
_NO_ARGUMENT: Final = (
    "only the e-mail is an argument. Other users could read a password there: NAI_PASSWORD, the system's keyring "
    "(nai account remember) or a prompt takes it"
)


def _check_arguments(context: typer.Context, email: str | None, unsafe_password: str | None) -> Credentials:
    if context.args:
        raise InvalidRequestError(_NO_ARGUMENT)
    return get_credentials(email, unsafe_password)


def _create_token(given: Credentials, persistent: bool, overwrite: bool) -> Steps[Never, Token]:
    token = yield from account.login(given.email, given.password)
    if not persistent:
        return token
    return (yield from account.create_persistent_token(overwrite=overwrite).with_options(token=token))


def _print(name: str, secret: str, as_json: bool) -> None:
    typer.echo(json.dumps({name: secret}) if as_json else secret)
