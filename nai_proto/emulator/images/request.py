"""Decoded image requests: the body, its parameters and its attached images.

A body is JSON with images in base64, or a multipart form with a part for each image.

See:
    docs/protocol/image.md#31-transport
    docs/protocol/image.md#32-parameters-all-keys
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

import msgspec

from ...codecs import accelerators
from ...codecs.lone_surrogates import replace_lone_escapes
from ...codecs.multipart import decode
from ...codecs.type_mismatch import find_mismatch
from ...errors import LimitExceeded, RemoteProtocolError
from ...image.choices import ImageGenerationType, ImageSampler
from ...image.families import Generation
from ...image.models import ImageModel
from ..accounts.account import ImageCache
from ..errors import Refused
from ..http.request_context import RequestContext

__all__ = [
    "Attachments",
    "Caption",
    "Center",
    "CharacterCaption",
    "DecodedBody",
    "ImageRequestBody",
    "StructuredPrompt",
    "collect_attachments",
    "list_ignored",
    "parse_parameters",
    "read_body",
    "validation_error",
]

_REQUEST_PART: Final = "request"
_PART_NAME_SHOWN: Final = 12
"""Characters of a part's name that an error message repeats."""


# ---- bodies


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """The JSON document of a request, and the other parts of its form."""

    document: Mapping[str, Any] = field(repr=False)
    "Without null values: null means absent. See docs/protocol/image.md#12-notes-for-an-emulator."
    parts: Mapping[str, bytes] | None = field(default=None, repr=False)
    "Content of the form's other parts by name; None if the body is not a form."

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Return ``parameters`` without null values.

        Raises:
            Refused: 400, ``parameters`` is not an object.
        """
        parameters = self.document.get("parameters", {})
        if not isinstance(parameters, dict):
            raise validation_error("parameters is not an object")
        return _drop_null(cast("dict[str, Any]", parameters))

    def decode_image(self, value: object, name: str) -> bytes:
        """Return the bytes of an image field.

        The field holds the name of a part if the body is a form, and base64 if it is JSON.

        Args:
            value: Value of the field.
            name: Name of the field, for the error message.

        Raises:
            Refused: 400, there is no such part, or the value is not valid base64.
        """
        if not isinstance(value, str):
            raise validation_error(f"{name} is not a string")
        if self.parts is not None:
            if value not in self.parts:
                shown = value if len(value) <= _PART_NAME_SHOWN else f"{value[:_PART_NAME_SHOWN]}..."
                reason = f"In a form, {name} is the name of a part that holds the image; no part has this name."
                raise Refused(400, f'image field references unknown form part "{shown}"', reason=reason)
            return self.parts[value]
        try:
            return accelerators.decode(value)
        except ValueError:  # no `from`: the codec's error may hold the text
            pass
        reason = f"Send {name} as base64 of the file, without a data: prefix, or as the name of a part in a form."
        raise validation_error(f"{name} is not valid base64", reason=reason)


def read_body(context: RequestContext, *image_fields: str) -> DecodedBody:
    """Decode the body of an image request.

    Args:
        context: The request.
        image_fields: Top-level fields that hold images. If the body is a form, their parts must exist: the service checks
            that before everything else (docs/protocol/image.md#12-notes-for-an-emulator).

    Raises:
        Refused: 400, the body is neither a JSON object nor a form with a JSON object in the part ``request``, or a part is
            missing.
    """
    content_type = context.headers.get("content-type") or ""
    parts = None
    encoded = context.parameters.body
    if content_type.lower().startswith("multipart/"):
        try:
            form = decode(content_type, encoded)
        except (RemoteProtocolError, LimitExceeded):
            raise _unreadable_body() from None
        parts = {part.name: part.data for part in form}
        encoded = parts.pop(_REQUEST_PART, b"")
    try:
        document: object = msgspec.json.decode(replace_lone_escapes(encoded))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _unreadable_body()
    body = DecodedBody(_drop_null(cast("dict[str, Any]", document)), parts)
    if parts is not None:
        for name in body.document.keys() & image_fields:
            body.decode_image(body.document[name], name)
    return body


def validation_error(problem: str, *, reason: str | None = None) -> Refused:
    """Return the 400 refusal of a request that was decoded but cannot be done, with a reason for who debugs the client.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """
    return Refused(400, f"Validation error: error validating request: {problem}", reason=reason)


def _drop_null(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _unreadable_body() -> Refused:
    reason = "The body is no JSON object, and no multipart form with one in its part named request."
    return Refused(400, "Validation error: invalid request body", reason=reason)


# ---- parameters


class Center(msgspec.Struct):
    """Position of a character."""

    x: float = 0.5
    y: float = 0.5


class CharacterCaption(msgspec.Struct):
    """Prompt of one character."""

    char_caption: str = ""
    centers: list[Center] = []

    def __repr__(self) -> str:
        return f"CharacterCaption({len(self.char_caption)} characters of text)"


class Caption(msgspec.Struct):
    """A prompt in parts."""

    base_caption: str = ""
    char_captions: list[CharacterCaption] = []

    def __repr__(self) -> str:
        return f"Caption({len(self.base_caption)} characters of text, {len(self.char_captions)} char_captions)"


class StructuredPrompt(msgspec.Struct):
    """``v4_prompt`` or ``v4_negative_prompt``.

    See docs/protocol/image.md#54-v4-prompts-and-characters.
    """

    caption: Caption = msgspec.field(default_factory=Caption)
    use_coords: bool = False
    use_order: bool = False
    legacy_uc: bool = False


class ImageRequestBody(msgspec.Struct, kw_only=True):
    """The ``parameters`` of a generation request, without its images.

    A field without a default here has the model's default.
    """

    width: int
    height: int
    scale: float
    sampler: str = ImageSampler.K_EULER_ANCESTRAL.value
    steps: int
    n_samples: int = 1
    seed: int
    extra_noise_seed: int | None = None
    negative_prompt: str = ""
    "Also accepted under its older name ``uc``."
    noise_schedule: str | None
    cfg_rescale: float = 0.0
    uncond_scale: float = 1.0
    dynamic_thresholding: bool = False
    sm: bool = False
    sm_dyn: bool = False
    skip_cfg_above_sigma: float | None = None
    deliberate_euler_ancestral_bug: bool = True
    prefer_brownian: bool = True
    legacy_v3_extend: bool = False
    add_original_image: bool = True
    image_format: Literal["png", "webp"] = "png"
    stream: str = "sse"
    strength: float = 0.7
    noise: float = 0.0
    color_correct: bool = True
    inpaint_strength: float = msgspec.field(default=1.0, name="inpaintImg2ImgStrength")
    controlnet_model: str | None = None
    controlnet_strength: float = 1.0
    reference_strength: float | None = None
    reference_information_extracted: float | None = None
    reference_strength_multiple: list[float] = []
    reference_information_extracted_multiple: list[float] = []
    director_reference_descriptions: list[StructuredPrompt] = []
    director_reference_information_extracted: list[float] = []
    director_reference_strength_values: list[float] = []
    director_reference_secondary_strength_values: list[float] = []
    tag_hint_qt: int | None = None
    tag_hint_uc_preset: int | None = None
    tag_hint_transparent_background: bool | None = None
    v4_prompt: StructuredPrompt | None = None
    v4_negative_prompt: StructuredPrompt | None = None
    straight_alpha: bool = True
    upscaled_enhance: bool = False
    upscale: dict[str, float] | None = None
    normalize_reference_strength_multiple: bool = True
    params_version: int = 1
    # Ignored: no source says what they change (docs/protocol/image.md#12-notes-for-an-emulator).
    legacy: bool = False
    auto_smea: bool = msgspec.field(default=False, name="autoSmea")

    def __repr__(self) -> str:
        return f"ImageRequestBody({self.width}×{self.height}, steps={self.steps}, n_samples={self.n_samples})"


def parse_parameters(parameters: Mapping[str, Any], model: ImageModel, seed: int) -> ImageRequestBody:
    """Parse the parameters of a generation request, in the shape of any client.

    Missing keys get the model's defaults, unknown keys are ignored, and whole numbers may be written as ``1`` or ``1.0``.

    Args:
        parameters: As received, without null values.
        model: The requested model.
        seed: Used if the request has none.

    Raises:
        Refused: 400, a parameter has a wrong type.
    """
    received = {key: _to_whole_number(value) for key, value in parameters.items()}
    received.setdefault("negative_prompt", received.get("uc", ""))
    family = model.family
    width, height = family.size
    defaults = {"width": width, "height": height, "scale": model.scale, "steps": model.steps, "seed": seed}
    if family.generation is Generation.V5:
        # V5 has one noise schedule and ignores the parameter (docs/protocol/image.md#32-parameters-all-keys).
        received.pop("noise_schedule", None)
    complete = {**defaults, "noise_schedule": family.schedule, **received}
    try:
        return msgspec.convert(complete, ImageRequestBody)
    except (ValueError, OverflowError, RecursionError):
        pass  # explained below
    raise validation_error(str(find_mismatch(complete, ImageRequestBody)))


def list_ignored(body: DecodedBody, parameters: ImageRequestBody, action: ImageGenerationType) -> list[str]:
    """Return the names of what changes no picture: unknown keys, and known ones that ask for something without an effect.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """
    unknown = [
        *(name for name in body.document if name not in _TOP_LEVEL),
        *(name for name in body.parameters if name not in _KNOWN),
    ]
    inpaints = action is ImageGenerationType.INPAINTING
    idle = {
        "recaptcha_token": "recaptcha_token" in body.document,
        "legacy": parameters.legacy,
        "autoSmea": parameters.auto_smea,
        "add_original_image": "add_original_image" in body.parameters and parameters.add_original_image is inpaints,
        "mask": "mask" in body.parameters and not inpaints,
    }
    return [*unknown, *(name for name, is_idle in idle.items() if is_idle)]


_ATTACHED: Final = ("image", "mask", "reference_image", "controlnet_condition")
_ATTACHED_LISTS: Final = ("reference_image_multiple", "director_reference_images")
_TOP_LEVEL: Final = frozenset({"input", "model", "action", "parameters", "use_new_shared_trial", "recaptcha_token"})
_REPEATED: Final = (
    *("characterPrompts", "use_coords", "legacy_uc", "img2img"),
    *("qualityToggle", "ucPreset", "qualityPresetId", "ucPresetId"),
)
"""What says again what other parameters say.

See docs/protocol/image.md#32-parameters-all-keys.
"""
_KNOWN: Final = frozenset(
    (
        *ImageRequestBody.__struct_encode_fields__,
        *(f"{name}{part}" for name in _ATTACHED for part in ("", "_cache_secret_key")),
        *(f"{name}{part}" for name in _ATTACHED_LISTS for part in ("", "_cached")),
        *("uc", *_REPEATED),
    )
)


def _to_whole_number(value: object) -> object:
    """Return ``1`` for ``1.0``, and any other value unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# ---- attachments


@dataclass(frozen=True, slots=True)
class Attachments:
    """The images of a generation request, as received."""

    image: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)
    vibe: bytes | None = field(default=None, repr=False)
    "The single vibe that older clients send."
    vibes: tuple[bytes, ...] = field(default=(), repr=False)
    references: tuple[bytes, ...] = field(default=(), repr=False)
    condition: bytes | None = field(default=None, repr=False)
    "The ControlNet condition."


