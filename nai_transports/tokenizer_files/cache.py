"""The cache of tokenizer files: files are read up to a limit, verified, and written completely or not at all.

If a publisher may change a file, its SHA-256 is not known in advance. It is then recorded after the download, in a file
beside it whose name ends in ``.sha256``, so that damage is found in every file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nai_proto.errors import MissingExtra

from ..files import make_directories, read, write

__all__ = ["MAX_FILE_BYTES", "cache_directory", "find_verified", "read_verified", "store"]

MAX_FILE_BYTES: Final = 64 * 2**20
"""The largest known file has 9 MB."""


def cache_directory() -> Path:
    """Return the directory of downloaded files: ``tokenizers`` in the user's cache for nai-proto.

    Raises:
        MissingExtra: the extra ``tokenizers`` is missing.
    """
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        raise MissingExtra("tokenizer files need platformdirs (the extra 'tokenizers')", extra="tokenizers") from None
    return user_cache_path("nai-proto", appauthor=False) / "tokenizers"


def find_verified(files: Mapping[str, str | None], directory: Path) -> bytes | None:
    """Return the first of these files that is in ``directory`` and undamaged."""
    for name, digest in files.items():
        data = read_verified(directory / name, digest or _recorded_digest(directory / name))
        if data is not None:
            return data
    return None


def store(path: Path, data: bytes, *, record_digest: bool = False) -> None:
    """Write a file, completely or not at all; with ``record_digest``, write its SHA-256 beside it.

    Raises:
        FileError: it cannot be written, or its directory cannot be created.
    """
    make_directories(path.parent)
    write(path, data)
    if record_digest:
        write(_digest_path(path), hashlib.sha256(data).hexdigest().encode())


def read_verified(path: Path, digest: str | None) -> bytes | None:
    """Return the file's content, if it exists and has this SHA-256."""
    if digest is None or not os.path.isfile(path) or path.stat().st_size > MAX_FILE_BYTES:
        return None
    data = read(path)
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _recorded_digest(path: Path) -> str | None:
    digest = _digest_path(path)
    return read(digest).decode("ascii", "replace").strip() if os.path.isfile(digest) else None
