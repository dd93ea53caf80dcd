"""Targets of the exchange: HTTP's bytes, event streams, frames, and what a whole response does to a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from ...codecs.image_frames import FrameSplitter, MessageDecoder, encode_frame
from ...codecs.json import JsonDecoder, find_problem, parse_service_error, read_error_message
from ...codecs.json_depth import check_depth
from ...codecs.lone_surrogates import replace_lone_escapes
from ...codecs.multipart import FormPart, decode, encode
from ...codecs.sse import ServerSentEvent, SSEDecoder, SSESplitter, encode_event
from ...errors import NaiError
from ...exchange.endpoints import match
from ...exchange.status_errors import error_from_response
from ...http import Head, Headers, Host, Request
from ...http.body_framing import ChunkedReader, FixedReader, Reader, UntilCloseReader
from ...http.first_bytes import check_response_start, is_tls_start
from ...http.redaction import hide_secrets
from ...http.wire import NEED_DATA, ConnectionClosed, Data, EndOfMessage, Signal, Wire
from ...limits import Limits
from ..target import Target

__all__ = ["TARGETS"]

_FORM_TYPE, _FORM = encode([FormPart("request", b"{}", "application/json"), FormPart("image", b"\x89PNG")])
_EVENTS: Final = b"".join(
    encode_event(ServerSentEvent(event="newToken", id=str(number), data=f'{{"token":"{text}","ptr":{number}}}'))
    for number, text in enumerate(("Once", " upon", " a \u2028time"))
)
_RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nDate: x\r\n\r\n"
)
_REQUEST: Final = (
    b"POST /ai/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    b"GET /user/data HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n"
)


# ---- streams


def _read_events(pieces: Iterable[bytes]) -> Iterator[object]:
    decoder = SSEDecoder()
    for piece in pieces:
        yield from decoder.receive_data(piece)
    decoder.receive_eof()


def _split_events(pieces: Iterable[bytes]) -> Iterator[object]:
    splitter = SSESplitter()
    for piece in pieces:
        yield from splitter.receive_data(piece)
    splitter.receive_eof()


def _read_frames(pieces: Iterable[bytes]) -> Iterator[object]:
    splitter, decoder = FrameSplitter(), MessageDecoder(dict[str, Any])
    for piece in pieces:
        for frame in splitter.receive_data(piece):
            decoder.decode(frame, where="frame")
            yield bytes(frame)  # of which the message is made; it may hold NaN, which equals nothing
    splitter.receive_eof()


# ---- HTTP


def _read_body(reader: Reader, pieces: Iterable[bytes]) -> Iterator[object]:
    """Yield the body's bytes one by one, which its cuts do not change."""
    for piece in pieces:
        data = piece
        while data and not reader.done:
            yield from reader.receive_data(data)
            data = reader.rest
    if not reader.done:
        reader.receive_eof()


def _read_messages(role: Literal["client", "server"], pieces: Iterable[bytes]) -> Iterator[object]:
    """Yield what one side reads until its turn comes: to respond, or to send another request."""
    wire = Wire(role)
    if role == "client":
        wire.send_request(Request("GET", "/", base="http://x"))
    for piece in (*pieces, b""):
        wire.receive_data(piece)
        while (event := wire.next_event()) is not NEED_DATA:
            if isinstance(event, Data):
                yield from event.data
                continue
            yield repr(event)
            if isinstance(event, EndOfMessage | ConnectionClosed | Signal):
                return


def _find_endpoint(text: str) -> object:
    method, _, target = text.partition(" ")
    return match(method, None, target, b'{"model":"kayra-v1"}')


def _read_error(body: bytes) -> object:
    for content_type in ("application/json", "text/html", "text/plain"):
        read_error_message(body, content_type)
        status, *_ = body or (0,)
        head = Head(400 + status % 200, Headers.of(content_type=content_type, retry_after=body[:20].decode("latin-1")))
        request = Request("POST", "/ai/generate", host=Host.TEXT)
        str(error_from_response(request, request, head, body))
    return str(parse_service_error(body))


def _read_json(data: bytes) -> object:
    find_problem(data, dict[str, Any])
    check_depth(data, 100)
    return JsonDecoder(dict[str, Any]).decode(replace_lone_escapes(data), where="response", depth=100)


def _check_start(data: bytes) -> object:
    check_response_start(data, "it")
    return data != b"" and is_tls_start(data)


def _decode_form(data: bytes) -> object:
    try:
        decode(data[:60].decode("latin-1"), data)
    except NaiError:
        pass
    return decode(_FORM_TYPE, data)


TARGETS: Final = (
    Target(
        "sse.SSEDecoder", "chunks", _read_events, lambda: [_EVENTS, b"\xef\xbb\xbfdata: x\r\n\r\nretry:3\rdata\r\r"]
    ),
    Target("sse.SSESplitter", "chunks", _split_events, lambda: [_EVENTS, b": hi\n\ndata:a\ndata:b\n\n"]),
    Target("image_frames", "chunks", _read_frames, lambda: [encode_frame({"event_type": "final", "image": b"x"}) * 2]),
    Target(
        "http.ChunkedReader",
        "chunks",
        lambda pieces: _read_body(ChunkedReader(Limits()), pieces),
        lambda: [b"5\r\nhello\r\n1a;x=y\r\n" + b"x" * 26 + b"\r\n0\r\nDate: x\r\n\r\n"],
    ),
    Target("http.FixedReader", "chunks", lambda pieces: _read_body(FixedReader(20), pieces), lambda: [b"x" * 20]),
    Target(
        "http.UntilCloseReader", "chunks", lambda pieces: _read_body(UntilCloseReader(), pieces), lambda: [b"x" * 20]
    ),
    Target("http.Wire.client", "chunks", lambda pieces: _read_messages("client", pieces), lambda: [_RESPONSE]),
    Target("http.Wire.server", "chunks", lambda pieces: _read_messages("server", pieces), lambda: [_REQUEST]),
    Target("http.first_bytes", "bytes", _check_start, lambda: [b"HTTP/1.1 200 OK\r\n"]),
    Target(
        "http.redaction",
        "text",
        hide_secrets,
        lambda: [b"Bearer pst-abcdefghijklmnopqrstuvwxyz eyJhbGciOi.eyJpZCI6.c2lnbmF0dXJl"],
        (),
    ),
    Target("exchange.endpoints", "text", _find_endpoint, lambda: [b"GET /user/objects/stories/%e2%82%ac?x=1&y="], ()),
    Target(
        "exchange.status_errors",
        "bytes",
        _read_error,
        lambda: [b'{"statusCode":402,"message":"no"}', b"<html><title>502</title>", b"Wed, 21 Oct 2026 07:28:00 GMT"],
        (),
    ),
    Target("json", "bytes", _read_json, lambda: [b'{"output":"\\ud83d\\ude00 \\ud800","a":[1.5e3,null,true]}']),
    Target("multipart", "bytes", _decode_form, lambda: [_FORM, _FORM_TYPE.encode() + b"\r\n" + _FORM]),
)
