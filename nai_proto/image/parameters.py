"""The parameters of an image request, and all else that `generate` may be told.

See docs/protocol/image.md#32-parameters-all-keys.
"""

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
    """What can be asked for, as it is sent but for `WIRE`. What is None or not given is the model's default.

    See docs/protocol/image.md#33-bodies-per-generation.
    """

    width: int | None
    height: int | None
    scale: float | None
    sampler: ImageSampler | str | None
    steps: int | None
    n_samples: int | None
    seed: int | None
    noise_schedule: NoiseSchedule | str | None
    cfg_rescale: float | None
    uncond_scale: float | None
    dynamic_thresholding: bool | None
    "Decrisper; V1 to V3."
    sm: bool | None
    "SMEA; V1 to V3."
    sm_dyn: bool | None
    "SMEA DYN, with ``sm``; V1 to V3."
    auto_smea: bool | None
    """V1 to V3: SMEA where a picture is so large that the website would turn it on. Later ones are sent it.

    See docs/protocol/image.md#55-smea.
    """
    skip_cfg_above_sigma: float | None
    deliberate_euler_ancestral_bug: bool | None
    prefer_brownian: bool | None
    legacy: bool | None
    legacy_v3_extend: bool | None
    legacy_uc: bool | None
    add_original_image: bool | None
    image_format: Literal["png", "webp"] | None
    image: bytes | None
    mask: bytes | None
    strength: float | None
    noise: float | None
    extra_noise_seed: int | None
    color_correct: bool | None
    inpaint_img2img_strength: float | None
    normalize_reference_strength_multiple: bool | None
    use_coords: bool | None
    straight_alpha: bool | None
    upscaled_enhance: bool | None
    "Max enhance; V5."
    params_version: int | None


class Options(Parameters, total=False):
    """Keyword arguments of `generate` and `generate_stream`."""

    model: ImageModel | str | None
    "Which model, or its id; the preset's if not given, and V5 Curated without a preset."
    preset: ImagePreset | Mapping[str, object] | None
    "Settings, which single parameters win over."
    size: ImageResolution | str | tuple[int, int] | None
    'Instead of ``width`` and ``height``: two numbers of pixels, or a name such as ``"portrait"``.'
    enhance: float | None
    """Draw ``image`` so many times as wide and high, to the nearest 64 pixels; how much anew says ``strength``.

    See docs/protocol/image.md#53-img2img-enhance-inpaint.
    """
    negative_prompt: str | None
    "What is not wanted."
    uc_preset: UCPreset | str | None
    "A ready-made text before that; the model's usual one if not given."
    quality: QualityPreset | str | None
    "Ready-made tags in the prompt; the standard ones if not given."
    variety_plus: bool | None
    "``skip_cfg_above_sigma`` by the picture's size; V3 to V4.5. See docs/protocol/image.md#56-variety-and-decrisper."
    transparent: bool | None
    "Without a background; V5."
    auto_text: bool | None
    "Have what stands in quotes drawn as words; V5."
    characters: Sequence[Character | Mapping[str, object]] | None
    "V4 and later."
    as_typed: bool | None
    """Leave ``1girl`` in a character's prompt; else it is sent as ``girl``, as the website does.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """
    vibes: Sequence[Vibe | EncodedVibe | Mapping[str, object]] | None
    "Raw for V3, encoded for V4 and V4.5."
    references: Sequence[Reference | Mapping[str, object]] | None
    "V4.5."
    controlnet: ControlNet | Mapping[str, object] | None
    "V1 and V2."
    entropy: Callable[[int], bytes] | None
    "Gives so many random bytes: what a seed is drawn from when none is given. Libsodium's if not given."
    max_anlas: int | None
    "Refuse what costs more; at any price if None, or not given. See docs/protocol/image.md#9-anlas-price."
    allowance: Allowance | Mapping[str, object] | None
    "What is free for the account, where ``max_anlas`` is looked at; nothing if not given. `affordable` asks for it."
    validate: bool | None
    "Look at everything but ``extra`` before it is sent; true if not given."
    extra: Mapping[str, object] | None
    "Parameters that `Parameters` does not know, sent as they are."


WIRE: Final = {"auto_smea": "autoSmea", "inpaint_img2img_strength": "inpaintImg2ImgStrength"}
"""Parameters that have another spelling on the wire."""
