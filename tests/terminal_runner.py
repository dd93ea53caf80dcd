"""Run commands in this process as if stdout and stderr were a terminal."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from typer.testing import CliRunner

__all__ = ["TerminalRunner"]


class TerminalRunner(CliRunner):
    """A runner whose streams say that they are terminals."""

    @contextmanager
    def isolation(self, *arguments: Any, **settings: Any) -> Generator[Any, None, None]:
        with super().isolation(*arguments, **settings) as streams:
            for stream in (sys.stdout, sys.stderr):
                vars(stream)["isatty"] = lambda: True
            yield streams
