"""Prices of requests in Anlas, before they are sent.

The arithmetic is IEEE double in the order that the website computes in, `ceil` included: that reproduces every number
that the clients agree on, and every charge that was seen. Where they do not agree, the rule here is:

* V5 costs half as much again; two clients leave that out, and the charges that were seen have it.
* Inpainting is scaled by ``inpaintImg2ImgStrength``; clients without it, or with ``strength``, contradict the website.
* One sample of a request is free, not the request, and vibes and references stay due. (The website *shows* no free sample
  next to a precise reference; it was charged as if there were one.)
* Below 65,536 pixels V3 and later are priced as they are. Some clients count 65,536; it shows above some 28 steps only.
* V1's free sample goes up to 1,048,576 pixels, as everybody else's. One client stops at 640×640.
* No factor for ``uncond_scale`` or ``uc_scale``: one client each has one.
* An upscale costs what the current route takes. The old one, with its own table and free uses, is gone.

There is no function for `annotate-image`, since its price is stated nowhere. A mask does not count: the request's width and
height are those that the website has cropped and scaled for it.

See docs/protocol/image.md#9-anlas-price.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, exp, floor, sqrt
from typing import Final, Literal, TypeAlias

from ..account.info import Subscription
from ..arguments import FLAG, INTEGER, NUMBER, TEXT, ArgumentType, convert_fields, list_of, record, takes
from ..errors import InvalidRequestError, excerpt
from ..tier import Tier
from .families import Generation
from .models import IMAGE_MODEL, ImageModel, find_generation

__all__ = [
    "ALLOWANCE",
    "NOTHING_FREE",
    "Action",
    "Allowance",
    "Price",
    "PriceItem",
    "check_price",
    "encoding_price",
    "generation_price",
    "price_error",
    "tool_price",
    "upscale_price",
]

Action: TypeAlias = Literal["generate", "img2img", "infill"]

_AREA: Final = 2.951823174884865e-06
_AREA_STEP: Final = 5.753298233447344e-07
_SMALL: Final = 1_048_576
_SMALL_SIZE: Final = "1024×1024"
"Pixels: what Opus has for free, and the line between V1's formula and its tables."
_LARGEST: Final = 3_145_728
_FREE_STEPS: Final = 28
_MIN_ANLAS: Final = 2
_MAX_ANLAS: Final = 140

_FREE_VIBES: Final = 4
_VIBE: Final = 2
"For encoding one, and for using one beyond those that are free."
_REFERENCE: Final = 5

_TOOLS: Final = ("bg-removal", "lineart", "sketch", "colorize", "emotion", "declutter", "declutter-keep-bubbles")
_UPSCALES: Final = ((1_048_576, 1), (1_747_627, 2), (2_446_678, 3), (_LARGEST, 4))
"Up to how many pixels, and how many Anlas. Only the first row has been seen charged."

_NOUN: Final = re.compile(r"\b(image|vibe|reference|step)\b")
"What becomes a plural in the name of an item."

_BY_FORMULA: Final = frozenset(("plms", "ddim", "k_euler", "k_euler_ancestral", "k_lms"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is free for an account."""

    opus: bool = False
    "One sample of each small request: an active Opus subscription."
    v5: bool = False
    "Of V5 as well: its allowance is not used up."

    def __post_init__(self) -> None:
        convert_fields(self, opus=FLAG, v5=FLAG)

    @classmethod
    @takes(subscription=ArgumentType("a Subscription, as account.get_subscription returns it", Subscription))
    def of(cls, subscription: Subscription) -> Allowance:
        """Return the allowance of an account, by tier and ``active``; V5's only where some of it is left."""
        opus = subscription.active and subscription.tier is Tier.OPUS
        return cls(opus=opus, v5=opus and subscription.usage is not None and subscription.usage.is_negative is False)


NOTHING_FREE: Final = Allowance()
ALLOWANCE: Final = record(Allowance)
"""The type of a parameter that is an allowance."""


