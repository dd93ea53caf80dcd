"""Show the progress of a download."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final, TypeAlias

from ..terminal_echo import hide_typing
from ..terminals import can_draw

__all__ = ["Progress", "show_progress"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the task, the number of bytes that are done, and the total number; 0 if that is unknown."""

_BAR_WIDTH: Final = 10


@contextmanager
def show_progress(progress: Progress | None) -> Generator[Progress, None, None]:
    """Return the caller's progress function; or one that shows a bar (with rich, on a terminal) or a line for each task."""
    if progress is not None:
        yield progress
    elif _can_show_bar():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        columns = (
            TextColumn(
                "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            BarColumn(bar_width=_BAR_WIDTH),
            DownloadColumn(table_column=Column(no_wrap=True)),
            TransferSpeedColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            TextColumn("left", "progress.remaining", table_column=Column(no_wrap=True)),
        )
        with hide_typing(), Bar(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda name, done, total: bar.update(task, description=name, completed=done, total=total or None)
    else:
        written: set[str] = set()

        def write_line(task: str, done: int, total: int) -> None:  # noqa: ARG001 -- a line does not show them
            if task not in written and sys.stderr is not None:
                written.add(task)
                sys.stderr.write(f"{task} …\n")

        yield write_line


def _can_show_bar() -> bool:
    """Return whether stderr is a terminal on which one can be drawn, and rich is installed."""
    return can_draw(sys.stderr) and find_spec("rich") is not None
