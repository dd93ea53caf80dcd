"""Message bodies (RFC 9112 §6-7): the framing that a head selects, and a reader and a writer for each framing.

A reader returns the body bytes of one read in one piece, so that a thousand chunks in one read are one event. One pattern
matches all that is between two chunks, ``CRLF size [extensions] CRLF``. A CRLF is put before the first size line, so that
no state "after the data, before its CRLF" is needed. An incomplete size line or trailer is kept for the next read, up to
a limit. Time is linear in the bytes, however the reads are cut: a piece without a line feed cannot end a line, and
only the new part of the trailers is searched for the blank line.

Sizes are read strictly, since two lenient readers could disagree about where a message ends: ``int`` would accept ``+5``,
``0x5``, ``1_0`` and blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import h11

from ..errors import LimitExceeded, LocalProtocolError, RemoteProtocolError, Truncated, excerpt
from ..limits import Limits

__all__ = [
    "BodyFraming",
    "ChunkedReader",
    "ChunkedWriter",
    "FixedReader",
    "FixedWriter",
    "MutedWriter",
    "Reader",
    "UntilCloseReader",
    "UntilCloseWriter",
    "Writer",
    "has_no_body",
    "opens_tunnel",
]

_CRLF: Final = b"\r\n"
# 20 digits, as in h11. Some servers send blanks before CRLF. Only one branch may match them: otherwise matching a line of
# blanks would take quadratic time.
_BETWEEN: Final = re.compile(rb"\r\n([0-9A-Fa-f]{1,20})(?:[ \t]*|;[^\n]*?)\r\n")
_SHORT: Final = 32
_MOST_KNOWN: Final = 256
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")


class FixedReader:
    """A body of a known length (RFC 9112 §6.2).

    Attributes:
        done: the body is complete, and takes no more data.
        rest: the part of the last read that is behind the body.
    """

    __slots__ = ("_left", "done", "rest")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.rest = b""

    def receive_data(self, data: bytes) -> bytes:
        """Return the body bytes of one read."""
        left = self._left = self._left - len(data)
        if left > 0:
            return data
        self.done = True
        if left == 0:
            return data
        self.rest = data[left:]
        return data[:left]

    def receive_eof(self) -> None:
        """Note that the peer has closed.

        Raises:
            Truncated: always, since the body is not complete.
        """
        raise Truncated(f"the connection closed {self._left} bytes before the end of the body")


class UntilCloseReader:
    """A body that ends with the connection (RFC 9112 §6.3, last case); ``done`` and ``rest`` as in `FixedReader`."""

    __slots__ = ("done",)

    rest: Final = b""

    def __init__(self) -> None:
        self.done = False

    def receive_data(self, data: bytes) -> bytes:
        """Return the body bytes of one read: all of it."""
        return data

    def receive_eof(self) -> None:
        """Note that the peer has closed, which ends the body."""
        self.done = True


class ChunkedReader:
    """A body in chunks (RFC 9112 §7.1). Extensions and trailer fields are checked and dropped.

    Attributes:
        done: the body is complete, and takes no more data.
        rest: the part of the last read that is behind the body; while not ``done``, the part to pass in again.
    """

    __slots__ = ("_ending", "_known", "_left", "_limits", "_tail", "done", "rest")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left: int = 0  # bytes that the current chunk still lacks
        self._tail = bytearray(_CRLF)  # an incomplete size line, with the CRLF before it; or trailers
        self._known: dict[bytes, int] = {}  # sizes by their lines: a stream's events have few different sizes
        self._ending = False  # after the last chunk: the tail has the trailers, with the line feed before them
        self.done = False
        self.rest = b""

    def receive_data(self, data: bytes) -> bytes:
        """Return the body bytes of one read.

        Raises:
            LimitExceeded: a size line or the trailers are longer than `Limits` allows.
            RemoteProtocolError: a size line or a trailer field is malformed.
        """
        left, size = self._left, len(data)
        if left >= size:
            self._left = left - size
            return data
        if self._tail:
            if self._ending:
                self._read_trailers(data)
                return b""
            if b"\n" not in data:
                self._keep(data)
                return b""
            data = bytes(self._tail) + data
            size = len(data)
            self._tail.clear()
        pieces = [data[:left]] if left else []
        end, width, get, find = left, 0, self._known.get, data.find
        self._left = 0
        try:
            while True:
                start = end + width  # most lines are as long as the one before
                length = get(data[end:start])
                if not length or start > size:
                    start = find(b"\n", end + 2) + 1  # after the line feed of the CRLF that ends the line
                    if not start:
                        self._keep(data[end:])
                        break
                    length, width = get(data[end:start]) or self._read_line(data, end, start), start - end
                    if not length:
                        self._ending = True
                        self._tail += b"\n"
                        self._read_trailers(data[start:])
                        break
                end = start + length
                pieces.append(data[start:end])
                if end >= size:
                    self._left = end - size
                    break
        except RemoteProtocolError:
            if not pieces:
                raise
            # Return what is before the error. The rest is passed in again, and fails then.
            self.rest = data[end:]
            self._tail.clear()
        return b"".join(pieces)

    def receive_eof(self) -> None:
        """Note that the peer has closed.

        Raises:
            Truncated: always, since the last chunk is missing.
        """
        raise Truncated("the connection closed inside a chunked body")

    def _read_line(self, data: bytes, at: int, end: int) -> int:
        """Return the size in a size line."""
        line = _BETWEEN.fullmatch(data, at, end)
        if line is None:
            raise _malformed(data[at : at + 200])
        if end - at > self._limits.chunk_line + len(_CRLF):
            raise self._too_long(end - at)
        length = int(line[1], 16)
        if len(self._known) < _MOST_KNOWN and end - at <= _SHORT:
            self._known[line[0]] = length
        return length

    def _keep(self, data: bytes) -> None:
        """Keep an incomplete size line, if more data can complete it."""
        self._tail += data
        if not _CRLF.startswith(self._tail[:2]):
            raise _malformed(self._tail[:200])
        if len(self._tail) > self._limits.chunk_line + len(_CRLF):
            raise self._too_long(len(self._tail))

    def _too_long(self, size: int) -> LimitExceeded:
        return LimitExceeded("chunk_line", limit=self._limits.chunk_line, value=size - len(_CRLF))

    def _read_trailers(self, data: bytes) -> None:
        tail, limit = self._tail, self._limits.head
        searched = max(len(tail) - 2, 0)
        tail += data
        blank = _BLANK_LINE.search(tail, searched)
        end = blank.end() if blank else len(tail)
        if end - 1 > limit:
            raise LimitExceeded("trailers", limit=limit, value=end - 1)
        if blank:
            if blank.start():
                _check_trailers(tail[1:end])
            self.done, self.rest = True, bytes(tail[end:])


def _malformed(data: bytes | bytearray) -> RemoteProtocolError:
    return RemoteProtocolError(
        "malformed chunk: CRLF, a hexadecimal size and CRLF are expected",
        excerpt=excerpt(bytes(data)),
    )


def _check_trailers(trailers: bytearray) -> None:
    """Check trailer fields by the rules of header fields: h11 reads them as those of a made-up response."""
    parser = h11.Connection(h11.CLIENT)
    parser.receive_data(b"HTTP/1.1 200 \r\n" + trailers)
    try:
        parser.next_event()
        return
    except h11.RemoteProtocolError:
        pass  # raised below, so that h11's error, which quotes the fields, is not the context
    raise RemoteProtocolError("malformed trailer field", excerpt=excerpt(bytes(trailers)))


Reader: TypeAlias = FixedReader | ChunkedReader | UntilCloseReader
"""Reads one body: call ``receive_data`` until ``done``, and ``receive_eof`` if the peer closes before that."""


class FixedWriter:
    """A body of the Content-Length that its head has (RFC 9112 §6.2)."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    def send_data(self, data: bytes) -> bytes:
        """Return a piece of the body as it is sent.

        Raises:
            LocalProtocolError: the body is longer than its Content-Length.
        """
        if len(data) > self._left:
            raise LocalProtocolError(f"{len(data)} bytes of body where Content-Length leaves {self._left}")
        self._left -= len(data)
        return data

    def send_end(self) -> bytes:
        """Return the end of the body as it is sent.

        Raises:
            LocalProtocolError: the body is shorter than its Content-Length.
        """
        if self._left:
            raise LocalProtocolError(f"the body ends {self._left} bytes before its Content-Length")
        return b""


