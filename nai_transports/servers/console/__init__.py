"""The emulator's console in the browser: a page, its style and its script, which `nai emulate --console` serves."""

from __future__ import annotations

from importlib import resources
from typing import Final

__all__ = ["load_console"]

_FILES: Final = ("index.html", "console.css", "console.js")


def load_console() -> dict[str, bytes]:
    """Return the console's files by name, for `nai_proto.emulator.control.ControlApp`."""
    directory = resources.files(__name__)
    return {name: directory.joinpath(name).read_bytes() for name in _FILES}
