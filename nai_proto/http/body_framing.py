"""Message bodies (RFC 9112 §6-7): which framing a head asks for, and each framing with a reader and a writer.

A reader takes one read and gives back the body bytes in it, in one piece, so that a thousand chunks in a read are one
event. Between two chunks stands ``CRLF size [extensions] CRLF``: one pattern matches that at once, and the first size
line gets the CRLF it lacks put before it, so there is no state "after the data, before its CRLF" to forget. What is
left of a read, a part of such a line or of the trailers, is kept aside and bounded. Every byte is looked at a constant
number of times, however the reads are cut: a piece without a line feed cannot end a line, and only the new part of
the trailers is searched for the blank line.

Strict where lenience would let two readers disagree about where a message ends: ``int`` would take ``+5``, ``0x5``,
``1_0`` and blanks for a size, the pattern does not.
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
    "bodiless",
    "grants",
]

_CRLF: Final = b"\r\n"
# 20 digits as h11 has them. Blanks before CRLF are what some servers send; one branch alone may match them, or a line
# of blanks would be tried in as many ways as it is long.
_BETWEEN: Final = re.compile(rb"\r\n([0-9A-Fa-f]{1,20})(?:[ \t]*|;[^\n]*?)\r\n")
_SHORT: Final = 32
_MOST_KNOWN: Final = 256
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")


class FixedReader:
    """A body of a known length (RFC 9112 §6.2).

    Attributes:
        done: the body is complete; no more may be given.
        rest: the part of the last read that is not the body's.
    """

    __slots__ = ("_left", "done", "rest")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.rest = b""

    def receive_data(self, data: bytes) -> bytes:
        """The body bytes in one read."""
        left = self._left = self._left - len(data)
        if left > 0:
            return data
        self.done = True
        if left == 0:
            return data
        self.rest = data[left:]
        return data[:left]

    def receive_eof(self) -> None:
        """The peer closed.

        Raises:
            Truncated: it did so before the end of the body.
        """
        raise Truncated(f"the connection closed {self._left} bytes before the end of the body")


class UntilCloseReader:
    """A body that ends with the connection (RFC 9112 §6.3, last case); ``done`` and ``rest`` as in `FixedReader`."""

    __slots__ = ("done",)

    rest: Final = b""

    def __init__(self) -> None:
        self.done = False

    def receive_data(self, data: bytes) -> bytes:
        """The body bytes in one read: all."""
        return data

    def receive_eof(self) -> None:
        """The peer closed, as it should."""
        self.done = True


class ChunkedReader:
    """A body in chunks (RFC 9112 §7.1); extensions and trailer fields are checked for their form and dropped.

    Attributes:
        done: the body is complete; no more may be given.
        rest: the part of the last read that is not the body's, or, while it is not done, that has to be given again.
    """

    __slots__ = ("_ending", "_known", "_left", "_limits", "_tail", "done", "rest")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left: int = 0  # bytes of the open chunk still to come
        self._tail = bytearray(_CRLF)  # a part of a size line, from the CRLF before it; or of the trailers
        self._known: dict[bytes, int] = {}  # what size lines said before: a stream's events have few different sizes
        self._ending = False  # the last chunk is in: the tail is the trailers, from the line feed before them
        self.done = False
        self.rest = b""

    def receive_data(self, data: bytes) -> bytes:
        """The body bytes in one read.

        Raises:
            LimitExceeded: a size line or the trailers are longer than `Limits` allows.
            RemoteProtocolError: something else stands where a size line or a trailer field is due.
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
                    start = find(b"\n", end + 2) + 1  # behind the line feed of the CRLF that comes first
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
            # What stands before the mistake is good. The rest comes again and will fail alone.
            self.rest, self._ending = data[end:], False
            self._tail.clear()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def receive_eof(self) -> None:
        """The peer closed.

        Raises:
            Truncated: always, since a chunked body says itself where it ends.
        """
        raise Truncated("the connection closed inside a chunked body")

    def _read_line(self, data: bytes, at: int, end: int) -> int:
        """What a size line says."""
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
        """Put aside a part of a size line that has not ended, if it may still become one."""
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
                _judge(tail[1:end])
            self.done, self.rest = True, bytes(tail[end:])


def _malformed(found: bytes | bytearray) -> RemoteProtocolError:
    return RemoteProtocolError(
        "malformed chunk: CRLF, its hexadecimal size and CRLF are due here (RFC 9112 §7.1)",
        excerpt=excerpt(bytes(found)),
    )


