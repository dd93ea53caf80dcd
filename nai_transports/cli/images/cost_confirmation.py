"""What a command asks before it pays: the account what is free for it, and the person whether it may cost something."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import typer

from nai_proto import account as accounts
from nai_proto.account.info import Subscription
from nai_proto.errors import InvalidRequestError
from nai_proto.image import Allowance, Price, check_price

from ...sync import Client
from ..common.prompts import confirm

__all__ = ["CostConfirmation", "MaxAnlas", "Yes"]

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Pay what it costs without asking.")]
MaxAnlas: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Refuse what costs more; 0 takes what is free alone. Up to that it is asked for, unless --yes.",
        show_default=False,
    ),
]

_NO_TERMINAL: Final = "and there is no terminal to ask at: --yes says that this is meant"


class CostConfirmation:
    """An account's Anlas, and how far a command may go into them.

    Args:
        client: whose account it is.
        yes: is it agreed to already?
        max_anlas: the most that anything may cost; None for what the account has.
    """

    def __init__(self, client: Client, *, yes: bool, max_anlas: int | None) -> None:
        self._account: Subscription = client.run(accounts.get_subscription())
        self._yes = yes
        self._max_anlas = max_anlas
        self.allowance: Final = Allowance.of(self._account)

    def confirm(self, price: Price) -> None:
        """Goes on if it is free, or if the price is agreed to; else ends the command, with nothing paid.

        Raises:
            InvalidRequestError: it costs more than it may or than there is; or nobody is there to be asked.
        """
        if self._max_anlas is not None:
            check_price(price, self._max_anlas)
        if price.anlas > self._account.anlas:
            raise InvalidRequestError(f"this costs {price}, and the account has {self._account.anlas}")
        if not price.free and not self._yes:
            question = f"This costs {price}. The account has {self._account.anlas}. Go on?"
            confirm(question, f"this costs {price}, {_NO_TERMINAL}")
