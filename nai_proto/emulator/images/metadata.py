"""Metadata of the emulator's images: the texts that the service writes into a file, signed with the test key.

The main text is the comment, a JSON document with the request's parameters.

See:
    docs/protocol/image.md#8-files-and-metadata
    docs/protocol/image.md#81-png-text
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ...codecs.picture_files import write_picture
from ...codecs.picture_metadata import Metadata
from ...codecs.pixels import Pixels
from ...image.choices import ImageGenerationType
from ...image.families import Generation
from ...image.model_hashes import HASHES
from ...image.models import ImageModel
from ..seeded_random import SeededRandom
from .refusals import GenerationTask
from .request import StructuredPrompt

__all__ = ["build_comment", "build_metadata", "encode_picture"]

_SECONDS_PER_STEP: Final = 0.1
"""Approximate time that an image claims to have taken."""
_SOURCE_NAMES: Final = {
    Generation.V1: "Stable Diffusion",
    Generation.V2: "Stable Diffusion",
    Generation.V3: "Stable Diffusion XL",
    Generation.V4: "NovelAI Diffusion V4",
    Generation.V4_5: "NovelAI Diffusion V4.5",
    Generation.V5: "NovelAI Diffusion V5",
}
_REQUEST_TYPES: Final = {
    ImageGenerationType.NORMAL: "PromptGenerateRequest",
    ImageGenerationType.IMG2IMG: "Img2ImgRequest",
    ImageGenerationType.INPAINTING: "NativeInfillingRequest",
}
_MISSING_KEYS: Final = {Generation.V1: ("noise_schedule", "cfg_rescale", "uncond_scale")}
"""Keys that the comments of a generation do not have.