def _judge(trailers: bytearray) -> None:
    """Trailer fields obey the rules of header fields: h11 judges them as those of an answer that nobody sent."""
    judge = h11.Connection(h11.CLIENT)
    judge.receive_data(b"HTTP/1.1 200 \r\n" + trailers)
    try:
        judge.next_event()
        return
    except h11.RemoteProtocolError as error:  # holds and quotes all of it
        quote = excerpt(str(error))
    raise RemoteProtocolError("malformed trailer field (RFC 9112 §7.1.2)", excerpt=quote)


Reader: TypeAlias = FixedReader | ChunkedReader | UntilCloseReader
"""Reads one body: ``receive_data`` until ``done``, ``receive_eof`` when the peer closed before that."""


class FixedWriter:
    """A body of the length that its head has promised (RFC 9112 §6.2)."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    def send_data(self, data: bytes) -> bytes:
        """A piece of the body as it goes on the wire.

        Raises:
            LocalProtocolError: this is more than was promised.
        """
        if len(data) > self._left:
            raise LocalProtocolError(f"{len(data)} bytes of body where Content-Length leaves {self._left}")
        self._left -= len(data)
        return data

    def send_end(self) -> bytes:
        """The end of the body as it goes on the wire.

        Raises:
            LocalProtocolError: this is less than was promised.
        """
        if self._left:
            raise LocalProtocolError(f"the body ends {self._left} bytes before its Content-Length")
        return b""


class ChunkedWriter:
    """A body in chunks, one for each piece (RFC 9112 §7.1)."""

    __slots__ = ()

    def send_data(self, data: bytes) -> bytes:
        """A piece of the body as it goes on the wire; an empty one is left out, since it would mean the end."""
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""

    def send_end(self) -> bytes:
        """The end of the body as it goes on the wire."""
        return b"0\r\n\r\n"


class UntilCloseWriter:
    """A body that ends with the connection: all that HTTP/1.0 understands when the length is unknown."""

    __slots__ = ()

    def send_data(self, data: bytes) -> bytes:
        """A piece of the body as it goes on the wire: itself."""
        return data

    def send_end(self) -> bytes:
        """Nothing: closing is the end."""
        return b""


class MutedWriter:
    """The body of an answer that has none on the wire (`bodiless`): what a handler gives is dropped."""

    __slots__ = ()

    def send_data(self, data: bytes) -> bytes:  # noqa: ARG002  the pieces are what it mutes
        """Nothing."""
        return b""

    def send_end(self) -> bytes:
        """Nothing."""
        return b""


Writer: TypeAlias = FixedWriter | ChunkedWriter | UntilCloseWriter | MutedWriter
"""Writes one body: ``send_data`` for each piece, ``send_end`` once."""


class BodyFraming:
    """What the header fields of a message say about its body and its connection (RFC 9112 §6.3, §9.3).

    Args:
        fields: names in lower case, values as h11 has accepted them: one length at most, no coding but chunked.

    Attributes:
        chunked: the body goes in chunks.
        length: the Content-Length, or None. Beside ``chunked`` it means nothing good.
        close: the sender will close the connection after this exchange.
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
        """What reads the body of a request (``status`` is None), or of the answer to a request with this method."""
        if status is not None and bodiless(method, status):
            return FixedReader(0)
        if self.chunked:
            return ChunkedReader(limits)
        if self.length is None and status is not None:
            return UntilCloseReader()
        return FixedReader(self.length or 0)

    def writer(self, method: str, status: int, *, chunks: bool) -> Writer:
        """What writes the body of an answer; ``chunks``: the client knows them, it speaks HTTP/1.1."""
        if bodiless(method, status):
            return MutedWriter()
        if self.length is not None and not self.chunked:
            return FixedWriter(self.length)
        return ChunkedWriter() if chunks else UntilCloseWriter()


def grants(method: str, status: int) -> bool:
    """Does this answer to this request open a tunnel (RFC 9110 §9.3.6)?"""
    return method == "CONNECT" and 200 <= status <= 299


def bodiless(method: str, status: int) -> bool:
    """Does this answer to this request end with its head, whatever its fields say (RFC 9112 §6.3)?"""
    return method == "HEAD" or status in (204, 304) or grants(method, status)
