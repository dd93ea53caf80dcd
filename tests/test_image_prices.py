"""What images cost.

See docs/protocol/image.md#9-anlas-price.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.account.info import Subscription
from nai_proto.errors import InvalidRequestError
from nai_proto.image.early_prices import TABLES, find_row
from nai_proto.image.families import Generation
from nai_proto.image.models import find_base_model, find_generation
from nai_proto.image.price import (
    NOTHING_FREE,
    Allowance,
    Price,
    PriceItem,
    check_price,
    encoding_price,
    generation_price,
    tool_price,
    upscale_price,
)
from tests.cases import for_each
from tests.protocol_data import DATA

VECTORS: dict[str, Any] = json.loads((DATA / "anlas_vectors.json").read_text("utf-8"))
WEBSITES: dict[str, Any] = json.loads((DATA / "anlas_legacy_tables.json").read_text("utf-8"))
REFUSED = -3

OPUS = Allowance(opus=True, v5=True)
V45 = "nai-diffusion-4-5-full"
MODELS = (
    *("nai-diffusion-5-full", "nai-diffusion-5-curated", V45, "nai-diffusion-4-5-curated", "nai-diffusion-4-full"),
    *("nai-diffusion-4-curated-preview", "nai-diffusion-3", "nai-diffusion-furry-3", "nai-diffusion-2"),
    *("nai-diffusion", "safe-diffusion", "nai-diffusion-furry"),
)


def ids(vectors: list[dict[str, Any]]) -> list[str]:
    return [str(vector.get("id", "-".join(str(value) for value in [*vector.values()][:4]))) for vector in vectors]


def price_of(request: dict[str, Any]) -> Price:
    """The price of a vector's request."""
    return generation_price(
        request["model"],
        request["width"],
        request["height"],
        steps=request["steps"],
        n_samples=request["n_samples"],
        action=request["action"],
        strength=0.7 if request["strength"] is None else request["strength"],
        inpaint_strength=1 if request["inpaint_strength"] is None else request["inpaint_strength"],
        sampler=request["sampler"],
        sm=request["sm"],
        sm_dyn=request["sm_dyn"],
        vibes=request["vibes"],
        new_vibes=request["uncached_vibes"],
        references=request["char_refs"],
        allowance=Allowance(opus=request["opus"], v5=request["opus"] and not request["usage_negative"]),
    )


# ---- vectors


@for_each("vector", VECTORS["generation"])
def test_a_generation_costs_what_its_vector_says(vector: dict[str, Any]) -> None:
    if vector["expected_total"] == REFUSED:
        with pytest.raises(InvalidRequestError, match="one image would cost 150 Anlas"):
            price_of(vector["request"])
        return
    price = price_of(vector["request"])
    assert price.anlas == vector["expected_total"]
    assert price.items[0].each == vector["per_image"]
    assert price.is_free is (vector["expected_total"] == 0)
    assert find_generation(vector["request"]["model"]) == vector["family"]


@for_each("vector", VECTORS["tools"])
def test_a_tool_costs_what_its_vector_says(vector: dict[str, Any]) -> None:
    size = vector["width"], vector["height"]
    if vector["expected_total"] == REFUSED:
        with pytest.raises(InvalidRequestError, match="upscales 3145728 at most"):
            upscale_price(*size)
    elif vector["tool"] == "upscale":
        assert upscale_price(*size).anlas == vector["expected_total"]
    else:
        price = tool_price(vector["tool"], *size, allowance=Allowance(opus=vector["opus"]))
        assert price.anlas == vector["expected_total"]