@dataclass(frozen=True, slots=True)
class PriceItem:
    """One line of a price."""

    what: str
    "One of what is paid for: ``image``, ``vibe beyond the first 4``, ``bg-removal`` …"
    count: int
    each: int
    "Price of one, in Anlas."
    free: int = 0
    "How many are free."
    why: str = ""
    "Why some are free, or why with Opus none is."

    @property
    def anlas(self) -> int:
        """Return the price of all of them, in Anlas."""
        return (self.count - self.free) * self.each

    @property
    def note(self) -> str:
        """Return what is free and why, to be put behind the price; an empty text if there is nothing to say."""
        if not self.free:
            return f" ({self.why})" if self.why else ""
        some = "" if self.free == self.count else f"{self.free} of them "
        return f", {some}free{' with ' if self.why else ''}{self.why}"

    def __str__(self) -> str:
        what = self.what if self.count == 1 else _NOUN.sub(r"\1s", self.what)
        return f"{self.count:,} {what} at {self.each:,}{self.note}"


@dataclass(frozen=True, slots=True)
class Price:
    """What a request costs, by items: ``str(price)`` is a line to show to people."""

    items: tuple[PriceItem, ...]

    def __post_init__(self) -> None:
        convert_fields(self, items=list_of(ArgumentType("an Item", PriceItem)))

    @property
    def anlas(self) -> int:
        """Return the price, in Anlas."""
        return sum(item.anlas for item in self.items)

    @property
    def is_free(self) -> bool:
        """Return whether it costs nothing."""
        return self.anlas == 0

    @property
    def why(self) -> str:
        """Return its items, as one line."""
        return "; ".join(map(str, self.items))

    @property
    def details(self) -> str:
        """Return what makes up the price, to be put behind the number of Anlas."""
        match self.items:
            case ():
                return ""
            case (PriceItem(count=1) as only,):
                return only.note
            case _:
                return f": {self.why}"

    def __str__(self) -> str:
        is_single = len(self.items) == 1 and self.items[0].count == 1  # then the price says what is free of it
        return f"{self.items[0].each if is_single else self.anlas:,} Anlas{self.details}"


@takes(price=ArgumentType("a Price", Price), max_anlas=INTEGER)
def check_price(price: Price, max_anlas: int) -> None:
    """Raise if a price is above ``max_anlas``.

    Args:
        price: of a request.
        max_anlas: the highest price, in Anlas.

    Raises:
        InvalidRequestError: the price is higher.
    """
    if price.anlas > max_anlas:
        raise price_error(price, max_anlas, f"to pay it, give max_anlas={price.anlas}")


def price_error(price: Price, max_anlas: int, advice: str) -> InvalidRequestError:
    """Return the error of a price that is above ``max_anlas``; ``advice`` as of `NaiError`."""
    return InvalidRequestError(
        f"this would cost {price.anlas:,} Anlas, more than the {max_anlas:,} allowed{price.details}",
        parameter="max_anlas",
        advice=advice,
    )


