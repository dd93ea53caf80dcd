"""Drawing of the emulator's images: a landscape of sky, discs and hills, in cells of 8 × 8 pixels.

All shapes and colours come from a random source that is seeded with the image's own metadata and the attached images. So
equal requests give equal images, a request that is rebuilt from an image gives that image again, and each sample is the
image that a request for it alone would give.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass, field
from hashlib import blake2b
from math import sin, tau
from typing import Final, Self

from ...codecs.pixels import Pixels, read_pixels, write_jpeg
from ...errors import NaiError
from ...image.choices import ImageGenerationType
from ..seeded_random import SeededRandom
from .composition import compose, make_noise
from .decode import TaskImages
from .metadata import build_comment, encode_picture
from .pixel_operations import mix
from .refusals import GenerationTask
from .response import RenderedPicture
from .scaling import resize, scale_up

__all__ = ["Sample", "make_sample_rng", "render_previews"]

_CELL_SIDE: Final = 8
"""Width and height in pixels of a cell, which has one colour."""
_PREVIEW_SCALE: Final = 32
"""Pixels of the image, each way, for one cell of a preview."""
_TRANSPARENT: Final = "transparent background"
_LEFT_OUT: Final = {
    ImageGenerationType.NORMAL: (),
    ImageGenerationType.IMG2IMG: ("strength", "noise"),
    ImageGenerationType.INPAINTING: ("inpaintImg2ImgStrength", "noise"),
}
"""What only decides how much of a source is kept."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One rendered sample of a generation, not yet encoded as a file."""

    task: GenerationTask
    index: int
    "Which sample of the task it is, from 0."
    pixels: Pixels
    rng: SeededRandom
    previews: Sequence[bytes] = field(repr=False)
    "JPEGs in which the image emerges from noise."

    @classmethod
    def render(cls, task: GenerationTask, images: TaskImages, index: int, preview_count: int = 0) -> Self:
        """Render a sample of the task, with so many previews. This is slow: call it in a `Compute`."""
        rng = make_sample_rng(task, index)
        pixels = compose(_draw(task, rng), task, images, rng)
        return cls(task, index, pixels, rng, _render_previews(pixels, rng, preview_count))

    def encode(self) -> RenderedPicture:
        """Encode the image as a file of the requested format. This is slow: call it in a `Compute`."""
        task = self.task
        data = encode_picture(task, self.index, self.pixels, self.rng, keep_alpha=_is_transparent(task))
        return RenderedPicture(data, task.parameters.image_format, task.parameters.seed + self.index)


def make_sample_rng(task: GenerationTask, index: int) -> SeededRandom:
    """Return the random source of one sample.

    It is seeded with all metadata of the sample and with all attached images, except for the number of samples and for how
    much of a source is kept: so the picture itself stays the same while more or less of it shows.
    """
    attachments = task.attachments
    comment = {**build_comment(task, index), **dict.fromkeys(_LEFT_OUT[task.action]), "n_samples": 1}
    digest = blake2b(json.dumps((task.model.id, comment)).encode(), person=b"picture")
    for image in (attachments.image, attachments.mask, attachments.condition, *attachments.references):
        digest.update(blake2b(image or b"").digest())
    return SeededRandom(digest.digest())


def _is_transparent(task: GenerationTask) -> bool:
    """Return whether the image has no background. Only V5 can do that.

    See docs/protocol/image.md#57-v5-particulars.
    """
    is_requested = task.parameters.tag_hint_transparent_background or _TRANSPARENT in task.prompt.lower()
    return task.model.family.transparency and is_requested


def _draw(task: GenerationTask, rng: SeededRandom) -> Pixels:
    """Draw what the task asks for, whatever its source is."""
    width, height = task.parameters.width // _CELL_SIDE, task.parameters.height // _CELL_SIDE
    return scale_up(_render_landscape(width, height, rng, clear=_is_transparent(task)), _CELL_SIDE)


def render_previews(file: bytes, rng: SeededRandom, count: int) -> list[bytes]:
    """Return so many previews of a file; none if it cannot be decoded. This is slow: call it in a `Compute`."""
    try:
        return _render_previews(read_pixels(file), rng, count)
    except NaiError:
        return []


def _render_previews(picture: Pixels, rng: SeededRandom, count: int) -> list[bytes]:
    """Return so many small JPEGs in which the image emerges from noise."""
    width, height = max(1, picture.width // _PREVIEW_SCALE), max(1, picture.height // _PREVIEW_SCALE)
    last = resize(picture, width, height).rgb
    noise = make_noise(len(last), rng)
    steps = (mix(noise, last, (step + 1) / (count + 1)) for step in range(count))
    return [write_jpeg(scale_up(Pixels(width, height, step), _CELL_SIDE)) for step in steps]


def _render_landscape(width: int, height: int, rng: SeededRandom, *, clear: bool = False) -> Pixels:
    """Render a small landscape in RGBA. The time is proportional to the number of pixels.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        rng: Decides all shapes and colours.
        clear: Whether the sky is transparent.
    """
    data = _draw_sky(width, height, rng, clear=clear)
    for _ in range(2 + int(4 * rng.uniform())):
        _draw_disc(data, width, height, rng)
    layers = 2 + int(3 * rng.uniform())
    hue, turn = rng.uniform(), 0.2 * rng.uniform()
    for layer in range(layers):
        colour = _to_rgb(hue + layer * turn, 0.3 + 0.5 * rng.uniform(), 0.75 - 0.5 * layer / layers)
        _draw_hills(data, width, height, 0.5 + 0.4 * layer / layers, colour, rng)
    return Pixels(width, height, bytes(data))


def _draw_sky(width: int, height: int, rng: SeededRandom, *, clear: bool) -> bytearray:
    hue = rng.uniform()
    top = _to_rgb(hue, 0.5 + 0.4 * rng.uniform(), 0.3 + 0.6 * rng.uniform())
    low = _to_rgb(hue + 0.4 * rng.uniform() - 0.2, 0.2 + 0.4 * rng.uniform(), 0.7 + 0.3 * rng.uniform())
    data = bytearray()
    for y in range(height):
        share = y / height
        colour = (round(a + (b - a) * share) for a, b in zip(top, low, strict=True))
        data += bytes((*colour, 0 if clear else 255)) * width
    return data


def _draw_disc(data: bytearray, width: int, height: int, rng: SeededRandom) -> None:
    colour = bytes((*_to_rgb(rng.uniform(), 0.5 * rng.uniform(), 1.0), 255))
    x, y = width * rng.uniform(), 0.7 * height * rng.uniform()
    radius = min(width, height) * (0.04 + 0.16 * rng.uniform())
    for row in range(max(0, round(y - radius)), min(height, round(y + radius) + 1)):
        reach = max(0.0, radius**2 - (row - y) ** 2) ** 0.5
        first, last = max(0, round(x - reach)), min(width, round(x + reach))
        if first < last:
            at = 4 * (row * width + first)
            data[at : at + 4 * (last - first)] = colour * (last - first)


def _draw_hills(data: bytearray, width: int, height: int, level: float, colour: Colour, rng: SeededRandom) -> None:
    waves = [(0.06 / (n + 1), (n + 1) * (0.5 + rng.uniform()), tau * rng.uniform()) for n in range(3)]
    stride = 4 * width
    for x in range(width):
        offset = sum(size * sin(tau * frequency * x / width + phase) for size, frequency, phase in waves)
        top = min(height, max(0, round(height * (level + offset))))
        for channel, value in enumerate((*colour, 255)):
            data[top * stride + 4 * x + channel :: stride] = bytes((value,)) * (height - top)


def _to_rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
