"""Progress on a terminal: a line with a bar for each task of a command, which is erased at the end."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nai_proto.library import LoadEvent

__all__ = ["ProgressDisplay", "show_progress"]


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

    def update(self, task: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` parts of a task are done; add its line at the first call."""
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
            self.update(event.type, event.done, event.total)
        elif self._progress is not None and self._first is not None:
            self._progress.update(self._first, description="opening")


@contextmanager
def show_progress(first: str) -> Generator[ProgressDisplay, None, None]:
    """Show progress on stderr while the block runs, and erase it at the end; show nothing if stderr is not a terminal.

    Args:
        first: what is done until the first task starts.
    """
    if not is_terminal(sys.stderr):
        yield ProgressDisplay(None, first)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield ProgressDisplay(progress, first)
