"""What does a client pay for a small exchange on a connection that is kept alive?

Ours is `nai.account.get_subscription` with all that it entails: signing, timeouts, retries, an answer with types. h11 by
hand is the least that a careful client does: heads written and read by h11, the answer decoded, no timeouts. The raw floor
writes prepared bytes and looks for nothing but the end of the answer, which it knows. Plain httpx,
httpx2 and aiohttp send a prepared request and decode the JSON. Many at once share a pool, 100 of them at a time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, Protocol

import h11
import httpx
import msgspec
import trio

import nai_proto as nai
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import sync
from nai_transports import trio as on_trio
from nai_transports.clients import AsyncClient, Client

from .report import Effort, Report, peer, timed
from .server import ANSWER, serving

__all__ = ["measure"]

_TARGET: Final = "/user/subscription"
_OWN: Final = {
    "Authorization": "Bearer pst-benchmark",
    "Accept": "application/json",
    "User-Agent": "benchmark",
    "Accept-Encoding": "identity",
}
_FIELDS: Final = {"Host": "benchmark", **_OWN}
_RAW: Final = "\r\n".join([f"GET {_TARGET} HTTP/1.1", *map(": ".join, _FIELDS.items()), "", ""]).encode()
_BY_HAND: Final = "h11 by hand"
_PLAIN: Final = "plain httpx"
_BESIDE: Final = {"sync": 0.6, "httpx": 1.25}
_AT_ONCE: Final = 100
_decode: Final = msgspec.json.decode


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


class _Blocking:
    """A blocking socket under trio's names: nothing that is awaited waits."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    async def send_all(self, data: bytes) -> None:
        self._raw.sendall(data)

    async def receive_some(self, size: int) -> bytes:
        return self._raw.recv(size)


async def _raw(link: _Link, count: int) -> None:
    for _ in range(count):
        await link.send_all(_RAW)
        data = await link.receive_some(65_536)
        while not data.endswith(ANSWER):
            data += await link.receive_some(65_536)
        _decode(data.partition(b"\r\n\r\n")[2])


async def _h11(link: _Link, count: int) -> None:
    connection = h11.Connection(h11.CLIENT)
    for _ in range(count):
        out = connection.send(h11.Request(method="GET", target=_TARGET, headers=list(_FIELDS.items()))) or b""
        await link.send_all(out + (connection.send(h11.EndOfMessage()) or b""))
        body = b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(await link.receive_some(65_536))
            elif isinstance(event, h11.Data):
                body += event.data
        _decode(body)
        connection.start_next_cycle()


def _plain(http: Any, url: str, count: int) -> None:
    for _ in range(count):
        _decode(http.get(url, headers=_OWN).content)


async def _plain_async(http: httpx.AsyncClient, url: str, count: int) -> None:
    for _ in range(count):
        _decode((await http.get(url, headers=_OWN)).content)


async def _with_aiohttp(http: Any, url: str, count: int) -> None:
    for _ in range(count):
        async with http.get(url) as response:
            _decode(await response.read())


def _ours(client: Client, count: int) -> None:
    for _ in range(count):
        client.run(nai.account.get_subscription())


