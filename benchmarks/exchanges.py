"""What does a client pay for a small exchange on a connection that is kept alive?

Ours is `nai.text.generate` with all that it entails: signing, timeouts, retries, the reading of the answer. h11 by hand
is the least that a careful client does: heads written and read by h11, the answer decoded, no timeouts. The raw floor
writes prepared bytes and looks for nothing but the length of the answer, which it knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import h11
import msgspec
import trio

import nai_proto as nai
from nai_transports import asyncio as on_asyncio
from nai_transports import trio as on_trio
from nai_transports._runner import AsyncClient

from .report import Effort, Report, timed
from .server import ANSWER, serving

__all__ = ["measure"]

_BODY: Final = b'{"input":"Once","model":"kayra-v1","parameters":{"max_length":1,"min_length":1,"use_string":true}}'
_FIELDS: Final = {
    "Host": "benchmark",
    "Authorization": "Bearer token",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "benchmark",
    "Accept-Encoding": "identity",
    "Content-Length": str(len(_BODY)),
}
_RAW: Final = "\r\n".join(["POST /ai/generate HTTP/1.1", *map(": ".join, _FIELDS.items()), "", ""]).encode() + _BODY


class _Link(Protocol):
    async def send_all(self, data: bytes, /) -> None: ...
    async def receive_some(self, size: int, /) -> bytes: ...


class _Streams:
    """asyncio's streams under trio's names."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.receive_some = reader.read
        self.writer = writer

    async def send_all(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


async def _raw(link: _Link, count: int) -> None:
    for _ in range(count):
        await link.send_all(_RAW)
        data = await link.receive_some(65_536)
        while not data.endswith(ANSWER):
            data += await link.receive_some(65_536)
        msgspec.json.decode(data.partition(b"\r\n\r\n")[2])


async def _h11(link: _Link, count: int) -> None:
    connection = h11.Connection(h11.CLIENT)
    for _ in range(count):
        out = connection.send(h11.Request(method="POST", target="/ai/generate", headers=list(_FIELDS.items()))) or b""
        out += connection.send(h11.Data(data=_BODY)) or b""
        await link.send_all(out + (connection.send(h11.EndOfMessage()) or b""))
        body = b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(await link.receive_some(65_536))
            elif isinstance(event, h11.Data):
                body += event.data
        msgspec.json.decode(body)
        connection.start_next_cycle()


async def _ours(client: AsyncClient, count: int) -> None:
    for _ in range(count):
        await client.run(nai.text.generate("Once", max_length=1))


def measure(effort: Effort) -> Report:
    """µs of the client's CPU per exchange, on both event loops."""
    report = Report("µs of CPU per small exchange, keep-alive, over loopback", "h11 by hand")
    count = effort.of(500)
    with serving(2) as (host, port), asyncio.Runner() as runner:
        session = nai.Session(base_url=f"http://{host}:{port}", token=nai.PersistentToken("pst-benchmark"))

        async def asyncio_streams(work: Callable[[_Link, int], Awaitable[None]]) -> None:
            streams = _Streams(*await asyncio.open_connection(host, port))
            await work(streams, count)
            streams.writer.close()
            await streams.writer.wait_closed()

        async def trio_stream(work: Callable[[_Link, int], Awaitable[None]]) -> None:
            async with await trio.open_tcp_stream(host, port) as stream:
                await work(stream, count)

        async def client(make: Callable[[nai.Session], AsyncClient]) -> None:
            async with make(session) as made:
                await _ours(made, count)

        on: dict[str, dict[str, Callable[[], object]]] = {
            "asyncio": {
                "raw floor": lambda: runner.run(asyncio_streams(_raw)),
                "h11 by hand": lambda: runner.run(asyncio_streams(_h11)),
                "ours": lambda: runner.run(client(on_asyncio.Client)),
            },
            "trio": {
                "raw floor": lambda: trio.run(trio_stream, _raw),
                "h11 by hand": lambda: trio.run(trio_stream, _h11),
                "ours": lambda: trio.run(client, on_trio.Client),
            },
        }
        for runtime, subjects in on.items():
            values = timed(subjects, effort, per=count)
            report.add(runtime, values, "µs", reference="h11 by hand", at_most={"ours": 1.1})
            beside = {name: values[name] for name in ("raw floor", "ours")}
            report.add(f"{runtime}, beside the floor", beside, "µs", reference="raw floor", at_most={"ours": 2.0})
    return report
