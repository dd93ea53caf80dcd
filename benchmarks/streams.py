"""What does a client pay for an event that comes over loopback, one HTTP chunk to an event?

The server, in a process of its own, writes 64 KiB at a time of what it has prepared. The raw socket is the floor: chunks
and events taken apart by hand, without a check. Plain httpx reads the body and looks at nothing.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import httpx
import msgspec
import trio

import nai_proto as nai
from nai_proto.text.answers import Token
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import trio as on_trio
from nai_transports._runner import AsyncClient

from .report import Effort, Report, peer, timed
from .server import serving

__all__ = ["measure"]

_FLOOR: Final = "raw socket, by hand"
_PLAIN: Final = "plain httpx, not parsed"
_TARGET: Final = "/ai/generate-stream"
_OPERATION: Final = nai.text.generate_stream("Once", max_length=2048)
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


def _plain(http: httpx.Client, url: str) -> int:
    with http.stream("POST", url + _TARGET) as response:
        return sum(data.count(b"\n\n") for data in response.iter_raw())


def _with_httpx_sse(module: Any, http: httpx.Client, url: str) -> int:
    with http.stream("POST", url + _TARGET) as response:
        return len([json.loads(event.data) for event in module.EventSource(response).iter_sse()])


def _sync(client: on_httpx.Client) -> int:
    with client.stream(_OPERATION) as stream:
        return sum(1 for _ in stream)


async def _async(make: Callable[[nai.Session], AsyncClient], session: nai.Session) -> int:
    count = 0
    async with make(session) as client, client.stream(_OPERATION) as stream:
        async for _ in stream:
            count += 1
    return count


def measure(effort: Effort) -> Report:
    """µs of the client's CPU per event."""
    report = Report("µs of CPU per event over loopback", _FLOOR)
    count = effort.of(20_000)
    with ExitStack() as stack:
        address = stack.enter_context(serving(count))
        url = f"http://{address[0]}:{address[1]}"
        session = nai.Session(base_url=url)
        http = stack.enter_context(httpx.Client(trust_env=False))
        ours = stack.enter_context(on_httpx.Client(session, http))
        runner = stack.enter_context(asyncio.Runner())
        subjects: dict[str, Callable[[], int]] = {
            _FLOOR: lambda: _by_hand(address),
            "asyncio": lambda: runner.run(_async(on_asyncio.Client, session)),
            "trio": lambda: trio.run(_async, on_trio.Client, session),
            _PLAIN: lambda: _plain(http, url),
            "httpx": lambda: _sync(ours),
        }
        if module := peer(report, "httpx_sse"):
            subjects["httpx_sse"] = lambda: _with_httpx_sse(module, http, url)
        for name, run in subjects.items():
            assert run() == count, name
        values = timed(subjects, effort, per=count)
    slower = max("asyncio", "trio", key=values.__getitem__)
    report.add("stream", values, "µs", reference=_FLOOR, ours=slower, faster={"httpx_sse": 10.0})
    beside = {name: values[name] for name in (_PLAIN, "httpx")}
    report.add("httpx alone", beside, "µs", reference=_PLAIN, at_most={"httpx": 1.15})
    return report
