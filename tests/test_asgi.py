"""Any app as an ASGI 3 application: under httpx's transport, Starlette's test client and uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Generator
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import nai_proto as nai
from nai_proto.emulator import Emulator
from nai_proto.errors import LocalProtocolError
from nai_proto.exchange.reply import Cut, Handler, RawWrite, Read, Start, StoreState, Wait, Write
from nai_proto.http import Head, Headers, Request
from nai_transports import httpx as on_httpx
from nai_transports import sync as on_sync
from nai_transports.asgi import AsgiApp, ConnectionCutError
from tests.support import an_emulator

ADDRESS = "http://emulator.invalid"
OK = Start(Head(200, Headers.of(content_type="text/plain")))


@contextlib.contextmanager
def under_uvicorn(application: AsgiApp) -> Generator[str, None, None]:
    """Serve an application under uvicorn, in a thread; yield its base URL."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        (listener,) = server.servers[0].sockets
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def in_process(application: Any, run: Callable[[httpx.AsyncClient], Any], *, backend: str = "asyncio") -> Any:
    """Run a coroutine function with an httpx client that calls the application in this process."""

    async def main() -> Any:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            return await run(client)

    return anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_reaches_the_emulator_in_the_same_process(backend: str) -> None:
    emulator, account = an_emulator()
    session = nai.Session(base_url=ADDRESS, token=account.persistent_token)

    async def run(client: httpx.AsyncClient) -> tuple[str, str]:
        async with on_httpx.AsyncClient(session, http=client) as nai_client:
            whole = (await nai_client.run(nai.text.generate("Once upon a time"))).text
            streamed = (await nai_client.run(nai.text.generate_stream("Once upon a time"))).text
            return whole, streamed

    whole, streamed = in_process(AsgiApp(emulator), run, backend=backend)
    assert whole
    assert streamed


def test_a_stream_arrives_piece_by_piece_under_uvicorn() -> None:
    emulator, account = an_emulator(pace=0.001)
    with (
        under_uvicorn(AsgiApp(emulator)) as url,
        on_sync.Client(token=account.persistent_token, base_url=url) as client,
    ):
        with client.stream(nai.text.generate_stream("Once upon a time", max_length=20)) as story:
            pieces = [token.text for token in story]
        assert len(pieces) == 20
        assert "".join(pieces) == story.result.text
        with pytest.raises(nai.AuthenticationError):
            client.run(nai.account.get_subscription().with_options(token="wrong"))


def test_an_emulator_is_mounted_below_a_path() -> None:
    emulator, account = an_emulator()
    client = TestClient(Starlette(routes=[Mount("/novel ai", AsgiApp(emulator))]))
    headers = {"Authorization": f"Bearer {account.persistent_token.reveal()}"}
    assert client.get("/novel%20ai/").text == "OK"
    assert client.get("/novel%20ai/user/subscription", headers=headers).json()["tier"] == 3
    assert (
        client.get(
            "/novel%20ai/ai/generate-image/suggest-tags?model=nai-diffusion-3&prompt=bl", headers=headers
        ).status_code
        == 200
    )
    assert client.get("/novel%20ais/").status_code == 404


def test_path_and_query_reach_the_app_as_they_were_sent() -> None:
    seen: list[Request] = []

    def app(request: Request) -> Handler:
        seen.append(request)
        yield OK

    in_process(AsgiApp(app), lambda client: client.get("/a%2Fb/c%20d?prompt=x%20y&z=%C3%A4", headers={"X-One": "1"}))
    assert seen[0].target == "/a%2Fb/c%20d?prompt=x%20y&z=%C3%A4"
    assert seen[0].headers.get("X-One") == "1"


def test_an_app_reads_the_whole_body() -> None:
    def app(request: Request) -> Handler:
        body = b""
        while data := (yield Read()):
            body += data
        yield OK
        yield Write(body)

    async def upload() -> Any:
        for number in range(50):
            yield bytes([number]) * 1000

    async def run(client: httpx.AsyncClient) -> bytes:
        return (await client.post("/", content=upload())).content

    assert in_process(AsgiApp(app), run) == b"".join(bytes([number]) * 1000 for number in range(50))


def scope(**fields: Any) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", **fields}


def test_a_client_that_leaves_ends_a_wait() -> None:
    closed: list[str] = []

    def app(request: Request) -> Handler:
        try:
            yield Wait(None)
        finally:
            closed.append(request.method)

    messages = iter([{"type": "http.request", "body": b"x", "more_body": False}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    asyncio.run(AsgiApp(app)(scope(), receive, send))
    assert closed == ["POST"]


def test_a_client_that_leaves_ends_a_response() -> None:
    closed: list[str] = []

    def app(request: Request) -> Handler:
        try:
            yield OK
            while True:
                yield Write(b"more")
        finally:
            closed.append(request.method)

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 3:
            raise OSError("gone")

    asyncio.run(AsgiApp(app)(scope(), receive, send))
    assert closed == ["POST"]


def test_a_wait_for_some_seconds_ends() -> None:
    def app(request: Request) -> Handler:
        yield Wait(0.01)
        yield OK
        yield Write(b"done")

    assert in_process(AsgiApp(app), lambda client: client.get("/")).text == "done"


def test_changes_are_stored_before_the_response_goes_on() -> None:
    stored: list[object] = []

    class Stored:
        def result(self) -> None:
            stored.append("stored")

    def app(request: Request) -> Handler:
        yield StoreState("change")
        yield OK
        yield Write(repr(stored).encode())

    def store(change: object) -> Any:
        stored.append(change)
        return Stored()

    assert in_process(AsgiApp(app, store=store), lambda client: client.get("/")).text == "['change', 'stored']"


def test_what_asgi_cannot_express_is_an_error_of_the_application() -> None:
    def cutting(request: Request) -> Handler:
        yield OK
        yield Cut()

    def raw(request: Request) -> Handler:
        yield RawWrite(b"HTTP/9.9 ???")

    with pytest.raises(ConnectionCutError):
        in_process(AsgiApp(cutting), lambda client: client.get("/"))
    with pytest.raises(LocalProtocolError, match=r"nai_transports\.servers\.serve"):
        in_process(AsgiApp(raw), lambda client: client.get("/"))


def test_a_response_that_an_app_cuts_is_incomplete_for_the_client() -> None:
    def cutting(request: Request) -> Handler:
        yield OK
        yield Write(b"half of")
        yield Cut()

    with under_uvicorn(AsgiApp(cutting)) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, trust_env=False)


def test_a_websocket_is_refused() -> None:
    def app(request: Request) -> Handler:
        yield OK

    from starlette.websockets import WebSocketDisconnect

    client = TestClient(AsgiApp(app))
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass
    with pytest.raises(LocalProtocolError, match="'smtp'"):
        asyncio.run(AsgiApp(app)({"type": "smtp"}, None, None))  # type: ignore[arg-type]


def test_the_emulator_needs_no_server_to_start() -> None:
    emulator, _ = an_emulator()
    assert isinstance(emulator, Emulator)
    with TestClient(AsgiApp(emulator)) as client:
        assert client.get("/").text == "OK"
