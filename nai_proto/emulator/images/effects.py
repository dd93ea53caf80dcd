"""What each director tool and each annotator makes of a picture: a look of its own, always the same of the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ...codecs.pixels import Pixels, Plane
from ...image.tools import Annotator, DirectorTool
from .raster import merged
from .retouching import (
    apart,
    blended,
    colourful,
    edges,
    far_from_corner,
    grey,
    mapped,
    slopes,
    smoothed,
    together,
)

__all__ = ["ANNOTATIONS", "EFFECTS", "WEAKEST", "Told"]

WEAKEST: Final = 5
"""What ``defry`` may be at most.

See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool is told beside its picture."""

    prompt: str = ""
    defry: int = 0


def _table(of: Callable[[int], float]) -> bytes:
    return bytes(min(255, max(0, round(of(value)))) for value in range(256))


_NEGATIVE: Final = _table(lambda value: 255 - value)
_INK: Final = _table(lambda value: 255 - 4 * value)
_CHALK: Final = _table(lambda value: 4 * value)
_PALE: Final = _table(lambda value: 128 + value / 2)
_OPAQUE: Final = _table(lambda value: 8 * (value - 12))
_LIGHT: Final = _table(lambda value: 255 * (value >= 232))
_LINES: Final = _table(lambda value: 255 * (value >= 24))
_FAINT: Final = _table(lambda value: 255 * (value >= 8))
_STEEP: Final = _table(lambda value: 128 + 6 * (value - 128))
_STRONG: Final = _table(lambda value: 255 * (value >= 64))
_STEPS: Final = _table(lambda value: value // 64 * 80)
_SOFT: Final = 3
"""How far smoothing reaches: 7 pixels."""


def _lineart(picture: Pixels, _: Told) -> list[Pixels]:
    return [together(mapped(edges(grey(picture)), _INK))]


def _sketch(picture: Pixels, _: Told) -> list[Pixels]:
    light = grey(picture)
    return [together(blended(mapped(edges(smoothed(light, 1)), _INK), mapped(light, _PALE)))]


def _colorize(picture: Pixels, told: Told) -> list[Pixels]:
    """From black by way of a colour, which the words choose, to white."""
    light, part = grey(picture), _part(told)
    return [together(*(mapped(light, _ramp(middle, part)) for middle in colourful(told.prompt)))]


def _emotion(picture: Pixels, told: Told) -> list[Pixels]:
    """Every colour is drawn to one, which the mood chooses; the more the less ``defry``."""
    part = _part(told) / 3
    drawn = zip(apart(picture), colourful(told.prompt), strict=True)
    return [together(*(mapped(plane, _drawn(to, part)) for plane, to in drawn))]


def _declutter(picture: Pixels, _: Told) -> list[Pixels]:
    return [together(*(smoothed(plane, _SOFT) for plane in apart(picture)))]


def _declutter_keep_bubbles(picture: Pixels, _: Told) -> list[Pixels]:
    """What is as light as a bubble stays."""
    bubbles = mapped(grey(picture), _LIGHT).data
    own = apart(picture)
    kept = (merged(smoothed(plane, _SOFT).data, plane.data, bubbles) for plane in own)
    return [together(*(Plane(picture.width, picture.height, data) for data in kept))]


def _bg_removal(picture: Pixels, _: Told) -> list[Pixels]:
    """Masked, generated, blend: what has the colour of the first pixel becomes transparent.

    See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
    """
    alpha = mapped(far_from_corner(picture), _OPAQUE)
    own = apart(picture)
    drawn = [smoothed(plane, 1) for plane in own]
    mixed = [blended(*pair) for pair in zip(own, drawn, strict=True)]
    return [together(*own, alpha), together(*drawn, smoothed(alpha, 1)), together(*mixed, alpha)]


def _part(told: Told) -> float:
    return 1 - told.defry / (WEAKEST + 1)


def _ramp(middle: int, part: float) -> bytes:
    def of(value: int) -> float:
        full = middle * value / 128 if value < 128 else middle + (255 - middle) * (value - 128) / 127
        return value + part * (full - value)

    return _table(of)


def _drawn(to: int, part: float) -> bytes:
    return _table(lambda value: value + part * (to - value))


EFFECTS: Final[Mapping[DirectorTool, Callable[[Pixels, Told], list[Pixels]]]] = {
    DirectorTool.BG_REMOVAL: _bg_removal,
    DirectorTool.LINEART: _lineart,
    DirectorTool.SKETCH: _sketch,
    DirectorTool.COLORIZE: _colorize,
    DirectorTool.EMOTION: _emotion,
    DirectorTool.DECLUTTER: _declutter,
    DirectorTool.DECLUTTER_KEEP_BUBBLES: _declutter_keep_bubbles,
}
"""RGBA from background removal, which gives three; RGB from all others, which give one."""


# ---- annotators


def _hed(light: Plane) -> list[Pixels]:
    return [together(mapped(edges(smoothed(light, 1)), _CHALK))]


def _midas(light: Plane) -> list[Pixels]:
    """Depth, and normals: what is light is near."""
    near = smoothed(light, _SOFT)
    up = Plane(light.width, light.height, b"\xff" * len(light.data))
    return [together(near), together(*(mapped(each, _STEEP) for each in slopes(near)), up)]


def _fake_scribble(light: Plane) -> list[Pixels]:
    return [together(mapped(edges(smoothed(light, _SOFT)), _FAINT))]


def _mlsd(light: Plane) -> list[Pixels]:
    return [together(mapped(edges(light), _STRONG))]


def _uniformer(light: Plane) -> list[Pixels]:
    steps = mapped(smoothed(light, _SOFT), _STEPS)
    return [together(steps, mapped(steps, _NEGATIVE), mapped(smoothed(steps, 1), _STEPS))]


def _openpose(light: Plane) -> list[Pixels]:
    steps = mapped(smoothed(light, _SOFT), _STEPS)
    return [together(*(mapped(each, _LINES) for each in (edges(steps), edges(light), edges(smoothed(light, 1)))))]


def _canny(light: Plane) -> list[Pixels]:
    return [together(mapped(edges(light), _LINES))]


ANNOTATIONS: Final[Mapping[Annotator, Callable[[Plane], list[Pixels]]]] = {
    Annotator.HED: _hed,
    Annotator.MIDAS: _midas,
    Annotator.FAKE_SCRIBBLE: _fake_scribble,
    Annotator.MLSD: _mlsd,
    Annotator.UNIFORMER: _uniformer,
    Annotator.OPENPOSE: _openpose,
    Annotator.CANNY: _canny,
}
"""Of how light each pixel is; RGB."""
