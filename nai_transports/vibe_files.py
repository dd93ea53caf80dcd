"""Vibe files on disk: read and write them, and cache encoded vibes in a folder of them.

See docs/protocol/image.md#85-vibe-files.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from nai_proto.codecs.vibe_files import StoredVibe, VibeBundle, read_vibe_file, write_vibe_file
from nai_proto.errors import InvalidFile, NaiError, RemoteProtocolError
from nai_proto.image.vibe_cache import VibeSource, update_vibe_file

from . import files

__all__ = ["VibeFolder", "load_vibes", "save_vibes"]


def load_vibes(path: str | os.PathLike[str]) -> StoredVibe | VibeBundle:
    """Read a ``.naiv4vibe`` or ``.naiv4vibebundle`` file; `nai_proto.image.vibes_from_file` returns the vibes for a request.

    Args:
        path: of the file.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is damaged; the message names the file.
    """
    data = files.read(path)
    try:
        return read_vibe_file(data)
    except RemoteProtocolError as error:
        problem = str(error)
    raise InvalidFile(f"{os.fspath(path)}: {problem}", path=os.fspath(path))


def save_vibes(vibes: StoredVibe | VibeBundle, path: str | os.PathLike[str]) -> None:
    """Write a vibe file, whole or not at all.

    Args:
        vibes: a vibe or a bundle.
        path: of the file.

    Raises:
        InvalidRequestError: a document holds what cannot be written as JSON.
        FileError: the file cannot be written.
    """
    files.write(path, write_vibe_file(vibes))


class VibeFolder:
    """A `nai_proto.image.VibeCache` in a folder: a vibe file for each image, which the website reads too.

    An encoding with a mask or seeds, for which vibe files have no place, gets a file of its own. A file that is damaged, or
    is not for the image that its name says, counts as empty, and is replaced by the next encoding. If two programs add to
    the same file at the same moment, one may lose what it added.

    Args:
        path: of the folder; created with the first encoding.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def get(self, source: VibeSource, /) -> bytes | None:
        """Return the encoding for a source; None if there is none."""
        file = self._load(source)
        share = source.information_extracted if source.is_plain else None
        try:
            return None if file is None else file.encoding(source.model_key, share)
        except RemoteProtocolError:
            return None  # this encoding is damaged

    def put(self, source: VibeSource, encoding: bytes, /) -> None:
        """Keep the encoding of a source.

        Raises:
            FileError: it cannot be written.
        """
        files.make_directories(self._path)
        save_vibes(
            update_vibe_file(source, encoding, self._load(source), created_at=time.time()), self._path_of(source)
        )

    def _load(self, source: VibeSource) -> StoredVibe | None:
        path = self._path_of(source)
        try:
            file = load_vibes(path) if os.path.isfile(path) else None
        except NaiError:
            return None
        if not isinstance(file, StoredVibe) or not file.intact or (source.is_plain and file.id != source.name):
            return None
        return file

    def _path_of(self, source: VibeSource) -> Path:
        return self._path / f"{source.name}.naiv4vibe"
