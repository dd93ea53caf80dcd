"""Options that contradict each other are refused by name, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import image, openai, text
from nai_proto.conflicts import Conflict, check_conflicts, override_options
from nai_proto.errors import InvalidRequestError
from nai_proto.image import EncodedVibe, ImagePreset, PreciseReference, Recipe, build_image_request
from nai_proto.image.options import CONFLICTS as IMAGE_CONFLICTS
from nai_proto.openai.request_options import CONFLICTS as OPENAI_CONFLICTS
from nai_proto.text.options import CONFLICTS as TEXT_CONFLICTS
from tests.cases import for_each
from tests.image_support import png

SOURCE = png(832, 1216)
VIBES = [EncodedVibe(b"x")]

CASES: dict[tuple[str, str], tuple[Callable[..., object], dict[str, Any], str]] = {
    ("width", "size"): (
        image.generate,
        {"width": 832, "size": "portrait"},
        r"^width=832 and size=\(832, 1216\) both set the size of the image: give one of them$",
    ),
    ("height", "size"): (image.generate, {"height": 64, "size": (64, 64)}, r"^height=64 and size=\(64, 64\) both set"),
    ("size", "enhance"): (
        image.generate,
        {"size": (64, 64), "enhance": 1.5, "image": SOURCE},
        r"^size=\(64, 64\) and enhance=1.5 both set the size of the image: give one of them$",
    ),
    ("width", "enhance"): (
        image.generate,
        {"width": 64, "enhance": 2, "image": SOURCE},
        "^width=64 and enhance=2 both set the size of the image",
    ),
    ("height", "enhance"): (
        image.generate,
        {"height": 64, "enhance": 2, "image": SOURCE},
        "^height=64 and enhance=2 both set the size of the image",
    ),
    ("enhance", "upscaled_enhance"): (
        image.generate,
        {"enhance": 2, "upscaled_enhance": True, "image": SOURCE},
        "^enhance=2 and upscaled_enhance=True both say how large the image becomes: give one of them$",
    ),
    ("skip_cfg_above_sigma", "variety_plus"): (
        image.generate,
        {"model": "V4.5 Full", "skip_cfg_above_sigma": 0, "variety_plus": True},
        "^skip_cfg_above_sigma=0 and variety_plus=True both set skip_cfg_above_sigma: give one of them$",
    ),
    ("vibes", "references"): (
        image.generate,
        {"model": "V4.5 Full", "vibes": VIBES, "references": [PreciseReference(png(1024, 1536))]},
        "^vibes and references do not go together: give one of them$",
    ),
    ("vibes", "mask"): (
        image.generate,
        {"model": "V4.5 Full", "vibes": VIBES, "image": SOURCE, "mask": png(104, 152)},
        "^vibes and mask do not go together: an image is inpainted without vibes$",
    ),
    ("prefix", "module"): (
        text.generate,
        {"prefix": "vanilla", "module": "theme_textadventure"},
        "^prefix and module both choose the module: give one of them$",
    ),
    ("best_of", "n"): (
        openai.completion,
        {"best_of": 1, "n": 2},
        "^best_of=1 and n=2 contradict each other: .* so give a best_of that is not below n$",
    ),
}


def test_every_row_of_the_tables_has_a_case() -> None:
    rows = [(row.first, row.second) for row in (*IMAGE_CONFLICTS, *TEXT_CONFLICTS, *OPENAI_CONFLICTS)]
    assert sorted(rows) == sorted(CASES)


@for_each("pair", CASES)
def test_options_that_contradict_each_other_are_refused_by_name(pair: tuple[str, str]) -> None:
    function, options, said = CASES[pair]
    with pytest.raises(InvalidRequestError, match=said) as caught:
        function("a cat", **options)
    assert caught.value.parameter == pair[0]


@for_each(
    "function, options",
    [
        (image.generate, {"skip_cfg_above_sigma": None, "variety_plus": True, "model": "V4.5 Full"}),
        (image.generate, {"skip_cfg_above_sigma": 3, "variety_plus": False, "model": "V4.5 Full"}),
        (image.generate, {"width": None, "size": "square"}),
        (image.generate, {"vibes": [], "references": [PreciseReference(png(1024, 1536))], "model": "V4.5 Full"}),
        (text.generate, {"prefix": "vanilla", "module": None}),
        (openai.completion, {"best_of": 2, "n": 2}),
        (openai.completion, {"best_of": 2}),
    ],
)
def test_what_is_not_given_contradicts_nothing(function: Callable[..., object], options: dict[str, Any]) -> None:
    function("a cat", **options)


def test_an_option_wins_over_what_contradicts_it_in_a_preset() -> None:
    preset = ImagePreset("V4.5 Full", {"variety_plus": True})
    assert build_image_request("x", preset=preset, skip_cfg_above_sigma=3).parameters["skip_cfg_above_sigma"] == 3
    other = ImagePreset("V4.5 Full", {"skip_cfg_above_sigma": 3})
    assert build_image_request("x", preset=other, variety_plus=True).parameters["skip_cfg_above_sigma"] == 58
    with pytest.raises(InvalidRequestError, match="both set skip_cfg_above_sigma"):
        build_image_request("x", preset=preset | {"skip_cfg_above_sigma": 3})


def test_an_option_wins_over_what_contradicts_it_in_a_recipe() -> None:
    recipe = Recipe("x", {"model": "V5 Full", "width": 64, "height": 64, "seed": 1}, ())
    sent = recipe.request(size="portrait").parameters
    assert (sent["width"], sent["height"]) == (832, 1216)


def test_a_module_under_its_wire_name_wins_over_that_of_text_adventures() -> None:
    options: Any = {"text_adventure": True, "overrides": {"prefix": "theme_noir"}}
    assert text.build_parameters("euterpe-v2", **options)["prefix"] == "theme_noir"


def test_a_request_that_is_not_checked_may_contradict_itself() -> None:
    assert build_image_request("x", width=64, size=(128, 128), validate=False).parameters["width"] == 128


TABLE = (Conflict("a", "b", "…"), Conflict("b", "c", "…"), Conflict("d", "a", "…", lambda d, a: d is True and a == 1))
OPTIONS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from([None, False, True, 0, 1, (), "x"]))


@given(OPTIONS, OPTIONS)
def test_overriding_adds_no_contradiction(options: dict[str, object], more: dict[str, object]) -> None:
    made = override_options(options, more, TABLE)
    assert {name: made[name] for name in more} == more
    for row in TABLE:
        assert not row.is_in(made) or row.is_in(more) or row.is_in(options)
    if not more:
        assert made == options


@given(OPTIONS)
def test_a_contradiction_is_refused_and_nothing_else_is(options: dict[str, object]) -> None:
    if any(row.is_in(options) for row in TABLE):
        with pytest.raises(InvalidRequestError):
            check_conflicts(options, TABLE)
    else:
        check_conflicts(options, TABLE)
