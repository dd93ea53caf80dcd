"""Answers and files that mean harm: each is a documented error, and none costs more memory than it has bytes or may have.

What makes them is packed far smaller than it claims to be; what is measured is the peak while they are read.
"""

from __future__ import annotations

import gzip
import json
import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, repeat
from typing import Any

import pytest

from nai_proto.codecs.exif import write_exif
from nai_proto.codecs.image_frames import encode_frame
from nai_proto.codecs.picture_metadata import Metadata, examine_picture, read_metadata
from nai_proto.codecs.pixels import Pixels, read_pixels, write_png
from nai_proto.codecs.png import SIGNATURE, build_png_chunk
from nai_proto.codecs.stealth import with_stealth
from nai_proto.codecs.vibe_files import read_vibe_file
from nai_proto.codecs.zip_archive import zip_files
from nai_proto.errors import LimitExceeded, NaiError, RemoteProtocolError, Truncated
from nai_proto.exchange.call import Call
from nai_proto.http import Head, Headers
from nai_proto.image import generate, generate_stream
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.image_support import JPEG, PNG
from tests.peak_memory import measure_peak

MB = 1_000_000
PIECE = 65_536
SMALL = Limits(body=4 * MB, frame=MB, line=MB, archive=4 * MB, picture_text=MB, pixels=MB)

ZIP, MSGPACK, SSE, JSON = "binary/octet-stream", "application/msgpack", "text/event-stream", "application/json"


def cut(body: bytes) -> Iterator[bytes]:
    return (body[at : at + PIECE] for at in range(0, len(body), PIECE))


def received(content_type: str, pieces: Iterable[bytes], limits: Limits = SMALL) -> Callable[[], object]:
    """An answer of this type, read to its end or to where it is refused; its events are nobody's."""

    def work() -> object:
        call: Call[Any, Any]
        if content_type in (MSGPACK, SSE):
            options: Any = {"framing": "sse" if content_type == SSE else "msgpack"}
            call = Call(generate_stream("a cat", seed=1, **options), limits=limits)
        else:
            call = Call(generate("a cat", seed=1), limits=limits)
        call.send()
        call.receive_head(Head(200, Headers.of(content_type=content_type)))
        for piece in pieces:
            call.receive_data(piece)
        return call.receive_eof()

    return work


def listed(image: str) -> bytes:
    return json.dumps({"images": [{"image": image}]}).encode()


def claiming(archive: bytes, size: int) -> bytes:
    """The archive, with another size of its first member, said twice."""
    said = size.to_bytes(4, "little")
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = archive.index(mark) + at
        archive = archive[:start] + said + archive[start + 4 :]
    return archive


def encrypted(archive: bytes) -> bytes:
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = archive.index(mark) + at
        archive = archive[:start] + bytes([archive[start] | 1]) + archive[start + 1 :]
    return archive


def overlapping(members: int) -> bytes:
    """Many members that are all the same bytes of the archive."""
    one = zip_files([("a", bytes(MB))])
    directory, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entries = one[directory:end] * members
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, members, members, len(entries), directory, 0)
    return one[:directory] + entries + record


@cache
def make_bomb() -> bytes:
    return zip_files([("image_0.png", bytes(40 * MB))])


@cache
def make_packed() -> bytes:
    return zlib.compress(bytes(40 * MB), 9)


@cache
def make_hidden() -> bytes:
    return write_png(with_stealth(Pixels(900, 900, bytes(4 * 900 * 900)), bytes(40 * MB)))


@pytest.fixture(scope="module", autouse=True)
def bombs() -> None:
    """Make the bombs before anything is measured, and only where this module's tests run."""
    for make in (make_bomb, make_packed, make_hidden):
        make()


STEP = {"event_type": "intermediate", "samp_ix": 0, "step_ix": 0, "image": JPEG}
ARCHIVE = zip_files([("image_0.png", PNG)])


def event(**fields: object) -> bytes:
    return b"event: intermediate\ndata: " + json.dumps(fields).encode() + b"\n\n"


