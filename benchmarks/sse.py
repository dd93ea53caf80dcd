"""What does it cost to make typed tokens of a native event stream, by the size of the reads?

The limit joins what was read, splits it at blank lines and hands what follows ``data:`` to msgspec: no standard, no
errors, no limits on size. Peers give a decoder's events and then ``json.loads`` of their data.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec

import nai_proto as nai
from nai_proto.text.token_stream import AS_TEXT, TokenReader

from .data import READS, cut, events
from .report import Effort, Report, peer, timed

__all__ = ["count_with_httpx_sse", "count_with_novelai_api", "is_right", "measure"]

_LIMIT: Final = "limit: split + msgspec typed"
_OURS: Final = "TokenReader"
_FASTER: Final = {"novelai_api": 4.5, "httpx_sse": 3.0}
_SIZES: Final = {"64 KiB": 20_000, "1400 B": 20_000, "one event": 20_000, "16 B": 4_000, "1 B": 1_000}


class _Fields(msgspec.Struct, frozen=True):
    token: str
    ptr: int
    final: bool
    logprobs: Any = None


_decode: Final = msgspec.json.Decoder(_Fields).decode


def _limit(reads: list[bytes]) -> int:
    return len([_decode(block.partition(b"data:")[2]) for block in b"".join(reads).split(b"\n\n") if block])


def _reader(reads: list[bytes]) -> int:
    reader = TokenReader(AS_TEXT, "benchmark", nai.Limits(), 0)
    count = 0
    for data in reads:
        count += len(reader.receive_data(data))
    reader.receive_eof()
    return count


def _call(reads: list[bytes]) -> int:
    call = nai.Call(nai.text.generate_stream("Once"))
    call.send()
    call.receive_head(nai.Head(200, nai.Headers.of(content_type="text/event-stream")))
    count = 0
    for data in reads:
        count += len(call.receive_data(data))
    call.receive_eof()
    return count


def count_with_httpx_sse(module: Any, end: str | None = None) -> Callable[[list[bytes]], int]:
    """Return what counts events, without those that have this data."""
    import httpx

    def run(reads: list[bytes]) -> int:
        response = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=_Stream(reads))
        events = module.EventSource(response).iter_sse()
        return len([json.loads(event.data) for event in events if event.data != end])

    class _Stream(httpx.SyncByteStream):
        def __init__(self, reads: list[bytes]) -> None:
            self._reads = reads

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._reads)

    return run


def _openai(module: Any) -> Callable[[list[bytes]], int]:
    def run(reads: list[bytes]) -> int:
        return len([json.loads(event.data) for event in module.SSEDecoder().iter_bytes(iter(reads))])

    return run


def count_with_novelai_api(module: Any, end: str | None = None) -> Callable[[list[bytes]], int]:
    """Return what counts events, without those that have this data."""

    class Content:
        def __init__(self, reads: list[bytes]) -> None:
            self._reads = reads

        async def iter_any(self) -> AsyncIterator[bytes]:
            for data in self._reads:
                yield data

    class Answer:
        def __init__(self, reads: list[bytes]) -> None:
            self.content = Content(reads)

    async def count(reads: list[bytes]) -> int:
        found = 0
        async for event in module.LowLevel._parse_sse_stream(Answer(reads)):
            found += event["data"] != end and bool(json.loads(event["data"]))
        return found

    return lambda reads: asyncio.run(count(reads))


def measure(effort: Effort) -> Report:
    """µs of CPU per event, by read size."""
    report = Report("µs per event from bytes to typed tokens", _LIMIT)
    subjects: dict[str, Callable[[list[bytes]], int]] = {_LIMIT: _limit, _OURS: _reader, "Call": _call}
    peers = (
        ("httpx_sse", count_with_httpx_sse),
        ("openai._streaming", _openai),
        ("novelai_api._low_level", count_with_novelai_api),
    )
    for name, make in peers:
        if module := peer(report, name):
            subjects[name.partition(".")[0]] = make(module)
    for case, most in _SIZES.items():
        blocks = events(effort.of(most))
        reads = cut(b"".join(blocks), READS[case]) if case in READS else blocks
        able = {name: run for name, run in subjects.items() if is_right(report, case, name, run, reads, len(blocks))}
        values = timed({name: partial(run, reads) for name, run in able.items()}, effort, per=len(blocks))
        targets = {_OURS: 2.0} if most == _SIZES["64 KiB"] else {}
        report.add(case, values, "µs", reference=_LIMIT, at_most=targets, ours=_OURS, faster=_FASTER if targets else {})
    return report


def is_right(
    report: Report, case: str, name: str, run: Callable[[list[bytes]], int], reads: list[bytes], count: int
) -> bool:
    """Speed counts for nothing where the answer is wrong."""
    with suppress(ValueError):
        if run(reads) == count:
            return True
    report.wrong.append(f"{name} at {case}")
    return False
