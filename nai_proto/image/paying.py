"""What a request costs, read from what is sent, and a question to the account before it is.

All that costs takes ``max_anlas`` and ``allowance``: if it costs more than the first, with what the second says is free, it
is refused before anything is sent. Without an allowance nothing is free, which is the dearest reading. The arithmetic, and
which rule holds where sources disagree, is in `price`.

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
from .price import ALLOWANCE, NOTHING_FREE, Action, Allowance, Price, check_price, generation_price

__all__ = ["affordable", "guard", "parameters_price"]

E = TypeVar("E")
R = TypeVar("R")
P = ParamSpec("P")

_ENHANCED: Final = (2048, 1536)
"""What Max enhance is priced as: it draws "close to" this many pixels, and how many it charges for is stated nowhere."""


@flow
@takes(ask=FUNCTION, max_anlas=INTEGER | None)
def affordable(ask: Callable[P, Runnable[E, R]], /, *args: P.args, **options: P.kwargs) -> Steps[E, R]:
    """Asks the account first: what is free there is free here, and nothing is sent that its Anlas do not suffice for.

    ::

        images = client.run(affordable(generate, "a cat", max_anlas=0))  # only if it is free

    Args:
        ask: what costs: `generate`, `generate_stream`, `generate_cached`, `augment`, `upscale`, `encode_vibe`.
        args: for it.
        options: for it; ``max_anlas`` is the account's balance if not given, and never more.

    Raises:
        InvalidRequestError: it would cost more than ``max_anlas``, or than there is; and what ``ask`` raises.
    """
    account = yield from get_subscription()
    told: dict[str, Any] = {**options}
    wanted = told.get("max_anlas")
    told["max_anlas"] = account.anlas if wanted is None else min(wanted, account.anlas)
    told["allowance"] = Allowance.of(account)
    return (yield from cast("Callable[..., Runnable[E, R]]", ask)(*args, **told))


def guard(price: Callable[[], Price], max_anlas: int | None) -> None:
    """Does nothing if the price is not above what one is willing to pay, or if that is None.

    Raises:
        InvalidRequestError: it is, or is not known.
    """
    if max_anlas is not None:
        check_price(price(), max_anlas)


@takes(model=IMAGE_MODEL, action=TEXT, parameters=MAPPING, allowance=ALLOWANCE)
def parameters_price(
    model: ImageModel | str, action: Action, parameters: Mapping[str, object], allowance: Allowance = NOTHING_FREE
) -> Price:
    """The price of a generation by its parameters, as they are on the wire. Vibes in it are encoded, and that is paid for.

    Max enhance is priced as the largest picture there is: what it costs is stated nowhere.

    Args:
        model: its id.
        action: as it stands on the wire.
        parameters: what is missing has the value that the service gives it.
        allowance: what is free for the account.

    Raises:
        InvalidRequestError: what `generation_price` raises, or something is no number that should be one.
    """
    width, height = (_whole(parameters, name) for name in ("width", "height"))
    if parameters.get("upscaled_enhance"):
        width, height = _ENHANCED
    return generation_price(
        model,
        width,
        height,
        steps=_whole(parameters, "steps"),
        n_samples=_whole(parameters, "n_samples", 1),
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


def _whole(parameters: Mapping[str, object], name: str, default: int | None = None) -> int:
    value = _number(parameters, name, default)
    if value == value // 1:
        return int(value)
    raise InvalidRequestError(f"{name} is {value!r}, and without a whole number there is no price", parameter=name)


def _count(parameters: Mapping[str, object], name: str) -> int:
    value = parameters.get(name) or ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise type_error(value, f"{name} in parameters", "a list", parameter="parameters")
    return len(cast("Sequence[object]", value))
