"""Files, read whole, and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nai_proto.errors import LocalProtocolError

__all__ = ["read", "write"]


def read(path: str | os.PathLike[str]) -> bytes:
    """The whole file.

    Raises:
        LocalProtocolError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        problem = error.strerror
    raise LocalProtocolError(f"{os.fspath(path)} cannot be read: {problem}")


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a temporary file in the same directory, flushed to the disk, and renames it.

    Raises:
        LocalProtocolError: it cannot be written; what stood there stands there still.
    """
    path = Path(path)
    temporary = ""
    try:
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
