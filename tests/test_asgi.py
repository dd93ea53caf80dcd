"""Any app as an ASGI 3 application: under httpx's transport, Starlette's test client and uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from pathlib import Path
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
from nai_proto.emulator.faults import FaultyApp
from nai_proto.errors import LocalProtocolError
from nai_proto.exchange.reply import Cut, Handler, Read, Start, StoreState, Wait, Write
from nai_proto.http import Head, Headers, Request
from nai_transports import httpx as on_httpx
from nai_transports import sync as on_sync
from nai_transports.asgi import AsgiApp, ConnectionCutError, build_request
from nai_transports.servers.serve import serve_in_thread
from nai_transports.servers.state import StateFile, read_state
from tests.cases import for_each
from tests.support import an_emulator

ADDRESS = "http://emulator.invalid"
OK = Start(Head(200, Headers.of(content_type="text/plain")))


@contextlib.contextmanager
def under_uvicorn(application: AsgiApp | Starlette) -> Generator[str, None, None]:
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
    assert client.get("/n%6Fvel%20ai/user/subscription", headers=headers).status_code == 200  # the same path


@for_each(
    "path, root, seen",
    [
        (b"/nai/user/x%2Fy", "/nai", "/user/x%2Fy"),
        (b"/nai", "/nai", "/"),
        (b"/nai", "/nai/", "/"),
        (b"/naive", "/nai", "/naive"),
        (b"/user", "/nai", "/user"),
        (b"/%c3%A4/user", "/ä", "/user"),
        (b"http://host:80/user", "", "/user"),
        (b"/a//b", "/a", "//b"),
    ],
)
def test_the_target_is_relative_to_where_the_application_is_mounted(path: bytes, root: str, seen: str) -> None:
    request = build_request(scope(raw_path=path, root_path=root, query_string=b"q=%C3%A4"))
    assert request.target == f"{seen}?q=%C3%A4"


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


REQUESTS = {
    "escapes": b"GET /a%2fb/%c3%A4?x=%FF&y=a+b%20c;d=%3D HTTP/1.1\r\nHost: h\r\n\r\n",
    "fields": b"GET / HTTP/1.1\r\nhOsT: h\r\nX-One: 1\r\nx-one: 2\r\nX-Text: caf\xe9\r\n\r\n",
    "chunks": b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%b\r\n" % (300_000, bytes(300_000))
    + b"3\r\nend\r\n0\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000,
    "an address": b"GET http://h:80/path?x=y HTTP/1.1\r\nHost: h\r\n\r\n",
    "head": b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_app_gets_the_same_request_from_both_servers(name: str) -> None:
    seen: list[object] = []

    def app(request: Request) -> Handler:
        body = b""
        while data := (yield Read()):
            body += data
        fields = [(field.lower(), value) for field, value in request.headers]
        seen.append((request.method, request.target, fields, hashlib.sha256(body).digest()))
        yield Start(Head(200, Headers.of(content_length="4")))
        yield Write(b"done")

    answers = []
    for serve in (serve_in_thread(app), under_uvicorn(AsgiApp(app))):
        with serve as url, connect(url) as connection:
            connection.sendall(REQUESTS[name].replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answers.append(b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")[2])
    assert seen[0] == seen[1]
    assert answers == [b"" if name == "head" else b"done"] * 2


def connect(url: str) -> socket.socket:
    """Connect to a server by a plain socket."""
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_is_told_to_continue_when_the_app_reads_the_body_and_not_before(reads: bool) -> None:
    def app(request: Request) -> Handler:
        while reads and (yield Read()):
            pass
        yield OK

    with under_uvicorn(AsgiApp(app)) as url, connect(url) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 " if reads else b"HTTP/1.1 200 ")


def test_what_an_account_stores_outlives_a_server_of_asgi(tmp_path: Path) -> None:
    path = tmp_path / "state"
    emulator, _ = an_emulator()
    emulator.restore()
    account = emulator.add_account("keeper@example.com", nai.Password("secret"), stories=False)
    with StateFile(path) as state, TestClient(AsgiApp(emulator, store=state.store)) as client:
        login = client.post("/user/login", json={"key": account.key.reveal()})
        headers = {"Authorization": f"Bearer {login.json()['accessToken']}"}
        stored = client.put("/user/objects/stories", json={"meta": "m" * 21, "data": "abcd"}, headers=headers)
        assert stored.is_success, stored.text
    again = Emulator(now=lambda: 0.0, entropy=bytes)
    again.restore(read_state(path))
    assert TestClient(AsgiApp(again)).get("/user/objects/stories", headers=headers).json()["objects"] == [stored.json()]


def scope(**fields: Any) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", **fields}


def receives(*messages: dict[str, Any]) -> Callable[[], Any]:
    """Return a server's `receive`: it gives the messages, and then there are none."""
    left = deque(messages)

    async def receive() -> Any:
        if not left:
            await anyio.sleep_forever()
        return left.popleft()

    return receive


