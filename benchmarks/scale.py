"""How fast is the emulator with 500 streams at once, with 10,000 stored objects, and with 1,000 idle connections?

The emulator runs in a process of its own. It is compared with a server on asyncio's streams, which writes the same bytes,
prepared in advance, in the same pieces and at the same pace. Both have the same client, ours, on the same machine, so the
figures are of wall-clock time, and the ratios say what the emulator's work costs. A figure is reported only if every
stream is complete and has the right text, and every object is as it was stored.

A fast client is measured alone, and beside idle connections and a client that takes a large response in small pieces. The
delay is the difference of the slowest requests, in the round that the rest of the machine disturbed least.
"""

from __future__ import annotations

import asyncio
import random
import re
import resource
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
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
_FEW_OBJECTS: Final = 100

Pieces: TypeAlias = list[bytes]
Answers: TypeAlias = Mapping[str, Pieces]
"""The pieces of a response, by method and target of the request."""


# ---- the two servers


def _create_emulator(pace: float, stored: int) -> tuple[Emulator, nai.Session]:
    """Return an emulator, the same each time, and a session of its account, which may run many generations at once."""
    entropy = random.Random(20260101).randbytes
    emulator = Emulator(now=lambda: 0.0, entropy=entropy, pace=pace, switches=Switches(lock=False))
    account = emulator.add_account(_EMAIL, _PASSWORD, stories=False)
    login = run_in_memory(nai.account.login_with_key(account.key), emulator)
    for number in range(stored):
        meta, data = f"{number:08}-0000-4000-8000-000000000000", random.Random(number).randbytes(300).hex()
        account.storage.create("stories", meta, data, 0.0, entropy)
    return emulator, nai.Session(token=login.result)


def _serve_emulator(pace: float, stored: int, pipe: Connection) -> None:
    emulator, _ = _create_emulator(pace, stored)

    async def main() -> None:
        async with serve(emulator) as url:
            pipe.send(url)
            await asyncio.to_thread(pipe.recv)

    run_on_selector_loop(main())


def _serve_prepared(answers: Answers, pace: float, pipe: Connection) -> None:
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


def _prepare_answers(exchanges: Sequence[RecordedExchange]) -> Answers:
    """Return the responses as bytes on the wire: a piece for the head, and one for each piece of the body."""
    answers: dict[str, Pieces] = {}
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
        answers[f"{exchange.method} {exchange.target}"] = pieces
    return answers


# ---- streams


@dataclass
class _Run:
    """What a client has measured of all streams of one run."""

    events: int = 0
    seconds: float = 0.0
    first: list[float] = field(default_factory=list[float])
    "Seconds from the request to the first event, for each stream."


@dataclass(frozen=True)
class _Story:
    """The request of every stream, and its expected text."""

    length: int
    "Number of events."
    text: str = ""

    @property
    def operation(self) -> nai.Operation[Token, Completion]:
        return text.generate_stream("Once upon a time", max_length=self.length, extra={"seed": 7}).with_options(
            retry=nai.NO_RETRY
        )


async def _read_stream(client: AsyncClient, seen: _Run, story: _Story) -> None:
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


async def _run_on_asyncio(session: nai.Session, count: int, story: _Story) -> _Run:
    seen, began = _Run(), time.perf_counter()
    async with on_asyncio.Client(session) as client, asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(_read_stream(client, seen, story))
    seen.seconds = time.perf_counter() - began
    return seen


async def _run_on_trio(session: nai.Session, count: int, story: _Story) -> _Run:
    seen, began = _Run(), time.perf_counter()
    async with on_trio.Client(session) as client, trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(_read_stream, client, seen, story)
    seen.seconds = time.perf_counter() - began
    return seen


