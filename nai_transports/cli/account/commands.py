"""``nai account`` and ``nai subscription``: what an account is and has, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Never

import typer
from typer.core import TyperGroup

from nai_proto import account as accounts
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.actions import Steps
from nai_proto.secret import Password

from ..common import system_keyring
from ..common.credentials import (
    Email,
    UnsafePassword,
    Url,
    build_session,
    get_credentials,
    get_email,
    open_client,
    sign_in,
)
from ..common.errors import exit_on_error
from ..common.output import Json, describe_response, print_facts
from ..common.prompts import ask, ask_secret

__all__ = ["account", "subscription"]


class _ShowByDefault(TyperGroup):
    """``nai account --json`` is ``nai account show --json``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # whose Context it is depends on typer's version
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


account = typer.Typer(
    cls=_ShowByDefault, help="What the account is, and changes of it; `show` if nothing else is said."
)


# ---- what it is and has


@account.command("show")
def show_account(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: Json = False
) -> None:
    """Show what the account pays for, since when there is one, whether its e-mail is verified, what is left of its trial."""
    with exit_on_error("account"), open_client(sign_in(url, email, unsafe_password)) as client:
        facts = client.run(_read_account())
    print_facts(facts, as_json)


def _read_account() -> Steps[Never, dict[str, object]]:
    paid = yield from accounts.get_subscription()
    known = yield from accounts.get_information()
    paying = {"tier": paid.tier.name.lower(), "active": paid.active, "expires_at": paid.expires_at, "anlas": paid.anlas}
    return {**paying, **describe_response(known)}


def subscription(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: Json = False
) -> None:
    """Show the tier, when it ends, the balance of Anlas, and the tier's perks."""
    with exit_on_error("subscription"), open_client(sign_in(url, email, unsafe_password)) as client:
        paid = client.run(accounts.get_subscription())
    steps = paid.training_steps_left
    anlas = {"total": paid.anlas, "fixed": steps.fixed_training_steps_left, "purchased": steps.purchased_training_steps}
    facts = describe_response(paid)
    del facts["training_steps_left"]  # the older name of the same
    print_facts({**facts, "anlas": anlas}, as_json)


@account.command()
def priority(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: Json = False
) -> None:
    """Show how soon generations are served: of old, and without effect today."""
    with exit_on_error("account priority"), open_client(sign_in(url, email, unsafe_password)) as client:
        answer = client.run(accounts.get_priority())
    print_facts(describe_response(answer), as_json)


@account.command()
def settings(email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None) -> None:
    """Print the website's settings as they are stored: most often JSON. A persistent token is not enough for it."""
    with (
        exit_on_error("account settings"),
        open_client(sign_in(url, email, unsafe_password, persistent=False)) as client,
    ):
        stored = client.run(accounts.get_client_settings())
    typer.echo(stored)


@account.command("gift-keys")
def gift_keys(
    email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None, as_json: Json = False
) -> None:
    """Print the gift keys that the account has bought. A persistent token is not enough for it."""
    with (
        exit_on_error("account gift-keys"),
        open_client(sign_in(url, email, unsafe_password, persistent=False)) as client,
    ):
        keys: Mapping[str, Any] = {"gift_keys": client.run(accounts.get_gift_keys())}
    print_facts(keys, as_json)


# ---- what changes it


@account.command("change-password")
def change_password(email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None) -> None:
    """Give the account another password, and seal its keystore with it, so that the stories still open.

    The present password comes from where it always does, the new one is asked for. If this fails on the way, run it again
    with the same two passwords: it finds out how far it came and goes on from there.
    """
    with exit_on_error("account change-password"):
        given = get_credentials(email, unsafe_password)
        new = Password(ask_secret("New password", _NO_NEW_PASSWORD, twice=True))
        with open_client(build_session(url)) as client:
            client.run(accounts.change_password(given.email, given.password, new))
        typer.echo("The password is changed, and the keystore sealed with it.")
        if system_keyring.recall(given.email) is not None:
            system_keyring.remember(given.email, new)


@account.command()
def verify(
    token: Annotated[
        str | None, typer.Argument(help="From the mail. Without it, the mail is sent again.", show_default=False)
    ] = None,
    email: Email = None,
    url: Url = None,
) -> None:
    """Say that the e-mail is the account's, with the token that was mailed to it; or have that mail sent again."""
    with exit_on_error("account verify"), open_client(build_session(url)) as client:
        if token is None:
            client.run(accounts.resend_verification(get_email(email)))
        else:
            client.run(accounts.verify_email(token))
    typer.echo("The mail is on its way." if token is None else "The e-mail is verified.")


@account.command()
def delete(
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the account and all that it has stored, at once and for ever. Its e-mail is to be typed to go on.

    This always logs in: NAI_TOKEN may be another account's.
    """
    with exit_on_error("account delete"):
        given = get_credentials(email, unsafe_password)
        with open_client(build_session(url)) as client:
            token = client.run(accounts.login(given.email, given.password))
            if (
                not yes
                and ask("All stories will be gone for ever. Type the account's e-mail", _NEEDS_YES) != given.email
            ):
                raise InvalidRequestError("that is not the account's e-mail: nothing is deleted")
            client.run(accounts.delete_account().with_options(token=token))
    typer.echo("The account is deleted.")


_NO_NEW_PASSWORD: Final = "the new password is asked for, and there is no terminal to ask at"
_NEEDS_YES: Final = "all stories would be gone for ever: --yes says that this is meant"


# ---- its password in the system's keyring


@account.command()
def remember(email: Email = None, unsafe_password: UnsafePassword = None, url: Url = None) -> None:
    """Keep the password in the system's keyring, for all commands, once a login with it has succeeded."""
    with exit_on_error("account remember"):
        given = get_credentials(email, unsafe_password, from_keyring=False)
        with open_client(build_session(url)) as client:
            client.run(accounts.login(given.email, given.password))
        system_keyring.remember(given.email, given.password)
    typer.echo("The system's keyring has the password.")


@account.command()
def forget(email: Email = None) -> None:
    """Take the password out of the system's keyring."""
    with exit_on_error("account forget"):
        gone = system_keyring.forget(get_email(email))
    typer.echo("The system's keyring has the password no longer." if gone else "The system's keyring had none.")
