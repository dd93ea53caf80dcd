"""Standard output and standard error that never end in a traceback.

A program's stdout may be closed, full, a pipe that nobody reads any more, or of an encoding that lacks a character. Then
`OutputFailed` is raised, which ends the program with status 1 whatever it was doing. Notes on stderr that cannot be written
are lost, and change nothing.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import Any, Final, TextIO

__all__ = ["OutputFailed", "end_line", "flush_standard_output", "guard_standard_streams"]

_ENCODING_ERRORS: Final = "nai.stdout"
"The name of our handler for characters that stdout's encoding lacks."
_ASCII: Final = "nai-ascii"
_ERRORS_OF_A_CLOSED_PIPE: Final = (errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN)


class OutputFailed(SystemExit):
    """Standard output does not take what is written to it: the program ends with status 1.

    Attributes:
        reason: what to tell the person; empty if a pipe was closed, as by ``head``, since nobody waits for the rest.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(1)
        self.reason = reason


class _GuardedFile(io.RawIOBase):
    """The file below a standard stream.

    Args:
        raw: the file; None if it was closed when the program started.
        is_result: is it stdout's, whose errors end the program? Those of stderr are ignored.
    """

    def __init__(self, raw: Any, *, is_result: bool) -> None:
        self._raw = raw
        self._is_result = is_result
        self._has_failed = False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw is not None and bool(self._raw.isatty())

    def fileno(self) -> int:
        if self._raw is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        number: int = self._raw.fileno()
        return number

    def write(self, data: Any) -> int:
        if not self._has_failed:
            try:
                return self._write(data)
            except OSError as error:
                number, reason = error.errno, error.strerror or str(error)
            self._has_failed = True  # what is still buffered is dropped, at the latest when the interpreter ends
            if self._is_result:
                raise OutputFailed(_explain(number, reason))
        return len(data)

    def _write(self, data: Any) -> int:
        number = self.fileno()
        while (written := self._raw.write(data)) is None:  # another program made the terminal or the pipe non-blocking
            import select

            select.select((), (number,), ())
        count: int = written
        return count


def _explain(number: int | None, reason: str) -> str:
    """Return what to tell of stdout's error."""
    if number in _ERRORS_OF_A_CLOSED_PIPE:
        return ""
    return "stdout is closed" if number == errno.EBADF else f"stdout cannot be written: {reason}"


class _GuardedStream(io.TextIOWrapper):
    """A standard stream; it knows whether a line has been begun."""

    is_in_line = False

    def write(self, text: str, /) -> int:
        if text:
            self.is_in_line = not text.endswith("\n")
        return super().write(text)


def guard_standard_streams() -> None:
    """Replace ``sys.stdout`` and ``sys.stderr`` by guarded streams, and ``sys.stdin`` by an empty one if it is closed."""
    _occupy_standard_descriptors()
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 -- to the program's end
    codecs.register_error(_ENCODING_ERRORS, _refuse_character)
    codecs.register(_find_codec)
    sys.stdout = _guard(sys.stdout, errors=_ENCODING_ERRORS, is_result=True)
    sys.stderr = _guard(sys.stderr, errors="backslashreplace", is_result=False)


def _guard(stream: TextIO | None, *, errors: str, is_result: bool) -> TextIO:
    raw = None if stream is None else getattr(stream.buffer, "raw", stream.buffer)
    buffer: Any = io.BufferedWriter(_GuardedFile(raw, is_result=is_result))
    encoding = "utf-8" if stream is None else stream.encoding
    if codecs.lookup(encoding).name == "ascii":
        encoding = _ASCII
    return _GuardedStream(buffer, encoding, errors, line_buffering=not is_result or buffer.isatty())


def _occupy_standard_descriptors() -> None:
    """Open the null device in the place of closed streams, so that no socket or file gets their numbers."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)


def _find_codec(name: str) -> codecs.CodecInfo | None:
    """Return ASCII under our name: click takes a stream of ASCII for misconfigured, and writes UTF-8 to it."""
    if name.replace("_", "-") != _ASCII:
        return None
    codec = codecs.lookup("ascii")
    return codecs.CodecInfo(
        codec.encode,
        codec.decode,
        incrementalencoder=codec.incrementalencoder,
        name=_ASCII,
    )


def _refuse_character(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    character = f"U+{ord(error.object[error.start]):04X}"
    raise OutputFailed(f"stdout is {error.encoding}, which lacks {character}: set PYTHONIOENCODING=utf-8")


def flush_standard_output() -> None:
    """Write what stdout has buffered.

    Raises:
        OutputFailed: stdout does not take it.
    """
    sys.stdout.flush()


def end_line() -> None:
    """Begin a new line on stderr if one has been begun on stdout, and both are shown at one place."""
    stdout: Any = sys.stdout
    stderr = sys.stderr
    if not getattr(stdout, "is_in_line", False):
        return
    try:
        stdout.flush()
        is_one_place = (stdout.isatty() and stderr.isatty()) or os.path.sameopenfile(stdout.fileno(), stderr.fileno())
    except (OSError, OutputFailed):
        return
    if is_one_place:
        stderr.write("\n")
        stderr.flush()
        stdout.is_in_line = False
