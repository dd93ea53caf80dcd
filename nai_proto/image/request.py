"""Build an image request from a prompt and options: which model, what action, all parameters.

Images are kept as bytes here: JSON writes them as base64, and a multipart body as parts of their own.

See docs/protocol/image.md#3-request-body.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from ..arguments import INTEGER, MAPPING, TEXT, convert_fields, member, takes
from ..conflicts import check_conflicts, override_options
from ..errors import InvalidRequestError
from .argument_types import OPTION_TYPES
from .auto_text import with_auto_text
from .choices import (
    TAG_HINTS,
    ImageGenerationType,
    ImageSampler,
    NoiseSchedule,
    QualityPreset,
    Sampler,
    UCPreset,
)
from .compatibility import check_compatibility
from .cost_limits import check_max_anlas, parameters_price
from .families import WITHOUT_SCHEDULE, Generation
from .features import Character, EncodedVibe, PreciseReference, Vibe, find_center, normalize_strengths, strip_count
from .image_files import image_size, png_size
from .masks import BLOCK, align_mask
from .models import IMAGE_MODEL, QUALITY, UC, ImageModel
from .options import CONFLICTS, FEATURE_NAMES, WIRE_NAMES, FeatureOptions
from .parameter_rules import MAX_SEED, RULES, check_parameters
from .preset import ImagePreset, default_parameters
from .price import ALLOWANCE, NOTHING_FREE, Allowance, Price
from .quality_tags import with_quality_tags, with_uc_preset

if TYPE_CHECKING:
    from typing import Unpack

    from .options import ImageOptions

__all__ = ["ImageRequest", "build_image_request", "variety_sigma"]


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request, before it is written as JSON or multipart."""

    model: ImageModel
    "The model that is sent: for inpainting, the inpainting model."
    action: ImageGenerationType
    "From nothing, from an image, or within one."
    input: str = field(repr=False)
    "The prompt, with tags for quality."
    parameters: Mapping[str, object] = field(repr=False, hash=False)
    "As they are on the wire, except that images are bytes."

    def __post_init__(self) -> None:
        convert_fields(self, model=IMAGE_MODEL, action=member(ImageGenerationType), input=TEXT, parameters=MAPPING)
        object.__setattr__(self, "model", ImageModel.named(self.model))

    @property
    def seed(self) -> int:
        """Return the seed of the first image; each further image has one more."""
        return cast("int", self.parameters["seed"])

    @property
    def body(self) -> dict[str, object]:
        """Return the whole body."""
        return {
            "input": self.input,
            "model": self.model.id,
            "action": self.action.value,
            "parameters": dict(self.parameters),
            "use_new_shared_trial": True,
        }

    @takes(allowance=ALLOWANCE)
    def price(self, allowance: Allowance = NOTHING_FREE) -> Price:
        """Return what it costs an account with this allowance, by what is sent.

        See docs/protocol/image.md#9-anlas-price.

        Raises:
            InvalidRequestError: what `parameters_price` raises.
        """
        return parameters_price(self.model.id, self.action.value, self.parameters, allowance)


