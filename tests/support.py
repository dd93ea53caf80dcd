"""What the tests of the transports share: every transport behind one function, and servers that misbehave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, TypeVar

import httpx
import httpx2
import trio

from nai_proto.account import login
from nai_proto.emulator import Account, Emulator, OpenAISwitches, Switches
from nai_proto.errors import NaiError
from nai_proto.exchange.actions import Runnable, Steps
from nai_proto.exchange.flow import with_options
from nai_proto.exchange.reply import App, Cut, Handler, RawWrite, Read, Start, Wait, Write
from nai_proto.exchange.session import FlowOptions, Session
from nai_proto.http import Head, Headers, Request
from nai_proto.secret import Password, Token
from nai_proto.testing import Clock
from nai_proto.tokenizers.base import ByteVocabulary
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import memory as on_memory
from nai_transports import sync as on_sync
from nai_transports import trio as on_trio
from nai_transports.clients import AsyncClient, Client
from nai_transports.servers.serve import serve_in_thread

E = TypeVar("E")
R = TypeVar("R")
T = TypeVar("T")

EMAIL = "writer@example.com"
PASSWORD = "the quiet harbour"

MakeSession: TypeAlias = Callable[[str], Session]
MakeFlow: TypeAlias = Callable[[], Runnable[Any, Any]]


def session_at(url: str, **options: Any) -> Session:
    """A session at one address."""
    return Session(base_url=url, **options)


def with_token(token: Token | str, flow: Runnable[E, R]) -> Steps[E, R]:
    """Run a flow of any kind with a token on each request that has none."""
    return with_options(flow, FlowOptions.of(token=token))


@dataclass
class Outcome:
    """How a flow went."""

    events: list[Any] = field(default_factory=list)
    result: Any = None
    error: Exception | None = None
    partial: object = None


def an_emulator(**options: Any) -> tuple[Emulator, Account]:
    """An emulator with one account, and chance that is the same each time; its clock is the system's unless it is given."""
    drawn = iter(range(1 << 30))

    def entropy(size: int) -> bytes:
        return bytes((next(drawn) * 37 + 11) % 256 for _ in range(size))

    emulator = Emulator(**{"now": time.time, "entropy": entropy, **options})
    return emulator, emulator.add_account(EMAIL, Password(PASSWORD))


def switched(**switches: Any) -> dict[str, Any]:
    """The options of an emulator with these switches, each in the value that has it."""
    own = {field.name for field in fields(Switches)}
    openai = OpenAISwitches(**{name: value for name, value in switches.items() if name not in own})
    return {"openai": openai, "switches": Switches(**{name: switches[name] for name in switches.keys() & own})}


def logged_in(flow: Any) -> Steps[Any, Any]:
    """The flow, with the token of a login to that account."""
    token = yield from login(EMAIL, PASSWORD)
    return (yield from with_token(token, flow))


# ---- every transport behind one function


def _sync(client: Client, flow: Runnable[Any, Any]) -> Outcome:
    outcome = Outcome()
    with client.stream(flow) as stream:
        try:
            for event in stream:
                outcome.events.append(event)
            outcome.result = stream.result
        except NaiError as error:
            outcome.error = error
        outcome.partial = stream.partial
    return outcome


async def _async(client: AsyncClient, flow: Runnable[Any, Any]) -> Outcome:
    outcome = Outcome()
    async with client.stream(flow) as stream:
        try:
            async for event in stream:
                outcome.events.append(event)
            outcome.result = stream.result
        except NaiError as error:
            outcome.error = error
        outcome.partial = stream.partial
    return outcome


def on(transport: str, app: App, make_flow: MakeFlow, make_session: MakeSession = session_at) -> Outcome:
    """Runs a flow over the named transport against ``app``."""
    return all_on(transport, app, [make_flow], make_session)[0]


def all_on(
    transport: str, app: App, make_flows: Sequence[MakeFlow], make_session: MakeSession = session_at
) -> list[Outcome]:
    """The same for several flows, one after the other, on one client."""
    if transport == "memory":
        with on_memory.Client(app, make_session("http://emulator.invalid"), clock=Clock()) as client:
            return [_sync(client, make()) for make in make_flows]
    with serve_in_thread(app) as url:
        return at(transport, make_session(url), make_flows)


