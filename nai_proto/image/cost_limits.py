"""Limits on what a request may cost: by its parameters, and by what the account has.

Every operation that costs takes ``max_anlas`` and ``allowance``: if it costs more than the first, given what is free by the
second, it is refused before anything is sent. Without an allowance nothing counts as free. The arithmetic is in `price`.

See docs/protocol/image.md#9-anlas-price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, ParamSpec, TypeVar, cast

from ..account.info import get_subscription
from ..arguments import FUNCTION, INTEGER, MAPPING, TEXT, takes, type_error
from ..errors import InvalidRequestError
from ..exchange.actions import Runnable, Steps
from ..exchange.flow import flow
from .models import IMAGE_MODEL, ImageModel
from .price import ALLOWANCE, NOTHING_FREE, Action, Allowance, Price, check_price, generation_price, price_error

__all__ = ["check_max_anlas", "parameters_price", "request_if_affordable"]

E = TypeVar("E")
R = TypeVar("R")
P = ParamSpec("P")

_ENHANCED_SIZE: Final = (2048, 1536)
"""The size that Max enhance is priced as: it draws "close to" this many pixels, and its price is stated nowhere."""


@flow
@takes(ask=FUNCTION, max_anlas=INTEGER | None)
def request_if_affordable(ask: Callable[P, Runnable[E, R]], /, *args: P.args, **options: P.kwargs) -> Steps[E, R]:
    """Get the account's allowance and balance, then send a request only if they suffice.

    ::

        images = client.run(request_if_affordable(generate, "a cat", max_anlas=0))  # only if it is free

    Args:
        ask: the function that makes the request: `generate`, `generate_stream`, `generate_cached`, `augment`, `upscale` or
            `encode_vibe`.
        args: its arguments.
        options: its keyword arguments; ``max_anlas`` is the account's balance if not given, and never more.

    Raises:
        InvalidRequestError: it would cost more than ``max_anlas``, or than there is; and what ``ask`` raises.
    """
    account = yield from get_subscription()
    limited: dict[str, Any] = {**options}
    wanted = limited.get("max_anlas")
    limited["max_anlas"] = account.anlas if wanted is None else min(wanted, account.anlas)
    limited["allowance"] = Allowance.of(account)
    try:
        return (yield from cast("Callable[..., Runnable[E, R]]", ask)(*args, **limited))
    except InvalidRequestError as error:
        if error.parameter != "max_anlas" or limited["max_anlas"] == wanted:
            raise
        problem = f"the account has {account.anlas:,} Anlas: {error.plain_message}"
    raise InvalidRequestError(problem, parameter="max_anlas")


def check_max_anlas(
    price: Callable[[Allowance], Price], max_anlas: int | None, allowance: Allowance = NOTHING_FREE
) -> None:
    """Raise if the price for an account with this allowance is above ``max_anlas``; None is any price.

    Raises:
        InvalidRequestError: the price is higher, or not known.
    """
    if max_anlas is None:
        return
    due = price(allowance)
    is_given = allowance is not NOTHING_FREE  # an account for which nothing is free has an equal one
    if due.anlas > max_anlas and not is_given and (least := price(_ALL_FREE).anlas) < due.anlas:
        raise price_error(due, max_anlas, f"with Opus it can cost {least:,}: {_ASK_ACCOUNT}")
    check_price(due, max_anlas)


_ALL_FREE: Final = Allowance(opus=True, v5=True)
_ASK_ACCOUNT: Final = (
    "nai.image.request_if_affordable asks what is free for the account, or give "
    "allowance=nai.image.Allowance.of(subscription)"
)


@takes(model=IMAGE_MODEL, action=TEXT, parameters=MAPPING, allowance=ALLOWANCE)
def parameters_price(
    model: ImageModel | str, action: Action, parameters: Mapping[str, object], allowance: Allowance = NOTHING_FREE
) -> Price:
    """Return the price of a generation by its parameters, as they are on the wire; its vibes are encoded already.

    Max enhance is priced as the largest image: its price is stated nowhere.

    Args:
        model: its id.
        action: as it is on the wire.
        parameters: what is missing has the value that the service gives it.
        allowance: what is free for the account.

    Raises:
        InvalidRequestError: what `generation_price` raises, or something is no number that should be one.
    """
    width, height = (_integer(parameters, name) for name in ("width", "height"))
    if parameters.get("upscaled_enhance"):
        width, height = _ENHANCED_SIZE
    return generation_price(
        model,
        width,
        height,
        steps=_integer(parameters, "steps"),
        n_samples=_integer(parameters, "n_samples", 1),
        action=action,
        strength=_number(parameters, "strength", 0.7),
        inpaint_strength=_number(parameters, "inpaintImg2ImgStrength", 1),
        sampler=str(parameters.get("sampler", "k_euler_ancestral")),
        sm=bool(parameters.get("sm")),
        sm_dyn=bool(parameters.get("sm_dyn")),
        vibes=_count(parameters, "reference_image_multiple"),
        references=_count(parameters, "director_reference_images"),
        allowance=allowance,
    )


def _number(parameters: Mapping[str, object], name: str, default: float | None = None) -> float:
    value = parameters.get(name, default)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise InvalidRequestError(f"without a number for {name} there is no price", parameter=name)


def _integer(parameters: Mapping[str, object], name: str, default: int | None = None) -> int:
    value = _number(parameters, name, default)
    if value == value // 1:
        return int(value)
    raise InvalidRequestError(f"{name} is {value!r}, and without a whole number there is no price", parameter=name)


def _count(parameters: Mapping[str, object], name: str) -> int:
    value = parameters.get(name) or ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise type_error(value, f"{name} in parameters", "a list", parameter="parameters")
    return len(cast("Sequence[object]", value))
