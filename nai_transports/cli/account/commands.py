"""``nai account`` and ``nai subscription``: show the account, and change it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, Never

import typer

from nai_proto import account as accounts
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.actions import Steps
from nai_proto.secret import Password

from ..common.account_options import AccountOptions
from ..common.command import CommandGroup, Group
from ..common.finished_work import note_interruption, record_done
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, describe_response, print_facts, print_sentence
from ..common.prompts import ask, ask_secret
from ..common.stored_logins import forget_login, replace_login
from .plain_facts import print_account_facts

__all__ = ["account", "subscription"]


class _ShowByDefault(Group):
    """``nai account --json`` is ``nai account show --json``."""

    default = "show"


account = CommandGroup(cls=_ShowByDefault, help="Show or change the account. Default: `show`.")


# ---- show


@account.command("show")
def show_account(*, account: AccountOptions, as_json: Json = False) -> None:
    """Show the account's tier, age, verification and remaining trial."""
    with account.log_in() as client:
        facts = client.run(_read_account())
    print_account_facts(facts, as_json)


_OF_TIER: Final = ("tier", "active", "expires_at")
"""What both commands show first."""


def _read_account() -> Steps[Never, dict[str, object]]:
    paid = yield from accounts.get_subscription()
    known = yield from accounts.get_information()
    paying = describe_response(paid)
    return {
        **{name: paying[name] for name in _OF_TIER},
        "anlas": paid.anlas,
        **describe_response(known),
    }


def subscription(*, account: AccountOptions, as_json: Json = False) -> None:
    """Show the tier, its end, the Anlas, and what the tier includes."""
    with account.log_in() as client:
        paid = client.run(accounts.get_subscription())
    steps = paid.training_steps_left
    anlas = {"total": paid.anlas, "fixed": steps.fixed_training_steps_left, "purchased": steps.purchased_training_steps}
    facts = describe_response(paid)
    del facts["training_steps_left"]  # the service's older name for Anlas
    print_account_facts({**{name: facts[name] for name in _OF_TIER}, "anlas": anlas, **facts}, as_json)


@account.command()
def priority(*, account: AccountOptions, as_json: Json = False) -> None:
    """Show the account's priority. The service ignores it today."""
    with account.log_in() as client:
        answer = client.run(accounts.get_priority())
    print_account_facts(describe_response(answer), as_json)


@account.command()
def settings(*, account: AccountOptions, as_json: Json = False) -> None:
    """Print the website's settings as stored, usually JSON. Does not work with a persistent token."""
    with account.log_in(persistent=False) as client:
        stored = client.run(accounts.get_client_settings())
    if as_json:
        print_json({"settings": stored})
    elif stored:
        typer.echo(stored)
    else:
        print_remark("the account has none; the website stores them when they are changed there")


@account.command("gift-keys")
def gift_keys(*, account: AccountOptions, as_json: Json = False) -> None:
    """Print the gift keys that the account bought. Does not work with a persistent token."""
    with account.log_in(persistent=False) as client:
        keys = client.run(accounts.get_gift_keys())
    print_facts({"gift_keys": keys}, as_json)


# ---- change


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What a command has changed."""

    email: str | None
    "Of the account; None if the token of an e-mail says which it is."
    done: str
    "``password_changed``, ``email_sent``, ``email_verified`` or ``account_deleted``."


@account.command("change-password")
def change_password(*, account: AccountOptions, as_json: Json = False) -> None:
    """Change the password, and encrypt the keystore with the new one, so that all stories still open.

    Asks for the new password. If the command fails midway, run it again with the same two passwords; it continues where it
    stopped.
    """
    login = account.get_credentials()
    new = Password(ask_secret("New password", _NO_NEW_PASSWORD, twice=True))
    note = "The password may be changed: run the command again with the same two passwords."
    with account.open_client() as client, note_interruption(note):
        client.run(accounts.change_password(login.email, login.password, new))
    record_done("the password is changed")
    if not as_json:
        print_sentence("The password is changed, and the keystore encrypted with it.")
    sources = account.build_sources()
    kept = sources.stored
    if kept is not None and isinstance(kept.secret, Password) and kept.is_for(login.email):
        replace_login(sources.place, replace(kept, secret=new, last_token=None))
    if as_json:
        print_json(AccountChange(login.email, "password_changed"))


@account.command()
def verify(
    token: Annotated[
        str | None, typer.Argument(help="Token from the e-mail. Without it, send the e-mail again.", show_default=False)
    ] = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Verify the e-mail with the token that was sent to it, or have the token sent again."""
    email = account.get_email() if token is None else None
    with account.open_client() as client:
        if email is not None:
            client.run(accounts.resend_verification(email))
        elif token is not None:
            client.run(accounts.verify_email(token))
    record_done("the e-mail was sent" if token is None else "the e-mail is verified")
    if as_json:
        print_json(AccountChange(email, "email_sent" if token is None else "email_verified"))
    else:
        print_sentence("The e-mail was sent." if token is None else "The e-mail is verified.")


@account.command()
def delete(
    *,
    account: AccountOptions,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the account and everything it stores, at once and for ever. Asks for the account's e-mail to confirm.

    Always logs in, since NAI_TOKEN may belong to another account.
    """
    sources = account.build_sources()
    login = sources.find_credentials()
    with account.open_client() as client:
        token = client.run(accounts.login(login.email, login.password))
        if (
            not yes
            and ask("This deletes all stories for ever. To confirm, type the account's e-mail", _NEEDS_YES)
            != login.email
        ):
            raise InvalidRequestError("that is not the account's e-mail; nothing was deleted")
        with note_interruption("The account may be deleted: nai account show fails if it is."):
            client.run(accounts.delete_account().with_options(token=token))
    record_done("the account is deleted")
    if not as_json:
        print_sentence("The account is deleted.")
    if sources.stored is not None and sources.stored.is_for(login.email):
        forget_login(sources.place)
    if as_json:
        print_json(AccountChange(login.email, "account_deleted"))


_NO_NEW_PASSWORD: Final = "no terminal to ask for the new password at: run this command at one"
_NEEDS_YES: Final = "this deletes all stories for ever; give --yes to confirm"