def at(transport: str, session: Session, make_flows: Sequence[MakeFlow]) -> list[Outcome]:
    """The same against a server that is already there."""

    if transport in SYNC:
        with opened(transport, session) as client:
            return [_sync(client, make()) for make in make_flows]

    async def main() -> list[Outcome]:
        async with connecting(transport, session) as client:
            return [await _async(client, make()) for make in make_flows]

    return running(transport, main)


SYNC = ("sync", "httpx", "httpx2")
WIRED = ("asyncio", "trio")
ASYNC = (*WIRED, "httpx-asyncio", "httpx-trio", "httpx2-asyncio", "httpx2-trio")
SOCKETS = (*SYNC, *ASYNC)
ALL = ("memory", *SOCKETS)


@contextmanager
def opened(transport: str, session: Session) -> Generator[Client, None, None]:
    """A client that blocks, as its users make it."""
    match transport:
        case "sync":
            with on_sync.Client(session) as client:
                yield client
        case "httpx":
            with on_httpx.Client(session) as on_http:
                yield on_http
        case _:
            with httpx2.Client(trust_env=False, verify=False) as http2, on_httpx.Client(session, http2) as on_http2:
                yield on_http2


@asynccontextmanager
async def connecting(transport: str, session: Session, *, slots: int = 100) -> AsyncGenerator[AsyncClient, None]:
    """A client of the named transport; ``slots`` is how many connections httpx may have open."""
    match transport.partition("-")[0]:
        case "httpx":
            http = httpx.AsyncClient(trust_env=False, verify=False, limits=httpx.Limits(max_connections=slots))
            async with http, on_httpx.AsyncClient(session, http) as client:
                yield client
        case "httpx2":
            http2 = httpx2.AsyncClient(trust_env=False, verify=False, limits=httpx2.Limits(max_connections=slots))
            async with http2, on_httpx.AsyncClient(session, http2) as client:
                yield client
        case "asyncio":
            async with on_asyncio.Client(session) as client:
                yield client
        case _:
            async with on_trio.Client(session) as client:
                yield client


def running(transport: str, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a program on the loop of the named transport."""
    return asyncio.run(main()) if transport.endswith("asyncio") else trio.run(main)


# ---- servers that do as they are told


def reading(request: Request) -> Handler:
    """Reads the request to its end."""
    while (yield Read()):
        pass


def answers(status: int, body: bytes, **headers: str) -> App:
    """Always the same whole answer."""

    def app(request: Request) -> Handler:
        yield from reading(request)
        fields = [("Content-Length", str(len(body))), *((k.replace("_", "-"), v) for k, v in headers.items())]
        yield Start(Head(status, Headers(fields)))
        yield Write(body)

    return app


def streams(*pieces: bytes, then: Callable[[], Handler] | None = None) -> App:
    """An event stream in these pieces; then whatever else."""

    def app(request: Request) -> Handler:
        yield from reading(request)
        yield Start(Head(200, Headers.of(content_type="text/event-stream")))
        for piece in pieces:
            yield Write(piece)
        if then is not None:
            yield from then()

    return app


def cuts(data: bytes) -> App:
    """Exactly these bytes, and then a closed connection."""

    def app(request: Request) -> Handler:
        yield from reading(request)
        if data:
            yield RawWrite(data)
        yield Cut()

    return app


def stalls(data: bytes) -> App:
    """Exactly these bytes, and then silence."""

    def app(request: Request) -> Handler:
        yield from reading(request)
        if data:
            yield RawWrite(data)
        yield Wait(None)

    return app


def token(text: str, ptr: int, final: bool = False) -> bytes:
    """One event of a native stream."""
    import msgspec

    data = msgspec.json.encode({"token": text, "ptr": ptr, "final": final})
    return b"event:newToken\nid:%d\ndata:%b\n\n" % (ptr, data)


@contextmanager
def counting(app: App) -> Generator[tuple[App, list[int]], None, None]:
    """The app, and a cell that holds how many of its handlers are at work."""
    at_work = [0]

    def counted(request: Request) -> Handler:
        at_work[0] += 1
        try:
            yield from app(request)
        finally:
            at_work[0] -= 1

    yield counted, at_work


class ByteTokenizer(ByteVocabulary):
    """A token for each byte, its id 300 more than the byte: small, and every character beyond ASCII takes several."""

    def __init__(self) -> None:
        super().__init__("bytes", {byte + 300: bytes([byte]) for byte in range(256)}, {})

    def encode(self, text: str) -> list[int]:
        return [byte + 300 for byte in text.encode()]
