"""From wishes to one image request: which model, what action, all parameters.

Images are bytes in what is made here: JSON writes them as base64, and a multipart body as parts of their own.

See docs/protocol/image.md#3-request-body.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from ..arguments import INTEGER, MAPPING, TEXT, convert_fields, member, takes
from ..errors import InvalidRequestError
from .argument_types import OPTIONS
from .choices import (
    TAG_HINTS,
    ImageGenerationType,
    ImageSampler,
    NoiseSchedule,
    QualityPreset,
    UCPreset,
)
from .features import Character, EncodedVibe, Reference, Vibe, alone, center, normalized
from .fitting import fits
from .generations import WITHOUT_SCHEDULE, Generation
from .models import IMAGE_MODEL, QUALITY, UC, ImageModel
from .parameters import WIRE
from .paying import guard, parameters_price
from .preset import ImagePreset, defaults
from .price import ALLOWANCE, NOTHING_FREE, Allowance, Price
from .prompting import with_quality_tags, with_uc_preset
from .quoted import with_quoted_text
from .rules import MOST_SEED, RULES, check
from .sources import image_size
from .wish import WISHES, Wish

if TYPE_CHECKING:
    from typing import Unpack

    from .parameters import Options

__all__ = ["ImageRequest", "image_request", "variety_sigma"]


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What is sent, before it is written as JSON or multipart."""

    model: ImageModel
    "That is sent: for inpainting another one than was asked for."
    action: ImageGenerationType
    input: str = field(repr=False)
    "The prompt, tags for quality included."
    parameters: Mapping[str, object] = field(repr=False, hash=False)
    "As they are on the wire, but that images are bytes."

    def __post_init__(self) -> None:
        convert_fields(self, model=IMAGE_MODEL, action=member(ImageGenerationType), input=TEXT, parameters=MAPPING)
        object.__setattr__(self, "model", ImageModel.named(self.model))

    @property
    def seed(self) -> int:
        """Of the first picture; each further one has one more."""
        return cast("int", self.parameters["seed"])

    @property
    def body(self) -> dict[str, object]:
        """The whole body."""
        return {
            "input": self.input,
            "model": self.model.id,
            "action": self.action.value,
            "parameters": dict(self.parameters),
            "use_new_shared_trial": True,
        }

    @takes(allowance=ALLOWANCE)
    def price(self, allowance: Allowance = NOTHING_FREE) -> Price:
        """What it costs an account with this allowance, by what is sent.

        See docs/protocol/image.md#9-anlas-price.

        Raises:
            InvalidRequestError: what `parameters_price` raises.
        """
        return parameters_price(self.model.id, self.action.value, self.parameters, allowance)


@takes(prompt=TEXT, **OPTIONS)
def image_request(prompt: str, **options: Unpack[Options]) -> ImageRequest:
    """The request for a picture; changes nothing that it is given.

    Raises:
        InvalidRequestError: something is not for this model or does not go together (unless ``validate`` is false), or a
            fact of an unlisted model is needed and not known; or it costs more than ``max_anlas``, or how much it costs
            is not known.
    """
    said = dict[str, Any](options)
    given: dict[str, Any] = {name: value for name, value in said.items() if value is not None or name in _NULLABLE}
    preset: ImagePreset | Mapping[str, object] | None = given.pop("preset", None)
    if (size := given.pop("size", None)) is not None:
        given["width"], given["height"] = size
    usual = preset.model if isinstance(preset, ImagePreset) else ImageModel.V5_CURATED
    wished = ImageModel.named(given.pop("model", usual))
    if preset is not None and not isinstance(preset, ImagePreset):
        preset = ImagePreset(wished, preset)
    validate = bool(given.pop("validate", True))
    max_anlas, allowance = given.pop("max_anlas", None), given.pop("allowance", NOTHING_FREE)
    extra: Mapping[str, object] = given.pop("extra", {})
    if (factor := given.pop("enhance", None)) is not None:
        given["width"], given["height"] = _enhanced(given.get("image"), factor)
    action = _action(given)
    model = _model(wished, action)
    if preset is not None:
        given = {**_settings(preset), **given}
    wish = Wish(**{name: given.pop(name) for name in WISHES if name in given})
    values = _values(model, action, wish, given)
    if validate:
        check(values, model, action)
        fits(prompt, model, action, values, wish)
    if wish.variety_plus:
        values["skip_cfg_above_sigma"] = variety_sigma(model, *_size(values))
    if model.family.smea and values.pop("auto_smea", False) and "sm" not in given:
        values["sm"] = _smea(model, action, values)

    uc, quality = _presets(model, wish)
    text = with_quality_tags(prompt, model, quality, transparent=wish.transparent)
    if wish.auto_text:
        text = _drawn_words(model, wish.characters, text, values)
    negative = with_uc_preset(wish.negative_prompt, model, uc, text)
    parameters = {WIRE.get(name, name): value for name, value in values.items()}
    parameters |= {
        "controlnet_strength": 1,
        "negative_prompt": negative,
        "qualityPresetId": quality.value,
        "ucPresetId": uc.value,
        "tag_hint_qt": TAG_HINTS[quality],
        "tag_hint_uc_preset": TAG_HINTS[uc],
    }
    if wish.transparent:
        parameters["tag_hint_transparent_background"] = True
    if action is ImageGenerationType.INPAINTING and values.get("inpaint_img2img_strength", 1) != 1:
        parameters["img2img"] = {"strength": values["inpaint_img2img_strength"], "color_correct": True}
    parameters |= _characters(model, wish, text, negative, values)
    parameters |= _vibes(wish.vibes, normalize=values.get("normalize_reference_strength_multiple") is True)
    parameters |= _references(wish.references)
    if (control := wish.controlnet) is not None:
        parameters["controlnet_condition"] = control.condition
        parameters |= {"controlnet_model": control.model.value, "controlnet_strength": control.strength}
    request = ImageRequest(model, action, text, {**parameters, **extra})
    guard(lambda: request.price(allowance), max_anlas)
    return request


