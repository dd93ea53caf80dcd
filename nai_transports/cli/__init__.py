"""The `nai` command. It needs the extra ``cli``, and says so if that is not installed."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from .app import app
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        sys.exit("The nai command needs the extra cli: pip install 'nai-proto[cli]'")
    app()
