"""The tables of the image models are those of the protocol (its data files)."""

from __future__ import annotations

import json
from typing import Any

from nai_proto.image import (
    FAMILIES,
    MODELS,
    Annotator,
    ControlNetModel,
    DirectorTool,
    Emotion,
    Generation,
    ImageModel,
    ImageResolution,
    ImageSampler,
    NoiseSchedule,
    QualityPreset,
    UCPreset,
    generate,
)
from nai_proto.image.choices import TAG_HINTS
from nai_proto.image.compatibility import CANVASES
from nai_proto.image.families import WITHOUT_SCHEDULE
from nai_proto.image.parameter_rules import MAX_PIXELS, MAX_PROMPT_CHARACTERS, MAX_SEED, max_samples
from tests.cases import for_each
from tests.image_support import body_of
from tests.protocol_data import DATA


def table(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DATA / f"image_{name}.json").read_text("utf-8"))
    return read


TABLE = table("models")
LISTED = [row for row in TABLE["models"] if row["status"] != "nonexistent"]
WEB = {
    "v3": "nai-diffusion-3",
    "v3_furry": "nai-diffusion-furry-3",
    "v4": "nai-diffusion-4-full",
    "v4_5": "nai-diffusion-4-5-full",
    "v5": "nai-diffusion-5-curated",
}


@for_each("row", LISTED)
def test_every_model_is_listed_with_its_facts(row: dict[str, Any]) -> None:
    model = ImageModel.named(row["id"])
    assert model.is_listed
    assert model.generation == row["family"]
    assert model.is_inpainting is row["is_inpainting"]
    assert model.base.id == row.get("base_model", row["id"])
    assert model.facts.retired is (row["status"] == "retired")
    assert model.facts.unsure is (row["status"] == "single_source")
    if not model.is_inpainting:
        twin = model.inpainting
        assert (None if twin is None else twin.id) == row["inpainting_model"]
        assert model.scale == row["default_scale"]
        assert model.steps == row["default_steps"]
        assert model.vibe_key == row.get("vibe_key", "")
        assert row["display_name"].endswith(model.name)
    if "prompt_token_limit" in row:
        assert model.tokens == row["prompt_token_limit"]


def test_no_other_model_is_listed() -> None:
    twins = [model.inpainting.id for model in MODELS if model.inpainting is not None]
    assert {*twins, *(model.id for model in MODELS)} == {row["id"] for row in LISTED}
    assert {model.id for model in MODELS if model.facts.upscales} == set(TABLE["upscale"]["accepted_models"])


@for_each("name", TABLE["families"])
def test_every_generation_is_the_protocol_s(name: str) -> None:
    row, family = TABLE["families"][name], FAMILIES[Generation(name)]
    assert {*family.samplers} == {*row["samplers"]}
    if name not in ("v1", "v2"):  # retired: what their own lists lack is refused
        assert {*family.failing} == {*row.get("samplers_failing", [])}
    assert [*family.schedules] == (row["noise_schedules"] or (["native"] if name == "v2" else []))
    assert family.scale_most == row["scale_max"]
    assert family.structured is row["v4_prompt"]
    assert family.characters == row["max_characters"]
    assert family.free_positions is (row["positioning"] == "freeform")
    assert family.tokens == row["prompt_token_limit"]
    assert family.vibes == {"none": "", "raw_image": "raw", "encoded": "encoded"}[row["vibe_transfer"]]
    assert family.references is row["precise_reference"]
    assert family.controlnet is row["controlnet"]
    assert family.smea is row["smea"]
    assert family.auto_smea == row["auto_smea_threshold_pixels"]
    assert family.decrisper is row["decrisper"]
    assert family.variety_sigma == row["variety_sigma"]
    assert family.transparency is row["transparency"]
    assert family.streaming is row["streaming"]
    assert family.max_enhance is row.get("max_enhance", False)
    assert family.legacy_uc is row.get("legacy_uc_supported", False)
    assert family.character_uc == TABLE["character_default_uc"].get(name, "")


def test_the_words_are_the_protocol_s() -> None:
    assert {*ImageSampler} == {*TABLE["samplers"]["all_known"]}
    assert [*NoiseSchedule] == TABLE["noise_schedules"]
    assert {*WITHOUT_SCHEDULE} == {*TABLE["samplers"]["without_noise_schedule"]}
    assert {each.value for each in ImageResolution} == {(row["width"], row["height"]) for row in TABLE["resolutions"]}
    assert [*DirectorTool] == [row["req_type"] for row in TABLE["director_tools"]]
    assert [*Emotion] == TABLE["emotions"]
    assert {each: each.controlnet for each in Annotator} == {
        row["id"]: row["controlnet_model"] for row in TABLE["controlnet"]["annotators"]
    }
    assert {*ControlNetModel} == {*filter(None, (each.controlnet for each in Annotator))}
    assert TABLE["tag_hint_ids"] == TAG_HINTS
    assert [*map(list, CANVASES)] == TABLE["precise_reference"]["image_sizes"]


def test_the_limits_are_the_protocol_s() -> None:
    limits = TABLE["limits"]
    assert (limits["max_pixels"], limits["max_seed"]) == (MAX_PIXELS, MAX_SEED)
    assert limits["max_prompt_characters"] == MAX_PROMPT_CHARACTERS
    for row in limits["n_samples_by_pixels"]:
        assert max_samples(row["max_pixels"], 1) == row["n_samples"]


@for_each("name", table("uc_presets")["models"])
def test_every_ready_made_text_is_the_protocol_s(name: str) -> None:
    model, row = ImageModel.named(name), table("uc_presets")["models"][name]
    assert [(preset, model.uc_text(preset)) for preset in model.uc_presets] == [
        (UCPreset(preset["id"]), preset["text"]) for preset in row["presets"]
    ]
    assert [TAG_HINTS[preset] for preset in model.uc_presets] == [preset["tag_hint"] for preset in row["presets"]]
    assert model.nsfw_prefix is row["nsfw_prefix"]
    tags = table("quality_tags")["models"][name]
    assert model.quality_tags(QualityPreset.STANDARD) == tags["standard"]
    assert model.quality_tags(QualityPreset.LIGHT) == tags.get("light", tags["standard"])


@for_each("name", WEB)
def test_a_request_that_asks_for_nothing_in_particular_is_the_website_s(name: str) -> None:
    want = table("defaults")["web_client"][name]
    body = body_of(generate("a cat", model=WEB[name], seed=1).request)
    made = body["parameters"]
    want |= {"seed": 1, "image_format": "png", "negative_prompt": made["negative_prompt"]}
    if "v4_prompt" in want:
        want["v4_prompt"]["caption"]["base_caption"] = body["input"]
        want["v4_negative_prompt"]["caption"]["base_caption"] = made["negative_prompt"]
    assert made == want
