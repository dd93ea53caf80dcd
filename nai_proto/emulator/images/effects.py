"""The effects of director tools and annotators: each visible, quick, and always the same for the same image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...codecs.pixels import Pixels, Plane
from ...image.tools import Annotator, DirectorTool
from .background import cut_out
from .pixel_operations import (
    average,
    compute_slopes,
    detect_edges,
    join_channels,
    make_ramp,
    make_table,
    map_values,
    merge,
    pick_colour,
    smooth,
    split_channels,
    to_grey,
)
from .words import COLOURS

__all__ = ["ANNOTATIONS", "EFFECTS", "MAX_DEFRY", "ToolOptions"]

MAX_DEFRY: Final = 5
"""Maximum of ``defry``, which weakens an effect.

See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
"""


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """Options of a director tool."""

    prompt: str = field(default="", repr=False)
    defry: int = 0


_NEGATIVE: Final = make_table(lambda value: 255 - value)
_INK: Final = make_table(lambda value: 255 - 4 * value)
_CHALK: Final = make_table(lambda value: 4 * value)
_PALE: Final = make_table(lambda value: 128 + value / 2)
_LIGHT: Final = make_table(lambda value: 255 * (value >= 232))
_LINES: Final = make_table(lambda value: 255 * (value >= 24))
_FAINT: Final = make_table(lambda value: 255 * (value >= 8))
_STEEP: Final = make_table(lambda value: 128 + 6 * (value - 128))
_STRONG: Final = make_table(lambda value: 255 * (value >= 64))
_STEPS: Final = make_table(lambda value: value // 64 * 80)
_SMOOTHING_STEPS: Final = 3
"""Steps of `smooth`: it reaches 7 pixels."""


# ---- director tools


def _lineart(picture: Pixels, _: ToolOptions) -> list[Pixels]:
    return [join_channels(map_values(detect_edges(to_grey(picture)), _INK))]


def _sketch(picture: Pixels, _: ToolOptions) -> list[Pixels]:
    light = to_grey(picture)
    return [join_channels(average(map_values(detect_edges(smooth(light, 1)), _INK), map_values(light, _PALE)))]


def _colorize(picture: Pixels, options: ToolOptions) -> list[Pixels]:
    """Colour the image from black through a colour that the prompt decides to white."""
    light, strength = to_grey(picture), _effect_strength(options)
    return [join_channels(*(map_values(light, make_ramp(middle, strength)) for middle in _pick_colour(options.prompt)))]


def _emotion(picture: Pixels, options: ToolOptions) -> list[Pixels]:
    """Shift all colours towards one that the emotion decides; the higher ``defry``, the less."""
    strength = _effect_strength(options) / 3
    pairs = zip(split_channels(picture), _pick_colour(options.prompt), strict=True)
    return [join_channels(*(map_values(plane, _make_shift(target, strength)) for plane, target in pairs))]


def _declutter(picture: Pixels, _: ToolOptions) -> list[Pixels]:
    return [join_channels(*(smooth(plane, _SMOOTHING_STEPS) for plane in split_channels(picture)))]


def _declutter_keep_bubbles(picture: Pixels, _: ToolOptions) -> list[Pixels]:
    """Keep all pixels that are as light as a speech bubble, and smooth the others."""
    bubbles = map_values(to_grey(picture), _LIGHT).data
    channels = split_channels(picture)
    kept = (merge(smooth(plane, _SMOOTHING_STEPS).data, plane.data, bubbles) for plane in channels)
    return [join_channels(*(Plane(picture.width, picture.height, data) for data in kept))]


def _bg_removal(picture: Pixels, _: ToolOptions) -> list[Pixels]:
    """Make the ground transparent, and return masked, generated and blend.

    See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
    """
    alpha = cut_out(picture)
    channels = split_channels(picture)
    generated = [smooth(plane, 1) for plane in channels]
    blend = [average(*pair) for pair in zip(channels, generated, strict=True)]
    return [join_channels(*channels, alpha), join_channels(*generated, smooth(alpha, 1)), join_channels(*blend, alpha)]


def _pick_colour(text: str) -> tuple[int, int, int]:
    """Return the first colour that the text names; of another text, one that is always the same."""
    named = [COLOURS[word] for word in text.lower().replace(",", " ").split() if word in COLOURS]
    return named[0] if named else pick_colour(text.encode("utf-8", "surrogatepass"))


def _effect_strength(options: ToolOptions) -> float:
    """Return how strong the effect is, from 1 / 6 to 1."""
    return 1 - options.defry / (MAX_DEFRY + 1)


def _make_shift(target: int, strength: float) -> bytes:
    """Return the table that moves all values towards ``target``, at this strength."""
    return make_table(lambda value: value + strength * (target - value))


EFFECTS: Final[Mapping[DirectorTool, Callable[[Pixels, ToolOptions], list[Pixels]]]] = {
    DirectorTool.BG_REMOVAL: _bg_removal,
    DirectorTool.LINEART: _lineart,
    DirectorTool.SKETCH: _sketch,
    DirectorTool.COLORIZE: _colorize,
    DirectorTool.EMOTION: _emotion,
    DirectorTool.DECLUTTER: _declutter,
    DirectorTool.DECLUTTER_KEEP_BUBBLES: _declutter_keep_bubbles,
}
"""Functions from an image to the images of a tool: three in RGBA for background removal, one in RGB for all others."""


# ---- annotators


def _hed(light: Plane) -> list[Pixels]:
    return [join_channels(map_values(detect_edges(smooth(light, 1)), _CHALK))]


def _midas(light: Plane) -> list[Pixels]:
    """Return depth and normals, as if light pixels were near."""
    near = smooth(light, _SMOOTHING_STEPS)
    up = Plane(light.width, light.height, b"\xff" * len(light.data))
    return [join_channels(near), join_channels(*(map_values(each, _STEEP) for each in compute_slopes(near)), up)]


def _fake_scribble(light: Plane) -> list[Pixels]:
    return [join_channels(map_values(detect_edges(smooth(light, _SMOOTHING_STEPS)), _FAINT))]


def _mlsd(light: Plane) -> list[Pixels]:
    return [join_channels(map_values(detect_edges(light), _STRONG))]


def _uniformer(light: Plane) -> list[Pixels]:
    steps = map_values(smooth(light, _SMOOTHING_STEPS), _STEPS)
    return [join_channels(steps, map_values(steps, _NEGATIVE), map_values(smooth(steps, 1), _STEPS))]


def _openpose(light: Plane) -> list[Pixels]:
    steps = map_values(smooth(light, _SMOOTHING_STEPS), _STEPS)
    edges = (detect_edges(plane) for plane in (steps, light, smooth(light, 1)))
    return [join_channels(*(map_values(plane, _LINES) for plane in edges))]


def _canny(light: Plane) -> list[Pixels]:
    return [join_channels(map_values(detect_edges(light), _LINES))]


ANNOTATIONS: Final[Mapping[Annotator, Callable[[Plane], list[Pixels]]]] = {
    Annotator.HED: _hed,
    Annotator.MIDAS: _midas,
    Annotator.FAKE_SCRIBBLE: _fake_scribble,
    Annotator.MLSD: _mlsd,
    Annotator.UNIFORMER: _uniformer,
    Annotator.OPENPOSE: _openpose,
    Annotator.CANNY: _canny,
}
"""Functions from the brightness of an image to the images of an annotator, in RGB."""
