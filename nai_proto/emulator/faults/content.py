"""Faults in what an event stream says: an error in its midst, in each of its shapes; other line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from ...codecs.frames import encode_frame
from ...codecs.json import encode
from ...exchange.reply import Finish, Output, Start, Write
from ...http import Head, Headers
from ..http.responses import ALLOW_ANY_ORIGIN
from .fault import ActionFilter, Count, FaultContext, SpoilingFault, has_frames, is_stream

__all__ = ["Crlf", "Failure", "Shape"]

Shape: TypeAlias = Literal["object", "text", "status", "event", "native", "image", "bare", "broken", "document"]

_BLANK_LINE: Final = re.compile(rb"\n\r?\n|\r\r")
_DATA: Final = re.compile(rb"(?:\A|[\r\n])data[:\r\n]")


class Failure(SpoilingFault, frozen=True, tag="error"):
    """An error in the midst of a stream, which ends with it.

    Its shape is ``object``: ``data: {"error": {"message": …, "code": …}}``; ``text``: ``data: {"error": …}``; ``status``:
    ``data: {"statusCode": …, "message": …}``; ``event``: the same in an event named ``error``; ``native``: such an event
    with ``error``, ``ptr`` and ``final``; ``image``: one with ``event_type``, ``code`` and ``message``; ``bare``: a line of
    JSON without a field's name; ``broken``: an event whose JSON stops half-way; ``document``: a success that is no stream,
    but a JSON error, whether a stream was asked for or not. Frames of msgpack have one shape, that of ``image``; only
    ``document`` is another for them as well.

    See:
        docs/protocol/native.md#10-streaming-aigenerate-stream
        docs/protocol/openai.md#65-errors-inside-a-stream
        docs/protocol/image.md#71-msgpack-stream-msgpack
    """

    at: Annotated[Count, Meta(description="events that come before it")] = 0
    shape: Annotated[Shape, Meta(description="how it is told")] = "object"
    status: Annotated[
        Annotated[int, Meta(ge=100, le=599)], Meta(description="the code that it names, if its shape has one")
    ] = 500
    message: Annotated[str, Meta(description="what it says")] = "The generation failed."

    def fits(self, head: Head, /) -> bool:
        return 200 <= head.status < 300 and (self.shape == "document" or is_stream(head) or has_frames(head))

    def change(self, _: FaultContext, /) -> ActionFilter:
        told, taken = self.told(), _event
        held = bytearray()
        events, at = 0, 0 if self.shape == "document" else self.at

        def change(action: Output) -> Iterator[Output]:
            nonlocal events, told, taken
            match action:
                case Start(head):
                    if has_frames(head) and self.shape != "document":
                        told, taken = encode_frame(self._drawn), _frame
                    yield Start(_document(head, told) if self.shape == "document" else _unmeasured(head))
                case Write(data):
                    held.extend(data)
                    while events < at and (block := taken(held)):
                        del held[: len(block)]
                        events += taken is _frame or _DATA.search(block) is not None
                        yield Write(block)
                case Finish():
                    if held:
                        yield Write(bytes(held))
                    yield action
                case _:
                    yield action
            if events == at:
                yield Write(told)
                yield Finish()

        return change

    @property
    def _drawn(self) -> dict[str, object]:
        """As a stream of pictures has it."""
        return {"event_type": "error", "samp_ix": 0, "code": self.status, "message": self.message}

    def told(self) -> bytes:
        """The error as it is written."""
        status: dict[str, object] = {"statusCode": self.status, "message": self.message}
        match self.shape:
            case "object":
                kind = {"message": self.message, "code": self.status, "type": "server_error", "param": None}
                return b"data: %b\n\n" % encode({"error": kind})
            case "text":
                return b"data: %b\n\n" % encode({"error": self.message})
            case "status":
                return b"data: %b\n\n" % encode(status)
            case "event":
                return b"event: error\ndata: %b\n\n" % encode(status)
            case "native":
                said = {"error": self.message, "ptr": self.at, "final": True}
                return b"event: error\ndata: %b\n\n" % encode(said)
            case "image":
                return b"event: error\ndata: %b\n\n" % encode(self._drawn)
            case "bare":
                return b"%b\n" % encode(status)
            case "broken":
                return b"data: %b\n\n" % encode(status)[:-2]
            case "document":
                return encode(status)


def _event(held: bytearray) -> bytes:
    """The lines up to the first blank one; nothing if there is none yet."""
    end = _BLANK_LINE.search(held)
    return bytes(held[: end.end()]) if end else b""


def _frame(held: bytearray) -> bytes:
    """The first frame; nothing if it is not whole yet."""
    end = 4 + int.from_bytes(held[:4])
    return bytes(held[:end]) if 4 <= len(held) >= end else b""


class Crlf(SpoilingFault, frozen=True, tag="crlf"):
    """Every line of an event stream ends with CRLF."""

    def fits(self, head: Head, /) -> bool:
        return is_stream(head)

    def change(self, _: FaultContext, /) -> ActionFilter:
        cr = b""

        def change(action: Output) -> Iterator[Output]:
            nonlocal cr
            match action:
                case Start(head):
                    yield Start(_unmeasured(head))
                case Write(data):
                    data, cr = cr + data, b""
                    if data.endswith(b"\r"):  # an LF may follow
                        data, cr = data[:-1], b"\r"
                    yield Write(_LINE_END.sub(b"\r\n", data))
                case Finish() if cr:
                    yield Write(b"\r\n")
                    yield action
                case _:
                    yield action

        return change


_LINE_END: Final = re.compile(rb"\r\n?|\n")


def _document(head: Head, document: bytes) -> Head:
    """The head of a JSON document instead of whatever there was."""
    return Head(
        head.status,
        Headers([("Content-Type", "application/json"), ("Content-Length", str(len(document))), ALLOW_ANY_ORIGIN]),
    )


def _unmeasured(head: Head) -> Head:
    """The head of an answer whose length is another than it was."""
    return Head(head.status, head.headers.without("content-length"))