@takes(prompt=TEXT, **OPTION_TYPES)
def build_image_request(prompt: str, **options: Unpack[ImageOptions]) -> ImageRequest:
    """Build the request for images; no argument is changed.

    Args:
        prompt: what is wanted.
        options: as for `generate`: ``help(nai.image.ImageOptions)`` lists them.

    Raises:
        InvalidRequestError: something is not for this model or does not go together (unless ``validate`` is false), or a
            fact of an unlisted model is needed and not known; or it costs more than ``max_anlas``, or how much it costs
            is not known.
    """
    every = dict[str, Any](options)
    given: dict[str, Any] = {name: value for name, value in every.items() if value is not None or name in _NULLABLE}
    validate = bool(given.pop("validate", True))
    if validate:
        check_conflicts(given, CONFLICTS)
    preset: ImagePreset | Mapping[str, object] | None = given.pop("preset", None)
    if (size := given.pop("size", None)) is not None:
        given["width"], given["height"] = size
    usual = preset.model if isinstance(preset, ImagePreset) else ImageModel.V5_CURATED
    if (chosen := given.pop("model", usual)) is None:
        raise InvalidRequestError("the preset names no model", parameter="model", advice="give it: model=…")
    requested = ImageModel.named(chosen)
    if preset is not None and not isinstance(preset, ImagePreset):
        preset = ImagePreset(requested, preset)
    max_anlas, allowance = given.pop("max_anlas", None), given.pop("allowance", NOTHING_FREE)
    extra: Mapping[str, object] = given.pop("extra", {})
    if (factor := given.pop("enhance", None)) is not None:
        given["width"], given["height"] = _enhanced_size(given.get("image"), factor)
    action = _action(given)
    model = _model(requested, action)
    if preset is not None:
        given = override_options(_settings(preset, requested, action), given, CONFLICTS)
        if validate:
            check_conflicts(given, CONFLICTS)
    features = FeatureOptions(**{name: given.pop(name) for name in FEATURE_NAMES if name in given})
    values = _values(model, action, features, given)
    if validate:
        check_parameters(values, model, action)
        check_compatibility(prompt, model, action, values, features)
        if isinstance(mask := values.get("mask"), bytes):
            values["mask"] = _fit_mask(mask, *_size(values))
    if features.variety_plus:
        values["skip_cfg_above_sigma"] = variety_sigma(model, *_size(values))
    if model.family.smea and values.pop("auto_smea", False) and "sm" not in given:
        values["sm"] = _needs_smea(model, action, values)

    uc, quality = _presets(model, features)
    text = with_quality_tags(prompt, model, quality, transparent=features.transparent)
    if features.auto_text:
        text = _add_auto_text(model, features.characters, text, values)
    negative = with_uc_preset(features.negative_prompt, model, uc, text)
    if isinstance(sampler := values["sampler"], Sampler):
        values["sampler"] = str(sampler)
    parameters = {WIRE_NAMES.get(name, name): value for name, value in values.items()}
    parameters |= {
        "controlnet_strength": 1,
        "negative_prompt": negative,
        "qualityPresetId": quality.value,
        "ucPresetId": uc.value,
        "tag_hint_qt": TAG_HINTS[quality],
        "tag_hint_uc_preset": TAG_HINTS[uc],
    }
    if features.transparent:
        parameters["tag_hint_transparent_background"] = True
    if action is ImageGenerationType.INPAINTING and values.get("inpaint_img2img_strength", 1) != 1:
        parameters["img2img"] = {"strength": values["inpaint_img2img_strength"], "color_correct": True}
    parameters |= _characters(model, features, text, negative, values)
    parameters |= _vibes(features.vibes, normalize=values.get("normalize_reference_strength_multiple") is True)
    parameters |= _references(features.references)
    if (control := features.controlnet) is not None:
        parameters["controlnet_condition"] = control.condition
        parameters |= {"controlnet_model": control.model.value, "controlnet_strength": control.strength}
    request = ImageRequest(model, action, text, {**parameters, **extra})
    check_max_anlas(request.price, max_anlas, allowance)
    return request


_NULLABLE: Final = tuple(name for name, rule in RULES.items() if rule.optional)
"""Parameters for which None is a value of its own."""


def _enhanced_size(image: object, factor: float) -> tuple[int, int]:
    """Return the size of an image scaled by a factor, in multiples of 64 pixels."""
    size = image_size(image) if isinstance(image, bytes) else None
    if size is None or not (math.isfinite(factor) and factor > 0):
        raise InvalidRequestError(
            "to enhance needs a PNG, WebP or JPEG as image, and a factor above 0", parameter="enhance"
        )
    width, height = (max(64, round(side * factor / 64) * 64) for side in size)
    return width, height


def _settings(preset: ImagePreset, requested: ImageModel, action: ImageGenerationType) -> dict[str, Any]:
    """Return the preset's settings that go with the action.

    Its model's defaults are left out: they give way to those of an image or another model.
    """
    usual = default_parameters(preset.model or requested)
    return {
        name: value
        for name, value in preset.items()
        if (name not in usual or usual[name] != value) and (name not in RULES or action in RULES[name].actions)
    }


def _action(options: Mapping[str, object]) -> ImageGenerationType:
    if "mask" in options:
        return ImageGenerationType.INPAINTING
    return ImageGenerationType.IMG2IMG if "image" in options else ImageGenerationType.NORMAL


def _model(requested: ImageModel, action: ImageGenerationType) -> ImageModel:
    """Return the model that is sent: inpainting has models of its own, which do nothing else.

    See docs/protocol/image.md#4-models-samplers-schedules-sizes.
    """
    if action is ImageGenerationType.INPAINTING:
        twin = requested.inpainting
        if twin is None:
            raise InvalidRequestError(f"{requested.id} has no model for inpainting", parameter="model")
        return twin
    if requested.facts.base:
        raise InvalidRequestError(
            f"{requested.id} is for inpainting, which takes an image and a mask", parameter="mask"
        )
    return requested


def _values(
    model: ImageModel, action: ImageGenerationType, features: FeatureOptions, options: Mapping[str, Any]
) -> dict[str, object]:
    """Return all parameters: the model's defaults, what the action needs, and the caller's options, which win."""
    values = default_parameters(model)
    source = options.get("image")
    if isinstance(source, bytes) and (size := image_size(source)) is not None:
        values["width"], values["height"] = size
    seed = values["seed"] = options["seed"] if "seed" in options else _draw_seed(features.entropy)
    if action is not ImageGenerationType.NORMAL:
        before = (seed - 1) % (MAX_SEED + 1) if isinstance(seed, int) else 0
        values |= {"strength": 0.7, "noise": 0, "extra_noise_seed": before}
    if action is ImageGenerationType.IMG2IMG:
        values["color_correct"] = False
    if action is ImageGenerationType.INPAINTING:
        values["add_original_image"] = False
    sampler = options.get("sampler", values["sampler"])
    if sampler == ImageSampler.DDIM and model.generation is Generation.V3 and not isinstance(sampler, Sampler):
        # Its name there (docs/protocol/image.md#4-models-samplers-schedules-sizes).
        sampler = ImageSampler.DDIM_V3.value
        options = {**options, "sampler": sampler}
    if sampler in WITHOUT_SCHEDULE:
        values.pop("noise_schedule", None)
    elif sampler == ImageSampler.K_DPM_2 and NoiseSchedule.EXPONENTIAL in model.noise_schedules:
        values["noise_schedule"] = NoiseSchedule.EXPONENTIAL.value
    return {**values, **options}


