"""The `nai` command. Its look needs the extra ``cli``; without it, it says so."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line."""
    try:
        from .app import app
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        sys.exit("The nai command needs the extra cli: pip install 'nai-proto[cli]'")
    app()
