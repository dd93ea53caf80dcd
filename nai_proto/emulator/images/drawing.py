"""What the emulator draws: a landscape of a sky, something round in it, and hills, in cells of 8 × 8 pixels.

Colours and shapes come from chance alone, and chance from what the picture says of itself and from the images that it is
made of. So equal requests are equal pictures, a request that is rebuilt from a picture gives it again, and a sample is what
the request for it alone would give.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

import json
from colorsys import hsv_to_rgb
from hashlib import blake2b, shake_128
from math import sin, tau
from typing import Final

from ...codecs.jpeg import write_jpeg
from ...codecs.pixels import Pixels
from ...image.choices import ImageGenerationType
from ..chance import Chance
from .checks import Task
from .comment import comment
from .raster import CELL, as_mask, enlarged, merged, mixed, sampled
from .sources import grey_of, pixels_of

__all__ = ["drawn", "landscape", "luck", "previews", "transparent"]

_SMALLER: Final = 32  # a cell of a preview for so many pixels each way
_TRANSPARENT: Final = "transparent background"

Colour = tuple[int, int, int]


def luck(task: Task, sample: int) -> Chance:
    """The chance of one sample: all that the picture will say of itself, but how many others there are; and all images."""
    images = task.brought
    said = {**comment(task, sample), "n_samples": 1}
    digest = blake2b(json.dumps((task.model.id, said)).encode(), person=b"picture")
    for image in (images.image, images.mask, images.condition, *images.references):
        digest.update(blake2b(image or b"").digest())
    return Chance(digest.digest())


def transparent(task: Task) -> bool:
    """Is there to be no background? Only V5 can do that.

    See docs/protocol/image.md#57-v5-particulars.
    """
    asked = task.wish.tag_hint_transparent_background or _TRANSPARENT in task.prompt.lower()
    return task.model.family.transparency and asked


def drawn(task: Task, chance: Chance) -> Pixels:
    """A picture of the size that is asked for, in RGBA.

    Of a source that can be read as much is seen as ``strength`` leaves; and all of it where a mask is black.
    """
    wish = task.wish
    width, height = wish.width, wish.height
    picture = enlarged(landscape(width // CELL, height // CELL, chance, clear=transparent(task)))
    inside = task.action is ImageGenerationType.INPAINTING
    source = None if task.brought.image is None else pixels_of(task.brought.image)
    if source is None:
        return picture
    if (source.width, source.height) == (width, height):
        below = source.with_alpha(b"\xff" * source.area).data
    else:
        cells = sampled(source, width // CELL, height // CELL)
        below = enlarged(cells.with_alpha(b"\xff" * cells.area)).data
    data = mixed(below, picture.data, wish.inpaint_strength if inside else wish.strength)
    mask = grey_of(task.brought.mask) if inside and task.brought.mask is not None else None
    if mask is not None:
        data = merged(below, data, as_mask(mask, width, height))
    return Pixels(width, height, data)


def previews(picture: Pixels, chance: Chance, count: int) -> list[bytes]:
    """So many small JPEGs in which the picture comes out of noise."""
    width, height = picture.width // _SMALLER, picture.height // _SMALLER
    last = sampled(picture, width, height).rgb
    noise = shake_128(str(chance.fork("noise").uniform()).encode()).digest(len(last))
    steps = (mixed(noise, last, (step + 1) / (count + 1)) for step in range(count))
    return [write_jpeg(Pixels(width, height, step)) for step in steps]


def landscape(width: int, height: int, chance: Chance, *, clear: bool = False) -> Pixels:
    """A picture in RGBA, small enough for a step per pixel.

    Args:
        width: in pixels.
        height: likewise.
        chance: decides all of it.
        clear: without its sky.
    """
    data = _sky(width, height, chance, clear=clear)
    for _ in range(2 + int(4 * chance.uniform())):
        _disc(data, width, height, chance)
    layers = 2 + int(3 * chance.uniform())
    hue, turn = chance.uniform(), 0.2 * chance.uniform()
    for layer in range(layers):
        colour = _colour(hue + layer * turn, 0.3 + 0.5 * chance.uniform(), 0.75 - 0.5 * layer / layers)
        _hills(data, width, height, 0.5 + 0.4 * layer / layers, colour, chance)
    return Pixels(width, height, bytes(data))


def _sky(width: int, height: int, chance: Chance, *, clear: bool) -> bytearray:
    hue = chance.uniform()
    top = _colour(hue, 0.5 + 0.4 * chance.uniform(), 0.3 + 0.6 * chance.uniform())
    low = _colour(hue + 0.4 * chance.uniform() - 0.2, 0.2 + 0.4 * chance.uniform(), 0.7 + 0.3 * chance.uniform())
    data = bytearray()
    for y in range(height):
        share = y / height
        colour = (round(a + (b - a) * share) for a, b in zip(top, low, strict=True))
        data += bytes((*colour, 0 if clear else 255)) * width
    return data


def _disc(data: bytearray, width: int, height: int, chance: Chance) -> None:
    colour = bytes((*_colour(chance.uniform(), 0.5 * chance.uniform(), 1.0), 255))
    x, y = width * chance.uniform(), 0.7 * height * chance.uniform()
    radius = min(width, height) * (0.04 + 0.16 * chance.uniform())
    for row in range(max(0, round(y - radius)), min(height, round(y + radius) + 1)):
        reach = max(0.0, radius**2 - (row - y) ** 2) ** 0.5
        first, last = max(0, round(x - reach)), min(width, round(x + reach))
        if first < last:
            at = 4 * (row * width + first)
            data[at : at + 4 * (last - first)] = colour * (last - first)


def _hills(data: bytearray, width: int, height: int, level: float, colour: Colour, chance: Chance) -> None:
    waves = [(0.06 / (n + 1), (n + 1) * (0.5 + chance.uniform()), tau * chance.uniform()) for n in range(3)]
    stride = 4 * width
    for x in range(width):
        up = sum(size * sin(tau * often * x / width + start) for size, often, start in waves)
        top = min(height, max(0, round(height * (level + up))))
        for channel, value in enumerate((*colour, 255)):
            data[top * stride + 4 * x + channel :: stride] = bytes((value,)) * (height - top)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
