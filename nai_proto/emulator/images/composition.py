"""How the picture that a prompt asks for, and the images of a request, become one picture.

See:
    docs/protocol/image.md#51-vibe-transfer
    docs/protocol/image.md#53-img2img-enhance-inpaint
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import shake_128
from typing import Final

from ...codecs.pixels import Pixels, Plane
from ...image.choices import ImageGenerationType
from ..seeded_random import SeededRandom
from .canvas import Colour
from .decode import TaskImages
from .pixel_operations import join_channels, make_ramp, merge, mix
from .refusals import GenerationTask
from .scaling import pick_nearest, resize

__all__ = ["Region", "compose", "find_region", "make_noise", "tint"]

_LOUDEST: Final = 0.5
"""How much of a source gives way to noise at most."""
_TINT: Final = 0.6
"""How far the strongest vibe or reference moves all colours to its own."""
_CONDITION: Final = 0.2
"""How much of a ControlNet condition shows, at a strength of 1."""
_CORRECTION: Final = 0.15
"""How far colours are corrected."""
_MEASURED: Final = 20_000
"""Pixels whose mean is taken for that of all."""


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a picture that is drawn. All are in pixels."""

    left: int
    top: int
    width: int
    height: int


def find_region(task: GenerationTask, images: TaskImages) -> Region:
    """Return the smallest rectangle around all that the mask repaints; the whole picture without a mask."""
    width, height = task.parameters.width, task.parameters.height
    if images.mask is not None and b"\xff" in images.mask.data:
        data = pick_nearest(images.mask, width, height).data
        columns = [x for x in range(width) if b"\xff" in data[x::width]]
        if columns:
            top, bottom = data.index(b"\xff") // width, data.rindex(b"\xff") // width
            return Region(columns[0], top, columns[-1] - columns[0] + 1, bottom - top + 1)
    return Region(0, 0, width, height)


def tint(drawn: Pixels, task: GenerationTask, images: TaskImages) -> Pixels:
    """Return the drawn picture in the colours of vibes and references, and with the ControlNet condition shining through."""
    for colour, strength in images.looks:
        share = _TINT * min(1.0, abs(strength))
        drawn = _map_colours(drawn, [make_ramp(middle, share) for middle in colour])
    if images.condition is not None:
        colours = _take_colours(images.condition, drawn.width, drawn.height, drawn.channels)
        share = min(1.0, _CONDITION * max(0.0, task.parameters.controlnet_strength))
        drawn = Pixels(drawn.width, drawn.height, mix(drawn.data, colours, share))
    return drawn


def compose(drawn: Pixels, region: Region, task: GenerationTask, images: TaskImages, rng: SeededRandom) -> Pixels:
    """Return the drawn picture over the request's source.

    The source, in the size of the picture, gets as much noise as ``noise`` says, and shows through as far as ``strength``
    leaves it. Inpainting changes no pixel that the mask keeps.

    Args:
        drawn: What the prompt asks for, in the size of the region.
        region: Where it belongs.
        task: The request.
        images: Its images.
        rng: Decides the noise.
    """
    if images.source is None:
        return drawn
    parameters = task.parameters
    width, height, channels = parameters.width, parameters.height, drawn.channels
    source = Pixels(width, height, _take_colours(images.source, width, height, channels))
    below = _crop(source, region)
    if parameters.color_correct:
        drawn = _correct_colours(drawn, below)
    noisy = below.data
    if parameters.noise:
        noisy = mix(noisy, make_noise(len(noisy), rng), _LOUDEST * parameters.noise)
    if task.action is ImageGenerationType.IMG2IMG:
        return Pixels(width, height, mix(noisy, drawn.data, parameters.strength))
    data = mix(noisy, drawn.data, parameters.inpaint_strength)
    if images.mask is not None:
        mask = _crop_plane(pick_nearest(images.mask, width, height), region)
        data = merge(below.data, data, join_channels(*[mask] * channels).data)
    return _paste(source, data, region)


def make_noise(size: int, rng: SeededRandom) -> bytes:
    """Return so many bytes of noise."""
    return shake_128(str(rng.fork("noise").uniform()).encode()).digest(size)


def _take_colours(image: Pixels, width: int, height: int, channels: int) -> bytes:
    """Return the image in this size, without alpha, or opaque if there are four channels."""
    resized = resize(Pixels(image.width, image.height, image.rgb), width, height)
    return resized.with_alpha(b"\xff" * resized.area).data if channels == 4 else resized.data


def _correct_colours(drawn: Pixels, source: Pixels) -> Pixels:
    """Return the picture with its mean colour moved towards that of the source."""
    own, wanted = _measure_colour(drawn), _measure_colour(source)
    shifts = [_CORRECTION * (goal - value) for value, goal in zip(own, wanted, strict=True)]
    tables = [bytes(min(255, max(0, round(value + shift))) for value in range(256)) for shift in shifts]
    return _map_colours(drawn, tables)


def _measure_colour(pixels: Pixels) -> Colour:
    """Return the mean colour of pixels all over the image."""
    step = pixels.channels * (1 + pixels.area // _MEASURED)
    samples = [pixels.data[channel::step] for channel in range(3)]
    red, green, blue = (sum(sample) // len(sample) for sample in samples)
    return red, green, blue


def _map_colours(pixels: Pixels, tables: Sequence[bytes]) -> Pixels:
    """Return the image with each colour channel replaced by its entries in a table of 256 bytes."""
    out = bytearray(pixels.data)
    for channel, table in enumerate(tables):
        out[channel :: pixels.channels] = pixels.data[channel :: pixels.channels].translate(table)
    return Pixels(pixels.width, pixels.height, bytes(out))


def _crop(pixels: Pixels, region: Region) -> Pixels:
    return Pixels(region.width, region.height, _cut(pixels.data, pixels.width, pixels.channels, region))


def _crop_plane(plane: Plane, region: Region) -> Plane:
    return Plane(region.width, region.height, _cut(plane.data, plane.width, 1, region))


def _cut(data: bytes, width: int, channels: int, region: Region) -> bytes:
    if region.width == width:
        return data[channels * width * region.top :][: channels * width * region.height]
    starts = (channels * (width * y + region.left) for y in range(region.top, region.top + region.height))
    return b"".join([data[at : at + channels * region.width] for at in starts])


def _paste(pixels: Pixels, part: bytes, region: Region) -> Pixels:
    """Return the image with a part of it replaced."""
    channels, row = pixels.channels, pixels.channels * region.width
    out = bytearray(pixels.data)
    for y in range(region.height):
        at = channels * (pixels.width * (region.top + y) + region.left)
        out[at : at + row] = part[y * row : (y + 1) * row]
    return Pixels(pixels.width, pixels.height, bytes(out))
