"""From a request to what the service writes into its picture, and back to the request.

See docs/protocol/image.md#81-png-text.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.picture_files import write_picture
from nai_proto.codecs.picture_metadata import Metadata, read_metadata
from nai_proto.codecs.picture_places import Place
from nai_proto.codecs.pixels import Pixels
from nai_proto.codecs.zip_archive import unzip
from nai_proto.errors import InvalidRequestError, NaiError, RemoteProtocolError
from nai_proto.image import (
    MODELS,
    Character,
    ControlNet,
    ControlNetModel,
    EncodedVibe,
    Generation,
    ImageModel,
    ImageRequest,
    PreciseReference,
    Recipe,
    Vibe,
    build_image_request,
    generate,
)
from nai_proto.image.model_hashes import HASHES
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.image_support import PNG, body_of, png
from tests.support import an_emulator
from tests.test_emulator import send_request as ask
from tests.test_image_tables import LISTED

SOURCE = png(832, 1216)
MASK = png(104, 152)

REQUEST_TYPES = {
    "generate": "PromptGenerateRequest",
    "img2img": "Img2ImgRequest",
    "infill": "NativeInfillingRequest",
}
FLOATS = ("scale", "cfg_rescale", "skip_cfg_above_sigma", "strength", "noise")
ECHOED = (
    *("steps", "height", "width", "scale", "cfg_rescale", "n_samples", "noise_schedule", "legacy_v3_extend", "sampler"),
    *("dynamic_thresholding", "sm", "sm_dyn", "skip_cfg_above_sigma", "deliberate_euler_ancestral_bug"),
    *("prefer_brownian", "strength", "noise", "extra_noise_seed", "inpaintImg2ImgStrength", "controlnet_strength"),
)
V5_ECHOED = (
    "tag_hint_qt",
    "tag_hint_uc_preset",
    "tag_hint_transparent_background",
    "straight_alpha",
    "upscaled_enhance",
)
UNTOLD = ("qualityPresetId", "ucPresetId", "tag_hint_qt", "tag_hint_uc_preset", "image_format", "add_original_image")


def side(v4: Any, *, wanted: bool) -> dict[str, Any]:
    coords = (
        {"use_coords": v4["use_coords"], "use_order": True} if wanted else {"use_coords": False, "use_order": False}
    )
    return {"caption": v4["caption"], **coords, "legacy_uc": v4.get("legacy_uc", False)}


def comment(request: ImageRequest, sample: int = 0, **more: Any) -> dict[str, Any]:
    """What the service writes of a request into the picture of one of its samples."""
    sent = request.parameters
    v5 = request.model.generation is Generation.V5
    recorded: dict[str, Any] = {
        "prompt": request.input,
        "seed": request.seed + sample,
        "uc": sent["negative_prompt"],
    }
    recorded |= {name: sent.get(name) for name in (*ECHOED, *(V5_ECHOED if v5 else ()))}
    recorded |= {
        name: False for name in ("upscaled_enhance", "tag_hint_transparent_background") if v5 and recorded[name] is None
    }
    recorded |= {name: float(recorded[name]) for name in FLOATS if recorded[name] is not None}
    early = request.model.generation in (Generation.V1, Generation.V2)
    recorded |= {"uncond_scale": sent.get("uncond_scale", 1.0) if early else 0.0}
    recorded |= {"controlnet_model": sent.get("controlnet_model"), "version": 1, "stream": "none"}
    recorded |= {
        "lora_unet_weights": None,
        "skip_cfg_below_sigma": 0.0,
        "extra_passthrough_testing": {"uc": None, "r": 0.0},
    }
    if request.model.family.structured:
        recorded["v4_prompt"] = side(sent["v4_prompt"], wanted=True)
        recorded["v4_negative_prompt"] = side(sent["v4_negative_prompt"], wanted=False)
    for name in ("reference_strength_multiple", "reference_information_extracted_multiple"):
        recorded[name] = sent.get(name, [])
    if images := sent.get("reference_image_multiple"):
        assert isinstance(images, list)
        recorded["reference_image_multiple"] = [b64encode(image).decode() for image in images]
    recorded |= {"director_reference_strengths": sent.get("director_reference_strength_values")}
    recorded |= {"request_type": REQUEST_TYPES[request.action.value], **more}
    return recorded


def metadata(request: ImageRequest, sample: int = 0, **more: Any) -> Metadata:
    source = f"NovelAI Diffusion {HASHES[request.model.base.id][0]}"
    return Metadata.from_comment(
        comment(request, sample, **more), description=request.input, source=source, seconds=2.5
    )


def told_of(request: ImageRequest) -> dict[str, Any]:
    """A request but for what no picture tells."""
    v5 = request.model.generation is Generation.V5
    left_out = () if v5 else UNTOLD
    parameters = {name: value for name, value in request.parameters.items() if name not in left_out}
    return {**request.body, "parameters": parameters}


# ---- laws


def texts(most: int = 40) -> st.SearchStrategy[str]:
    words = st.sampled_from(["a cat", ", ", "|", "||", "nsfw", "1girl", "{", "]", "2::", '"hi"', "Text: x", " ", "猫"])
    return st.lists(words | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=8).map("".join)


@st.composite
def image_requests(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A prompt and options for one of the models."""
    model = draw(st.sampled_from(MODELS))
    family, generation = model.family, model.generation
    samplers = [sampler for sampler in model.samplers if sampler != "ddim" or generation is not Generation.V3]
    options: dict[str, Any] = {
        "model": model.id,
        "negative_prompt": draw(texts()),
        "uc_preset": draw(st.sampled_from(model.uc_presets)),
        "quality": draw(st.sampled_from(["standard", "light", "none"])),
        "seed": draw(st.integers(0, 2**32 - 8)),
        "width": 64 * draw(st.integers(1, 20)),
        "height": 64 * draw(st.integers(1, 20)),
        "steps": draw(st.integers(1, 50)),
        "scale": draw(st.integers(0, 100)) / 10,
        "sampler": draw(st.sampled_from(samplers)),
        "n_samples": draw(st.integers(1, 4)),
        "legacy_v3_extend": draw(st.booleans()),
        "deliberate_euler_ancestral_bug": draw(st.booleans()),
        "prefer_brownian": draw(st.booleans()),
    }
    if family.schedules:
        options |= {"noise_schedule": draw(st.sampled_from(family.schedules)), "cfg_rescale": draw(st.floats(0, 1))}
    if generation is Generation.V2 and draw(st.booleans()):
        options["uncond_scale"] = draw(st.floats(0, 1.5))
    if family.smea and options["sampler"] not in ("ddim", "ddim_v3"):
        options["sm"] = draw(st.booleans())
        options["sm_dyn"] = options["sm"] and draw(st.booleans())
    if family.decrisper:
        options["dynamic_thresholding"] = draw(st.booleans())
    if family.variety_sigma is not None:
        options["variety_plus"] = draw(st.booleans())
    if family.legacy_uc:
        options["legacy_uc"] = draw(st.booleans())
    if family.characters:
        places = st.none() | st.sampled_from(["A1", "C3", "E5", "b4"]) | st.tuples(st.floats(0, 1), st.floats(0, 1))
        character = st.builds(Character, texts(), st.none() | texts(), places, st.booleans())
        options |= {"characters": draw(st.lists(character, max_size=4)), "as_typed": draw(st.booleans())}
    if family.vibes:
        strengths = st.floats(0.01, 1)
        encoded = st.builds(EncodedVibe, st.binary(min_size=1, max_size=9), strengths, key=st.just(model.vibe_key))
        raw = st.builds(Vibe, st.sampled_from([png(1, 1), png(64, 3)]), strengths, strengths)
        options["vibes"] = draw(st.lists(raw if family.vibes == "raw" else encoded, max_size=6))
    if family.transparency:
        options |= {name: draw(st.booleans()) for name in ("transparent", "auto_text", "straight_alpha")}
    if draw(st.booleans()):
        options |= {"image": SOURCE, "strength": draw(st.floats(0.01, 0.99)), "noise": draw(st.floats(0, 0.99))}
        options |= {"sm": False, "sm_dyn": False} if family.smea else {}
        if draw(st.booleans()) and model.inpainting is not None:
            options |= {"mask": MASK, "width": 832, "height": 1216, "vibes": ()}
            options |= {"sampler": "k_euler"} if options["sampler"] in ("ddim", "ddim_v3") else {}
            if model.inpainting.family.structured:
                options["inpaint_img2img_strength"] = draw(st.floats(0, 1))
            if model.inpainting.generation is not generation:  # V4.5 inpaints for V5 Curated
                options = {name: value for name, value in options.items() if name not in V5_ONLY}
                options |= {"uc_preset": "heavy", "scale": 5.0, "characters": options["characters"][:4]}
    return draw(texts()), options


