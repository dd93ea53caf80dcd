"""Tokenizer files of installed packages, which are read without importing anything.

A package may have files in its wheel, or have downloaded them beside its modules, as novelai-python does with those of
NovelAI's website.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from nai_proto.errors import InvalidFile
from nai_proto.tokenizers import read

from ..files import read as read_file
from .cache import MAX_FILE_BYTES, read_verified

__all__ = ["find_installed"]

_FOLDERS: Final = {"novelai-api": "novelai_api/tokenizers", "novelai-python": "novelai_python/tokenizer"}
"""The folders with tokenizer files, by the names of the distributions."""


def find_installed(files: Mapping[str, str | None]) -> bytes | None:
    """Return the first of these files that an installed package has, undamaged.

    A file whose SHA-256 is not known must be a tokenizer file.

    Args:
        files: names, each with its SHA-256 or None.
    """
    for distribution, folder in _FOLDERS.items():
        try:
            directory = Path(str(metadata.distribution(distribution).locate_file(folder)))
        except metadata.PackageNotFoundError:
            continue
        for name, digest in files.items():
            data = _read_readable(directory / name) if digest is None else read_verified(directory / name, digest)
            if data is not None:
                return data
    return None


def _read_readable(path: Path) -> bytes | None:
    """Return the file's content if it exists and is a tokenizer file."""
    if not os.path.isfile(path) or path.stat().st_size > MAX_FILE_BYTES:
        return None
    data = read_file(path)
    try:
        read(data, name=path.name)
    except InvalidFile:
        return None
    return data
