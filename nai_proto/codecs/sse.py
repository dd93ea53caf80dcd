"""Server-sent events, both ways, exactly as in the HTML standard.

One state machine finds lines, fields and blocks in bytes. `SSESplitter` returns events as bytes, for JSON decoders;
`SSEDecoder` returns them as `ServerSentEvent`. The events do not depend on how the bytes are cut, and no bytes make
either raise anything but LimitExceeded.

There are two ways to parse. The general way takes lines from ``bytes.splitlines``, which ends them only at CR, LF and CRLF;
``str.splitlines`` would also cut at U+2028 and U+0085, inside JSON. The fast way is for blocks of ``[event] [id] data``,
which services nearly always send: one regular expression matches all blocks of a read, in a fifth of the time. It runs
only between blocks, on lines that end with LF or CRLF, and leaves the whole read to the general way if a block has
another form.

Time is linear in the bytes for reads of any size: only an incomplete line is read again; it grows in place, and only new
bytes are searched for its end. Memory is bounded by `Limits.line` plus `Limits.event`.

Text is decoded value by value. Line ends, colons and blanks are never part of a longer UTF-8 sequence, not even of a
broken one, so bad bytes become the same U+FFFD as when the stream is decoded first.

See docs/protocol/sse.md#1-the-format.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Final, Generic, NamedTuple, TypeVar

from ..arguments import BYTES, INTEGER, LIMITS, TEXT, check_type, takes
from ..errors import InvalidRequestError, LimitExceeded, LocalProtocolError
from ..limits import Limits

__all__ = ["SSEDecoder", "SSESplitter", "ServerSentEvent", "encode_event"]

_E = TypeVar("_E")

_BOM: Final = b"\xef\xbb\xbf"
_RETRY_DIGITS: Final = (
    18  # thirty million years in milliseconds; more does not fit 64 bits (docs/protocol/sse.md#3-hazards)
)

# A block of the usual form, else all the rest, without a group: so if the last match of findall has data, the matches
# skipped nothing. Id and data are not empty here, since an empty group must mean that the line is absent (for "event" both
# mean the same). "." stops at LF only; "?+", "*+" and "++" do not backtrack.
_USUAL: Final = re.compile(rb"(?:event: ?+(.*+)\n)?(?:id: ?+.++\n)?data: ?+(.++)\n\n|(?s:.+)")
_USUAL_WITH_ID: Final = re.compile(rb"(?:event: ?+(.*+)\n)?(?:id: ?+(.++)\n)?data: ?+(.++)\n\n|(?s:.+)")


class ServerSentEvent(NamedTuple):
    """One event. The repr has no data, which may be private.

    See docs/protocol/sse.md#15-dispatch-empty-line.
    """

    event: str = "message"
    "The type; ``message`` if the block has none."
    data: str = ""
    "All ``data`` lines of the block, joined by LF; may be empty, never has CR."
    id: str = ""
    "The stream's last event id at this event, perhaps set by an earlier block; empty if there is none."
    retry: int | None = None
    """The reconnection time in milliseconds, if this block has one. It is only reported.

    See docs/protocol/sse.md#17-http-side.
    """

    def __repr__(self) -> str:
        retry = "" if self.retry is None else f", retry={self.retry}"
        return f"{type(self).__name__}(event={self.event!r}, id={self.id!r}{retry})"


class _Machine(ABC, Generic[_E]):
    """Parses lines, fields and blocks; subclasses build the events. Use one object per stream."""

    reconnection_time: int | None
    """Milliseconds of the last valid ``retry`` line, as soon as that line ends; None before it.

    See docs/protocol/sse.md#16-end-of-file.
    """
    stray: bytes
    """The first line that is not a field and begins with ``{``, cut at `Limits.error_body`; at the end of the stream also
    an incomplete last line. If the stream ended too early, it may be a JSON error.

    See docs/protocol/openai.md#65-errors-inside-a-stream.
    """

    @takes(limits=LIMITS)
    def __init__(self, limits: Limits = Limits()) -> None:
        self.reconnection_time = None
        self.stray = b""
        self._limits = limits
        self._harmless = min(limits.line, limits.event)  # a read of this size cannot exceed a limit by itself
        self._closed = False
        self._failure: LimitExceeded | None = None  # it followed events; the next call raises it
        self._start = True  # perhaps inside the byte order mark
        self._between = False  # no line or block is open; False: one may be
        self._skip_lf = False  # the last byte was CR
        self._tail = bytearray()  # the incomplete line
        # The open block:
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0  # of the joined data
        self._retry: int | None = None
        # Ids outlive blocks:
        self._id = b""
        self._last_id = b""

    def receive_data(self, data: bytes) -> list[_E]:
        """Return the events that these bytes complete, in order.

        Args:
            data: the next bytes of the stream, cut anywhere. ``b""`` is not its end.

        Raises:
            LimitExceeded: a line is longer than `Limits.line` bytes, or an event's data than `Limits.event`, complete or
                not. If events precede it in the same read, they are returned, and the next call raises. If a line
                exceeds both limits, either may be named.
            LocalProtocolError: after the end or a failure.
        """
        if type(data) is not bytes:
            data = BYTES.convert(data, "data")
        events: list[_E] = []
        tail = self._tail
        if tail and 10 not in data and 13 not in data and not self._start:  # the line only grows
            if self._size + len(tail) + len(data) <= self._harmless:
                tail += data
                return events
        elif not (data or self._closed):
            return events
        try:
            if 13 in data and not self._skip_lf and 13 not in (lf_only := data.replace(b"\r\n", b"\n")):
                data = lf_only  # the same lines, for the fast way
            if not self._between:
                data = self._resume(data, events)
            if 13 not in data and 0 not in data and len(data) <= self._harmless:  # no CR, and no NUL in an id
                end = data.rfind(b"\n\n") + 2
                if end > 1 and (usual := self._match_usual_blocks(data, end)):
                    events += usual
                    data = data[end:]
            if data:
                self._parse_lines(data, events)
        except LimitExceeded as failure:
            self._close()
            if not events:
                raise
            self._failure = failure
        return events

    @abstractmethod
    def _build_event(self) -> _E:
        """Return the event of the open block, at its blank line."""

    @abstractmethod
    def _match_usual_blocks(self, data: bytes, end: int) -> list[_E]:
        """Return the events of ``data[:end]``, which ends at a blank line, if all its blocks are usual; else ``[]``."""

    def _resume(self, data: bytes, events: list[_E]) -> bytes:
        """Parse bytes that may belong to an open line or block; return the rest."""
        if self._closed:
            raise self._closed_error()
        if self._start:
            data = bytes(self._tail) + data
            self._tail.clear()
            if _BOM.startswith(data):
                self._tail += data
                return b""
            self._start = False
            self._between = True
            return data.removeprefix(_BOM)
        block, blank, rest = data.partition(b"\n\n")
        self._parse_lines(block + blank, events)
        return rest

    def _parse_lines(self, data: bytes, events: list[_E]) -> None:
        """Parse any bytes in any state, the general way."""
        if self._skip_lf and data:
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        if not data:
            return
        lines = data.splitlines()
        self._skip_lf = data.endswith(b"\r")
        tail = b"" if data.endswith((b"\n", b"\r")) else lines.pop()
        if lines and self._tail:
            lines[0] = bytes(self._tail) + lines[0]
            self._tail.clear()
        self._between = not (tail or lines[-1] or self._skip_lf)
        most = self._limits.line
        for line in lines:
            if len(line) > most:
                raise LimitExceeded("line", limit=most, value=len(line))
            if line:
                self._parse_field(line)
            else:
                self._end_block(events)
        if tail:
            self._tail += tail
            size = len(self._tail)
            if size > most:
                raise LimitExceeded("line", limit=most, value=size)
            if self._tail.startswith(b"data:"):
                self._check_size(size - len(b"data:") - self._tail.startswith(b"data: "))

    def _parse_field(self, line: bytes) -> None:
        """Parse one line that is not blank.

        See:
            docs/protocol/sse.md#13-lines-to-fields
            docs/protocol/sse.md#14-fields
        """
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._size = self._check_size(len(value))
            self._data.append(value)
        elif name == b"event":
            self._type = value
        elif name == b"id":
            if b"\0" not in value:
                self._id = value
        elif name == b"retry":
            if value.isdigit() and len(value) <= _RETRY_DIGITS:
                self._retry = self.reconnection_time = int(value)
        else:
            self._note_stray(line)

    def _end_block(self, events: list[_E]) -> None:
        """End a block.

        See docs/protocol/sse.md#15-dispatch-empty-line.
        """
        self._last_id = self._id
        if self._data:
            events.append(self._build_event())
            self._data.clear()
            self._size = 0
        self._type = b""
        self._retry = None

    def _check_size(self, more: int) -> int:
        """Return the size of the open block's data with one more line of ``more`` bytes."""
        size = self._size + more + bool(self._data)
        if size > self._limits.event:
            raise LimitExceeded("event", limit=self._limits.event, value=size)
        return size

    def _note_stray(self, line: bytes | bytearray) -> None:
        if not self.stray and line.startswith(b"{"):
            self.stray = bytes(line[: self._limits.error_body])

    def _close(self) -> None:
        self._closed = True
        self._between = False
        self._tail.clear()
        self._data.clear()

    def _receive_eof(self) -> None:
        if self._closed:
            raise self._closed_error()
        self._note_stray(self._tail)
        self._close()

    def _closed_error(self) -> LimitExceeded | LocalProtocolError:
        failure, self._failure = self._failure, None
        return failure or LocalProtocolError("this event stream is over; the next one needs an object of its own")


class SSESplitter(_Machine[tuple[bytes, bytes]]):
    """Splits bytes into events as pairs of type and data, both undecoded; `SSEDecoder` also has their ids.

    The type is ``b""`` if a block has none, which means ``message``. Data lines are joined by LF.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        super().__init__(limits)
        self._named = self._name = b""  # the last event line of a single block, and its type

    def receive_data(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return the events that these bytes complete, in order; arguments and errors as for `SSEDecoder`.

        A read with one usual block, as services send them, is split without the regular expression, which takes longer
        to start than to match.
        """
        if type(data) is not bytes:
            data = BYTES.convert(data, "data")
        if self._between and 13 not in data and len(data) <= self._harmless:
            lines = data.split(b"\n", 5)
            if len(lines) == 5:
                event, id_, text, blank, rest = lines
                if text[:5] == b"data:" and id_[:3] == b"id:" and not (blank or rest):
                    if event != self._named and event.startswith(b"event:"):
                        self._named, self._name = event, event[6 + event.startswith(b"event: ") :]
                    value = text[6:] if text[5:6] == b" " else text[5:]
                    if value and event == self._named:
                        return [(self._name, value)]
        return super().receive_data(data)

    def receive_eof(self) -> None:
        """Receive the end of the stream. An incomplete block is dropped.

        See docs/protocol/sse.md#16-end-of-file.

        Raises:
            LimitExceeded: that of the last `receive_data`, which returned events instead.
            LocalProtocolError: after the end or a failure.
        """
        self._receive_eof()

    def _build_event(self) -> tuple[bytes, bytes]:
        return self._type, b"\n".join(self._data)

    def _match_usual_blocks(self, data: bytes, end: int) -> list[tuple[bytes, bytes]]:
        events: list[tuple[bytes, bytes]] = _USUAL.findall(data, 0, end)
        return events if events[-1][1] else []


class SSEDecoder(_Machine[ServerSentEvent]):
    """Decodes bytes to `ServerSentEvent`; bad UTF-8 becomes U+FFFD.

    ::

        decoder = SSEDecoder()
        for piece in pieces:
            for event in decoder.receive_data(piece):
                print(event.event, event.data)
        decoder.receive_eof()
    """

    @property
    def last_event_id(self) -> str:
        """The stream's id after the last complete block; empty if there is none.

        See docs/protocol/sse.md#15-dispatch-empty-line.
        """
        return self._last_id.decode("utf-8", "replace")

    def receive_eof(self) -> list[ServerSentEvent]:
        """Receive the end of the stream. Return ``[]``: an incomplete block is dropped, with its id.

        See docs/protocol/sse.md#16-end-of-file.

        Raises:
            LimitExceeded: that of the last `receive_data`, which returned events instead.
            LocalProtocolError: after the end or a failure.
        """
        self._receive_eof()
        return []

    def _build_event(self) -> ServerSentEvent:
        kind = self._type.decode("utf-8", "replace") or "message"
        return ServerSentEvent(kind, b"\n".join(self._data).decode("utf-8", "replace"), self.last_event_id, self._retry)

    def _match_usual_blocks(self, data: bytes, end: int) -> list[ServerSentEvent]:
        blocks: list[tuple[bytes, bytes, bytes]] = _USUAL_WITH_ID.findall(data, 0, end)
        if not blocks[-1][2]:
            return []
        events: list[ServerSentEvent] = []
        id_ = self.last_event_id
        for kind, new_id, text in blocks:
            if new_id:
                self._id = self._last_id = new_id
                id_ = new_id.decode("utf-8", "replace")
            name = kind.decode("utf-8", "replace") or "message"
            events.append(ServerSentEvent(name, text.decode("utf-8", "replace"), id_))
        return events


def encode_event(
    event: ServerSentEvent, *, last_event_id: str = "", space: bool = False, newline: bytes = b"\n"
) -> bytes:
    """Return one event as a block of lines with its blank line. Decoding restores exactly this event.

    A block without an ``id`` line has the id of the block before. So that line is written only if the id differs from the
    reader's; without a value to reset it.

    Args:
        event: to write. Its data may be empty and may have LF.
        last_event_id: the id that the reader has, usually that of the previous event.
        space: write a blank after each colon? It is always written before a value that begins with a blank.
        newline: the line end: LF, CRLF or CR.

    Raises:
        InvalidRequestError: a value cannot be restored: CR in the data; CR, LF or NUL in the type or the id; an empty
            type; ``retry`` negative or of more than 18 digits; a lone surrogate. Or ``newline`` is not a line end.
    """
    _check_event(event)
    TEXT.check(last_event_id, "last_event_id")
    if newline not in (b"\n", b"\r\n", b"\r"):
        raise InvalidRequestError(
            f"a line of an event stream ends with LF, CRLF or CR, not with {newline!r}", parameter="newline"
        )
    if not event.event:
        raise InvalidRequestError("an event's type is not empty; the usual one is 'message'", parameter="event")
    fields: list[tuple[bytes, bytes]] = []
    if event.event != "message":
        fields.append((b"event", _one_line("type", event.event)))
    if event.id != last_event_id:
        fields.append((b"id", _one_line("id", event.id)))
    if event.retry is not None:
        if not 0 <= event.retry < 10**_RETRY_DIGITS:
            raise InvalidRequestError(
                f"retry is from 0 to below 10**{_RETRY_DIGITS} milliseconds, not {event.retry}", parameter="event"
            )
        fields.append((b"retry", b"%d" % event.retry))
    data = _utf8("data", event.data)
    if b"\r" in data:
        raise InvalidRequestError("an event's data cannot hold CR, which ends a line", parameter="event")
    fields += ((b"data", line) for line in data.split(b"\n"))
    lines = [name + (b": " if space or value[:1] == b" " else b":") + value for name, value in fields]
    return newline.join((*lines, b"", b""))


def _check_event(event: ServerSentEvent) -> None:
    check_type(event, ServerSentEvent, "event", "a ServerSentEvent")
    TEXT.check(event.event, "event.event")
    TEXT.check(event.data, "event.data")
    TEXT.check(event.id, "event.id")
    if event.retry is not None:
        INTEGER.check(event.retry, "event.retry", "an int or None")


def _one_line(what: str, text: str) -> bytes:
    if "\n" in text or "\r" in text or "\0" in text:
        raise InvalidRequestError(f"an event's {what} cannot hold CR, LF or NUL", parameter="event")
    return _utf8(what, text)


def _utf8(what: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass  # raised below, so that the codec's error, which holds the text, is not the context
    raise InvalidRequestError(f"an event's {what} holds a lone surrogate, which UTF-8 cannot carry", parameter="event")
