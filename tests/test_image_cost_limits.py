"""What one is willing to pay: above it nothing is sent.

See docs/protocol/image.md#9-anlas-price.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.actions import Runnable
from nai_proto.exchange.reply import App, Handler, Start, Write
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.image import (
    Allowance,
    EncodedVibe,
    Generation,
    ImageModel,
    ImageModelFacts,
    PreciseReference,
    UCPreset,
    Vibe,
    augment,
    build_image_request,
    encode_vibe,
    generate,
    generate_cached,
    generate_stream,
    generation_price,
    parameters_price,
    request_if_affordable,
    upscale,
)
from nai_transports import memory
from tests.cases import for_each
from tests.image_support import PNG, png
from tests.support import reading

OPUS = Allowance(opus=True, v5=True)
V45 = ImageModel.V4_5_FULL
SOURCE = png(832, 1216)
MASK = png(104, 152)
SECRET = bytes(32)
VIBE = EncodedVibe(b"vibe", key="v4-5full")
CANVAS = PreciseReference(png(1024, 1536))


def cached(prompt: str, **options: Any) -> Runnable[Any, Any]:
    return generate_cached(prompt, SECRET, **options)


def drawn(ask: Callable[..., Runnable[Any, Any]]) -> Callable[..., None]:
    """Has a request made, and nothing of it sent."""

    def made(*args: Any, **options: Any) -> None:
        next(iter(ask(*args, **options)))

    return made


@for_each("ask", [generate, generate_stream, cached], ids=["whole", "stream", "cached"])
def test_a_generation_that_costs_more_is_refused_and_one_that_costs_as_much_is_not(ask: Any) -> None:
    make = drawn(ask)
    make("a cat", model=V45, steps=28, seed=1, max_anlas=20)
    make("a cat", model=V45, steps=28, seed=1, max_anlas=0, allowance=OPUS)
    make("a cat", model=V45, steps=28, seed=1, max_anlas=None)
    with pytest.raises(InvalidRequestError, match=r"this would cost 20 Anlas, more than the 19 allowed;"):
        make("a cat", model=V45, steps=28, seed=1, max_anlas=19)
    with pytest.raises(InvalidRequestError, match="more than Opus' 28 free steps"):
        make("a cat", model=V45, steps=29, seed=1, max_anlas=0, allowance=OPUS)


ASK_ACCOUNT = (
    "with Opus it can cost 0: nai.image.request_if_affordable asks what is free for the account, or give "
    "allowance=nai.image.Allowance.of(subscription)"
)


@for_each(
    "make, advice",
    [
        (lambda most: generate("a cat", model=V45, seed=1, max_anlas=most), ASK_ACCOUNT),
        (lambda most: augment(SOURCE, "lineart", max_anlas=most), ASK_ACCOUNT),
        (
            lambda most: augment(SOURCE, "lineart", max_anlas=most, allowance=Allowance()),
            "to pay it, give max_anlas=20",
        ),
        (lambda most: augment(SOURCE, "bg-removal", max_anlas=most), "to pay it, give max_anlas=65"),
        (lambda most: upscale(SOURCE, max_anlas=most), "to pay it, give max_anlas=1"),
        (lambda most: encode_vibe(SOURCE, V45, max_anlas=most), "to pay it, give max_anlas=2"),
    ],
    ids=["generate", "a tool", "a tool, for a known account", "a tool that is never free", "upscale", "a vibe"],
)
def test_what_is_too_expensive_says_how_to_learn_what_is_free_where_something_can_be(
    make: Callable[[int], object], advice: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make(0)
    assert caught.value.advice == advice


TOOLS: dict[str, tuple[int, Callable[[int | None], object]]] = {
    "augment": (20, lambda most: augment(SOURCE, "lineart", max_anlas=most)),
    "augment-background": (65, lambda most: augment(SOURCE, "bg-removal", max_anlas=most, allowance=OPUS)),
    "augment-for-opus": (0, lambda most: augment(SOURCE, "sketch", max_anlas=most, allowance=OPUS)),
    "augment-by-size": (60, lambda most: augment(b"\xff\xd8", "lineart", size=(2048, 2048), max_anlas=most)),
    "upscale": (1, lambda most: upscale(SOURCE, max_anlas=most, allowance=OPUS)),
    "upscale-by-size": (4, lambda most: upscale(b"\xff\xd8", size=(2048, 1536), max_anlas=most)),
    "encode": (2, lambda most: encode_vibe(SOURCE, V45, max_anlas=most, allowance=OPUS)),
}


@for_each("price, make", TOOLS.values(), ids=list(TOOLS))
def test_a_tool_that_costs_more_is_refused_and_one_that_costs_as_much_is_not(
    price: int, make: Callable[[int | None], object]
) -> None:
    make(price)
    make(None)
    with pytest.raises(InvalidRequestError, match=f"this would cost {price} Anlas, more than the {price - 1} allowed"):
        make(price - 1)


def test_without_a_size_there_is_no_price_and_so_nothing_is_sent() -> None:
    upscale(b"\xff\xd8")
    with pytest.raises(InvalidRequestError, match="the size of the image is not known; give it"):
        upscale(b"\xff\xd8", max_anlas=100)


# ---- the price of a request


CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "plain": (20, {"model": V45, "steps": 28}),
    "V5": (30, {"model": "V5 Full", "steps": 28}),
    "four": (80, {"model": V45, "steps": 28, "n_samples": 4}),
    "SMEA": (24, {"model": "Anime V3", "steps": 28, "sm": True}),
    "SMEA DYN": (28, {"model": "Anime V3", "steps": 28, "sm": True, "sm_dyn": True}),
    "from an image": (14, {"model": V45, "steps": 28, "image": SOURCE}),
    "a little from an image": (10, {"model": V45, "steps": 28, "image": SOURCE, "strength": 0.5}),
    "within": (20, {"model": V45, "steps": 28, "image": SOURCE, "mask": MASK}),
    "a little within": (
        15,
        {"model": V45, "steps": 28, "image": SOURCE, "mask": MASK, "inpaint_img2img_strength": 0.75},
    ),
    "within, by another model": (20, {"model": "V5 Curated", "steps": 28, "image": SOURCE, "mask": MASK}),
    "four vibes": (20, {"model": V45, "steps": 28, "vibes": [VIBE] * 4}),
    "six vibes": (24, {"model": V45, "steps": 28, "vibes": [VIBE] * 6}),
    "six raw vibes": (20, {"model": "Anime V3", "steps": 28, "vibes": [Vibe(PNG)] * 6}),
    "a reference": (25, {"model": V45, "steps": 28, "references": [CANVAS]}),
    "two references for each": (90, {"model": V45, "steps": 28, "n_samples": 3, "references": [CANVAS] * 2}),
    "V2": (13, {"model": "Anime V2", "steps": 28}),
    "V2, a table": (28, {"model": "Anime V2", "steps": 28, "width": 1024, "height": 1536, "sm": True}),
    "enhanced to the utmost": (56, {"model": "V5 Full", "image": SOURCE, "upscaled_enhance": True, "steps": 24}),
}


@for_each("anlas, options", CASES.values())
def test_a_request_costs_what_its_parts_do(anlas: int, options: dict[str, Any]) -> None:
    assert build_image_request("a cat", seed=1, **options).price().anlas == anlas


def test_a_price_says_what_is_free() -> None:
    request = build_image_request("a cat", model=V45, seed=1, n_samples=2, references=[CANVAS])
    assert str(request.price(OPUS)) == "27 Anlas: 2 images at 17, 1 of them free with Opus; 2 precise references at 5"


def test_a_parameter_that_is_sent_as_it_is_costs_as_well() -> None:
    with pytest.raises(InvalidRequestError, match="more than the 20 allowed: 8 images at 17"):
        generate("a cat", model=V45, seed=1, max_anlas=20, extra={"n_samples": 8})
    with pytest.raises(InvalidRequestError, match="without a number for steps there is no price"):
        generate("a cat", model=V45, seed=1, max_anlas=20, extra={"steps": "many"})
    with pytest.raises(InvalidRequestError, match="without a whole number"):
        generate("a cat", model=V45, seed=1, max_anlas=20, extra={"steps": 2.5})


def test_more_than_140_anlas_for_an_image_has_no_price() -> None:
    options: dict[str, Any] = {"model": "V5 Full", "width": 2048, "height": 1536, "steps": 50, "seed": 1}
    request = build_image_request("a cat", **options)
    for priced in (request.price, lambda: generate("a cat", **options, max_anlas=1000)):
        with pytest.raises(InvalidRequestError, match="one image would cost 150 Anlas"):
            priced()


def test_a_model_without_a_known_price_is_not_guessed_at() -> None:
    new = ImageModel(
        "new", ImageModelFacts(generation=Generation.V5, base="", scale=7, quality={}, uc={UCPreset.NONE: ""})
    )
    generate("a cat", model=new, seed=1, quality="none", uc_preset="none", validate=False)
    with pytest.raises(InvalidRequestError, match="no image model with known prices is called 'new'"):
        generate("a cat", model=new, seed=1, quality="none", uc_preset="none", validate=False, max_anlas=1000)


@given(
    st.sampled_from(["nai-diffusion-3", "nai-diffusion-4-full", "nai-diffusion-4-5-full", "nai-diffusion-5-curated"]),
    *(st.integers(1, 20), st.integers(1, 20), st.integers(1, 50), st.integers(1, 4)),
    st.sampled_from([Allowance(), Allowance(opus=True), OPUS]),
)
def test_a_request_costs_what_generation_price_says_of_its_numbers(
    model: str, columns: int, rows: int, steps: int, n_samples: int, allowance: Allowance
) -> None:
    options: dict[str, Any] = {"steps": steps, "n_samples": n_samples}
    request = build_image_request("a cat", model=model, width=64 * columns, height=64 * rows, seed=1, **options)
    price = generation_price(model, 64 * columns, 64 * rows, **options, allowance=allowance)
    assert request.price(allowance) == price
    assert (
        parameters_price(model, "generate", {"width": 64 * columns, "height": 64 * rows, **options}, allowance) == price
    )


@given(st.floats(0, 1))
def test_an_inpainting_costs_by_the_strength_that_is_on_the_wire(strength: float) -> None:
    model = "nai-diffusion-4-5-full-inpainting"
    size: dict[str, Any] = {"width": 832, "height": 1216}
    price = generation_price(model, **size, steps=28, action="infill", inpaint_strength=strength)
    parameters = {**size, "steps": 28, "inpaintImg2ImgStrength": strength, "strength": 0.99}
    assert parameters_price(model, "infill", parameters) == price


@for_each("action, strength", [("infill", 1), ("img2img", 0.7)])
def test_a_strength_that_is_missing_costs_as_the_one_that_the_service_takes(action: Any, strength: float) -> None:
    model, size = "nai-diffusion-4-5-full", {"width": 832, "height": 1216}
    price = generation_price(model, 832, 1216, steps=28, action=action, strength=strength, inpaint_strength=strength)
    assert parameters_price(model, action, {**size, "steps": 28}) == price


# ---- asking the account first

PERKS = {
    "maxPriorityActions": 1000,
    "startPriority": 10,
    "contextTokens": 8192,
    "unlimitedMaxPriority": True,
    "moduleTrainingSteps": 10000,
}


def service(tier: int, anlas: int, sent: list[str]) -> App:
    """Serve an account and images, and record the requests."""
    document = {
        "tier": tier,
        "active": True,
        "expiresAt": 0,
        "perks": PERKS,
        "usage": {"isNegative": False},
        "trainingStepsLeft": {"fixedTrainingStepsLeft": anlas, "purchasedTrainingSteps": 0},
    }

    def app(request: Request) -> Handler:
        yield from reading(request)
        sent.append(request.path)
        account = request.path == "/user/subscription"
        yield Start(Head(200, Headers.of(content_type="application/json" if account else "image/png")))
        yield Write(json.dumps(document).encode() if account else PNG)

    return app


def ran(flow: Runnable[Any, Any], *, tier: int, anlas: int) -> tuple[Any, list[str]]:
    """Return the result, and the paths of the requests."""
    sent: list[str] = []
    with memory.Client(service(tier, anlas, sent), Session(base_url="http://service.invalid")) as client:
        try:
            return client.run(flow), sent
        except InvalidRequestError as error:
            return error, sent


def test_an_affordable_request_is_sent_after_a_request_for_the_account() -> None:
    images, sent = ran(request_if_affordable(generate, "a cat", model=V45, seed=1, max_anlas=0), tier=3, anlas=0)
    assert [image.data for image in images] == [PNG]
    assert sent == ["/user/subscription", "/ai/generate-image"]


REFUSED: dict[str, tuple[Callable[[], Runnable[Any, Any]], int, str]] = {
    "by the account": (
        lambda: request_if_affordable(generate, "a cat", model=V45, seed=1),
        16,
        "the account has 16 Anlas: this would cost 17 Anlas, more than the 16 allowed",
    ),
    "by the caller": (
        lambda: request_if_affordable(generate, "a", model=V45, seed=1, max_anlas=5),
        99,
        "17 Anlas, more than the 5 allowed; to pay it, give max_anlas=17",
    ),
    "by both": (lambda: request_if_affordable(upscale, SOURCE, max_anlas=9), 0, "1 Anlas, more than the 0"),
    "a stream": (
        lambda: request_if_affordable(generate_stream, "a", model=V45, seed=1),
        1,
        "17 Anlas, more than the 1",
    ),
    "with a cache": (
        lambda: request_if_affordable(generate_cached, "a", SECRET, model=V45, seed=1),
        1,
        "17 Anlas, more than the 1",
    ),
    "a tool": (lambda: request_if_affordable(augment, SOURCE, "lineart"), 19, "20 Anlas, more than the 19"),
    "a vibe": (lambda: request_if_affordable(encode_vibe, SOURCE, V45), 1, "2 Anlas, more than the 1"),
}


@for_each("flow, anlas, problem", REFUSED.values(), ids=list(REFUSED))
def test_what_is_not_affordable_is_never_sent(flow: Callable[[], Runnable[Any, Any]], anlas: int, problem: str) -> None:
    error, sent = ran(flow(), tier=1, anlas=anlas)
    assert isinstance(error, InvalidRequestError)
    assert problem in str(error)
    assert sent == ["/user/subscription"]
