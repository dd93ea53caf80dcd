"""Prices of image requests, and their payment by an account.

A request is paid after its images are made, so that an account pays only for what it gets.

See:
    docs/protocol/image.md#9-anlas-price
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...errors import InvalidRequestError
from ...image.models import ImageModel
from ...image.parameter_rules import MAX_PIXELS
from ...image.price import Allowance, Price, PriceItem, generation_price, tool_price, upscale_price
from ...image.tools import DirectorTool
from ...tier import Tier
from ..accounts.account import Account
from ..errors import Refused
from .refusals import GenerationTask
from .request import validation_error

__all__ = [
    "account_allowance",
    "charge",
    "check_balance",
    "price_director_tool",
    "price_generation",
    "price_old_upscale",
    "price_upscale",
]

_SAMPLES_PER_PERCENT: Final = 17.3
"""Free V5 samples that use up one percent of the allowance: one client's estimate.

See docs/protocol/image.md#210-account-data-that-image-clients-need.
"""
_TRIAL: Final = "the trial"
_ALL_FREE: Final = Allowance(opus=True, v5=True)
_OLD_UPSCALE_PRICES: Final = ((262_144, 1), (409_600, 2), (524_288, 3), (786_432, 5), (1_048_576, 7))
"""Maximum pixels and price in Anlas of an upscale on the old host."""
_OLD_UPSCALE_FREE_PIXELS: Final = 409_600
"""Opus accounts upscaled up to this size for free on the old host."""


def account_allowance(account: Account, now: float) -> Allowance:
    """Return what is free for the account at this time, in seconds since 1970."""
    opus = account.tier is Tier.OPUS
    return Allowance(opus=opus, v5=opus and account.profile.v5_percent(now) > 0)


def check_balance(account: Account, price: Price) -> None:
    """Check that the account can pay the price. Call this before anything is drawn.

    Raises:
        Refused: 402, the account has too few Anlas.
    """
    left = account.profile.anlas + account.profile.bought_anlas
    if price.anlas > left:
        trial = f" A trial pays for small images only, and has {account.profile.trial_images} left." * _has_trial(
            account
        )
        reason = f"This costs {price}, and the account has {left} Anlas.{trial}"
        raise Refused(402, "Not enough Anlas", reason=reason)


def charge(account: Account, price: Price, now: float, *, v5: bool = False) -> None:
    """Charge the price to the account. Call this when nothing else can fail.

    See docs/protocol/image.md#210-account-data-that-image-clients-need.

    Args:
        account: The account that pays.
        price: The price of all images.
        now: UNIX time in seconds.
        v5: Whether the images are V5's, whose free samples are counted.

    Raises:
        Refused: 402, the account has paid for something else in the meantime and has too few Anlas left.
    """
    account.charge(price.anlas)
    free = sum(item.free for item in price.items)
    if any(item.why == _TRIAL for item in price.items):
        account.profile.trial_images = max(0, account.profile.trial_images - free)
    elif v5 and free:
        account.profile.spend_v5(free / _SAMPLES_PER_PERCENT, now)


def price_generation(task: GenerationTask, account: Account, now: float) -> Price:
    """Return the price of a generation for the account at this time, in seconds since 1970.

    A trial pays for all samples of a request that Opus has one of for free, as long as it has so many images left.

    Raises:
        Refused: 400, one image costs too much, or the request has too many of something.
    """
    price = _price_with(task, account_allowance(account, now))
    sample, *more = price.items
    is_small = bool(_price_with(task, _ALL_FREE).items[0].free)
    if _has_trial(account) and is_small and sample.count <= account.profile.trial_images:
        return Price((replace(sample, free=sample.count, why=_TRIAL), *more))
    return price


def _has_trial(account: Account) -> bool:
    return account.tier is Tier.PAPER and account.profile.trial


def _price_with(task: GenerationTask, allowance: Allowance) -> Price:
    """Return the price of a generation with this allowance. Raises what `price_generation` raises."""
    parameters, attachments = task.parameters, task.attachments
    model = task.model.base
    if model.facts.unsure:
        # No source has a price of its own for such a model (docs/protocol/image.md#9-anlas-price).
        model = ImageModel.V5_FULL
    try:
        return generation_price(
            model.id,
            parameters.width,
            parameters.height,
            steps=parameters.steps,
            n_samples=parameters.n_samples,
            action=task.action.value,
            strength=parameters.strength,
            inpaint_strength=parameters.inpaint_strength,
            sampler=parameters.sampler,
            sm=parameters.sm,
            sm_dyn=parameters.sm_dyn,
            vibes=len(attachments.vibes) or (attachments.vibe is not None),
            references=len(attachments.references),
            allowance=allowance,
        )
    except InvalidRequestError as error:
        problem = str(error)
    raise validation_error(problem)


def price_director_tool(tool: DirectorTool, width: int, height: int, allowance: Allowance) -> Price:
    """Return the price of a director tool for an image of this size in pixels.

    Raises:
        Refused: 400, the image is too large.
    """
    try:
        return tool_price(tool, width, height, allowance=allowance)
    except InvalidRequestError as error:
        raise validation_error(str(error)) from None


def price_upscale(width: int, height: int) -> Price:
    """Return the price of an upscale of an image of this size in pixels.

    Raises:
        Refused: 400, the image is too large.
    """
    _check_area(width * height, MAX_PIXELS)
    return upscale_price(width, height)


def price_old_upscale(width: int, height: int, account: Account) -> Price:
    """Return the price of an upscale on the old host, of an image of this size in pixels.

    Raises:
        Refused: 400, the image is too large.
    """
    pixels = width * height
    _check_area(pixels, _OLD_UPSCALE_PRICES[-1][0])
    anlas = next(anlas for max_pixels, anlas in _OLD_UPSCALE_PRICES if pixels <= max_pixels)
    is_free = account.tier is Tier.OPUS and pixels <= _OLD_UPSCALE_FREE_PIXELS
    return Price((PriceItem("upscale", 1, anlas, int(is_free)),))


def _check_area(pixels: int, maximum: int) -> None:
    if pixels > maximum:
        raise Refused(400, f"image is too large to upscale: {pixels} pixels, maximum is {maximum}")
