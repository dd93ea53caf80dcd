"""Vibe files on disk: read, written, and a folder of them that keeps what was paid for.

See docs/protocol/image.md#85-vibe-files.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from nai_proto.codecs.vibes import Vibe, VibeBundle, read_vibe_file, write_vibe_file
from nai_proto.errors import FileError, InvalidFile, NaiError, RemoteProtocolError
from nai_proto.image.vibes import VibeSource, kept

from . import files

__all__ = ["VibeFolder", "load_vibes", "save_vibes"]


def load_vibes(path: str | os.PathLike[str]) -> Vibe | VibeBundle:
    """What a ``.naiv4vibe`` or ``.naiv4vibebundle`` file holds; `nai_proto.image.vibes_of` makes of it what a request takes.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is damaged; names the file.
    """
    data = files.read(path)
    try:
        return read_vibe_file(data)
    except RemoteProtocolError as error:
        problem = str(error)
    raise InvalidFile(f"{os.fspath(path)}: {problem}", path=os.fspath(path))


def save_vibes(vibes: Vibe | VibeBundle, path: str | os.PathLike[str]) -> None:
    """Writes such a file, whole or not at all.

    Raises:
        InvalidRequestError: a document holds what JSON has no form for.
        FileError: the file cannot be written.
    """
    files.write(path, write_vibe_file(vibes))


class VibeFolder:
    """A `nai_proto.image.VibeCache` in a folder: a vibe file for each picture, which the website reads too.

    What is encoded with a mask or seeds, for which its files have no place, has files of its own. A file that is damaged, or
    is not about the picture that its name says, holds nothing, and is replaced when there is something to keep. Of two
    programs that add to the same file in the same moment one may lose what it added.

    Args:
        path: of the folder, which is made when something is to be kept.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def get(self, source: VibeSource, /) -> bytes | None:
        """What was kept for this; None if nothing was."""
        file = self._file(source)
        share = source.information_extracted if source.plain else None
        try:
            return None if file is None else file.encoding(source.model_key, share)
        except RemoteProtocolError:
            return None  # one encoding in it is damaged

    def put(self, source: VibeSource, encoding: bytes, /) -> None:
        """Keeps what was made of this.

        Raises:
            FileError: it cannot be written.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = error.strerror
        else:
            now = time.time_ns() // 1_000_000
            return save_vibes(kept(source, encoding, self._file(source), created_at=now), self._at(source))
        raise FileError(f"{self._path} cannot be made: {problem}", path=str(self._path))

    def _file(self, source: VibeSource) -> Vibe | None:
        at = self._at(source)
        try:
            found = load_vibes(at) if at.is_file() else None
        except NaiError:
            return None
        if not isinstance(found, Vibe) or not found.intact or (source.plain and found.id != source.name):
            return None
        return found

    def _at(self, source: VibeSource) -> Path:
        return self._path / f"{source.name}.naiv4vibe"
