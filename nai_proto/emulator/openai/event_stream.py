"""Event streams of the OpenAI-compatible endpoints, with all variants and failures that the switches ask for.

See:
    docs/protocol/openai.md#6-streaming
    docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...codecs.json import encode_json
from ...codecs.sse import ServerSentEvent, encode_event
from ...exchange.reply import Cut, Handler, Start, Wait, Write
from ...http import Head
from ..accounts.account import StreamProgress
from .switches import OpenAISwitches

__all__ = ["FAILURE", "send_stream"]

_NEWLINES: Final = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
_FAILURE_MESSAGE: Final = "The generation failed."

FAILURE: Final[dict[str, object]] = {"statusCode": 500, "message": _FAILURE_MESSAGE}
"""The error of a failing stream, in the form of a native error response.

See docs/protocol/openai.md#65-errors-inside-a-stream.
"""
_FAILURE_OBJECT: Final[dict[str, object]] = {
    "error": {"message": _FAILURE_MESSAGE, "code": 500, "type": "server_error", "param": None}
}


def send_stream(
    switches: OpenAISwitches,
    head: Head,
    chunks: Iterator[dict[str, object] | None],
    pace: float,
    record: StreamProgress,
) -> Handler:
    """Send an event stream.

    Args:
        switches: How the stream is written, and how it fails.
        head: Head of the response.
        chunks: The chunks; None stands for the time that a token takes.
        pace: Seconds per token.
        record: Updated with the progress of the stream.
    """
    yield Start(head)
    writer = _StreamWriter(switches)
    for chunk in chunks:
        if chunk is None:
            if pace:
                yield Wait(pace)
            continue
        if record.chunks == switches.error_after:
            break
        if record.chunks == switches.stall_after:
            yield Wait(None)
        if switches.comments:
            yield from writer.write(b": keep-alive" + writer.newline * 2)
        yield from writer.write(writer.encode_event(encode_json(chunk)))
        record.chunks += 1
    if record.chunks == switches.error_after:
        yield from writer.write(writer.encode_failure())
        return
    if switches.done:
        yield from writer.write(writer.encode_event(b"[DONE]"))
    record.complete = True


class _StreamWriter:
    """Writes a body in writes of the requested size, and cuts the connection where the switches ask for it."""

    def __init__(self, switches: OpenAISwitches) -> None:
        self.newline: Final = _NEWLINES[switches.newline]
        self._switches = switches
        self._bytes_written = 0

    def encode_event(self, data: bytes, name: str = "message") -> bytes:
        """Encode an event."""
        event = ServerSentEvent(name, data.decode())
        return encode_event(event, space=self._switches.space, newline=self.newline)

    def encode_failure(self) -> bytes:
        """Encode the error in the requested form."""
        match self._switches.error_form:
            case "text":
                return self.encode_event(encode_json({"error": _FAILURE_MESSAGE}))
            case "status":
                return self.encode_event(encode_json(FAILURE))
            case "event":
                return self.encode_event(encode_json(FAILURE), "error")
            case "bare":
                return encode_json(FAILURE) + self.newline
            case _:
                return self.encode_event(encode_json(_FAILURE_OBJECT))

    def write(self, data: bytes) -> Handler:
        """Write a part of the body. Does not return if the connection is cut."""
        cut_after = self._switches.cut_after
        whole, size = data, self._switches.write_size or len(data)
        if cut_after is not None:
            data = data[: cut_after - self._bytes_written]
        self._bytes_written += len(data)
        for start in range(0, len(data), size):
            yield Write(data[start : start + size])
        if len(data) < len(whole) or cut_after == self._bytes_written:
            yield Cut()
