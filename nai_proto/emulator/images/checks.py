"""Whether a request for pictures can be done: the service's checks, in its order and with its texts.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ...errors import InvalidRequestError
from ...image.choices import ImageGenerationType, ImageSampler
from ...image.generations import Generation
from ...image.models import ImageModel
from ...image.price import Allowance, Price, generation_price
from ...image.rules import MOST_PIXELS, MOST_SEED, MOST_TEXT
from ..answers import Refused
from .bodies import Body, invalid
from .brought import Brought
from .wish import Structured, Wish, read_wish

__all__ = ["Task", "known_model", "price", "understood"]


@dataclass(frozen=True, slots=True)
class Task:
    """Pictures that can be drawn."""

    model: ImageModel
    action: ImageGenerationType
    prompt: str = field(repr=False)
    wish: Wish = field(repr=False)
    brought: Brought


def known_model(name: object) -> ImageModel:
    """The model with this id, and not just of this name.

    Raises:
        Refused: 400, there is none.
    """
    model = ImageModel.named(name) if isinstance(name, str) else ImageModel("")
    if not model.listed or model.id != name:
        raise Refused(400, f"Validation error: model {_shown(name)} doesn't exist")
    return model


def understood(body: Body, images: Brought, seed: int) -> Task:
    """What is asked for, if it can be done whatever it costs.

    See docs/protocol/image.md#211-errors.

    Args:
        body: of the request.
        images: that it brought.
        seed: for whoever says none.

    Raises:
        Refused: 400, or 500 where the service fails itself.
    """
    document = body.document
    model = known_model(document.get("model"))
    action = _action(document.get("action", "generate"), model)
    prompt = document.get("input", "")
    if not isinstance(prompt, str):
        raise invalid("input is no text")
    wish = read_wish(body.parameters, model, seed)
    _check_numbers(wish)
    _check_texts(prompt, wish)
    _check_images(images, action)
    _check_references(images, model)
    if _fails(wish, images, model):
        raise Refused(500, "Internal Server Error")
    if (
        action is not ImageGenerationType.INPAINTING
    ):  # elsewhere it is ignored (docs/protocol/image.md#33-bodies-per-generation)
        images = replace(images, mask=None)
    return Task(model, action, prompt, wish, images)


def price(task: Task, allowance: Allowance) -> Price:
    """What it costs.

    Raises:
        Refused: 400, it is too much for one picture, or more of something than a request may have.
    """
    wish, images = task.wish, task.brought
    model = task.model.base
    if (
        model.facts.unsure
    ):  # it is priced as the one that it is a form of: no source has its own (docs/protocol/image.md#9-anlas-price)
        model = ImageModel.V5_FULL
    try:
        return generation_price(
            model.id,
            wish.width,
            wish.height,
            steps=wish.steps,
            n_samples=wish.n_samples,
            action=task.action.value,
            strength=wish.strength,
            inpaint_strength=wish.inpaint_strength,
            sampler=wish.sampler,
            sm=wish.sm,
            sm_dyn=wish.sm_dyn,
            vibes=len(images.vibes) or (images.vibe is not None),
            references=len(images.references),
            allowance=allowance,
        )
    except InvalidRequestError as error:
        problem = str(error)
    raise invalid(problem)


def _action(said: object, model: ImageModel) -> ImageGenerationType:
    """One of three, that the model is for."""
    for action in ImageGenerationType:
        if said == action.value and model.inpaints is (action is ImageGenerationType.INPAINTING):
            return action
    raise Refused(400, f"Model {model.id} doesn't support action {_shown(said)}")


def _shown(said: object) -> str:
    return said[:60] if isinstance(said, str) else ""


def _check_numbers(wish: Wish) -> None:
    for name, side in (("width", wish.width), ("height", wish.height)):
        if side < 64 or side % 64:
            raise invalid(f"{name} must be a multiple of 64, and at least 64")
    if wish.width * wish.height > MOST_PIXELS:
        raise invalid(f"image is too large: {wish.width * wish.height} pixels, maximum is {MOST_PIXELS}")
    for name, value, least, most in (
        ("steps", wish.steps, 1, 50),
        ("n_samples", wish.n_samples, 1, 8),
        ("seed", wish.seed, 0, MOST_SEED),
    ):
        if not least <= value <= most:
            raise invalid(f"{name} must be {least} to {most}")


def _check_texts(prompt: str, wish: Wish) -> None:
    for text in (prompt, wish.negative_prompt, *_captions(wish.v4_prompt), *_captions(wish.v4_negative_prompt)):
        if len(text) > MOST_TEXT:
            problem = f"request contains an excessively-long prompt ({len(text)} chars; max {MOST_TEXT})"
            raise invalid(problem)


def _captions(structured: Structured | None) -> Iterator[str]:
    if structured is not None:
        yield structured.caption.base_caption
        for character in structured.caption.char_captions:
            yield character.char_caption


def _check_images(images: Brought, action: ImageGenerationType) -> None:
    if action is ImageGenerationType.NORMAL:
        if images.image is not None:
            raise invalid("image is not allowed for regular generations, use img2img or infill")
        return
    if images.image is None:
        raise invalid("image is required")
    if action is ImageGenerationType.INPAINTING and images.mask is None:
        raise invalid("mask is required")


def _check_references(images: Brought, model: ImageModel) -> None:
    vibes, references = len(images.vibes) + (images.vibe is not None), len(images.references)
    if images.vibe is not None and images.vibes:
        raise invalid("reference_image and reference_image_multiple cannot be set at the same time")
    if vibes and references:
        raise invalid(
            f"cannot mix reference and director_reference at the same time, got {vibes} refs, {references} director refs"
        )
    if references and not model.family.references:
        raise Refused(400, "Error encoding v4 director references: not supported")


def _fails(wish: Wish, images: Brought, model: ImageModel) -> bool:
    """Does the service fail over it? Faults of the client that it does not look for.

    See docs/protocol/image.md#211-errors.
    """
    family = model.family
    if family.structured and (wish.v4_prompt is None or wish.v4_negative_prompt is None or wish.sm):
        return True
    if (images.vibes or images.vibe is not None) and not family.vibes:
        return True
    taken = tuple(ImageSampler) if family.generation is Generation.V3 else (*family.samplers, *family.also)
    return wish.sampler not in taken
