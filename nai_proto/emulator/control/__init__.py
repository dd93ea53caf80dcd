"""An emulator's control over HTTP, under ``/_emulator/``: its requests, replies, faults and accounts, and a console."""

from __future__ import annotations

from .control_app import CONTROL, KEY_HEADER, ControlApp

__all__ = ["CONTROL", "KEY_HEADER", "ControlApp"]


def __dir__() -> list[str]:
    return __all__
