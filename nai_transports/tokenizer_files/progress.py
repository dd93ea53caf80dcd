"""Show the progress of a download."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeAlias

__all__ = ["Progress", "show_progress"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the task, the number of bytes that are done, and the total number; 0 if that is unknown."""


@contextmanager
def show_progress(progress: Progress | None) -> Generator[Progress, None, None]:
    """Return the caller's progress function; or one that shows a bar (with rich, on a terminal) or a line for each task."""
    if progress is not None:
        yield progress
    elif sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") is not None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda name, done, total: bar.update(task, description=name, completed=done, total=total or None)
    else:
        written: set[str] = set()

        def write_line(task: str, done: int, total: int) -> None:  # noqa: ARG001 -- a line does not show them
            if task not in written and sys.stderr is not None:
                written.add(task)
                sys.stderr.write(f"{task} …\n")

        yield write_line
