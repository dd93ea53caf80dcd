"""Tokenizer files on this machine: read within bounds, checked, and written whole or not at all.

A file whose publisher may change it has no SHA-256 that is known beforehand. What was kept of it has one all the same, in
a file beside it whose name ends in ``.sha256``: so damage is found, whatever the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from nai_proto.errors import MissingExtra

from ..files import read, write

__all__ = ["LARGEST", "cache_directory", "keep", "kept", "sound"]

LARGEST: Final = 64 * 2**20
"""Bytes of one file; the largest known has 9 MB."""


def cache_directory() -> Path:
    """Where fetched files are kept: ``tokenizers`` in the user's cache for nai-proto.

    Raises:
        MissingExtra: the extra ``tokenizers`` is missing.
    """
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        raise MissingExtra("tokenizer files need platformdirs: pip install 'nai-proto[tokenizers]'") from None
    return user_cache_path("nai-proto", appauthor=False) / "tokenizers"


def kept(files: Mapping[str, str | None], directory: Path) -> bytes | None:
    """The first of these files that is in ``directory`` undamaged."""
    for name, digest in files.items():
        data = sound(directory / name, digest or _recorded(directory / name))
        if data is not None:
            return data
    return None


def keep(path: Path, data: bytes, *, recorded: bool = False) -> None:
    """Writes a file, whole or not at all; ``recorded`` puts its SHA-256 beside it.

    Raises:
        FileError: it cannot be written.
    """
    with suppress(OSError):  # which `write` tells, too
        path.parent.mkdir(parents=True, exist_ok=True)
    write(path, data)
    if recorded:
        write(_beside(path), hashlib.sha256(data).hexdigest().encode())


def sound(path: Path, digest: str | None) -> bytes | None:
    """The file, if it is there and has this SHA-256."""
    if digest is None or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    data = read(path)
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _recorded(path: Path) -> str | None:
    beside = _beside(path)
    return read(beside).decode("ascii", "replace").strip() if beside.is_file() else None
