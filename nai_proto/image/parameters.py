"""The parameters of an image request (image §3.2), and all else that `generate` may be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypedDict

if TYPE_CHECKING:
    from .choices import ImageResolution, ImageSampler, NoiseSchedule, QualityPreset, UCPreset
    from .features import Character, ControlNet, EncodedVibe, Reference, Vibe
    from .models import ImageModel
    from .preset import ImagePreset
    from .price import Allowance

__all__ = ["WIRE", "Options", "Parameters"]


class Parameters(TypedDict, total=False):
    """What can be asked for, as it is sent but for `WIRE`. What is not given is the model's default (image §3.3)."""

    width: int
    height: int
    scale: float
    sampler: ImageSampler | str
    steps: int
    n_samples: int
    seed: int
    noise_schedule: NoiseSchedule | str
    cfg_rescale: float
    uncond_scale: float
    dynamic_thresholding: bool
    "Decrisper; V1 to V3."
    sm: bool
    "SMEA; V1 to V3."
    sm_dyn: bool
    "SMEA DYN, with ``sm``; V1 to V3."
    auto_smea: bool
    "V1 to V3: SMEA where a picture is so large that the website would turn it on (image §5.5). Later ones are sent it."
    skip_cfg_above_sigma: float | None
    deliberate_euler_ancestral_bug: bool
    prefer_brownian: bool
    legacy: bool
    legacy_v3_extend: bool
    legacy_uc: bool
    add_original_image: bool
    image_format: Literal["png", "webp"]
    image: bytes
    mask: bytes
    strength: float
    noise: float
    extra_noise_seed: int
    color_correct: bool
    inpaint_img2img_strength: float
    normalize_reference_strength_multiple: bool
    use_coords: bool
    straight_alpha: bool
    upscaled_enhance: bool
    "Max enhance; V5."
    params_version: int


class Options(Parameters, total=False):
    """Keyword arguments of `generate` and `generate_stream`."""

    model: ImageModel | str
    "Which model, or its id; the preset's if not given, and V5 Curated without a preset."
    preset: ImagePreset
    "Settings, which single parameters win over."
    size: ImageResolution | tuple[int, int]
    "Instead of ``width`` and ``height``."
    enhance: float
    "Draw ``image`` so many times as wide and high, to the nearest 64 pixels (image §5.3); how much anew says ``strength``."
    negative_prompt: str
    "What is not wanted."
    uc_preset: UCPreset | str
    "A ready-made text before that; the model's usual one if not given."
    quality: QualityPreset | str
    "Ready-made tags in the prompt; the standard ones if not given."
    variety_plus: bool
    "``skip_cfg_above_sigma`` by the picture's size (image §5.6); V3 to V4.5."
    transparent: bool
    "Without a background; V5."
    auto_text: bool
    "Have what stands in quotes drawn as words; V5."
    characters: Sequence[Character]
    "V4 and later."
    as_typed: bool
    "Leave ``1girl`` in a character's prompt; else it is sent as ``girl``, as the website does (image §5.4)."
    vibes: Sequence[Vibe | EncodedVibe]
    "Raw for V3, encoded for V4 and V4.5."
    references: Sequence[Reference]
    "V4.5."
    controlnet: ControlNet
    "V1 and V2."
    entropy: Callable[[int], bytes]
    "Gives so many random bytes: what a seed is drawn from when none is given. Libsodium's if not given."
    max_anlas: int | None
    "Refuse what costs more (image §9); at any price if None, or not given."
    allowance: Allowance
    "What is free for the account, where ``max_anlas`` is looked at; nothing if not given. `affordable` asks for it."
    validate: bool
    "Look at everything but ``extra`` before it is sent; true if not given."
    extra: Mapping[str, object]
    "Parameters that `Parameters` does not know, sent as they are."


WIRE: Final = {"auto_smea": "autoSmea", "inpaint_img2img_strength": "inpaintImg2ImgStrength"}
"""Parameters that have another spelling on the wire."""
