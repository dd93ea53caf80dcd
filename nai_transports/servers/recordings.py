"""Recordings on disk: written exchange by exchange, and loaded to be replayed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from nai_proto.emulator.recording import (
    RecordedExchange,
    Recorder,
    Recording,
    Redaction,
    decode_recording,
    encode_exchange,
    encode_header,
)
from nai_proto.errors import FileError, InvalidFile
from nai_proto.exchange.reply import App

from .. import files

__all__ = ["load_recording", "record_to_file"]

_MAX_BYTES: Final = 1 << 30
"""Of a recording: that of a long evening with pictures has some hundred MB."""


def load_recording(path: str | os.PathLike[str]) -> Recording:
    """Return the content of a recording's file.

    Raises:
        FileError: the file does not exist or cannot be read.
        InvalidFile: the file is not a recording, or is damaged. The message names the file.
    """
    data = files.read(path, _MAX_BYTES)
    try:
        return decode_recording(data)
    except InvalidFile as error:
        problem = str(error)
    raise InvalidFile(f"{os.fspath(path)}: {problem}", path=os.fspath(path))


@contextmanager
def record_to_file(
    app: App,
    path: str | os.PathLike[str],
    *,
    contents: bool = False,
    on_failure: Callable[[str], None] = lambda _: None,
) -> Generator[App, None, None]:
    """Yield an app that writes each finished exchange of ``app`` to a new file while the block runs.

    Only the owner may read the file. It holds no secrets (`nai_proto.emulator.recording.Redaction`).

    Args:
        app: the app that responds.
        path: the new file; it must not exist yet.
        contents: record prompts, responses and stored contents as well?
        on_failure: called once, with the reason, when the file can no longer be written. The app goes on unrecorded.

    Raises:
        FileError: the file exists already, or cannot be created.
    """
    redaction = Redaction(os.urandom(32), contents=contents)
    file = _create(path, encode_header(contents=contents))
    is_writing = True

    def record(exchange: RecordedExchange) -> None:
        nonlocal is_writing
        if not is_writing:
            return
        try:
            _write_line(file, encode_exchange(redaction.redact(exchange)))
        except OSError as error:
            is_writing = False
            on_failure(f"{os.fspath(path)} cannot be written: {error.strerror}")

    try:
        yield Recorder(app, record, time.monotonic)
    finally:
        is_writing = False
        os.close(file)


def _create(path: str | os.PathLike[str], header: bytes) -> int:
    """Create a new file that only its owner may read, with a recording's first line; return its descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        file = os.open(path, flags, 0o600)
        try:
            _write_line(file, header)
            return file
        except OSError:
            os.close(file)
            os.unlink(path)
            raise
    except FileExistsError:
        problem = "exists already, and a recording replaces no file: give another name"
    except OSError as error:
        problem = f"cannot be created: {error.strerror}"
    raise FileError(f"{os.fspath(path)} {problem}", path=os.fspath(path))


def _write_line(file: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(file, rest) :]
