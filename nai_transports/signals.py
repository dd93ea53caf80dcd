"""Signals that would end a command: held back while a file is written, and turned into an exception that cleans up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

__all__ = ["exit_on_signals", "hold_signals"]

_KILLED: Final = 128
"""What a shell adds to a signal's number for the exit status of a program that it ended."""
_ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that end a program without a word, unless it handles them."""


@contextmanager
def exit_on_signals() -> Generator[None, None, None]:
    """Raise SystemExit in the block when the program is to end, as by kill or a closed terminal.

    Otherwise it would end at once, and leave files behind that are not finished. Handlers that are there already stay.
    """

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(_KILLED + number)

    ending = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    with _replace_handlers(ending, end):
        yield


@contextmanager
def hold_signals() -> Generator[None, None, None]:
    """Hold Ctrl-C and the signals that end a program back while the block runs; deliver them at its end."""
    held: list[int] = []
    handled = [number for number in (signal.SIGINT, *_ENDING) if signal.getsignal(number) is not signal.SIG_IGN]
    try:
        with _replace_handlers(handled, lambda number, _: held.append(number)):
            yield
    finally:
        for number in held[:1]:
            signal.raise_signal(number)


@contextmanager
def _replace_handlers(
    numbers: Iterable[int], handler: Callable[[int, FrameType | None], Any]
) -> Generator[None, None, None]:
    """Handle signals by a function while the block runs. Only the main thread can; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    replaced = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, old in replaced:
            signal.signal(number, old if old is not None else signal.SIG_DFL)
