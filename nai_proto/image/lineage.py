"""Which generation a model is of: what prices and the counting of tokens depend on (image §4).

The ids are those that the service takes or once took. ``nai-diffusion-5-full-medium`` is not among them: one client alone
knows it, and what it costs and holds is that client's word. Of a model that is not listed nothing is guessed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ..errors import LocalProtocolError, excerpt

__all__ = ["Generation", "base_of", "generation_of"]


class Generation(StrEnum):
    """Models that cost and count alike."""

    V1 = "v1"
    V2 = "v2"
    V3 = "v3"
    V4 = "v4"
    V4_5 = "v4_5"
    V5 = "v5"


_GENERATIONS: Final = {
    "nai-diffusion-5-full": Generation.V5,
    "nai-diffusion-5-curated": Generation.V5,
    "nai-diffusion-4-5-full": Generation.V4_5,
    "nai-diffusion-4-5-curated": Generation.V4_5,
    "nai-diffusion-4-full": Generation.V4,
    "nai-diffusion-4-curated-preview": Generation.V4,
    "nai-diffusion-3": Generation.V3,
    "nai-diffusion-furry-3": Generation.V3,
    "nai-diffusion-2": Generation.V2,
    "nai-diffusion": Generation.V1,
    "safe-diffusion": Generation.V1,
    "nai-diffusion-furry": Generation.V1,
}

_BASES: Final = {
    "nai-diffusion-5-full-inpainting": "nai-diffusion-5-full",
    "nai-diffusion-4-5-full-inpainting": "nai-diffusion-4-5-full",
    "nai-diffusion-4-5-curated-inpainting": "nai-diffusion-4-5-curated",
    "nai-diffusion-4-full-inpainting": "nai-diffusion-4-full",
    "nai-diffusion-4-curated-inpainting": "nai-diffusion-4-curated-preview",
    "nai-diffusion-3-inpainting": "nai-diffusion-3",
    "nai-diffusion-furry-3-inpainting": "nai-diffusion-furry-3",
    "nai-diffusion-inpainting": "nai-diffusion",
    "safe-diffusion-inpainting": "safe-diffusion",
    "furry-diffusion-inpainting": "nai-diffusion-furry",
}
"""Of the inpainting models (image §4); what they cost and hold is what their base model does."""


def base_of(model: str) -> str:
    """The model of which this one is the inpainting form, or itself.

    Args:
        model: its id, as it stands on the wire.

    Raises:
        LocalProtocolError: the model is not known.
    """
    base = _BASES.get(model, model)
    if base not in _GENERATIONS:
        raise LocalProtocolError(
            f"the image model {excerpt(model, 60)!r} is not known, and so neither its prices nor its limits; "
            f"known are {', '.join(_GENERATIONS)}, and their inpainting forms"
        )
    return base


def generation_of(model: str) -> Generation:
    """The generation of a model; raises what `base_of` raises."""
    return _GENERATIONS[base_of(model)]
