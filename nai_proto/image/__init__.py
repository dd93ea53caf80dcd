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
    from .masks import align_mask, box_mask
    from .models import MODELS, Facts, ImageModel
    from .parameters import Options, Parameters
    from .paying import affordable, parameters_price
    from .preset import ImagePreset
    from .price import (
        Allowance,
        Price,
        check_price,
        encoding_price,
        generation_price,
        tool_price,
        upscale_price,
    )
    from .prompting import with_quality_tags, with_uc_preset
    from .prompts import Emphasis, Prompt, normalised, parse
    from .recipe import Recipe
    from .request import ImageRequest, image_request
    from .rules import check
    from .stream import Drawn, Step
    from .suggestions import JapaneseTag, Tag, suggest_tags
    from .token_counts import TokenCount, count_tokens, token_limit
    from .tools import Annotator, DirectorTool, Emotion, annotate, augment, classify, encode_vibe, upscale
    from .vibes import MemoryVibes, VibeCache, VibeSource, vibe, vibe_of, vibes_of
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
        "masks": "align_mask box_mask",
        "models": "MODELS Facts ImageModel",
        "parameters": "Options Parameters",
        "paying": "affordable parameters_price",
        "preset": "ImagePreset",
        "price": "Allowance Price check_price encoding_price generation_price tool_price upscale_price",
        "prompting": "with_quality_tags with_uc_preset",
        "prompts": "Emphasis Prompt normalised parse",
        "recipe": "Recipe",
        "request": "ImageRequest image_request",
        "rules": "check",
        "stream": "Drawn Step",
        "suggestions": "JapaneseTag Tag suggest_tags",
        "token_counts": "TokenCount count_tokens token_limit",
        "tools": "Annotator DirectorTool Emotion annotate augment classify encode_vibe upscale",
        "vibes": "MemoryVibes VibeCache VibeSource vibe vibe_of vibes_of",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "FAMILIES",
    "MODELS",
    "Allowance",
    "Annotator",
    "Character",
    "ControlNet",
    "ControlNetModel",
    "DirectorTool",
    "Drawing",
    "Drawn",
    "Emotion",
    "Emphasis",
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
    "MemoryVibes",
    "NoiseSchedule",
    "Options",
    "Parameters",
    "Position",
    "Price",
    "Prompt",
    "QualityPreset",
    "Recipe",
    "Reference",
    "Step",
    "Tag",
    "TokenCount",
    "UCPreset",
    "Vibe",
    "VibeCache",
    "VibeSource",
    "affordable",
    "align_mask",
    "annotate",
    "augment",
    "box_mask",
    "cache_key",
    "check",
    "check_price",
    "classify",
    "count_tokens",
    "encode_vibe",
    "encoding_price",
    "form",
    "generate",
    "generate_cached",
    "generate_stream",
    "generation_price",
    "image_request",
    "normalised",
    "parameters_price",
    "parse",
    "suggest_tags",
    "token_limit",
    "tool_price",
    "upscale",
    "upscale_price",
    "vibe",
    "vibe_of",
    "vibes_of",
    "with_quality_tags",
    "with_uc_preset",
]