@takes(
    model=IMAGE_MODEL,
    width=INTEGER,
    height=INTEGER,
    steps=INTEGER,
    n_samples=INTEGER,
    action=TEXT,
    strength=NUMBER,
    inpaint_strength=NUMBER,
    sampler=TEXT,
    sm=FLAG,
    sm_dyn=FLAG,
    vibes=INTEGER | FLAG,
    new_vibes=INTEGER,
    references=INTEGER,
    allowance=ALLOWANCE,
)
def generation_price(
    model: ImageModel | str,
    width: int,
    height: int,
    *,
    steps: int,
    n_samples: int = 1,
    action: Action = "generate",
    strength: float = 0.7,
    inpaint_strength: float = 1,
    sampler: str = "k_euler_ancestral",
    sm: bool = False,
    sm_dyn: bool = False,
    vibes: int = 0,
    new_vibes: int = 0,
    references: int = 0,
    allowance: Allowance = NOTHING_FREE,
) -> Price:
    """Return the price of a generation, and of the vibes that have to be encoded for it.

    Args:
        model: as an object, or its id or name.
        width: in pixels, a multiple of 64.
        height: in pixels, a multiple of 64; with ``width`` at most 3,145,728 pixels.
        steps: 1 to 50.
        n_samples: how many images, 1 to 8.
        action: as it is on the wire.
        strength: of img2img, 0..1; else without effect.
        inpaint_strength: ``inpaintImg2ImgStrength`` of infill, 0..1; else without effect.
        sampler: decides the table of V1 and V2 only.
        sm: SMEA.
        sm_dyn: SMEA DYN; without ``sm`` it has no effect.
        vibes: how many the request has, 0 to 16. They cost nothing on V3, in infill, and next to references.
        new_vibes: how many of them have no encoding yet: each is a request of its own.
        references: how many precise references, 0 to 16; V4.5 only.
        allowance: what is free for the account.

    Raises:
        InvalidRequestError: the model is not known, the service would refuse the request for its size, its price of more
            than 140 Anlas for an image, or its vibes or references, or a number is out of range.
    """
    model = model.id if isinstance(model, ImageModel) else model
    generation, pixels = find_generation(model), width * height
    _check_numbers(width, height, steps, n_samples)
    _check_features(model, generation, vibes, new_vibes, references)
    scale = {"img2img": strength, "infill": inpaint_strength}.get(action, 1)
    if not 0 <= scale <= 1:
        raise InvalidRequestError(f"a strength of {scale!r:.20}, where 0 to 1 is possible", parameter="strength")
    if generation in (Generation.V1, Generation.V2):
        one = _early_price(width, height, steps, sampler, sm, sm_dyn)
    elif generation is Generation.V5:
        one = _base_price(pixels, steps) * 1.5
    else:
        one = _base_price(pixels, steps) * (1 if not sm else 1.4 if sm_dyn else 1.2)
    each = max(ceil(one * scale), _MIN_ANLAS)
    if each > _MAX_ANLAS:
        raise InvalidRequestError(
            f"one image would cost {each} Anlas; the service makes none for more than {_MAX_ANLAS}", parameter="steps"
        )
    free, why = _free_samples(generation, pixels, steps, allowance)
    items = [PriceItem("image", n_samples, each, free, why)]
    if generation is not Generation.V3 and action != "infill" and not references:
        items += [PriceItem("vibe to encode", new_vibes, _VIBE)] if new_vibes else []
        items += (
            [PriceItem(f"vibe beyond the first {_FREE_VIBES}", vibes - _FREE_VIBES, _VIBE)]
            if vibes > _FREE_VIBES
            else []
        )
    if references:
        items.append(PriceItem("precise reference", references * n_samples, _REFERENCE))
    return Price(tuple(items))


@takes(count=INTEGER)
def encoding_price(count: int = 1) -> Price:
    """Return the price of encoding vibes, one request each; a vibe that is encoded already is free to use again.

    Args:
        count: how many vibes.

    Raises:
        InvalidRequestError: the number is negative.
    """
    _check_range("vibes", count, 0)
    return Price((PriceItem("vibe to encode", count, _VIBE),))


@takes(tool=TEXT, width=INTEGER, height=INTEGER, allowance=ALLOWANCE)
def tool_price(tool: str, width: int, height: int, *, allowance: Allowance = NOTHING_FREE) -> Price:
    """Return the price of a director tool: that of V3 at 28 steps, for the image scaled to one to three megapixels.

    Args:
        tool: its name (``req_type``).
        width: of the image that is sent, in pixels.
        height: of the image that is sent, in pixels.
        allowance: what is free for the account.

    Raises:
        InvalidRequestError: the tool is not known, or the image has no size, or so little of a side that nothing is left
            of it when it is scaled.
    """
    if tool not in _TOOLS:
        raise InvalidRequestError(
            f"the director tool {excerpt(tool, 60)!r} is not known; known are {', '.join(_TOOLS)}", parameter="tool"
        )
    _check_range("width", width, 1)
    _check_range("height", height, 1)
    pixels = width * height
    scale = sqrt(min(max(pixels, _SMALL), _LARGEST) / pixels)
    billed = floor(width * scale) * floor(height * scale)
    if not billed:
        raise InvalidRequestError(
            f"the price of {tool} for an image of {width}×{height} pixels is not known", parameter="width"
        )
    each = _base_price(billed, _FREE_STEPS)
    if tool == "bg-removal":
        return Price((PriceItem(tool, 1, 3 * each + 5, 0, "never free" if allowance.opus else ""),))
    free, why = _free_samples(Generation.V3, billed, _FREE_STEPS, allowance)
    return Price((PriceItem(tool, 1, each, free, why),))


