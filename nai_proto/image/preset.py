"""Image presets: a model and the settings to generate with. `nai_transports.preset_files` reads and writes files of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self, cast

from ..arguments import BYTES, MAPPING, TEXT, takes
from ..codecs.file_problems import find_file_problem
from ..codecs.image_headers import describe_file
from ..codecs.json import JsonDecoder, encode_json
from ..errors import InvalidFile, InvalidRequestError, RemoteProtocolError
from ..limits import Limits
from ..unknown_names import suggest_name
from .choices import Sampler
from .families import Generation
from .models import IMAGE_MODEL, ImageModel
from .novelai_api_preset import is_novelai_api_preset, settings_from_novelai_api
from .parameter_rules import RULES

__all__ = ["ImagePreset", "default_parameters"]

_SETTING_NAMES: Final = (
    *(name for name in RULES if name not in ("image", "mask")),  # these are of one picture
    "negative_prompt",
    "uc_preset",
    "quality",
    "variety_plus",
    "transparent",
    "auto_text",
)
_DOCUMENT: Final = JsonDecoder(dict[str, Any])
_EXPECTED: Final = "it has neither parameters (an object) nor the settings of a preset of novelai-api"


class ImagePreset(Mapping[str, object]):
    """Keyword arguments of `generate` for one model, as a value: ``preset | {"steps": 28}`` is another preset.

    Args:
        model: that the preset is for; None if it is for whichever model a request names.
        settings: options by name, as `ImageOptions` has them, without images and features. They are checked against the
            model when a request is built.

    Raises:
        InvalidRequestError: there is no such setting.
    """

    __slots__ = ("_settings", "model")

    @takes(settings=MAPPING | None)
    def __init__(self, model: ImageModel | str | None, settings: Mapping[str, object] | None = None) -> None:
        self.model: Final = None if model is None else ImageModel.named(model)
        self._settings: Final = dict(settings or {})
        for name in self._settings:
            if name not in _SETTING_NAMES:
                raise InvalidRequestError(
                    f"an image preset has no setting {name!r}{suggest_name(name, _SETTING_NAMES)}", parameter=str(name)
                )

    @classmethod
    @takes(model=IMAGE_MODEL)
    def from_default(cls, model: ImageModel | str) -> Self:
        """Return the settings that the website begins with, except that images come as PNG.

        See docs/protocol/image.md#33-bodies-per-generation.
        """
        model = ImageModel.named(model)
        return cls(model, {**default_parameters(model), "uc_preset": str(model.uc_presets[0]), "quality": "standard"})

    def __getitem__(self, name: str) -> object:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __or__(self, more: Mapping[str, object]) -> Self:
        """Return this preset with other settings, which win."""
        return type(self)(self.model, {**self._settings, **more})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImagePreset) and (self.model, self._settings) == (other.model, other._settings)

    def __repr__(self) -> str:
        return f"<image preset for {'any model' if self.model is None else self.model.id}: {', '.join(self)}>"

    # ---- files

    @classmethod
    @takes(data=BYTES | TEXT, model=IMAGE_MODEL | None, where=TEXT)
    def loads(cls, data: bytes | str, *, model: ImageModel | str | None = None, where: str = "image preset") -> Self:
        """Read the preset in a file's text.

        Args:
            data: JSON: an object with ``model`` and ``parameters``, or with the settings of a preset of novelai-api, which
                names no model.
            model: in place of the one that it names; settings of one model may suit another.
            where: what this is, to begin a message with.

        Raises:
            InvalidFile: it is no such object, or has a setting that there is not.
        """
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogatepass")
        problem = _EXPECTED
        try:
            document = _DOCUMENT.decode(data.removeprefix(b"\xef\xbb\xbf"), where=where, depth=Limits().json_depth)
            own, settings = document.get("model"), document.get("parameters")
            if (own is None or isinstance(own, str)) and isinstance(settings, dict):
                return cls(own if model is None else model, cast("dict[str, object]", settings))
            if is_novelai_api_preset(document):
                return cls(model, settings_from_novelai_api(document))
        except (InvalidRequestError, RemoteProtocolError) as error:
            problem = find_file_problem(data) if describe_file(data) else str(error)
        raise InvalidFile(problem if problem.startswith(where) else f"{where}: {problem}")

    def dumps(self) -> bytes:
        """Return the text of a file with this preset."""
        settings = {name: str(value) if isinstance(value, Sampler) else value for name, value in self._settings.items()}
        model = {} if self.model is None else {"model": self.model.id}
        return encode_json({**model, "parameters": settings})


def default_parameters(model: ImageModel) -> dict[str, object]:
    """Return the default parameters of a request.

    See docs/protocol/image.md#33-bodies-per-generation.

    Raises:
        InvalidRequestError: a fact of an unlisted model is needed and not known.
    """
    family = model.family
    common: dict[str, object] = {
        "width": family.size[0],
        "height": family.size[1],
        "scale": model.scale,
        "sampler": str(family.samplers[0]),
        "steps": model.steps,
        "n_samples": 1,
        "dynamic_thresholding": False,
        "legacy": False,
        "legacy_v3_extend": False,
        "add_original_image": True,
        "image_format": "png",
        "params_version": 4,
    }
    if family.generation is not Generation.V1:
        common |= {"cfg_rescale": 0, "noise_schedule": str(family.schedule)}
    if family.generation not in (Generation.V1, Generation.V2):
        common |= {"deliberate_euler_ancestral_bug": False, "prefer_brownian": True}
    if family.smea:
        common |= {"sm": False, "sm_dyn": False}
    if family.variety_sigma is not None:
        common["skip_cfg_above_sigma"] = None
    if family.structured:
        common |= {"auto_smea": False, "legacy_uc": False, "inpaint_img2img_strength": 1}
        common["normalize_reference_strength_multiple"] = True
    if family.transparency:
        common["straight_alpha"] = True
    return common
