"""From a picture back to the request for it.

A picture has the texts as they were sent, ready-made ones included, so none is put in again. What changes no picture
(``legacy``, ``params_version`` …) it does not tell, nor ``uncond_scale`` since V3, of which it says 0 whatever was sent:
these are the defaults. What else it does not tell is not guessed but named.

See docs/protocol/image.md#81-png-text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ..arguments import LIMITS, MAPPING, TEXT, ArgumentType, convert_fields, list_of, takes
from ..codecs import fast
from ..codecs.json import converted
from ..codecs.picture import Metadata, Place
from ..errors import InvalidRequestError, RemoteProtocolError, excerpt
from ..limits import Limits
from ..text.parameter_rules import ParameterKind
from .argument_types import OPTIONS
from .choices import TAG_HINTS, ImageGenerationType
from .features import Character, EncodedVibe, Vibe
from .generations import Generation
from .models import IMAGE_MODEL, ImageModel
from .parameters import WIRE
from .request import ImageRequest, image_request
from .rules import MOST_SEED, RULES, Rule
from .sourcing import drawn_by

if TYPE_CHECKING:
    from typing import Unpack

    from .parameters import Options

__all__ = ["Recipe"]

_ACTIONS: Final = {
    None: ImageGenerationType.NORMAL,  # pictures of the first years do not say
    "PromptGenerateRequest": ImageGenerationType.NORMAL,
    "Img2ImgRequest": ImageGenerationType.IMG2IMG,
    "NativeInfillingRequest": ImageGenerationType.INPAINTING,
}
_SOURCES: Final = {ImageGenerationType.IMG2IMG: ["image"], ImageGenerationType.INPAINTING: ["image", "mask"]}
_ELSEWHERE: Final = ("image", "mask", "use_coords", "legacy_uc")
_TELLING: Final = (
    *("width", "height", "steps", "scale", "sampler", "seed"),
    *("strength", "noise", "extra_noise_seed"),
)
"""Without these it would be another picture."""
_TELLING_INSIDE: Final = (*_TELLING, "inpaint_img2img_strength")
"""Likewise for one that was drawn within another."""
_UNTOLD: Final = {("uncond_scale", generation) for generation in (Generation.V3, Generation.V4, Generation.V4_5)}
"""Of these the comment says the same whatever was sent."""
_UNSENT: Final[tuple[tuple[str, object], ...]] = (("uncond_scale", 1), ("upscaled_enhance", False))
"""What is told so where nothing was sent."""
_PRESETS: Final[Mapping[object, str]] = {number: preset for preset, number in TAG_HINTS.items()}


class _Center(msgspec.Struct):
    x: float
    y: float


class _Character(msgspec.Struct):
    char_caption: str
    centers: list[_Center] = []


class _Caption(msgspec.Struct):
    base_caption: str = ""
    char_captions: list[_Character] = []


class _Side(msgspec.Struct):
    """``v4_prompt`` or ``v4_negative_prompt``."""

    caption: _Caption
    use_coords: bool = False
    legacy_uc: bool = False


class _References(msgspec.Struct):
    """Vibes; each list is as long as the others, or empty, or null."""

    reference_image_multiple: list[str] | None = None
    reference_strength_multiple: list[float] | None = None
    reference_information_extracted_multiple: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a picture was made with: ``generate(recipe.prompt, **recipe.options)`` asks for it again."""

    prompt: str = field(repr=False)
    options: Options = field(repr=False)
    missing: tuple[str, ...]
    """The names of options that the picture does not tell, and has to be told: ``image`` and ``mask`` that it was made from,
    ``vibes`` whose images are not in it, ``references``, ``controlnet``; in old pictures ``width``, for example."""

    def __post_init__(self) -> None:
        convert_fields(self, prompt=TEXT, options=MAPPING, missing=list_of(TEXT))

    @staticmethod
    @takes(
        metadata=ArgumentType("Metadata, as read_metadata gives it", Metadata),
        model=IMAGE_MODEL | None,
        limits=LIMITS,
    )
    def of(metadata: Metadata, *, model: ImageModel | str | None = None, limits: Limits = Limits()) -> Recipe:
        """That of a picture, by its metadata.

        Args:
            metadata: as `read_metadata` gives it.
            model: instead of the one that it names. For a picture in which somebody inpainted it is the model that draws.
            limits: bounds the comment.

        Raises:
            InvalidRequestError: the model is not known, and has to be told.
            RemoteProtocolError: it is no picture made from a prompt, or its comment is damaged; and what
                `Metadata.parameters` raises.
        """
        comment = metadata.parameters(limits)
        action = _action(comment)
        drawer = drawn_by(metadata.source, comment) if model is None else ImageModel.named(model).base
        if drawer is None:
            raise InvalidRequestError(
                "picture: no model that is known is named by it; tell it: Recipe.of(…, model=…)", parameter="model"
            )
        options: dict[str, Any] = {"model": drawer, "quality": "none", "uc_preset": "none", "as_typed": True}
        missing = list(_SOURCES.get(action, ()))
        telling = _TELLING_INSIDE if action is ImageGenerationType.INPAINTING else _TELLING
        for name, value in _parameters(comment, drawer.generation, action):
            if value is not None:
                options[name] = value
            elif name in telling:
                missing.append(name)
        if {"seed", "n_samples"} <= options.keys():
            options["n_samples"] = min(options["n_samples"], MOST_SEED + 1 - options["seed"])
        prompt = _prompt(comment, metadata.description)
        if prompt is None:
            missing.append("prompt")
        negative = options["negative_prompt"] = _text(comment, "uc") or ""
        if drawer.family.structured:
            options |= _characters(comment, drawer.generation)
        if drawer.family.vibes and action is not ImageGenerationType.INPAINTING:
            options["vibes"], told = _vibes(comment, drawer)
            missing += [] if told else ["vibes"]
        missing += [name for name, said in _UNSAID if any(comment.get(each) for each in said)]
        if metadata.place is Place.EXIF:
            options["image_format"] = "webp"
        options["extra"] = _extra(comment, drawer, negative)
        used = {name: value for name, value in options.items() if value not in ((), {})}
        return Recipe(prompt or "", cast("Options", used), tuple(missing))

    @takes(**OPTIONS)
    def request(self, **more: Unpack[Options]) -> ImageRequest:
        """The request for the same picture, or for another one: ``more`` wins, and has what is missing.

        Raises:
            InvalidRequestError: as `image_request`.
        """
        options: Options = {**self.options, **more}
        options["extra"] = {**(self.options.get("extra") or {}), **(more.get("extra") or {})}
        return image_request(self.prompt, **options)


