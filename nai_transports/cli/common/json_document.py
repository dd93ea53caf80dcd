"""What ``--json`` prints: one document, made of a dataclass or struct that says which keys it has.

docs/command-line.md has the shape of each command's document, and a test compares them. A key is always there: what is not
known is null. Times are ISO 8601 in UTC, such as ``2026-03-01T09:30:00Z``.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec
import typer

from nai_proto.codecs.secret_box import write_json

__all__ = ["print_json", "to_time"]

_NOT_ASCII: Final = re.compile("[^\\x00-\\x7f]+")


def print_json(document: object) -> None:
    """Print a document: a dataclass, a struct, or a list or dict of them. Where stdout is not UTF-8, it is ASCII."""
    text = write_json(msgspec.to_builtins(document)).decode()
    typer.echo(text if sys.stdout.encoding.lower() == "utf-8" else _NOT_ASCII.sub(_escape, text))


def _escape(characters: re.Match[str]) -> str:
    return json.dumps(characters[0])[1:-1]


def to_time(seconds: float | None) -> datetime | None:
    """Return the time for a document; None if it is unknown, or outside of the years 1 to 9999.

    Args:
        seconds: since 1970.
    """
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
