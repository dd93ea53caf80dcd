"""Telling how a fetch goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeAlias

__all__ = ["Progress", "shown"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how many bytes of it are done, and of how many; 0 where that is not known."""


@contextmanager
def shown(progress: Progress | None) -> Generator[Progress, None, None]:
    """The caller's progress; else a bar where rich and a terminal are, else a line on stderr for each thing done."""
    if progress is not None:
        yield progress
    elif sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") is not None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total or None)
    else:
        said: set[str] = set()

        def line(what: str, done: int, total: int) -> None:  # noqa: ARG001 -- a line has no place for them
            if what not in said and sys.stderr is not None:
                said.add(what)
                sys.stderr.write(f"{what} …\n")

        yield line
