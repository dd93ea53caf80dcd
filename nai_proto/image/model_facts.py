"""The table of image models: a row of facts for each.

What a generation has in common is in `FAMILIES`; ready-made texts are in `preset_texts`.

See docs/protocol/image.md#4-models-samplers-schedules-sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..arguments import FLAG, INTEGER, MAPPING, NUMBER, TEXT, convert_fields, member
from .choices import QualityPreset, UCPreset
from .families import Generation

__all__ = ["IMAGE_MODEL_FACTS", "NO_FACTS", "ImageModelFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageModelFacts:
    """The facts of a model; None where one is not known, or where another table has it by the model's id."""

    name: str | None = None
    "What people call it."
    generation: Generation | None = None
    "The generation that it belongs to."
    base: str | None = None
    "Of an inpainting model: the id of its base model; empty for other models."
    inpainting: str | None = None
    "The id of the model that inpaints in its place; empty where there is none."
    scale: float | None = None
    "The usual guidance."
    steps: int | None = None
    "The usual number of steps."
    tokens: int | None = None
    "How many tokens of a prompt it reads."
    vibe_key: str | None = None
    "Its name in vibe files; empty where it has none. See docs/protocol/image.md#51-vibe-transfer."
    uc: Mapping[UCPreset, str] | None = field(default=None, hash=False)
    "Its ready-made texts of undesired content, the usual one first."
    quality: Mapping[QualityPreset, str] | None = field(default=None, hash=False)
    "Its ready-made tags for quality."
    nsfw_prefix: bool | None = None
    """Whether ``nsfw`` is put before those texts, unless the prompt has it."""
    upscales: bool = False
    "Whether it can upscale. See docs/protocol/image.md#24-post-aiupscale."
    retired: bool = False
    "Whether only older clients know it."
    unsure: bool = False
    "Whether it is known from one client alone."

    def __post_init__(self) -> None:
        convert_fields(self, **_FACTS)


_FACTS: Final = {
    **dict.fromkeys(("name", "base", "inpainting", "vibe_key"), TEXT | None),
    **dict.fromkeys(("steps", "tokens"), INTEGER | None),
    **dict.fromkeys(("uc", "quality"), MAPPING | None),
    **dict.fromkeys(("upscales", "retired", "unsure"), FLAG),
    "generation": member(Generation) | None,
    "scale": NUMBER | None,
    "nsfw_prefix": FLAG | None,
}

NO_FACTS: Final = ImageModelFacts()
"Those of a model that is not listed, unless its caller gives some."

_OF_BASE_MODELS: Final[dict[str, ImageModelFacts]] = {
    "nai-diffusion-5-full": ImageModelFacts(
        name="V5 Full",
        generation=Generation.V5,
        base="",
        inpainting="nai-diffusion-5-full-inpainting",
        scale=7,
        tokens=1471,
        upscales=True,
    ),
    "nai-diffusion-5-curated": ImageModelFacts(
        name="V5 Curated",
        generation=Generation.V5,
        base="",
        inpainting="nai-diffusion-4-5-curated-inpainting",  # it has none of its own
        scale=7,
        tokens=703,
        upscales=True,
    ),
    "nai-diffusion-5-full-medium": ImageModelFacts(
        name="V5 Full Medium",
        generation=Generation.V5,
        base="",
        inpainting="nai-diffusion-5-full-medium-inpainting",
        scale=7,
        steps=14,
        unsure=True,
    ),
    "nai-diffusion-4-5-full": ImageModelFacts(
        name="V4.5 Full",
        generation=Generation.V4_5,
        base="",
        inpainting="nai-diffusion-4-5-full-inpainting",
        scale=5,
        vibe_key="v4-5full",
    ),
    "nai-diffusion-4-5-curated": ImageModelFacts(
        name="V4.5 Curated",
        generation=Generation.V4_5,
        base="",
        inpainting="nai-diffusion-4-5-curated-inpainting",
        scale=5,
        vibe_key="v4-5curated",
    ),
    "nai-diffusion-4-full": ImageModelFacts(
        name="V4 Full",
        generation=Generation.V4,
        base="",
        inpainting="nai-diffusion-4-full-inpainting",
        scale=5.5,
        vibe_key="v4full",
    ),
    "nai-diffusion-4-curated-preview": ImageModelFacts(
        name="V4 Curated",
        generation=Generation.V4,
        base="",
        inpainting="nai-diffusion-4-curated-inpainting",  # without the "preview"
        scale=5.5,
        vibe_key="v4curated",
    ),
    "nai-diffusion-3": ImageModelFacts(
        name="Anime V3", generation=Generation.V3, base="", inpainting="nai-diffusion-3-inpainting", scale=5
    ),
    "nai-diffusion-furry-3": ImageModelFacts(
        name="Furry V3", generation=Generation.V3, base="", inpainting="nai-diffusion-furry-3-inpainting", scale=6.2
    ),
    "nai-diffusion-2": ImageModelFacts(
        name="Anime V2", generation=Generation.V2, base="", inpainting="", scale=10, retired=True
    ),
    "nai-diffusion": ImageModelFacts(
        name="Anime V1 Full",
        generation=Generation.V1,
        base="",
        inpainting="nai-diffusion-inpainting",
        scale=10,
        retired=True,
    ),
    "safe-diffusion": ImageModelFacts(
        name="Anime V1 Curated",
        generation=Generation.V1,
        base="",
        inpainting="safe-diffusion-inpainting",
        scale=10,
        retired=True,
    ),
    "nai-diffusion-furry": ImageModelFacts(
        name="Furry V1",
        generation=Generation.V1,
        base="",
        inpainting="furry-diffusion-inpainting",  # without the "nai"
        scale=10,
        retired=True,
    ),
}
"""By id."""


def _describe_inpainting_model(base: str) -> ImageModelFacts:
    """Return the facts of a base model's own inpainting model."""
    facts = _OF_BASE_MODELS[base]
    return ImageModelFacts(
        name=f"{facts.name} Inpainting",
        generation=facts.generation,
        base=base,
        retired=facts.retired,
        unsure=facts.unsure,
    )


IMAGE_MODEL_FACTS: Final[Mapping[str, ImageModelFacts]] = _OF_BASE_MODELS | {
    facts.inpainting: _describe_inpainting_model(base)
    for base, facts in _OF_BASE_MODELS.items()
    if facts.inpainting and base != "nai-diffusion-5-curated"  # which has none of its own
}
"""The facts of all models by id: base models, then those that inpaint."""
