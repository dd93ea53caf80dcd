"""A scene painted: the backdrop, things on the land, figures in front of them, the weather, and words.

The scene decides what is drawn, and the random source how: colours that the prompt leaves open, sizes, and small things.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from typing import Final

from ..seeded_random import SeededRandom
from .backdrop import BACKDROPS, draw_backdrop, draw_weather
from .canvas import Canvas, Colour, Frame
from .caption import draw_caption, draw_words, measure_caption
from .figures import FIGURES
from .scene import BODY, Scene, Subject
from .things import THINGS

__all__ = ["paint"]

_DRAWN: Final = {**FIGURES, **THINGS}
_FAR: Final = frozenset(("house", "castle", "tower", "tree", "ship"))
"""What stands farther away."""
_FLYING: Final = {"butterfly": 0.5, "heart": 0.45, "fish": 0.85}
"""Where the lower end is of what does not stand on the ground, as a part of the height."""
_GROUND: Final = 0.97
_FAR_GROUND: Final = 0.8
_PLACED_SIZE: Final = 0.7
"""How much of their size figures have that were placed."""
_CROWDED: Final = 1.1
"""How much of its room across a figure may take beside others."""
_WIDEST: Final = 0.9
"""How much of the picture's width a figure may take."""
_FURS: Final = ((225, 150, 70), (150, 145, 150), (120, 85, 60), (245, 240, 230), (80, 75, 85))
_CLOTHES: Final = ((90, 120, 200), (200, 90, 110), (90, 160, 130), (150, 110, 180), (220, 160, 80), (80, 90, 110))
_OWN: Final[dict[str, Sequence[Colour]]] = {
    "person": _CLOTHES,
    "cat": _FURS,
    "dog": _FURS,
    "rabbit": _FURS,
    "bird": ((250, 250, 250), (90, 120, 190), (200, 90, 70), (100, 90, 85)),
    "fish": ((245, 140, 50), (90, 150, 210), (200, 90, 110)),
    "dragon": ((60, 140, 80), (150, 50, 60), (80, 80, 150)),
    "butterfly": ((240, 150, 50), (100, 110, 220), (220, 100, 170)),
    "robot": ((165, 175, 185), (190, 160, 110), (120, 140, 160)),
    "tree": ((60, 140, 70), (90, 150, 60), (50, 120, 80)),
    "flower": ((230, 80, 110), (240, 170, 60), (170, 100, 210), (250, 245, 240)),
    "mushroom": ((205, 50, 45), (190, 130, 80)),
    "house": ((225, 205, 170), (205, 180, 190), (190, 205, 210)),
    "castle": ((175, 175, 185), (190, 175, 160)),
    "tower": ((245, 240, 232), (200, 195, 190)),
    "ship": ((120, 80, 50), (90, 70, 90)),
    "car": ((205, 60, 55), (70, 110, 190), (225, 190, 70)),
    "sword": ((200, 205, 215),),
    "book": ((130, 60, 70), (60, 90, 130), (70, 110, 80)),
    "heart": ((225, 50, 75),),
    "apple": ((210, 45, 45), (120, 180, 70)),
    "sign": ((240, 232, 210),),
}
"""Colours of what the prompt gives none; one of them is taken."""


@dataclass(frozen=True, slots=True)
class _View:
    """The part of a canvas above the caption. Sizes are in pixels."""

    canvas: Canvas
    width: int
    height: int
    scale: float
    "How much of their size figures have, so that words have room above them."


