"""What does a client pay for an event that comes over loopback, one HTTP chunk to an event?

The server, in a process of its own, writes 64 KiB at a time of what it has prepared. The raw socket is the floor: chunks
and events taken apart by hand, without a check. Plain httpx and httpx2 read the body and look at nothing. What aiohttp reads
is split and decoded by hand.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import httpx
import msgspec
import trio

import nai_proto as nai
from nai_proto.text.completion import Token
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import sync
from nai_transports import trio as on_trio
from nai_transports.clients import AsyncClient, Client

from .report import Effort, Report, peer, timed
from .server import serving

__all__ = ["measure"]

_FLOOR: Final = "raw socket, by hand"
_PLAIN: Final = "plain httpx, not parsed"
_PLAIN_ASYNC: Final = "plain httpx, async"
_TARGET: Final = "/ai/generate-stream"
_OPERATION: Final = nai.text.generate_stream("Once", max_length=2048)
_LINES: Final = 4
"""Of an event. A read may end between any two of them."""
_decode: Final = msgspec.json.Decoder(Token).decode


def _by_hand(address: tuple[str, int]) -> int:
    count, data = 0, b""
    with socket.create_connection(address) as link:
        link.sendall(b"POST %b HTTP/1.1\r\nHost: benchmark\r\nContent-Length: 0\r\n\r\n" % _TARGET.encode())
        while b"\r\n\r\n" not in data:
            data += link.recv(65_536)
        data = data.partition(b"\r\n\r\n")[2]
        ended = False
        while not ended:
            at, pieces = 0, list[bytes]()
            while (line := data.find(b"\r\n", at)) >= 0:
                size = int(data[at:line], 16)
                end = line + 2 + size
                ended = size == 0
                if ended:
                    break
                if end + 2 > len(data):
                    break
                pieces.append(data[line + 2 : end])
                at = end + 2
            count += len([_decode(block.partition(b"data:")[2]) for block in b"".join(pieces).split(b"\n\n") if block])
            data = data[at:] if ended else data[at:] + link.recv(65_536)
    return count


def _plain(http: Any, url: str) -> int:
    with http.stream("POST", url + _TARGET) as response:
        lines: int = sum(data.count(b"\n") for data in response.iter_raw())
        return lines // _LINES


def _with_httpx_sse(module: Any, http: httpx.Client, url: str) -> int:
    with http.stream("POST", url + _TARGET) as response:
        return len([json.loads(event.data) for event in module.EventSource(response).iter_sse()])


async def _plain_async(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as http, http.stream("POST", url + _TARGET) as response:
        return sum([data.count(b"\n") async for data in response.aiter_raw()]) // _LINES


async def _with_httpx_sse_async(module: Any, url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as http, http.stream("POST", url + _TARGET) as response:
        return len([json.loads(event.data) async for event in module.EventSource(response).aiter_sse()])


def _sync(make: Callable[[nai.Session], Client], session: nai.Session) -> int:
    count = 0
    with make(session) as client, client.stream(_OPERATION) as stream:
        for _ in stream:
            count += 1
    return count


async def _count(client: AsyncClient) -> int:
    count = 0
    async with client.stream(_OPERATION) as stream:
        async for _ in stream:
            count += 1
    return count


async def _async(make: Callable[[nai.Session], AsyncClient], session: nai.Session) -> int:
    async with make(session) as client:
        return await _count(client)


async def _with_aiohttp(http: Any, url: str) -> int:
    count, data = 0, b""
    async with http.post(url + _TARGET) as response:
        while piece := await response.content.readany():
            *blocks, data = (data + piece).split(b"\n\n")
            count += len([_decode(block.partition(b"data:")[2]) for block in blocks])
    return count


async def _one_with_aiohttp(module: Any, url: str) -> int:
    async with module.ClientSession() as http:
        return await _with_aiohttp(http, url)


async def _all_with_aiohttp(module: Any, url: str, streams: int) -> int:
    connector = module.TCPConnector(limit=0)
    async with module.ClientSession(connector=connector) as http, asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(_with_aiohttp(http, url)) for _ in range(streams)]
    return sum(task.result() for task in made)


async def _all_on_asyncio(session: nai.Session, streams: int) -> int:
    async with on_asyncio.Client(session) as client, asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(_count(client)) for _ in range(streams)]
    return sum(task.result() for task in made)


async def _all_on_trio(session: nai.Session, streams: int) -> int:
    counts = list[int]()

    async def one(client: AsyncClient) -> None:
        counts.append(await _count(client))

    async with on_trio.Client(session) as client, trio.open_nursery() as nursery:
        for _ in range(streams):
            nursery.start_soon(one, client)
    return sum(counts)


def measure(effort: Effort) -> Report:
    """µs of the client's CPU per event."""
    report = Report("µs of CPU per event over loopback", _FLOOR)
    _measure_one(report, effort)
    _measure_many(report, effort)
    return report


