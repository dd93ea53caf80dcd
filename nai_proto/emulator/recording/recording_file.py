"""A recording as text: a line of JSON for the whole, and one for each exchange.

The first line is ``{"nai-recording":1,"contents":false}``: the version, and whether prompts, answers and whatever is
stored are in it as they were. Each line behind it is an object::

    method, target    of the request; ``target`` is path and query
    headers           of the request: pairs of name and value
    text | base64     its body: as text if it is UTF-8; missing if there is none
    whole             false if the server did not read it to its end
    answer            what was sent, in order: objects with the seconds ``after`` what was sent before, and either
                      ``status`` and ``headers``, or a piece of the body as ``text`` or ``base64``; ``raw`` is true for
                      bytes that went out past all rules of HTTP
    ending            ``complete``, ``cut`` (by the server), or ``left`` (by the client)

What is missing has its default: empty, 0, true for ``whole``, false for ``raw``. A line is written at once when its
exchange is over, so a last line without an end was torn when the writer was stopped, and is left out.
"""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeAlias

import msgspec

from ...codecs.json import encode as encode_json
from ...codecs.json import find_problem
from ...errors import InvalidFile
from ...exchange.reply import REPLY_TRANSITIONS, RawWrite, ReplyState, Start, Write
from ...http import NO_HEADERS, Head, Headers

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
"""The actions that send something."""


class Ending(enum.Enum):
    """How an exchange ended."""

    COMPLETE = "complete"
    "with all of the answer"
    CUT = "cut"
    "the server closed the connection"
    LEFT = "left"
    "the client did, before the answer was complete"


@dataclass(frozen=True, slots=True)
class SentAction:
    """Something that the server sent."""

    action: SendAction
    after: float = 0.0
    "Seconds since what was sent before it; for the first, since the request came."


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """A request, and what became of it."""

    method: str
    target: str = field(repr=False)
    headers: Headers = NO_HEADERS
    body: bytes = field(default=b"", repr=False)
    "As far as the server read it."
    whole: bool = True
    "Did it read the body to its end?"
    answer: tuple[SentAction, ...] = field(default=(), repr=False)
    "In order; a body stays in the pieces in which it was written."
    ending: Ending = Ending.COMPLETE


VERSION: Final = 1

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
_Status = Annotated[int, msgspec.Meta(ge=200, le=999)]
_Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds."""

    exchanges: tuple[RecordedExchange, ...]
    contents: bool = False
    "Are prompts, answers and what is stored as they were?"


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
    """The first line."""
    return encode_json(_Header(VERSION, contents)) + b"\n"


def encode_exchange(exchange: RecordedExchange) -> bytes:
    """The line of an exchange.

    Raises:
        InvalidRequestError: method, target or header fields are not Unicode text (a lone surrogate).
    """
    text, binary = _spelled(exchange.body)
    answer = tuple(map(_sent, exchange.answer))
    head = (exchange.method, exchange.target, tuple(exchange.headers))
    return encode_json(_Line(*head, text, binary, exchange.whole, answer, exchange.ending)) + b"\n"


def decode_recording(data: bytes) -> Recording:
    """What a file says.

    Raises:
        InvalidFile: it is no recording, one of another version, or damaged. The message is one line, names the
            line that is wrong, and quotes nothing of it.
    """
    first, _, rest = data.partition(b"\n")
    try:
        found = _HEADER.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if found is None:
        raise InvalidFile("this is no recording: its first line does not say so")
    if found.version != VERSION:
        raise InvalidFile(f"a recording of version {found.version}, of which only {VERSION} is known here")
    lines = rest.split(b"\n")[:-1]
    return Recording(tuple(_exchange(line, number) for number, line in enumerate(lines, 2)), found.contents)


def _exchange(line: bytes, number: int) -> RecordedExchange:
    problem: object
    try:
        read = _LINE.decode(line)
    except (ValueError, RecursionError):
        problem = find_problem(line, _Line)
    else:
        try:
            body = _body(read)
            answer = tuple(map(_action, read.answer))
            problem = _order_problem(answer)
            if problem is None:
                return RecordedExchange(
                    read.method, read.target, Headers(read.headers), body, read.whole, answer, read.ending
                )
        except binascii.Error:
            problem = "its base64 is none"
    raise InvalidFile(f"the recording is damaged: line {number}: {problem}")


def _sent(sent: SentAction) -> _Sent:
    match sent.action:
        case Start(head):
            return _Sent(sent.after, head.status, tuple(head.headers))
        case Write(data) | RawWrite(data):
            text, binary = _spelled(data)
            return _Sent(sent.after, raw=isinstance(sent.action, RawWrite), text=text, base64=binary)


def _action(read: _Sent) -> SentAction:
    if read.status is not None:
        return SentAction(Start(Head(read.status, Headers(read.headers))), read.after)
    data = _body(read)
    return SentAction(RawWrite(data) if read.raw else Write(data), read.after)


def _order_problem(answer: Iterable[SentAction]) -> str | None:
    """Why no server can have sent this: a piece without a head, or something by the rules behind raw bytes."""
    state = ReplyState.OPEN
    for sent in answer:
        kind: type[SendAction] = type(sent.action)
        if (state, kind) not in REPLY_TRANSITIONS:
            return f"{kind.__name__} where an answer is {state.value}"
        state = REPLY_TRANSITIONS[state, kind]
    return None


def _spelled(data: bytes) -> tuple[str | None, str | None]:
    """Bytes as text, if they are some, or as base64."""
    if not data:
        return None, None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(data).decode()


def _body(read: _Line | _Sent) -> bytes:
    if read.base64 is not None:
        return base64.b64decode(read.base64, validate=True)
    return (read.text or "").encode()