def _fit_mask(mask: bytes, width: int, height: int) -> bytes:
    """Return the mask in one of the two sizes that the service takes; one of another size is scaled, as the website does.

    See docs/protocol/image.md#53-img2img-enhance-inpaint.
    """
    sizes = ((width, height), (width // BLOCK, height // BLOCK))
    return mask if png_size(mask) in sizes else align_mask(mask, width, height)


def _draw_seed(entropy: Callable[[int], bytes] | None) -> int:
    """Draw a seed that leaves room for those of seven more images."""
    if entropy is None:
        from nacl.utils import random  # loads libsodium, which a caller with a seed does without

        entropy = random
    return int.from_bytes(entropy(4), "big") % (MAX_SEED - 6)


@takes(model=IMAGE_MODEL, width=INTEGER, height=INTEGER)
def variety_sigma(model: ImageModel, width: int, height: int) -> float:
    """Return ``skip_cfg_above_sigma`` of Variety+ for an image of this size.

    See docs/protocol/image.md#56-variety-and-decrisper.

    Raises:
        InvalidRequestError: the model has no Variety+.
    """
    sigma = model.family.variety_sigma
    if sigma is None:
        raise InvalidRequestError(f"{model.id} has no Variety+", parameter="variety_plus")
    return sigma * math.sqrt((width // 8) * (height // 8) / (104 * 152))


def _size(values: Mapping[str, object]) -> tuple[int, int]:
    """Return width and height, which are not checked yet where a request is not validated."""
    return INTEGER.convert(values["width"], "width"), INTEGER.convert(values["height"], "height")


def _needs_smea(model: ImageModel, action: ImageGenerationType, values: Mapping[str, object]) -> bool:
    """Return whether Auto SMEA turns SMEA on: for a large image, drawn from nothing, and not by DDIM.

    See docs/protocol/image.md#55-smea.
    """
    width, height = _size(values)
    pixels = width * height
    large = model.family.auto_smea is not None and pixels >= model.family.auto_smea
    drawn = action is ImageGenerationType.NORMAL
    return large and drawn and values["sampler"] not in (ImageSampler.DDIM, ImageSampler.DDIM_V3)


def _presets(model: ImageModel, features: FeatureOptions) -> tuple[UCPreset, QualityPreset]:
    uc = model.uc_presets[0] if features.uc_preset is None else UC.convert(features.uc_preset, "uc_preset")
    return uc, QUALITY.convert(features.quality, "quality")


def _sent_characters(
    model: ImageModel, characters: Sequence[Character], values: Mapping[str, object]
) -> tuple[list[Character], object]:
    """Return the characters that are sent, and whether their positions count: one has a position, and they are enough."""
    sent = [each for each in characters if each.enabled and each.prompt.strip()]
    placed = any(each.position is not None for each in sent) and len(sent) >= model.family.placed_from
    return sent, values.get("use_coords", placed)


def _add_auto_text(model: ImageModel, characters: Sequence[Character], text: str, values: Mapping[str, object]) -> str:
    sent, use_coords = _sent_characters(model, characters, values)
    places = [(each.prompt, find_center(each.position, model.family)) for each in sent]
    texts = [(prompt, at["x"], at["y"]) for prompt, at in places]
    return with_auto_text(text, texts, placed=use_coords is True)


def _characters(
    model: ImageModel, features: FeatureOptions, text: str, negative: str, values: Mapping[str, object]
) -> dict[str, object]:
    """Return prompts in their structured form, and the characters in all three places.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """
    family = model.family
    if not family.structured:
        return {"characterPrompts": []} if model.generation is Generation.V3 else {}
    sent, use_coords = _sent_characters(model, features.characters, values)
    legacy = values["legacy_uc"]
    ucs = [family.character_uc if each.uc is None else each.uc for each in sent]
    centers = [find_center(each.position, family) for each in sent]

    def captions(texts: Sequence[str]) -> list[dict[str, object]]:
        return [{"char_caption": text, "centers": [at]} for text, at in zip(texts, centers, strict=True)]

    prompts = [each.prompt if features.as_typed else strip_count(each.prompt) for each in sent]
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
        "reference_strength_multiple": normalize_strengths(strengths) if normalize else strengths,
    }
    if any(isinstance(vibe, Vibe) for vibe in vibes):
        extracted = [1.0 if vibe.information_extracted is None else vibe.information_extracted for vibe in vibes]
        made["reference_information_extracted_multiple"] = extracted
    return made


def _references(references: Sequence[PreciseReference]) -> dict[str, object]:
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
