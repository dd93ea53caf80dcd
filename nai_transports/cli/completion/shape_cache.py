"""Keep what a command takes in a file, so that only the first use imports the command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from zlib import crc32

from nai_proto.version import __version__

from .shapes import CommandShape, ParameterShape

__all__ = ["load_shape"]


def load_shape(path: tuple[str, ...]) -> CommandShape:
    """Return what a command takes: from the file of an earlier use, if no command has changed since; else import it.

    Args:
        path: the command's names, such as ``("story", "show")``.
    """
    stamp = _read_stamp()
    file = os.path.join(_find_cache_directory(), f"{'-'.join(path)}.json")
    with suppress(OSError, ValueError, TypeError, LookupError):
        with open(file, encoding="utf-8") as opened:
            kept = json.load(opened)
        if kept["stamp"] == stamp:
            return _from_json(kept["shape"])
    from .shape_reader import import_command, read_shape

    shape = read_shape(import_command(path))
    with suppress(OSError):
        _write(file, json.dumps({"stamp": stamp, "shape": shape}))
    return shape


# ---- the file of an earlier use


def _read_stamp() -> str:
    """Return what changes when a command does: the version, and the times and sizes of the sources."""
    sources = sorted(_scan(os.path.dirname(os.path.dirname(__file__))))
    return f"{__version__} {crc32(repr(sources).encode())}"


def _scan(directory: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                stat = entry.stat()
                yield entry.path, stat.st_mtime_ns, stat.st_size
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _scan(entry.path)


def _find_cache_directory() -> str:
    """Return the platform's place. To import platformdirs for it would take longer than all else here."""
    places = {"darwin": "~/Library/Caches", "win32": os.environ.get("LOCALAPPDATA", "~/AppData/Local")}
    place = places.get(sys.platform) or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.path.join(os.path.expanduser(place), "nai-proto", "completion")


def _write(file: str, text: str) -> None:
    """Write the file, whole or not at all, for its owner only."""
    directory = os.path.dirname(file)
    for each in (os.path.dirname(directory), directory):
        os.makedirs(each, 0o700, exist_ok=True)
    part = f"{file}.{os.getpid()}"
    with open(part, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(text)
    os.replace(part, file)


def _from_json(row: Any) -> CommandShape:
    summary, parameters, commands = row
    return CommandShape(
        summary,
        tuple(
            ParameterShape(name, tuple(options), about, values, is_repeatable, tuple(choices), path)
            for name, options, about, values, is_repeatable, choices, path in parameters
        ),
        {name: _from_json(command) for name, command in commands.items()},
    )
