"""Image presets of novelai-api: files of the form of its six.

See docs/protocol/image.md#34-presets-of-novelai-api.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.image import ImageModel, ImagePreset, build_image_request
from nai_transports.preset_files import load_image_preset, save_image_preset
from tests.cases import for_each
from tests.image_support import png

FIRST: Final[dict[str, Any]] = {
    "resolution": "Normal_Portrait",
    "scale": 10,
    "sampler": "k_euler_ancestral",
    "steps": 28,
    "n_samples": 1,
    "strength": 0.7,
    "noise": 0,
    "uc_preset": "Preset_Low_Quality_Bad_Anatomy",
    "quality_toggle": True,
    "smea": False,
    "smea_dyn": False,
    "decrisper": False,
    "controlnet_strength": 1,
    "legacy": False,
    "add_original_image": True,
    "legacy_v3_extend": False,
    "params_version": 1,
    "uc": "",
}
MIDDLE: Final[dict[str, Any]] = {
    **FIRST,
    "resolution": "Normal_Portrait_v3",
    "uc_preset": "Preset_Heavy",
    "auto_smea": True,
    "uncond_scale": 1,
    "cfg_rescale": 0,
    "noise_schedule": "native",
}
NEW: Final[dict[str, Any]] = {
    **{name: value for name, value in MIDDLE.items() if name not in ("auto_smea", "strength", "noise", "uncond_scale")},
    "autoSmea": True,
    "deliberate_euler_ancestral_bug": False,
    "inpaintImg2ImgStrength": 1,
    "legacy_uc": False,
    "noise_schedule": "karras",
    "normalize_reference_strength_multiple": True,
    "params_version": 3,
    "prefer_brownian": True,
    "scale": 6,
    "steps": 23,
    "use_coords": False,
}
SIX: Final = {
    "v1": (FIRST, ("nai-diffusion", "safe-diffusion"), (512, 768)),
    "v2": ({**MIDDLE, "resolution": "Normal_Portrait_v2"}, ("nai-diffusion-2",), (832, 1216)),
    "v3": ({**MIDDLE, "scale": 5, "sampler": "k_euler"}, ("nai-diffusion-3",), (832, 1216)),
    "furry": ({**MIDDLE, "scale": 6.2}, ("nai-diffusion-furry-3",), (832, 1216)),
    "v4": (NEW, ("nai-diffusion-4-full", "nai-diffusion-4-curated-preview"), (832, 1216)),
    "v45": (
        {**NEW, "autoSmea": False, "seed": 0, "scale": 5, "uncond_scale": 1},
        ("nai-diffusion-4-5-full", "nai-diffusion-4-5-curated"),
        (832, 1216),
    ),
}
RENAMED: Final = {"smea": "sm", "smea_dyn": "sm_dyn", "decrisper": "dynamic_thresholding"}
LEFT_OUT: Final = ("strength", "noise", "resolution", "uc_preset", "quality_toggle", "uc", "auto_smea", "seed")


@pytest.mark.parametrize("name", SIX)
def test_each_of_the_six_is_loaded_and_sent_for_its_models(name: str, tmp_path: Path) -> None:
    written, models, size = SIX[name]
    path = tmp_path / "default.preset"
    path.write_text(json.dumps(written, indent=4))
    assert load_image_preset(path).model is None
    for model in models:
        preset = load_image_preset(path, model=model)
        assert preset.model == ImageModel.named(model)
        request = build_image_request("a cat", preset=preset, seed=1)
        sent = request.parameters
        assert (sent["width"], sent["height"]) == size
        assert {RENAMED.get(key, key): sent.get(RENAMED.get(key, key)) for key in written if key not in LEFT_OUT} == {
            RENAMED.get(key, key): value for key, value in written.items() if key not in LEFT_OUT
        }
        usual = build_image_request("a cat", model=model, seed=1)
        assert (request.input, sent["negative_prompt"]) == (usual.input, usual.parameters["negative_prompt"])
        assert not {"strength", "noise"} & sent.keys()
        assert build_image_request("a cat", preset=load_image_preset(path), model=model, seed=1) == request


def test_strength_and_noise_count_with_an_image_only() -> None:
    preset = ImagePreset.loads(json.dumps({**MIDDLE, "strength": 0.4, "noise": 0.1}), model="nai-diffusion-3")
    sent = build_image_request("a cat", preset=preset, image=png(64, 64), seed=1).parameters
    assert (sent["strength"], sent["noise"]) == (0.4, 0.1)
    assert "strength" not in build_image_request("a cat", preset=preset, seed=1).parameters


@for_each(
    "changed, settings",
    [
        ({"resolution": "Large_Square"}, {"width": 1024, "height": 1024}),
        ({"resolution": "Large_Square_v4"}, {"width": 1472, "height": 1472}),
        ({"resolution": "Wallpaper_Landscape"}, {"width": 1920, "height": 1088}),
        ({"resolution": [640, 384]}, {"width": 640, "height": 384}),
        ({"uc_preset": "Preset_Furry_Focus"}, {"uc_preset": "furryFocus"}),
        ({"uc_preset": None}, {"uc_preset": "none"}),
        ({"quality_toggle": False}, {"quality": "none"}),
        ({"uc": "fog"}, {"negative_prompt": "fog"}),
        ({"smea": True, "smea_dyn": True}, {"sm": True, "sm_dyn": True}),
        ({"seed": 7}, {"seed": 7}),
        ({"variety_plus": True}, {"variety_plus": True}),
    ],
)
def test_its_settings_have_names_here(changed: dict[str, Any], settings: dict[str, Any]) -> None:
    preset = ImagePreset.loads(json.dumps({**MIDDLE, **changed}))
    assert {name: preset[name] for name in settings} == settings


@for_each(
    "changed, problem",
    [
        (
            {"resolution": "Huge"},
            "no resolution of novelai-api is called 'Huge'; there are Small_Portrait_v3, .*Wallpaper_Portrait",
        ),
        ({"resolution": "Normal_Portrait_v9"}, "'Normal_Portrait_v9'; did you mean 'Normal_Portrait_v3'"),
        ({"resolution": "Normal_Portrai"}, "'Normal_Portrai'; did you mean 'Normal_Portrait'"),
        ({"resolution": 5}, "resolution takes a name, or a list of width and height"),
        ({"uc_preset": "Heavy"}, "no uc_preset of novelai-api is called 'Heavy'; did you mean 'Preset_Heavy'"),
        ({"uc_preset": []}, "uc_preset takes the name of a preset, or null"),
        ({"quality_toggle": 1}, "quality_toggle takes true or false"),
        ({"quality_toggle": "yes"}, "quality_toggle takes true or false"),
        ({"stepz": 5}, "no setting 'stepz'; did you mean 'steps'"),
        ({"controlnet_strength": 0.5}, "no setting 'controlnet_strength'"),
    ],
)
def test_what_is_none_of_its_settings_is_named(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidFile, match=f"default.preset: .*{problem}"):
        ImagePreset.loads(json.dumps({**MIDDLE, **changed}), where="default.preset")


def test_a_preset_without_a_model_is_for_the_model_of_the_request(tmp_path: Path) -> None:
    preset = ImagePreset(None, {"steps": 5})
    assert repr(preset) == "<image preset for any model: steps>"
    save_image_preset(preset, tmp_path / "any.json")
    assert load_image_preset(tmp_path / "any.json") == preset == (preset | {})
    assert build_image_request("a cat", preset=preset, model="V4 Full").parameters["steps"] == 5
    with pytest.raises(InvalidRequestError, match="the preset names no model; give it: model=…"):
        build_image_request("a cat", preset=preset)