def paint(canvas: Canvas, scene: Scene, text: str, rng: SeededRandom) -> None:
    """Paint a scene.

    Args:
        canvas: What to paint on.
        scene: What the prompt asks for.
        text: The prompt, for the caption.
        rng: Decides all that the prompt leaves open.
    """
    draw_backdrop(canvas, scene, rng.fork("backdrop"))
    view = _View(
        canvas, canvas.width, canvas.height - measure_caption(canvas.width, canvas.height), 0.78 if scene.text else 1.0
    )
    single = [each for each in scene.subjects for _ in range(each.count) if each.kind in _DRAWN]
    far = [each for each in single if each.kind in _FAR and each.place is None]
    near = [each for each in single if each.kind not in _FAR and each.place is None]
    if not single and not any(each.kind in BACKDROPS for each in scene.subjects):
        _draw_discs(view, scene, rng.fork("discs"))
    _draw_row(view, far, _FAR_GROUND if near else _GROUND - 0.05, rng.fork("far"), beside=len(far) == 1 and bool(near))
    _draw_row(view, near, _GROUND, rng.fork("near"))
    placed = [each for each in single if each.place is not None]
    for at, subject in enumerate(placed):
        _draw_placed(view, subject, rng.fork(f"placed {at}"))
    draw_weather(canvas, scene, rng.fork("weather"))
    if scene.text:
        _draw_sign(view, scene, single)
    draw_caption(canvas, text)


def _draw_row(
    view: _View, subjects: Sequence[Subject], ground: float, rng: SeededRandom, *, beside: bool = False
) -> None:
    """Draw subjects side by side, or a single one at a side, that they stand on a line."""
    room = view.width / max(1, len(subjects))
    for at, subject in enumerate(subjects):
        own = rng.fork(at)
        _, height, shape = _DRAWN[subject.kind]
        height *= view.scale * view.height * (0.9 + 0.15 * own.uniform())
        width = min(height * shape, _CROWDED * room, _WIDEST * view.width)
        height = width / shape
        middle = room * (at + 0.5 + 0.1 * (own.uniform() - 0.5))
        if beside:
            middle = view.width * (0.2 if own.uniform() < 0.5 else 0.8)
        bottom = view.height * _FLYING.get(subject.kind, ground)
        _draw(view, subject, (middle - width / 2, bottom - height, width, height), own)


def _draw_placed(view: _View, subject: Subject, rng: SeededRandom) -> None:
    """Draw a subject around its place, as far as the edges of the picture allow it."""
    x, y = subject.place or (0.5, 0.5)
    _, height, shape = _DRAWN[subject.kind]
    height *= _PLACED_SIZE * view.height
    width = min(height * shape, 0.45 * view.width)
    height = width / shape
    top = min(max(0.0, y * view.height - height / 2), view.height - height)
    _draw(view, subject, (x * view.width - width / 2, top, width, height), rng)


def _draw(view: _View, subject: Subject, box: tuple[float, float, float, float], rng: SeededRandom) -> None:
    draw, _, _ = _DRAWN[subject.kind]
    palette = _OWN[subject.kind]
    own = palette[int(len(palette) * rng.uniform())]
    draw(Frame(view.canvas, *box, mirrored=rng.uniform() < 0.5), subject, subject.colours.get(BODY, own))


def _draw_discs(view: _View, scene: Scene, rng: SeededRandom) -> None:
    """Draw discs for a prompt without a noun that is known."""
    for _ in range(3 + int(4 * rng.uniform())):
        red, green, blue = hsv_to_rgb(rng.uniform(), 0.3 + 0.5 * rng.uniform(), 0.95)
        colour = scene.colours.get(BODY, (round(255 * red), round(255 * green), round(255 * blue)))
        radius = min(view.width, view.height) * (0.05 + 0.13 * rng.uniform())
        view.canvas.fill_ellipse(view.width * rng.uniform(), 0.8 * view.height * rng.uniform(), radius, radius, colour)


def _draw_sign(view: _View, scene: Scene, drawn: Sequence[Subject]) -> None:
    """Draw the words that the prompt asks for, on a board at the top."""
    sign = next((each for each in drawn if each.kind == "sign"), Subject("sign"))
    board = Frame(view.canvas, 0.08 * view.width, 0.05 * view.height, 0.84 * view.width, 0.2 * view.height)
    board.box(0, 0, 1, 1, (110, 75, 50))
    board.box(0.012, 0.05, 0.988, 0.95, sign.colours.get(BODY, _OWN["sign"][0]))
    words = board.part(0.03, 0.14, 0.94, 0.76)
    draw_words(view.canvas, scene.text, words.left, words.top, words.width, words.height, (40, 30, 30))
