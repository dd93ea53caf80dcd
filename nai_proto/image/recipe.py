"""Rebuild the request for an image from its metadata.

The metadata has the texts as they were sent, ready-made ones included, so none is added again. It does not record what
changes no pixel (``legacy``, ``params_version`` …), nor ``uncond_scale`` since V3, which it always gives as 0: these get
their defaults. Whatever else is not recorded is named as missing, not guessed.

See docs/protocol/image.md#81-png-text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ..arguments import LIMITS, MAPPING, TEXT, ArgumentType, convert_fields, list_of, takes
from ..codecs.forgiving_base64 import decode_base64
from ..codecs.json import convert_document
from ..codecs.picture_metadata import Metadata
from ..codecs.picture_places import Place
from ..conflicts import override_options
from ..errors import InvalidRequestError, RemoteProtocolError, excerpt
from ..limits import Limits
from ..text.parameter_rules import ParameterKind
from .argument_types import OPTION_TYPES
from .choices import TAG_HINTS, ImageGenerationType, Sampler
from .families import Generation
from .features import Character, EncodedVibe, Vibe
from .model_hashes import find_model
from .models import IMAGE_MODEL, ImageModel
from .options import CONFLICTS, WIRE_NAMES
from .parameter_rules import MAX_SEED, RULES, ImageParameterRule
from .request import ImageRequest, build_image_request

if TYPE_CHECKING:
    from typing import Unpack

    from .options import ImageOptions

__all__ = ["Recipe"]

_ACTIONS: Final = {
    None: ImageGenerationType.NORMAL,  # images of the first years do not record it
    "PromptGenerateRequest": ImageGenerationType.NORMAL,
    "Img2ImgRequest": ImageGenerationType.IMG2IMG,
    "NativeInfillingRequest": ImageGenerationType.INPAINTING,
}
_SOURCES: Final = {ImageGenerationType.IMG2IMG: ["image"], ImageGenerationType.INPAINTING: ["image", "mask"]}
_ELSEWHERE: Final = ("image", "mask", "use_coords", "legacy_uc")
_ESSENTIAL: Final = (
    *("width", "height", "steps", "scale", "sampler", "seed"),
    *("strength", "noise", "extra_noise_seed"),
)
"""Parameters without which it would be another image."""
_ESSENTIAL_INPAINTING: Final = (*_ESSENTIAL, "inpaint_img2img_strength")
"""The same for inpainting."""
_NOT_RECORDED: Final = {("uncond_scale", generation) for generation in (Generation.V3, Generation.V4, Generation.V4_5)}
"""Parameters for which the metadata has the same value whatever was sent."""
_RECORDED_DEFAULTS: Final[tuple[tuple[str, object], ...]] = (("uncond_scale", 1), ("upscaled_enhance", False))
"""Values that the metadata has where nothing was sent."""
_PRESETS: Final[Mapping[object, str]] = {number: preset for preset, number in TAG_HINTS.items()}


class _Center(msgspec.Struct):
    x: float | None = None
    y: float | None = None


class _Character(msgspec.Struct):
    char_caption: str = ""
    centers: list[_Center] = []


class _Caption(msgspec.Struct):
    base_caption: str = ""
    char_captions: list[_Character] = []


class _StructuredPrompt(msgspec.Struct):
    """``v4_prompt`` or ``v4_negative_prompt``."""

    caption: _Caption = msgspec.field(default_factory=_Caption)
    use_coords: bool = False
    legacy_uc: bool = False


class _References(msgspec.Struct):
    """Vibes; each list is as long as the others, or empty, or null."""

    reference_image_multiple: list[str] | None = None
    reference_strength_multiple: list[float] | None = None
    reference_information_extracted_multiple: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image was made with: ``generate(recipe.prompt, **recipe.options)`` requests it again."""

    prompt: str = field(repr=False)
    "As it was sent, with tags for quality."
    options: ImageOptions = field(repr=False)
    "Keyword arguments for `generate`."
    missing: tuple[str, ...]
    """Names of options that the metadata does not record and the caller has to give: ``image`` and ``mask`` that it was made
    from, ``vibes`` whose images are not in it, ``references``, ``controlnet``; for old images ``width``, for example."""

    def __post_init__(self) -> None:
        convert_fields(self, prompt=TEXT, options=MAPPING, missing=list_of(TEXT))

    @staticmethod
    @takes(
        metadata=ArgumentType("Metadata, as read_metadata gives it", Metadata),
        model=IMAGE_MODEL | None,
        limits=LIMITS,
    )
    def of(metadata: Metadata, *, model: ImageModel | str | None = None, limits: Limits = Limits()) -> Recipe:
        """Return the recipe of an image, by its metadata.

        Args:
            metadata: as `read_metadata` gives it.
            model: in place of the one that it names. For an inpainted image it is the base model.
            limits: bounds on the metadata.

        Raises:
            InvalidRequestError: the model is not known; give it.
            RemoteProtocolError: it was not made from a prompt, or its metadata is damaged; and what
                `Metadata.parameters` raises.
        """
        comment = metadata.parameters(limits)
        action = _action(comment)
        drawer = find_model(metadata.source, comment) if model is None else ImageModel.named(model).base
        if drawer is None:
            raise InvalidRequestError(
                "picture: it names no model that is known", parameter="model", advice="give it: Recipe.of(…, model=…)"
            )
        options: dict[str, Any] = {"model": drawer, "quality": "none", "uc_preset": "none", "as_typed": True}
        missing = list(_SOURCES.get(action, ()))
        essential = _ESSENTIAL_INPAINTING if action is ImageGenerationType.INPAINTING else _ESSENTIAL
        for name, value in _parameters(comment, drawer.generation, action):
            if name == "sampler" and isinstance(value, str) and value not in drawer.samplers:
                options[name] = Sampler(value)  # it made a picture, so the service takes it
            elif value is not None:
                options[name] = value
            elif name in essential:
                missing.append(name)
        if {"seed", "n_samples"} <= options.keys():
            options["n_samples"] = min(options["n_samples"], MAX_SEED + 1 - options["seed"])
        prompt = _prompt(comment, metadata.description)
        if prompt is None:
            missing.append("prompt")
        negative = options["negative_prompt"] = _text(comment, "uc") or ""
        if drawer.family.structured:
            options |= _characters(comment, drawer.generation)
        if drawer.family.vibes and action is not ImageGenerationType.INPAINTING:
            options["vibes"], complete = _vibes(comment, drawer)
            missing += [] if complete else ["vibes"]
        missing += [name for name, keys in _WITHOUT_IMAGES if any(comment.get(each) for each in keys)]
        if metadata.place is Place.EXIF:
            options["image_format"] = "webp"
        options["extra"] = _extra(comment, drawer, negative)
        used = {name: value for name, value in options.items() if value not in ((), {})}
        return Recipe(prompt or "", cast("ImageOptions", used), tuple(missing))

    @takes(**OPTION_TYPES)
    def request(self, **more: Unpack[ImageOptions]) -> ImageRequest:
        """Build the request for the same image, or for another one.

        Args:
            more: options that win over those of the recipe, and those that are missing; `ImageOptions` lists them.

        Raises:
            InvalidRequestError: as `build_image_request`.
        """
        options = cast("ImageOptions", override_options(self.options, more, CONFLICTS))
        options["extra"] = {**(self.options.get("extra") or {}), **(more.get("extra") or {})}
        return build_image_request(self.prompt, **options)


