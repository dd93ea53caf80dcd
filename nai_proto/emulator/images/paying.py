"""What pictures cost an account, and that it pays only for those that it gets.

See:
    docs/protocol/image.md#9-anlas-price
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from typing import Final

from ...image.price import Allowance, Price
from ...tier import Tier
from ..accounts import Account
from ..answers import Refused

__all__ = ["afford", "allowance", "pay"]

_SAMPLES_OF_A_PERCENT: Final = 17.3
"""One client's estimate.

See docs/protocol/image.md#210-account-data-that-image-clients-need.
"""


def allowance(account: Account) -> Allowance:
    """What is free for it now."""
    opus = account.tier is Tier.OPUS
    return Allowance(opus=opus, v5=opus and account.profile.v5_percent > 0)


def afford(account: Account, price: Price) -> None:
    """Can it pay that? To be asked before anything is drawn.

    Raises:
        Refused: 402.
    """
    if price.anlas > account.profile.anlas + account.profile.bought_anlas:
        raise Refused(402, "Not enough Anlas")


def pay(account: Account, price: Price, *, v5: bool = False) -> None:
    """It pays, when nothing can be refused any more.

    See docs/protocol/image.md#210-account-data-that-image-clients-need.

    Args:
        account: whose Anlas.
        price: of all.
        v5: is it for pictures of V5, whose free samples are counted?

    Raises:
        Refused: 402, it has paid for something else meanwhile.
    """
    account.charge(price.anlas)
    free = sum(item.free for item in price.items)
    if v5 and free:
        account.profile.v5_percent -= free / _SAMPLES_OF_A_PERCENT
