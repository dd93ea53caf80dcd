"""What a request for pictures says, whichever client's shape it has: a missing key is the model's default, an
unknown one is nothing, and numbers may be written as ``1`` or ``1.0``.

See docs/protocol/image.md#32-parameters-all-keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ...codecs.mismatch import find_mismatch
from ...image.choices import ImageSampler
from ...image.generations import Generation
from ...image.models import ImageModel
from .bodies import invalid

__all__ = ["Caption", "Center", "CharacterCaption", "Structured", "Wish", "read_wish"]


class Center(msgspec.Struct):
    """Where a character stands."""

    x: float = 0.5
    y: float = 0.5


class CharacterCaption(msgspec.Struct):
    """One character."""

    char_caption: str = ""
    centers: list[Center] = []


class Caption(msgspec.Struct):
    """A prompt in parts."""

    base_caption: str = ""
    char_captions: list[CharacterCaption] = []


class Structured(msgspec.Struct):
    """``v4_prompt``, ``v4_negative_prompt``.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """

    caption: Caption = msgspec.field(default_factory=Caption)
    use_coords: bool = False
    use_order: bool = False
    legacy_uc: bool = False


class Wish(msgspec.Struct, kw_only=True):
    """The parameters but for images; what has no default here has the model's.

    See docs/protocol/image.md#32-parameters-all-keys.
    """

    width: int
    height: int
    scale: float
    sampler: str = ImageSampler.K_EULER_ANCESTRAL.value
    steps: int
    n_samples: int = 1
    seed: int
    extra_noise_seed: int | None = None
    negative_prompt: str = ""
    "Or ``uc``, its older name."
    noise_schedule: str | None
    cfg_rescale: float = 0.0
    uncond_scale: float = 1.0
    dynamic_thresholding: bool = False
    sm: bool = False
    sm_dyn: bool = False
    skip_cfg_above_sigma: float | None = None
    deliberate_euler_ancestral_bug: bool = True
    prefer_brownian: bool = True
    legacy_v3_extend: bool = False
    add_original_image: bool = True
    image_format: Literal["png", "webp"] = "png"
    stream: str = "sse"
    strength: float = 0.7
    noise: float = 0.0
    color_correct: bool = True
    inpaint_strength: float = msgspec.field(default=1.0, name="inpaintImg2ImgStrength")
    controlnet_model: str | None = None
    controlnet_strength: float = 1.0
    reference_strength: float | None = None
    reference_information_extracted: float | None = None
    reference_strength_multiple: list[float] = []
    reference_information_extracted_multiple: list[float] = []
    director_reference_descriptions: list[Structured] = []
    director_reference_information_extracted: list[float] = []
    director_reference_strength_values: list[float] = []
    director_reference_secondary_strength_values: list[float] = []
    tag_hint_qt: int | None = None
    tag_hint_uc_preset: int | None = None
    tag_hint_transparent_background: bool | None = None
    v4_prompt: Structured | None = None
    v4_negative_prompt: Structured | None = None
    straight_alpha: bool = True
    upscaled_enhance: bool = False
    upscale: dict[str, float] | None = None


def read_wish(parameters: Mapping[str, Any], model: ImageModel, seed: int) -> Wish:
    """The parameters, with what the model's family has where nothing is said.

    Args:
        parameters: as they came, without null.
        model: that is asked.
        seed: for whoever says none.

    Raises:
        Refused: 400, one is of another type.
    """
    said = {key: _plain(value) for key, value in parameters.items()}
    said.setdefault("negative_prompt", said.get("uc", ""))
    family = model.family
    width, height = family.size
    usual = {"width": width, "height": height, "scale": model.scale, "steps": model.steps, "seed": seed}
    if (
        family.generation is Generation.V5
    ):  # which takes one only, whatever is said (docs/protocol/image.md#32-parameters-all-keys)
        said.pop("noise_schedule", None)
    whole = {**usual, "noise_schedule": family.schedule, **said}
    try:
        return msgspec.convert(whole, Wish)
    except (ValueError, OverflowError, RecursionError):
        pass  # and explain below
    raise invalid(str(find_mismatch(whole, Wish)))


def _plain(value: object) -> object:
    """A whole number as such, however it was written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
