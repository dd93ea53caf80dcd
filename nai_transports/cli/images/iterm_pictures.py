"""Pictures by iTerm2's own protocol: a file in base64 between OSC 1337 and BEL, which the terminal decodes and scales.

iTerm2 names itself in the environment, also through ssh (LC_TERMINAL). tmux and screen do not pass the protocol on.

See https://iterm2.com/documentation-images.html.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING, BinaryIO

from .input_images import get_size

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

__all__ = ["ItermPicture", "is_iterm"]


def is_iterm() -> bool:
    """Return whether the terminal is iTerm2, without tmux or screen in front of it."""
    if os.environ.get("TMUX") or os.environ.get("TERM", "").startswith(("screen", "tmux")):
        return False
    return os.environ.get("TERM_PROGRAM") == "iTerm.app" or os.environ.get("LC_TERMINAL") == "iTerm2"


class ItermPicture:
    """A picture that rich prints, as large as the options of the console allow.

    Args:
        file: the picture's file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._data = file.read()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the lines of the picture, and then what draws it over them."""
        from rich.segment import ControlType, Segment

        width, height = get_size(self._data)
        rows = options.height or options.size.height
        columns = min(options.max_width, ceil(2 * rows * width / height))  # a cell is twice as high as it is wide
        rows = min(rows, ceil(columns * height / (2 * width)))
        yield Segment("\n" * rows)
        content = b64encode(self._data).decode()
        arguments = f"inline=1;size={len(self._data)};width={columns};height={rows};preserveAspectRatio=1"
        # The cursor is saved, because versions differ in where they leave it.
        sequence = f"\x1b[{rows}A\x1b7\x1b]1337;File={arguments}:{content}\a\x1b8\x1b[{rows}B\r"
        yield Segment(sequence, None, [(ControlType.CURSOR_MOVE_TO_COLUMN, 0)])

    def cleanup(self) -> None:
        """Do nothing: the terminal forgets a picture whose lines are erased."""
