"""Images of requests: each is decoded, or refused with the reason.

An image is taken as it is stored: EXIF's orientation is not applied, and of colours with 16 bits the upper 8 count. Without
Pillow, only 8-bit PNGs without palette and interlacing are decoded, and all others refused with 501. Decoding can take
seconds for a large image: call it in a `Compute`.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ...codecs.image_headers import describe_file
from ...codecs.pixels import Pixels, Plane, read_pixels
from ...errors import LimitExceeded, MissingExtra, NaiError
from ...image.image_files import image_size
from ...limits import Limits
from ..errors import Refused
from .canvas import Colour
from .pixel_operations import pick_colour
from .refusals import GenerationTask
from .request import DecodedBody, validation_error
from .scaling import resize

__all__ = ["SourceImage", "TaskImages", "decode_mask", "decode_source", "decode_task_images", "find_source"]

_LIMITS: Final = Limits()
_PLAIN_PNG: Final = "an 8-bit PNG without palette and interlacing"
_BRIGHT: Final = bytes(255 * (byte > 127) for byte in range(256))


# ---- one image


@dataclass(frozen=True, slots=True)
class SourceImage:
    """An image of a request, not yet decoded. Sizes are in pixels, as its header says."""

    data: bytes = field(repr=False)
    width: int
    height: int
    name: str
    "The field that it came in."


def find_source(body: DecodedBody, value: object, name: str) -> SourceImage:
    """Return the image that a field of the body holds, with its size.

    Args:
        body: The request's body.
        value: Value of the field; None if it is absent.
        name: Name of the field, for the error message.

    Raises:
        Refused: 400, the field is absent, or it does not hold a PNG, WebP or JPEG.
    """
    if value is None:
        raise validation_error(f"{name} is required")
    return _measure(body.decode_image(value, name), name)


def decode_source(source: SourceImage) -> Pixels:
    """Decode an image.

    Raises:
        Refused: 400, the image is damaged or too large; 501, only Pillow decodes it, and it is not installed.
    """
    name, area = source.name, source.width * source.height
    if area > _LIMITS.pixels:
        raise validation_error(f"{name} is too large: {area} pixels, maximum is {_LIMITS.pixels}")
    try:
        return read_pixels(source.data, _LIMITS)
    except MissingExtra:
        reason = f"Install Pillow (the extra 'image') to decode {name}, or send {_PLAIN_PNG}."
        refused = Refused(501, f"this emulator needs Pillow to decode {name}", reason=reason)
    except LimitExceeded as error:
        refused = validation_error(f"{name} is too large: {error.value} pixels, maximum is {error.limit}")
    except NaiError:
        shown = describe_file(source.data) or "no picture"
        reason = f"The {len(source.data)} bytes of {name} begin as {shown}, but the rest is damaged or missing."
        refused = validation_error(f"{name} is damaged", reason=reason)
    raise refused


def decode_mask(source: SourceImage) -> Plane:
    """Decode a mask: 255 where it is repainted, which is where it is bright and not transparent, and 0 elsewhere.

    What is bright has a red of more than 127. Raises what `decode_source` raises.

    See docs/protocol/image.md#53-img2img-enhance-inpaint.
    """
    pixels = decode_source(source)
    painted = pixels.data[:: pixels.channels].translate(_BRIGHT)
    if pixels.alpha is not None:
        opaque = pixels.alpha.data.translate(_BRIGHT)
        painted = (int.from_bytes(painted) & int.from_bytes(opaque)).to_bytes(len(painted))
    return Plane(pixels.width, pixels.height, painted)


def _measure(data: bytes, name: str) -> SourceImage:
    """Return the image with its size. Raises Refused, 400, if it is not a PNG, WebP or JPEG."""
    size = image_size(data)
    if size is None or 0 in size:
        shown = describe_file(data) or "no picture"
        reason = f"Send {name} as the base64 of a PNG, WebP or JPEG, without a data: prefix; this is {shown}."
        raise validation_error(f"{name} is not a PNG, WebP or JPEG", reason=reason)
    return SourceImage(data, *size, name)


# ---- the images of a generation

_VIBE_STRENGTH: Final = 0.6
"""The default."""
_FULL: Final = 1 + 1e-9
"""What the strengths of vibes add up to at most; a client that has divided them may be off in the last digit."""


@dataclass(frozen=True, slots=True)
class TaskImages:
    """The decoded images of a generation."""

    source: Pixels | None = None
    "What img2img and inpainting begin from."
    mask: Plane | None = None
    "255 where inpainting repaints, 0 elsewhere; in any size."
    looks: tuple[tuple[Colour, float], ...] = ()
    "The colour and the strength of each vibe and precise reference."
    condition: Pixels | None = None
    "The ControlNet condition."


def decode_task_images(task: GenerationTask) -> TaskImages:
    """Decode all images of a generation that are pictures. An encoded vibe is none; it has a colour that its bytes decide.

    Raises:
        Refused: 400, one is no picture, is damaged or too large; 501, only Pillow decodes it, and it is not installed.
    """
    attachments = task.attachments
    condition = attachments.condition
    return TaskImages(
        None if attachments.image is None else decode_source(_measure(attachments.image, "image")),
        None if attachments.mask is None else decode_mask(_measure(attachments.mask, "mask")),
        (*_decode_vibes(task), *_decode_references(task)),
        None if condition is None else decode_source(_measure(condition, "controlnet_condition")),
    )


def _decode_vibes(task: GenerationTask) -> Iterator[tuple[Colour, float]]:
    attachments, parameters = task.attachments, task.parameters
    name, vibes, strengths = "reference_image_multiple", attachments.vibes, parameters.reference_strength_multiple
    if attachments.vibe is not None:
        single = _VIBE_STRENGTH if parameters.reference_strength is None else parameters.reference_strength
        name, vibes, strengths = "reference_image", (attachments.vibe,), [single]
    strengths = [*strengths, *[_VIBE_STRENGTH] * len(vibes)][: len(vibes)]
    total = sum(map(abs, strengths))
    if parameters.normalize_reference_strength_multiple and len(vibes) > 1 and total > _FULL:
        strengths = [strength / total for strength in strengths]
    for vibe, strength in zip(vibes, strengths, strict=True):
        is_encoded = task.model.family.vibes == "encoded"
        yield pick_colour(vibe) if is_encoded else _find_mean(decode_source(_measure(vibe, name))), strength


def _decode_references(task: GenerationTask) -> Iterator[tuple[Colour, float]]:
    references, strengths = task.attachments.references, task.parameters.director_reference_strength_values
    for reference, strength in zip(references, [*strengths, *[1.0] * len(references)], strict=False):
        yield _find_mean(decode_source(_measure(reference, "director_reference_images"))), strength


def _find_mean(pixels: Pixels) -> Colour:
    """Return the mean colour of an image."""
    red, green, blue = resize(Pixels(pixels.width, pixels.height, pixels.rgb), 1, 1).data
    return red, green, blue
