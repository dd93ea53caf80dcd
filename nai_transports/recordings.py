"""Recordings on disk: written as they grow, and read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from nai_proto.emulator.recording import Exchange, Recorded, Recording, Redaction, decode, encode, header
from nai_proto.errors import FileError, InvalidFile
from nai_proto.exchange.reply import App

from . import files

__all__ = ["load_recording", "recording"]


def load_recording(path: str | os.PathLike[str]) -> Recorded:
    """What a file has recorded.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is no recording, or it is damaged; names the file.
    """
    data = files.read(path)
    try:
        return decode(data)
    except InvalidFile as error:
        problem = str(error)
    raise InvalidFile(f"{os.fspath(path)}: {problem}", path=os.fspath(path))


@contextmanager
def recording(
    app: App,
    path: str | os.PathLike[str],
    *,
    contents: bool = False,
    failed: Callable[[str], None] = lambda _: None,
) -> Generator[App, None, None]:
    """``app`` with all its exchanges written to a new file while the block runs, each at once when it is over.

    Nobody but the owner may read the file. What is secret is not in it (`nai_proto.emulator.recording.Redaction`).

    Args:
        app: what answers.
        path: of the file, which must not be there yet.
        contents: do prompts, answers and what is stored go into it?
        failed: is told, once, why the recording ends here when nothing more can be written. The app goes on.

    Raises:
        FileError: the file is there already, or cannot be made.
    """
    redaction = Redaction(os.urandom(32), contents=contents)
    file = _made(path)
    working = True

    def put(line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[os.write(file, left) :]

    def write(exchange: Exchange) -> None:
        nonlocal working
        if not working:
            return
        try:
            put(encode(redaction.redacted(exchange)))
        except OSError as error:
            working = False
            failed(f"{os.fspath(path)} cannot be written: {error.strerror}")

    try:
        put(header(contents=contents))
        yield Recording(app, write, time.monotonic)
    finally:
        working = False
        os.close(file)


def _made(path: str | os.PathLike[str]) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{os.fspath(path)} cannot be made: {problem}", path=os.fspath(path))
