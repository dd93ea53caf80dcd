"""The comment of a picture, which holds its parameters, as the service writes it.

See docs/protocol/image.md#81-png-text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ...image.choices import ImageGenerationType
from ...image.generations import Generation
from ...image.models import ImageModel
from ...image.sourcing import HASHES
from .checks import Task
from .wish import Structured

__all__ = ["comment", "source_name"]

_NAMES: Final = {
    Generation.V1: "Stable Diffusion",
    Generation.V2: "Stable Diffusion",
    Generation.V3: "Stable Diffusion XL",
    Generation.V4: "NovelAI Diffusion V4",
    Generation.V4_5: "NovelAI Diffusion V4.5",
    Generation.V5: "NovelAI Diffusion V5",
}
_REQUESTS: Final = {
    ImageGenerationType.NORMAL: "PromptGenerateRequest",
    ImageGenerationType.IMG2IMG: "Img2ImgRequest",
    ImageGenerationType.INPAINTING: "NativeInfillingRequest",
}
_LACKING: Final = {Generation.V1: ("noise_schedule", "cfg_rescale", "uncond_scale")}
"""What requests of a generation do not have.

See docs/protocol/image.md#33-bodies-per-generation.
"""


def source_name(model: ImageModel) -> tuple[str, str]:
    """The name that pictures have for a model, and one of the hashes that they were seen with; its base's if it inpaints."""
    return _NAMES[model.generation], HASHES[model.base.id][0]


def comment(task: Task, sample: int) -> dict[str, Any]:
    """The parameters, in the order of a picture of V4.5; what a family lacks is left out.

    See docs/protocol/image.md#81-png-text.
    """
    wish, family = task.wish, task.model.family
    early = family.generation in (Generation.V1, Generation.V2)
    said: dict[str, Any] = {
        "prompt": task.prompt,
        "steps": wish.steps,
        "height": wish.height,
        "width": wish.width,
        "scale": wish.scale,
        "uncond_scale": wish.uncond_scale if early else 0.0,
        "cfg_rescale": wish.cfg_rescale,
        "seed": wish.seed + sample,
        "n_samples": wish.n_samples,
        "noise_schedule": wish.noise_schedule,
        "legacy_v3_extend": wish.legacy_v3_extend,
        **_source(task),
        **_vibes(task),
    }
    if family.structured:
        references = _references(task)
        said["extra_passthrough_testing"] = {
            "prompt": None,
            "uc": None,
            "hide_debug_overlay": False,
            "r": 0.0,
            "eta": 1.0,
            "negative_momentum": 0.0,
            **references,
            "crash_hydra": False,
        }
        said["v4_prompt"] = _structured(wish.v4_prompt)
        said["v4_negative_prompt"] = _structured(wish.v4_negative_prompt)
        said |= references
    said |= {
        "sampler": wish.sampler,
        "controlnet_strength": wish.controlnet_strength,
        "controlnet_model": wish.controlnet_model,
        "dynamic_thresholding": wish.dynamic_thresholding,
        "dynamic_thresholding_percentile": 0.999,
        "dynamic_thresholding_mimic_scale": 10.0,
        "sm": wish.sm,
        "sm_dyn": wish.sm_dyn,
        "skip_cfg_above_sigma": wish.skip_cfg_above_sigma,
        "skip_cfg_below_sigma": 0.0,
        "lora_unet_weights": None,
        "lora_clip_weights": None,
        "deliberate_euler_ancestral_bug": wish.deliberate_euler_ancestral_bug,
        "prefer_brownian": wish.prefer_brownian,
        "cfg_sched_eligibility": "enable_for_post_summer_samplers",
        "explike_fine_detail": False,
        "minimize_sigma_inf": False,
        "uncond_per_vibe": True,
        "wonky_vibe_correlation": True,
        "stream": "none",
        "version": 1,
        "uc": wish.negative_prompt,
        **_newest(task),
        "request_type": _REQUESTS[task.action],
    }
    for name in _LACKING.get(family.generation, ()):
        del said[name]
    return said


def _source(task: Task) -> Mapping[str, object]:
    """How much of a source was kept; where among the other keys it stands is a choice."""
    wish = task.wish
    if task.action is ImageGenerationType.NORMAL:
        return {}
    seed = (wish.seed - 1) % 2**32 if wish.extra_noise_seed is None else wish.extra_noise_seed
    said: dict[str, object] = {"strength": wish.strength, "noise": wish.noise, "extra_noise_seed": seed}
    if task.action is ImageGenerationType.INPAINTING:
        said["inpaintImg2ImgStrength"] = wish.inpaint_strength
    return said


def _vibes(task: Task) -> Mapping[str, object]:
    """They stand there whole.

    See docs/protocol/image.md#81-png-text.
    """
    wish, images = task.wish, task.brought
    if not task.model.family.vibes:
        return {}
    vibes = images.vibes
    extracted, strengths = wish.reference_information_extracted_multiple, wish.reference_strength_multiple
    if images.vibe is not None:
        vibes = (images.vibe,)
        extracted, strengths = (
            [1.0 if wish.reference_information_extracted is None else wish.reference_information_extracted],
            [0.6 if wish.reference_strength is None else wish.reference_strength],
        )
    said: dict[str, object] = (
        {"reference_image_multiple": [b64encode(vibe).decode() for vibe in vibes]} if vibes else {}
    )
    return {
        **said,
        "reference_information_extracted_multiple": extracted,
        "reference_strength_multiple": strengths,
    }


def _references(task: Task) -> Mapping[str, object]:
    wish = task.wish
    there = bool(task.brought.references)
    return {
        "director_reference_strengths": wish.director_reference_strength_values if there else None,
        "director_reference_descriptions": (
            [_structured(each) for each in wish.director_reference_descriptions] if there else None
        ),
        "director_reference_information_extracted": wish.director_reference_information_extracted if there else None,
        "director_reference_secondary_strengths": (
            wish.director_reference_secondary_strength_values if there else None
        ),
    }


def _structured(prompt: Structured | None) -> object:
    return msgspec.to_builtins(prompt)


def _newest(task: Task) -> Mapping[str, object]:
    """What V5 says besides."""
    wish = task.wish
    if task.model.generation is not Generation.V5:
        return {}
    name, number = source_name(task.model)
    return {
        "model_name": name,
        "model_hash": number,
        "tag_hint_qt": wish.tag_hint_qt,
        "tag_hint_uc_preset": wish.tag_hint_uc_preset,
        "tag_hint_transparent_background": wish.tag_hint_transparent_background,
        "straight_alpha": wish.straight_alpha,
        "quality_boost": False,
        "upscale": wish.upscale,
        "upscaled_enhance": wish.upscaled_enhance,
    }
