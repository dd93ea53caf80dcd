"""Recorded exchanges, and the file format of a recording: lines of JSON, one for the header and one for each exchange.

The first line is ``{"nai-recording":1,"contents":false}``: the version, and whether prompts, responses and stored objects
are in it unredacted. Each further line is an object::

    method, target    of the request; ``target`` is path and query
    headers           of the request: pairs of name and value
    text | base64     its body: as text if it is UTF-8; missing if there is none
    whole             false if the server did not read it to its end
    answer            what the server sent, in order: objects with the seconds ``after`` the one before, and either
                      ``status`` and ``headers``, or a piece of the body as ``text`` or ``base64``; ``raw`` is true for
                      bytes that were sent without HTTP's framing
    ending            ``complete``, ``cut`` (by the server), or ``left`` (by the client)

Missing keys have their defaults: empty, 0, true for ``whole``, false for ``raw``. A line is written as soon as its
exchange has ended. A last line without a line end is incomplete, because the writer was stopped, and is ignored.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeAlias

import msgspec

from ...codecs.json import encode_json as encode_json
from ...codecs.json import find_problem
from ...errors import InvalidFile, InvalidRequestError, LocalProtocolError
from ...exchange.reply import REPLY_TRANSITIONS, RawWrite, ReplyState, Start, Write
from ...http import NO_HEADERS, Head, Headers
from ...http.wire import Wire

__all__ = [
    "VERSION",
    "Ending",
    "RecordedExchange",
    "Recording",
    "SendAction",
    "SentAction",
    "decode_recording",
    "encode_exchange",
    "encode_header",
]

SendAction: TypeAlias = Start | Write | RawWrite
"""The actions that send bytes."""


class Ending(enum.Enum):
    """How an exchange ended."""

    COMPLETE = "complete"
    "with the whole response"
    CUT = "cut"
    "the server closed the connection"
    LEFT = "left"
    "the client closed it, before the response was complete"


@dataclass(frozen=True, slots=True)
class SentAction:
    """An action by which the server sent something, with its time."""

    action: SendAction
    after: float = 0.0
    "Seconds since the action before; for the first one, since the request."


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """A request and its response, with the way in which the exchange ended."""

    method: str
    target: str = field(repr=False)
    headers: Headers = NO_HEADERS
    body: bytes = field(default=b"", repr=False)
    "The part that the server has read."
    whole: bool = True
    "Did the server read the body to its end?"
    answer: tuple[SentAction, ...] = field(default=(), repr=False)
    "In order, with the body in the pieces in which it was sent."
    ending: Ending = Ending.COMPLETE


VERSION: Final = 1

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
_Status = Annotated[int, msgspec.Meta(ge=200, le=999)]
_Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """The content of a recording's file."""

    exchanges: tuple[RecordedExchange, ...]
    contents: bool = False
    "Are prompts, responses and stored objects unredacted?"


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    version: int = msgspec.field(name="nai-recording")
    contents: bool = False


class _Sent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    after: _Seconds = 0.0
    status: _Status | None = None
    headers: _Fields = ()
    raw: bool = False
    text: str | None = None
    base64: str | None = None


class _Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    method: str
    target: str
    headers: _Fields = ()
    text: str | None = None
    base64: str | None = None
    whole: bool = True
    answer: tuple[_Sent, ...] = ()
    ending: Ending = Ending.COMPLETE


_LINE: Final = msgspec.json.Decoder(_Line)
_HEADER: Final = msgspec.json.Decoder(_Header)


def encode_header(*, contents: bool = False) -> bytes:
    """Return the first line of a recording's file."""
    return encode_json(_Header(VERSION, contents)) + b"\n"


def encode_exchange(exchange: RecordedExchange) -> bytes:
    """Return the line of an exchange.

    Raises:
        InvalidRequestError: method, target or header fields are not Unicode text (a lone surrogate).
    """
    text, binary = _encode_body(exchange.body)
    answer = tuple(map(_encode_action, exchange.answer))
    head = (exchange.method, exchange.target, tuple(exchange.headers))
    return encode_json(_Line(*head, text, binary, exchange.whole, answer, exchange.ending)) + b"\n"


def decode_recording(data: bytes) -> Recording:
    """Parse a recording's file.

    Raises:
        InvalidFile: it is no recording, has another version, or is damaged. The message is one line that names the
            wrong line, and quotes nothing of it.
    """
    first, _, rest = data.partition(b"\n")
    try:
        read = _HEADER.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read = None
    if read is None:
        raise InvalidFile("this is not a recording: its first line is not the header of one")
    if read.version != VERSION:
        raise InvalidFile(f"the recording has version {read.version}; only version {VERSION} can be read")
    lines = rest.split(b"\n")[:-1]
    return Recording(tuple(_decode_exchange(line, number) for number, line in enumerate(lines, 2)), read.contents)


def _decode_exchange(line: bytes, number: int) -> RecordedExchange:
    problem: object
    try:
        read = _LINE.decode(line)
    except (ValueError, RecursionError):
        problem = find_problem(line, _Line)
    else:
        try:
            body = _decode_body(read)
            answer = tuple(map(_decode_action, read.answer))
            problem = _find_problem(read.method, answer, read.ending)
            if problem is None:
                return RecordedExchange(
                    read.method, read.target, Headers(read.headers), body, read.whole, answer, read.ending
                )
        except ValueError:
            problem = "a body is not valid base64"
    raise InvalidFile(f"the recording is damaged: line {number}: {problem}")


def _encode_action(sent: SentAction) -> _Sent:
    match sent.action:
        case Start(head):
            return _Sent(sent.after, head.status, tuple(head.headers))
        case Write(data) | RawWrite(data):
            text, binary = _encode_body(data)
            return _Sent(sent.after, raw=isinstance(sent.action, RawWrite), text=text, base64=binary)


def _decode_action(read: _Sent) -> SentAction:
    if read.status is not None:
        return SentAction(Start(Head(read.status, Headers(read.headers))), read.after)
    data = _decode_body(read)
    return SentAction(RawWrite(data) if read.raw else Write(data), read.after)


def _find_problem(method: str, answer: Iterable[SentAction], ending: Ending) -> str | None:
    """Return why no server can send this response, such as a piece without a head; None if it can."""
    state = ReplyState.OPEN
    wire = Wire("server")
    wire.receive_data(b"%b / HTTP/1.1\r\nHost: h\r\n\r\n" % (b"HEAD" if method == "HEAD" else b"GET"))
    wire.next_event()
    try:
        for action in (sent.action for sent in answer):
            if (state, type(action)) not in REPLY_TRANSITIONS:
                return f"{type(action).__name__} while the response is {state.value}"
            state = REPLY_TRANSITIONS[state, type(action)]
            match action:
                case Start(head):
                    wire.send_response(head)
                case Write(data):
                    wire.send_data(data)
                case RawWrite():
                    pass  # what no correct server sends
        if ending is Ending.COMPLETE and state is ReplyState.OPEN:
            return "the response has no head, and is said to be complete"
        if ending is Ending.COMPLETE and state is ReplyState.STARTED:
            wire.send_end()
    except (InvalidRequestError, LocalProtocolError) as error:
        return str(error)
    return None


def _encode_body(data: bytes) -> tuple[str | None, str | None]:
    """Return bytes as text, or else as base64."""
    if not data:
        return None, None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(data).decode()


def _decode_body(read: _Line | _Sent) -> bytes:
    if read.base64 is not None:
        return base64.b64decode(read.base64, validate=True)
    return (read.text or "").encode()
