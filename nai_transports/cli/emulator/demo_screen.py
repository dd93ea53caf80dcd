"""The screen of ``nai demo``: a story that is continued, a table that compares transports, a picture, what to try next.

On a terminal it grows as things happen. Elsewhere it is printed once, without the picture.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nai_proto.codecs.pixels import Pixels

from ...terminals import can_draw
from ..common.block_pictures import draw_blocks
from ..common.output import escape_line, escape_lines

__all__ = ["DemoScreen", "ResultDisplay", "StoryDisplay", "TransportRun"]

_PICTURE_ROWS: Final = 13
_REFRESHES_PER_SECOND: Final = 20
_LEAST_WIDTH: Final = 78
"Columns of a terminal that shows the picture and the table side by side, and commands whole beside their purposes."


@dataclass
class TransportRun:
    """The outcome of the flow on one transport."""

    transport: str
    stories_opened: int = 0
    tokens: int = 0
    finish_reason: str | None = None
    first_ms: float = 0.0
    total_ms: float = 0.0
    text: str = ""


@dataclass
class DemoScreen:
    """What the screen shows, and where.

    Args:
        console: where it is printed.
    """

    console: Console
    runs: list[TransportRun] = field(default_factory=list[TransportRun])
    "The transports that are done; the first one's story is on the screen."
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    "Why transports did not run."
    running: str = ""
    "What happens now; empty if nothing does."
    picture: Pixels | None = None
    facts: dict[str, str] = field(default_factory=dict[str, str])
    "What is shown beside the picture, by name."

    @contextmanager
    def show_story(self, remark: str) -> Generator[StoryDisplay, None, None]:
        """Show a story with its title while the block adds to it."""
        with self._grow() as show:
            yield StoryDisplay(show, remark)

    @contextmanager
    def show_results(self) -> Generator[ResultDisplay, None, None]:
        """Show the table and the picture while the block changes them."""
        self.print(Text())
        with self._grow() as show:
            yield ResultDisplay(self, show)

    def print_next(self, commands: Sequence[tuple[Sequence[str], str]]) -> None:
        """Print commands to try, each with what it gives."""
        self.print(Text())
        if self._is_narrow:
            self.print(Text("Try next", "bold"))
            for words, purpose in commands:
                self.print(Text.assemble("  ", (shlex.join(words), "cyan")))
                self.print(Text.assemble("    ", (purpose, "dim")))
            return
        lines = Table.grid(padding=(0, 2, 0, 0))
        for number, (words, purpose) in enumerate(commands):
            heading = "" if number else "Try next"
            lines.add_row(Text(heading, "bold"), Text(shlex.join(words), "cyan"), Text(purpose, "dim"))
        self.print(lines)

    @property
    def _is_narrow(self) -> bool:
        """Return whether the terminal has no room for two things side by side."""
        return self.console.width < _LEAST_WIDTH

    def print(self, shown: RenderableType) -> None:
        """Print something; where it is no terminal, without the blanks that would fill its lines."""
        if self.console.is_terminal:
            self.console.print(shown)
            return
        with self.console.capture() as captured:
            self.console.print(shown)
        self.console.out("\n".join(line.rstrip() for line in captured.get().split("\n")), end="")

    def render_results(self) -> RenderableType:
        """Return the table, and beside it the picture if there is one."""
        beside = Group(self._render_runs(), Text(), self._render_facts())
        if not self.console.is_terminal:
            return beside
        left = Text()
        if self.picture is not None:
            colors = self.console.color_system is not None
            left = draw_blocks(self.picture, _PICTURE_ROWS, colors=colors)
        if self._is_narrow:
            return Group(left, Text(), beside)
        columns = Table.grid(padding=(0, 3, 0, 0))
        columns.add_column(min_width=round(2 * _PICTURE_ROWS * 512 / 768))
        columns.add_column()
        columns.add_row(left, beside)
        return columns

    def _render_runs(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("transport")
        table.add_column("first token", justify="right")
        table.add_column("all", justify="right")
        table.add_column("story")
        for run in self.runs:
            story = self._compare(run)
            table.add_row(run.transport, f"{run.first_ms:.0f} ms", f"{run.total_ms / 1000:.2f} s", story)
        for name, why in self.skipped.items():
            table.add_row(Text(name, "dim"), "", "", Text(why, "dim"))
        if self.running:
            table.add_row(Text(f"{self.running} …", "dim"))
        return table

    def _compare(self, run: TransportRun) -> Text:
        if run is self.runs[0]:
            return Text("above")
        return Text("the same", "green") if run.text == self.runs[0].text else Text("another one", "red")

    def _render_facts(self) -> RenderableType:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column()
        table.add_column(overflow="fold")
        for name, fact in self.facts.items():
            table.add_row(Text(name, "dim"), Text(escape_lines(fact)))
        return table

    @contextmanager
    def _grow(self) -> Generator[Callable[[RenderableType], None], None, None]:
        """Show what the block hands over in the place of what it handed over before; elsewhere, only the last."""
        last: RenderableType = Text()
        if can_draw(sys.stdout):
            with Live(console=self.console, refresh_per_second=_REFRESHES_PER_SECOND) as live:
                yield live.update
            return

        def keep(shown: RenderableType) -> None:
            nonlocal last
            last = shown

        yield keep
        self.print(last)


class StoryDisplay:
    """A story on the screen, to which text is added."""

    def __init__(self, show: Callable[[RenderableType], None], remark: str) -> None:
        self._show = show
        self._head = Text(remark, "dim")
        self._text = Text()

    def begin(self, title: str, text: str) -> None:
        """Show the title, and the text that is there already."""
        self._head = Text.assemble((escape_line(title), "bold"), "  ", self._head)
        self._text.append(escape_lines(text), "dim")
        self._update()

    def add(self, text: str) -> None:
        """Add new text."""
        self._text.append(escape_lines(text))
        self._update()

    def _update(self) -> None:
        self._show(Group(self._head, Padding(self._text, (0, 0, 0, 2))))


class ResultDisplay:
    """The table and the picture on the screen."""

    def __init__(self, screen: DemoScreen, show: Callable[[RenderableType], None]) -> None:
        self._screen = screen
        self._show = show

    def update(self, running: str = "") -> None:
        """Show the screen's runs, picture and facts as they are now, and what happens next."""
        self._screen.running = running if self._screen.console.is_terminal else ""
        self._show(self._screen.render_results())
