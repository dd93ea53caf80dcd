"""What do the pumps cost per event, when a read of 64 KiB brings about 850?

The transport hands out prepared reads, so that nothing but the pump, the flow and the reader is at work. "By hand" is a
loop over the same reader; the pump's own cost is what is above it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import nai_proto as nai
from nai_proto.exchange.session import Budget
from nai_proto.text.answers import AS_TEXT, TokenReader
from nai_transports import _pump

from .data import READS, cut, events
from .report import Effort, Report, timed

__all__ = ["measure"]

_HAND: Final = "by hand"
_MOST: Final = {"sync iteration": 0.1, "async iteration": 0.4, "next_batch": 0.1}
_OPERATION: Final = nai.text.generate_stream("Once", max_length=2048)
_SESSION: Final = nai.Session(base_url="http://benchmark.invalid")


class _Prepared:
    """A transport, and its one exchange, that has everything already."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = iter(reads)
        self.head = nai.Head(200, nai.Headers.of(content_type="text/event-stream"))

    def send(self, request: nai.Request, budget: Budget) -> _Prepared:  # noqa: ARG002 -- a Transport
        return self

    def receive(self, budget: Budget, at_most: float | None) -> bytes:  # noqa: ARG002 -- an Exchange
        return next(self._reads, b"")

    def abort(self) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def now(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


class _AsyncPrepared:
    """The same for the async pump."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = iter(reads)
        self.head = nai.Head(200, nai.Headers.of(content_type="text/event-stream"))

    async def send(self, request: nai.Request, budget: Budget) -> _AsyncPrepared:  # noqa: ARG002 -- an AsyncTransport
        return self

    async def receive(self, budget: Budget, at_most: float | None) -> bytes:  # noqa: ARG002 -- an AsyncExchange
        return next(self._reads, b"")

    def abort(self) -> None:
        pass

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        raise AssertionError(function, limit)

    def now(self) -> float:
        return 0.0

    async def close(self) -> None:
        pass


def _by_hand(reads: list[bytes]) -> int:
    reader = TokenReader(AS_TEXT, "benchmark", nai.Limits(), 0)
    count = 0
    for data in reads:
        for _ in reader.receive_data(data):
            count += 1
    reader.receive_eof()
    return count


def _sync(reads: list[bytes]) -> int:
    count = 0
    with _pump.Client(_SESSION, _Prepared(reads)).stream(_OPERATION) as stream:
        for _ in stream:
            count += 1
    return count


async def _async(reads: list[bytes]) -> int:
    count = 0
    async with _pump.AsyncClient(_SESSION, _AsyncPrepared(reads)).stream(_OPERATION) as stream:
        async for _ in stream:
            count += 1
    return count


async def _batches(reads: list[bytes]) -> int:
    count = 0
    async with _pump.AsyncClient(_SESSION, _AsyncPrepared(reads)).stream(_OPERATION) as stream:
        while (batch := await stream.next_batch()) is not None:
            for _ in batch:
                count += 1
    return count


def measure(effort: Effort) -> Report:
    """µs of CPU per event, and of it what the pump takes."""
    report = Report("µs per event through the pumps, in reads of 64 KiB", _HAND)
    count = effort.of(20_000)
    reads = cut(b"".join(events(count)), READS["64 KiB"])
    with asyncio.Runner() as runner:
        subjects: dict[str, Callable[[], int]] = {
            _HAND: lambda: _by_hand(reads),
            "sync iteration": lambda: _sync(reads),
            "async iteration": lambda: runner.run(_async(reads)),
            "next_batch": lambda: runner.run(_batches(reads)),
        }
        values = timed(subjects, effort, per=count)
    report.add("in all", values, "µs", reference=_HAND)
    for subject, most in _MOST.items():
        report.bound("the pump's own", subject, values[subject] - values[_HAND], "µs", most)
    return report
