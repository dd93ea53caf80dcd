"""The types of the parameters of image functions, beyond those of `arguments`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..arguments import (
    BYTES,
    FLAG,
    FUNCTION,
    INTEGER,
    MAPPING,
    NUMBER,
    TEXT,
    ArgumentType,
    list_of,
    record,
    tuple_of,
)
from ..unknown_names import unknown_choice
from .choices import ImageResolution
from .features import Character, ControlNet, EncodedVibe, PreciseReference, Vibe
from .models import IMAGE_MODEL
from .preset import ImagePreset
from .price import ALLOWANCE

__all__ = ["OPTION_TYPES", "SIZE", "VIBE_SOURCE"]

_SIDES: Final = tuple_of("a width and a height in pixels", INTEGER, INTEGER)
_RAW_VIBE: Final = record(Vibe)
_ENCODED_VIBE: Final = record(EncodedVibe)


def _to_size(value: ImageResolution | str, name: str) -> tuple[int, int]:
    if isinstance(value, ImageResolution):
        return value.value
    word = value.strip().upper().replace(" ", "_").replace("-", "_")
    found = ImageResolution.__members__.get(word) or ImageResolution.__members__.get(f"NORMAL_{word}")
    if found is None:
        names = ("portrait", "landscape", "square", *(each.lower() for each in ImageResolution.__members__))
        raise unknown_choice(value, "size", names, parameter=name, advice="any other is a width and a height")
    return found.value


def _to_vibe(value: Vibe | EncodedVibe | Mapping[str, object], name: str) -> Any:
    if isinstance(value, Vibe | EncodedVibe):
        return value
    return (_ENCODED_VIBE if "encoding" in value else _RAW_VIBE).convert(value, name)


SIZE: Final = (
    ArgumentType("an ImageResolution, its name such as portrait", ImageResolution, str, convert=_to_size) | _SIDES
)
_VIBE: Final = ArgumentType(
    "a Vibe, an EncodedVibe or a mapping of its fields", Vibe, EncodedVibe, Mapping, convert=_to_vibe
)
_PRESET: Final = ArgumentType("an ImagePreset or a mapping of settings", ImagePreset, Mapping)

OPTION_TYPES: Final[Mapping[str, ArgumentType]] = {
    "model": IMAGE_MODEL | None,
    "preset": _PRESET | None,
    "size": SIZE | None,
    "enhance": NUMBER | None,
    "negative_prompt": TEXT | None,
    "uc_preset": TEXT | None,
    "quality": TEXT | None,
    "variety_plus": FLAG | None,
    "transparent": FLAG | None,
    "auto_text": FLAG | None,
    "characters": list_of(record(Character)) | None,
    "as_typed": FLAG | None,
    "vibes": list_of(_VIBE) | None,
    "references": list_of(record(PreciseReference)) | None,
    "controlnet": record(ControlNet) | None,
    "entropy": FUNCTION | None,
    "max_anlas": INTEGER | None,
    "allowance": ALLOWANCE | None,
    "validate": FLAG | None,
    "extra": MAPPING | None,
    "image": BYTES | None,
    "mask": BYTES | None,
    "sampler": TEXT | None,
    "noise_schedule": TEXT | None,
}
"""Types of those `ImageOptions` that `parameter_rules` does not check first."""

VIBE_SOURCE: Final[dict[str, ArgumentType]] = {
    "image": BYTES,
    "information_extracted": NUMBER,
    "mask": BYTES | None,
    "crop_to_mask": FLAG | None,
    "focus_seed": INTEGER | None,
    "info_extract_seed": INTEGER | None,
}
"""Types of the arguments that say what a vibe is made from."""
