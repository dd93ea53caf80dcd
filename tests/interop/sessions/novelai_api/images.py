"""Images that are drawn: by every model with its presets, from other images, with vibes and control nets."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from novelai_api.ImagePreset import (
    ControlNetModel,
    ImageGenerationType,
    ImageModel,
    ImagePreset,
    ImageSampler,
)

from ..checking import check
from .novel import Novel, refused
from .tools import anlas, opened, picture

SIZE = (128, 64)
MODELS = [model for model in ImageModel if not ImagePreset.is_model_inpainting(model)]
INPAINTING = [model for model in ImageModel if ImagePreset.is_model_inpainting(model)]


async def session(novel: Novel) -> None:
    """All of it; addresses are apart."""
    api = await novel.bearer()
    await _every_model(api)
    await _settings(api)
    await _from_images(api)
    await _references(api)
    await _prices(api)
    await _refusals(api)


def preset_of(model: ImageModel, **changed: Any) -> Any:
    """The client's own for a model, and small."""
    preset = ImagePreset.from_default_config(model)
    if preset.uc_preset not in _uc_presets(model):  # Furry V1's own is one that it has not
        preset.uc_preset = _uc_presets(model)[0]
    return preset.update(resolution=SIZE, seed=7, **changed)


def _uc_presets(model: ImageModel) -> list[Any]:
    return [uc for uc, text in ImagePreset._UC_Presets[model].items() if text is not None]


async def drawn(
    api: Any, model: ImageModel, preset: Any, action: ImageGenerationType = ImageGenerationType.NORMAL
) -> list[tuple[str, bytes]]:
    """Names and images."""
    return [each async for each in api.high_level.generate_image("a lighthouse, fog", model, preset, action)]


async def _every_model(api: Any) -> None:
    for model in MODELS:
        with check(f"images: {model.name} draws with every preset of the client's"):
            for uc in _uc_presets(model):
                ((name, data),) = await drawn(api, model, preset_of(model, uc_preset=uc, uc="harbour"))
                image = opened(data)
                assert (name, image.format, image.mode, image.size) == ("image_0.png", "PNG", "RGBA", SIZE)
                assert "a lighthouse, fog" in image.info["Description"]
                comment = json.loads(image.info["Comment"])
                assert comment["uc"].endswith("harbour")
                assert comment["seed"] == 7


async def _settings(api: Any) -> None:
    for model in (ImageModel.Anime_Full, ImageModel.Furry_v3, ImageModel.Anime_v45_Full):
        with check(f"images: {model.name} draws in the usual size, with a seed that the client draws"):
            preset = ImagePreset.from_default_config(model)
            ((_, data),) = await drawn(api, model, preset)
            assert opened(data).size == preset.resolution.value
            assert json.loads(opened(data).info["Comment"])["seed"] == preset.last_seed
    with check("images: the same request is drawn the same, another seed is not"):
        first, second, other = [
            (await drawn(api, ImageModel.Anime_v45_Full, preset_of(ImageModel.Anime_v45_Full).update(seed=seed)))[0][1]
            for seed in (7, 7, 8)
        ]
        assert first == second != other
    with check("images: of four each has the seed of its number"):
        images = await drawn(api, ImageModel.Anime_v4_Full, preset_of(ImageModel.Anime_v4_Full, n_samples=4))
        assert [name for name, _ in images] == [f"image_{number}.png" for number in range(4)]
        assert [json.loads(opened(data).info["Comment"])["seed"] for _, data in images] == [7, 8, 9, 10]
    with check("images: V3 draws with every sampler of the client's"):
        for sampler in ImageSampler:
            assert await drawn(api, ImageModel.Anime_v3, preset_of(ImageModel.Anime_v3, sampler=sampler))
    for model in (ImageModel.Anime_v4_preview, ImageModel.Anime_v4_Full, ImageModel.Anime_v45_Full):
        with check(f"images: {model.name} draws characters where they are put"):
            characters = [
                {"prompt": "girl, red hair", "uc": "hat", "position": "A1"},
                {"prompt": "boy", "position": "E5"},
            ]
            ((_, data),) = await drawn(api, model, preset_of(model, characters=characters, use_coords=True))
            said = json.loads(opened(data).info["Comment"])["v4_prompt"]["caption"]["char_captions"]
            assert [each["char_caption"] for each in said] == ["girl, red hair", "boy"]
            assert [each["centers"] for each in said] == [[{"x": 0.1, "y": 0.1}], [{"x": 0.9, "y": 0.9}]]
    with check("images: SMEA, decrisper and variety reach V3's comment"):
        preset = preset_of(ImageModel.Anime_v3, smea=True, smea_dyn=True, decrisper=True, variety_plus=True)
        ((_, data),) = await drawn(api, ImageModel.Anime_v3, preset)
        comment = json.loads(opened(data).info["Comment"])
        assert (comment["sm"], comment["sm_dyn"], comment["dynamic_thresholding"]) == (True, True, True)
        assert comment["skip_cfg_above_sigma"] == 19


