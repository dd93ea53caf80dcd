"""Progress on a terminal: a line for each task of a command with a bar, its rate and the time that is left.

The lines are on stderr and are erased at the end. There are none if stderr is no terminal, or with ``--quiet``. Notes are
printed above them, and stay. With TERM=dumb nothing is drawn or erased: each task is named in a line when it begins.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ...terminal_echo import hide_typing
from ...terminals import can_draw, is_terminal
from .notes import print_note, printing_above
from .output import open_console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nai_proto.library import LoadEvent

__all__ = ["ProgressDisplay", "format_pace", "show_progress"]

_BAR_WIDTH: Final = 24
_TASKS: Final = {"storycontent": "contents of stories"}
"What people call a type of objects."
_MINUTE: Final = 60
_HOUR: Final = 3600


class ProgressDisplay:
    """A line with a bar for each task, and before them a line for what is done until the first one starts.

    Args:
        progress: shows the lines; None shows nothing.
        first: what is done until the first task starts.
    """

    def __init__(self, progress: Progress | None, first: str) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._first = None if progress is None else progress.add_task(first, total=None)

    def update(self, task: str, done: int, total: int | None) -> None:
        """Show that ``done`` of ``total`` parts of a task are done, if that is known; add its line at the first call."""
        if self._progress is None:
            return
        if task not in self._tasks:
            self._tasks[task] = self._progress.add_task(task, total=None)
        self._progress.update(self._tasks[task], completed=done, total=total)

    def hide_first(self) -> None:
        """Hide the line for what was done until the first task."""
        if self._progress is not None and self._first is not None:
            self._progress.update(self._first, visible=False)

    def show_event(self, event: LoadEvent) -> None:
        """Show how much of a library is loaded."""
        from nai_proto.library import KeystoreOpened

        if not isinstance(event, KeystoreOpened):
            self.update(_TASKS.get(event.type, event.type), event.done, event.total)
        elif self._progress is not None and self._first is not None:
            self._progress.update(self._first, description="opening")


class _PlainDisplay(ProgressDisplay):
    """A line for each task when it begins, for a terminal on which nothing is drawn.

    Args:
        first: what is done until the first task starts.
    """

    def __init__(self, first: str) -> None:
        super().__init__(None, first)
        self._named = set[str]()
        self.update(first, 0, 0)

    def update(self, task: str, done: int, total: int | None) -> None:  # noqa: ARG002 -- a line does not show them
        if task not in self._named:
            self._named.add(task)
            print_note(f"{task} …")


@contextmanager
def show_progress(first: str, *, quiet: bool = False) -> Generator[ProgressDisplay, None, None]:
    """Show progress on stderr while the block runs, and erase it at the end.

    Args:
        first: what is done until the first task starts.
        quiet: show nothing, as if stderr were no terminal?
    """
    if quiet or not can_draw(sys.stderr):
        yield ProgressDisplay(None, first) if quiet or not is_terminal(sys.stderr) else _PlainDisplay(first)
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.text import Text

    class CountColumn(ProgressColumn):
        """How much of a task is done, and of how much; nothing before that is known."""

        def render(self, task: Task) -> Text:
            of = "" if task.total is None else f" of {task.total:,.0f}"
            return Text(f"{task.completed:,.0f}{of}" if of or task.completed else "", "progress.download")

    class PaceColumn(ProgressColumn):
        """The rate of a task, and the time that is left."""

        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            return Text(format_pace(task.speed, task.time_remaining), "progress.remaining")

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_WIDTH),
        CountColumn(),
        PaceColumn(),
    )
    shown = Progress(*columns, console=open_console(stderr=True), transient=True)
    with hide_typing(), shown as progress, printing_above(progress.console):
        yield ProgressDisplay(progress, first)


def format_pace(rate: float | None, left_s: float | None) -> str:
    """Return the rate of a task and the time that is left of it, such as ``12/s, 5 s left``.

    Args:
        rate: parts a second; None or 0 if it is not known.
        left_s: seconds; None if they are not known.
    """
    known: list[str] = []
    if rate:
        slow = rate * _MINUTE < 1
        known.append(
            f"{rate:,.0f}/s" if rate >= 1 else f"{rate * (_HOUR if slow else _MINUTE):.0f}/{'h' if slow else 'min'}"
        )
    if left_s is not None:
        known.append(f"{_format_duration(left_s)} left")
    return ", ".join(known)


def _format_duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