V5_ONLY = ("transparent", "auto_text", "straight_alpha")


@settings(max_examples=scale_examples(80))
@given(image_requests(), st.integers(0, 3))
def test_a_picture_s_request_is_the_one_that_it_was_drawn_for(case: tuple[str, dict[str, Any]], sample: int) -> None:
    prompt, options = case
    request = build_image_request(prompt, **options)
    recipe = Recipe.of(metadata(request, sample))
    sources: dict[str, Any] = {name: options[name] for name in ("image", "mask") if name in options}
    assert recipe.missing == tuple(sources)
    again = recipe.request(**sources)
    expected = build_image_request(prompt, **{**options, "seed": request.seed + sample})
    expected_told, again_told = told_of(expected), told_of(again)
    if sources:  # of the first picture's seed, and not of this one's
        expected_told["parameters"] = {**expected_told["parameters"], "extra_noise_seed": (request.seed - 1) % 2**32}
    assert again_told == expected_told
    assert comment(again) == comment(request, sample)


@settings(max_examples=scale_examples(40))
@given(image_requests())
def test_a_recipe_of_a_recipe_is_the_same(case: tuple[str, dict[str, Any]]) -> None:
    prompt, options = case
    options.pop("image", None), options.pop("mask", None)
    for name in ("strength", "noise", "inpaint_img2img_strength"):
        options.pop(name, None)
    first = Recipe.of(metadata(build_image_request(prompt, **options)))
    second = Recipe.of(metadata(first.request()))
    assert first == second


