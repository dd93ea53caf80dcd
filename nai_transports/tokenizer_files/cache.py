"""Tokenizer files on this machine: read within bounds, checked, and written whole or not at all.

A file whose publisher may change it has no SHA-256 that is known beforehand. What was kept of it has one all the same, in
a file beside it whose name ends in ``.sha256``: so damage is found, whatever the file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nai_proto.errors import LocalProtocolError

__all__ = ["LARGEST", "bytes_of", "cache_directory", "keep", "kept", "sound"]

LARGEST: Final = 64 * 2**20
"""Bytes of one file; the largest known has 9 MB."""


def cache_directory() -> Path:
    """Where fetched files are kept: ``tokenizers`` in the user's cache for nai-proto.

    Raises:
        LocalProtocolError: the extra ``tokenizers`` is missing.
    """
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        raise LocalProtocolError("tokenizer files need platformdirs: pip install 'nai-proto[tokenizers]'") from None
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
        LocalProtocolError: it cannot be written.
    """
    _write(path, data)
    if recorded:
        _write(_beside(path), hashlib.sha256(data).hexdigest().encode())


def sound(path: Path, digest: str | None) -> bytes | None:
    """The file, if it is there and has this SHA-256."""
    if digest is None or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    data = bytes_of(path)
    return data if hashlib.sha256(data).hexdigest() == digest else None


def bytes_of(path: Path) -> bytes:
    """The whole file.

    Raises:
        LocalProtocolError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        problem = error.strerror
    raise LocalProtocolError(f"{path} cannot be read: {problem}")


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _recorded(path: Path) -> str | None:
    beside = _beside(path)
    return bytes_of(beside).decode("ascii", "replace").strip() if beside.is_file() else None


def _write(path: Path, data: bytes) -> None:
    """A temporary name in the same directory, flushed to the disk, then renamed."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = ""
        return
    except OSError as error:
        problem = error.strerror
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    raise LocalProtocolError(f"{path} cannot be written: {problem}")