class ChunkedWriter:
    """A body in chunks, one for each piece (RFC 9112 §7.1)."""

    __slots__ = ()

    def send_data(self, data: bytes) -> bytes:
        """Return a piece of the body as it is sent; nothing for an empty piece, which would mean the end."""
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""

    def send_end(self) -> bytes:
        """Return the end of the body as it is sent."""
        return b"0\r\n\r\n"


class UntilCloseWriter:
    """A body that ends with the connection: the only framing for an unknown length in HTTP/1.0."""

    __slots__ = ()

    def send_data(self, data: bytes) -> bytes:
        """Return a piece of the body as it is sent: unchanged."""
        return data

    def send_end(self) -> bytes:
        """Return nothing: closing the connection ends the body."""
        return b""


class MutedWriter:
    """The body of a response that is sent without one (`has_no_body`): a handler's data is dropped."""

    __slots__ = ()

    def send_data(self, data: bytes) -> bytes:  # noqa: ARG002  drops its argument
        """Return nothing."""
        return b""

    def send_end(self) -> bytes:
        """Return nothing."""
        return b""


Writer: TypeAlias = FixedWriter | ChunkedWriter | UntilCloseWriter | MutedWriter
"""Writes one body: call ``send_data`` for each piece, and ``send_end`` once."""