# ---- examples


def test_generate_takes_a_recipe_as_it_is() -> None:
    request = build_image_request(
        "a cat", model="V4.5 Full", characters=[Character("girl, red hair", "hat", "B2")], seed=5
    )
    recipe = Recipe.of(metadata(request))
    body = body_of(generate(recipe.prompt, **recipe.options).request)
    assert body["input"] == "a cat, very aesthetic, masterpiece, no text"
    assert body["parameters"]["negative_prompt"].count("nsfw") == 1
    assert body["parameters"]["v4_prompt"] == request.parameters["v4_prompt"]
    assert recipe.missing == ()


def test_a_file_is_read_and_drawn_again() -> None:
    request = build_image_request("a cat", model="V5 Full", transparent=True, seed=7, n_samples=2)
    drawn = write_picture(Pixels(256, 256, bytes(4 * 256 * 256)), metadata(request, 1))
    found = read_metadata(drawn)
    assert found is not None
    assert Recipe.of(found).request() == build_image_request(
        "a cat", model="V5 Full", transparent=True, seed=8, n_samples=2
    )


def test_a_copy_in_alpha_does_as_well() -> None:
    recorded = metadata(build_image_request("a cat", seed=7))
    hidden = Metadata({name: text for name, text in recorded.texts.items() if name != "Title"}, Place.ALPHA)
    assert Recipe.of(hidden) == Recipe.of(recorded)


