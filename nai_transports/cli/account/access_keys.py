"""``nai access-key`` and ``nai access-token``: print the key that logs in, and the token of a login."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Never

import typer

from nai_proto import account as accounts
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.actions import Steps
from nai_proto.secret import AccessToken, Token

from ..common.account_options import AccountOptions
from ..common.credentials import Credentials
from ..common.finished_work import note_interruption, record_done
from ..common.json_document import print_json, to_time
from ..common.output import Json
from ..common.prompts import confirm

__all__ = ["access_key", "access_token"]

_Email = Annotated[
    str | None, typer.Argument(metavar="EMAIL", help="E-mail of the account. Default: ask.", show_default=False)
]


def access_key(
    context: typer.Context, email_argument: _Email = None, *, account: AccountOptions, as_json: Json = False
) -> None:
    """Print the access key, which logs in without the password. Sends nothing.

    The key depends on the case of the e-mail. This command uses the e-mail as typed; some programs use lower case. If the
    service refuses the key, try the e-mail in lower case. `nai access-token` tries both.
    """
    login = _check_arguments(context, account.with_email(email_argument))
    key = accounts.access_key(login.email, login.password).reveal()
    if as_json:
        print_json({"access_key": key})
    else:
        typer.echo(key)


def access_token(
    context: typer.Context,
    email_argument: _Email = None,
    persistent: Annotated[
        bool, typer.Option("--persistent", help="Create the token that does not expire; fails if there is one.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the persistent token; the older one stops working.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replacing the older token.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Log in and print an access token, valid for 30 days, or create a persistent token (pst-…).

    NAI_TOKEN takes either. An account has one persistent token. Some commands cannot use it, such as those of the library.
    """
    if overwrite and not persistent:
        raise InvalidRequestError("--overwrite needs --persistent: logins do not replace each other's tokens")
    login = _check_arguments(context, account.with_email(email_argument))
    if overwrite and not yes:
        confirm("The older persistent token will stop working everywhere. Create a new one?", _NEEDS_YES)
    interruption = note_interruption(_PERHAPS_MADE) if persistent else nullcontext()
    with account.open_client() as client, interruption:
        token = client.run(_create_token(login, persistent, overwrite))
    if persistent:
        record_done(f"the persistent token is made, and cannot be shown again: {_MAKE_ANOTHER} makes another")
    if as_json:
        print_json(_describe_token(token))
    else:
        typer.echo(token.reveal())


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedToken:
    """The token that ``nai access-token`` prints; one of the first two is None."""

    access_token: str | None = field(repr=False)
    persistent_token: str | None = field(repr=False)
    expires_at: datetime | None
    "Of the access token."


def _describe_token(token: Token) -> CreatedToken:
    secret = token.reveal()
    if isinstance(token, AccessToken):
        return CreatedToken(access_token=secret, persistent_token=None, expires_at=to_time(token.expires_at))
    return CreatedToken(access_token=None, persistent_token=secret, expires_at=None)


_MAKE_ANOTHER: Final = "nai access-token --persistent --overwrite"
_PERHAPS_MADE: Final = f"A persistent token may be made, and cannot be shown any more: {_MAKE_ANOTHER} makes another."
_NEEDS_YES: Final = "this makes the older persistent token stop working everywhere; give --yes to confirm"
_NO_ARGUMENT: Final = (
    "give only the e-mail as an argument, since other users can see a password there; run `nai login`, set NAI_PASSWORD, or "
    "type the password at the prompt"
)


def _check_arguments(context: typer.Context, account: AccountOptions) -> Credentials:
    if context.args:
        raise InvalidRequestError(_NO_ARGUMENT)
    return account.get_credentials()


def _create_token(login: Credentials, persistent: bool, overwrite: bool) -> Steps[Never, Token]:
    token = yield from accounts.login(login.email, login.password)
    if not persistent:
        return token
    return (yield from accounts.create_persistent_token(overwrite=overwrite).with_options(token=token))