_NULLABLE: Final = tuple(name for name, rule in RULES.items() if rule.optional)
"""Parameters of which None is a value of its own."""


def _enhanced(image: object, factor: float) -> tuple[int, int]:
    """The size of a picture so many times as large."""
    size = image_size(image) if isinstance(image, bytes) else None
    if size is None or not (math.isfinite(factor) and factor > 0):
        raise InvalidRequestError(
            "to enhance needs a PNG, WebP or JPEG as image, and a factor above 0", parameter="enhance"
        )
    width, height = (max(64, round(side * factor / 64) * 64) for side in size)
    return width, height


def _settings(preset: ImagePreset) -> dict[str, Any]:
    """The preset's settings but for its model's defaults: these give way to what an image or another model asks for."""
    usual = defaults(preset.model)
    return {name: value for name, value in preset.items() if name not in usual or usual[name] != value}


def _action(given: Mapping[str, object]) -> ImageGenerationType:
    if "mask" in given:
        return ImageGenerationType.INPAINTING
    return ImageGenerationType.IMG2IMG if "image" in given else ImageGenerationType.NORMAL


def _model(wished: ImageModel, action: ImageGenerationType) -> ImageModel:
    """The model that is sent: inpainting has its own, which do nothing else.

    See docs/protocol/image.md#4-models-samplers-schedules-sizes.
    """
    if action is ImageGenerationType.INPAINTING:
        twin = wished.inpainting
        if twin is None:
            raise InvalidRequestError(f"{wished.id} has no model for inpainting", parameter="model")
        return twin
    if wished.facts.base:
        raise InvalidRequestError(f"{wished.id} is for inpainting, which takes an image and a mask", parameter="mask")
    return wished


def _values(model: ImageModel, action: ImageGenerationType, wish: Wish, given: Mapping[str, Any]) -> dict[str, object]:
    """All parameters: the model's defaults, what the action needs, and the caller's word."""
    values = defaults(model)
    source = given.get("image")
    if isinstance(source, bytes) and (size := image_size(source)) is not None:
        values["width"], values["height"] = size
    seed = values["seed"] = given["seed"] if "seed" in given else _drawn(wish.entropy)
    if action is not ImageGenerationType.NORMAL:
        before = (seed - 1) % (MOST_SEED + 1) if isinstance(seed, int) else 0
        values |= {"strength": 0.7, "noise": 0, "extra_noise_seed": before}
    if action is ImageGenerationType.IMG2IMG:
        values["color_correct"] = False
    if action is ImageGenerationType.INPAINTING:
        values["add_original_image"] = False
    sampler = given.get("sampler", values["sampler"])
    if sampler == ImageSampler.DDIM and model.generation is Generation.V3:
        sampler = (
            ImageSampler.DDIM_V3.value
        )  # its name there (docs/protocol/image.md#4-models-samplers-schedules-sizes)
        given = {**given, "sampler": sampler}
    if sampler in WITHOUT_SCHEDULE:
        values.pop("noise_schedule", None)
    elif sampler == ImageSampler.K_DPM_2 and NoiseSchedule.EXPONENTIAL in model.noise_schedules:
        values["noise_schedule"] = NoiseSchedule.EXPONENTIAL.value
    return {**values, **given}


def _drawn(entropy: Callable[[int], bytes] | None) -> int:
    """A seed that leaves room for those of seven more pictures."""
    if entropy is None:
        from nacl.utils import random  # loads libsodium, which a caller with a seed does without

        entropy = random
    return int.from_bytes(entropy(4), "big") % (MOST_SEED - 6)


