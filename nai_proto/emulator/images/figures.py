"""Persons and animals, each drawn of a few shapes into a frame that it fills from the head to the ground.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .canvas import Colour, Frame
from .scene import BODY, MAN, Subject

__all__ = ["FIGURES"]

_SKIN: Final = (250, 214, 190)
_DARK: Final = (40, 34, 42)
_WHITE: Final = (250, 250, 250)
_GOLD: Final = (235, 190, 50)


def _person(frame: Frame, subject: Subject, own: Colour) -> None:
    colours, parts, is_man = subject.colours, subject.parts, MAN in subject.parts
    clothes = colours.get("clothes", colours.get(BODY, own))
    hair, skin = colours.get("hair", (92, 60, 44)), colours.get("skin", _SKIN)
    legs = colours.get("legs", _darken(clothes) if is_man else clothes)
    if "wings" in parts:
        wing = colours.get("wings", _WHITE)
        frame.polygon(wing, (0.5, 0.36), (0.02, 0.16), (0.0, 0.5), (0.5, 0.5))
        frame.polygon(wing, (0.5, 0.36), (0.98, 0.16), (1.0, 0.5), (0.5, 0.5))
    frame.ellipse(0.5, 0.17, 0.25, 0.15, hair)
    if not is_man:
        frame.polygon(hair, (0.25, 0.17), (0.75, 0.17), (0.8, 0.46), (0.2, 0.46))
    for side in (-1, 1):
        frame.line(
            legs if is_man else skin, 0.14 if is_man else 0.1, (0.5 + 0.07 * side, 0.66), (0.5 + 0.08 * side, 0.97)
        )
        frame.ellipse(0.5 + 0.1 * side, 0.975, 0.08, 0.022, colours.get("legs", _DARK))
        frame.line(clothes, 0.11, (0.5 + 0.16 * side, 0.37), (0.5 + 0.31 * side, 0.55))
        frame.ellipse(0.5 + 0.32 * side, 0.565, 0.055, 0.03, skin)
    frame.box(0.45, 0.28, 0.55, 0.38, skin)
    hem, wide = (0.7, 0.16) if is_man else (0.78, 0.29)
    frame.polygon(legs, (0.38, 0.54), (0.62, 0.54), (0.5 + wide, hem), (0.5 - wide, hem))
    frame.polygon(clothes, (0.34, 0.33), (0.66, 0.33), (0.63, 0.56), (0.37, 0.56))
    frame.ellipse(0.5, 0.19, 0.19, 0.115, skin)
    frame.polygon(hair, (0.3, 0.2), (0.31, 0.1), (0.5, 0.055), (0.69, 0.1), (0.7, 0.2), (0.6, 0.125), (0.46, 0.155))
    _draw_eyes(frame, colours, 0.42, 0.58, 0.2, 0.035)
    frame.line((200, 90, 90), 0.015, (0.46, 0.258), (0.5, 0.266), (0.54, 0.258))
    if "ears" in parts:
        for side in (-1, 1):
            frame.polygon(hair, (0.5 + 0.06 * side, 0.06), (0.5 + 0.2 * side, 0.0), (0.5 + 0.23 * side, 0.12))
    if "glasses" in parts:
        frame.line(_DARK, 0.015, (0.33, 0.2), (0.67, 0.2))
        for x in (0.42, 0.58):
            frame.ellipse(x, 0.2, 0.07, 0.035, colours.get("glasses", _DARK))
    if "hat" in parts:
        hat = colours.get("hat", (70, 50, 110))
        frame.polygon(hat, (0.3, 0.09), (0.5, -0.07), (0.7, 0.09))
        frame.ellipse(0.5, 0.095, 0.33, 0.03, hat)
    if "crown" in parts:
        points = ((0.34, 0.1), (0.34, 0.01), (0.42, 0.05), (0.5, 0.0), (0.58, 0.05), (0.66, 0.01), (0.66, 0.1))
        frame.polygon(colours.get("crown", _GOLD), *points)


def _darken(colour: Colour) -> Colour:
    """Return the colour a little darker."""
    red, green, blue = colour
    return red * 7 // 10, green * 7 // 10, blue * 7 // 10


def _draw_eyes(frame: Frame, colours: Mapping[str, Colour], left: float, right: float, y: float, size: float) -> None:
    """Draw two eyes at these places; their size is a part of the width."""
    down = size * frame.width / frame.height
    for x in (left, right):
        frame.ellipse(x, y, size, down, _WHITE)
        frame.ellipse(x, y, 0.75 * size, 0.85 * down, colours.get("eyes", _DARK))
        frame.ellipse(x, y, 0.35 * size, 0.45 * down, _DARK)


def _cat(frame: Frame, subject: Subject, own: Colour) -> None:
    fur = subject.colours.get(BODY, subject.colours.get("hair", own))
    frame.line(fur, 0.09, (0.72, 0.9), (0.93, 0.8), (0.95, 0.55), (0.87, 0.45))
    frame.ellipse(0.5, 0.74, 0.29, 0.26, fur)
    for x in (0.38, 0.62):
        frame.ellipse(x, 0.94, 0.12, 0.06, fur)
    for side in (-1, 1):
        frame.polygon(fur, (0.5 + 0.06 * side, 0.2), (0.5 + 0.29 * side, 0.0), (0.5 + 0.31 * side, 0.34))
        frame.polygon((235, 160, 165), (0.5 + 0.15 * side, 0.2), (0.5 + 0.26 * side, 0.08), (0.5 + 0.27 * side, 0.26))
    frame.ellipse(0.5, 0.34, 0.32, 0.23, fur)
    _draw_eyes(frame, {"eyes": (90, 190, 80), **subject.colours}, 0.38, 0.62, 0.32, 0.07)
    frame.polygon((235, 120, 135), (0.46, 0.4), (0.54, 0.4), (0.5, 0.44))
    for side in (-1, 1):
        for down in (-0.03, 0.02, 0.07):
            frame.line((225, 225, 225), 0.012, (0.5 + 0.1 * side, 0.43), (0.5 + 0.4 * side, 0.41 + down))


def _dog(frame: Frame, subject: Subject, own: Colour) -> None:
    fur = subject.colours.get(BODY, subject.colours.get("hair", own))
    frame.line(fur, 0.07, (0.12, 0.5), (0.04, 0.25))
    frame.ellipse(0.4, 0.55, 0.32, 0.2, fur)
    for x in (0.16, 0.27, 0.52, 0.63):
        frame.line(fur, 0.08, (x, 0.6), (x, 0.95))
    frame.polygon(fur, (0.5, 0.5), (0.66, 0.2), (0.82, 0.4), (0.66, 0.66))
    frame.ellipse(0.74, 0.28, 0.16, 0.18, fur)
    frame.ellipse(0.88, 0.34, 0.12, 0.09, fur)
    frame.ellipse(0.98, 0.31, 0.035, 0.035, _DARK)
    frame.ellipse(0.64, 0.3, 0.06, 0.17, _darken(fur))
    _draw_eyes(frame, subject.colours, 0.78, 0.78, 0.22, 0.03)


def _rabbit(frame: Frame, subject: Subject, own: Colour) -> None:
    fur = subject.colours.get(BODY, subject.colours.get("hair", own))
    for x in (0.38, 0.62):
        frame.ellipse(x, 0.2, 0.09, 0.22, fur)
        frame.ellipse(x, 0.2, 0.045, 0.16, (245, 180, 185))
    frame.ellipse(0.82, 0.82, 0.1, 0.09, _WHITE)
    frame.ellipse(0.5, 0.76, 0.3, 0.24, fur)
    frame.ellipse(0.5, 0.45, 0.24, 0.18, fur)
    for x in (0.36, 0.64):
        frame.ellipse(x, 0.96, 0.14, 0.05, fur)
    _draw_eyes(frame, {"eyes": (170, 40, 60), **subject.colours}, 0.4, 0.6, 0.43, 0.05)
    frame.ellipse(0.5, 0.5, 0.03, 0.02, (235, 120, 135))


def _bird(frame: Frame, subject: Subject, own: Colour) -> None:
    body = subject.colours.get(BODY, subject.colours.get("clothes", own))
    for x in (0.4, 0.54):
        frame.line((235, 150, 40), 0.03, (x, 0.75), (x, 0.96), (x + 0.09, 0.98))
    frame.polygon(body, (0.2, 0.5), (-0.02, 0.38), (0.02, 0.6))
    frame.ellipse(0.44, 0.6, 0.34, 0.22, body)
    frame.line(body, 0.14, (0.66, 0.55), (0.72, 0.25))
    frame.ellipse(0.73, 0.2, 0.14, 0.13, body)
    frame.polygon((240, 160, 40), (0.84, 0.15), (1.02, 0.22), (0.84, 0.26))
    frame.ellipse(0.38, 0.56, 0.24, 0.12, subject.colours.get("wings", _darken(body)))
    _draw_eyes(frame, subject.colours, 0.77, 0.77, 0.17, 0.03)


def _fish(frame: Frame, subject: Subject, own: Colour) -> None:
    body = subject.colours.get(BODY, subject.colours.get("clothes", own))
    frame.polygon(_darken(body), (0.3, 0.5), (0.0, 0.2), (0.06, 0.5), (0.0, 0.8))
    frame.polygon(_darken(body), (0.4, 0.25), (0.6, 0.02), (0.7, 0.25))
    frame.ellipse(0.58, 0.5, 0.4, 0.32, body)
    frame.polygon(_darken(body), (0.5, 0.55), (0.36, 0.72), (0.6, 0.68))
    for x in (0.42, 0.52, 0.62):
        frame.line(_darken(body), 0.012, (x, 0.35), (x + 0.03, 0.5), (x, 0.65))
    _draw_eyes(frame, subject.colours, 0.82, 0.82, 0.43, 0.04)


def _dragon(frame: Frame, subject: Subject, own: Colour) -> None:
    body = subject.colours.get(BODY, subject.colours.get("clothes", own))
    wing = subject.colours.get("wings", _darken(body))
    frame.line(body, 0.09, (0.3, 0.72), (0.12, 0.86), (0.04, 0.7))
    frame.polygon(body, (0.08, 0.72), (0.0, 0.74), (0.02, 0.56))
    frame.polygon(wing, (0.42, 0.55), (0.1, 0.08), (0.22, 0.3), (0.3, 0.12), (0.4, 0.3), (0.52, 0.1), (0.58, 0.5))
    frame.ellipse(0.45, 0.68, 0.24, 0.16, body)
    frame.ellipse(0.5, 0.74, 0.14, 0.09, (245, 225, 160))
    for x in (0.36, 0.55):
        frame.line(body, 0.08, (x, 0.75), (x, 0.95))
        frame.ellipse(x + 0.03, 0.96, 0.07, 0.03, body)
    frame.line(body, 0.11, (0.6, 0.62), (0.74, 0.45), (0.75, 0.28))
    frame.ellipse(0.8, 0.24, 0.13, 0.09, body)
    frame.ellipse(0.92, 0.27, 0.08, 0.055, body)
    for x in (0.7, 0.77):
        frame.polygon((240, 230, 200), (x, 0.18), (x - 0.06, 0.04), (x + 0.05, 0.16))
    frame.polygon((250, 130, 30), (0.99, 0.28), (1.12, 0.22), (1.08, 0.29), (1.14, 0.36), (0.99, 0.31))
    _draw_eyes(frame, {"eyes": (230, 200, 40), **subject.colours}, 0.82, 0.82, 0.21, 0.025)


def _butterfly(frame: Frame, subject: Subject, own: Colour) -> None:
    wing = subject.colours.get("wings", subject.colours.get(BODY, own))
    for side in (-1, 1):
        frame.ellipse(0.5 + 0.24 * side, 0.35, 0.23, 0.27, wing)
        frame.ellipse(0.5 + 0.19 * side, 0.73, 0.17, 0.2, _darken(wing))
        frame.ellipse(0.5 + 0.26 * side, 0.33, 0.09, 0.1, _WHITE)
        frame.line(_DARK, 0.02, (0.5, 0.28), (0.5 + 0.1 * side, 0.06))
    frame.ellipse(0.5, 0.53, 0.05, 0.3, _DARK)


def _robot(frame: Frame, subject: Subject, own: Colour) -> None:
    metal = subject.colours.get(BODY, subject.colours.get("clothes", own))
    frame.line(_DARK, 0.03, (0.5, 0.12), (0.5, 0.03))
    frame.ellipse(0.5, 0.03, 0.06, 0.03, (220, 50, 50))
    for side in (-1, 1):
        frame.line(_darken(metal), 0.12, (0.5 + 0.3 * side, 0.42), (0.5 + 0.4 * side, 0.66))
        frame.box(0.5 + 0.14 * side - 0.08, 0.7, 0.5 + 0.14 * side + 0.08, 0.98, _darken(metal))
    frame.box(0.24, 0.38, 0.76, 0.74, metal)
    frame.box(0.3, 0.1, 0.7, 0.35, metal)
    _draw_eyes(frame, {"eyes": (60, 200, 240), **subject.colours}, 0.42, 0.58, 0.2, 0.06)
    frame.box(0.38, 0.28, 0.62, 0.3, _DARK)
    for at, light in enumerate(((230, 60, 60), (240, 200, 60), (80, 200, 90))):
        frame.ellipse(0.38 + 0.12 * at, 0.48, 0.04, 0.02, light)


FIGURES: Final[Mapping[str, tuple[Callable[[Frame, Subject, Colour], None], float, float]]] = {
    "person": (_person, 0.82, 0.5),
    "cat": (_cat, 0.5, 0.85),
    "dog": (_dog, 0.5, 1.15),
    "rabbit": (_rabbit, 0.45, 0.75),
    "bird": (_bird, 0.45, 1.1),
    "fish": (_fish, 0.32, 1.6),
    "dragon": (_dragon, 0.75, 1.15),
    "butterfly": (_butterfly, 0.3, 1.1),
    "robot": (_robot, 0.7, 0.6),
}
"""How each being is drawn, how high it is as a part of the picture's height, and how wide as a part of its own."""
