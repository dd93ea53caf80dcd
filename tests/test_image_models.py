"""The image models, their texts, and where the texts go.

See:
    docs/protocol/image.md#4-models-samplers-schedules-sizes
    docs/protocol/image.md#62-where-presets-go
"""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError
from nai_proto.image import (
    FAMILIES,
    MODELS,
    Generation,
    ImageModel,
    ImageResolution,
    QualityPreset,
    UCPreset,
    with_quality_tags,
    with_uc_preset,
)
from nai_proto.image.choices import TAG_HINTS
from nai_proto.tokenizers import tokenizer_name
from tests.cases import for_each

every_model = for_each("model", MODELS)
some_model = st.sampled_from(MODELS)
prompts = st.text("ab,. |:{}[]", max_size=30) | st.sampled_from(["a cat. Text: hi", "Text: hi", "a||b|c", "a:1|b:-2"])


@every_model
def test_a_model_is_found_by_its_id_and_by_its_name(model: ImageModel) -> None:
    assert ImageModel.named(model.id) == model
    assert ImageModel.named(model.name.upper()) == model
    assert ImageModel.named(model) == model
    assert model.is_listed
    assert model.name != model.id
    assert pickle.loads(pickle.dumps(model)) == model


@every_model
def test_a_listed_model_has_all_facts(model: ImageModel) -> None:
    assert model.base == model
    assert not model.is_inpainting
    assert model.samplers[0] == "k_euler_ancestral"
    assert model.scale > 0
    assert 14 <= model.steps <= 28
    assert model.tokens in (225, 512, 703, 1471)
    assert bool(model.vibe_key) is (model.family.vibes == "encoded")
    assert UCPreset.NONE in model.uc_presets
    assert model.uc_text(model.uc_presets[0])
    assert model.quality_tags(QualityPreset.LIGHT)
    twin = model.inpainting
    if twin is not None:
        assert twin.is_inpainting
        assert twin.inpainting is twin
        assert twin.uc_presets == twin.base.uc_presets
        assert "ddim" not in twin.samplers
        assert twin.base == model or model == ImageModel.V5_CURATED


def test_the_odd_names_are_the_service_s() -> None:
    twins = {model.id: model.inpainting.id for model in MODELS if model.inpainting is not None}
    regular = {f"{model.id}-inpainting" for model in MODELS}
    assert {name: twin for name, twin in twins.items() if twin not in regular or twin != f"{name}-inpainting"} == {
        "nai-diffusion-5-curated": "nai-diffusion-4-5-curated-inpainting",
        "nai-diffusion-4-curated-preview": "nai-diffusion-4-curated-inpainting",
        "nai-diffusion-furry": "furry-diffusion-inpainting",
    }
    assert ImageModel.ANIME_V2.inpainting is None


def test_a_model_that_is_not_listed_has_its_id_for_a_name() -> None:
    new = ImageModel.named("nai-diffusion-6")
    assert (new.name, new.is_listed) == ("nai-diffusion-6", False)
    with pytest.raises(
        InvalidRequestError, match=r"give it: ImageModel\('nai-diffusion-6', ImageModelFacts\(vibe_key=…\)\)"
    ):
        ImageModel("nai-diffusion-6", ImageModel.V5_FULL.facts.__class__(base="")).vibe_key  # noqa: B018 -- it raises


def test_every_generation_has_its_facts() -> None:
    assert [*FAMILIES] == [*Generation]
    assert {model.generation for model in MODELS} == {*Generation}
    assert [family.tokens for family in FAMILIES.values()] == [225, 225, 225, 512, 512, 1471]


@every_model
def test_its_tokenizer_is_known_where_it_is_known_for_sure(model: ImageModel) -> None:
    if not model.facts.unsure:
        assert tokenizer_name(model.id) in ("clip", "t5", "qwen35")


def test_resolutions_have_two_sides() -> None:
    assert (ImageResolution.NORMAL_PORTRAIT.width, ImageResolution.NORMAL_PORTRAIT.height) == (832, 1216)
    assert ImageResolution["NORMAL_PORTRAIT_V1"] is ImageResolution.SMALL_PORTRAIT
    assert all(each.width % 64 == each.height % 64 == 0 for each in ImageResolution)


def test_every_preset_has_a_number() -> None:
    assert set(TAG_HINTS) == {*UCPreset, *QualityPreset}


# ---- where the texts go


@for_each(
    "prompt, model, made",
    [
        ("a cat", "V4.5 Full", "a cat, very aesthetic, masterpiece, no text"),
        ("", "V4.5 Full", "very aesthetic, masterpiece, no text"),
        ("a cat. Text: hi", "V5 Full", "a cat., very aesthetic, masterpiece, no text Text: hi"),
        ("a cat,text:hi", "V5 Full", "a cat,, very aesthetic, masterpiece, no text text:hi"),
        ("Text: hi", "V5 Full", "very aesthetic, masterpiece, no text Text: hi"),
        ("a cat text::1", "V5 Full", "a cat text::1, very aesthetic, masterpiece, no text"),
        ("a cat|a dog", "V4 Full", "a cat, no text, best quality, very aesthetic, absurdres|a dog"),
        ("a||b", "V4 Full", "a||b, no text, best quality, very aesthetic, absurdres"),
        ("a|b:2", "Furry V3", "a, {best quality}, {amazing quality}|b, {best quality}, {amazing quality}:2"),
        ("a", "Anime V2", "very aesthetic, best quality, absurdres, a"),
        ("a|b", "Anime V1 Full", "masterpiece, best quality, a|masterpiece, best quality, b"),
    ],
)
def test_tags_for_quality_go_where_the_model_wants_them(prompt: str, model: str, made: str) -> None:
    assert with_quality_tags(prompt, ImageModel.named(model), QualityPreset.STANDARD) == made


@given(prompts, some_model, st.sampled_from(QualityPreset))
def test_tags_that_are_there_are_not_put_in_again(prompt: str, model: ImageModel, preset: QualityPreset) -> None:
    once = with_quality_tags(prompt, model, preset)
    assert with_quality_tags(once, model, preset) == once
    assert once == prompt or model.quality_tags(preset) in once


@for_each(
    "negative, model, preset, prompt, made",
    [
        (
            "",
            "Anime V3",
            "light",
            "a",
            "nsfw, lowres, jpeg artifacts, worst quality, watermark, blurry, very displeasing",
        ),
        (
            "x",
            "Anime V2",
            "light",
            "NSFW",
            "lowres, jpeg artifacts, worst quality, watermark, blurry, very displeasing, x",
        ),
        ("", "Anime V3", "none", "a", "lowres"),
        ("x", "Anime V3", "none", "a", "x"),
        ("", "Furry V1", "none", "a", "low res"),
        ("", "V5 Full", "none", "a", ""),
        (
            "x|y",
            "V4.5 Curated",
            "light",
            "a",
            "blurry, lowres, upscaled, artistic error, scan artifacts, jpeg artifacts, logo, too many watermarks, "
            "negative space, blank page, x|y",
        ),
    ],
)
def test_ready_made_texts_stand_before_what_is_not_wanted(
    negative: str, model: str, preset: str, prompt: str, made: str
) -> None:
    assert with_uc_preset(negative, ImageModel.named(model), UCPreset(preset), prompt) == made


def test_the_curated_models_say_nothing_of_nsfw() -> None:
    assert [model.name for model in MODELS if not model.nsfw_prefix] == ["V5 Curated", "V4.5 Curated", "V4 Curated"]
