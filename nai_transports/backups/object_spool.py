"""Objects of an account in a file without a name, while a command that needs them more than once works on them.

A plan needs to know all objects before the first of them is acted on, and memory is not the place for a library. The file is
in the directory that the command works in anyway, where there is room for the objects. It can be read by its owner only, and
is gone when it is closed, also by a kill.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Self

from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject
from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import FileError

__all__ = ["ObjectSpool"]


class ObjectSpool:
    """Keeps objects on the disk: give `keep` to `nai_proto.library.open_library`. Close it, or use it as a context manager.

    Args:
        directory: where the file is, from the first object on; if it does not exist, in the next one above that does.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        path = Path(directory).absolute()
        self._directory = next(each for each in (path, *path.parents) if os.path.isdir(each))
        self._file: IO[bytes] | None = None
        self._size = 0

    def keep(self, type: str, item: OpenedObject) -> OpenedObject:  # noqa: A002, ARG002 -- a KeepObject
        """Write an object to the disk; return it without its content, which is read from there with each use.

        Args:
            type: under which it is listed.
            item: the object as it was opened.

        Raises:
            FileError: it cannot be written.
        """
        document, plaintext = write_json(item.stored.document), item.plaintext
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 -- `close` does it
            self._file.seek(self._size)
            self._file.write(document)
            self._file.write(plaintext)
            self._file.flush()
            problem: str | None = None
        except OSError as error:
            problem = error.strerror
        if problem is not None:
            raise FileError(f"{self._directory} cannot be written: {problem}", path=str(self._directory))
        found = (item.state, item.category, item.problem, item.compressed)
        read = partial(self._read, found, self._size, len(document), len(plaintext))
        self._size += len(document) + len(plaintext)
        return item.outline(read)

    def _read(
        self, found: tuple[OpenedState, str, str, bool], start: int, document: int, plaintext: int
    ) -> OpenedObject:
        assert self._file is not None  # something was written
        self._file.seek(start)
        stored = StoredObject.from_json(json.loads(self._file.read(document)))
        state, category, problem, compressed = found
        return OpenedObject(stored, state, category, problem, self._file.read(plaintext), compressed)

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take is tried once more, and of no use now
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
