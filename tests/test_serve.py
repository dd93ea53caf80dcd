"""The emulator's own server at the limits of the system."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

PROGRAM = """
import resource, sys
from nai_proto.exchange.reply import Start, Write
from nai_proto.http import Head, Headers
from nai_transports.servers.serve import serve_in_thread

def app(request):
    yield Start(Head(200, Headers.of(content_length="2")))
    yield Write(b"OK")

resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
with serve_in_thread(app) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file descriptors")
def test_a_server_without_file_descriptors_waits_until_connections_are_closed() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as it,
        ExitStack() as late,
    ):
        assert it.stdout is not None
        host, _, port = it.stdout.readline().strip().removeprefix("http://").partition(":")
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
        _, errors = it.communicate("")
    assert errors == ""