def collect_attachments(body: DecodedBody, cache: ImageCache, cache_bytes: int) -> Attachments:
    """Return all images of a request, from its body or from the cache.

    Images that come with a cache key are stored in the cache.

    Args:
        body: The request's body.
        cache: The account's image cache.
        cache_bytes: Capacity of the cache.

    Raises:
        Refused: 400, a field names a missing part, or cache keys are unknown; the error lists all of these keys.
    """
    parameters = body.parameters
    unknown: list[str] = []

    def load(key: object, value: object, name: str) -> bytes | None:
        image = body.decode_image(value, name) if value else None
        if isinstance(key, str) and key:
            if image is None:
                image = cache.get(key)
                if image is None:
                    unknown.append(key)
            else:
                cache.put(key, image, cache_bytes)
        return image

    def load_one(name: str) -> bytes | None:
        return load(parameters.get(f"{name}_cache_secret_key"), parameters.get(name), name)

    def load_list(name: str) -> tuple[bytes, ...]:
        cached = _check_list(parameters.get(f"{name}_cached"), name)
        if not cached:
            return tuple(body.decode_image(value, name) for value in _check_list(parameters.get(name), name))
        images: list[bytes | None] = []
        for item in cached:
            entry: Mapping[str, object] = cast("dict[str, object]", item) if isinstance(item, dict) else {}
            images.append(load(entry.get("cache_secret_key"), entry.get("data"), name))
        return tuple(image for image in images if image is not None)

    attachments = Attachments(
        load_one("image"),
        load_one("mask"),
        load_one("reference_image"),
        load_list("reference_image_multiple"),
        load_list("director_reference_images"),
        load_one("controlnet_condition"),
    )
    if unknown:
        reason = "Nothing is stored under details.invalidKeys; send the images themselves together with their keys."
        raise Refused(400, "INVALID_CACHE_KEYS", reason=reason, details={"invalidKeys": unknown})
    return attachments


def _check_list(value: object, name: str) -> Sequence[object]:
    if value is not None and not isinstance(value, list):
        raise validation_error(f"{name} is not a list")
    return cast("Sequence[object]", value or ())
