"""What may be written to a terminal: colours, styles, and what is drawn in the place of something else."""

from __future__ import annotations

import os
from typing import Final, TextIO

__all__ = ["PAGE_WIDTH", "can_draw", "choose_colors", "is_terminal", "measure_page", "measure_width"]

PAGE_WIDTH: Final = 80
"""Columns of a page of help."""
_LEAST_PAGE_WIDTH: Final = 20
"On a narrower terminal, words would be broken."


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; None, which stands for a closed one, is none."""
    return stream is not None and stream.isatty()


def choose_colors() -> bool | None:
    """Return whether colours and styles are printed: no with NO_COLOR or TERM=dumb, yes with FORCE_COLOR, else None.

    None means that each stream has them if it is a terminal.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def can_draw(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal on which the cursor can be moved, as for a bar.

    It may have to be drawn without colours; see `choose_colors`.
    """
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def measure_width(stream: TextIO | None) -> int | None:
    """Return how many columns a stream's terminal has, or COLUMNS says that it has; None if the stream is no terminal."""
    if stream is None or not is_terminal(stream):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or PAGE_WIDTH
    except (OSError, ValueError):
        return PAGE_WIDTH


def measure_page(stream: TextIO | None) -> int:
    """Return how many columns a page of help has on a stream: 80, or those of a narrower terminal, but at least 20."""
    return max(min(measure_width(stream) or PAGE_WIDTH, PAGE_WIDTH), _LEAST_PAGE_WIDTH)