@for_each(
    "price, case",
    [
        (generation_price(V45, 832, 1216, steps=23, allowance=OPUS), "V4.5 Full txt2img 832x1216, 23 steps, Opus"),
        (
            generation_price("nai-diffusion-5-full", 832, 1216, steps=23, allowance=OPUS),
            "V5 Full txt2img 832x1216, 23 steps, Opus, usage not negative",
        ),
        (
            generation_price(V45, 832, 1216, steps=23, action="img2img", strength=0.7, allowance=OPUS),
            "V4.5 Full img2img strength 0.7, 832x1216, Opus",
        ),
        (
            generation_price(f"{V45}-inpainting", 832, 1216, steps=23, action="infill", allowance=OPUS),
            "V4.5 Full infill 832x1216, Opus",
        ),
        (generation_price("nai-diffusion-5-full", 1088, 1024, steps=1), "V5 Full 1088x1024, 1 step"),
        (generation_price(V45, 1088, 1024, steps=1), "V4.5 Full 1088x1024, 1 step"),
        (
            generation_price(V45, 512, 768, steps=23, references=1, allowance=OPUS),
            "V4.5 Full + 1 precise reference, 512x768, 23 steps, Opus",
        ),
        (encoding_price(), "encode-vibe, V4.5 Full"),
        (generation_price(V45, 832, 1216, steps=23, vibes=1, allowance=OPUS), "V4.5 Full + already encoded vibe, Opus"),
        (upscale_price(832, 1216), "upscale 832x1216"),
        (upscale_price(512, 768), "upscale 512x768"),
        (tool_price("bg-removal", 832, 1216, allowance=OPUS), "augment bg-removal 832x1216, Opus"),
        *(
            (
                tool_price(tool, 832, 1216, allowance=OPUS),
                "augment lineart/sketch/colorize/emotion/declutter/declutter-keep-bubbles 832x1216, Opus",
            )
            for tool in ("lineart", "sketch", "colorize", "emotion", "declutter", "declutter-keep-bubbles")
        ),
    ],
)
def test_a_price_is_what_was_charged(price: Price, case: str) -> None:
    (charged,) = (live["charged"] for live in VECTORS["live_charges"] if live["case"] == case)
    assert price.anlas == charged


def test_the_tables_of_the_first_models_are_the_websites() -> None:
    for name, rows in WEBSITES.items():
        if name not in ("note", "select"):
            assert [[*find_row(name, squares)] for squares in range(1, 769)] == rows
    assert len(TABLES) == 4


@for_each(
    "sampler, sm, sm_dyn, table",
    [
        ("k_dpmpp_2m", False, False, "default"),
        ("k_euler", False, False, "default"),
        ("k_euler", False, True, "default"),
        ("ddim", False, False, "ddim"),
        ("ddim", True, False, "smea"),
        ("k_euler", True, False, "smea"),
        ("k_euler", True, True, "smea_dyn"),
        ("nai_smea", False, False, "smea"),
        ("nai_smea_dyn", False, False, "smea_dyn"),
    ],
)
def test_the_first_models_have_a_table_for_each_way_to_sample(sampler: str, sm: bool, sm_dyn: bool, table: str) -> None:
    from math import ceil

    step, fixed = WEBSITES[table][16 * 24 - 1]
    price = generation_price("nai-diffusion-2", 1024, 1536, steps=28, sampler=sampler, sm=sm, sm_dyn=sm_dyn)
    assert price.anlas == ceil(step * 28 + fixed)


def test_smea_costs_the_first_models_nothing_where_the_formula_applies() -> None:
    plain, smea = (generation_price("nai-diffusion-2", 1024, 1024, steps=28, sm=sm) for sm in (False, True))
    other = generation_price("nai-diffusion-2", 1024, 1024, steps=28, sampler="nai_smea")
    assert plain == smea
    assert other.anlas > plain.anlas


def test_the_tables_reach_from_the_smallest_image_to_the_largest() -> None:
    for width, height in ((64, 64), (2048, 1536), (64, 49152)):
        assert generation_price("nai-diffusion", width, height, steps=28, sampler="k_heun").anlas >= 2


# ---- laws

SIDES = st.integers(1, 24).map(lambda n: 64 * n)
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(MODELS),
        "width": SIDES,
        "height": SIDES,
        "steps": st.integers(1, 50),
        "action": st.sampled_from(["generate", "img2img", "infill"]),
        "strength": st.floats(0.01, 0.99),
        "inpaint_strength": st.floats(0, 1),
        "sampler": st.sampled_from(["k_euler_ancestral", "k_dpmpp_2m", "ddim"]),
    }
)


def priced(request: dict[str, Any], **more: Any) -> Price | None:
    """None where an image would cost too much: all else in these requests is possible."""
    try:
        return generation_price(**{**request, **more})
    except InvalidRequestError as error:
        if "one image would cost" not in str(error):
            raise
        return None


@given(REQUESTS, st.integers(1, 8))
def test_each_sample_costs_the_same_and_opus_has_one_of_them(request: dict[str, Any], n_samples: int) -> None:
    one, all_of_them = priced(request), priced(request, n_samples=n_samples)
    with_opus = priced(request, n_samples=n_samples, allowance=OPUS)
    if one is None:
        assert all_of_them is with_opus is None
        return
    assert all_of_them is not None
    assert with_opus is not None
    assert all_of_them.anlas == n_samples * one.anlas
    small = request["width"] * request["height"] <= 1024 * 1024 and request["steps"] <= 28
    assert all_of_them.anlas - with_opus.anlas == (one.anlas if small else 0)
    assert with_opus.items[0].why