class BodyFraming:
    """How the header fields of a message frame its body, and whether its connection persists (RFC 9112 §6.3, §9.3).

    Args:
        fields: as h11 accepts them: names in lower case, at most one length, no coding except chunked.

    Attributes:
        chunked: the body is sent in chunks.
        length: the Content-Length, or None. It is suspicious beside ``chunked``.
        close: the sender closes the connection after this exchange.
    """

    __slots__ = ("chunked", "close", "length")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self.close = self.chunked = False
        self.length: int | None = None
        for name, value in fields:
            if name == b"connection":
                self.close = self.close or b"close" in [token.strip() for token in value.lower().split(b",")]
            elif name == b"transfer-encoding":
                self.chunked = True
            elif name == b"content-length":
                self.length = int(value)

    def reader(self, limits: Limits, method: str, status: int | None) -> Reader:
        """Return a reader for the body of a request (if ``status`` is None), or of the response to this method."""
        if status is not None and has_no_body(method, status):
            return FixedReader(0)
        if self.chunked:
            return ChunkedReader(limits)
        if self.length is None and status is not None:
            return UntilCloseReader()
        return FixedReader(self.length or 0)

    def writer(self, method: str, status: int, *, chunks: bool) -> Writer:
        """Return a writer for the body of a response; ``chunks``: does the client speak HTTP/1.1?"""
        if has_no_body(method, status):
            return MutedWriter()
        if self.length is not None and not self.chunked:
            return FixedWriter(self.length)
        return ChunkedWriter() if chunks else UntilCloseWriter()


def opens_tunnel(method: str, status: int) -> bool:
    """Return whether a response with this status opens a tunnel (RFC 9110 §9.3.6)."""
    return method == "CONNECT" and 200 <= status <= 299


def has_no_body(method: str, status: int) -> bool:
    """Return whether a response has no body, whatever its header fields are (RFC 9112 §6.3)."""
    return method == "HEAD" or status in (204, 304) or opens_tunnel(method, status)
