"""A library of ten thousand keys and a thousand stories opens, and the event loop beside it goes on turning.

Two things stop a loop: work on its own thread between two turns, and a call into C on a worker thread that keeps the
interpreter for itself. Both are measured in processor time of their own thread, beside that of the whole opening, so
other processes on the machine do not count.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import anyio
import anyio.lowlevel
import msgspec
import pytest

from nai_proto.account import encryption_key
from nai_proto.codecs.keystore import Keystore, seal_keystore
from nai_proto.codecs.sealed_objects import new_object, seal_object
from nai_proto.exchange.reply import Handler, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.library import Library, open_library
from nai_proto.secret import Password
from nai_proto.testing import Clock, MemoryConnection
from nai_transports import asyncio as on_asyncio
from nai_transports import trio as on_trio
from nai_transports.asyncio import AsyncioIO
from nai_transports.trio import TrioIO
from tests.support import EMAIL, PASSWORD, reading

KEYS, STORIES = 10_000, 1_000
PROSE = ("the quiet harbour, and a lantern " * 600).strip()  # 20 kB, as a story of a dozen pages has
READ = 262_144
LONGEST_STAY, LONGEST_CALL = 0.035, 0.02  # parts of the whole processor time
OPENINGS = 15
"""At most. Where others take the machine's memory, the system's work for a call may last longer than the call itself."""


@cache
def bodies() -> dict[str, bytes]:
    """What the service answers, by path: 35 MB."""
    chance = Random(1)
    metas = [str(UUID(int=chance.getrandbits(128))) for _ in range(KEYS)]
    keys = Keystore({meta: chance.randbytes(32) for meta in metas})
    sealed = seal_keystore(keys, encryption_key(EMAIL, Password(PASSWORD)))

    def listing(type: str, **content: object) -> bytes:  # noqa: A002
        objects: list[object] = []
        for number, meta in enumerate(metas[:STORIES]):
            held = new_object(type, meta, {"remoteStoryId": f"storycontent {number}", **content}, keys)
            objects.append({"id": f"{type} {number}", "type": type, "meta": meta, "data": seal_object(held, keys)})
        return msgspec.json.encode({"objects": objects})

    return {
        "/user/login": b'{"accessToken":"access"}',
        "/user/keystore": msgspec.json.encode({"keystore": sealed, "changeIndex": 1}),
        "/user/objects/stories": listing("stories", title="The Quiet Harbour"),
        "/user/objects/storycontent": listing("storycontent", text=PROSE),
    }


def service(request: Request) -> Handler:
    yield from reading(request)
    body = bodies()[request.path]
    yield Start(Head(200, Headers.of(content_type="application/json", content_length=str(len(body)))))
    for at in range(0, len(body), READ):
        yield Write(body[at : at + READ])


class Near:
    """A connection to the service in this process."""

    def __init__(self) -> None:
        self.connection = MemoryConnection(service, Clock())

    def is_readable(self) -> bool:
        return not self.connection.is_idle()

    def abort(self) -> None:
        self.connection.close()


async def read(stream: Near, limit: float | None) -> bytes:
    await anyio.lowlevel.checkpoint()  # each read takes a turn of the loop, as one from a socket does
    return stream.connection.receive_some(limit)


async def write(stream: Near, data: bytes, limit: float | None, received: object) -> bool:
    stream.connection.send_all(data)
    return True


class Stopwatch:
    """The processor time of the longest call into C among those of the functions that it measures."""

    def __init__(self) -> None:
        self.longest = 0.0

    def measure(self, function: Callable[[], None]) -> Callable[[], None]:
        def measured() -> None:
            began = time.thread_time()

            def on_event(_: object, event: str, __: object) -> None:
                nonlocal began
                now = time.thread_time()
                if event == "c_return":
                    self.longest = max(self.longest, now - began)
                began = time.thread_time()

            sys.setprofile(on_event)
            try:
                function()
            finally:
                sys.setprofile(None)

        return measured


class NearAsyncio(AsyncioIO):
    calls = Stopwatch()
    read: Any = staticmethod(read)
    write: Any = staticmethod(write)

    async def connect(self, host: str, port: int, limit: float | None) -> Any:
        return Near()

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        await super().compute(self.calls.measure(function), limit)


class NearTrio(TrioIO):
    calls = Stopwatch()
    read: Any = staticmethod(read)
    write: Any = staticmethod(write)

    async def connect(self, host: str, port: int, limit: float | None) -> Any:
        return Near()

    async def compute(self, function: Callable[[], None], limit: float | None) -> None:
        await super().compute(self.calls.measure(function), limit)


async def opened(runtime: type[NearAsyncio | NearTrio]) -> tuple[Library, float, float]:
    """The library, and the longest stay between two turns and the longest call, as parts of the whole processor time."""
    turns: list[float] = []
    runtime.calls.longest = 0.0

    async def turning() -> None:
        while True:
            turns.append(time.thread_time())
            await anyio.sleep(0.001)

    kind = on_asyncio if runtime is NearAsyncio else on_trio
    client = kind.Client(base_url="http://emulator.invalid")
    client._transport.open_io = runtime
    async with client, anyio.create_task_group() as tasks:
        tasks.start_soon(turning)
        await anyio.sleep(0.01)
        began = time.process_time()
        library = await client.run(open_library(EMAIL, PASSWORD, types=("stories", "storycontent")))
        whole = time.process_time() - began
        turns.append(time.thread_time())
        tasks.cancel_scope.cancel()
    stay = max(after - before for before, after in pairwise(turns))
    return library, stay / whole, runtime.calls.longest / whole


@pytest.mark.parametrize("runtime", [NearAsyncio, NearTrio])
def test_a_large_library_opens_without_stalling_the_event_loop(runtime: type[NearAsyncio | NearTrio]) -> None:
    bodies()
    gc.collect()
    gc.disable()  # a collection takes as long as the whole process has objects, and may begin on any thread
    try:
        check_that_a_library_opens_without_stalling(runtime)
    finally:
        gc.enable()


def check_that_a_library_opens_without_stalling(runtime: type[NearAsyncio | NearTrio]) -> None:
    stays, calls = list[float](), list[float]()
    # What our code does, it does each time; what the machine does, it does not.
    while not stays or (len(stays) < OPENINGS and (min(stays) >= LONGEST_STAY or min(calls) >= LONGEST_CALL)):
        library, stay, call = anyio.run(opened, runtime, backend="trio" if runtime is NearTrio else "asyncio")
        assert (len(library.keystore), len(library.stories), library.failed) == (KEYS, STORIES, ())
        assert all(story.is_consistent for story in library.stories)
        stays.append(stay)
        calls.append(call)
    assert min(stays) < LONGEST_STAY
    assert min(calls) < LONGEST_CALL
