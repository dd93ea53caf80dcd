"""The ready-made texts of each model: tags for quality, and undesired content.

A client puts them into prompts (`quality_tags`); the service does not. Where clients differ, these are the website's.

See:
    docs/protocol/image.md#4-models-samplers-schedules-sizes
    docs/protocol/image.md#62-where-presets-go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .choices import QualityPreset, UCPreset

__all__ = ["PRESET_TEXTS", "PresetTexts"]


@dataclass(frozen=True, slots=True)
class PresetTexts:
    """The ready-made texts of one model."""

    uc: Mapping[UCPreset, str] = field(hash=False)
    "The usual one first."
    quality: Mapping[QualityPreset, str] = field(hash=False)
    nsfw_prefix: bool = True
    "Whether ``nsfw`` is put before undesired content, unless the prompt has it."


_U: Final = UCPreset
_Q: Final = QualityPreset

_V5_HEAVY: Final = (
    "lowres, artistic error, film grain, scan artifacts, worst quality, bad quality, jpeg artifacts, very "
    "displeasing, chromatic aberration, dithering, halftone, screentone, multiple views, logo, too many "
    "watermarks, negative space, blank page"
)
_V5_LIGHT: Final = (
    "lowres, bad hands, bad anatomy, artistic error, sepia, white haze, worst quality, very displeasing, jpeg "
    "artifacts, 0::ai-generated::"
)
_V5_FURRY_FOCUS: Final = (
    "{worst quality}, distracting watermark, unfinished, bad quality, {widescreen}, upscale, {sequence}, "
    "{{grandfathered content}}, blurred foreground, chromatic aberration, sketch, everyone, [sketch "
    "background], simple, [flat colors], ych (character), outline, multiple scenes, [[horror (theme)]], comic"
)
_V5_HUMAN_FOCUS: Final = (
    "lowres, artistic error, film grain, scan artifacts, worst quality, bad quality, jpeg artifacts, very "
    "displeasing, chromatic aberration, dithering, halftone, screentone, multiple views, logo, too many "
    "watermarks, negative space, blank page, @_@, mismatched pupils, glowing eyes, bad anatomy"
)
_V4_5_LIGHT: Final = (
    "lowres, artistic error, scan artifacts, worst quality, bad quality, jpeg artifacts, multiple views, very "
    "displeasing, too many watermarks, negative space, blank page"
)
_V4_5_CURATED_HEAVY: Final = (
    "blurry, lowres, upscaled, artistic error, film grain, scan artifacts, worst quality, bad quality, jpeg "
    "artifacts, very displeasing, chromatic aberration, halftone, multiple views, logo, too many watermarks, "
    "negative space, blank page"
)
_V4_5_CURATED_LIGHT: Final = (
    "blurry, lowres, upscaled, artistic error, scan artifacts, jpeg artifacts, logo, too many watermarks, "
    "negative space, blank page"
)
_V4_5_CURATED_HUMAN_FOCUS: Final = (
    "blurry, lowres, upscaled, artistic error, film grain, scan artifacts, bad anatomy, bad hands, worst "
    "quality, bad quality, jpeg artifacts, very displeasing, chromatic aberration, halftone, multiple views, "
    "logo, too many watermarks, @_@, mismatched pupils, glowing eyes, negative space, blank page"
)
_V4_HEAVY: Final = (
    "blurry, lowres, error, film grain, scan artifacts, worst quality, bad quality, jpeg artifacts, very "
    "displeasing, chromatic aberration, multiple views, logo, too many watermarks, white blank page, blank page"
)
_V4_LIGHT: Final = (
    "blurry, lowres, error, worst quality, bad quality, jpeg artifacts, very displeasing, white blank page, blank page"
)
_V4_CURATED_HEAVY: Final = (
    "blurry, lowres, error, film grain, scan artifacts, worst quality, bad quality, jpeg artifacts, very "
    "displeasing, chromatic aberration, logo, dated, signature, multiple views, gigantic breasts, white blank "
    "page, blank page"
)
_V4_CURATED_LIGHT: Final = (
    "blurry, lowres, error, worst quality, bad quality, jpeg artifacts, very displeasing, logo, dated, "
    "signature, white blank page, blank page"
)
_ANIME_V3_HEAVY: Final = (
    "lowres, {bad}, error, fewer, extra, missing, worst quality, jpeg artifacts, bad quality, watermark, "
    "unfinished, displeasing, chromatic aberration, signature, extra digits, artistic error, username, scan, "
    "[abstract]"
)
_ANIME_V3_LIGHT: Final = "lowres, jpeg artifacts, worst quality, watermark, blurry, very displeasing"
_ANIME_V3_HUMAN_FOCUS: Final = (
    "lowres, {bad}, error, fewer, extra, missing, worst quality, jpeg artifacts, bad quality, watermark, "
    "unfinished, displeasing, chromatic aberration, signature, extra digits, artistic error, username, scan, "
    "[abstract], bad anatomy, bad hands, @_@, mismatched pupils, heart-shaped pupils, glowing eyes"
)
_FURRY_V3_HEAVY: Final = (
    "{{worst quality}}, [displeasing], {unusual pupils}, guide lines, {{unfinished}}, {bad}, url, artist name, "
    "{{tall image}}, mosaic, {sketch page}, comic panel, impact (font), [dated], {logo}, ych, {what}, {where "
    "is your god now}, {distorted text}, repeated text, {floating head}, {1994}, {widescreen}, absolutely "
    "everyone, sequence, {compression artifacts}, hard translated, {cropped}, {commissioner name}, unknown "
    "text, high contrast"
)
_FURRY_V3_LIGHT: Final = (
    "{worst quality}, guide lines, unfinished, bad, url, tall image, widescreen, compression artifacts, unknown text"
)
_ANIME_V2_HEAVY: Final = (
    "lowres, bad, text, error, missing, extra, fewer, cropped, jpeg artifacts, worst quality, bad quality, "
    "watermark, displeasing, unfinished, chromatic aberration, scan, scan artifacts"
)
_V1_LOW_QUALITY_PLUS_BAD_ANATOMY: Final = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst "
    "quality, low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry"
)
_V1_LOW_QUALITY: Final = (
    "lowres, text, cropped, worst quality, low quality, normal quality, jpeg artifacts, signature, watermark, "
    "username, blurry"
)
_FURRY_V1_LOW_QUALITY: Final = (
    "worst quality, low quality, what has science done, what, nightmare fuel, eldritch horror, where is your "
    "god now, why"
)
_FURRY_V1_BAD_ANATOMY: Final = (
    "{worst quality}, low quality, distracting watermark, [nightmare fuel], {{unfinished}}, deformed, outline, "
    "pattern, simple background"
)

_ROWS: Final = {
    "nai-diffusion-5-full": PresetTexts(
        {
            _U.HEAVY: _V5_HEAVY,
            _U.LIGHT: _V5_LIGHT,
            _U.FURRY_FOCUS: _V5_FURRY_FOCUS,
            _U.HUMAN_FOCUS: _V5_HUMAN_FOCUS,
            _U.NONE: "",
        },
        {_Q.STANDARD: "very aesthetic, masterpiece, no text", _Q.LIGHT: "very aesthetic, amazing quality, no text"},
    ),
    "nai-diffusion-5-curated": PresetTexts(
        {
            _U.HEAVY: _V5_HEAVY,
            _U.LIGHT: _V5_LIGHT,
            _U.FURRY_FOCUS: _V5_FURRY_FOCUS,
            _U.HUMAN_FOCUS: _V5_HUMAN_FOCUS,
            _U.NONE: "",
        },
        {_Q.STANDARD: "very aesthetic, masterpiece, no text", _Q.LIGHT: "very aesthetic, amazing quality, no text"},
        nsfw_prefix=False,
    ),
    "nai-diffusion-4-5-full": PresetTexts(
        {
            _U.HEAVY: _V5_HEAVY,
            _U.LIGHT: _V4_5_LIGHT,
            _U.FURRY_FOCUS: _V5_FURRY_FOCUS,
            _U.HUMAN_FOCUS: _V5_HUMAN_FOCUS,
            _U.NONE: "",
        },
        {_Q.STANDARD: "very aesthetic, masterpiece, no text"},
    ),
    "nai-diffusion-4-5-curated": PresetTexts(
        {
            _U.HEAVY: _V4_5_CURATED_HEAVY,
            _U.LIGHT: _V4_5_CURATED_LIGHT,
            _U.HUMAN_FOCUS: _V4_5_CURATED_HUMAN_FOCUS,
            _U.NONE: "",
        },
        {_Q.STANDARD: "very aesthetic, masterpiece, no text, -0.8::feet::, rating:general"},
        nsfw_prefix=False,
    ),
    "nai-diffusion-4-full": PresetTexts(
        {_U.HEAVY: _V4_HEAVY, _U.LIGHT: _V4_LIGHT, _U.NONE: ""},
        {_Q.STANDARD: "no text, best quality, very aesthetic, absurdres"},
    ),
    "nai-diffusion-4-curated-preview": PresetTexts(
        {_U.HEAVY: _V4_CURATED_HEAVY, _U.LIGHT: _V4_CURATED_LIGHT, _U.NONE: ""},
        {_Q.STANDARD: "rating:general, best quality, very aesthetic, absurdres"},
        nsfw_prefix=False,
    ),
    "nai-diffusion-3": PresetTexts(
        {
            _U.HEAVY: _ANIME_V3_HEAVY,
            _U.LIGHT: _ANIME_V3_LIGHT,
            _U.HUMAN_FOCUS: _ANIME_V3_HUMAN_FOCUS,
            _U.NONE: "lowres",
        },
        {_Q.STANDARD: "best quality, amazing quality, very aesthetic, absurdres"},
    ),
    "nai-diffusion-furry-3": PresetTexts(
        {_U.HEAVY: _FURRY_V3_HEAVY, _U.LIGHT: _FURRY_V3_LIGHT, _U.NONE: "lowres"},
        {_Q.STANDARD: "{best quality}, {amazing quality}"},
    ),
    "nai-diffusion-2": PresetTexts(
        {_U.HEAVY: _ANIME_V2_HEAVY, _U.LIGHT: _ANIME_V3_LIGHT, _U.NONE: "lowres"},
        {_Q.STANDARD: "very aesthetic, best quality, absurdres"},
    ),
    "nai-diffusion": PresetTexts(
        {
            _U.LOW_QUALITY_PLUS_BAD_ANATOMY: _V1_LOW_QUALITY_PLUS_BAD_ANATOMY,
            _U.LOW_QUALITY: _V1_LOW_QUALITY,
            _U.NONE: "lowres",
        },
        {_Q.STANDARD: "masterpiece, best quality"},
    ),
    "safe-diffusion": PresetTexts(
        {
            _U.LOW_QUALITY_PLUS_BAD_ANATOMY: _V1_LOW_QUALITY_PLUS_BAD_ANATOMY,
            _U.LOW_QUALITY: _V1_LOW_QUALITY,
            _U.NONE: "lowres",
        },
        {_Q.STANDARD: "masterpiece, best quality"},
    ),
    "nai-diffusion-furry": PresetTexts(
        {_U.LOW_QUALITY: _FURRY_V1_LOW_QUALITY, _U.BAD_ANATOMY: _FURRY_V1_BAD_ANATOMY, _U.NONE: "low res"},
        {_Q.STANDARD: "masterpiece, best quality"},
    ),
}

PRESET_TEXTS: Final[Mapping[str, PresetTexts]] = {**_ROWS, "nai-diffusion-5-full-medium": _ROWS["nai-diffusion-5-full"]}
"""By the id of the model that is no inpainting model."""