ANSWERS: dict[str, tuple[str, Callable[[], Iterable[bytes]], type[NaiError], str]] = {
    "frame of 4 GiB": (MSGPACK, lambda: [b"\0", b"\xff\xff\xff" + bytes(99)], LimitExceeded, "frame"),
    "frame of the most": (MSGPACK, lambda: repeat(b"\xff" * PIECE, 1000), LimitExceeded, "frame"),
    "frame behind a step": (MSGPACK, lambda: [encode_frame(STEP), b"\0\xff\xff\xff"], LimitExceeded, "frame"),
    "frame cut short": (MSGPACK, lambda: [encode_frame(STEP)[:-1]], Truncated, "bytes into a frame"),
    "frame of deep lists": (
        MSGPACK,
        lambda: cut((500_000).to_bytes(4) + b"\x91" * 500_000),
        RemoteProtocolError,
        "event 0",
    ),
    "frame with a text of 4 GiB": (MSGPACK, lambda: [b"\0\0\0\5\xdb\xff\xff\xff\xff"], RemoteProtocolError, "event 0"),
    "frame with a map of 4 GiB": (MSGPACK, lambda: [b"\0\0\0\5\xdf\xff\xff\xff\xff"], RemoteProtocolError, "event 0"),
    "step without an image": (
        MSGPACK,
        lambda: [encode_frame({**STEP, "image": b""})],
        RemoteProtocolError,
        "event 0: it has no image",
    ),
    "step with no image": (
        MSGPACK,
        lambda: [encode_frame({"event_type": "intermediate"})],
        RemoteProtocolError,
        "event 0: it has no image",
    ),
    "final without an image": (
        MSGPACK,
        lambda: [encode_frame(STEP), encode_frame({"event_type": "final"})],
        RemoteProtocolError,
        "event 1: it has no image",
    ),
    "steps without end": (
        MSGPACK,
        lambda: [encode_frame({**STEP, "image": bytes(PIECE)})] * 500,
        Truncated,
        "with 0 of 1 images",
    ),
    "event without an end": (SSE, lambda: chain([b"data: "], repeat(b"x" * PIECE, 1000)), LimitExceeded, "line"),
    "event of endless lines": (
        SSE,
        lambda: repeat((b"data: " + b"x" * 500 + b"\n") * 128, 1000),
        LimitExceeded,
        "event",
    ),
    "name without an end": (SSE, lambda: chain([b"event: "], repeat(b"x" * PIECE, 1000)), LimitExceeded, "line"),
    "event without an image": (
        SSE,
        lambda: [event(event_type="intermediate", samp_ix=0)],
        RemoteProtocolError,
        "event 0: it has no image",
    ),
    "event with an empty image": (
        SSE,
        lambda: [event(event_type="intermediate", image="")],
        RemoteProtocolError,
        "event 0: it has no image",
    ),
    "event with null for an image": (
        SSE,
        lambda: [event(event_type="intermediate", image=None)],
        RemoteProtocolError,
        "event 0",
    ),
    "events without end": (
        SSE,
        lambda: [event(event_type="intermediate", image=b64encode(bytes(PIECE)).decode())] * 500,
        Truncated,
        "before the last image",
    ),
    "ZIP bomb": (ZIP, lambda: cut(make_bomb()), LimitExceeded, "archive"),
    "ZIP bomb by its ratio": (
        ZIP,
        lambda: cut(zip_files([("image_0.png", bytes(3 * MB))])),
        LimitExceeded,
        "for their packed size",
    ),
    "ZIP bomb that lies": (
        ZIP,
        lambda: cut(claiming(make_bomb(), 1000)),
        RemoteProtocolError,
        "does not inflate to its size",
    ),
    "ZIP that is more than it says": (
        ZIP,
        lambda: [claiming(ARCHIVE, 20)],
        RemoteProtocolError,
        "does not inflate to its size",
    ),
    "ZIP that is less than it says": (
        ZIP,
        lambda: [claiming(ARCHIVE, MB)],
        RemoteProtocolError,
        "does not inflate to its size",
    ),
    "ZIP cut short": (ZIP, lambda: [ARCHIVE[:-30]], Truncated, "no end"),
    "ZIP without its end": (ZIP, lambda: [ARCHIVE[:60]], Truncated, "no end"),
    "ZIP without members": (ZIP, lambda: [zip_files([])], RemoteProtocolError, "without images"),
    "ZIP of members that overlap": (ZIP, lambda: [overlapping(4)], RemoteProtocolError, "twice|overlap"),
    "ZIP of many members": (ZIP, lambda: cut(overlapping(60_000)), LimitExceeded, "archive members"),
    "ZIP that is encrypted": (ZIP, lambda: [encrypted(ARCHIVE)], RemoteProtocolError, "encrypted"),
    "ZIP without an end": (ZIP, lambda: chain([b"PK\3\4"], repeat(bytes(PIECE), 1000)), LimitExceeded, "body"),
    "JSON without an end": (JSON, lambda: chain([b'{"images":"'], repeat(b"A" * PIECE, 1000)), LimitExceeded, "body"),
    "JSON of deep lists": (JSON, lambda: cut(b'{"images":' + b"[" * (MB // 5)), LimitExceeded, "JSON depth"),
    "JSON that is no base64": (JSON, lambda: [listed("?")], RemoteProtocolError, "base64"),
}


@for_each("content_type, pieces, kind, problem", ANSWERS.values(), ids=list(ANSWERS))
def test_an_answer_that_means_harm_is_an_error_within_bounded_memory(
    content_type: str, pieces: Callable[[], Iterable[bytes]], kind: type[NaiError], problem: str
) -> None:
    error, most = measure_peak(received(content_type, pieces()))
    assert type(error) is kind
    assert re.search(problem, str(error))
    assert most < 2.1 * SMALL.body


# ---- pictures


def text_of(kind: bytes, content: bytes) -> bytes:
    """A PNG with one pixel and one text."""
    plain = write_png(Pixels(1, 1, b"abc"))
    at = plain.index(b"IDAT") - 4
    return plain[:at] + build_png_chunk(kind, content) + plain[at:]


def header(width: int, height: int, packed: bytes = b"") -> bytes:
    head = struct.pack(">2L5B", width, height, 8, 6, 0, 0, 0)
    return SIGNATURE + build_png_chunk(b"IHDR", head) + build_png_chunk(b"IDAT", packed) + build_png_chunk(b"IEND", b"")


def webp(exif: bytes, width: int = 1) -> bytes:
    body = (
        b"WEBP"
        + b"VP8X"
        + struct.pack("<L4x3s3s", 10, (width - 1).to_bytes(3, "little"), (width - 1).to_bytes(3, "little"))
    )
    body += b"EXIF" + len(exif).to_bytes(4, "little") + exif + b"\0" * (len(exif) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


PICTURES: dict[str, tuple[Callable[[], object], type[NaiError], str]] = {
    "pixels that are claimed": (lambda: read_pixels(header(2**31 - 1, 2**31 - 1), SMALL), LimitExceeded, "pixels"),
    "pixels that are too many": (
        lambda: read_pixels(header(8, 8, make_packed()), SMALL),
        RemoteProtocolError,
        "do not inflate",
    ),
    "pixels that are too few": (lambda: read_pixels(header(1000, 1000), SMALL), RemoteProtocolError, "do not inflate"),
    "zTXt": (
        lambda: read_metadata(text_of(b"zTXt", b"Comment\0\0" + make_packed()), SMALL),
        RemoteProtocolError,
        r"\(Comment\) is too long",
    ),
    "iTXt": (
        lambda: read_metadata(text_of(b"iTXt", b"Comment\0\1\0\0\0" + make_packed()), SMALL),
        RemoteProtocolError,
        r"\(Comment\) is too long",
    ),
    "alpha": (lambda: read_metadata(make_hidden(), SMALL), RemoteProtocolError, "copy in alpha is too long"),
    "WebP that is claimed": (lambda: read_metadata(webp(b"", 2**24), SMALL), LimitExceeded, "pixels"),
    "WebP with too much EXIF": (
        lambda: read_metadata(webp(write_exif({"Artist": "x" * 2 * MB})), SMALL),
        RemoteProtocolError,
        "the tag Artist is too long",
    ),
    "WebP with texts that are claimed": (
        lambda: read_metadata(webp(b"II*\0\x08\0\0\0" + struct.pack("<HHHLL", 1, 0x010E, 2, 2**32 - 1, 8))),
        RemoteProtocolError,
        "the tag ImageDescription is cut off",
    ),
    "WebP with a comment that is deep": (
        lambda: read_metadata(webp(write_exif({"UserComment": '{"a":' + "[" * (MB // 5)})), SMALL),
        RemoteProtocolError,
        "JSON depth",
    ),
    "a comment that is deep": (
        lambda: Metadata({"Comment": '{"a":' + "[" * (MB // 5)}).parameters(SMALL),
        LimitExceeded,
        "JSON depth",
    ),
    "a vibe that is deep": (lambda: read_vibe_file(b"[" * (MB // 5), SMALL), LimitExceeded, "JSON depth"),
    "a vibe that is long": (lambda: read_vibe_file(bytes(5 * MB), SMALL), LimitExceeded, "body"),
}


@pytest.mark.parametrize(("read", "kind", "problem"), PICTURES.values(), ids=list(PICTURES))
def test_a_file_that_means_harm_is_an_error_within_bounded_memory(
    read: Callable[[], object], kind: type[NaiError], problem: str
) -> None:
    error, most = measure_peak(read)
    assert type(error) is kind
    assert re.search(problem, str(error))
    assert most < 12 * MB


def test_a_copy_in_alpha_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(40 * MB), mtime=0)
    assert len(bomb) < MB  # so that it is its content that is refused
    error, most = measure_peak(lambda: examine_picture(make_hidden(), SMALL))
    assert error is None
    assert most < 12 * MB
