"""What is behind the figures: sky, lights in it, weather, and the land.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations

from colorsys import hsv_to_rgb
from math import sin, tau
from typing import Final

from ..seeded_random import SeededRandom
from .canvas import Canvas, Colour, Frame, Light, Point
from .scene import BODY, Scene, Subject

__all__ = ["BACKDROPS", "HORIZON", "draw_backdrop", "draw_weather", "find_light"]

HORIZON: Final = 0.62
"""Where the land begins, as a part of the picture's height."""
BACKDROPS: Final = frozenset(("sun", "moon", "star", "cloud", "rainbow", "mountain", "sea", "forest", "city"))
"""Subjects that are drawn here."""

_SKIES: Final = {
    "day": ((85, 150, 235), (200, 228, 250)),
    "dawn": ((120, 130, 200), (255, 205, 180)),
    "sunset": ((90, 50, 110), (255, 140, 60)),
    "night": ((8, 10, 36), (36, 42, 92)),
}
"""The sky's colour above and at the horizon."""
_LIGHTS: Final[dict[str, Light]] = {
    "day": (1.0, 1.0, 1.0),
    "dawn": (1.0, 0.9, 0.92),
    "sunset": (0.95, 0.74, 0.66),
    "night": (0.5, 0.54, 0.74),
}
_RAINBOW: Final = ((225, 50, 50), (245, 140, 40), (250, 220, 60), (70, 180, 80), (60, 110, 220), (130, 70, 180))
_WHITE: Final = (250, 250, 252)
_BAND: Final = 3
"""Rows of one colour in a sky or a sea."""
_LAND_POINTS: Final = 48
"""Corners of a hill's upper edge."""


def _find_time(scene: Scene) -> str:
    """Return the time of day of a scene: what it says, else night with a moon or stars and no sun, else day."""
    if scene.time:
        return scene.time
    kinds = {each.kind for each in scene.subjects}
    return "night" if kinds & {"moon", "star"} and "sun" not in kinds else "day"


def find_light(scene: Scene) -> Light:
    """Return the light that falls on a scene."""
    return _LIGHTS[_find_time(scene)]


def draw_backdrop(canvas: Canvas, scene: Scene, rng: SeededRandom) -> None:
    """Draw sky and land; of a canvas that is clear at first only the land."""
    found = {each.kind: each for each in scene.subjects if each.kind in BACKDROPS}
    plain = scene.colours.get("background")
    if plain is not None:
        canvas.fill_box(0, 0, canvas.width, canvas.height, plain)
    elif not canvas.clear:
        _draw_sky(canvas, scene, rng)
        _draw_lights(canvas, scene, found, rng)
    canvas.light = find_light(scene)
    for kind, draw in (("mountain", _draw_mountains), ("city", _draw_city), ("forest", _draw_forest)):
        if kind in found:
            draw(canvas, found[kind], rng.fork(kind))
    if plain is None or "ground" in scene.parts:
        _draw_land(canvas, scene, rng)
    if "sea" in found:
        _draw_sea(canvas, found["sea"], rng.fork("sea"))


def _draw_sky(canvas: Canvas, scene: Scene, rng: SeededRandom) -> None:
    high, low = _SKIES[_find_time(scene)]
    wanted = scene.colours.get("sky")
    if wanted is not None:
        high, low = wanted, _blend(wanted, _WHITE, 0.3)
    if "rain" in scene.weather or "fog" in scene.weather:
        high, low = _blend(high, (120, 125, 135), 0.6), _blend(low, (170, 175, 182), 0.6)
    shade = 0.12 * (rng.fork("sky").uniform() - 0.5)
    high = _blend(high, _WHITE if shade > 0 else (0, 0, 0), abs(shade))
    horizon = round(HORIZON * canvas.height)
    for y in range(0, horizon, _BAND):
        canvas.fill_box(0, y, canvas.width, y + _BAND, _blend(high, low, y / horizon))
    canvas.fill_box(0, horizon, canvas.width, canvas.height, low)