def test_a_recipe_is_altered_as_it_is_used() -> None:
    recipe = Recipe.of(metadata(build_image_request("a cat", model="V5 Full", seed=7)))
    again = recipe.request(seed=8, steps=28, size=(1024, 1024), extra={"new": 1})
    assert again.parameters == {
        **build_image_request("a cat", model="V5 Full", seed=8, steps=28, size=(1024, 1024)).parameters,
        "new": 1,
    }


def without(value: object, path: str) -> object:
    """A JSON value with null at a path, whose items of lists are all meant by ``*``."""
    name, _, rest = path.partition(".")
    if name == "*":
        assert isinstance(value, list)
        return [without(item, rest) for item in value]
    assert isinstance(value, dict)
    return {**value, name: without(value[name], rest) if rest else None}


@for_each(
    "path, changed",
    [
        ("uc", {"negative_prompt": ""}),
        ("prompt", {}),
        ("request_type", {}),
        ("reference_strength_multiple", {}),
        ("v4_prompt", {"characters": None, "use_coords": False}),
        ("v4_prompt.caption", {"characters": None}),
        ("v4_prompt.caption.base_caption", {}),
        ("v4_prompt.caption.char_captions", {"characters": None}),
        ("v4_prompt.caption.char_captions.*.char_caption", {"characters": (Character("", "hat", (0.3, 0.3)),)}),
        ("v4_prompt.caption.char_captions.*.centers", {"characters": (Character("girl", "hat"),)}),
        ("v4_prompt.caption.char_captions.*.centers.*.x", {"characters": (Character("girl", "hat"),)}),
        ("v4_prompt.use_coords", {"use_coords": False}),
        ("v4_negative_prompt", {"characters": (Character("girl", "", (0.3, 0.3)),)}),
        ("v4_negative_prompt.caption.char_captions", {"characters": (Character("girl", "", (0.3, 0.3)),)}),
        ("v4_negative_prompt.legacy_uc", {}),
    ],
)
def test_null_is_absent_wherever_it_stands(path: str, changed: dict[str, object]) -> None:
    request = build_image_request(
        "a cat", model="V4.5 Full", characters=[Character("girl", "hat", "B2")], negative_prompt="fog", seed=7
    )
    recorded = without({**comment(request), "req_type": None, "signed_hash": None}, path)
    assert isinstance(recorded, dict)
    found = Recipe.of(Metadata.from_comment(recorded, description=request.input, source="NovelAI Diffusion V4.5"))
    whole = Recipe.of(metadata(request))
    expected = {name: value for name, value in {**whole.options, **changed}.items() if value is not None}
    assert (found.prompt, found.options, found.missing) == (whole.prompt, expected, ())


def test_the_hashes_are_the_protocol_s() -> None:
    assert {row["id"]: tuple(row["source_hashes"]) for row in LISTED if "source_hashes" in row} == HASHES


@for_each("hash_", [hash_ for hashes in HASHES.values() for hash_ in hashes])
def test_every_hash_names_its_model(hash_: str) -> None:
    said = comment(build_image_request("a cat", model="V4.5 Full", seed=1))
    for source in (f"Stable Diffusion XL {hash_}", hash_.lower()):
        recipe = Recipe.of(Metadata.from_comment(said, description=None, source=source))
        assert hash_ in HASHES[ImageModel.named(recipe.options["model"] or "").id]


