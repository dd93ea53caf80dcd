"""The options of image requests: the request's parameters, and what the library makes of presets and features.

Each option is described twice in the same words: under its key, where an editor shows it, and in the class docstring,
where ``help(ImageOptions)`` does.

See docs/protocol/image.md#32-parameters-all-keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from ..conflicts import Conflict
from ..text.text_parameters import list_inherited_options
from .choices import QualityPreset, UCPreset
from .features import Character, ControlNet, EncodedVibe, PreciseReference, Vibe

if TYPE_CHECKING:
    from .choices import ImageResolution, ImageSampler, NoiseSchedule
    from .models import ImageModel
    from .preset import ImagePreset
    from .price import Allowance

__all__ = ["CONFLICTS", "FEATURE_NAMES", "WIRE_NAMES", "FeatureOptions", "ImageOptions", "ImageParameters"]


class ImageParameters(TypedDict, total=False):
    """Parameters of an image request, under the service's own names but for `WIRE_NAMES`.

    A parameter that is None or not given is the model's default.

    See docs/protocol/image.md#33-bodies-per-generation.

    Parameters:
        width: Width in pixels, a multiple of 64 from 64 on; with ``height`` at most 3,145,728 pixels.
        height: Height in pixels, a multiple of 64 from 64 on.
        scale: Guidance: how closely the image follows the prompt, 0 to 10, for V1 and V2 to 25.
        sampler: An `ImageSampler` or its word; `ImageModel.samplers` lists those of a model. ``Sampler("…")`` is sent
            although it is not listed.
        steps: Number of sampling steps, 1 to 50; more take longer and cost more.
        n_samples: Number of images, 1 to 8; large sizes allow 6 or 4.
        seed: Seed of the first image, 0 to 4,294,967,295; each further image has one more. Drawn from ``entropy`` if
            not given.
        noise_schedule: A `NoiseSchedule` or its word; `ImageModel.noise_schedules` lists those of a model. Not for V1.
        cfg_rescale: Prompt guidance rescale, 0 to 1; 0 is off. Not for V1.
        uncond_scale: Strength of what is not wanted, 0 to 1.5; 1 changes nothing. V2 to V4.5.
        dynamic_thresholding: Decrisper: softens what high guidance makes too crisp. V1 to V3.
        sm: SMEA, for large images. V1 to V3, without ``image``.
        sm_dyn: SMEA DYN, together with ``sm``. V1 to V3, without ``image``.
        auto_smea: For V1 to V3, SMEA where an image is so large that the website would turn it on; V4 and later are
            sent the flag.
        skip_cfg_above_sigma: Noise level above which guidance is skipped, 0 or more; None never skips. ``variety_plus``
            sets it. V3 to V4.5.
        deliberate_euler_ancestral_bug: Keep an old error of Euler Ancestral, for old images; false if not given.
        prefer_brownian: Use Brownian noise with Euler Ancestral; true if not given.
        legacy: Draw as old versions did, for old images; false if not given.
        legacy_v3_extend: Extend prompts as the first V3 did, for old images; false if not given.
        legacy_uc: Read what is not wanted as the first V4 did, for old images; V4 only.
        add_original_image: Lay the unmasked part of ``image`` over the result; false for inpainting if not given.
        image_format: File format of the result, ``"png"`` or ``"webp"``; PNG if not given.
        image: Bytes of an image file to begin from (image to image), or to change within ``mask``.
        mask: Bytes of a PNG, white where ``image`` is to be drawn anew; `box_mask` and `align_mask` make one. One of
            another size is scaled to the size of the result, which needs the extra ``image``.
        strength: How far to depart from ``image``, 0.01 to 0.99; 0.7 if not given.
        noise: Noise added to ``image``, 0 to 0.99; 0 if not given.
        extra_noise_seed: Seed of that noise, 0 to 4,294,967,295; one less than ``seed`` if not given.
        color_correct: Keep the colours of ``image``; without ``mask`` only, false if not given.
        inpaint_img2img_strength: How far to depart from ``image`` inside the mask, 0 to 1; 1 if not given. V4 and
            later.
        normalize_reference_strength_multiple: Scale the strengths of several vibes down to 1 together; true if not
            given. V4 and later.
        use_coords: Use the positions of characters; true if not given where one is placed. V4 and later.
        straight_alpha: Keep colours apart from transparency in the result; true if not given. V5.
        upscaled_enhance: Max enhance: draw ``image`` anew at the largest size. V5, with ``image``.
        params_version: Version of the request's form, 1 to 4; 4 if not given.
    """

    width: int | None
    "Width in pixels, a multiple of 64 from 64 on; with ``height`` at most 3,145,728 pixels."
    height: int | None
    "Height in pixels, a multiple of 64 from 64 on."
    scale: float | None
    "Guidance: how closely the image follows the prompt, 0 to 10, for V1 and V2 to 25."
    sampler: ImageSampler | str | None
    """An `ImageSampler` or its word; `ImageModel.samplers` lists those of a model. ``Sampler("…")`` is sent although it is
    not listed."""
    steps: int | None
    "Number of sampling steps, 1 to 50; more take longer and cost more."
    n_samples: int | None
    "Number of images, 1 to 8; large sizes allow 6 or 4."
    seed: int | None
    "Seed of the first image, 0 to 4,294,967,295; each further image has one more. Drawn from ``entropy`` if not given."
    noise_schedule: NoiseSchedule | str | None
    "A `NoiseSchedule` or its word; `ImageModel.noise_schedules` lists those of a model. Not for V1."
    cfg_rescale: float | None
    "Prompt guidance rescale, 0 to 1; 0 is off. Not for V1."
    uncond_scale: float | None
    "Strength of what is not wanted, 0 to 1.5; 1 changes nothing. V2 to V4.5."
    dynamic_thresholding: bool | None
    "Decrisper: softens what high guidance makes too crisp. V1 to V3."
    sm: bool | None
    "SMEA, for large images. V1 to V3, without ``image``."
    sm_dyn: bool | None
    "SMEA DYN, together with ``sm``. V1 to V3, without ``image``."
    auto_smea: bool | None
    "For V1 to V3, SMEA where an image is so large that the website would turn it on; V4 and later are sent the flag."
    skip_cfg_above_sigma: float | None
    "Noise level above which guidance is skipped, 0 or more; None never skips. ``variety_plus`` sets it. V3 to V4.5."
    deliberate_euler_ancestral_bug: bool | None
    "Keep an old error of Euler Ancestral, for old images; false if not given."
    prefer_brownian: bool | None
    "Use Brownian noise with Euler Ancestral; true if not given."
    legacy: bool | None
    "Draw as old versions did, for old images; false if not given."
    legacy_v3_extend: bool | None
    "Extend prompts as the first V3 did, for old images; false if not given."
    legacy_uc: bool | None
    "Read what is not wanted as the first V4 did, for old images; V4 only."
    add_original_image: bool | None
    "Lay the unmasked part of ``image`` over the result; false for inpainting if not given."
    image_format: Literal["png", "webp"] | None
    'File format of the result, ``"png"`` or ``"webp"``; PNG if not given.'
    image: bytes | None
    "Bytes of an image file to begin from (image to image), or to change within ``mask``."
    mask: bytes | None
    """Bytes of a PNG, white where ``image`` is to be drawn anew; `box_mask` and `align_mask` make one. One of another size
    is scaled to the size of the result, which needs the extra ``image``."""
    strength: float | None
    "How far to depart from ``image``, 0.01 to 0.99; 0.7 if not given."
    noise: float | None
    "Noise added to ``image``, 0 to 0.99; 0 if not given."
    extra_noise_seed: int | None
    "Seed of that noise, 0 to 4,294,967,295; one less than ``seed`` if not given."
    color_correct: bool | None
    "Keep the colours of ``image``; without ``mask`` only, false if not given."
    inpaint_img2img_strength: float | None
    "How far to depart from ``image`` inside the mask, 0 to 1; 1 if not given. V4 and later."
    normalize_reference_strength_multiple: bool | None
    "Scale the strengths of several vibes down to 1 together; true if not given. V4 and later."
    use_coords: bool | None
    "Use the positions of characters; true if not given where one is placed. V4 and later."
    straight_alpha: bool | None
    "Keep colours apart from transparency in the result; true if not given. V5."
    upscaled_enhance: bool | None
    "Max enhance: draw ``image`` anew at the largest size. V5, with ``image``."
    params_version: int | None
    "Version of the request's form, 1 to 4; 4 if not given."


class ImageOptions(ImageParameters, total=False):
    """Keyword arguments of `generate`, `generate_stream` and `generate_cached`, all optional; None is the same as not given.

    See:
        docs/protocol/image.md#5-features
        docs/protocol/image.md#53-img2img-enhance-inpaint
        docs/protocol/image.md#54-v4-prompts-and-characters
        docs/protocol/image.md#55-smea
        docs/protocol/image.md#56-variety-and-decrisper
        docs/protocol/image.md#9-anlas-price

    Options:
        model: Model, or its id or name such as ``"V4.5 Full"``. If not given: the preset's, and V5 Curated without a
            preset.
        preset: Settings as an `ImagePreset` or a mapping; single options win over them.
        size: Width and height in pixels, an `ImageResolution`, or its name: ``"portrait"``, ``"landscape"``,
            ``"square"``, ``"large_portrait"`` and so on.
        enhance: Factor above 0 by which width and height of ``image`` are scaled, to the nearest multiple of 64 pixels;
            ``strength`` says how much is drawn anew.
        negative_prompt: What is not wanted; at most 51,200 characters.
        uc_preset: Ready-made text put before ``negative_prompt``, a `UCPreset` or its word; the model's usual one if
            not given.
        quality: Ready-made tags put into the prompt: ``"standard"``, ``"light"`` or ``"none"``; the standard ones if
            not given.
        variety_plus: Set ``skip_cfg_above_sigma`` by the image's size. V3 to V4.5.
        transparent: Draw without a background. V5.
        auto_text: Have the words in quotes drawn into the image. V5.
        characters: Characters with prompts of their own, each a `Character` or a mapping such as ``{"prompt": "girl",
            "position": "B3"}``; at most 6 for V4 and V4.5, 32 for V5.
        as_typed: Leave ``1girl`` in a character's prompt; else it is sent as ``girl``, as the website does.
        vibes: Images whose look is taken over, at most 16: each a `Vibe` for V3, an `EncodedVibe` for V4 and V4.5, or a
            mapping of its fields.
        references: Images that a character or a style is taken from, at most 16: each a `PreciseReference` or a mapping
            of its fields. V4.5.
        controlnet: An image that guides shapes, as a `ControlNet` or a mapping of its fields. V1 and V2.
        entropy: Function that returns so many random bytes, from which a seed is drawn; libsodium's if not given.
        max_anlas: Refuse a request that costs more Anlas than this, before it is sent; any price if not given.
        allowance: What is free for the account when ``max_anlas`` is checked; nothing if not given.
            `request_if_affordable` asks the account.
        validate: Check everything but ``extra`` before it is sent; true if not given.
        extra: Parameters that are not listed here, by name; sent as they are.
    """

    model: ImageModel | str | None
    """Model, or its id or name such as ``"V4.5 Full"``. If not given: the preset's, and V5 Curated without a preset."""
    preset: ImagePreset | Mapping[str, object] | None
    "Settings as an `ImagePreset` or a mapping; single options win over them."
    size: ImageResolution | str | tuple[int, int] | None
    """Width and height in pixels, an `ImageResolution`, or its name: ``"portrait"``, ``"landscape"``, ``"square"``,
    ``"large_portrait"`` and so on."""
    enhance: float | None
    """Factor above 0 by which width and height of ``image`` are scaled, to the nearest multiple of 64 pixels;
    ``strength`` says how much is drawn anew."""
    negative_prompt: str | None
    "What is not wanted; at most 51,200 characters."
    uc_preset: UCPreset | str | None
    "Ready-made text put before ``negative_prompt``, a `UCPreset` or its word; the model's usual one if not given."
    quality: QualityPreset | str | None
    'Ready-made tags put into the prompt: ``"standard"``, ``"light"`` or ``"none"``; the standard ones if not given.'
    variety_plus: bool | None
    "Set ``skip_cfg_above_sigma`` by the image's size. V3 to V4.5."
    transparent: bool | None
    "Draw without a background. V5."
    auto_text: bool | None
    "Have the words in quotes drawn into the image. V5."
    characters: Sequence[Character | Mapping[str, object]] | None
    """Characters with prompts of their own, each a `Character` or a mapping such as ``{"prompt": "girl", "position":
    "B3"}``; at most 6 for V4 and V4.5, 32 for V5."""
    as_typed: bool | None
    "Leave ``1girl`` in a character's prompt; else it is sent as ``girl``, as the website does."
    vibes: Sequence[Vibe | EncodedVibe | Mapping[str, object]] | None
    """Images whose look is taken over, at most 16: each a `Vibe` for V3, an `EncodedVibe` for V4 and V4.5, or a mapping
    of its fields."""
    references: Sequence[PreciseReference | Mapping[str, object]] | None
    """Images that a character or a style is taken from, at most 16: each a `PreciseReference` or a mapping of its
    fields. V4.5."""
    controlnet: ControlNet | Mapping[str, object] | None
    "An image that guides shapes, as a `ControlNet` or a mapping of its fields. V1 and V2."
    entropy: Callable[[int], bytes] | None
    "Function that returns so many random bytes, from which a seed is drawn; libsodium's if not given."
    max_anlas: int | None
    "Refuse a request that costs more Anlas than this, before it is sent; any price if not given."
    allowance: Allowance | Mapping[str, object] | None
    """What is free for the account when ``max_anlas`` is checked; nothing if not given. `request_if_affordable` asks
    the account."""
    validate: bool | None
    "Check everything but ``extra`` before it is sent; true if not given."
    extra: Mapping[str, object] | None
    "Parameters that are not listed here, by name; sent as they are."