@given(REQUESTS)
def test_a_price_is_whole_positive_and_no_more_than_140_an_image(request: dict[str, Any]) -> None:
    price = priced(request)
    if price is not None:
        assert type(price.anlas) is int
        assert 2 <= price.anlas <= 140


@given(REQUESTS, st.integers(1, 49))
def test_another_step_is_never_cheaper(request: dict[str, Any], steps: int) -> None:
    fewer, more = priced(request, steps=steps), priced(request, steps=steps + 1)
    if more is not None:
        assert fewer is not None
        assert fewer.anlas <= more.anlas


@given(st.integers(1, 8), st.integers(0, 16), st.integers(0, 16))
def test_vibes_are_due_once_and_references_for_each_sample(n_samples: int, vibes: int, references: int) -> None:
    def price(**features: Any) -> int:
        return generation_price(V45, 832, 1216, steps=28, n_samples=n_samples, allowance=OPUS, **features).anlas

    samples = price()
    assert price(vibes=vibes) == samples + 2 * max(0, vibes - 4)
    assert price(vibes=vibes, new_vibes=vibes) == samples + 2 * max(0, vibes - 4) + 2 * vibes
    assert price(references=references) == samples + 5 * references * n_samples
    if references:
        assert price(vibes=vibes, new_vibes=vibes, references=references) == price(references=references)


def test_vibes_cost_nothing_on_v3_and_in_infill() -> None:
    for model, action in (("nai-diffusion-3", "generate"), (f"{V45}-inpainting", "infill")):
        request = {"model": model, "width": 832, "height": 1216, "steps": 28, "action": action}
        assert priced(request) == priced(request, vibes=16, new_vibes=16)


