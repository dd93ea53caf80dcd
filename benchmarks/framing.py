"""What does the framing of a body cost, in chunks of one event each, by the size of the reads?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import h11

from nai_proto.http import Head, Request
from nai_proto.http.wire import EndOfMessage, Signal, Wire

from .data import READS, body, cut
from .report import Effort, Report, timed

__all__ = ["measure", "read_chunked"]

_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_SIZES: Final = {"64 KiB": 20_000, "1400 B": 20_000, "one chunk": 20_000, "16 B": 4_000, "1 B": 500}
_FASTER: Final = {"64 KiB": 5.0, "1400 B": 5.0}


def _wire(reads: list[bytes]) -> None:
    wire = Wire("client")
    wire.send_request(Request("GET", "/", base="http://benchmark.invalid"))
    wire.receive_data(_HEAD)
    assert isinstance(wire.next_event(), Head)
    for data in reads:
        wire.receive_data(data)
        while not isinstance(event := wire.next_event(), Signal):
            if isinstance(event, EndOfMessage):
                return
    raise AssertionError("the body did not end")


def _h11(reads: list[bytes]) -> None:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "benchmark.invalid")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(_HEAD)
    assert isinstance(connection.next_event(), h11.Response)
    for data in reads:
        connection.receive_data(data)
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage):
                return
    raise AssertionError("the body did not end")


def read_chunked(size: int, count: int) -> Callable[[], None]:
    """Return what reads a body of so many chunks in reads of a size."""
    return partial(_wire, cut(b"".join(body(count)), size))


def measure(effort: Effort) -> Report:
    """µs of CPU per chunk, by read size."""
    report = Report("µs per HTTP chunk of about 77 bytes", "h11")
    for case, count in _SIZES.items():
        chunks = body(effort.of(count))
        reads = cut(b"".join(chunks), READS[case]) if case in READS else chunks
        subjects = {"h11": partial(_h11, reads), "Wire": partial(_wire, reads)}
        values = timed(subjects, effort, per=len(chunks))
        faster = {"h11": _FASTER[case]} if case in _FASTER else {}
        report.add(case, values, "µs", reference="h11", ours="Wire", faster=faster)
    return report
