"""Image requests: bodies written a second time, from the protocol, and what is refused before it is sent.

See:
    docs/protocol/image.md#3-request-body
    docs/protocol/image.md#5-features
"""

from __future__ import annotations

import pickle
import zlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.png import iter_png_chunks
from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.image import (
    MODELS,
    Character,
    ControlNet,
    ControlNetModel,
    EncodedVibe,
    Generation,
    ImageModel,
    ImageModelFacts,
    ImagePreset,
    ImageResolution,
    PreciseReference,
    Sampler,
    Vibe,
    box_mask,
    build_image_request,
    generate,
)
from nai_proto.image.auto_text import find_quoted_text
from nai_proto.image.features import normalize_strengths
from nai_proto.image.options import WIRE_NAMES
from nai_proto.image.parameter_rules import MAX_PIXELS, RULES, check_parameters, find_nearest_size
from tests.cases import for_each
from tests.image_support import PNG, body_of, png

SOURCE = png(832, 1216)
MASK = png(832 // 8, 1216 // 8)
CANVAS = png(1024, 1536)
SEED = 1234

COMMON = {
    "params_version": 4,
    "width": 832,
    "height": 1216,
    "sampler": "k_euler_ancestral",
    "steps": 23,
    "n_samples": 1,
    "ucPresetId": "none",
    "qualityPresetId": "none",
    "dynamic_thresholding": False,
    "controlnet_strength": 1,
    "legacy": False,
    "add_original_image": True,
    "cfg_rescale": 0,
    "noise_schedule": "karras",
    "legacy_v3_extend": False,
    "seed": SEED,
    "tag_hint_qt": 0,
    "tag_hint_uc_preset": 0,
    "characterPrompts": [],
    "negative_prompt": "dogs",
    "deliberate_euler_ancestral_bug": False,
    "prefer_brownian": True,
    "image_format": "png",
}
STRUCTURED = {
    "autoSmea": False,
    "use_coords": False,
    "legacy_uc": False,
    "normalize_reference_strength_multiple": True,
    "inpaintImg2ImgStrength": 1,
    "v4_prompt": {
        "caption": {"base_caption": "a cat", "char_captions": []},
        "use_coords": False,
        "use_order": True,
    },
    "v4_negative_prompt": {"caption": {"base_caption": "dogs", "char_captions": []}, "legacy_uc": False},
}
V3 = {**COMMON, "skip_cfg_above_sigma": None, "scale": 5, "sm": False, "sm_dyn": False}
V4 = {**COMMON, **STRUCTURED, "skip_cfg_above_sigma": None, "scale": 5.5}
V4_5 = {**V4, "scale": 5}
V5 = {**COMMON, **STRUCTURED, "scale": 7, "straight_alpha": True}
V2 = {
    **{key: value for key, value in V3.items() if key not in ("skip_cfg_above_sigma", "characterPrompts")},
    "noise_schedule": "native",
    "scale": 10,
    "steps": 28,
}
V1 = {key: value for key, value in V2.items() if key not in ("noise_schedule", "cfg_rescale")}
for _old in (V1, V2):
    del _old["deliberate_euler_ancestral_bug"], _old["prefer_brownian"]
V1 |= {"width": 512, "height": 768}

BODIES: Mapping[str, Mapping[str, object]] = {
    "nai-diffusion-5-full": V5,
    "nai-diffusion-5-curated": V5,
    "nai-diffusion-5-full-medium": {**V5, "steps": 14},
    "nai-diffusion-4-5-full": V4_5,
    "nai-diffusion-4-5-curated": V4_5,
    "nai-diffusion-4-full": V4,
    "nai-diffusion-4-curated-preview": V4,
    "nai-diffusion-3": V3,
    "nai-diffusion-furry-3": {**V3, "scale": 6.2},
    "nai-diffusion-2": V2,
    "nai-diffusion": V1,
    "safe-diffusion": V1,
    "nai-diffusion-furry": V1,
}


def sent(model: ImageModel | str, **options: Any) -> dict[str, Any]:
    """The body of a plain request for a cat, and no dogs."""
    plain = {"uc_preset": "none", "quality": "none", "negative_prompt": "dogs", "seed": SEED}
    return body_of(generate("a cat", model=model, **{**plain, **options}).request)


def sent_parameters(model: str, **options: Any) -> dict[str, Any]:
    """Its parameters."""
    parameters: dict[str, Any] = sent(model, **options)["parameters"]
    return parameters


def b64(data: bytes) -> str:
    return b64encode(data).decode()


# ---- bodies


def test_every_model_has_a_body_here() -> None:
    assert [model.id for model in MODELS] == [*BODIES]


@for_each("model", BODIES)
def test_a_plain_request_is_the_website_s_but_for_png(model: str) -> None:
    assert sent(model) == {
        "input": "a cat",
        "model": model,
        "action": "generate",
        "parameters": BODIES[model],
        "use_new_shared_trial": True,
    }


def test_img2img_adds_the_image_and_how_strongly_it_changes() -> None:
    body = sent("nai-diffusion-4-5-full", image=SOURCE, strength=0.62)
    more = {"image": b64(SOURCE), "strength": 0.62, "noise": 0, "extra_noise_seed": SEED - 1, "color_correct": False}
    assert body["action"] == "img2img"
    assert body["model"] == "nai-diffusion-4-5-full"
    assert body["parameters"] == {**V4_5, **more}


def test_the_noise_s_seed_is_the_one_before_and_before_zero_is_the_last() -> None:
    assert sent_parameters("nai-diffusion-3", image=SOURCE, seed=0)["extra_noise_seed"] == 4_294_967_295


@for_each(
    "model, twin, body",
    [
        ("nai-diffusion-5-full", "nai-diffusion-5-full-inpainting", V5),
        ("nai-diffusion-5-curated", "nai-diffusion-4-5-curated-inpainting", V4_5),
        ("nai-diffusion-4-5-full", "nai-diffusion-4-5-full-inpainting", V4_5),
        ("nai-diffusion-4-5-full-inpainting", "nai-diffusion-4-5-full-inpainting", V4_5),
        ("nai-diffusion-4-curated-preview", "nai-diffusion-4-curated-inpainting", V4),
        ("nai-diffusion-3", "nai-diffusion-3-inpainting", V3),
        ("nai-diffusion-furry", "furry-diffusion-inpainting", {**V1, "width": 832, "height": 1216}),
    ],
)
def test_inpainting_goes_to_the_model_for_it(model: str, twin: str, body: dict[str, object]) -> None:
    made = sent(model, image=SOURCE, mask=MASK)
    assert (made["action"], made["model"]) == ("infill", twin)
    more = {"image": b64(SOURCE), "mask": b64(MASK), "strength": 0.7, "noise": 0, "extra_noise_seed": SEED - 1}
    assert made["parameters"] == {**body, **more, "add_original_image": False}


def test_inpainting_from_the_image_says_so_twice() -> None:
    made = sent_parameters("nai-diffusion-4-full", image=SOURCE, mask=SOURCE, inpaint_img2img_strength=0.4)
    assert made["inpaintImg2ImgStrength"] == 0.4
    assert made["img2img"] == {"strength": 0.4, "color_correct": True}


def test_the_size_is_the_image_s_unless_another_is_given() -> None:
    assert (
        sent_parameters("nai-diffusion-3", image=PNG)["width"],
        sent_parameters("nai-diffusion-3", image=PNG)["height"],
    ) == (64, 64)
    bigger = sent_parameters("nai-diffusion-3", image=PNG, size=ImageResolution.LARGE_SQUARE)
    assert (bigger["width"], bigger["height"]) == (1472, 1472)
    assert sent_parameters("nai-diffusion-3", image=b"\xff\xd8\xff\xe0 a JPEG", size=(64, 128))["height"] == 128


def test_an_image_is_enhanced_by_drawing_it_larger() -> None:
    made = sent_parameters("nai-diffusion-4-5-full", image=SOURCE, enhance=1.5, strength=0.3)
    assert (made["width"], made["height"], made["strength"]) == (
        1280,
        1792,
        0.3,
    )  # 19.5 and 28.5 times 64, to the even one
    for options in ({"enhance": 2}, {"image": b"GIF", "enhance": 2}, {"image": SOURCE, "enhance": -1}):
        with pytest.raises(
            InvalidRequestError, match="to enhance needs a PNG, WebP or JPEG as image, and a factor above 0"
        ):
            sent_parameters("nai-diffusion-4-5-full", **options)


sides = st.integers(1, 4).map(lambda each: each * 64)
corners = st.integers(-20, 300)


@given(sides, sides, st.lists(st.tuples(corners, corners, corners, corners), max_size=4))
def test_a_mask_of_boxes_is_white_in_every_block_that_one_touches(
    width: int, height: int, boxes: list[tuple[int, int, int, int]]
) -> None:
    mask = box_mask(width, height, boxes)
    content = {bytes(kind): bytes(data) for kind, data in iter_png_chunks(mask)}
    rows = zlib.decompress(content[b"IDAT"])
    across = width // 8
    white = {(x, y) for y in range(height // 8) for x in range(across) if rows[y * (across + 1) + 1 + x] == 255}
    assert white == {
        (x // 8, y // 8)
        for left, top, right, bottom in boxes
        for x in range(max(0, left), min(width, right))
        for y in range(max(0, top), min(height, bottom))
    }
    assert sent_parameters("nai-diffusion-3", image=png(width, height), mask=mask)["mask"] == b64(mask)


def test_a_mask_needs_a_size_that_models_take() -> None:
    for width, height in ((100, 64), (64, 0)):
        with pytest.raises(InvalidRequestError, match="multiples of 64, not "):
            box_mask(width, height, [])


def test_characters_stand_in_three_places() -> None:
    who = [
        Character("girl, red hair", uc="lowres, aliasing, ", position="B3"),
        Character("nobody", enabled=False),
        Character("boy", uc="", position=(0.99, 0.01)),
    ]
    made = sent_parameters("nai-diffusion-4-5-full", characters=who)
    left, right = {"x": 0.3, "y": 0.5}, {"x": 0.9, "y": 0.1}
    assert made["characterPrompts"] == [
        {"prompt": "girl, red hair", "uc": "lowres, aliasing, ", "center": left, "enabled": True},
        {"prompt": "boy", "uc": "", "center": right, "enabled": True},
    ]
    assert made["v4_prompt"] == {
        "caption": {
            "base_caption": "a cat",
            "char_captions": [
                {"char_caption": "girl, red hair", "centers": [left]},
                {"char_caption": "boy", "centers": [right]},
            ],
        },
        "use_coords": True,
        "use_order": True,
    }
    assert made["v4_negative_prompt"] == {
        "caption": {
            "base_caption": "dogs",
            "char_captions": [
                {"char_caption": "lowres, aliasing, ", "centers": [left]},
                {"char_caption": "", "centers": [right]},
            ],
        },
        "legacy_uc": False,
    }
    assert made["use_coords"] is True


@for_each(
    "model, who, placed",
    [
        ("nai-diffusion-4-full", [Character("a", position="A1")], False),
        ("nai-diffusion-4-full", [Character("a", position="A1"), Character("b")], True),
        ("nai-diffusion-4-full", [Character("a"), Character("b")], False),
        ("nai-diffusion-5-full", [Character("a", position=(0.1234, 1))], True),
        ("nai-diffusion-5-full", [Character("a")], False),
    ],
)
def test_places_count_where_somebody_was_placed(model: str, who: list[Character], placed: bool) -> None:
    made = sent_parameters(model, characters=who)
    assert (made["use_coords"], made["v4_prompt"]["use_coords"]) == (placed, placed)
    assert sent_parameters(model, characters=who, use_coords=not placed)["use_coords"] is not placed


def test_v5_takes_a_place_with_three_decimals() -> None:
    made = sent_parameters("nai-diffusion-5-full", characters=[Character("a", position=(0.12345, 1))])
    assert made["characterPrompts"][0]["center"] == {"x": 0.123, "y": 1}


def test_a_character_of_v4_begins_with_the_website_s_uc() -> None:
    (caption,) = sent_parameters("nai-diffusion-4-full", characters=[Character("a")])["v4_negative_prompt"]["caption"][
        "char_captions"
    ]
    assert caption["char_caption"] == "lowres, aliasing, "


def test_v3_takes_vibes_raw_and_later_models_encoded() -> None:
    raw = sent_parameters("nai-diffusion-3", vibes=[Vibe(PNG), Vibe(SOURCE, 0.2, 0.5)])
    assert raw["reference_image_multiple"] == [b64(PNG), b64(SOURCE)]
    assert raw["reference_strength_multiple"] == [0.6, 0.2]
    assert raw["reference_information_extracted_multiple"] == [1, 0.5]
    made = sent_parameters(
        "nai-diffusion-4-full", vibes=[EncodedVibe(b"one", 0.5), EncodedVibe(b"two", 1.0, key="v4full")]
    )
    assert made["reference_image_multiple"] == [b64(b"one"), b64(b"two")]
    assert made["reference_strength_multiple"] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert "reference_information_extracted_multiple" not in made
    as_is = sent_parameters(
        "nai-diffusion-4-full", vibes=[EncodedVibe(b"1", 1.0)] * 2, normalize_reference_strength_multiple=False
    )
    assert as_is["reference_strength_multiple"] == [1, 1]


def test_references_count_as_strongly_as_is_said() -> None:
    made = sent_parameters("nai-diffusion-4-5-full", references=[PreciseReference(CANVAS, strength=-0.5, fidelity=1.5)])
    assert made["director_reference_strength_values"] == [-0.5]
    assert made["director_reference_secondary_strength_values"] == [-0.5]


def test_precise_references_are_five_lists() -> None:
    made = sent_parameters(
        "nai-diffusion-4-5-curated",
        references=[PreciseReference(CANVAS), PreciseReference(CANVAS, "character", 0.5, 0.25)],
    )
    assert {key: value for key, value in made.items() if key.startswith("director")} == {
        "director_reference_images": [b64(CANVAS)] * 2,
        "director_reference_descriptions": [
            {"caption": {"base_caption": "character&style", "char_captions": []}, "legacy_uc": False},
            {"caption": {"base_caption": "character", "char_captions": []}, "legacy_uc": False},
        ],
        "director_reference_information_extracted": [1, 1],
        "director_reference_strength_values": [1, 0.5],
        "director_reference_secondary_strength_values": [0, 0.75],
    }


def test_controlnet_is_for_the_first_models() -> None:
    made = sent_parameters("nai-diffusion-2", controlnet=ControlNet(PNG, ControlNetModel.SCRIBBLER, 0.5))
    assert (made["controlnet_condition"], made["controlnet_model"], made["controlnet_strength"]) == (
        b64(PNG),
        "scribble",
        0.5,
    )


@for_each(
    "size, v4, v4_5",
    [
        ((832, 1216), 19, 58),
        ((1024, 1024), 19.3431, 59.0472),
        ((1024, 1536), 23.6903, 72.3178),
        ((1472, 1472), 27.8056, 84.8804),
        ((1920, 1088), 27.3017, 83.3421),
        ((512, 768), 11.8452, 36.1589),
        ((640, 640), 12.0894, 36.9045),
    ],
)
def test_variety_plus_goes_by_the_size(size: tuple[int, int], v4: float, v4_5: float) -> None:
    for model, value in (("nai-diffusion-3", v4), ("nai-diffusion-4-full", v4), ("nai-diffusion-4-5-full", v4_5)):
        made = sent_parameters(model, size=size, variety_plus=True)
        assert made["skip_cfg_above_sigma"] == pytest.approx(value, abs=5e-5)


def test_smea_and_decrisper_are_the_first_models() -> None:
    made = sent_parameters("nai-diffusion-3", sm=True, sm_dyn=True, dynamic_thresholding=True)
    assert (made["sm"], made["sm_dyn"], made["dynamic_thresholding"]) == (True, True, True)


@for_each(
    "model, size, options, sm",
    [
        ("nai-diffusion-3", (1472, 1472), {}, False),  # one pixel too few
        ("nai-diffusion-3", (1536, 1472), {}, True),
        ("nai-diffusion-3", (832, 1216), {}, False),
        ("nai-diffusion-2", (1088, 1024), {}, True),
        ("nai-diffusion-2", (1024, 1024), {}, False),
        ("nai-diffusion", (1088, 1024), {"sampler": "ddim"}, False),
        ("nai-diffusion-3", (1536, 1472), {"sampler": "ddim"}, False),
        ("nai-diffusion-3", (1536, 1472), {"sm": False}, False),
        ("nai-diffusion-3", (832, 1216), {"sm": True}, True),
        ("nai-diffusion-3", (1536, 1472), {"image": SOURCE}, False),
    ],
)
def test_auto_smea_is_smea_for_large_pictures(
    model: str, size: tuple[int, int], options: dict[str, Any], sm: bool
) -> None:
    made = sent_parameters(model, size=size, auto_smea=True, **options)
    assert made["sm"] is sm
    assert "autoSmea" not in made
    assert "auto_smea" not in made


def test_auto_smea_is_sent_to_later_models_and_costs_as_smea_does() -> None:
    assert sent_parameters("nai-diffusion-4-full", auto_smea=True)["autoSmea"] is True
    large = build_image_request("a cat", model="Anime V3", size=(1536, 1472), auto_smea=True, seed=1)
    assert large.price() == build_image_request("a cat", model="Anime V3", size=(1536, 1472), sm=True, seed=1).price()
    with pytest.raises(InvalidRequestError, match="auto_smea is a str"):
        sent_parameters("nai-diffusion-3", auto_smea="yes")


@for_each(
    "typed, sent_prompt",
    [
        ("1girl, red hair", "girl, red hair"),
        ("red hair, 1boy, 1girl", "red hair, boy, 1girl"),
        ("11girls, 1girls, 1girlish", "11girls, 1girls, 1girlish"),
        ("a cat", "a cat"),
    ],
)
def test_a_character_is_one_without_a_number(typed: str, sent_prompt: str) -> None:
    for options, sent_as in (({}, sent_prompt), ({"as_typed": True}, typed)):
        made = sent_parameters("nai-diffusion-4-5-full", characters=[Character(typed, uc="1girl")], **options)
        assert made["characterPrompts"][0]["prompt"] == sent_as
        assert made["v4_prompt"]["caption"]["char_captions"][0]["char_caption"] == sent_as
        assert made["characterPrompts"][0]["uc"] == "1girl"
        assert sent("nai-diffusion-4-5-full", characters=[Character(typed)])["input"] == "a cat"


@given(st.lists(st.floats(-1, 1), max_size=16))
def test_strengths_that_were_made_smaller_stay_as_they_are(strengths: list[float]) -> None:
    once = normalize_strengths(strengths)
    assert normalize_strengths(once) == once
    assert sum(map(abs, once)) <= max(1 + 1e-9, max(map(abs, strengths), default=0))


def test_v5_leaves_the_background_out_with_transparent() -> None:
    made = sent("nai-diffusion-5-full", transparent=True, quality="standard")
    assert made["input"] == "a cat, transparent background, very aesthetic, masterpiece, no text"
    assert made["parameters"]["v4_prompt"]["caption"]["base_caption"] == made["input"]
    assert made["parameters"]["tag_hint_transparent_background"] is True
    assert made["parameters"]["tag_hint_qt"] == 1


@for_each(
    "prompt, who, drawn",
    [
        ("a cat", [], "a cat"),
        ('a sign "Open" , ', [], 'a sign "Open", teXt: Open'),
        ("a sign “Open” and 「bar」|x", [], "a sign “Open” and 「bar」, teXt: Open\n\nbar|x"),
        ("it's 'don't do it' ok", [], "it's 'don't do it' ok, teXt: don't do it"),
        ('‘a’b’ "" "  "', [], '‘a’b’ "" "  ", teXt: a’b'),
        ("'never closed", [], "'never closed"),
        ('"a" Text: b', [], '"a" Text: b'),
        ("a", [Character('says "hi"'), Character('says "no"', enabled=False)], "a, teXt: hi"),
        ("a", [Character('"hi"'), Character("text: b")], "a"),
        ('"一" and "二"', [], '"一" and "二", teXt: 二\n\n一'),
        ('"一二三" "abcdefg"', [], '"一二三" "abcdefg", teXt: 一二三\n\nabcdefg'),  # 30 % of the letters
        ('"一二三四" "abcdefghi"', [], '"一二三四" "abcdefghi", teXt: abcdefghi\n\n一二三四'),  # 31 %
        (
            "a",
            [
                Character('"4"', position=(0.9, 0.9)),
                Character('"2"', position=(0.8, 0.12)),
                Character('"3"', position=(0.1, 0.85)),
                Character('"1"', position=(0.1, 0.2)),
            ],
            "a, teXt: 1\n\n2\n\n3\n\n4",
        ),
    ],
)
def test_words_in_quotes_are_drawn_with_auto_text(prompt: str, who: list[Character], drawn: str) -> None:
    request = build_image_request(prompt, model="nai-diffusion-5-full", auto_text=True, quality="none", characters=who)
    assert request.input == drawn
    assert request.parameters["v4_prompt"]["caption"]["base_caption"] == drawn  # type: ignore[index]  # an object
    plain = build_image_request(prompt, model="nai-diffusion-5-full", quality="none", characters=who)
    assert plain.input == prompt


@for_each(
    "heights, drawn",
    [
        ([0.2, 0.295], "2 1"),
        ([0.2, 0.305], "1 2"),
        ([0.2, 0.27, 0.345], "3 2 1"),
        ([0.2, 0.275, 0.355], "2 1 3"),
    ],
)
def test_a_row_is_lower_than_0_15_and_has_no_gap_above_0_1(heights: list[float], drawn: str) -> None:
    who = [Character(f'"{n}"', position=(1 - n / 5, height)) for n, height in enumerate(heights, 1)]
    request = build_image_request("a", model="nai-diffusion-5-full", auto_text=True, quality="none", characters=who)
    assert request.input == "a, teXt: " + drawn.replace(" ", "\n\n")


@given(st.text("'\"“”‘’「」a ,.", max_size=60))
def test_quotes_of_any_kind_end(text: str) -> None:
    assert all(phrase == phrase.strip() != "" for phrase in find_quoted_text(text))


def test_samplers_have_the_schedule_that_suits_them() -> None:
    assert sent_parameters("nai-diffusion-3", sampler="ddim")["sampler"] == "ddim_v3"
    assert "noise_schedule" not in sent_parameters("nai-diffusion-3", sampler="ddim_v3")
    assert sent_parameters("nai-diffusion-4-full", sampler="k_dpm_2")["noise_schedule"] == "exponential"
    assert (
        sent_parameters("nai-diffusion-4-full", sampler="k_dpm_2", noise_schedule="karras")["noise_schedule"]
        == "karras"
    )
    assert sent_parameters("nai-diffusion-2", sampler="k_dpm_2")["noise_schedule"] == "native"  # it has no other


# ---- seeds


def test_a_seed_that_is_not_given_is_drawn_and_known() -> None:
    operation = generate("a cat", model="nai-diffusion-3", entropy=lambda size: b"\0" * (size - 1) + b"\7")
    assert operation.seed == 7
    assert body_of(operation.request)["parameters"]["seed"] == 7
    assert generate("a cat", seed=9).seed == 9
    assert operation.with_options() == operation
    assert pickle.loads(pickle.dumps(operation)) == operation


@given(st.binary(min_size=4, max_size=4))
def test_a_drawn_seed_leaves_room_for_those_of_eight_images(drawn: bytes) -> None:
    made = build_image_request("a cat", model="nai-diffusion-3", n_samples=8, size=(512, 512), entropy=lambda _: drawn)
    assert 0 <= made.seed <= 4_294_967_295 - 7


# ---- what is refused, in one line


FEATURES: Mapping[str, tuple[dict[str, Any], str]] = {
    "img2img": ({"image": SOURCE}, "v1 v2 v3 v4 v4_5 v5"),
    "inpainting": ({"image": SOURCE, "mask": MASK}, "v1 v3 v4 v4_5 v5"),
    "characters": ({"characters": [Character("a")]}, "v4 v4_5 v5"),
    "vibes": ({"vibes": [Vibe(PNG)]}, "v3"),
    "encoded vibes": ({"vibes": [EncodedVibe(b"x")]}, "v4 v4_5"),
    "references": ({"references": [PreciseReference(CANVAS)]}, "v4_5"),
    "controlnet": ({"controlnet": ControlNet(PNG, ControlNetModel.FORM_LOCK)}, "v1 v2"),
    "smea": ({"sm": True}, "v1 v2 v3"),
    "smea dyn": ({"sm": True, "sm_dyn": True}, "v1 v2 v3"),
    "decrisper": ({"dynamic_thresholding": True}, "v1 v2 v3"),
    "variety": ({"variety_plus": True}, "v3 v4 v4_5"),
    "cfg rescale": ({"cfg_rescale": 0.2}, "v2 v3 v4 v4_5 v5"),
    "uncond scale": ({"uncond_scale": 0.5}, "v2 v3 v4 v4_5"),
    "native schedule": ({"noise_schedule": "native"}, "v2 v3"),
    "exponential": ({"noise_schedule": "exponential"}, "v3 v4 v4_5"),
    "ddim": ({"sampler": "ddim"}, "v1 v2 v3"),
    "scale 25": ({"scale": 25}, "v1 v2"),
    "legacy uc": ({"legacy_uc": True}, "v4"),
    "transparent": ({"transparent": True}, "v5"),
    "auto text": ({"auto_text": True}, "v5"),
    "straight alpha": ({"straight_alpha": False}, "v1 v2 v3 v4 v4_5 v5"),
    "max enhance": ({"image": SOURCE, "upscaled_enhance": True}, "v5"),
}


@for_each("model", MODELS)
@for_each("feature", FEATURES)
def test_every_model_takes_a_feature_or_refuses_it_in_one_line(model: ImageModel, feature: str) -> None:
    options, generations = FEATURES[feature]
    if model.generation in generations.split():
        assert generate("a cat", model=model, **options).request.body
    else:
        with pytest.raises(InvalidRequestError) as refused:
            generate("a cat", model=model, **options)
        assert "\n" not in str(refused.value)
        assert model.id in str(refused.value)


@for_each(
    "options, said",
    [
        ({"steps": 51}, "steps is 51, and nai-diffusion-4-5-full takes a number from 1 to 50"),
        ({"steps": True}, "steps is True, and nai-diffusion-4-5-full takes an integer"),
        ({"scale": 10.5}, "scale is 10.5, and nai-diffusion-4-5-full takes a number from 0 to 10"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "x", "image": SOURCE}, "seed is a str, and .* takes an integer"),
        ({"size": ("x", 64), "variety_plus": True}, r"size\[0\] takes an int, not a str"),
        ({"seed": 4_294_967_295, "n_samples": 2}, "seed is 4294967295, .* from 0 to 4294967294"),
        ({"size": (832, 1000)}, "height is 1000, and nai-diffusion-4-5-full takes multiples of 64"),
        ({"size": (2048, 2048)}, "2048 × 2048 are 4194304 pixels, .* takes at most 3145728"),
        ({"n_samples": 5}, "n_samples is 5, and nai-diffusion-4-5-full takes a number from 1 to 4"),
        ({"n_samples": 7, "size": (640, 640)}, "from 1 to 6"),
        (
            {"sampler": "k_eular"},
            r"no sampler of nai-diffusion-4-5-full is called 'k_eular'; did you mean 'k_euler'\? There are "
            r"k_euler_ancestral, .*, k_heun, k_lms; to send it all the same: nai.image.Sampler\('k_eular'\)$",
        ),
        ({"sampler": "Euler Ancestral"}, "did you mean 'k_euler_ancestral'"),
        ({"sampler": "ddim"}, "no sampler .* is called 'ddim'; .* k_lms$"),
        ({"image_format": "jpeg"}, "no image format .* is called 'jpeg'; there are png, webp"),
        ({"noise_schedule": "Karass"}, "no noise schedule .* is called 'Karass'; did you mean 'karras'"),
        ({"size": (1000, 1000)}, "width is 1000, .* multiples of 64, .*; the nearest size is 1024 × 1024$"),
        ({"size": (2048, 4096)}, "takes at most 3145728; the nearest size is 1216 × 2496$"),
        ({"size": (5000, 5000)}, "the nearest size is 1728 × 1728$"),
        ({"size": (100_000, 1)}, "from 64 to 49152; the nearest size is 49152 × 64$"),
        ({"noise_schedule": Sampler("new")}, "no noise schedule .* is called 'new'; there are karras"),
        ({"sampler": "x" * 100}, "sampler is a str"),
        ({"step": 3}, "no parameter 'step'; did you mean 'steps'"),
        ({"strength": 0.5}, "strength does not go with generate, only with img2img and infill"),
        ({"image": b""}, "image is a bytes, .* takes the bytes of an image"),
        ({"image": SOURCE, "strength": 1}, "strength is 1"),
        ({"mask": MASK}, "a mask needs the image that it belongs to"),
        ({"image": SOURCE, "mask": b"GIF"}, "the mask cannot be read: no PNG, JPEG"),
        ({"image": SOURCE, "mask": MASK, "color_correct": True}, "color_correct does not go with infill"),
        ({"vibes": [EncodedVibe(b"x")] * 17}, "17 vibes, and .* takes at most 16"),
        ({"vibes": [EncodedVibe(b"x", key="v4full")]}, "encoded for v4full, and .* takes those for v4-5full"),
        ({"vibes": [EncodedVibe(b"x", 1.5)]}, "the strength of vibe 1 is 1.5, and may be from -1 to 1"),
        ({"references": [PreciseReference(PNG)]}, "a reference has 64 × 64 pixels; fit it into a PNG of 1024 × 1536, "),
        ({"references": [PreciseReference(CANVAS)] * 17}, "17 references"),
        ({"characters": [Character("a")] * 7}, "7 characters, and nai-diffusion-4-5-full takes at most 6"),
        ({"characters": [Character("a", position="F6")]}, "position is A1 to E5, or x and y from 0 to 1, not 'F6'"),
        ({"characters": [Character("a", position=(2, 0))]}, "from 0 to 1, not 2 and 0"),
        ({"uc_preset": "badAnatomy"}, "no UC preset 'badAnatomy'; it has heavy, light, furryFocus, humanFocus, none"),
        ({"uc_preset": "heavier"}, "no uc preset is called 'heavier'; did you mean 'heavy'"),
        ({"quality": "best"}, "no quality is called 'best'; there are standard, light, none"),
        ({"negative_prompt": "x" * 51_201}, "a prompt has 51201 characters, and .* takes at most 51200"),
    ],
)
def test_what_the_service_would_refuse_is_refused_here(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        generate("a cat", model="nai-diffusion-4-5-full", **options)


@given(st.integers(-9, 10**9), st.integers(-9, 10**9))
def test_the_nearest_size_is_one_that_a_request_may_have(width: int, height: int) -> None:
    nearest = find_nearest_size(width, height)
    assert all(side % 64 == 0 and side >= 64 for side in nearest)
    assert nearest[0] * nearest[1] <= MAX_PIXELS
    assert find_nearest_size(*nearest) == nearest


@given(st.integers(-9, 10**9), st.integers(-9, 10**9))
def test_the_nearest_size_of_a_square_is_a_square_and_on_its_side_a_size_is_the_same(width: int, height: int) -> None:
    side, other = find_nearest_size(width, width)
    assert side == other
    assert find_nearest_size(height, width) == find_nearest_size(width, height)[::-1]


def test_some_things_go_together_with_one_model_only() -> None:
    for options, said in (
        ({"sm_dyn": True}, "sm_dyn means nothing without sm"),
        ({"sm": True, "sampler": "ddim"}, "sm does not go with DDIM"),
        ({"sm": True, "image": SOURCE}, "sm does not go with img2img"),
        ({"sampler": "ddim", "image": SOURCE, "mask": MASK}, "is called 'ddim_v3'"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            generate("a cat", **{"model": "nai-diffusion-3", **options})  # type: ignore[arg-type]  # of several types
    with pytest.raises(InvalidRequestError, match=r"Max enhance takes fewer than 2516582.4 pixels, not 2621440"):
        generate("a cat", image=png(2048, 1280), upscaled_enhance=True)
    with pytest.raises(InvalidRequestError, match="is for inpainting, which takes an image and a mask"):
        generate("a cat", model="nai-diffusion-3-inpainting")


def test_who_says_so_sends_what_is_not_known() -> None:
    made = sent_parameters("nai-diffusion-5-full", validate=False, steps=99, dreams=3, extra={"steps": 100, "new": [1]})
    assert (made["steps"], made["dreams"], made["new"]) == (100, 3, [1])
    assert sent_parameters("nai-diffusion-5-full", validate=False, vibes=[EncodedVibe(b"x")])[
        "reference_image_multiple"
    ]


@for_each("name", ["of_my_own", "ddim", "k_euler"])
def test_a_sampler_that_is_meant_is_sent_as_it_is(name: str) -> None:
    for model in ("nai-diffusion-3", "nai-diffusion-5-full"):
        operation = generate("a cat", model=model, sampler=Sampler(name))
        assert body_of(operation.request)["parameters"]["sampler"] == name
        assert pickle.loads(pickle.dumps(operation)) == operation
    preset = ImagePreset("nai-diffusion-3", {"sampler": Sampler(name)})
    assert build_image_request("a cat", preset=preset).parameters["sampler"] == name
    assert ImagePreset.loads(preset.dumps()) == preset  # as text: a preset from a file means nothing by it
    assert repr(Sampler(name)) == f"Sampler({name!r})"


@for_each("name", RULES)
def test_no_parameter_takes_what_json_has_no_place_for(name: str) -> None:
    for value in (object(), b"", 1j, {}):
        with pytest.raises(InvalidRequestError, match=f"^{name} is a "):
            check_parameters(
                {name: value}, ImageModel.ANIME_V3, build_image_request("", model="nai-diffusion-3").action
            )


# ---- models that are not listed, and presets


def test_of_a_model_that_is_not_listed_nothing_is_guessed() -> None:
    for model, said in (
        (ImageModel("nai-diffusion-6"), "no image model is called 'nai-diffusion-6'; .*; give it: "),
        (ImageModel("nai-diffusion-6", ImageModelFacts(generation=Generation.V5)), r"base of .*Facts\(base=…\)"),
        (ImageModel("nai-diffusion-6", ImageModelFacts(generation=Generation.V5, base="")), r"Facts\(scale=…\)"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            generate("a cat", model=model)
    known = ImageModel(
        "nai-diffusion-6", ImageModelFacts(generation=Generation.V5, base="", scale=4, nsfw_prefix=False)
    )
    with pytest.raises(InvalidRequestError, match=r"Facts\(uc=…\)"):
        generate("a cat", model=known)
    assert sent(known)["parameters"] == {**V5, "scale": 4}
    with pytest.raises(InvalidRequestError, match=r"Facts\(quality=…\)"):
        sent(known, quality="light")
    with pytest.raises(InvalidRequestError, match=r"Facts\(inpainting=…\)"):
        sent(known, image=SOURCE, mask=MASK)


@for_each("model", MODELS)
def test_a_default_preset_changes_nothing(model: ImageModel) -> None:
    preset = ImagePreset.from_default(model)
    assert build_image_request("a cat", preset=preset, seed=SEED) == build_image_request(
        "a cat", model=model, seed=SEED
    )
    assert ImagePreset.loads(preset.dumps()) == preset
    if model.inpainting is not None:  # which may be of another generation
        whole = {"image": SOURCE, "mask": MASK, "seed": SEED}
        plain = build_image_request("a cat", model=model, **whole)  # type: ignore[arg-type]  # of several types
        assert build_image_request("a cat", preset=preset, **whole) == plain  # type: ignore[arg-type]


def test_a_preset_s_settings_count_and_a_request_s_own_count_more() -> None:
    preset = ImagePreset("nai-diffusion-3", {"steps": 28, "scale": 6}) | {"scale": 7}
    made = build_image_request("a cat", preset=preset, steps=5)
    assert made.model == ImageModel.ANIME_V3
    assert (made.parameters["steps"], made.parameters["scale"]) == (5, 7)
    assert dict(preset) == {"steps": 28, "scale": 7}
    assert len(preset) == 2
    assert repr(preset) == "<image preset for nai-diffusion-3: steps, scale>"
    assert preset != dict(preset)


def test_a_preset_of_another_program_is_refused() -> None:

    with pytest.raises(InvalidRequestError, match="no setting 'stepps'; did you mean 'steps'"):
        ImagePreset("nai-diffusion-3", {"stepps": 1})
    for text, said in (
        (b"[]", "cat: Expected `object`"),
        (b"{}", r"cat: it has neither parameters \(an object\) nor the settings"),
        (b'{"model":1,"parameters":{}}', r"cat: it has neither"),
        (b"\x89PNG\r\n\x1a\n", "cat: this is a PNG, damaged"),
        (b"PK\3\4", "cat: this is a ZIP archive"),
        ("{}".encode("utf-16"), "cat: this is text in UTF-16"),
        (b'{"model":"x",}', r"cat: not JSON \(byte 13\)"),
        (b'{"model":"x","parameters":{"image":""}}', "cat: an image preset has no setting 'image'"),
    ):
        with pytest.raises(InvalidFile, match=said):
            ImagePreset.loads(text, where="cat")
    other = ImagePreset.loads(b'\xef\xbb\xbf{"model":"x","parameters":{}}', model="nai-diffusion-3")
    assert other.model == ImageModel.ANIME_V3


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)


@given(st.dictionaries(st.sampled_from([*RULES]), values, max_size=4), st.sampled_from(MODELS))
def test_any_options_are_sent_or_refused(options: dict[str, Any], model: ImageModel) -> None:
    try:
        operation = generate("a cat", model=model, **options)
    except InvalidRequestError:
        return
    sent = body_of(operation.request)["parameters"]
    assert sent["seed"] == operation.seed
    said = {name: value for name, value in options.items() if value is not None and not isinstance(value, bytes)}
    if model.family.smea:
        said.pop("auto_smea", None)  # it decides about ``sm``
    assert {name: sent[WIRE_NAMES.get(name, name)] for name in said} == said