@given(st.integers(1, 4096), st.integers(1, 4096), st.sampled_from(["lineart", "emotion", "bg-removal"]))
def test_a_tool_costs_what_v3_does_for_one_to_three_megapixels(width: int, height: int, tool: str) -> None:
    least, most = (65, 185) if tool == "bg-removal" else (20, 60)
    price = tool_price(tool, max(width, height // 2), max(height, width // 2))
    assert least <= price.anlas <= most


# ---- what an account has for free


def subscription(**fields: object) -> Subscription:
    perks = {
        "maxPriorityActions": 1000,
        "startPriority": 10,
        "contextTokens": 8192,
        "unlimitedMaxPriority": True,
        "moduleTrainingSteps": 10000,
    }
    steps = {"fixedTrainingStepsLeft": 10000, "purchasedTrainingSteps": 0}
    answer = {"tier": 3, "active": True, "expiresAt": 0, "perks": perks, "trainingStepsLeft": steps, **fields}
    return msgspec.convert(answer, Subscription)


@for_each(
    "fields, allowance",
    [
        ({"usage": {"percent": 50, "isNegative": False}}, OPUS),
        ({"usage": {"percent": 0, "isNegative": True}}, Allowance(opus=True)),
        ({"usage": {"percent": 50}}, Allowance(opus=True)),
        ({}, Allowance(opus=True)),
        ({"active": False, "usage": {"isNegative": False}}, NOTHING_FREE),
        ({"tier": 2, "usage": {"isNegative": False}}, NOTHING_FREE),
    ],
)
def test_free_is_only_what_the_subscription_says(fields: dict[str, object], allowance: Allowance) -> None:
    assert Allowance.of(subscription(**fields)) == allowance


@for_each(
    "model, height, steps, allowance, why",
    [
        (V45, 1024, 28, OPUS, "Opus"),
        (V45, 1024, 28, NOTHING_FREE, ""),
        (V45, 1088, 28, OPUS, "more than the 1024×1024 pixels that are free with Opus"),
        (V45, 1024, 29, OPUS, "more than Opus' 28 free steps"),
        (
            "nai-diffusion-5-full",
            1024,
            28,
            Allowance(opus=True),
            "none of Opus' free images of V5 is known to be left",
        ),
        ("nai-diffusion-5-full", 1024, 28, OPUS, "Opus"),
    ],
)
def test_a_price_says_why(model: str, height: int, steps: int, allowance: Allowance, why: str) -> None:
    item = generation_price(model, 1024, height, steps=steps, allowance=allowance).items[0]
    assert (item.why, item.free) == (why, 1 if why == "Opus" else 0)


def test_a_price_can_be_shown() -> None:
    price = generation_price(V45, 832, 1216, steps=28, n_samples=2, vibes=6, new_vibes=1, allowance=OPUS)
    assert (
        str(price)
        == "26 Anlas: 2 images at 20, 1 of them free with Opus; 1 vibe to encode at 2; 2 vibes beyond the first 4 at 2"
    )
    assert str(generation_price(V45, 832, 1216, steps=28, references=1)) == (
        "25 Anlas: 1 image at 20; 1 precise reference at 5"
    )
    assert str(generation_price(V45, 832, 1216, steps=28, allowance=OPUS)) == "20 Anlas, free with Opus"
    assert str(Price(())) == "0 Anlas"
    assert str(tool_price("bg-removal", 832, 1216, allowance=OPUS)) == "65 Anlas (never free)"
    assert pickle.loads(pickle.dumps(price)) == price
    assert PriceItem("image", 3, 20, 1).anlas == 40


# ---- the guard, and what has no price


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_guard_lets_pass_what_is_not_above_the_limit(anlas: int, limit: int) -> None:
    price = Price((PriceItem("image", 1, anlas),))
    if anlas <= limit:
        check_price(price, limit)
    else:
        with pytest.raises(InvalidRequestError) as caught:
            check_price(price, limit)
        problem = f"this would cost {anlas} Anlas, more than the {limit} allowed"
        assert str(caught.value) == f"{problem}; to pay it, give max_anlas={anlas}"


@for_each(
    "changed, said",
    [
        ({"model": "nai-diffusion-9"}, "no image model with known prices is called 'nai-diffusion-9'; did you mean"),
        ({"model": "nai-diffusion-5-full-medium"}, "prices and limits of nai-diffusion-5-full-medium are not known"),
        ({"model": "nai-diffusion-5-curated-inpainting"}, "no image model with known prices is called"),
        ({"width": 100}, "100×1216 pixels: they are multiples of 64"),
        ({"height": 0}, "832×0 pixels"),
        ({"width": -832, "height": -1216}, "-832×-1216 pixels"),
        ({"width": 2048, "height": 1600}, "at most 3145728"),
        ({"steps": 0}, "steps of 0, where 1 to 50 are possible"),
        ({"steps": 51}, "steps of 51"),
        ({"n_samples": 0}, "n_samples of 0"),
        ({"n_samples": 9}, "n_samples of 9"),
        ({"vibes": 17}, "vibes of 17"),
        ({"vibes": 1, "new_vibes": 2}, "new_vibes of 2, where 0 to 1 are"),
        ({"references": -1}, "references of -1"),
        ({"action": "img2img", "strength": 1.5}, "a strength of 1.5"),
        ({"action": "infill", "inpaint_strength": float("nan")}, "a strength of nan"),
        ({"model": "nai-diffusion-5-full", "vibes": 1}, "nai-diffusion-5-full takes no vibes"),
        ({"model": "nai-diffusion-2", "vibes": 1}, "takes no vibes"),
        ({"model": "nai-diffusion-4-full", "references": 1}, "takes no precise references"),
    ],
)
def test_a_request_that_the_service_refuses_has_no_price(changed: dict[str, Any], said: str) -> None:
    request = {"model": V45, "width": 832, "height": 1216, "steps": 28, **changed}
    with pytest.raises(InvalidRequestError, match=said):
        generation_price(**request)


def test_a_tool_or_a_size_that_is_not_known_has_no_price() -> None:
    with pytest.raises(InvalidRequestError, match="director tool 'pixel-snap' is not known"):
        tool_price("pixel-snap", 832, 1216)
    with pytest.raises(InvalidRequestError, match="1×100000000 pixels is not known"):
        tool_price("lineart", 1, 100_000_000)
    for size in ((0, 64), (64, 0)):
        with pytest.raises(InvalidRequestError, match="of 0, where 1 or more is possible"):
            tool_price("lineart", *size)
        with pytest.raises(InvalidRequestError, match="of 0, where 1 or more is possible"):
            upscale_price(*size)
    with pytest.raises(InvalidRequestError, match="vibes of -1"):
        encoding_price(-1)


def test_an_inpainting_model_is_of_the_generation_of_its_base() -> None:
    assert find_base_model("nai-diffusion-4-curated-inpainting").id == "nai-diffusion-4-curated-preview"
    assert find_base_model("furry-diffusion-inpainting").id == "nai-diffusion-furry"
    assert find_base_model(V45).id == V45
    assert find_generation(f"{V45}-inpainting") is Generation.V4_5
