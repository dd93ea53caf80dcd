"""The first help page, as `nai` prints it without arguments: one screen, without importing anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .command_table import FIRST_PAGE

__all__ = ["format_first_page"]

_GROUP_WIDTH: Final = 10
_NAMES_WIDTH: Final = 26


def format_first_page() -> str:
    """Return the page: at most 30 lines of at most 80 columns."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "Use NovelAI from the command line, or run an emulator of its service."
    yield "Usage: nai COMMAND [OPTIONS]; `nai COMMAND --help` explains one, `nai --version`"
    for group, lines in FIRST_PAGE.items():
        yield ""
        for number, line in enumerate(lines):
            heading = "" if number else group
            yield f"{heading:<{_GROUP_WIDTH}}{', '.join(line.names):<{_NAMES_WIDTH}}{line.summary}"