list_inherited_options(ImageOptions, ImageParameters)

_SIZE: Final = "both set the size of the image: give one of them"
_APART: Final = "do not go together: give one of them"

CONFLICTS: Final = (
    Conflict("width", "size", _SIZE),
    Conflict("height", "size", _SIZE),
    Conflict("size", "enhance", _SIZE),
    Conflict("width", "enhance", _SIZE),
    Conflict("height", "enhance", _SIZE),
    Conflict("enhance", "upscaled_enhance", "both say how large the image becomes: give one of them"),
    Conflict("skip_cfg_above_sigma", "variety_plus", "both set skip_cfg_above_sigma: give one of them"),
    # docs/protocol/image.md#33-bodies-per-generation
    Conflict("vibes", "references", _APART),
    Conflict("vibes", "mask", "do not go together: an image is inpainted without vibes"),
)
"""Options that contradict each other."""

WIRE_NAMES: Final = {"auto_smea": "autoSmea", "inpaint_img2img_strength": "inpaintImg2ImgStrength"}
"""Parameters that have another spelling on the wire."""


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """Those of `ImageOptions` that parameters are made of, with their defaults."""

    negative_prompt: str = field(default="", repr=False)
    uc_preset: UCPreset | str | None = None
    quality: QualityPreset | str = QualityPreset.STANDARD
    variety_plus: bool = False
    transparent: bool = False
    auto_text: bool = False
    characters: Sequence[Character] = ()
    as_typed: bool = False
    vibes: Sequence[Vibe | EncodedVibe] = ()
    references: Sequence[PreciseReference] = ()
    controlnet: ControlNet | None = None
    entropy: Callable[[int], bytes] | None = None


FEATURE_NAMES: Final = tuple(each.name for each in fields(FeatureOptions))
"""Their names."""
