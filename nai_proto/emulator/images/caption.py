"""Words in pictures: a caption with the beginning of the prompt, and signs."""

from __future__ import annotations

from typing import Final

from .canvas import DAYLIGHT, Canvas, Colour
from .font import ADVANCE, LINE, iter_runs, to_ascii

__all__ = ["draw_caption", "draw_words", "measure_caption"]

_LETTERS: Final = 44
"""Letters in a line of a caption as wide as a picture, at least, where the picture is large enough."""
_LINES: Final = 2
_MOST_LINES: Final = 5
"""Lines of words on a board."""
_MARGIN: Final = 2  # squares
_BAND: Final = (24, 22, 30)
_INK: Final = (255, 250, 225)


def measure_caption(width: int, height: int) -> int:
    """Return the height in pixels of the caption of a picture of this size: none for a tiny one."""
    lines = min(_LINES, height // (4 * _find_square(width) * LINE))
    return 0 if width < 8 * ADVANCE or not lines else (lines * LINE + _MARGIN) * _find_square(width)


def draw_caption(canvas: Canvas, text: str) -> None:
    """Draw the beginning of a text in a band at the bottom, whatever the light is."""
    band, square = measure_caption(canvas.width, canvas.height), _find_square(canvas.width)
    if not band:
        return
    canvas.light = DAYLIGHT
    top = canvas.height - band
    canvas.fill_box(0, top, canvas.width, canvas.height, _BAND)
    letters = (canvas.width // square - 2 * _MARGIN) // ADVANCE
    lines = _wrap(to_ascii(text), letters, (band // square - _MARGIN) // LINE)
    for at, line in enumerate(lines):
        _draw_line(canvas, line, _MARGIN * square, top + (_MARGIN + at * LINE) * square, square, _INK)


def draw_words(canvas: Canvas, text: str, left: float, top: float, width: float, height: float, ink: Colour) -> None:
    """Draw a text in the middle of a rectangle, as large as it fits there."""
    text = to_ascii(text)
    if not text:
        return
    square, lines = max(_fit(text, count, width, height) for count in range(1, _MOST_LINES + 1))
    upper = top + (height - len(lines) * LINE * square) / 2
    for at, line in enumerate(lines):
        start = left + (width - len(line) * ADVANCE * square) / 2
        _draw_line(canvas, line, start, upper + at * LINE * square, square, ink)


def _fit(text: str, count: int, width: float, height: float) -> tuple[int, list[str]]:
    """Return how large a text can be in so many lines: the side of its squares in pixels, at least 1; and the lines."""
    letters = max(-(-len(text) // count), *map(len, text.split()), 1)
    lines = _wrap(text, letters, count)
    return max(1, int(min(width / (letters * ADVANCE), height / (len(lines) * LINE)))), lines


def _wrap(text: str, letters: int, lines: int) -> list[str]:
    """Return so many lines of a text at most, broken at blanks where there are any; what is left over ends with dots."""
    wrapped: list[str] = []
    while text and len(wrapped) < lines:
        line = text[:letters]
        if len(text) > letters and len(wrapped) < lines - 1 and " " in text[1 : letters + 1]:
            line = text[: text.rindex(" ", 0, letters + 1)]
        elif len(text) > letters and len(wrapped) == lines - 1:
            line = line[: max(1, letters - 3)] + "..."
        wrapped.append(line)
        text = text[len(line) :].lstrip()
    return wrapped


def _find_square(width: int) -> int:
    """Return the side in pixels of the squares that letters are made of."""
    return max(1, width // (_LETTERS * ADVANCE))


def _draw_line(canvas: Canvas, text: str, left: float, top: float, square: int, ink: Colour) -> None:
    for column, row, length in iter_runs(text):
        x, y = left + column * square, top + row * square
        canvas.fill_box(x, y, x + length * square, y + square, ink)
