"""What becomes of a client that runs for hours? Mixed traffic with faults, on threads, asyncio and trio at once.

The emulator and each of the clients run in processes of their own. A tenth of the responses is spoilt: cut, stalled, late,
refused, garbage. A worker asks for the subscription, for texts, streams and pictures, leaves streams in the middle, and
goes on after each documented error; anything else that is raised ends the run, and is reported.

Memory is flat if what a process holds in the last tenth of the time is no more than in the second, when everything has
been used once. ``--scale 1`` takes 30 minutes. It needs Linux, whose ``/proc`` tells what a process holds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

import trio

import nai_proto as nai
from nai_proto import account, image, text
from nai_proto.emulator import Emulator, Switches
from nai_proto.exchange.reply import Handler
from nai_proto.http import Request
from nai_transports import asyncio as on_asyncio
from nai_transports import sync
from nai_transports import trio as on_trio
from nai_transports.clients import AsyncClient, Client
from nai_transports.servers.serve import run_on_selector_loop, serve

from .report import Effort, Report, Row
from .server import apart, fork_cheaply

__all__ = ["measure"]

_MINUTES: Final = 30
_WORKERS: Final = 4
"Tasks or threads of each client."
_SAMPLES: Final = 100
"How often memory is looked at."
_MOST_GROWTH: Final = 1.1
_SPOILT: Final = 0.1
"The share of responses with a fault."
_FAULTS: Final = (
    "cut", "cut:at=40", "stall:at=40", "delay:seconds=0.2", "jitter:seconds=0.01", "split:size=7", "crlf", "garbage",
    "slow_head:seconds=0.001", "length:by=3", "length:by=-3", "error:at=2", "gateway", "refuse:status=500",
    "refuse:status=429,retry_after=0",
)  # fmt: skip
_TIMEOUTS: Final = nai.Timeouts(read=5, idle=0.5)


def _create_emulator() -> tuple[Emulator, nai.PersistentToken]:
    """Return an emulator and the token of its account, the same in each process."""
    entropy = random.Random(20260101).randbytes
    emulator = Emulator(now=time.time, entropy=entropy, switches=Switches(lock=False))
    account = emulator.add_account("writer@example.com", nai.Password("the quiet harbour"), stories=False, anlas=10**9)
    return emulator, account.persistent_token


def _serve(pipe: Connection) -> None:
    emulator, _ = _create_emulator()
    rng = random.Random(1)

    def answer(request: Request) -> Handler:
        if rng.random() < _SPOILT:
            name, _, options = rng.choice(_FAULTS).partition(":")
            emulator.faults.add(f"{name}:{','.join(filter(None, ('times=1', options)))}")
        return emulator(request)

    async def main() -> None:
        async with serve(answer) as url:
            pipe.send(url)
            await asyncio.to_thread(pipe.recv)

    run_on_selector_loop(main())


# ---- what is measured


@dataclass
class _Usage:
    """What a process holds at one moment."""

    memory: int
    "Bytes."
    descriptors: int
    tasks: int
    "Of the event loop, or threads."


@dataclass
class _Soaked:
    """What one process has seen."""

    usage: list[_Usage] = field(default_factory=list[_Usage])
    took_ms: Counter[float] = field(default_factory=Counter[float])
    "How many requests that ended well took so long, to three digits: what measures must not grow with their number."
    errors: Counter[str] = field(default_factory=Counter[str])
    "By class."
    problem: str = ""
    "What was raised that is not documented; empty if nothing was."

    def attempt(self, began: float, error: BaseException | None = None) -> None:
        """Note how a request has ended."""
        if error is None:
            self.took_ms[float(f"{1e3 * (time.perf_counter() - began):.3g}")] += 1
        elif isinstance(error, nai.NaiError):
            self.errors[type(error).__name__] += 1
        else:
            self.problem = f"{type(error).__name__}: {error}"


def _look(pid: int, tasks: int) -> _Usage:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return _Usage(pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd")), tasks)


# ---- the traffic


def _choose(rng: random.Random) -> tuple[nai.Operation[Any, Any], int]:
    """Return an operation, and after how many of its events it is left; -1 if it is not."""
    kind = rng.randrange(10)
    if kind < 3:
        return account.get_subscription(), -1
    if kind < 5:
        return text.generate("Once upon a time", max_length=rng.randrange(1, 60)), -1
    if kind < 9:
        return text.generate_stream("Once upon a time", max_length=rng.randrange(1, 100)), rng.choice([-1, -1, 1, 5])
    return image.generate("a cat", width=64, height=64, steps=1, seed=rng.randrange(1000)), -1


def _soak_threads(session: nai.Session, seconds: float) -> _Soaked:
    soaked, until = _Soaked(), time.monotonic() + seconds

    def work(client: Client, seed: int) -> None:
        rng = random.Random(seed)
        while time.monotonic() < until and not soaked.problem:
            operation, leave_after = _choose(rng)
            began = time.perf_counter()
            try:
                with client.stream(operation) as stream:
                    for number, _ in enumerate(stream, 1):
                        if number == leave_after:
                            break
                soaked.attempt(began)
            except Exception as error:
                soaked.attempt(began, error)

    with sync.Client(session) as client:
        threads = [threading.Thread(target=work, args=(client, seed)) for seed in range(_WORKERS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            soaked.usage.append(_look(os.getpid(), threading.active_count()))
            time.sleep(seconds / _SAMPLES)
    return soaked


async def _work(client: AsyncClient, soaked: _Soaked, until: float, seed: int) -> None:
    rng = random.Random(seed)
    while time.monotonic() < until and not soaked.problem:
        operation, leave_after = _choose(rng)
        began, number = time.perf_counter(), 0
        try:
            async with client.stream(operation) as stream:
                async for _ in stream:
                    number += 1
                    if number == leave_after:
                        break
            soaked.attempt(began)
        except Exception as error:
            soaked.attempt(began, error)


def _soak_asyncio(session: nai.Session, seconds: float) -> _Soaked:
    soaked, until = _Soaked(), time.monotonic() + seconds

    async def main() -> None:
        async with on_asyncio.Client(session) as client, asyncio.TaskGroup() as group:
            for seed in range(_WORKERS):
                group.create_task(_work(client, soaked, until, seed))
            while time.monotonic() < until and not soaked.problem:
                soaked.usage.append(_look(os.getpid(), len(asyncio.all_tasks())))
                await asyncio.sleep(seconds / _SAMPLES)

    asyncio.run(main())
    return soaked


def _soak_trio(session: nai.Session, seconds: float) -> _Soaked:
    soaked, until = _Soaked(), time.monotonic() + seconds

    async def main() -> None:
        async with on_trio.Client(session) as client, trio.open_nursery() as nursery:
            for seed in range(_WORKERS):
                nursery.start_soon(_work, client, soaked, until, seed)
            while time.monotonic() < until and not soaked.problem:
                soaked.usage.append(_look(os.getpid(), trio.lowlevel.current_statistics().tasks_living))
                await trio.sleep(seconds / _SAMPLES)

    trio.run(main)
    return soaked


_CLIENTS: Final = {"threads": _soak_threads, "asyncio": _soak_asyncio, "trio": _soak_trio}


# ---- the report


def _report_usage(report: Report, subject: str, usage: Sequence[_Usage]) -> None:
    tenth = max(1, len(usage) // 10)
    second, last = usage[tenth : 2 * tenth] or usage, usage[-tenth:]
    for name, unit, most in (("memory", "MiB", _MOST_GROWTH), ("descriptors", "", 1.5), ("tasks", "", 1.0)):
        scale = 1 / (1 << 20) if unit else 1
        was, now = (median(getattr(one, name) for one in part) * scale for part in (second, last))
        report.add(
            f"{name}, {subject}", {"second tenth": was, "last tenth": now}, unit or name, reference="second tenth",
            at_most={"last tenth": most},
        )  # fmt: skip


def measure(effort: Effort) -> Report:
    """Three clients for half an hour, times the scale."""
    report = Report("half an hour of mixed traffic with faults: what processes hold, and how long requests take", "")
    seconds = max(0.5, 60 * _MINUTES * effort.scale)
    _, token = _create_emulator()
    with apart(_serve) as url, ProcessPoolExecutor(len(_CLIENTS), fork_cheaply()) as pool:
        (server,) = (process.pid for process in multiprocessing.active_children())
        session = nai.Session(base_url=url, token=token, timeouts=_TIMEOUTS)
        running = {name: pool.submit(soak, session, seconds) for name, soak in _CLIENTS.items()}
        served: list[_Usage] = []
        while not all(one.done() for one in running.values()):
            served.append(_look(server or 0, 1))
            time.sleep(seconds / _SAMPLES)
        for name, one in running.items():
            soaked = one.result()
            _report_usage(report, name, soaked.usage)
            took = sorted(soaked.took_ms.elements())
            for percent in (50, 90, 99) if took else ():
                report.rows.append(Row(f"{percent} % of requests take", name, took[len(took) * percent // 100], "ms"))
            report.rows.append(Row("requests that ended well", name, len(took), "requests"))
            for kind, count in sorted(soaked.errors.items()):
                report.rows.append(Row(kind, name, count, "times"))
            if soaked.problem:
                report.wrong.append(f"{name}: {soaked.problem}")
        _report_usage(report, "the emulator", served)
    return report
