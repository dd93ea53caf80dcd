"""The words that image requests choose from, equal to those on the wire.

See:
    docs/protocol/image.md#21-post-aigenerate-image
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
    docs/protocol/image.md#4-models-samplers-schedules-sizes
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, Self

from ..arguments import TEXT

__all__ = [
    "TAG_HINTS",
    "ControlNetModel",
    "ImageGenerationType",
    "ImageResolution",
    "ImageSampler",
    "NoiseSchedule",
    "QualityPreset",
    "Sampler",
    "UCPreset",
]


class ImageGenerationType(StrEnum):
    """The kind of a generation; ``action`` on the wire."""

    NORMAL = "generate"
    IMG2IMG = "img2img"
    INPAINTING = "infill"


class ImageSampler(StrEnum):
    """All known samplers; `ImageModel.samplers` lists those of a model."""

    K_EULER_ANCESTRAL = "k_euler_ancestral"
    K_EULER = "k_euler"
    K_DPMPP_2S_ANCESTRAL = "k_dpmpp_2s_ancestral"
    K_DPMPP_2M_SDE = "k_dpmpp_2m_sde"
    K_DPMPP_2M = "k_dpmpp_2m"
    K_DPMPP_3M_SDE = "k_dpmpp_3m_sde"
    K_DPMPP_SDE = "k_dpmpp_sde"
    K_DPM_2 = "k_dpm_2"
    K_DPM_2_ANCESTRAL = "k_dpm_2_ancestral"
    K_DPM_ADAPTIVE = "k_dpm_adaptive"
    K_DPM_FAST = "k_dpm_fast"
    K_HEUN = "k_heun"
    K_LMS = "k_lms"
    PLMS = "plms"
    DDIM = "ddim"
    DDIM_V3 = "ddim_v3"
    NAI_SMEA = "nai_smea"
    NAI_SMEA_DYN = "nai_smea_dyn"


class Sampler(str):
    """The name of a sampler that is not listed: ``Sampler("k_new")`` is sent as it is, where ``"k_new"`` is refused.

    See docs/protocol/image.md#4-models-samplers-schedules-sizes.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        return super().__new__(cls, TEXT.convert(name, "name"))

    def __repr__(self) -> str:
        return f"Sampler({str(self)!r})"


class NoiseSchedule(StrEnum):
    """How noise is removed over the steps."""

    NATIVE = "native"
    KARRAS = "karras"
    EXPONENTIAL = "exponential"
    POLYEXPONENTIAL = "polyexponential"


class ImageResolution(Enum):
    """The sizes that the website offers, (width, height) in pixels; those that end in ``V1`` belong to V1."""

    SMALL_PORTRAIT = (512, 768)
    SMALL_LANDSCAPE = (768, 512)
    SMALL_SQUARE = (640, 640)
    NORMAL_PORTRAIT = (832, 1216)
    NORMAL_LANDSCAPE = (1216, 832)
    NORMAL_SQUARE = (1024, 1024)
    LARGE_PORTRAIT = (1024, 1536)
    LARGE_LANDSCAPE = (1536, 1024)
    LARGE_SQUARE = (1472, 1472)
    WALLPAPER_PORTRAIT = (1088, 1920)
    WALLPAPER_LANDSCAPE = (1920, 1088)
    SMALL_PORTRAIT_V1 = (384, 640)
    SMALL_LANDSCAPE_V1 = (640, 384)
    SMALL_SQUARE_V1 = (512, 512)
    NORMAL_PORTRAIT_V1 = SMALL_PORTRAIT
    NORMAL_LANDSCAPE_V1 = SMALL_LANDSCAPE
    NORMAL_SQUARE_V1 = SMALL_SQUARE
    LARGE_PORTRAIT_V1 = (512, 1024)
    LARGE_LANDSCAPE_V1 = (1024, 512)
    LARGE_SQUARE_V1 = NORMAL_SQUARE

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.value[0]

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return self.value[1]


class UCPreset(StrEnum):
    """Ready-made texts of undesired content; `ImageModel.uc_presets` lists those of a model."""

    HEAVY = "heavy"
    LIGHT = "light"
    HUMAN_FOCUS = "humanFocus"
    FURRY_FOCUS = "furryFocus"
    LOW_QUALITY_PLUS_BAD_ANATOMY = "lowQualityPlusBadAnatomy"
    LOW_QUALITY = "lowQuality"
    BAD_ANATOMY = "badAnatomy"
    NONE = "none"


class QualityPreset(StrEnum):
    """Ready-made tags for quality. A model without light tags uses its standard ones instead."""

    STANDARD = "standard"
    LIGHT = "light"
    NONE = "none"


TAG_HINTS: Final = {
    "none": 0,
    "standard": 1,
    "heavy": 2,
    "light": 3,
    "humanFocus": 4,
    "furryFocus": 5,
    "lowQualityPlusBadAnatomy": 6,
    "lowQuality": 7,
    "badAnatomy": 8,
}
"""The number by which ``tag_hint_qt`` and ``tag_hint_uc_preset`` name a preset."""


class ControlNetModel(StrEnum):
    """What an image guides, by the website's names; the values are those of ``controlnet_model``.

    See docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2.
    """

    PALETTE_SWAP = "hed"
    FORM_LOCK = "depth"
    SCRIBBLER = "scribble"
    BUILDING_CONTROL = "mlsd"
    LANDSCAPER = "seg"
