"""What values the parameters of an image request may have, checked before anything is sent.

See:
    docs/protocol/image.md#32-parameters-all-keys
    docs/protocol/image.md#33-bodies-per-generation
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from typing import Final

from ..arguments import MAPPING, member, takes
from ..errors import InvalidRequestError, InvalidTypeError
from ..text.parameter_rules import ParameterKind, describe_value
from ..unknown_names import unknown_choice, unknown_parameter
from .choices import ImageGenerationType, ImageSampler, Sampler
from .families import Generation
from .models import IMAGE_MODEL, ImageModel

__all__ = [
    "MAX_PIXELS",
    "MAX_PROMPT_CHARACTERS",
    "MAX_SEED",
    "PARAMS_VERSIONS",
    "RULES",
    "ImageParameterRule",
    "check_parameters",
    "find_nearest_size",
    "max_samples",
]

MAX_PIXELS: Final = 3_145_728
_STEP: Final = 64
"Both sides of an image are multiples of it."
MAX_SEED: Final = 4_294_967_295
MAX_PROMPT_CHARACTERS: Final = 51_200
"""The most characters of a prompt: the service refuses more, and cuts what is more than the model reads.

See docs/protocol/image.md#211-errors.
"""
PARAMS_VERSIONS: Final = (1, 4)
"The oldest and the newest form of ``parameters`` that is known."

_LONGEST_WORD: Final = 40
"""Characters of a word that a message shows: what is longer could be a whole text."""

_G: Final = Generation
_ALL: Final = frozenset(_G)
_FIRST: Final = frozenset((_G.V1, _G.V2, _G.V3))
_STRUCTURED: Final = frozenset((_G.V4, _G.V4_5, _G.V5))
_FROM_IMAGE: Final = frozenset((ImageGenerationType.IMG2IMG, ImageGenerationType.INPAINTING))
_ANY_ACTION: Final = frozenset(ImageGenerationType)


@dataclass(frozen=True, slots=True)
class ImageParameterRule:
    """What values one parameter may have, and for which generations and actions."""

    kind: ParameterKind | type[bytes]
    least: float | None = None
    most: float | None = None
    generations: frozenset[Generation] = field(default=_ALL, kw_only=True)
    actions: frozenset[ImageGenerationType] = field(default=_ANY_ACTION, kw_only=True)
    words: tuple[str, ...] = field(default=(), kw_only=True)
    optional: bool = field(default=False, kw_only=True)
    "Whether it may be None."


_SIDE: Final = ImageParameterRule(ParameterKind.INTEGER, _STEP, MAX_PIXELS // _STEP)
_FLAG: Final = ImageParameterRule(ParameterKind.BOOLEAN)
_OLD_FLAG: Final = ImageParameterRule(ParameterKind.BOOLEAN, generations=_FIRST)
_NEW_FLAG: Final = ImageParameterRule(ParameterKind.BOOLEAN, generations=_STRUCTURED)
_V5_FLAG: Final = ImageParameterRule(ParameterKind.BOOLEAN, generations=frozenset((_G.V5,)))

RULES: Final[Mapping[str, ImageParameterRule]] = {
    "width": _SIDE,
    "height": _SIDE,
    "scale": ImageParameterRule(ParameterKind.NUMBER, 0),
    "sampler": ImageParameterRule(ParameterKind.TEXT),
    "steps": ImageParameterRule(ParameterKind.INTEGER, 1, 50),
    "n_samples": ImageParameterRule(ParameterKind.INTEGER, 1),
    "seed": ImageParameterRule(ParameterKind.INTEGER, 0, MAX_SEED),
    "noise_schedule": ImageParameterRule(ParameterKind.TEXT, generations=_ALL - {_G.V1}),
    "cfg_rescale": ImageParameterRule(ParameterKind.NUMBER, 0, 1, generations=_ALL - {_G.V1}),
    "uncond_scale": ImageParameterRule(ParameterKind.NUMBER, 0, 1.5, generations=_ALL - {_G.V1, _G.V5}),
    "dynamic_thresholding": _OLD_FLAG,
    "sm": ImageParameterRule(ParameterKind.BOOLEAN, generations=_FIRST, actions=_ANY_ACTION - _FROM_IMAGE),
    "sm_dyn": ImageParameterRule(ParameterKind.BOOLEAN, generations=_FIRST, actions=_ANY_ACTION - _FROM_IMAGE),
    "auto_smea": _FLAG,
    "skip_cfg_above_sigma": ImageParameterRule(
        ParameterKind.NUMBER, 0, generations=frozenset((_G.V3, _G.V4, _G.V4_5)), optional=True
    ),
    "deliberate_euler_ancestral_bug": _FLAG,
    "prefer_brownian": _FLAG,
    "legacy": _FLAG,
    "legacy_v3_extend": _FLAG,
    "legacy_uc": ImageParameterRule(ParameterKind.BOOLEAN, generations=frozenset((_G.V4,))),
    "add_original_image": _FLAG,
    "image_format": ImageParameterRule(ParameterKind.TEXT, words=("png", "webp")),
    "image": ImageParameterRule(bytes, actions=_FROM_IMAGE),
    "mask": ImageParameterRule(bytes, actions=frozenset((ImageGenerationType.INPAINTING,))),
    "strength": ImageParameterRule(ParameterKind.NUMBER, 0.01, 0.99, actions=_FROM_IMAGE),
    "noise": ImageParameterRule(ParameterKind.NUMBER, 0, 0.99, actions=_FROM_IMAGE),
    "extra_noise_seed": ImageParameterRule(ParameterKind.INTEGER, 0, MAX_SEED, actions=_FROM_IMAGE),
    "color_correct": ImageParameterRule(ParameterKind.BOOLEAN, actions=frozenset((ImageGenerationType.IMG2IMG,))),
    "inpaint_img2img_strength": ImageParameterRule(ParameterKind.NUMBER, 0, 1, generations=_STRUCTURED),
    "normalize_reference_strength_multiple": _NEW_FLAG,
    "use_coords": _NEW_FLAG,
    "straight_alpha": _V5_FLAG,
    "upscaled_enhance": ImageParameterRule(
        ParameterKind.BOOLEAN, generations=frozenset((_G.V5,)), actions=frozenset((ImageGenerationType.IMG2IMG,))
    ),
    "params_version": ImageParameterRule(ParameterKind.INTEGER, *PARAMS_VERSIONS),
}
"""By parameter."""

_OPTIONS: Final = (
    "model preset size enhance negative_prompt uc_preset quality variety_plus transparent auto_text characters as_typed "
    "vibes references controlnet entropy max_anlas allowance validate extra"
)
"""The names of `ImageOptions` that are no parameters, and may have been meant."""


@takes(parameters=MAPPING, model=IMAGE_MODEL, action=member(ImageGenerationType))
def check_parameters(
    parameters: Mapping[str, object], model: ImageModel | str, action: ImageGenerationType | str
) -> None:
    """Raise for what the service would refuse or misread.

    Args:
        parameters: of an image request, by name.
        model: which model, or its id or name.
        action: an `ImageGenerationType` or its word.

    Raises:
        InvalidRequestError: a name, a type, a range, a size, a sampler or a schedule is wrong for this model or this
            action. Names the parameter, its value unless it is text, what is allowed, and the model.
    """
    model = ImageModel.named(model)
    assert isinstance(action, ImageGenerationType)  # `takes` makes one of a word
    for name, value in parameters.items():
        rule = RULES.get(name)
        if rule is None:
            raise unknown_parameter(name, (*RULES, *_OPTIONS.split()), "an image request")
        if value is None and rule.optional:
            continue
        _check_type(name, value, rule, model)
        if value is not False:
            _check_model_and_action(name, rule, model, action)
        if isinstance(value, int | float):
            advice = _suggest_size(parameters) if name in ("width", "height") else ""
            _check_range(name, value, rule.least, _maximum(name, rule, parameters, model), model, advice)
    _check_size(parameters, model)
    _check_together(parameters)


def _check_type(name: str, value: object, rule: ImageParameterRule, model: ImageModel) -> None:
    if isinstance(rule.kind, ParameterKind):
        fits, takes = rule.kind.accepts(value), str(rule.kind)
    else:
        fits, takes = isinstance(value, bytes) and value != b"", "the bytes of an image"
    words = _known_words(name, rule, model)
    if name == "sampler" and isinstance(value, Sampler):
        return
    if words and not (fits and value in words):
        if not isinstance(value, str) or len(value) > _LONGEST_WORD:
            problem = f"{name} is {_describe_word(value)}, and {model.id} takes one of {', '.join(words)}"
            raise (InvalidRequestError if isinstance(value, str) else InvalidTypeError)(problem, parameter=name)
        what, advice = f"{name.replace('_', ' ')} of {model.id}", None
        if name == "sampler" and value not in frozenset(ImageSampler):  # the service is known to refuse the others
            advice = f"to send it all the same: nai.image.Sampler({value!r})"
        raise unknown_choice(value, what, words, parameter=name, advice=advice)
    if not fits:
        kind = rule.kind.error_class(value) if isinstance(rule.kind, ParameterKind) else InvalidTypeError
        raise kind(f"{name} is {describe_value(value)}, and {model.id} takes {takes}", parameter=name)


def _known_words(name: str, rule: ImageParameterRule, model: ImageModel) -> tuple[str, ...]:
    """Return the words that a parameter chooses from; none where any text goes."""
    if name == "sampler":
        return model.samplers
    return model.noise_schedules if name == "noise_schedule" else rule.words


def _describe_word(value: object) -> str:
    """Return a word for a message; of what could be a whole text only the type."""
    plain = value.value if isinstance(value, Enum) else value
    return repr(plain) if isinstance(plain, str) and len(plain) <= _LONGEST_WORD else describe_value(plain)


def _check_model_and_action(
    name: str, rule: ImageParameterRule, model: ImageModel, action: ImageGenerationType
) -> None:
    if model.generation not in rule.generations:
        homes = ", ".join(each.value.upper().replace("_", ".") for each in _G if each in rule.generations)
        raise InvalidRequestError(f"{name} is not for {model.id}: it belongs to {homes}", parameter=name)
    if action not in rule.actions:
        raise InvalidRequestError(
            f"{name} does not go with {action.value}, only with {_join_actions(rule.actions)}", parameter=name
        )


def _join_actions(actions: frozenset[ImageGenerationType]) -> str:
    return " and ".join(each.value for each in ImageGenerationType if each in actions)


def _maximum(name: str, rule: ImageParameterRule, parameters: Mapping[str, object], model: ImageModel) -> float | None:
    if name == "scale":
        return model.family.scale_most
    if name == "n_samples":
        return max_samples(*_size(parameters))
    if name == "seed":
        samples = parameters.get("n_samples")
        return MAX_SEED - (
            samples - 1 if isinstance(samples, int) else 0
        )  # one more for each (docs/protocol/image.md#21-post-aigenerate-image)
    return rule.most


def _check_range(
    name: str, value: float, least: float | None, most: float | None, model: ImageModel, advice: str
) -> None:
    if (least is not None and value < least) or (most is not None and value > most):
        allowed = f"from {least:.10g} to {most:.10g}" if most is not None else f"not below {least:.10g}"
        raise InvalidRequestError(
            f"{name} is {value!r}, and {model.id} takes a number {allowed}{advice}", parameter=name
        )


def max_samples(width: int, height: int) -> int:
    """Return how many images of this size one request may ask for."""
    pixels = width * height
    return 8 if pixels <= 360_448 else 6 if pixels <= 409_600 else 4


def _size(parameters: Mapping[str, object]) -> tuple[int, int]:
    width, height = parameters.get("width", 64), parameters.get("height", 64)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (64, 64)


def _check_size(parameters: Mapping[str, object], model: ImageModel) -> None:
    width, height = _size(parameters)
    for name, side in (("width", width), ("height", height)):
        if side % _STEP:
            raise InvalidRequestError(
                f"{name} is {side}, and {model.id} takes multiples of {_STEP}, with at most {MAX_PIXELS} pixels in all"
                f"{_suggest_size(parameters)}",
                parameter=name,
            )
    if width * height > MAX_PIXELS:
        raise InvalidRequestError(
            f"{width} × {height} are {width * height} pixels, and {model.id} takes at most {MAX_PIXELS}"
            f"{_suggest_size(parameters)}",
            parameter="width",
        )


def _suggest_size(parameters: Mapping[str, object]) -> str:
    """Return the end of a message about a wrong size."""
    return "; the nearest size is {} × {}".format(*find_nearest_size(*_size(parameters)))


def find_nearest_size(width: int, height: int) -> tuple[int, int]:
    """Return the size that a request may have which comes nearest, about in this shape; of a square, it is a square."""
    scale = min(1, math.sqrt(MAX_PIXELS / max(1, width * height)))
    wanted = [min(max(_STEP, side * scale), MAX_PIXELS / _STEP) for side in (width, height)]
    choices = product(*({int(side // _STEP), math.ceil(side / _STEP)} for side in wanted))
    allowed = [(w * _STEP, h * _STEP) for w, h in choices if w * h * _STEP**2 <= MAX_PIXELS]
    return min(allowed, key=lambda size: _measure_difference(size, wanted))


def _measure_difference(size: Sequence[float], wanted: Sequence[float]) -> float:
    """Return how much the sides differ in proportion, and how much the shape does."""
    width, height = (math.log(side / other) for side, other in zip(size, wanted, strict=True))
    return width**2 + height**2 + (width - height) ** 2


def _check_together(parameters: Mapping[str, object]) -> None:
    if parameters.get("sm_dyn") and not parameters.get("sm"):
        raise InvalidRequestError("sm_dyn means nothing without sm", parameter="sm_dyn")
    if parameters.get("sm") and parameters.get("sampler") in ("ddim", "ddim_v3"):
        raise InvalidRequestError("sm does not go with DDIM", parameter="sm")
