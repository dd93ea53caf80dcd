"""The service's checks of a generation request, in its order and with its messages.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ...image.choices import ImageGenerationType
from ...image.models import ImageModel
from ...image.parameter_rules import MAX_PIXELS, MAX_PROMPT_CHARACTERS, MAX_SEED, PARAMS_VERSIONS
from ..errors import Refused
from .request import (
    Attachments,
    DecodedBody,
    ImageRequestBody,
    StructuredPrompt,
    list_ignored,
    parse_parameters,
    validation_error,
)

__all__ = ["GenerationTask", "find_model", "validate_request"]

_MODEL_NAME_SHOWN = 60
"""Characters of an unknown name that an error message repeats."""


@dataclass(frozen=True, slots=True)
class GenerationTask:
    """A valid generation request."""

    model: ImageModel
    action: ImageGenerationType
    prompt: str = field(repr=False)
    parameters: ImageRequestBody = field(repr=False)
    attachments: Attachments
    ignored: tuple[str, ...] = ()
    "The names of parameters that change no picture."


def find_model(name: object) -> ImageModel:
    """Return the model with this id; display names do not count.

    Raises:
        Refused: 400, there is no such model.
    """
    model = ImageModel.named(name) if isinstance(name, str) else ImageModel("")
    if not model.is_listed or model.id != name:
        reason = "Send an id as model, such as nai-diffusion-4-5-full; display names and unknown ids are refused."
        raise Refused(400, f"Validation error: model {_shorten(name)} doesn't exist", reason=reason)
    return model


def validate_request(body: DecodedBody, attachments: Attachments, seed: int) -> GenerationTask:
    """Return the task that a request describes, whatever it costs.

    See docs/protocol/image.md#211-errors.

    Args:
        body: The request's body.
        attachments: The request's images.
        seed: Used if the request has none.

    Raises:
        Refused: 400 for an invalid request, 500 where the service itself fails.
    """
    document = body.document
    model = find_model(document.get("model"))
    action = _find_action(document.get("action", "generate"), model)
    prompt = document.get("input", "")
    if not isinstance(prompt, str):
        raise validation_error("input is not a string")
    parameters = parse_parameters(body.parameters, model, seed)
    _check_numbers(parameters)
    _check_texts(prompt, parameters)
    _check_images(attachments, action)
    _check_references(attachments, model)
    failure = _find_server_failure(parameters, attachments, model)
    if failure:
        raise Refused(500, "Internal Server Error", reason=failure)
    if action is not ImageGenerationType.INPAINTING:
        # Other actions ignore a mask (docs/protocol/image.md#33-bodies-per-generation).
        attachments = replace(attachments, mask=None)
    ignored = list_ignored(body, parameters, action)
    return GenerationTask(model, action, prompt, parameters, attachments, tuple(ignored))


def _find_action(name: object, model: ImageModel) -> ImageGenerationType:
    """Return the action of this name. Raises Refused, 400, if the model does not support it."""
    for action in ImageGenerationType:
        if name == action.value and model.is_inpainting is (action is ImageGenerationType.INPAINTING):
            return action
    reason = (
        f"{model.id} is for inpainting: send the action infill, or the id of its base."
        if model.is_inpainting
        else "Send the action generate or img2img, or for infill the id of an inpainting model."
    )
    raise Refused(400, f"Model {model.id} doesn't support action {_shorten(name)}", reason=reason)


def _shorten(name: object) -> str:
    return name[:_MODEL_NAME_SHOWN] if isinstance(name, str) else ""


def _check_numbers(parameters: ImageRequestBody) -> None:
    width, height = parameters.width, parameters.height
    for name, side in (("width", width), ("height", height)):
        if side < 64 or side % 64:
            raise validation_error(f"{name} must be a multiple of 64, and at least 64")
    if width * height > MAX_PIXELS:
        raise validation_error(f"image is too large: {width * height} pixels, maximum is {MAX_PIXELS}")
    for name, value, minimum, maximum in (
        ("steps", parameters.steps, 1, 50),
        ("n_samples", parameters.n_samples, 1, 8),
        ("seed", parameters.seed, 0, MAX_SEED),
        ("params_version", parameters.params_version, *PARAMS_VERSIONS),
        ("strength", parameters.strength, 0, 1),
        ("noise", parameters.noise, 0, 1),
        ("inpaintImg2ImgStrength", parameters.inpaint_strength, 0, 1),
    ):
        if not minimum <= value <= maximum:
            raise validation_error(f"{name} must be {minimum} to {maximum}")


def _check_texts(prompt: str, parameters: ImageRequestBody) -> None:
    structured = (*_iter_captions(parameters.v4_prompt), *_iter_captions(parameters.v4_negative_prompt))
    for text in (prompt, parameters.negative_prompt, *structured):
        if len(text) > MAX_PROMPT_CHARACTERS:
            problem = f"request contains an excessively-long prompt ({len(text)} chars; max {MAX_PROMPT_CHARACTERS})"
            raise validation_error(problem)


def _iter_captions(prompt: StructuredPrompt | None) -> Iterator[str]:
    if prompt is not None:
        yield prompt.caption.base_caption
        for character in prompt.caption.char_captions:
            yield character.char_caption


def _check_images(attachments: Attachments, action: ImageGenerationType) -> None:
    if action is ImageGenerationType.NORMAL:
        if attachments.image is not None:
            problem = "image is not allowed for regular generations, use img2img or infill"
            raise validation_error(problem, reason="An image goes with the action img2img or infill; this is generate.")
        return
    if attachments.image is None:
        raise validation_error("image is required", reason=f"The action {action.value} needs parameters.image.")
    if action is ImageGenerationType.INPAINTING and attachments.mask is None:
        raise validation_error(
            "mask is required", reason="The action infill needs parameters.mask, white where to repaint."
        )


def _check_references(attachments: Attachments, model: ImageModel) -> None:
    vibes = len(attachments.vibes) + (attachments.vibe is not None)
    references = len(attachments.references)
    if attachments.vibe is not None and attachments.vibes:
        raise validation_error("reference_image and reference_image_multiple cannot be set at the same time")
    if vibes and references:
        raise validation_error(
            f"cannot mix reference and director_reference at the same time, got {vibes} refs, {references} director refs"
        )
    if references and not model.family.references:
        reason = f"Only V4.5 takes director_reference_images; this is {model.id}."
        raise Refused(400, "Error encoding v4 director references: not supported", reason=reason)


def _find_server_failure(parameters: ImageRequestBody, attachments: Attachments, model: ImageModel) -> str:
    """Return why the service fails on this request: client mistakes that it does not check. Empty if it does not.

    See docs/protocol/image.md#211-errors.
    """
    family = model.family
    for name in ("v4_prompt", "v4_negative_prompt"):
        if family.structured and getattr(parameters, name) is None:
            return f"V4 and newer need {name}; without it the service answers 500."
    if family.structured and parameters.sm:
        return "SMEA (sm) is for V1 to V3; on newer models the service answers 500."
    if (attachments.vibes or attachments.vibe is not None) and not family.vibes:
        return f"{model.name} takes no vibes; the service answers 500."
    if parameters.sampler in family.failing:
        return f"{model.name} does not have the sampler {parameters.sampler}; the service answers 500."
    return ""
