"""A stream of the OpenAI-compatible endpoints on its way out, with all that the switches do to it.

See:
    docs/protocol/openai.md#6-streaming
    docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...codecs.json import encode
from ...codecs.sse import ServerSentEvent, encode_event
from ...exchange.reply import Cut, Handler, Start, Wait, Write
from ...http import Head, Headers
from ..accounts.account import StreamProgress
from ..http.responses import ALLOW_ANY_ORIGIN
from .switches import OpenAISwitches

__all__ = ["FAILURE", "stream"]

_NEWLINES: Final = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
_FAILED: Final = "The generation failed."

FAILURE: Final[dict[str, object]] = {"statusCode": 500, "message": _FAILED}
"""The error of a stream that fails, in the form of an answer's.

See docs/protocol/openai.md#65-errors-inside-a-stream.
"""
_OBJECT: Final[dict[str, object]] = {"error": {"message": _FAILED, "code": 500, "type": "server_error", "param": None}}


def stream(
    switches: OpenAISwitches,
    status: int,
    documents: Iterator[dict[str, object] | None],
    pace: float,
    record: StreamProgress,
) -> Handler:
    """An event stream.

    Args:
        switches: how it is written, and what happens to it.
        status: of the answer.
        documents: the chunks; None where a token was made, which takes its time.
        pace: that time, in seconds.
        record: is kept up to date.
    """
    yield Start(Head(status, Headers([("Content-Type", "text/event-stream"), ALLOW_ANY_ORIGIN])))
    out = _Out(switches)
    for document in documents:
        if document is None:
            if pace:
                yield Wait(pace)
            continue
        if record.chunks == switches.error_after:
            break
        if record.chunks == switches.stall_after:
            yield Wait(None)
        if switches.comments:
            yield from out.write(b": keep-alive" + out.newline * 2)
        yield from out.write(out.event(encode(document)))
        record.chunks += 1
    if record.chunks == switches.error_after:
        yield from out.write(out.failure())
        return
    if switches.done:
        yield from out.write(out.event(b"[DONE]"))
    record.complete = True


class _Out:
    """Writes bytes in the sizes that are wanted, as far as the connection lasts."""

    def __init__(self, switches: OpenAISwitches) -> None:
        self.newline: Final = _NEWLINES[switches.newline]
        self._switches = switches
        self._written = 0

    def event(self, data: bytes, name: str = "message") -> bytes:
        """An event's block."""
        event = ServerSentEvent(name, data.decode())
        return encode_event(event, space=self._switches.space, newline=self.newline)

    def failure(self) -> bytes:
        """The error in the form that is wanted."""
        match self._switches.error_form:
            case "text":
                return self.event(encode({"error": _FAILED}))
            case "status":
                return self.event(encode(FAILURE))
            case "event":
                return self.event(encode(FAILURE), "error")
            case "bare":
                return encode(FAILURE) + self.newline
            case _:
                return self.event(encode(_OBJECT))

    def write(self, data: bytes) -> Handler:
        """Bytes of the body; does not come back when the connection is cut."""
        left = self._switches.cut_after
        whole, size = data, self._switches.write_size or len(data)
        if left is not None:
            data = data[: left - self._written]
        self._written += len(data)
        for start in range(0, len(data), size):
            yield Write(data[start : start + size])
        if len(data) < len(whole) or left == self._written:
            yield Cut()
