"""Drawing of the emulator's images: what the prompt asks for, over the images of the request.

All that the prompt leaves open comes from a random source that is seeded with the image's own metadata and the attached
images. So equal requests give equal images, a request that is rebuilt from an image gives that image again, and each sample
is the image that a request for it alone would give.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Self

from ...codecs.pixels import Pixels, read_pixels, write_jpeg
from ...errors import NaiError
from ...image.choices import ImageGenerationType
from ..seeded_random import SeededRandom
from .canvas import Canvas
from .composition import compose, find_region, make_noise, tint
from .decode import TaskImages
from .metadata import build_comment, encode_picture
from .painting import paint
from .pixel_operations import mix
from .refusals import GenerationTask
from .response import RenderedPicture
from .scaling import resize
from .scene import read_task

__all__ = ["Sample", "make_sample_rng", "render_previews"]

_PREVIEW_SCALE: Final = 4
"""Pixels of the image, each way, for one of a preview."""
_TRANSPARENT: Final = "transparent background"
_LEFT_OUT: Final = {
    ImageGenerationType.NORMAL: (),
    ImageGenerationType.IMG2IMG: ("strength", "noise"),
    ImageGenerationType.INPAINTING: ("inpaintImg2ImgStrength", "noise"),
}
"""What only decides how much of a source is kept."""


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
        pixels = _draw(task, images, rng)
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


def _draw(task: GenerationTask, images: TaskImages, rng: SeededRandom) -> Pixels:
    """Draw what the task asks for, over its source if it has one."""
    region = find_region(task, images)
    canvas = Canvas(region.width, region.height, clear=_is_transparent(task))
    paint(canvas, read_task(task), task.prompt, rng)
    return compose(tint(canvas.to_pixels(), task, images), region, task, images, rng)


def render_previews(file: bytes, rng: SeededRandom, count: int) -> list[bytes]:
    """Return so many previews of a file; none if it cannot be decoded. This is slow: call it in a `Compute`."""
    try:
        return _render_previews(read_pixels(file), rng, count)
    except NaiError:
        return []


def _render_previews(picture: Pixels, rng: SeededRandom, count: int) -> list[bytes]:
    """Return so many small JPEGs in which the image emerges from noise."""
    if not count:
        return []
    width, height = max(1, picture.width // _PREVIEW_SCALE), max(1, picture.height // _PREVIEW_SCALE)
    last = resize(picture, width, height).rgb
    noise = make_noise(len(last), rng)
    return [write_jpeg(Pixels(width, height, mix(noise, last, (step + 1) / (count + 1)))) for step in range(count)]
