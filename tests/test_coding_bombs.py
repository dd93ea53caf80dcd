"""Content codings that nobody asked for: every client refuses them by the head, and decompresses nothing.

The bombs are packed a thousand times smaller than what they inflate to; what is measured is the peak while they are refused.
"""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from functools import cache

import pytest

from nai_proto import errors, text
from nai_proto.codecs.object_compression import MARK
from nai_proto.codecs.sealed_objects import OpenedState, StoredObject, open_object
from nai_proto.codecs.secret_box import to_base64
from nai_proto.exchange.reply import App, Handler, RawWrite, Start, Write
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Limits
from tests.support import ALL, Outcome, on, reading

MB = 1_000_000
UNPACKED = 20 * MB
MOST = 6 * MB
WHOLE = text.generate("a prompt", max_length=5).with_options(retry=NO_RETRY)
STORY = text.generate_stream("a prompt", max_length=5).with_options(retry=NO_RETRY)
CODINGS = {
    "gzip": ["gzip"],
    "x-gzip": ["x-gzip"],
    "deflate": ["deflate"],
    "br": ["br"],
    "zstd": ["zstd"],
    "nested": ["gzip, gzip"],
    "nested with identity": ["identity, gzip"],
    "in two fields": ["identity", "gzip"],
    "ten times": [", ".join(["gzip"] * 10)],
}


@cache
def packed_zeros() -> bytes:
    return gzip.compress(bytes(UNPACKED), 9, mtime=0)


@cache
def bomb(coding: str) -> bytes:
    """Return what inflates to `UNPACKED` zeros; for the codings that are not in the standard library, gzip's bytes."""
    if coding == "deflate":
        return zlib.compress(bytes(UNPACKED), 9)
    packed = packed_zeros()
    return gzip.compress(packed, 9, mtime=0) if "nested" in coding or coding == "ten times" else packed


def sends(status: int, content_type: str, coding: str) -> App:
    def app(request: Request) -> Handler:
        yield from reading(request)
        body = bomb(coding)
        fields = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        yield Start(Head(status, Headers([*fields, *(("Content-Encoding", each) for each in CODINGS[coding])])))
        yield Write(body)

    return app


def measured(transport: str, app: App, *, streamed: bool = False) -> tuple[Outcome, int]:
    """Return what became of a request, and the most that was allocated at once, in client and server."""
    tracemalloc.start()
    try:
        outcome = on(transport, app, lambda: STORY if streamed else WHOLE)
        return outcome, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("transport", ALL)
def test_a_coding_is_refused_before_anything_is_decompressed(transport: str, coding: str) -> None:
    bomb(coding)
    for content_type, streamed in (("application/json", False), ("text/event-stream", True)):
        outcome, most = measured(transport, sends(200, content_type, coding), streamed=streamed)
        assert type(outcome.error) is errors.RemoteProtocolError
        assert "content coding" in str(outcome.error)
        assert most < MOST


@pytest.mark.parametrize("transport", ALL)
def test_an_error_with_a_coding_is_the_status_and_is_not_decompressed(transport: str) -> None:
    for coding in CODINGS:
        bomb(coding)
        outcome, most = measured(transport, sends(500, "application/json", coding))
        assert isinstance(outcome.error, errors.StatusError)
        assert outcome.error.status == 500
        assert len(outcome.error.body) <= Limits().error_body
        assert most < MOST


@pytest.mark.parametrize("transport", ALL)
def test_a_transfer_coding_is_never_decompressed(transport: str) -> None:
    packed = bomb("gzip")

    def app(request: Request) -> Handler:
        yield from reading(request)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        yield RawWrite(b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(packed), packed))

    outcome, most = measured(transport, app)
    assert isinstance(outcome.error, errors.RemoteProtocolError)
    assert most < MOST


def test_a_story_that_is_a_bomb_is_too_large_and_is_inflated_to_its_limit_only() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(bytes(UNPACKED)) + deflater.flush()
    stored = StoredObject(id="x", type="presets", meta="", data=to_base64(MARK + packed))
    tracemalloc.start()
    try:
        opened = open_object(stored, {}, Limits(unpacked=4 * MB))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert opened.state is OpenedState.TOO_LARGE
    assert most < 2.5 * 4 * MB