_WITHOUT_IMAGES: Final = (
    ("references", ("director_reference_strengths", "director_reference_descriptions")),
    ("controlnet", ("controlnet_model",)),
)
"""Options whose images are not recorded, and the keys that show that there were some."""


def _action(comment: Mapping[str, Any]) -> ImageGenerationType:
    if comment.get("req_type") is not None:
        raise RemoteProtocolError("picture: it was made by a director tool, not from a prompt")
    kind = _text(comment, "request_type")
    if kind not in _ACTIONS:
        raise RemoteProtocolError(f"picture: how {excerpt(kind or '', 40)!r} makes one is not known")
    return _ACTIONS[kind]


def _parameters(
    comment: Mapping[str, Any], generation: Generation, action: ImageGenerationType
) -> Iterator[tuple[str, object]]:
    """Yield the name of each parameter that could be recorded, with its value or None."""
    for name, rule in RULES.items():
        if name in _ELSEWHERE or generation not in rule.generations or action not in rule.actions:
            continue
        value = _check_type(comment.get(WIRE_NAMES.get(name, name)), name, rule)
        if (name, generation) not in _NOT_RECORDED and (name, value) not in _RECORDED_DEFAULTS:
            yield name, value


def _check_type(value: object, name: str, rule: ImageParameterRule) -> object:
    if rule.kind is ParameterKind.INTEGER and isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or (isinstance(rule.kind, ParameterKind) and rule.kind.accepts(value)):
        return value
    raise RemoteProtocolError(f"picture: its {name} is not {rule.kind}")


