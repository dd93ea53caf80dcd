"""What do the drivers cost per event, when a read of 64 KiB brings about 850?

The transport hands out prepared reads, so that nothing but what drives the flow, the flow and the reader is at work. "By
hand" is a loop over the same reader; the driver's own cost is what is above it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import nai_proto as nai
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.driving import IoStep, IoSteps
from nai_proto.text.token_stream import AS_TEXT, TokenReader
from nai_transports.clients import AsyncClient, Client

from .data import READS, cut, events
from .report import Effort, Report, timed

__all__ = ["measure"]

_HAND: Final = "by hand"
_MOST: Final = {"sync iteration": 0.1, "async iteration": 0.4, "next_batch": 0.1, "next_batch, async": 0.1}
_OPERATION: Final = nai.text.generate_stream("Once", max_length=2048)
_SESSION: Final = nai.Session(base_url="http://benchmark.invalid")


class _Prepared:
    """A transport, its one exchange, and what a run needs of it: everything is there already.

    Args:
        reads: what comes.
        read: makes the step that gives the next of them.
    """

    def __init__(self, reads: list[bytes], read: Callable[[Callable[[], bytes]], IoStep]) -> None:
        self.head = nai.Head(200, nai.Headers.of(content_type="text/event-stream"))
        left = iter(reads)
        self._read = read(lambda: next(left, b""))

    def open_io(self) -> _Prepared:
        return self

    def send(self, send: Send, budget: Budget, io: Any) -> IoSteps[_Prepared]:  # noqa: ARG002 -- a Transport
        yield from ()
        return self

    def receive(self, at_most: float | None) -> IoSteps[bytes]:  # noqa: ARG002 -- an Exchange
        data: bytes = yield self._read
        return data

    def abort(self) -> None:
        pass

    cancel = close = abort

    def now(self) -> float:
        return 0.0

    def draw(self, at_least: float, at_most: float) -> float:
        raise AssertionError(at_least, at_most)

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def compute(self, function: Callable[[], None], limit: float | None) -> None:
        raise AssertionError(function, limit)


def _at_once(read: Callable[[], bytes]) -> IoStep:
    return read


def _awaited(read: Callable[[], bytes]) -> IoStep:
    async def step() -> bytes:
        return read()

    return step


class _Client(Client):
    def __init__(self, reads: list[bytes]) -> None:
        super().__init__(_SESSION, None, None, None)
        self._transport = _Prepared(reads, _at_once)


class _AsyncClient(AsyncClient):
    def __init__(self, reads: list[bytes]) -> None:
        super().__init__(_SESSION, None, None, None)
        self._transport = _Prepared(reads, _awaited)


def _by_hand(reads: list[bytes]) -> int:
    reader = TokenReader(AS_TEXT, "benchmark", nai.Limits(), 0)
    count = 0
    for data in reads:
        for _ in reader.receive_data(data):
            count += 1
    reader.receive_eof()
    return count


def _iterate(reads: list[bytes]) -> int:
    count = 0
    with _Client(reads).stream(_OPERATION) as stream:
        for _ in stream:
            count += 1
    return count


def _in_batches(reads: list[bytes]) -> int:
    count = 0
    with _Client(reads).stream(_OPERATION) as stream:
        while (batch := stream.next_batch()) is not None:
            for _ in batch:
                count += 1
    return count


async def _iterate_async(reads: list[bytes]) -> int:
    count = 0
    async with _AsyncClient(reads).stream(_OPERATION) as stream:
        async for _ in stream:
            count += 1
    return count


async def _in_batches_async(reads: list[bytes]) -> int:
    count = 0
    async with _AsyncClient(reads).stream(_OPERATION) as stream:
        while (batch := await stream.next_batch()) is not None:
            for _ in batch:
                count += 1
    return count


def measure(effort: Effort) -> Report:
    """µs of CPU per event, and of it what the driver takes."""
    report = Report("µs per event through the drivers, in reads of 64 KiB", _HAND)
    count = effort.of(20_000)
    reads = cut(b"".join(events(count)), READS["64 KiB"])
    with asyncio.Runner() as runner:

        def on_loop(work: Callable[[list[bytes]], Coroutine[Any, Any, int]]) -> Callable[[], int]:
            return lambda: runner.run(work(reads))

        subjects: dict[str, Callable[[], int]] = {
            _HAND: lambda: _by_hand(reads),
            "sync iteration": lambda: _iterate(reads),
            "async iteration": on_loop(_iterate_async),
            "next_batch": lambda: _in_batches(reads),
            "next_batch, async": on_loop(_in_batches_async),
        }
        for name, run in subjects.items():
            assert run() == count, name
        values = timed(subjects, effort, per=count)
    report.add("in all", values, "µs", reference=_HAND)
    for subject, most in _MOST.items():
        report.bound("the driver's own", subject, values[subject] - values[_HAND], "µs", most)
    return report
