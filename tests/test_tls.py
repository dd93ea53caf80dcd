"""https: certificates are verified, and what does not verify gets no request."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import httpx2
import pytest
import trio
import trustme
import uvloop

from nai_proto import text
from nai_proto.errors import TransportError
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.secret import PersistentToken
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import sync as on_sockets
from nai_transports import trio as on_trio
from nai_transports.servers.serve import serve_in_thread
from tests.support import an_emulator, streams, token

AUTHORITY = trustme.CA()
TRANSPORTS = ("sync", "httpx", "asyncio", "uvloop", "trio", "httpx-asyncio", "httpx2-trio")


def pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def secured(url: str, *names: str) -> Generator[str, None, None]:
    """TLS in front of a plain server, with a certificate for these names."""
    host, _, port = url.partition("://")[2].partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    threads: list[threading.Thread] = []

    def relay(raw: socket.socket) -> None:
        with (
            raw,
            suppress(OSError),
            context.wrap_socket(raw, server_side=True) as outside,
            socket.create_connection((host, int(port))) as inside,
        ):
            upward = threading.Thread(target=pipe, args=(outside, inside))
            upward.start()
            pipe(inside, outside)
            upward.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=relay, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"https://localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join()


def trusting(authority: trustme.CA | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    return context


class Owning(on_httpx.AsyncClient):
    """Closes the client that it was given."""

    def __init__(self, session: Session, http: Any) -> None:
        super().__init__(session, http)
        self._http = http

    async def close(self) -> None:
        await super().close()
        await self._http.aclose()


def run(transport: str, session: Session, context: ssl.SSLContext, operation: Any) -> Any:
    async def on_loop(client: Any) -> Any:
        async with client:
            return [await client.run(operation) for _ in range(2)][1]

    match transport:
        case "httpx":
            with httpx.Client(verify=context, trust_env=False) as http:
                return on_httpx.Client(session, http).run(operation)
        case "sync":
            with on_sockets.Client(session, ssl_context=context) as client:
                return [client.run(operation) for _ in range(2)][1]
        case "uvloop":
            return uvloop.run(on_loop(on_asyncio.Client(session, ssl_context=context)))
        case "asyncio":
            return asyncio.run(on_loop(on_asyncio.Client(session, ssl_context=context)))
        case "httpx-asyncio":
            return asyncio.run(on_loop(Owning(session, httpx.AsyncClient(verify=context, trust_env=False))))
        case "httpx2-trio":
            return trio.run(on_loop, Owning(session, httpx2.AsyncClient(verify=context, trust_env=False)))
        case _:
            return trio.run(on_loop, on_trio.Client(session, ssl_context=context))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stream_comes_over_tls(transport: str) -> None:
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as plain, secured(plain, "localhost") as url:
        session = Session(base_url=url, token=owner.persistent_token)
        operation = text.generate_stream("Once", max_length=20)
        assert run(transport, session, trusting(AUTHORITY), operation).finish_reason == "length"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("names", "authority"), [(("localhost",), None), (("elsewhere.example",), AUTHORITY)])
def test_a_certificate_that_does_not_verify_ends_before_anything_is_sent(
    transport: str, names: tuple[str, ...], authority: trustme.CA | None
) -> None:
    requests: list[object] = []

    def app(request: Any) -> Any:
        requests.append(request)
        yield from streams(token("x", 0, final=True))(request)

    with serve_in_thread(app) as plain, secured(plain, *names) as url:
        session = Session(base_url=url, token=PersistentToken("pst-secret"))
        with pytest.raises(TransportError) as caught:
            run(transport, session, trusting(authority), text.generate_stream("Once").with_options(retry=NO_RETRY))
    assert (caught.value.sent, caught.value.phase) == (False, "connect")
    assert "certificate" in str(caught.value).lower()
    assert requests == []
