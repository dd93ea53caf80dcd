"""Keys that are typed while lines of a terminal are drawn over: they would move the lines, some of which would stay."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from .signals import exit_on_signals
from .terminals import is_terminal

__all__ = ["hide_typing"]


@contextmanager
def hide_typing() -> Generator[None, None, None]:
    """Show no typed keys while the block runs. The shell gets them, or whatever reads next.

    Only the main thread can: elsewhere a signal could end the program before the terminal is as it was.
    """
    try:
        import termios  # Windows has none
    except ModuleNotFoundError:
        yield
        return
    is_main = threading.current_thread() is threading.main_thread()
    terminal = sys.stdin.fileno() if is_main and is_terminal(sys.stdin) else None
    if terminal is None or not _is_in_foreground(terminal):  # in the background, a change would stop the program
        yield
        return
    before = termios.tcgetattr(terminal)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    with exit_on_signals():
        termios.tcsetattr(terminal, termios.TCSANOW, quiet)
        try:
            yield
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _is_in_foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it is the terminal of other programs
        return False