def _draw_lights(canvas: Canvas, scene: Scene, found: dict[str, Subject], rng: SeededRandom) -> None:
    """Draw stars, sun, moon, rainbow and clouds."""
    width, height, short = canvas.width, canvas.height, min(canvas.width, canvas.height)
    time, low = _find_time(scene), HORIZON * canvas.height
    if time == "night" or "star" in found:
        colour = found["star"].colours.get(BODY, (255, 250, 220)) if "star" in found else (255, 250, 220)
        for at in range(70):
            side = max(1, short / 300) * (3 if "star" in found and at < 14 else 1)
            x, y = width * rng.uniform(), low * rng.uniform()
            _draw_star(canvas, x, y, side, colour)
    sun = found.get("sun")
    if sun is not None or (time != "night" and "rain" not in scene.weather and "moon" not in found):
        y = 0.9 * low if time == "sunset" else 0.75 * low if time == "dawn" else 0.2 * low
        size = 0.11 if sun is not None else 0.06
        x, y = _find_place(sun, width, height, (0.6 + 0.3 * rng.uniform()) * width, y)
        colour = (255, 120, 50) if time == "sunset" else (255, 225, 90)
        canvas.fill_ellipse(x, y, size * short, size * short, _colour(sun, colour))
    if "moon" in found or time == "night":
        moon = found.get("moon")
        x, y = _find_place(moon, width, height, (0.15 + 0.25 * rng.uniform()) * width, 0.25 * low)
        size, colour = (0.12 if moon is not None else 0.06) * short, _colour(moon, (245, 240, 210))
        canvas.fill_ellipse(x, y, size, size, colour)
        for left, down, part in ((-0.3, -0.2, 0.2), (0.35, 0.1, 0.14), (-0.05, 0.45, 0.17)):
            canvas.fill_ellipse(
                x + left * size, y + down * size, part * size, part * size, _blend(colour, (0, 0, 0), 0.14)
            )
    if "rainbow" in found:
        for at, colour in enumerate((*_RAINBOW, _SKIES[time][1])):
            size = (0.46 - 0.025 * at) * width
            canvas.fill_ellipse(0.5 * width, low, size, size, colour)
    clouds = 5 if "cloud" in found or "clouds" in scene.weather else 2 + int(3 * rng.uniform()) if time == "day" else 1
    white = _colour(found.get("cloud"), _blend(_WHITE, _SKIES[time][0], 0.12 if time == "day" else 0.6))
    for _ in range(clouds):
        x, y, size = width * rng.uniform(), low * (0.1 + 0.5 * rng.uniform()), short * (0.05 + 0.05 * rng.uniform())
        for left, down, part in ((-1.2, 0.2, 0.7), (0, 0, 1.0), (1.1, 0.15, 0.8), (0, 0.4, 1.6)):
            canvas.fill_ellipse(x + left * size, y + down * size, part * size, 0.55 * size, white)


def _draw_star(canvas: Canvas, x: float, y: float, side: float, colour: Colour) -> None:
    canvas.fill_polygon(((x - 2 * side, y), (x, y - side / 2), (x + 2 * side, y), (x, y + side / 2)), colour)
    canvas.fill_polygon(((x, y - 2 * side), (x + side / 2, y), (x, y + 2 * side), (x - side / 2, y)), colour)


def _draw_mountains(canvas: Canvas, subject: Subject, rng: SeededRandom) -> None:
    width, height, colour = canvas.width, canvas.height, subject.colours.get(BODY, (110, 115, 135))
    for at in range(3 + min(4, subject.count)):
        x, top = width * (at + rng.uniform()) / (3 + min(4, subject.count)), height * (0.12 + 0.26 * rng.uniform())
        reach, low = (0.2 + 0.12 * rng.uniform()) * width, 0.75 * height
        canvas.fill_polygon(
            ((x - reach, low), (x, top), (x + reach, low)), _blend(colour, (0, 0, 0), 0.25 * rng.uniform())
        )
        cap = 0.25
        middle = top + cap * (low - top)
        canvas.fill_polygon(
            ((x - cap * reach, middle), (x, top), (x + cap * reach, middle), (x, 0.85 * middle + 0.15 * low)), _WHITE
        )


def _draw_city(canvas: Canvas, subject: Subject, rng: SeededRandom) -> None:
    width, height, colour = canvas.width, canvas.height, subject.colours.get(BODY, (105, 110, 130))
    for at in range(11):
        left, wide = width * (at - 0.3 + 0.4 * rng.uniform()) / 10, width * (0.07 + 0.05 * rng.uniform())
        top = height * (0.18 + 0.3 * rng.uniform())
        canvas.fill_box(left, top, left + wide, 0.8 * height, _blend(colour, (30, 30, 50), 0.5 * rng.uniform()))
        for row in range(1, 12):
            for column in range(3):
                if rng.uniform() < 0.6:
                    x, y = left + wide * (0.15 + 0.28 * column), top + 0.035 * height * row
                    canvas.fill_box(x, y, x + 0.16 * wide, y + 0.017 * height, (250, 225, 130))


