"""Images: asked for, altered, looked at. Facts: image.

`generate` takes a prompt and what may be wished for with it; what a model does not take is refused before anything is
sent. Images go in and come out as bytes. All names are found when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answers import Image
    from .caching import cache_key, form, generate_cached
    from .choices import (
        ControlNetModel,
        ImageGenerationType,
        ImageResolution,
        ImageSampler,
        NoiseSchedule,
        QualityPreset,
        UCPreset,
    )
    from .features import Character, ControlNet, EncodedVibe, Position, Reference, Vibe
    from .generation import Drawing, generate, generate_stream
    from .generations import FAMILIES, Family, Generation
    from .masks import box_mask
    from .models import MODELS, Facts, ImageModel
    from .parameters import Options, Parameters
    from .preset import ImagePreset
    from .prompting import with_quality_tags, with_uc_preset
    from .request import ImageRequest, image_request
    from .rules import check
    from .stream import Drawn, Step
    from .suggestions import JapaneseTag, Tag, suggest_tags
    from .tools import Annotator, DirectorTool, Emotion, annotate, augment, classify, encode_vibe, upscale
else:
    from ..lazy import finder

    _HOMES = {
        "answers": "Image",
        "caching": "cache_key form generate_cached",
        "choices": (
            "ControlNetModel ImageGenerationType ImageResolution ImageSampler NoiseSchedule QualityPreset UCPreset"
        ),
        "features": "Character ControlNet EncodedVibe Position Reference Vibe",
        "generation": "Drawing generate generate_stream",
        "generations": "FAMILIES Family Generation",
        "masks": "box_mask",
        "models": "MODELS Facts ImageModel",
        "parameters": "Options Parameters",
        "preset": "ImagePreset",
        "prompting": "with_quality_tags with_uc_preset",
        "request": "ImageRequest image_request",
        "rules": "check",
        "stream": "Drawn Step",
        "suggestions": "JapaneseTag Tag suggest_tags",
        "tools": "Annotator DirectorTool Emotion annotate augment classify encode_vibe upscale",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "FAMILIES",
    "MODELS",
    "Annotator",
    "Character",
    "ControlNet",
    "ControlNetModel",
    "DirectorTool",
    "Drawing",
    "Drawn",
    "Emotion",
    "EncodedVibe",
    "Facts",
    "Family",
    "Generation",
    "Image",
    "ImageGenerationType",
    "ImageModel",
    "ImagePreset",
    "ImageRequest",
    "ImageResolution",
    "ImageSampler",
    "JapaneseTag",
    "NoiseSchedule",
    "Options",
    "Parameters",
    "Position",
    "QualityPreset",
    "Reference",
    "Step",
    "Tag",
    "UCPreset",
    "Vibe",
    "annotate",
    "augment",
    "box_mask",
    "cache_key",
    "check",
    "classify",
    "encode_vibe",
    "form",
    "generate",
    "generate_cached",
    "generate_stream",
    "image_request",
    "suggest_tags",
    "upscale",
    "with_quality_tags",
    "with_uc_preset",
]