def _measure_many(report: Report, effort: Effort) -> None:
    count, streams = effort.of(200), effort.of(200)
    with ExitStack() as stack:
        host, port = stack.enter_context(serving(count))
        runner = stack.enter_context(asyncio.Runner())
        url = f"http://{host}:{port}"
        session = nai.Session(base_url=url)
        subjects: dict[str, Callable[[], int]] = {
            "asyncio": lambda: runner.run(_all_on_asyncio(session, streams)),
            "trio": lambda: trio.run(_all_on_trio, session, streams),
        }
        if module := peer(report, "aiohttp"):
            subjects["aiohttp"] = lambda: runner.run(_all_with_aiohttp(module, url, streams))
        for name, run in subjects.items():
            assert run() == count * streams, name
        values = timed(subjects, effort, per=count * streams)
    reference = "aiohttp" if module else "asyncio"
    most: dict[str, float] = {"asyncio": 1.0, "trio": 1.0} if module else {}
    report.add("200 at once", values, "µs", reference=reference, at_most=most)


def _measure_one(report: Report, effort: Effort) -> None:
    count = effort.of(20_000)
    with ExitStack() as stack:
        address = stack.enter_context(serving(count))
        url = f"http://{address[0]}:{address[1]}"
        session = nai.Session(base_url=url)
        http = stack.enter_context(httpx.Client(trust_env=False))
        runner = stack.enter_context(asyncio.Runner())
        subjects: dict[str, Callable[[], int]] = {
            _FLOOR: lambda: _by_hand(address),
            "sync": lambda: _sync(sync.Client, session),
            "asyncio": lambda: runner.run(_async(on_asyncio.Client, session)),
            "trio": lambda: trio.run(_async, on_trio.Client, session),
            _PLAIN: lambda: _plain(http, url),
            "httpx": lambda: _sync(on_httpx.Client, session),
            _PLAIN_ASYNC: lambda: runner.run(_plain_async(url)),
            "httpx, async": lambda: runner.run(_async(on_httpx.AsyncClient, session)),
        }
        if module := peer(report, "httpx_sse"):
            subjects["httpx_sse"] = lambda: _with_httpx_sse(module, http, url)
            subjects["httpx_sse, async"] = lambda: runner.run(_with_httpx_sse_async(module, url))
        if aiohttp := peer(report, "aiohttp"):
            subjects["aiohttp"] = lambda: runner.run(_one_with_aiohttp(aiohttp, url))
        if httpx2 := peer(report, "httpx2"):
            other = stack.enter_context(httpx2.Client(trust_env=False))
            subjects["plain httpx2"] = lambda: _plain(other, url)
            subjects["httpx2"] = lambda: _sync(partial(on_httpx.Client, http=other), session)
        for name, run in subjects.items():
            assert run() == count, name
        values = timed(subjects, effort, per=count)
    most = {"sync": 1.3}
    report.add("stream", values, "µs", reference=_FLOOR, at_most=most, ours="sync", faster={"httpx_sse": 7.0})
    beside = {name: values[name] for name in (_PLAIN, "httpx")}
    report.add("httpx alone", beside, "µs", reference=_PLAIN, at_most={"httpx": 1.15})
    if httpx2:
        beside = {name: values[name] for name in ("plain httpx2", "httpx2")}
        report.add("httpx2 alone", beside, "µs", reference="plain httpx2", at_most={"httpx2": 1.15})
    reference = "httpx_sse, async" if module else _PLAIN_ASYNC
    beside = {name: values[name] for name in (reference, "httpx, async")}
    report.add("httpx, async", beside, "µs", reference=reference, at_most={"httpx, async": 1.0 if module else 1.15})