def _draw_forest(canvas: Canvas, subject: Subject, rng: SeededRandom) -> None:
    width, height, colour = canvas.width, canvas.height, subject.colours.get(BODY, (35, 95, 55))
    for at in range(16):
        x, top = width * (at + rng.uniform()) / 16, height * (0.28 + 0.2 * rng.uniform())
        reach, low = width * 0.075, 0.75 * height
        shade = _blend(colour, (10, 20, 15), 0.5 * rng.uniform())
        canvas.fill_box(x - 0.1 * reach, top, x + 0.1 * reach, low, (75, 55, 45))
        for part in (0.0, 0.2, 0.4):
            y = top + part * (low - top)
            canvas.fill_polygon(
                (
                    (x - (0.6 + part) * reach, y + 0.3 * (low - top)),
                    (x, y),
                    (x + (0.6 + part) * reach, y + 0.3 * (low - top)),
                ),
                shade,
            )


def _draw_land(canvas: Canvas, scene: Scene, rng: SeededRandom) -> None:
    """Draw hills, one before the other."""
    hue, turn, width, height = 0.22 + 0.16 * rng.uniform(), 0.05 * rng.uniform(), canvas.width, canvas.height
    wanted = scene.colours.get("ground", _WHITE if "snow" in scene.weather else scene.colours.get(BODY))
    for layer in range(3):
        red, green, blue = hsv_to_rgb((hue + layer * turn) % 1, 0.35 + 0.3 * rng.uniform(), 0.72 - 0.16 * layer)
        own = round(255 * red), round(255 * green), round(255 * blue)
        colour = own if wanted is None else _blend(wanted, own, 0.12)
        waves = [
            (0.05 / (n + 1) / (1 + 2 * layer), (n + 1) * (0.4 + rng.uniform()), tau * rng.uniform()) for n in range(3)
        ]
        top: list[Point] = []
        for at in range(_LAND_POINTS + 1):
            x = at / _LAND_POINTS
            y = HORIZON + 0.1 * layer + sum(size * sin(tau * often * x + start) for size, often, start in waves)
            top.append((width * x, height * y))
        canvas.fill_polygon([*top, (width, height), (0, height)], colour)


def _draw_sea(canvas: Canvas, subject: Subject, rng: SeededRandom) -> None:
    width, height, colour = canvas.width, canvas.height, subject.colours.get(BODY, (35, 105, 165))
    top = HORIZON * height
    for row in range(round(top), height, _BAND):
        shade = _blend(colour, (10, 30, 70), 0.6 * (row - top) / (height - top))
        canvas.fill_box(0, row, width, row + _BAND, shade)
    for _ in range(40):
        y = top + (height - top) * rng.uniform()
        x, reach = width * rng.uniform(), width * (0.02 + 0.05 * rng.uniform())
        canvas.fill_ellipse(x, y, reach, max(0.6, height / 400), _blend(colour, _WHITE, 0.5))


def draw_weather(canvas: Canvas, scene: Scene, rng: SeededRandom) -> None:
    """Draw what falls in front of everything."""
    width, height = canvas.width, canvas.height
    thin = max(1.0, min(width, height) / 250)
    if "snow" in scene.weather:
        for _ in range(160):
            size = thin * (1 + rng.uniform())
            canvas.fill_ellipse(width * rng.uniform(), height * rng.uniform(), size, size, _WHITE)
    if "rain" in scene.weather:
        whole = Frame(canvas, 0, 0, width, height)
        for _ in range(130):
            x, y = rng.uniform(), rng.uniform()
            whole.line((170, 195, 230), thin / width, (x, y), (x - 0.015, y + 0.045))
    if "fog" in scene.weather:
        for _ in range(9):
            y = height * (0.35 + 0.6 * rng.uniform())
            canvas.fill_ellipse(
                width * rng.uniform(), y, width * (0.2 + 0.2 * rng.uniform()), 2 + height / 90, (215, 220, 225)
            )


def _find_place(subject: Subject | None, width: int, height: int, x: float, y: float) -> Point:
    """Return where the subject is in pixels: where it was placed, else there."""
    if subject is None or subject.place is None:
        return x, y
    return subject.place[0] * width, subject.place[1] * height


def _colour(subject: Subject | None, own: Colour) -> Colour:
    """Return the subject's colour; its own if there is none."""
    return own if subject is None else subject.colours.get(BODY, own)


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