def test_a_client_that_leaves_ends_a_wait() -> None:
    closed: list[str] = []

    def app(request: Request) -> Handler:
        try:
            yield Wait(None)
        finally:
            closed.append(request.method)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    receive = receives({"type": "http.request", "body": b"x", "more_body": False}, {"type": "http.disconnect"})
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
    receive = receives({"type": "http.request", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 3:
            raise OSError("gone")

    asyncio.run(AsgiApp(app)(scope(), receive, send))
    assert closed == ["POST"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_that_leaves_ends_a_response_of_a_server_that_does_not_say_so_when_it_sends(backend: str) -> None:
    """uvicorn's `send` does nothing then, and returns at once."""
    closed: list[str] = []

    def app(request: Request) -> Handler:
        try:
            yield OK
            while True:
                yield Write(b"more")
        finally:
            closed.append(request.method)

    async def send(message: Any) -> None:
        pass

    receive = receives({"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"})
    anyio.run(AsgiApp(app), scope(), receive, send, backend=backend)
    assert closed == ["POST"]


def test_a_client_that_leaves_a_stream_frees_the_account_for_the_next_generation() -> None:
    emulator, account = an_emulator(pace=0.2)
    with (
        under_uvicorn(AsgiApp(emulator)) as url,
        on_sync.Client(token=account.persistent_token, base_url=url) as client,
    ):
        with client.stream(nai.text.generate_stream("Once", min_length=100, max_length=100)) as story:
            next(iter(story))
        soon = nai.RetryPolicy(lock_wait=5.0)  # the stream would have taken 20 seconds
        assert client.run(nai.text.generate("Once", max_length=1).with_options(retry=soon)).text


def test_what_a_client_sends_ahead_is_bounded() -> None:
    """An app that does not want the body yet, however often it waits, makes the client wait."""
    received = 0

    def app(request: Request) -> Handler:
        for _ in range(40):
            yield Wait(0.001)
        yield OK

    async def receive() -> Any:
        nonlocal received
        received += 100_000
        return {"type": "http.request", "body": bytes(100_000), "more_body": True}

    async def send(message: Any) -> None:
        pass

    asyncio.run(AsgiApp(app)(scope(), receive, send))
    assert received < 1_300_000


def test_a_wait_for_some_seconds_ends() -> None:
    def app(request: Request) -> Handler:
        yield Wait(0.01)
        yield OK
        yield Write(b"done")

    assert in_process(AsgiApp(app), lambda client: client.get("/")).text == "done"


def test_changes_are_stored_before_the_response_goes_on() -> None:
    stored: list[object] = []

    class Stored(Future[None]):
        def result(self, timeout: float | None = None) -> None:
            stored.append("stored")
            self.set_result(None)

    def app(request: Request) -> Handler:
        yield StoreState("change")
        yield OK
        yield Write(repr(stored).encode())

    def store(change: object) -> Any:
        stored.append(change)
        return Stored()

    assert in_process(AsgiApp(app, store=store), lambda client: client.get("/")).text == "['change', 'stored']"


def test_what_asgi_cannot_express_is_an_error_of_the_application() -> None:
    emulator, _ = an_emulator()

    def get(fault: str) -> httpx.Response:
        response: httpx.Response = in_process(AsgiApp(FaultyApp(emulator, fault)), lambda client: client.get("/"))
        return response

    with pytest.raises(ConnectionCutError):
        get("cut:at=1")
    with pytest.raises(LocalProtocolError, match=r"nai_transports\.servers\.serve"):
        get("garbage")


def test_a_head_that_an_app_sends_byte_by_byte_is_sent_when_it_is_whole() -> None:
    emulator, _ = an_emulator()
    faulty = FaultyApp(emulator, "slow_head:seconds=0")
    response = in_process(AsgiApp(faulty), lambda client: client.get("/"))
    assert (response.status_code, response.text) == (200, "OK")
    assert in_process(AsgiApp(faulty), lambda client: client.head("/")).headers["content-length"] == "2"


@pytest.mark.parametrize(("by", "text"), [(-1, "O"), (0, "OK")])
def test_a_body_that_is_longer_than_its_length_is_sent_up_to_there(by: int, text: str) -> None:
    emulator, _ = an_emulator()
    with under_uvicorn(AsgiApp(FaultyApp(emulator, f"length:by={by}"))) as url:
        assert httpx.get(url, trust_env=False).text == text


def test_a_body_that_is_shorter_than_its_length_is_incomplete_for_the_client() -> None:
    emulator, _ = an_emulator()
    with (
        under_uvicorn(AsgiApp(FaultyApp(emulator, "length:by=1"))) as url,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        httpx.get(url, trust_env=False)


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