def _measure_streams(report: Report, effort: Effort, pace: float) -> None:
    emulator, session = _create_emulator(0.0, 0)
    kept: list[RecordedExchange] = []
    count, story = effort.of(500), _Story(effort.of(20))
    trace = run_in_memory(story.operation, Recorder(emulator, kept.append, Clock()), session)
    story = replace(story, text=trace.result.text)
    with (
        apart(_serve_prepared, _prepare_answers(kept), pace) as raw,
        apart(_serve_emulator, pace, 0) as ours,
        asyncio.Runner() as runner,
    ):

        def run_streams(url: str) -> Coroutine[object, object, _Run]:
            return _run_on_asyncio(nai.Session(base_url=url, token=session.token), count, story)

        subjects: dict[str, Callable[[], _Run]] = {
            _RAW: lambda: runner.run(run_streams(raw)),
            _OURS: lambda: runner.run(run_streams(ours)),
            _ON_TRIO: lambda: trio.run(_run_on_trio, nai.Session(base_url=ours, token=session.token), count, story),
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


def _measure_objects(report: Report, effort: Effort) -> None:
    count, turns = effort.of(10_000), effort.of(100)
    emulator, session = _create_emulator(0.0, count)
    all_: tuple[StoredObject, ...] = run_in_memory(objects.list_objects("stories"), emulator, session).result
    assert len(all_) == count
    one = all_[min(count, _FEW_OBJECTS) // 2]
    data = "Y2hhbmdlZA=="
    kept: list[RecordedExchange] = []
    recorder = Recorder(emulator, kept.append, Clock())
    operations = (
        objects.list_objects("stories"),
        objects.get_object("stories", one.id),
        objects.update_object(one, data),
    )
    for operation in operations:
        _ = run_in_memory(operation, recorder, session).result
    with (
        apart(_serve_prepared, _prepare_answers(kept), 0.0) as raw,
        apart(_serve_emulator, 0.0, count) as many,
        apart(_serve_emulator, 0.0, _FEW_OBJECTS) as few,
        asyncio.Runner() as runner,
    ):

        async def list_all(url: str) -> None:
            async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
                found = await client.run(objects.list_objects("stories"))
                assert [item.meta for item in found] == [item.meta for item in all_]

        async def get_one(url: str) -> None:
            async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
                for _ in range(turns):
                    assert (await client.run(objects.get_object("stories", one.id))).meta == one.meta

        async def update_one(url: str) -> None:
            async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
                stored = await client.run(objects.get_object("stories", one.id))
                for _ in range(turns):
                    stored = await client.run(objects.update_object(stored, data))
                    assert stored.data == data

        def compare(
            work: Callable[[str], Coroutine[object, object, None]], places: Mapping[str, str], per: int
        ) -> Mapping[str, float]:
            subjects = {name: partial(_run_on, runner, work, url) for name, url in places.items()}
            return timed(subjects, effort, per=per, clock=time.perf_counter)

        places = {_RAW: raw, _OURS: many, f"emulator, {_FEW_OBJECTS} stored": few}
        both = {_RAW: raw, _OURS: many}
        report.add(f"list {count} objects, each", compare(list_all, both, count), "µs", reference=_RAW)
        report.add(f"get one of {count}", compare(get_one, places, turns), "µs", reference=_RAW)
        report.add(f"update one of {count}", compare(update_one, places, turns), "µs", reference=_RAW)


def _run_on(runner: asyncio.Runner, work: Callable[[str], Coroutine[object, object, None]], url: str) -> None:
    runner.run(work(url))


# ---- a crowd


_ALONE: Final = "a fast client alone"
_CROWDED: Final = "a fast client in the crowd"
_MAX_DELAY: Final = 50.0


@asynccontextmanager
async def _connect(url: str, target: str, token: str) -> AsyncGenerator[asyncio.StreamReader, None]:
    """Send a request by hand; yield the response's bytes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        await writer.drain()
        yield reader
    finally:
        writer.close()


@asynccontextmanager
async def _crowd(url: str, count: int, token: str) -> AsyncGenerator[None, None]:
    """Hold idle connections, each after a request, and read all objects slowly."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            idle = await stack.enter_async_context(_connect(url, "/", token))
            await idle.readuntil(b"OK")

        response = await stack.enter_async_context(_connect(url, "/user/objects/stories", token))
        await response.readuntil(b"\r\n\r\n")

        async def read_slowly() -> None:
            while await response.read(1024):  # noqa: ASYNC110 -- it is the slow client
                await asyncio.sleep(0.01)

        slow = asyncio.create_task(read_slowly())
        yield
        slow.cancel()


def _measure_crowd(report: Report, effort: Effort) -> None:
    idle, turns = effort.of(1000), effort.of(500)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # also that of the server's process
    stored = effort.of(10_000)
    _, session = _create_emulator(0.0, 0)
    assert session.token is not None
    token = session.token.reveal()
    slowest: dict[str, list[float]] = {_ALONE: [], _CROWDED: []}

    async def get_slowest(client: AsyncClient) -> float:
        taken: list[float] = []
        for _ in range(turns):
            began = time.perf_counter()
            await client.run(nai.account.get_subscription())
            taken.append(time.perf_counter() - began)
        return max(taken) * 1e3

    async def main(url: str) -> None:
        async with on_asyncio.Client(nai.Session(base_url=url, token=session.token)) as client:
            for _ in range(effort.rounds):
                await get_slowest(client)  # while the crowd of the round before leaves
                slowest[_ALONE].append(await get_slowest(client))
                async with _crowd(url, idle, token):
                    slowest[_CROWDED].append(await get_slowest(client))

    with apart(_serve_emulator, 0.0, stored) as url:
        asyncio.run(main(url))
    case = f"{idle} idle connections, a slow client"
    report.add(case, {name: median(all_) for name, all_ in slowest.items()}, "ms", reference=_ALONE)
    delay = min(there - here for here, there in zip(slowest[_ALONE], slowest[_CROWDED], strict=True))
    report.bound(f"{case}: delay", _CROWDED, max(0.0, delay), "ms", _MAX_DELAY)


def measure(effort: Effort) -> Report:
    """Measure events per second, ms to the first event, µs per object and per exchange, and ms of delay in a crowd."""
    report = Report("500 streams at once, 10,000 stored objects, 1,000 idle connections", _RAW)
    _measure_crowd(report, effort)
    _measure_streams(report, effort, 0.0)
    _measure_streams(report, effort, _PACE)
    _measure_objects(report, effort)
    return report
