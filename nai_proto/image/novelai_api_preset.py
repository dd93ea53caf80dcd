"""The image presets of novelai-api, read as settings of ours.

Such a file is one JSON object of settings under that library's names. It does not say which model it is for.

See docs/protocol/image.md#34-presets-of-novelai-api.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..errors import InvalidRequestError
from ..unknown_names import unknown_choice
from .choices import ImageResolution, QualityPreset, UCPreset

__all__ = ["is_novelai_api_preset", "settings_from_novelai_api"]

_NAMES: Final = {
    "uc": "negative_prompt",
    "smea": "sm",
    "smea_dyn": "sm_dyn",
    "autoSmea": "auto_smea",
    "decrisper": "dynamic_thresholding",
    "inpaintImg2ImgStrength": "inpaint_img2img_strength",
}
"""Its names for settings that are the same."""
_OWN: Final = ("resolution", "uc_preset", "quality_toggle", *_NAMES)
_RESOLUTIONS: Final = tuple(
    name.removesuffix("_V1").title() + version
    for name in ImageResolution.__members__
    for version in ("" if name.endswith("_V1") or name.startswith("WALLPAPER") else "_v3",)
)
"""Names of sizes; ``_v2`` and ``_v4`` are as ``_v3``."""
_UC_PRESETS: Final = {
    "Preset_Heavy": UCPreset.HEAVY,
    "Preset_Light": UCPreset.LIGHT,
    "Preset_Human_Focus": UCPreset.HUMAN_FOCUS,
    "Preset_Furry_Focus": UCPreset.FURRY_FOCUS,
    "Preset_Low_Quality_Bad_Anatomy": UCPreset.LOW_QUALITY_PLUS_BAD_ANATOMY,
    "Preset_Low_Quality": UCPreset.LOW_QUALITY,
    "Preset_Bad_Anatomy": UCPreset.BAD_ANATOMY,
    "Preset_None": UCPreset.NONE,
    None: UCPreset.NONE,
}
_QUALITIES: Final = {True: QualityPreset.STANDARD, False: QualityPreset.NONE}
_WITHOUT_EFFECT: Final = {"seed": 0, "controlnet_strength": 1}
"""Values that say nothing: a seed to be drawn, and the strength of a ControlNet that is not there."""


def is_novelai_api_preset(document: Mapping[str, object]) -> bool:
    """Return whether an object has settings under novelai-api's names."""
    return any(name in document for name in _OWN)


def settings_from_novelai_api(document: Mapping[str, object]) -> dict[str, object]:
    """Return the settings under the names that `ImagePreset` has.

    Raises:
        InvalidRequestError: there is no such resolution, preset of undesired content or switch.
    """
    settings: dict[str, object] = {}
    for name, value in document.items():
        if name == "resolution":
            settings["width"], settings["height"] = _parse_resolution(value)
        elif name == "uc_preset":
            settings["uc_preset"] = str(_look_up(name, value, _UC_PRESETS))
        elif name == "quality_toggle":
            settings["quality"] = str(_look_up(name, value, _QUALITIES))
        elif name not in _WITHOUT_EFFECT or value != _WITHOUT_EFFECT[name]:
            settings[_NAMES.get(name, name)] = value
    return settings


def _parse_resolution(value: object) -> tuple[object, object]:
    """Return width and height of a name such as ``Normal_Portrait_v3``, or of a list of both."""
    if isinstance(value, list) and len(cast("list[object]", value)) == 2:
        width, height = cast("list[object]", value)
        return width, height
    name, _, version = value.upper().partition("_V") if isinstance(value, str) else ("", "", "")
    if not version and not name.startswith("WALLPAPER"):
        name += "_V1"
    found = ImageResolution.__members__.get(name)
    if found is None or version not in ("", "2", "3", "4"):
        if isinstance(value, str):
            raise unknown_choice(value, "resolution of novelai-api", _RESOLUTIONS, parameter="resolution")
        raise InvalidRequestError("resolution takes a name, or a list of width and height", parameter="resolution")
    return found.value


def _look_up(name: str, value: object, table: Mapping[Any, str]) -> str:
    """Return what a text, a switch or null stands for."""
    if (value is None or isinstance(value, str | bool)) and value in table:
        return table[value]
    names = [each for each in table if isinstance(each, str)]
    if names and isinstance(value, str):
        raise unknown_choice(value, f"{name} of novelai-api", names, parameter=name)
    takes = "the name of a preset, or null" if names else "true or false"
    raise InvalidRequestError(f"{name} takes {takes}", parameter=name)