async def _from_images(api: Any) -> None:
    source = b64encode(picture(SIZE)).decode()
    for model in (ImageModel.Anime_Full, ImageModel.Anime_v3, ImageModel.Anime_v4_Full, ImageModel.Anime_v45_Full):
        with check(f"images: {model.name} draws from an image"):
            preset = preset_of(model, image=source, strength=0.5, noise=0.1)
            ((_, data),) = await drawn(api, model, preset, ImageGenerationType.IMG2IMG)
            assert opened(data).size == SIZE
    for model in INPAINTING:
        with check(f"images: {model.name} draws into an image"):
            preset = preset_of(model, image=source, mask=source, strength=0.7, noise=0.0, add_original_image=False)
            ((_, data),) = await drawn(api, model, preset, ImageGenerationType.INPAINTING)
            assert opened(data).size == SIZE


async def _references(api: Any) -> None:
    source = picture()
    with check("vibes: V3 takes images as they are"):
        preset = preset_of(
            ImageModel.Anime_v3,
            reference_image_multiple=[b64encode(source).decode()],
            reference_information_extracted_multiple=[1.0],
            reference_strength_multiple=[0.6],
        )
        assert await drawn(api, ImageModel.Anime_v3, preset)
    for model in (ImageModel.Anime_v4_Full, ImageModel.Anime_v45_Curated):
        with check(f"vibes: {model.name} takes what was encoded for it"):
            vibe = await api.high_level.encode_vibe(source, model, 1.0)
            preset = preset_of(model, reference_image_multiple=[vibe], reference_strength_multiple=[0.6])
            assert await drawn(api, model, preset)
    with check("control nets: V1 is guided by what was annotated"):
        _, mask = await api.low_level.generate_controlnet_mask(ControlNetModel.Form_Lock, b64encode(source).decode())
        preset = preset_of(
            ImageModel.Anime_Full,
            controlnet_condition=b64encode(mask).decode(),
            controlnet_model=ControlNetModel.Form_Lock,
        )
        assert await drawn(api, ImageModel.Anime_Full, preset)


async def _prices(api: Any) -> None:
    for model, version, samples, steps in (
        (ImageModel.Anime_v45_Full, 3, 1, 23),
        (ImageModel.Anime_v45_Full, 3, 2, 23),
        (ImageModel.Anime_v3, 3, 1, 29),
        (ImageModel.Anime_v2, 2, 2, 28),
        (ImageModel.Anime_Full, 1, 3, 28),
    ):
        with check(f"prices: {samples} of {model.name} with {steps} steps cost what the client reckons"):
            preset = ImagePreset.from_default_config(model).update(n_samples=samples, steps=steps)
            preset.smea, preset.smea_dyn, preset.uncond_scale = False, False, 1.0
            before = await anlas(api)
            assert len(await drawn(api, model, preset)) == samples
            assert before - await anlas(api) == preset.calculate_cost(True, version)


async def _refusals(api: Any) -> None:
    low = api.low_level
    settings = preset_of(ImageModel.Anime_v4_Full).to_settings(ImageModel.Anime_v4_Full)

    async def refusal(model: ImageModel, action: ImageGenerationType, **changed: Any) -> tuple[int, str]:
        async def ask() -> None:
            async for _ in low.generate_image("a lighthouse", model, action, {**settings, **changed}):
                pass

        return await refused(ask())

    with check("images: a size between the steps of 64 is refused with 400"):
        assert (await refusal(ImageModel.Anime_v4_Full, ImageGenerationType.NORMAL, width=100))[0] == 400
    with check("images: inpainting with another model is refused with 400 and the service's words"):
        said = "Model nai-diffusion-4-full doesn't support action infill"
        assert await refusal(ImageModel.Anime_v4_Full, ImageGenerationType.INPAINTING) == (400, said)
    with check("images: V4 without its structured prompt fails with 500"):
        answer = await refusal(ImageModel.Anime_v4_Full, ImageGenerationType.NORMAL, v4_prompt=None)
        assert answer == (500, "Internal Server Error")
