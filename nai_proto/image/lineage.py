"""Which model's prices and limits hold: those of the listed model that an inpainting one is made from.

A model that is not listed, or that one client alone knows (``nai-diffusion-5-full-medium``), has none: nothing is guessed
where it could cost more than was said.

See docs/protocol/image.md#4-models-samplers-schedules-sizes.
"""

from __future__ import annotations

from ..errors import InvalidRequestError, excerpt
from .generations import Generation
from .models import MODELS, ImageModel

__all__ = ["base_of", "generation_of"]


def base_of(model: ImageModel | str) -> ImageModel:
    """The model of which this one is the inpainting form, or itself.

    Args:
        model: as an object, or its id as it stands on the wire.

    Raises:
        InvalidRequestError: the model is not known.
    """
    found = ImageModel.named(model)
    if not found.listed or found.facts.unsure:
        known = ", ".join(each.id for each in MODELS if each.base == each and not each.facts.unsure)
        raise InvalidRequestError(
            f"the image model {excerpt(found.id, 60)!r} is not known, and so neither its prices nor its limits; "
            f"known are {known}, and their inpainting forms",
            parameter="model",
        )
    return found.base


def generation_of(model: ImageModel | str) -> Generation:
    """The generation of a model; raises what `base_of` raises."""
    return base_of(model).generation
