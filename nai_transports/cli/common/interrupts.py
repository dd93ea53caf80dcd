"""Ctrl-C, before and while a command runs."""

import os
import signal

__all__ = ["INTERRUPTED", "end_while_loading", "listen_to_interrupts"]

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


def end_while_loading() -> None:
    """Let Ctrl-C end the program at once, until a command runs.

    A KeyboardInterrupt inside of an import may come out as another exception, or get lost.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def listen_to_interrupts() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from now on: a command has files to tidy up, and something to say."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    os._exit(INTERRUPTED)
