"""How the picture that a prompt asks for, and the source image of a request, become one picture.

See docs/protocol/image.md#53-img2img-enhance-inpaint.
"""

from __future__ import annotations

from hashlib import shake_128
from typing import Final

from ...codecs.pixels import Pixels
from ...image.choices import ImageGenerationType
from ..seeded_random import SeededRandom
from .decode import TaskImages
from .pixel_operations import join_channels, merge, mix
from .refusals import GenerationTask
from .scaling import pick_nearest, resize

__all__ = ["compose", "make_noise"]

_LOUDEST: Final = 0.5
"""How much of a source gives way to noise at most."""


def compose(drawn: Pixels, task: GenerationTask, images: TaskImages, rng: SeededRandom) -> Pixels:
    """Return the drawn picture over the request's source.

    The source, in the size of the picture, gets as much noise as ``noise`` says, and shows through as far as ``strength``
    leaves it. Inpainting changes no pixel that the mask keeps.

    Args:
        drawn: The picture that the prompt asks for.
        task: The request.
        images: Its images.
        rng: Decides the noise.
    """
    if images.source is None:
        return drawn
    parameters, (width, height) = task.parameters, (drawn.width, drawn.height)
    source = resize(Pixels(images.source.width, images.source.height, images.source.rgb), width, height)
    below = source.with_alpha(b"\xff" * source.area).data if drawn.channels == 4 else source.data
    noisy = mix(below, make_noise(len(below), rng), _LOUDEST * parameters.noise) if parameters.noise else below
    if task.action is ImageGenerationType.IMG2IMG:
        return Pixels(width, height, mix(noisy, drawn.data, parameters.strength))
    data = mix(noisy, drawn.data, parameters.inpaint_strength)
    if images.mask is not None:
        mask = pick_nearest(images.mask, width, height)
        data = merge(below, data, join_channels(*[mask] * drawn.channels).data)
    return Pixels(width, height, data)


def make_noise(size: int, rng: SeededRandom) -> bytes:
    """Return so many bytes of noise."""
    return shake_128(str(rng.fork("noise").uniform()).encode()).digest(size)