_UNSAID: Final = (
    ("references", ("director_reference_strengths", "director_reference_descriptions")),
    ("controlnet", ("controlnet_model",)),
)
"""Options whose images are in no picture, and what tells that there were some."""


def _action(comment: Mapping[str, Any]) -> ImageGenerationType:
    if "req_type" in comment:
        raise RemoteProtocolError("picture: it was made by a director tool, not from a prompt")
    said = _text(comment, "request_type")
    if said not in _ACTIONS:
        raise RemoteProtocolError(f"picture: how {excerpt(said or '', 40)!r} makes one is not known")
    return _ACTIONS[said]


def _parameters(
    comment: Mapping[str, Any], generation: Generation, action: ImageGenerationType
) -> Iterator[tuple[str, object]]:
    """All that could be told here by name, and what is told, or None."""
    for name, rule in RULES.items():
        if name in _ELSEWHERE or generation not in rule.generations or action not in rule.actions:
            continue
        told = _typed(comment.get(WIRE.get(name, name)), name, rule)
        if (name, generation) not in _UNTOLD and (name, told) not in _UNSENT:
            yield name, told


def _typed(value: object, name: str, rule: Rule) -> object:
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
    said = _text(comment, "prompt")
    return description if said is None else said


def _characters(comment: Mapping[str, Any], generation: Generation) -> dict[str, Any]:
    sides = (comment.get(name) for name in ("v4_prompt", "v4_negative_prompt"))
    empty: dict[str, object] = {"caption": {}}
    wanted, unwanted = (converted(empty if side is None else side, _Side, where="picture") for side in sides)
    ucs = [each.char_caption for each in unwanted.caption.char_captions]
    characters = [
        Character(each.char_caption, ucs[at] if at < len(ucs) else "", _place(each))
        for at, each in enumerate(wanted.caption.char_captions)
    ]
    legacy = {"legacy_uc": unwanted.legacy_uc} if generation in RULES["legacy_uc"].generations else {}
    return {"characters": tuple(characters), "use_coords": wanted.use_coords, **legacy}


def _place(character: _Character) -> tuple[float, float] | None:
    return (character.centers[0].x, character.centers[0].y) if character.centers else None


def _vibes(comment: Mapping[str, Any], model: ImageModel) -> tuple[tuple[Vibe | EncodedVibe, ...], bool]:
    """The vibes, and whether they are all there."""
    said = converted(dict(comment), _References, where="picture")
    images, strengths = said.reference_image_multiple or [], said.reference_strength_multiple or []
    extracted = said.reference_information_extracted_multiple or []
    if len(images) != len(strengths):
        return (), not strengths
    vibes: list[Vibe | EncodedVibe] = []
    for at, (image, strength) in enumerate(zip(map(_decoded, images), strengths, strict=True)):
        share = extracted[at] if at < len(extracted) else None
        if model.family.vibes == "raw":
            vibes.append(Vibe(image, strength, 1.0 if share is None else share))
        else:
            vibes.append(EncodedVibe(image, strength, share, model.vibe_key))
    return tuple(vibes), True


def _decoded(text: str) -> bytes:
    try:
        return fast.decode(text)
    except ValueError:
        pass
    raise RemoteProtocolError("picture: a vibe in it is no base64")


def _extra(comment: Mapping[str, Any], model: ImageModel, negative: str) -> dict[str, object]:
    """What no option says: which ready-made texts are in the prompts already; and that nothing at all is unwanted."""
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
