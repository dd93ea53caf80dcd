"""A proxy for tests: it opens tunnels as CONNECT asks, or does what proxies should not, and remembers what it was told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
DENIED = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Proxied:
    """What a proxy has seen."""

    port: int
    heads: list[bytes] = field(default_factory=list)
    "What was asked of it, whole heads."
    tunnelled: bytearray = field(default_factory=bytearray)
    "All that clients sent through its tunnels."

    def url(self, who: str = "") -> str:
        return f"http://{who}@127.0.0.1:{self.port}" if who else f"http://127.0.0.1:{self.port}"


@contextmanager
def proxying(
    says: bytes = GRANTED, *, wants: bytes = b"", tunnels: bool = True, hangs: bool = False, deaf: bool = False
) -> Generator[Proxied, None, None]:
    """Runs a proxy while the block runs.

    Args:
        says: the answer to each CONNECT.
        wants: the value of Proxy-Authorization, without which it answers 407.
        tunnels: does a tunnel follow the answer? If not, it closes.
        hangs: instead of closing it stays silent.
        deaf: it reads a tunnel's bytes and connects to nothing.
    """
    over = threading.Event()
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def start(work: threading.Thread) -> None:
        threads.append(work)
        work.start()

    def pipe(source: socket.socket, sink: socket.socket | None, record: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if record:
                    seen.tunnelled += data
                if sink is not None:
                    sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                if end is not None:
                    end.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = client.recv(1)
                if not piece:
                    return
                head += piece
            seen.heads.append(head)
            if wants and b"\r\nProxy-Authorization: " + wants + b"\r\n" not in head:
                client.sendall(DENIED)
                return
            client.sendall(says)
            if hangs:
                over.wait(30)
            if deaf:
                pipe(client, None, True)
            elif tunnels:
                host, _, port = head.split(b" ")[1].decode().rpartition(":")
                with socket.create_connection((host, int(port))) as target:
                    connections.append(target)
                    upward = threading.Thread(target=pipe, args=(client, target, True))
                    upward.start()
                    pipe(target, client, False)
                    upward.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                connections.append(client)
                start(threading.Thread(target=serve, args=(client,)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = Proxied(listener.getsockname()[1])
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield seen
        finally:
            over.set()
            for connection in (listener, *connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join()
