"""Check whether the features of an image request go with the model, and with each other.

See:
    docs/protocol/image.md#33-bodies-per-generation
    docs/protocol/image.md#5-features
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..errors import InvalidRequestError
from .choices import ImageGenerationType
from .features import Character, EncodedVibe, PreciseReference, Vibe
from .image_files import png_size
from .models import ImageModel
from .options import FeatureOptions
from .parameter_rules import MAX_PROMPT_CHARACTERS

__all__ = ["CANVASES", "check_compatibility"]

CANVASES: Final = ((1024, 1536), (1536, 1024), (1472, 1472))
"""The sizes that a precise reference may have."""

_MAX_COUNT: Final = 16
_MAX_ENHANCED_PIXELS: Final = 2_516_582.4


def check_compatibility(
    prompt: str, model: ImageModel, action: ImageGenerationType, values: Mapping[str, object], features: FeatureOptions
) -> None:
    """Raise for what the service would refuse, or silently leave out.

    Raises:
        InvalidRequestError: something is not for this model, is too much, or does not go with something else.
    """
    _check_texts((prompt, features.negative_prompt), model, features.characters)
    if features.vibes:
        _check_vibes(features.vibes, model)
    if features.references:
        _check_references(features.references, model)
    if features.controlnet is not None:
        if not model.family.controlnet:
            raise InvalidRequestError(f"{model.id} has no ControlNet: V1 and V2 have", parameter="controlnet")
        _check_range("the strength of controlnet", features.controlnet.strength, 0.1, 2, "controlnet")
    if features.transparent and not model.family.transparency:
        raise InvalidRequestError(f"{model.id} draws no transparent backgrounds: V5 does", parameter="transparent")
    if features.auto_text and not model.family.transparency:
        raise InvalidRequestError(f"{model.id} has no auto text: V5 has", parameter="auto_text")
    _check_sources(values, action)


def _check_texts(texts: tuple[str, ...], model: ImageModel, characters: Sequence[Character]) -> None:
    if characters and not model.family.characters:
        raise InvalidRequestError(
            f"{model.id} has no characters of their own: V4 and later have", parameter="characters"
        )
    enabled = [each for each in characters if each.enabled]
    if len(enabled) > model.family.characters:
        raise InvalidRequestError(
            f"{len(enabled)} characters, and {model.id} takes at most {model.family.characters}", parameter="characters"
        )
    for text in (*texts, *(text for each in enabled for text in (each.prompt, each.uc or ""))):
        if len(text) > MAX_PROMPT_CHARACTERS:
            raise InvalidRequestError(
                f"a prompt has {len(text)} characters, and {model.id} takes at most {MAX_PROMPT_CHARACTERS}",
                parameter="prompt",
            )


def _check_vibes(vibes: Sequence[Vibe | EncodedVibe], model: ImageModel) -> None:
    form = model.family.vibes
    if not form:
        raise InvalidRequestError(f"{model.id} takes no vibes: V3 to V4.5 do", parameter="vibes")
    if len(vibes) > _MAX_COUNT:
        raise InvalidRequestError(f"{len(vibes)} vibes, and {model.id} takes at most {_MAX_COUNT}", parameter="vibes")
    for number, vibe in enumerate(vibes, 1):
        _check_range(f"the strength of vibe {number}", vibe.strength, -1, 1, "vibes")
        if isinstance(vibe, Vibe):
            if form != "raw":
                raise InvalidRequestError(
                    f"{model.id} takes vibes that are encoded for it",
                    parameter="vibes",
                    advice="encode_vibe makes them",
                )
            _check_range(f"information_extracted of vibe {number}", vibe.information_extracted, 0.01, 1, "vibes")
        elif form != "encoded":
            raise InvalidRequestError(f"{model.id} takes vibes as raw images, not encoded", parameter="vibes")
        elif vibe.key is not None and vibe.key != model.vibe_key:
            raise InvalidRequestError(
                f"a vibe is encoded for {vibe.key}, and {model.id} takes those for {model.vibe_key}", parameter="vibes"
            )


def _check_references(references: Sequence[PreciseReference], model: ImageModel) -> None:
    if not model.family.references:
        raise InvalidRequestError(f"{model.id} takes no precise references: V4.5 does", parameter="references")
    if len(references) > _MAX_COUNT:
        raise InvalidRequestError(
            f"{len(references)} references, and {model.id} takes at most {_MAX_COUNT}", parameter="references"
        )
    for each in references:
        size = png_size(each.image)
        if size not in CANVASES:
            came = "is no PNG" if size is None else f"has {size[0]} × {size[1]} pixels"
            sizes = ", ".join(f"{width} × {height}" for width, height in CANVASES)
            raise InvalidRequestError(
                f"a reference {came}; fit it into a PNG of {sizes}, the rest black", parameter="references"
            )


def _check_sources(values: Mapping[str, object], action: ImageGenerationType) -> None:
    width, height = values["width"], values["height"]
    assert isinstance(width, int)
    assert isinstance(height, int)
    if action is ImageGenerationType.INPAINTING and "image" not in values:
        raise InvalidRequestError("a mask needs the image that it belongs to", parameter="image")
    if values.get("upscaled_enhance") and width * height >= _MAX_ENHANCED_PIXELS:
        raise InvalidRequestError(
            f"Max enhance takes fewer than {_MAX_ENHANCED_PIXELS:.1f} pixels, not {width * height}",
            parameter="upscaled_enhance",
        )


def _check_range(what: str, value: float, least: float, most: float, parameter: str) -> None:
    if not least <= value <= most:
        raise InvalidRequestError(f"{what} is {value!r}, and may be from {least:g} to {most:g}", parameter=parameter)
