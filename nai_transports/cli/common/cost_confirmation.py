"""Confirm what a command costs before it spends Anlas: check the account and the limit, and ask the person."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto import account as accounts
from nai_proto.account.info import Subscription
from nai_proto.errors import RemoteProtocolError, StreamError, TransportError
from nai_proto.image import Allowance, Price

from ...sync import Client
from .errors import OverLimit
from .notes import print_note
from .prompts import confirm

__all__ = ["PRICE_PANEL", "CostConfirmation", "MaxAnlas", "Yes"]

PRICE_PANEL: Final = "Price"
"""The heading of options about prices on a help page."""

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Spend Anlas without asking.", rich_help_panel=PRICE_PANEL)]
MaxAnlas: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Fail if the price is higher; 0 allows only what is free. Lower prices need confirmation or --yes.",
        show_default=False,
        rich_help_panel=PRICE_PANEL,
    ),
]

_NO_TERMINAL: Final = "and there is no terminal to ask at; give --yes to confirm"


class CostConfirmation:
    """Decides whether a command may spend an account's Anlas.

    Args:
        client: the client of the account.
        yes: has the person agreed to any price?
        max_anlas: the highest price; None for all that the account has.
        cheaper: what costs less, such as ``"a smaller image"``; empty if nothing does.
    """

    def __init__(self, client: Client, *, yes: bool, max_anlas: int | None, cheaper: str = "") -> None:
        self._account: Subscription = client.run(accounts.get_subscription())
        self._yes = yes
        self._max_anlas = max_anlas
        self._cheaper = f"; {cheaper} can cost less" if cheaper else ""
        self._price = Price(())
        self.allowance: Final = Allowance.of(self._account)

    def confirm(self, price: Price) -> None:
        """Return if the price is zero or agreed to; else end the command before anything is spent.

        Raises:
            OverLimit: the price is above the limit, or above the account's Anlas.
            InvalidRequestError: there is no terminal to ask at.
            typer.Abort: the person did not agree.
        """
        if self._max_anlas is not None and price.anlas > self._max_anlas:
            raise OverLimit(
                f"this costs {price}, which is more than --max-anlas {self._max_anlas}: to pay it, give --max-anlas "
                f"{price.anlas}{self._cheaper}",
                parameter="max_anlas",
            )
        if price.anlas > self._account.anlas:
            advice = self._cheaper if self._account.anlas else "; nai subscription shows when it gets more"
            raise OverLimit(f"this costs {price}, and the account has {self._account.anlas:,}{advice}")
        if not price.is_free and not self._yes:
            question = f"This costs {price}. The account has {self._account.anlas:,}. Continue?"
            confirm(question, f"this costs {price}, {_NO_TERMINAL}")
        self._price = price

    @contextmanager
    def paying(self) -> Generator[None, None, None]:
        """Let Ctrl-C or a lost response in the block, which sends the request, say that it may have been paid for."""
        try:
            yield
        except (KeyboardInterrupt, TransportError, RemoteProtocolError, StreamError) as error:
            if not self._price.is_free and getattr(error, "sent", True):
                error.add_note(
                    f"This may have cost {self._price.anlas:,} Anlas: nai subscription shows how many are left"
                )
            raise

    def print_paid(self) -> None:
        """Print what was paid of the price that was agreed to, and how many Anlas the account has now."""
        if self._price.is_free:
            print_note("free with Opus")
        else:
            print_note(f"paid: {self._price.anlas:,} Anlas, {self._account.anlas - self._price.anlas:,} left")
