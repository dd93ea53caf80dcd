"""Faults of content: an error inside a stream, in each of its forms; other line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from ...codecs.image_frames import encode_frame
from ...codecs.json import encode_json as encode_json
from ...exchange.reply import Finish, Output, Start, Write
from ...http import Head, Headers
from ..http.responses import ALLOW_ANY_ORIGIN
from .fault import ActionFilter, Count, FaultContext, SpoilingFault, has_frames, is_stream

__all__ = ["Crlf", "Failure", "Shape"]

Shape: TypeAlias = Literal["object", "text", "status", "event", "native", "image", "bare", "broken", "document"]

_BLANK_LINE: Final = re.compile(rb"\n\r?\n|\r\r")
_DATA: Final = re.compile(rb"(?:\A|[\r\n])data[:\r\n]")


class Failure(SpoilingFault, frozen=True, tag="error"):
    """An error inside a stream, after which the stream ends.

    The shapes are:

    - ``object``: ``data: {"error": {"message": …, "code": …}}``
    - ``text``: ``data: {"error": …}``
    - ``status``: ``data: {"statusCode": …, "message": …}``
    - ``event``: the same, in an event named ``error``
    - ``native``: an event named ``error`` with ``error``, ``ptr`` and ``final``
    - ``image``: an event named ``error`` with ``event_type``, ``code`` and ``message``
    - ``bare``: a line of JSON without a field's name
    - ``broken``: an event whose JSON is cut
    - ``document``: a JSON error with a status of success, instead of the response, be it a stream or not

    In a stream of msgpack frames, every shape but ``document`` is a frame like ``image``.

    See:
        docs/protocol/native.md#10-streaming-aigenerate-stream
        docs/protocol/openai.md#65-errors-inside-a-stream
        docs/protocol/image.md#71-msgpack-stream-msgpack
    """

    at: Annotated[Count, Meta(description="events that come before it")] = 0
    shape: Annotated[Shape, Meta(description="its form")] = "object"
    status: Annotated[
        Annotated[int, Meta(ge=100, le=599)], Meta(description="the code in it, if its shape has one")
    ] = 500
    message: Annotated[str, Meta(description="its message")] = "The generation failed."

    def can_spoil(self, head: Head, /) -> bool:
        return 200 <= head.status < 300 and (self.shape == "document" or is_stream(head) or has_frames(head))

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        document, split = self.encode(), _split_event
        held = bytearray()
        events, at = 0, 0 if self.shape == "document" else self.at

        def filter_action(action: Output) -> Iterator[Output]:
            nonlocal events, document, split
            match action:
                case Start(head):
                    if has_frames(head) and self.shape != "document":
                        document, split = encode_frame(self._image_event), _split_frame
                    yield Start(_document_head(head, document) if self.shape == "document" else _without_length(head))
                case Write(data):
                    held.extend(data)
                    while events < at and (block := split(held)):
                        del held[: len(block)]
                        events += split is _split_frame or _DATA.search(block) is not None
                        yield Write(block)
                case Finish():
                    if held:
                        yield Write(bytes(held))
                    yield action
                case _:
                    yield action
            if events == at:
                yield Write(document)
                yield Finish()

        return filter_action

    @property
    def _image_event(self) -> dict[str, object]:
        """The error as an event of an image stream."""
        return {"event_type": "error", "samp_ix": 0, "code": self.status, "message": self.message}

    def encode(self) -> bytes:
        """Return the bytes of the error."""
        status: dict[str, object] = {"statusCode": self.status, "message": self.message}
        match self.shape:
            case "object":
                kind = {"message": self.message, "code": self.status, "type": "server_error", "param": None}
                return b"data: %b\n\n" % encode_json({"error": kind})
            case "text":
                return b"data: %b\n\n" % encode_json({"error": self.message})
            case "status":
                return b"data: %b\n\n" % encode_json(status)
            case "event":
                return b"event: error\ndata: %b\n\n" % encode_json(status)
            case "native":
                error = {"error": self.message, "ptr": self.at, "final": True}
                return b"event: error\ndata: %b\n\n" % encode_json(error)
            case "image":
                return b"event: error\ndata: %b\n\n" % encode_json(self._image_event)
            case "bare":
                return b"%b\n" % encode_json(status)
            case "broken":
                return b"data: %b\n\n" % encode_json(status)[:-2]
            case "document":
                return encode_json(status)


def _split_event(held: bytearray) -> bytes:
    """Return the bytes up to the first blank line; empty if there is none yet."""
    end = _BLANK_LINE.search(held)
    return bytes(held[: end.end()]) if end else b""


def _split_frame(held: bytearray) -> bytes:
    """Return the first frame; empty if it is not complete yet."""
    end = 4 + int.from_bytes(held[:4])
    return bytes(held[:end]) if 4 <= len(held) >= end else b""


class Crlf(SpoilingFault, frozen=True, tag="crlf"):
    """Every line of an event stream ends with CRLF."""

    def can_spoil(self, head: Head, /) -> bool:
        return is_stream(head)

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        cr = b""

        def filter_action(action: Output) -> Iterator[Output]:
            nonlocal cr
            match action:
                case Start(head):
                    yield Start(_without_length(head))
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

        return filter_action


_LINE_END: Final = re.compile(rb"\r\n?|\n")


def _document_head(head: Head, document: bytes) -> Head:
    """Return the head of a JSON document with the status of another head."""
    return Head(
        head.status,
        Headers([("Content-Type", "application/json"), ("Content-Length", str(len(document))), ALLOW_ANY_ORIGIN]),
    )


def _without_length(head: Head) -> Head:
    """Return a head without Content-Length, for a response whose length changes."""
    return Head(head.status, head.headers.without("content-length"))