@for_each(
    "source, more, model",
    [
        ("NovelAI Diffusion V5", {"model_hash": "DB276663"}, "nai-diffusion-5-curated"),
        ("NovelAI Diffusion V5 FFFFFFFF", {"model_name": "nai-diffusion-5-full"}, "nai-diffusion-5-full"),
        (None, {"model_name": "V4.5 Curated Inpainting"}, "nai-diffusion-4-5-curated"),
        (None, {"model": "nai-diffusion-3"}, "nai-diffusion-3"),
        ("NovelAI Diffusion V4.5 4BDE2A90", {"model": "nai-diffusion-3"}, "nai-diffusion-4-5-full"),
        ("NovelAI Diffusion V4.5", {"model": "nai-diffusion-4-5-curated"}, "nai-diffusion-4-5-curated"),
        ("NovelAI Diffusion V4.5", {"model": "of another service"}, "nai-diffusion-4-5-full"),
        ("NovelAI Diffusion V4 FFFFFFFF", {"model": None}, "nai-diffusion-4-full"),
        ("NAI Diffusion V4.5 Curated", {}, "nai-diffusion-4-5-curated"),
        ("NovelAI Diffusion Furry V3 FFFFFFFF", {}, "nai-diffusion-furry-3"),
        ("Stable Diffusion XL", {}, "nai-diffusion-3"),
    ],
)
def test_a_model_may_name_itself(source: str | None, more: dict[str, Any], model: str) -> None:
    said = comment(build_image_request("a cat", seed=1), **more)
    assert (
        ImageModel.named(
            Recipe.of(Metadata.from_comment(said, description=None, source=source)).options["model"] or ""
        ).id
        == model
    )


@for_each("more", [{}, {"model_name": "new"}, {"model_name": 5, "model_hash": ["x"]}])
def test_the_caller_gives_a_model_that_is_not_known(more: dict[str, Any]) -> None:
    unknown = Metadata.from_comment(
        comment(build_image_request("a cat", seed=1), **more), description="a cat", source="New FFFFFFFF"
    )
    with pytest.raises(InvalidRequestError, match=r"give it: Recipe\.of"):
        Recipe.of(unknown)
    assert Recipe.of(unknown, model="V4.5 Full").options["model"] == ImageModel.V4_5_FULL


def test_what_a_picture_does_not_tell_is_named() -> None:
    options: dict[str, Any] = {"seed": 1, "width": 832, "height": 1216}
    reference = PreciseReference(png(1024, 1536))
    requests = {
        ("image",): build_image_request("a cat", image=SOURCE, **options),
        ("image", "mask"): build_image_request("a cat", image=SOURCE, mask=MASK, **options),
        ("references",): build_image_request("a cat", model="V4.5 Full", references=[reference], **options),
        ("controlnet",): build_image_request(
            "a cat", model="Anime V2", controlnet=ControlNet(PNG, ControlNetModel.SCRIBBLER), **options
        ),
    }
    for missing, request in requests.items():
        assert Recipe.of(metadata(request)).missing == missing
    bare = metadata(build_image_request("a cat", model="V4.5 Full", vibes=[EncodedVibe(b"x")], seed=1))
    without = {name: value for name, value in bare.parameters().items() if name != "reference_image_multiple"}
    assert Recipe.of(Metadata.from_comment(without, description=None, source=bare.source)).missing == ("vibes",)


def test_a_picture_of_the_first_year_tells_less() -> None:
    said = {
        "steps": 28,
        "sampler": "k_euler_ancestral",
        "seed": 1,
        "strength": 0.69,
        "noise": 0.2,
        "scale": 11.0,
        "uc": "dog",
    }
    recipe = Recipe.of(Metadata.from_comment(said, description="a cat", source="Stable Diffusion 1D44365E"))
    assert recipe.prompt == "a cat"
    assert recipe.missing == ("width", "height")
    assert recipe.request(width=512, height=512).parameters["negative_prompt"] == "dog"
    nothing = Recipe.of(Metadata.from_comment({}, description=None, source="Stable Diffusion 1D44365E"))
    assert nothing.missing == ("width", "height", "scale", "sampler", "steps", "seed", "prompt")


def test_a_sampler_that_made_a_picture_makes_the_next_one_though_it_is_not_listed() -> None:
    said = {**comment(build_image_request("a cat", model="V4.5 Full", seed=1)), "sampler": "native"}
    recipe = Recipe.of(Metadata.from_comment(said, description=None, source="V 4BDE2A90"))
    assert recipe.request().parameters["sampler"] == "native"


def test_a_picture_made_from_an_image_may_not_tell_how_much_of_it() -> None:
    request = build_image_request("a cat", model="V4.5 Full", image=SOURCE, mask=MASK, seed=1)
    less = {**comment(request), "strength": None, "noise": None, "inpaintImg2ImgStrength": None}
    recipe = Recipe.of(Metadata.from_comment(less, description=None, source="V 4BDE2A90"))
    assert recipe.missing == ("image", "mask", "strength", "noise", "inpaint_img2img_strength")


