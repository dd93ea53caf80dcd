"""Run commands on a terminal: in this process as if there were one, or programs on a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

__all__ = ["TerminalRunner", "read_terminal"]


class TerminalRunner(CliRunner):
    """A runner whose streams say that they are terminals."""

    @contextmanager
    def isolation(self, *arguments: Any, **settings: Any) -> Generator[Any, None, None]:
        with super().isolation(*arguments, **settings) as streams:
            for stream in (sys.stdout, sys.stderr):
                vars(stream)["isatty"] = lambda: True
            yield streams


def read_terminal(line: Sequence[str], streams: Sequence[str], **environment: str) -> str:
    """What a program writes to a terminal of 80 columns.

    Args:
        line: the program and its arguments.
        streams: which of ``stdin``, ``stdout`` and ``stderr`` are the terminal; the others are the null device.
        environment: further variables.
    """
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    variables |= {"COLUMNS": "80", "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parent.parent)}
    ends: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with subprocess.Popen(line, **ends | dict.fromkeys(streams, theirs), env=variables | environment):
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not piece:
                break
            written += piece
    os.close(ours)
    return written.decode()