@takes(width=INTEGER, height=INTEGER)
def upscale_price(width: int, height: int) -> Price:
    """Return the price of making an image twice as large; it is never free.

    Args:
        width: of the image that is sent, in pixels.
        height: of the image that is sent, in pixels.

    Raises:
        InvalidRequestError: the image has no size, or more than 3,145,728 pixels, which the service refuses.
    """
    _check_range("width", width, 1)
    _check_range("height", height, 1)
    for most, each in _UPSCALES:
        if width * height <= most:
            return Price((PriceItem("upscale", 1, each),))
    raise InvalidRequestError(
        f"the image has {width * height} pixels; the service upscales {_LARGEST} at most", parameter="width"
    )


def _base_price(pixels: int, steps: int) -> int:
    """Return the price of one image of V3, before all factors."""
    return ceil(_AREA * pixels + _AREA_STEP * pixels * steps)


def _early_price(width: int, height: int, steps: int, sampler: str, sm: bool, sm_dyn: bool) -> float:
    """Return the price of one image of V1 or V2. SMEA has no effect where the formula applies: two clients agree on that."""
    pixels = width * height
    if pixels <= _SMALL and sampler in _BY_FORMULA:
        # The website counts no fewer than 65,536 pixels; with fewer, either way, an image costs the least there is.
        return (15.266497014243718 * exp(pixels / _SMALL * 0.6326248927474729) - 15.225164493059737) / 28 * steps
    from .early_prices import find_row

    dyn, smea = (sm and sm_dyn) or sampler == "nai_smea_dyn", sm or sampler == "nai_smea"
    table = "smea_dyn" if dyn else "smea" if smea else "ddim" if sampler == "ddim" else "default"
    each_step, fixed = find_row(table, (width // 64) * (height // 64))
    return each_step * steps + fixed


def _free_samples(generation: Generation, pixels: int, steps: int, allowance: Allowance) -> tuple[int, str]:
    """Return how many samples of a request are free, and why, or why none with Opus."""
    if not allowance.opus:
        return 0, ""
    if pixels > _SMALL:
        return 0, f"more than the {_SMALL_SIZE} pixels that are free with Opus"
    if steps > _FREE_STEPS:
        return 0, f"more than Opus' {_FREE_STEPS} free steps"
    if generation is Generation.V5 and not allowance.v5:
        return 0, "none of Opus' free images of V5 is known to be left"
    return 1, "Opus"


def _check_numbers(width: int, height: int, steps: int, n_samples: int) -> None:
    """Check the numbers that a price needs, by docs/protocol/image.md#32-parameters-all-keys."""
    if width % 64 or height % 64 or min(width, height) < 64 or width * height > _LARGEST:
        raise InvalidRequestError(
            f"width and height are {width}×{height} pixels: they are multiples of 64, and together at most {_LARGEST}",
            parameter="width",
        )
    _check_range("steps", steps, 1, 50)
    _check_range("n_samples", n_samples, 1, 8)


def _check_features(model: str, generation: Generation, vibes: int, new_vibes: int, references: int) -> None:
    _check_range("vibes", vibes, 0, 16)
    _check_range("new_vibes", new_vibes, 0, vibes)
    _check_range("references", references, 0, 16)
    if vibes and generation not in (Generation.V3, Generation.V4, Generation.V4_5):
        raise InvalidRequestError(f"{model} takes no vibes", parameter="vibes")
    if references and generation is not Generation.V4_5:
        raise InvalidRequestError(f"{model} takes no precise references; only V4.5 does", parameter="references")


def _check_range(what: str, value: int, least: int, most: int | None = None) -> None:
    if value < least or (most is not None and value > most):
        allowed = f"{least} or more is" if most is None else f"{least} to {most} are"
        raise InvalidRequestError(f"{what} of {value}, where {allowed} possible", parameter=what)