def _text(comment: Mapping[str, Any], name: str) -> str | None:
    value = comment.get(name)
    if value is None or isinstance(value, str):
        return value
    raise RemoteProtocolError(f"picture: its {name} is no text")


def _prompt(comment: Mapping[str, Any], description: str | None) -> str | None:
    prompt = _text(comment, "prompt")
    return description if prompt is None else prompt


def _characters(comment: Mapping[str, Any], generation: Generation) -> dict[str, Any]:
    sides = (_without_nulls(comment.get(name)) for name in ("v4_prompt", "v4_negative_prompt"))
    wanted, unwanted = (
        convert_document({} if side is None else side, _StructuredPrompt, where="picture") for side in sides
    )
    ucs = [each.char_caption for each in unwanted.caption.char_captions]
    characters = [
        Character(each.char_caption, ucs[at] if at < len(ucs) else "", _position(each))
        for at, each in enumerate(wanted.caption.char_captions)
    ]
    legacy = {"legacy_uc": unwanted.legacy_uc} if generation in RULES["legacy_uc"].generations else {}
    return {"characters": tuple(characters), "use_coords": wanted.use_coords, **legacy}


def _without_nulls(value: object) -> object:
    """Return a JSON value without the keys and items that are null: these are absent."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: _without_nulls(item) for name, item in fields.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in cast("list[object]", value) if item is not None]
    return value


def _position(character: _Character) -> tuple[float, float] | None:
    center = character.centers[0] if character.centers else _Center()
    return None if center.x is None or center.y is None else (center.x, center.y)


def _vibes(comment: Mapping[str, Any], model: ImageModel) -> tuple[tuple[Vibe | EncodedVibe, ...], bool]:
    """Return the vibes, and whether all of them are there."""
    lists = convert_document(dict(comment), _References, where="picture")
    images, strengths = lists.reference_image_multiple or [], lists.reference_strength_multiple or []
    extracted = lists.reference_information_extracted_multiple or []
    if len(images) != len(strengths):
        return (), not strengths
    vibes: list[Vibe | EncodedVibe] = []
    for at, (image, strength) in enumerate(zip(map(_decode_vibe, images), strengths, strict=True)):
        share = extracted[at] if at < len(extracted) else None
        if model.family.vibes == "raw":
            vibes.append(Vibe(image, strength, 1.0 if share is None else share))
        else:
            vibes.append(EncodedVibe(image, strength, share, model.vibe_key))
    return tuple(vibes), True


def _decode_vibe(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError:
        pass
    raise RemoteProtocolError("picture: a vibe in it is no base64")


def _extra(comment: Mapping[str, Any], model: ImageModel, negative: str) -> dict[str, object]:
    """Return what no option sets: which ready-made texts are in the prompts already, and an empty negative prompt."""
    extra: dict[str, object] = {}
    if not negative and not model.family.structured:
        extra["negative_prompt"] = ""  # where an empty one is filled up
    if model.generation is Generation.V5:
        extra |= {
            name: value
            for name, value in comment.items()
            if name.startswith("tag_hint_") and isinstance(value, int) and value is not False
        }
        extra |= {"upscale": comment["upscale"]} if isinstance(comment.get("upscale"), dict) else {}
        for name, hint in (("qualityPresetId", "tag_hint_qt"), ("ucPresetId", "tag_hint_uc_preset")):
            if extra.get(hint) in _PRESETS:
                extra[name] = _PRESETS[extra[hint]]
    return extra
