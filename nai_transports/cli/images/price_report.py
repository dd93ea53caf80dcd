"""What making a picture costs, for everybody and with Opus: what ``--price`` prints instead of making it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto.image import Allowance, Price
from nai_proto.image.price import NOTHING_FREE

from ..common.cost_confirmation import PRICE_PANEL
from ..common.output import print_facts, print_sentence

__all__ = ["PriceOnly", "describe_price", "print_price"]

PriceOnly: TypeAlias = Annotated[
    bool, typer.Option("--price", help="Only print what it costs. Needs no account.", rich_help_panel=PRICE_PANEL)
]

_WITH_OPUS: Final = Allowance(opus=True, v5=True)


def describe_price(price: Callable[[Allowance], Price]) -> dict[str, object]:
    """Return the price without asking an account: in full, with Opus, and in words.

    Args:
        price: returns the price for what is free for an account.
    """
    full, opus = price(NOTHING_FREE), price(_WITH_OPUS)
    is_single = [item.count for item in opus.items] == [1]
    return {
        "anlas": full.anlas,
        "anlas_with_opus": opus.anlas,
        "price": str(opus) if is_single or full.anlas == opus.anlas else f"{full}; {opus.anlas:,} with Opus",
    }


def print_price(facts: dict[str, object], as_json: bool) -> None:
    """Print the facts of `describe_price`, and with ``--json`` whatever else they have."""
    if as_json:
        print_facts(facts, as_json)
    else:
        print_sentence(str(facts["price"]))
