"""Buildings, plants and other things, each drawn of a few shapes into a frame that it fills from its top to the ground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi, sin
from typing import Final

from .canvas import Colour, Frame
from .scene import Subject

__all__ = ["THINGS"]

_DARK: Final = (45, 38, 46)
_WHITE: Final = (250, 250, 250)
_GLOW: Final = (250, 225, 130)
_WOOD: Final = (120, 80, 50)


def _house(frame: Frame, _: Subject, body: Colour) -> None:
    frame.box(0.7, 0.1, 0.8, 0.4, (140, 90, 80))
    frame.box(0.12, 0.45, 0.88, 1.0, body)
    frame.polygon((150, 60, 55), (0.02, 0.47), (0.5, 0.05), (0.98, 0.47))
    frame.box(0.42, 0.68, 0.58, 1.0, _WOOD)
    for x in (0.2, 0.66):
        frame.box(x, 0.56, x + 0.14, 0.7, _GLOW)


def _castle(frame: Frame, _: Subject, body: Colour) -> None:
    for left, top in ((0.04, 0.3), (0.78, 0.3), (0.38, 0.12)):
        width = 0.24 if left == 0.38 else 0.18
        frame.box(left, top, left + width, 1.0, body)
        for at in range(3):
            frame.box(left + at * width / 2.5, top - 0.06, left + at * width / 2.5 + width / 5, top, body)
        frame.polygon((60, 80, 160), (left + width / 2, top - 0.24), (left + width, top - 0.04), (left, top - 0.04))
        frame.box(left + width / 2 - 0.03, top + 0.1, left + width / 2 + 0.03, top + 0.2, _GLOW)
    frame.box(0.2, 0.55, 0.8, 1.0, body)
    for at in range(5):
        frame.box(0.22 + at * 0.12, 0.5, 0.28 + at * 0.12, 0.56, body)
    frame.ellipse(0.5, 0.82, 0.1, 0.1, _WOOD)
    frame.box(0.4, 0.82, 0.6, 1.0, _WOOD)


def _tower(frame: Frame, _: Subject, body: Colour) -> None:
    frame.polygon(body, (0.36, 0.25), (0.64, 0.25), (0.78, 1.0), (0.22, 1.0))
    for y in (0.4, 0.65):
        frame.polygon(
            (205, 60, 55), (0.36 - 0.02 * y * 5, y), (0.64 + 0.02 * y * 5, y), (0.75, y + 0.1), (0.25, y + 0.1)
        )
    frame.box(0.3, 0.23, 0.7, 0.27, _DARK)
    frame.box(0.38, 0.12, 0.62, 0.23, _GLOW)
    frame.polygon((205, 60, 55), (0.32, 0.12), (0.5, 0.0), (0.68, 0.12))
    frame.box(0.43, 0.86, 0.57, 1.0, _WOOD)


def _tree(frame: Frame, _: Subject, body: Colour) -> None:
    frame.polygon(_WOOD, (0.43, 0.5), (0.57, 0.5), (0.62, 1.0), (0.38, 1.0))
    frame.ellipses(
        body, (0.28, 0.42, 0.26, 0.2), (0.72, 0.42, 0.26, 0.2), (0.5, 0.24, 0.3, 0.24), (0.5, 0.5, 0.3, 0.18)
    )


def _flower(frame: Frame, _: Subject, body: Colour) -> None:
    stem = (60, 140, 60)
    frame.line(stem, 0.06, (0.5, 0.35), (0.5, 1.0))
    frame.ellipse(0.33, 0.72, 0.17, 0.06, stem)
    frame.ellipse(0.67, 0.8, 0.17, 0.06, stem)
    down = 0.24 * frame.width / frame.height
    for at in range(6):
        x, y = cos(pi * at / 3), sin(pi * at / 3)
        frame.ellipse(0.5 + 0.24 * x, 0.28 + down * y, 0.2, 0.83 * down, body)
    frame.ellipse(0.5, 0.28, 0.16, 0.67 * down, (250, 205, 60))


def _mushroom(frame: Frame, _: Subject, body: Colour) -> None:
    frame.polygon((245, 235, 215), (0.4, 0.45), (0.6, 0.45), (0.66, 1.0), (0.34, 1.0))
    frame.ellipse(0.5, 0.4, 0.46, 0.36, body)
    frame.box(0.0, 0.5, 1.0, 0.52, body)
    frame.ellipses(_WHITE, (0.3, 0.3, 0.08, 0.07), (0.55, 0.2, 0.09, 0.08), (0.72, 0.38, 0.07, 0.06))


def _ship(frame: Frame, _: Subject, body: Colour) -> None:
    frame.line(_WOOD, 0.03, (0.5, 0.02), (0.5, 0.75))
    frame.polygon(_WHITE, (0.53, 0.05), (0.92, 0.62), (0.53, 0.62))
    frame.polygon((235, 225, 205), (0.47, 0.12), (0.16, 0.62), (0.47, 0.62))
    frame.polygon((215, 50, 50), (0.5, 0.0), (0.66, 0.05), (0.5, 0.1))
    frame.polygon(body, (0.02, 0.7), (0.98, 0.7), (0.82, 0.98), (0.18, 0.98))


def _car(frame: Frame, _: Subject, body: Colour) -> None:
    frame.polygon(body, (0.2, 0.5), (0.32, 0.12), (0.68, 0.12), (0.82, 0.5))
    frame.polygon((190, 225, 240), (0.27, 0.48), (0.36, 0.2), (0.48, 0.2), (0.48, 0.48))
    frame.polygon((190, 225, 240), (0.52, 0.48), (0.52, 0.2), (0.65, 0.2), (0.74, 0.48))
    frame.box(0.02, 0.46, 0.98, 0.8, body)
    frame.ellipse(0.95, 0.58, 0.03, 0.07, _GLOW)
    for x in (0.24, 0.76):
        frame.ellipse(x, 0.8, 0.11, 0.2, _DARK)
        frame.ellipse(x, 0.8, 0.05, 0.09, (190, 190, 195))


def _sword(frame: Frame, _: Subject, body: Colour) -> None:
    frame.polygon(body, (0.4, 0.12), (0.5, 0.0), (0.6, 0.12), (0.6, 0.72), (0.4, 0.72))
    frame.line((250, 250, 255), 0.05, (0.5, 0.08), (0.5, 0.7))
    frame.box(0.08, 0.7, 0.92, 0.76, (220, 175, 60))
    frame.box(0.42, 0.76, 0.58, 0.95, _WOOD)
    frame.ellipse(0.5, 0.96, 0.14, 0.035, (220, 175, 60))


def _book(frame: Frame, _: Subject, body: Colour) -> None:
    frame.polygon(body, (0.0, 0.12), (0.5, 0.24), (1.0, 0.12), (1.0, 0.9), (0.5, 1.0), (0.0, 0.9))
    for side in (-1, 1):
        frame.polygon(_WHITE, (0.5, 0.2), (0.5 + 0.45 * side, 0.06), (0.5 + 0.45 * side, 0.82), (0.5, 0.94))
        for y in (0.3, 0.42, 0.54, 0.66):
            frame.line((150, 150, 155), 0.015, (0.5 + 0.08 * side, y), (0.5 + 0.38 * side, y - 0.07))


def _heart(frame: Frame, _: Subject, body: Colour) -> None:
    frame.ellipse(0.27, 0.3, 0.27, 0.28, body)
    frame.ellipse(0.73, 0.3, 0.27, 0.28, body)
    frame.polygon(body, (0.04, 0.43), (0.5, 0.3), (0.96, 0.43), (0.5, 1.0))


def _apple(frame: Frame, _: Subject, body: Colour) -> None:
    frame.line(_WOOD, 0.06, (0.5, 0.25), (0.56, 0.02))
    frame.ellipse(0.7, 0.1, 0.16, 0.07, (80, 160, 70))
    frame.ellipse(0.34, 0.6, 0.34, 0.4, body)
    frame.ellipse(0.66, 0.6, 0.34, 0.4, body)
    frame.ellipse(0.24, 0.45, 0.06, 0.1, _WHITE)


def _sign(frame: Frame, _: Subject, body: Colour) -> None:
    frame.box(0.46, 0.4, 0.54, 1.0, _WOOD)
    frame.box(0.02, 0.05, 0.98, 0.6, _WOOD)
    frame.box(0.05, 0.09, 0.95, 0.56, body)


THINGS: Final[Mapping[str, tuple[Callable[[Frame, Subject, Colour], None], float, float]]] = {
    "house": (_house, 0.42, 1.1),
    "castle": (_castle, 0.6, 0.95),
    "tower": (_tower, 0.65, 0.4),
    "tree": (_tree, 0.55, 0.75),
    "flower": (_flower, 0.36, 0.5),
    "mushroom": (_mushroom, 0.28, 0.95),
    "ship": (_ship, 0.42, 1.0),
    "car": (_car, 0.24, 2.0),
    "sword": (_sword, 0.55, 0.22),
    "book": (_book, 0.24, 1.4),
    "heart": (_heart, 0.3, 1.05),
    "apple": (_apple, 0.22, 0.9),
    "sign": (_sign, 0.4, 1.0),
}
"""How each thing is drawn, how high it is as a part of the picture's height, and how wide as a part of its own."""
