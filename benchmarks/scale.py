"""How does the emulator bear 500 streams at once, and 10,000 stored objects?

It serves from a process of its own, beside a server of asyncio's own streams that writes the same bytes, prepared, in the
same pieces and at the same pace, and looks at nothing. The client is ours in all cases, so both ends share the machine:
the figures are of wall-clock time, and the ratios are what is left of a server when it thinks. Every stream is complete
and has the right text, every object is what was stored, or there is no figure.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Final, TypeAlias

import trio

import nai_proto as nai
from nai_proto import objects, text
from nai_proto.codecs.sealed_objects import StoredObject
from nai_proto.emulator import Emulator, Switches
from nai_proto.emulator.recording import RecordedExchange, Recorder
from nai_proto.exchange.reply import Start, Write
from nai_proto.testing import Clock, run_in_memory
from nai_proto.text.completion import Completion, Token
from nai_transports import asyncio as on_asyncio
from nai_transports import trio as on_trio
from nai_transports.clients import AsyncClient
from nai_transports.servers.serve import run_on_selector_loop, serve

from .report import Effort, Report, timed
from .server import apart

__all__ = ["measure"]

_RAW: Final = "asyncio, the same bytes"
_OURS: Final = "emulator"
_ON_TRIO: Final = "emulator, client on trio"
_EMAIL: Final = "writer@example.com"
_PASSWORD: Final = nai.Password("the quiet harbour")
_PACE: Final = 0.1
_FEW: Final = 100

Pieces: TypeAlias = list[bytes]
Answers: TypeAlias = Mapping[str, Pieces]
"""What is written for a request, by its method and target."""


# ---- the two servers


def _emulator(pace: float, stored: int) -> tuple[Emulator, nai.Session]:
    """The same each time; with a session of its owner, whose account may have many generations at once."""
    entropy = random.Random(20260101).randbytes
    emulator = Emulator(now=lambda: 0.0, entropy=entropy, pace=pace, switches=Switches(lock=False))
    account = emulator.add_account(_EMAIL, _PASSWORD, stories=False)
    login = run_in_memory(nai.account.login_with_key(account.key), emulator)
    for number in range(stored):
        meta, data = f"{number:08}-0000-4000-8000-000000000000", random.Random(number).randbytes(300).hex()
        account.storage.create("stories", meta, data, 0.0, entropy)
    return emulator, nai.Session(token=login.result)


def _emulating(pace: float, stored: int, pipe: Connection) -> None:
    emulator, _ = _emulator(pace, stored)

    async def main() -> None:
        async with serve(emulator) as url:
            pipe.send(url)
            await asyncio.to_thread(pipe.recv)

    run_on_selector_loop(main())


def _repeating(answers: Answers, pace: float, pipe: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if length := _LENGTH_FIELD.search(head):
                    await reader.readexactly(int(length[1]))
                first, *pieces = answers[" ".join(head.decode().split(" ", 2)[:2])]
                writer.write(first)
                for piece in pieces:
                    if pace:
                        await asyncio.sleep(pace)
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", backlog=1024, limit=1 << 20)
        host, port = server.sockets[0].getsockname()
        pipe.send(f"http://{host}:{port}")
        await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


_LENGTH_FIELD: Final = re.compile(rb"(?i)content-length: *([0-9]+)")


def _prepared(exchanges: Sequence[RecordedExchange]) -> Answers:
    """The answers as they are on the wire: a piece for the head, and one for each piece of the body."""
    found: dict[str, Pieces] = {}
    for exchange in exchanges:
        pieces: Pieces = []
        chunked = False
        for sent in exchange.answer:
            match sent.action:
                case Start(head):
                    chunked = head.headers.get("content-length") is None
                    fields = [*head.headers, *([("Transfer-Encoding", "chunked")] if chunked else [])]
                    lines = [f"HTTP/1.1 {head.status} OK", *(f"{name}: {value}" for name, value in fields), "", ""]
                    pieces.append("\r\n".join(lines).encode())
                case Write(data):
                    pieces.append(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                case _:
                    raise AssertionError("the emulator keeps to HTTP here")
        if chunked:
            pieces[-1] += b"0\r\n\r\n"
        found[f"{exchange.method} {exchange.target}"] = pieces
    return found


# ---- streams


@dataclass
class _Run:
    """What a client saw of all streams of one run."""

    events: int = 0
    seconds: float = 0.0
    first: list[float] = field(default_factory=list[float])
    "Seconds from asking to the first event, of each stream."


@dataclass(frozen=True)
class _Story:
    """What every stream asks for and has to get; it is the same each time."""

    length: int
    "Events."
    text: str = ""

    @property
    def operation(self) -> nai.Operation[Token, Completion]:
        return text.generate_stream("Once upon a time", max_length=self.length, extra={"seed": 7}).with_options(
            retry=nai.NO_RETRY
        )


async def _streamed(client: AsyncClient, seen: _Run, story: _Story) -> None:
    began = time.perf_counter()
    events = 0
    async with client.stream(story.operation) as stream:
        async for _ in stream:
            if not events:
                seen.first.append(time.perf_counter() - began)
            events += 1
        assert stream.result.text == story.text
    assert events == story.length
    seen.events += events


async def _on_asyncio(session: nai.Session, count: int, story: _Story) -> _Run:
    seen, began = _Run(), time.perf_counter()
    async with on_asyncio.Client(session) as client, asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(_streamed(client, seen, story))
    seen.seconds = time.perf_counter() - began
    return seen


async def _on_trio(session: nai.Session, count: int, story: _Story) -> _Run:
    seen, began = _Run(), time.perf_counter()
    async with on_trio.Client(session) as client, trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(_streamed, client, seen, story)
    seen.seconds = time.perf_counter() - began
    return seen


def _streams(report: Report, effort: Effort, pace: float) -> None:
    emulator, session = _emulator(0.0, 0)
    kept: list[RecordedExchange] = []
    count, story = effort.of(500), _Story(effort.of(20))
    told = run_in_memory(story.operation, Recorder(emulator, kept.append, Clock()), session)
    story = replace(story, text=told.result.text)
    with (
        apart(_repeating, _prepared(kept), pace) as raw,
        apart(_emulating, pace, 0) as ours,
        asyncio.Runner() as runner,
    ):

        def asked(url: str) -> Coroutine[object, object, _Run]:
            return _on_asyncio(nai.Session(base_url=url, token=session.token), count, story)

        subjects: dict[str, Callable[[], _Run]] = {
            _RAW: lambda: runner.run(asked(raw)),
            _OURS: lambda: runner.run(asked(ours)),
            _ON_TRIO: lambda: trio.run(_on_trio, nai.Session(base_url=ours, token=session.token), count, story),
        }
        runs: dict[str, list[_Run]] = {name: [] for name in subjects}
        for number in range(effort.rounds + 1):
            for name, subject in subjects.items():
                seen = subject()
                assert seen.events == count * story.length, name
                if number:
                    runs[name].append(seen)
    case = f"{count} streams, {f'{pace:g} s a token' if pace else 'no pause'}"
    first = {name: [one * 1e3 for seen in found for one in seen.first] for name, found in runs.items()}
    rate = {name: median(seen.events / seen.seconds for seen in found) for name, found in runs.items()}
    report.add(case, rate, "events/s", reference=_RAW)
    report.add(f"{case}: first event", {name: median(all_) for name, all_ in first.items()}, "ms", reference=_RAW)
    slowest = {name: quantiles(all_, n=100)[-1] for name, all_ in first.items()}
    report.add(f"{case}: 99 % of them", slowest, "ms", reference=_RAW)


# ---- objects


def _objects(report: Report, effort: Effort) -> None:
    count, turns = effort.of(10_000), effort.of(100)
    emulator, session = _emulator(0.0, count)
    all_: tuple[StoredObject, ...] = run_in_memory(objects.list_objects("stories"), emulator, session).result
    assert len(all_) == count
    one = all_[min(count, _FEW) // 2]
    data = "Y2hhbmdlZA=="
    kept: list[RecordedExchange] = []
    noting = Recorder(emulator, kept.append, Clock())
    asked = (objects.list_objects("stories"), objects.get_object("stories", one.id), objects.update_object(one, data))
    for operation in asked:
        _ = run_in_memory(operation, noting, session).result
    with (
        apart(_repeating, _prepared(kept), 0.0) as raw,
        apart(_emulating, 0.0, count) as many,
        apart(_emulating, 0.0, _FEW) as few,
        asyncio.Runner() as runner,
    ):

        async def listed(url: str) -> None:
            async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
                found = await client.run(objects.list_objects("stories"))
                assert [item.meta for item in found] == [item.meta for item in all_]

        async def got(url: str) -> None:
            async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
                for _ in range(turns):
                    assert (await client.run(objects.get_object("stories", one.id))).meta == one.meta

        async def updated(url: str) -> None:
            async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
                stored = await client.run(objects.get_object("stories", one.id))
                for _ in range(turns):
                    stored = await client.run(objects.update_object(stored, data))
                    assert stored.data == data

        def compared(
            work: Callable[[str], Coroutine[object, object, None]], places: Mapping[str, str], per: int
        ) -> Mapping[str, float]:
            subjects = {name: partial(_ran, runner, work, url) for name, url in places.items()}
            return timed(subjects, effort, per=per, clock=time.perf_counter)

        places = {_RAW: raw, _OURS: many, f"emulator, {_FEW} stored": few}
        both = {_RAW: raw, _OURS: many}
        report.add(f"list {count} objects, each", compared(listed, both, count), "µs", reference=_RAW)
        report.add(f"get one of {count}", compared(got, places, turns), "µs", reference=_RAW)
        report.add(f"update one of {count}", compared(updated, places, turns), "µs", reference=_RAW)


def _ran(runner: asyncio.Runner, work: Callable[[str], Coroutine[object, object, None]], url: str) -> None:
    runner.run(work(url))


def measure(effort: Effort) -> Report:
    """Events per second, ms to the first event, µs per object and per exchange."""
    report = Report("500 streams at once, 10,000 stored objects", _RAW)
    _streams(report, effort, 0.0)
    _streams(report, effort, _PACE)
    _objects(report, effort)
    return report
