"""The emulator's own server at the limits of the system."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from nai_proto.emulator.http.responses import compute
from nai_proto.exchange.reply import App, Handler, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import ServerTimeouts
from nai_transports.asgi import AsgiApp
from nai_transports.servers import serve
from nai_transports.servers.serve import serve_in_thread

from .test_asgi import under_uvicorn

PROGRAM = """
import resource, socket, sys
from nai_proto.exchange.reply import Start, Write
from nai_proto.http import Head, Headers
from nai_transports.servers.serve import serve_in_thread

def app(request):
    yield Start(Head(200, Headers.of(content_length="2")))
    yield Write(b"OK")

accept, attempts = socket.socket.accept, []

def count(listener):
    attempts.append(listener)
    return accept(listener)

socket.socket.accept = count
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
with serve_in_thread(app) as url:
    print(url, flush=True)
    sys.stdin.read()
print(len(attempts))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file descriptors")
def test_a_server_without_file_descriptors_says_so_once_and_waits_until_connections_are_closed() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as it,
        ExitStack() as late,
    ):
        assert it.stdout is not None
        host, _, port = it.stdout.readline().strip().removeprefix("http://").partition(":")
        for _ in range(2):
            with ExitStack() as crowd:
                for _ in range(60):
                    crowd.enter_context(socket.create_connection((host, int(port)), timeout=20))
                client = late.enter_context(socket.create_connection((host, int(port)), timeout=20))
                client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                client.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    client.recv(1000)
            client.settimeout(20)
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        attempts, errors = it.communicate("")
    assert int(attempts) < 300  # 122 connections, and one now and then while there is no descriptor for more
    assert errors == f"more connections have to wait until others are closed: {os.strerror(errno.EMFILE)}\n"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", b""), (b"GET / HTTP/1.1\r\nHost: h\r\nX-Drip: ", b"408"), (b"POST / HTTP/1.1\r\nContent-Le", b"408")],
    ids=["idle", "a head without end", "a cut head"],
)
def test_clients_that_send_nothing_more_free_their_file_descriptors(sent: bytes, answer: bytes) -> None:
    def app(request: Request) -> Handler:
        yield Start(Head(200, Headers.of(content_length="2")))
        yield Write(b"OK")

    with serve_in_thread(app, timeouts=ServerTimeouts(idle=0.2, head=0.2)) as url, ExitStack() as crowd:
        address = urlsplit(url)
        slow = [crowd.enter_context(socket.create_connection((address.hostname, address.port), 20)) for _ in range(50)]
        for one in slow:
            one.sendall(sent)
        assert httpx.get(url, trust_env=False).text == "OK"
        for one in slow:
            received = b"".join(iter(lambda: one.recv(1000), b""))
            assert received.split(b" ")[1:2] == ([answer] if answer else [])


def test_a_client_that_does_not_read_is_left_and_its_handler_closed() -> None:
    closed = threading.Event()

    def app(request: Request) -> Handler:
        try:
            yield Start(Head(200, Headers()))
            while True:
                yield Write(b"x" * 1_000_000)
        finally:
            closed.set()

    with serve_in_thread(app, timeouts=ServerTimeouts(write=0.2)) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), 20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert closed.wait(20)


@pytest.mark.parametrize("serve", [serve_in_thread, lambda app: under_uvicorn(AsgiApp(app))], ids=["own", "uvicorn"])
def test_a_response_that_never_waits_lets_others_have_theirs(
    serve: Callable[[App], AbstractContextManager[str]],
) -> None:
    over = threading.Event()

    def app(request: Request) -> Handler:
        yield Start(Head(200, Headers.of(content_type="text/plain")))
        while request.path == "/long" and not over.is_set():
            time.sleep(0.001)  # the work of a token
            yield Write(b"more")
        yield Write(b"OK")

    with serve(app) as url, httpx.Client(trust_env=False) as client, client.stream("GET", f"{url}/long") as long:
        reader = threading.Thread(target=lambda: [*long.iter_raw()])
        reader.start()
        assert client.get(url).text == "OK"
        over.set()
        reader.join()


class Working:
    """An app whose work is in a thread until it is told to end."""

    def __init__(self) -> None:
        self.began, self.may_end, self.ended = (threading.Event() for _ in range(3))

    def __call__(self, _: Request) -> Handler:
        yield from compute(self._work)

    def _work(self) -> None:
        self.began.set()
        self.may_end.wait(20)
        time.sleep(0.05)  # a server that did not wait would have stopped meanwhile
        self.ended.set()

    def stop_server_at_work(self, when_left: Callable[[], None]) -> None:
        """Serve a request, and stop the server as soon as the work for it has begun.

        Args:
            when_left: called when the server has closed the connection.
        """
        with ExitStack() as client, serve_in_thread(self) as url:
            address = urlsplit(url)
            assert address.hostname
            connection = client.enter_context(socket.create_connection((address.hostname, address.port or 80)))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert self.began.wait(20)

            def wait_for_end() -> None:
                assert connection.recv(1) == b""
                when_left()

            waiting = threading.Thread(target=wait_for_end)
            waiting.start()
            client.callback(waiting.join)


def test_a_server_that_stops_waits_for_the_work_that_is_under_way() -> None:
    app = Working()
    app.stop_server_at_work(app.may_end.set)
    assert app.ended.is_set()


def test_a_server_that_stops_does_not_wait_long_for_work_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_LAST_WORK_S", 0.05)
    app = Working()
    app.stop_server_at_work(lambda: None)
    assert not app.ended.is_set()
    app.may_end.set()
