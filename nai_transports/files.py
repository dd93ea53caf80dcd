"""Files that people keep, read and written whole: presets (native §12.1)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nai_proto.errors import LocalProtocolError
from nai_proto.text.models import Model
from nai_proto.text.preset import Preset

__all__ = ["load_preset", "save_preset"]


def load_preset(path: str | os.PathLike[str], *, model: Model | str | None = None) -> Preset:
    """The preset in a ``.preset`` file.

    Args:
        path: of the file.
        model: the model that it must be for, or is for if the file does not say.

    Raises:
        LocalProtocolError: there is no such file, it cannot be read, or it is another model's.
        RemoteProtocolError: it is damaged; names the file and what is wrong.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        problem = f"{os.fspath(path)} cannot be read: {error.strerror}"
    else:
        return Preset.loads(data, model=model, where=os.fspath(path))
    raise LocalProtocolError(problem)


def save_preset(preset: Preset, path: str | os.PathLike[str]) -> None:
    """Writes a ``.preset`` file, whole or not at all: what stood there stays until the new file is complete.

    Raises:
        LocalProtocolError: the preset holds what JSON has no form for, or the file cannot be written.
    """
    _write(Path(path), preset.dumps())


def _write(path: Path, data: bytes) -> None:
    """A temporary name in the same directory, flushed to the disk, then renamed."""
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