async def _at_once(number: int, work: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(number):
            tasks.create_task(work(*arguments))


async def _ours_async(client: AsyncClient, count: int) -> None:
    for _ in range(count):
        await client.run(nai.account.get_subscription())


def measure(effort: Effort) -> Report:
    """µs of the client's CPU per exchange."""
    report = Report("µs of CPU per small exchange, keep-alive, over loopback", _BY_HAND)
    count = effort.of(500)
    at_once, each = effort.of(_AT_ONCE), 10
    with ExitStack() as stack:
        host, port = stack.enter_context(serving(2))
        runner = stack.enter_context(asyncio.Runner())
        base = f"http://{host}:{port}"
        url = base + _TARGET
        session = nai.Session(base_url=base, token=nai.PersistentToken("pst-benchmark"))

        def blocking(work: Callable[[_Link, int], Awaitable[None]]) -> None:
            with socket.create_connection((host, port)) as raw:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in work(_Blocking(raw), count).__await__():
                    raise AssertionError("it waits")

        async def asyncio_streams(work: Callable[[_Link, int], Awaitable[None]]) -> None:
            streams = _Streams(*await asyncio.open_connection(host, port))
            await work(streams, count)
            streams.writer.close()
            await streams.writer.wait_closed()

        async def trio_stream(work: Callable[[_Link, int], Awaitable[None]]) -> None:
            async with await trio.open_tcp_stream(host, port) as stream:
                await work(stream, count)

        async def with_httpx() -> None:
            async with httpx.AsyncClient(trust_env=False) as made:
                await _plain_async(made, url, count)

        async def with_aiohttp() -> None:
            async with aiohttp.ClientSession(headers=_OWN) as made:
                await _with_aiohttp(made, url, count)

        async def many_with_httpx() -> None:
            async with httpx.AsyncClient(trust_env=False) as made:
                await _at_once(at_once, _plain_async, made, url, each)

        async def many_with_aiohttp() -> None:
            async with aiohttp.ClientSession(headers=_OWN) as made:
                await _at_once(at_once, _with_aiohttp, made, url, each)

        async def many_of_ours(make: Callable[[nai.Session], AsyncClient]) -> None:
            async with make(session) as made:
                await _at_once(at_once, _ours_async, made, each)

        def ours(make: Callable[[nai.Session], Client]) -> None:
            with make(session) as made:
                _ours(made, count)

        async def ours_async(make: Callable[[nai.Session], AsyncClient]) -> None:
            async with make(session) as made:
                await _ours_async(made, count)

        http = stack.enter_context(httpx.Client(trust_env=False))
        aiohttp, httpx2 = peer(report, "aiohttp"), peer(report, "httpx2")
        on: dict[str, dict[str, Callable[[], object]]] = {
            "blocking": {
                "raw floor": lambda: blocking(_raw),
                _BY_HAND: lambda: blocking(_h11),
                _PLAIN: lambda: _plain(http, url, count),
                "sync": lambda: ours(sync.Client),
                "httpx": lambda: ours(on_httpx.Client),
            },
            "asyncio": {
                "raw floor": lambda: runner.run(asyncio_streams(_raw)),
                _BY_HAND: lambda: runner.run(asyncio_streams(_h11)),
                _PLAIN: lambda: runner.run(with_httpx()),
                "asyncio": lambda: runner.run(ours_async(on_asyncio.Client)),
                "httpx": lambda: runner.run(ours_async(on_httpx.AsyncClient)),
            },
            "trio": {
                "raw floor": lambda: trio.run(trio_stream, _raw),
                _BY_HAND: lambda: trio.run(trio_stream, _h11),
                "trio": lambda: trio.run(ours_async, on_trio.Client),
            },
        }
        if aiohttp:
            on["asyncio"]["aiohttp"] = lambda: runner.run(with_aiohttp())
        if httpx2:
            other = stack.enter_context(httpx2.Client(trust_env=False))
            on["blocking"] |= {
                "plain httpx2": lambda: _plain(other, url, count),
                "httpx2": lambda: ours(partial(on_httpx.Client, http=other)),
            }
        for runtime, subjects in on.items():
            values = timed(subjects, effort, per=count)
            report.add(runtime, values, "µs", reference=_BY_HAND, at_most={"asyncio": 1.5, "trio": 1.5})
            if _PLAIN in values:
                beside = {name: values[name] for name in (_PLAIN, *_BESIDE) if name in values}
                report.add(f"{runtime}, beside httpx", beside, "µs", reference=_PLAIN, at_most=_BESIDE)
            if "httpx2" in values:
                beside = {name: values[name] for name in ("plain httpx2", "httpx2")}
                report.add("beside httpx2", beside, "µs", reference="plain httpx2", at_most={"httpx2": 1.25})
            if "aiohttp" in values:
                over = values["asyncio"] - values["aiohttp"]
                report.bound("above aiohttp", "asyncio", over, "µs", 80.0)
        many: dict[str, Callable[[], object]] = {
            _PLAIN: lambda: runner.run(many_with_httpx()),
            "asyncio": lambda: runner.run(many_of_ours(on_asyncio.Client)),
            "httpx": lambda: runner.run(many_of_ours(on_httpx.AsyncClient)),
        }
        if aiohttp:
            many["aiohttp"] = lambda: runner.run(many_with_aiohttp())
        values = timed(many, effort, per=each * at_once)
        reference = "aiohttp" if aiohttp else _PLAIN
        report.add(f"{_AT_ONCE} at once", values, "µs", reference=reference)
    return report