@takes(model=IMAGE_MODEL, width=INTEGER, height=INTEGER)
def variety_sigma(model: ImageModel, width: int, height: int) -> float:
    """Variety+ for a picture of this size: ``skip_cfg_above_sigma``.

    See docs/protocol/image.md#56-variety-and-decrisper.

    Raises:
        InvalidRequestError: the model has no Variety+.
    """
    sigma = model.family.variety_sigma
    if sigma is None:
        raise InvalidRequestError(f"{model.id} has no Variety+", parameter="variety_plus")
    return sigma * math.sqrt((width // 8) * (height // 8) / (104 * 152))


def _size(values: Mapping[str, object]) -> tuple[int, int]:
    """Return width and height, which nobody has looked at where a request is not validated."""
    return INTEGER.convert(values["width"], "width"), INTEGER.convert(values["height"], "height")


def _smea(model: ImageModel, action: ImageGenerationType, values: Mapping[str, object]) -> bool:
    """Does Auto SMEA turn it on: for a large picture, drawn from nothing, and not by DDIM?

    See docs/protocol/image.md#55-smea.
    """
    width, height = _size(values)
    pixels = width * height
    large = model.family.auto_smea is not None and pixels >= model.family.auto_smea
    drawn = action is ImageGenerationType.NORMAL
    return large and drawn and values["sampler"] not in (ImageSampler.DDIM, ImageSampler.DDIM_V3)


def _presets(model: ImageModel, wish: Wish) -> tuple[UCPreset, QualityPreset]:
    uc = model.uc_presets[0] if wish.uc_preset is None else UC.convert(wish.uc_preset, "uc_preset")
    return uc, QUALITY.convert(wish.quality, "quality")


def _shown(
    model: ImageModel, characters: Sequence[Character], values: Mapping[str, object]
) -> tuple[list[Character], object]:
    """The characters that are sent, and whether their places count: if somebody was placed, and they are enough."""
    shown = [each for each in characters if each.enabled and each.prompt.strip()]
    placed = any(each.position is not None for each in shown) and len(shown) >= model.family.placed_from
    return shown, values.get("use_coords", placed)


def _drawn_words(model: ImageModel, characters: Sequence[Character], text: str, values: Mapping[str, object]) -> str:
    shown, use_coords = _shown(model, characters, values)
    places = [(each.prompt, center(each.position, model.family)) for each in shown]
    told = [(prompt, at["x"], at["y"]) for prompt, at in places]
    return with_quoted_text(text, told, placed=use_coords is True)


def _characters(
    model: ImageModel, wish: Wish, text: str, negative: str, values: Mapping[str, object]
) -> dict[str, object]:
    """Prompts in their structured form, and the characters in all three places.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """
    family = model.family
    if not family.structured:
        return {"characterPrompts": []} if model.generation is Generation.V3 else {}
    shown, use_coords = _shown(model, wish.characters, values)
    legacy = values["legacy_uc"]
    ucs = [family.character_uc if each.uc is None else each.uc for each in shown]
    centers = [center(each.position, family) for each in shown]

    def captions(texts: Sequence[str]) -> list[dict[str, object]]:
        return [{"char_caption": text, "centers": [at]} for text, at in zip(texts, centers, strict=True)]

    prompts = [each.prompt if wish.as_typed else alone(each.prompt) for each in shown]
    return {
        "use_coords": use_coords,
        "characterPrompts": [
            {"prompt": prompt, "uc": uc, "center": at, "enabled": True}
            for prompt, uc, at in zip(prompts, ucs, centers, strict=True)
        ],
        "v4_prompt": {
            "caption": {"base_caption": text, "char_captions": captions(prompts)},
            "use_coords": use_coords,
            "use_order": True,
        },
        "v4_negative_prompt": {
            "caption": {"base_caption": negative, "char_captions": captions(ucs)},
            "legacy_uc": legacy,
        },
    }


def _vibes(vibes: Sequence[Vibe | EncodedVibe], *, normalize: bool) -> dict[str, object]:
    if not vibes:
        return {}
    strengths = [vibe.strength for vibe in vibes]
    made: dict[str, object] = {
        "reference_image_multiple": [vibe.image if isinstance(vibe, Vibe) else vibe.encoding for vibe in vibes],
        "reference_strength_multiple": normalized(strengths) if normalize else strengths,
    }
    if any(isinstance(vibe, Vibe) for vibe in vibes):
        extracted = [1.0 if vibe.information_extracted is None else vibe.information_extracted for vibe in vibes]
        made["reference_information_extracted_multiple"] = extracted
    return made


def _references(references: Sequence[Reference]) -> dict[str, object]:
    if not references:
        return {}
    return {
        "director_reference_images": [each.image for each in references],
        "director_reference_descriptions": [
            {"caption": {"base_caption": each.kind, "char_captions": []}, "legacy_uc": False} for each in references
        ],
        "director_reference_information_extracted": [1 for _ in references],
        "director_reference_strength_values": [each.strength for each in references],
        "director_reference_secondary_strength_values": [1 - each.fidelity for each in references],
    }