See docs/protocol/image.md#33-bodies-per-generation.
"""


def encode_picture(task: GenerationTask, index: int, pixels: Pixels, rng: SeededRandom, *, keep_alpha: bool) -> bytes:
    """Encode an image as the service does: in the requested format, with signed metadata.

    Args:
        task: The task that it was drawn for.
        index: Which sample of the task it is, from 0.
        pixels: The image.
        rng: Decides how long the image claims to have taken.
        keep_alpha: Whether the image is transparent.
    """
    # V5 signs alpha as well (docs/protocol/image.md#84-signature).
    signs_alpha = task.model.generation is Generation.V5
    if signs_alpha and pixels.alpha is None:
        pixels = pixels.with_alpha(b"\xff" * pixels.area)
    metadata = build_metadata(task, index, rng).with_signature(pixels, alpha=signs_alpha)
    return write_picture(pixels, metadata, transparent=keep_alpha, image_format=task.parameters.image_format)


def build_metadata(task: GenerationTask, index: int, rng: SeededRandom) -> Metadata:
    """Build the metadata of a sample, without the signature.

    PNG texts cannot hold NUL, so it is dropped from the prompt.
    """
    seconds = task.parameters.steps * _SECONDS_PER_STEP * (0.8 + 0.4 * rng.fork("seconds").uniform())
    return Metadata.from_comment(
        build_comment(task, index),
        description=task.prompt.replace("\0", ""),
        source=" ".join(_source_name(task.model)),
        seconds=seconds,
    )


def _source_name(model: ImageModel) -> tuple[str, str]:
    """Return the name of a model in metadata, and one of its known hashes. An inpainting model has those of its base."""
    return _SOURCE_NAMES[model.generation], HASHES[model.base.id][0]


def build_comment(task: GenerationTask, index: int) -> dict[str, Any]:
    """Build the comment of a sample, with keys in the order of V4.5. Keys that a model family lacks are left out."""
    parameters, family = task.parameters, task.model.family
    is_early = family.generation in (Generation.V1, Generation.V2)
    comment: dict[str, Any] = {
        "prompt": task.prompt,
        "steps": parameters.steps,
        "height": parameters.height,
        "width": parameters.width,
        "scale": parameters.scale,
        "uncond_scale": parameters.uncond_scale if is_early else 0.0,
        "cfg_rescale": parameters.cfg_rescale,
        "seed": parameters.seed + index,
        "n_samples": parameters.n_samples,
        "noise_schedule": parameters.noise_schedule,
        "legacy_v3_extend": parameters.legacy_v3_extend,
        **_source_keys(task),
        **_vibe_keys(task),
    }
    if family.structured:
        references = _reference_keys(task)
        comment["extra_passthrough_testing"] = {
            "prompt": None,
            "uc": None,
            "hide_debug_overlay": False,
            "r": 0.0,
            "eta": 1.0,
            "negative_momentum": 0.0,
            **references,
            "crash_hydra": False,
        }
        comment["v4_prompt"] = _to_builtins(parameters.v4_prompt)
        comment["v4_negative_prompt"] = _to_builtins(parameters.v4_negative_prompt)
        comment |= references
    comment |= {
        "sampler": parameters.sampler,
        "controlnet_strength": parameters.controlnet_strength,
        "controlnet_model": parameters.controlnet_model,
        "dynamic_thresholding": parameters.dynamic_thresholding,
        "dynamic_thresholding_percentile": 0.999,
        "dynamic_thresholding_mimic_scale": 10.0,
        "sm": parameters.sm,
        "sm_dyn": parameters.sm_dyn,
        "skip_cfg_above_sigma": parameters.skip_cfg_above_sigma,
        "skip_cfg_below_sigma": 0.0,
        "lora_unet_weights": None,
        "lora_clip_weights": None,
        "deliberate_euler_ancestral_bug": parameters.deliberate_euler_ancestral_bug,
        "prefer_brownian": parameters.prefer_brownian,
        "cfg_sched_eligibility": "enable_for_post_summer_samplers",
        "explike_fine_detail": False,
        "minimize_sigma_inf": False,
        "uncond_per_vibe": True,
        "wonky_vibe_correlation": True,
        "stream": "none",
        "version": 1,
        "uc": parameters.negative_prompt,
        **_v5_keys(task),
        "request_type": _REQUEST_TYPES[task.action],
    }
    for name in _MISSING_KEYS.get(family.generation, ()):
        del comment[name]
    return comment


def _source_keys(task: GenerationTask) -> Mapping[str, object]:
    """Return the keys of a source image. No source tells their place among the other keys."""
    parameters = task.parameters
    if task.action is ImageGenerationType.NORMAL:
        return {}
    seed = (parameters.seed - 1) % 2**32 if parameters.extra_noise_seed is None else parameters.extra_noise_seed
    keys: dict[str, object] = {"strength": parameters.strength, "noise": parameters.noise, "extra_noise_seed": seed}
    if task.action is ImageGenerationType.INPAINTING:
        keys["inpaintImg2ImgStrength"] = parameters.inpaint_strength
    return keys


def _vibe_keys(task: GenerationTask) -> Mapping[str, object]:
    """Return the keys of vibes, with the vibes themselves."""
    parameters, attachments = task.parameters, task.attachments
    if not task.model.family.vibes:
        return {}
    vibes = attachments.vibes
    extracted, strengths = parameters.reference_information_extracted_multiple, parameters.reference_strength_multiple
    if attachments.vibe is not None:
        vibes = (attachments.vibe,)
        extracted, strengths = (
            [1.0 if parameters.reference_information_extracted is None else parameters.reference_information_extracted],
            [0.6 if parameters.reference_strength is None else parameters.reference_strength],
        )
    images: dict[str, object] = (
        {"reference_image_multiple": [b64encode(vibe).decode() for vibe in vibes]} if vibes else {}
    )
    return {
        **images,
        "reference_information_extracted_multiple": extracted,
        "reference_strength_multiple": strengths,
    }


def _reference_keys(task: GenerationTask) -> Mapping[str, object]:
    """Return the keys of precise references; all values are null if there are none."""
    parameters = task.parameters
    values = {
        "director_reference_strengths": parameters.director_reference_strength_values,
        "director_reference_descriptions": [_to_builtins(each) for each in parameters.director_reference_descriptions],
        "director_reference_information_extracted": parameters.director_reference_information_extracted,
        "director_reference_secondary_strengths": parameters.director_reference_secondary_strength_values,
    }
    return values if task.attachments.references else dict.fromkeys(values)


def _to_builtins(prompt: StructuredPrompt | None) -> object:
    return msgspec.to_builtins(prompt)


def _v5_keys(task: GenerationTask) -> Mapping[str, object]:
    """Return the keys that only V5 has."""
    parameters = task.parameters
    if task.model.generation is not Generation.V5:
        return {}
    name, model_hash = _source_name(task.model)
    return {
        "model_name": name,
        "model_hash": model_hash,
        "tag_hint_qt": parameters.tag_hint_qt,
        "tag_hint_uc_preset": parameters.tag_hint_uc_preset,
        "tag_hint_transparent_background": parameters.tag_hint_transparent_background,
        "straight_alpha": parameters.straight_alpha,
        "quality_boost": False,
        "upscale": parameters.upscale,
        "upscaled_enhance": parameters.upscaled_enhance,
    }
