"""Conversations on disk: each in a file of its own, and in the platform's state directory which one was saved last.

A file is written whole after each turn, atomically, so that a crash loses nothing. It is never written over anything but
what this program read from it or wrote to it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from nai_proto.errors import FileError, InvalidFile, InvalidRequestError, NaiError

from ... import files
from ..common.output_files import check_directory
from .conversation import Conversation, format_conversation, parse_conversation

__all__ = ["ConversationFile", "find_last_saved", "state_directory"]

_LAST_SAVED: Final = "last-conversation"


class ConversationFile:
    """The file of one conversation; it may not exist yet.

    Args:
        path: of the file.
        data: what it holds; None if it does not exist.
    """

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        self.path: Final = path
        self._data = data
        self._is_remembered = False

    @classmethod
    def create(cls, path: Path) -> Self:
        """Return a file that does not exist yet; `save` creates it.

        Raises:
            FileError: there is something of this name, or no directory for it.
        """
        if os.path.lexists(path):
            raise FileError(
                f"{path} already exists (--load or /load goes on with a saved conversation)", path=str(path)
            )
        check_directory(path.parent)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> tuple[Self, Conversation]:
        """Return an existing file, and the conversation that it holds.

        Raises:
            FileError: it cannot be read.
            InvalidFile: it holds no conversation.
        """
        data = files.read(path)
        try:
            return cls(path, data), parse_conversation(data, where=str(path))
        except NaiError as error:
            problem = str(error)
        raise InvalidFile(problem, path=str(path))

    def save(self, conversation: Conversation) -> None:
        """Write the conversation.

        Raises:
            FileError: it cannot be written, or another program has changed the file.
        """
        data = format_conversation(conversation)
        if self._data is None:
            self._write_first(data)
        elif self._data != data:
            if files.read(self.path) != self._data:
                raise FileError(
                    f"{self.path} was changed by another program, so it is not written", path=str(self.path)
                )
            files.write(self.path, data)
        self._data = data
        if not self._is_remembered:
            _remember(self.path)
            self._is_remembered = True

    def _write_first(self, data: bytes) -> None:
        """Create the file with its content, or not at all: an empty one would be no conversation."""
        files.create(self.path)
        try:
            os.chmod(self.path, 0o600)  # while it is empty; writing keeps it
            files.write(self.path, data)
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise


def find_last_saved() -> Path:
    """Return the path of the conversation that was saved last.

    Raises:
        InvalidRequestError: none was saved.
    """
    try:
        return Path(os.fsdecode(files.read(state_directory() / _LAST_SAVED)))
    except FileError:
        pass
    raise InvalidRequestError("no conversation was saved yet; nai chat --save FILE saves one")


def state_directory() -> Path:
    """Return the directory for what programs keep between their runs."""
    from platformdirs import user_state_path

    return user_state_path("nai-proto", appauthor=False)


def _remember(path: Path) -> None:
    """Note which conversation was saved last; if that fails, ``--load`` still takes the file's name."""
    try:
        files.make_directories(state_directory())
        files.write(state_directory() / _LAST_SAVED, os.fsencode(os.path.realpath(path)))
    except FileError:
        pass
