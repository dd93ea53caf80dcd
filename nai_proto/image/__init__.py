"""Images: generated from words or from other images, changed by tools, and read back.

`generate` takes a prompt and keyword options, which `ImageOptions` describes; what a model does not take is refused before
anything is sent. Images go in and come out as bytes. All names are loaded when they are first used.

See docs/protocol/image.md#2-endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cached_images import cache_key, encode_form, generate_cached
    from .choices import (
        ControlNetModel,
        ImageGenerationType,
        ImageResolution,
        ImageSampler,
        NoiseSchedule,
        QualityPreset,
        Sampler,
        UCPreset,
    )
    from .cost_limits import parameters_price, request_if_affordable
    from .emphasis import Emphasis, Prompt, normalize_prompt, parse_prompt
    from .families import FAMILIES, Family, Generation
    from .features import Character, ControlNet, EncodedVibe, Position, PreciseReference, Vibe
    from .generation import ImageOperation, generate, generate_stream
    from .image_files import Image
    from .image_stream import ImageEvent, PreviewStep
    from .masks import align_mask, box_mask
    from .model_facts import ImageModelFacts
    from .models import MODELS, ImageModel
    from .options import ImageOptions, ImageParameters
    from .parameter_rules import check_parameters
    from .preset import ImagePreset
    from .price import Allowance, Price, check_price, encoding_price, generation_price, tool_price, upscale_price
    from .quality_tags import with_quality_tags, with_uc_preset
    from .recipe import Recipe
    from .request import ImageRequest, build_image_request
    from .tag_suggestions import JapaneseTag, Tag, suggest_tags
    from .token_counts import PromptTokenCount, count_tokens, token_limit
    from .tools import Annotator, DirectorTool, Emotion, annotate, augment, encode_vibe, upscale
    from .vibe_cache import MemoryVibeCache, VibeCache, VibeSource, encode_vibe_cached, vibe_from_file, vibes_from_file
else:
    from ..lazy import finder

    _HOMES = {
        "cached_images": "cache_key encode_form generate_cached",
        "choices": (
            "ControlNetModel ImageGenerationType ImageResolution ImageSampler NoiseSchedule QualityPreset Sampler UCPreset"
        ),
        "cost_limits": "parameters_price request_if_affordable",
        "emphasis": "Emphasis Prompt normalize_prompt parse_prompt",
        "families": "FAMILIES Family Generation",
        "features": "Character ControlNet EncodedVibe Position PreciseReference Vibe",
        "generation": "ImageOperation generate generate_stream",
        "image_files": "Image",
        "image_stream": "ImageEvent PreviewStep",
        "masks": "align_mask box_mask",
        "model_facts": "ImageModelFacts",
        "models": "MODELS ImageModel",
        "options": "ImageOptions ImageParameters",
        "parameter_rules": "check_parameters",
        "preset": "ImagePreset",
        "price": "Allowance Price check_price encoding_price generation_price tool_price upscale_price",
        "quality_tags": "with_quality_tags with_uc_preset",
        "recipe": "Recipe",
        "request": "ImageRequest build_image_request",
        "tag_suggestions": "JapaneseTag Tag suggest_tags",
        "token_counts": "PromptTokenCount count_tokens token_limit",
        "tools": "Annotator DirectorTool Emotion annotate augment encode_vibe upscale",
        "vibe_cache": "MemoryVibeCache VibeCache VibeSource encode_vibe_cached vibe_from_file vibes_from_file",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "FAMILIES",
    "MODELS",
    "Allowance",
    "Annotator",
    "Character",
    "ControlNet",
    "ControlNetModel",
    "DirectorTool",
    "Emotion",
    "Emphasis",
    "EncodedVibe",
    "Family",
    "Generation",
    "Image",
    "ImageEvent",
    "ImageGenerationType",
    "ImageModel",
    "ImageModelFacts",
    "ImageOperation",
    "ImageOptions",
    "ImageParameters",
    "ImagePreset",
    "ImageRequest",
    "ImageResolution",
    "ImageSampler",
    "JapaneseTag",
    "MemoryVibeCache",
    "NoiseSchedule",
    "Position",
    "PreciseReference",
    "PreviewStep",
    "Price",
    "Prompt",
    "PromptTokenCount",
    "QualityPreset",
    "Recipe",
    "Sampler",
    "Tag",
    "UCPreset",
    "Vibe",
    "VibeCache",
    "VibeSource",
    "align_mask",
    "annotate",
    "augment",
    "box_mask",
    "build_image_request",
    "cache_key",
    "check_parameters",
    "check_price",
    "count_tokens",
    "encode_form",
    "encode_vibe",
    "encode_vibe_cached",
    "encoding_price",
    "generate",
    "generate_cached",
    "generate_stream",
    "generation_price",
    "normalize_prompt",
    "parameters_price",
    "parse_prompt",
    "request_if_affordable",
    "suggest_tags",
    "token_limit",
    "tool_price",
    "upscale",
    "upscale_price",
    "vibe_from_file",
    "vibes_from_file",
    "with_quality_tags",
    "with_uc_preset",
]
