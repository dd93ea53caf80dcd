"""Servers of plain sockets for tests: each connection is a thread that runs a script, and does what no good server does."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["ConnectionGone", "RawConnection", "RawRequest", "RawServer", "Script", "echo", "raw_server", "response"]

_READ = 65_536


class ConnectionGone(Exception):
    """The client has closed the connection: the script ends."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came."""

    head: bytes
    body: bytes

    @property
    def input(self) -> str:
        """The prompt of a request for text."""
        return str(json.loads(self.body)["input"])

    def fields(self, name: bytes) -> list[bytes]:
        """The values of the header fields with this name."""
        return re.findall(rb"(?im)^%b:[ \t]*(.*?)[ \t]*\r$" % re.escape(name), self.head)


def response(text: str, *fields: str, status: str = "200 OK") -> bytes:
    """A whole response that answers a request for text."""
    body = json.dumps({"output": text}).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


class RawConnection:
    """The server's end of one connection."""

    def __init__(self, server: RawServer, raw: socket.socket, number: int) -> None:
        self.server = server
        self.socket = raw
        self.number = number
        "0 for the server's first connection."
        self._buffer = b""

    def read_head(self) -> bytes:
        """Read to the end of a request's head."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def read_request(self) -> RawRequest:
        """Read one request, whose body has a length."""
        return self.read_body(self.read_head())

    def read_body(self, head: bytes) -> RawRequest:
        """Read what is left of a request."""
        length = int((RawRequest(head, b"").fields(b"content-length") or [b"0"])[0])
        while len(self._buffer) < length:
            self._buffer += self._receive()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        request = RawRequest(head, body)
        self.server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Send all bytes."""
        self.socket.sendall(data)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send one byte at a time."""
        for at in range(len(data)):
            self.send(data[at : at + 1])
            self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the server's end."""
        if self.server.ending.wait(seconds):
            raise ConnectionGone

    def wait_closed(self) -> None:
        """Read until the client closes, which ends the script."""
        while True:
            self._receive()

    def close(self) -> None:
        """Say goodbye."""
        self.socket.close()

    def reset(self) -> None:
        """Close with a reset instead of a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _receive(self) -> bytes:
        data = self.socket.recv(_READ)
        if not data:
            raise ConnectionGone
        return data


Script: TypeAlias = Callable[[RawConnection], None]


@dataclass
class RawServer:
    """What happened on a server."""

    port: int
    scheme: str = "http"
    requests: list[RawRequest] = field(default_factory=list)
    connections: list[RawConnection] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    "The numbers of those connections whose scripts run."
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}" if self.scheme == "https" else f"http://127.0.0.1:{self.port}"

    def wait_until(self, holds: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Wait until something holds; say whether it does."""
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                return False
            time.sleep(0.002)
        return True

    def wait_all_closed(self) -> bool:
        """Wait until the clients have left every connection."""
        return self.wait_until(lambda: not self.open)


@contextmanager
def raw_server(
    script: Script, tls: ssl.SSLContext | None = None, *, buffer: int | None = None
) -> Generator[RawServer, None, None]:
    """Run a script on each connection while the block runs. What a script raises fails the test.

    Args:
        script: ends when it returns, and when the client closes the connection.
        tls: for https.
        buffer: bytes of the socket's buffers, for tests that fill them.
    """
    failures: list[BaseException] = []
    threads: list[threading.Thread] = []

    def run(connection: RawConnection) -> None:
        try:
            with connection.socket:
                if tls is not None:
                    connection.socket = tls.wrap_socket(connection.socket, server_side=True)
                script(connection)
                connection.socket.close()
        except (OSError, ConnectionGone):
            pass
        except BaseException as error:
            failures.append(error)
        finally:
            connection.socket.close()
            server.open.discard(connection.number)

    def accept() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = RawConnection(server, raw, len(server.connections))
                server.connections.append(connection)
                server.open.add(connection.number)
                threads.append(threading.Thread(target=run, args=(connection,)))
                threads[-1].start()

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer is not None:
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                listener.setsockopt(socket.SOL_SOCKET, option, buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        server = RawServer(listener.getsockname()[1], "http" if tls is None else "https")
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield server
        finally:
            server.ending.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in server.connections:
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
    if failures:
        raise failures[0]


def echo(connection: RawConnection) -> None:
    """Answer each request with its own prompt."""
    while True:
        connection.send(response(connection.read_request().input))


def chunks(pieces: Iterable[bytes]) -> bytes:
    """Pieces of a body as chunks, without the last one."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
