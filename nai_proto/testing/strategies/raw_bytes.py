"""Ways to cut bytes into reads, hostile bytes, and inputs of fuzz targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import cycle
from typing import Final

from hypothesis import strategies as st

from ..connection import cut
from ..target import Target

__all__ = ["chunkings", "cutters", "hostile_bodies", "hostile_bytes", "target_inputs"]


def chunkings(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Generate ways to cut ``data`` into reads: whole, byte by byte, or anywhere."""
    edges = st.one_of(
        st.just([]),
        st.just([*range(len(data))]),
        st.lists(st.integers(0, len(data)), max_size=12),
    )
    return edges.map(lambda offsets: cut(data, offsets))


def cutters() -> st.SearchStrategy[Callable[[bytes], list[bytes]]]:
    """Generate functions that cut bytes into reads, for the ``pieces`` of a `MemoryConnection`."""

    def cutter(sizes: list[int]) -> Callable[[bytes], list[bytes]]:
        def pieces(data: bytes) -> list[bytes]:
            edges, at = [0], 0
            for size in cycle(sizes):
                at += size
                if at >= len(data):
                    return cut(data, edges)
                edges.append(at)
            return [data]

        return pieces

    return st.lists(st.integers(1, 400), min_size=1, max_size=6).map(cutter)


_PARTS = (
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 429 \r\n",
    b"HTTP/1.0 502 Bad Gateway\r\n",
    b"Content-Type: text/event-stream\r\n",
    b"Content-Type: application/json\r\n",
    b"Content-Length: 7\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"data: ",
    b'data:{"token":"x","ptr":0,"final":true}\n\n',
    b'data: {"error":"no"}\n\n',
    b'{"statusCode":500,"message":"no"}',
    b'{"accessToken":1}',
    b"<html><title>502</title>",
    b"[" * 2000,
    b'{"output":null}',
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\n\n",
)


@cache
def hostile_bytes() -> st.SearchStrategy[bytes]:
    """Generate bytes of a broken or malicious peer: random bytes, and parts of valid responses in any order."""
    return st.lists(st.one_of(st.sampled_from(_PARTS), st.binary(max_size=30)), max_size=12).map(b"".join)


@cache
def hostile_bodies() -> st.SearchStrategy[bytes]:
    """Generate hostile bytes without parts of heads, for readers of bodies."""
    return st.lists(st.one_of(st.sampled_from(_PARTS[9:]), st.binary(max_size=30)), max_size=12).map(b"".join)


def target_inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Generate inputs of a fuzz target: its seeds with a few changes, two of them spliced, and hostile bytes.

    A change cuts a piece out, doubles it, flips a bit of it, or puts hostile bytes in its place.
    """
    return st.one_of(_changed_seeds(st.sampled_from([*target.seeds()])), hostile_bytes())


_PLACES: Final = st.floats(0, 1, exclude_max=True)


@st.composite
def _changed_seeds(draw: st.DrawFn, seeds: st.SearchStrategy[bytes]) -> bytes:
    data = draw(seeds)
    for _ in range(draw(st.integers(1, 3))):
        start, end = sorted(int(draw(_PLACES) * (len(data) + 1)) for _ in range(2))
        piece = data[start:end]
        match draw(st.sampled_from(("cut", "double", "flip", "replace", "splice"))):
            case "cut":
                piece = b""
            case "double":
                piece *= 2
            case "flip" if piece:
                piece = bytes((piece[0] ^ 1 << draw(st.integers(0, 7)),)) + piece[1:]
            case "replace":
                piece = draw(hostile_bytes())
            case _:
                other = draw(seeds)
                piece = other[int(draw(_PLACES) * len(other)) :]
        data = data[:start] + piece + data[end:]
    return data