def test_the_last_of_the_seeds_leaves_room_for_one_picture() -> None:
    last = metadata(build_image_request("a cat", seed=2**32 - 4, n_samples=4), 3)
    assert Recipe.of(last).request().parameters["n_samples"] == 1


def test_nothing_unwanted_stays_nothing_where_something_would_be_put_in() -> None:
    plain = metadata(build_image_request("a cat", model="Anime V3", seed=1), uc="")
    assert Recipe.of(plain).request().parameters["negative_prompt"] == ""


WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "tool": ({"req_type": "emotion"}, "made by a director tool"),
    "way": ({"request_type": "Dreaming"}, "how 'Dreaming' makes one is not known"),
    "steps": ({"steps": "many"}, "its steps is not an integer"),
    "seed": ({"seed": 1.5}, "its seed is not an integer"),
    "scale": ({"scale": True}, "its scale is not a number"),
    "prompt": ({"prompt": ["x"]}, "its prompt is no text"),
    "uc": ({"uc": 1}, "its uc is no text"),
    "v4": ({"v4_prompt": []}, "picture: "),
    "caption": ({"v4_prompt": {"caption": {"char_captions": [{"char_caption": 5}]}}}, "char_caption"),
    "vibe": ({"reference_image_multiple": ["?"], "reference_strength_multiple": [1]}, "a vibe in it is no base64"),
}


@for_each("more, problem", WRONG.values())
def test_a_damaged_comment_is_an_error_that_says_what_is_wrong(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match=problem):
        Recipe.of(metadata(build_image_request("a cat", model="V4.5 Full", seed=1), **more))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
KEYS = sorted(
    {*comment(build_image_request("a cat", vibes=(), seed=1)), "reference_image_multiple", "upscale", "model_name"}
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.sampled_from([*HASHES]))
def test_whatever_a_comment_says_there_is_a_recipe_or_an_error_of_ours(said: dict[str, Any], model: str) -> None:
    request = build_image_request("a cat", model=model, seed=1)
    recorded = Metadata({"Source": HASHES[model][0], "Comment": json.dumps({**comment(request), **said})})
    try:
        Recipe.of(recorded).request(image=SOURCE, mask=MASK)
    except NaiError:
        pass


def test_no_prompt_is_in_a_repr() -> None:
    assert "secret" not in repr(Recipe.of(metadata(build_image_request("secret", negative_prompt="secret", seed=1))))


# ---- the emulator's pictures


@settings(max_examples=scale_examples(30))
@given(image_requests(), st.sampled_from(["png", "webp"]))
def test_the_recipe_of_an_emulator_s_image_requests_it_again(
    case: tuple[str, dict[str, Any]], image_format: str
) -> None:
    prompt, options = case
    options["image_format"] = image_format
    sources = {"image": png(64, 128), "mask": png(8, 16)}
    options |= {name: source for name, source in sources.items() if name in options}
    request = build_image_request(prompt, **{**options, "width": 64, "height": 128, "n_samples": 2})
    emulator, owner = an_emulator()
    head, archive = ask(emulator, "POST", "/ai/generate-image", request.body, owner=owner)
    assert head.status == 200, archive
    for sample, member in enumerate(unzip(archive)):
        found = read_metadata(bytes(member.data))
        assert found is not None
        recipe = Recipe.of(found)
        assert set(recipe.missing) <= sources.keys()
        missing: Any = {name: source for name, source in sources.items() if name in recipe.missing}
        again = recipe.request(**missing)
        assert comment(again) == comment(request, sample)
        assert (again.input, again.parameters["image_format"]) == (request.input, image_format)
        head, redrawn = ask(emulator, "POST", "/ai/generate-image", again.body, owner=owner)
        assert bytes(next(unzip(redrawn)).data) == bytes(member.data)
