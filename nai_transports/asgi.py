"""Any app as an ASGI 3 application, to mount the emulator in a web framework or to run it under another server.

    import time
    from nai_proto.emulator import Emulator
    from nai_transports.asgi import AsgiApp
    from nai_transports.servers.serve import system_entropy

    application = AsgiApp(Emulator(now=time.time, entropy=system_entropy))      # uvicorn module:application

It follows https://asgi.readthedocs.io/en/latest/specs/www.html. ASGI cannot express what no correct server does: an app
that cuts the connection ends with `ConnectionCutError`, and one that sends raw bytes with `LocalProtocolError`. Serve an
app with such faults by `nai_transports.servers.serve`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

import anyio
import anyio.to_thread

from nai_proto.errors import LocalProtocolError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import App, Cut, Finish, RawWrite, Read, Reply, Start, StoreState, Wait, Write
from nai_proto.http import Headers, Request

if TYPE_CHECKING:
    from .servers.serve import StoreChanges

__all__ = ["AsgiApp", "ConnectionCutError"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_MAX_BYTES_AHEAD: Final = 1_048_576
"Bytes of a request that are read while the app does not want them yet; behind them, the client has to wait."
_SAFE_IN_PATHS: Final = "/:@!$&'()*+,;=~"
_CONNECTION_FIELDS: Final = ("connection", "keep-alive", "transfer-encoding")
"Fields of the response that are the server's own business."


class ConnectionCutError(Exception):
    """The app cut the connection. A server closes it, or answers with 500 if no head has been sent."""


class AsgiApp:
    """An ASGI 3 application that runs an app, on asyncio or trio.

    Responses are streamed. When the client disconnects, the app's handler is closed at its next wait or write, so that it
    gives back what it holds. Work that takes long runs in a thread.

    Args:
        app: the server's logic, for example an `nai_proto.emulator.Emulator`.
        store: stores each change that the app wants to be durable, as for `nai_transports.servers.serve.serve`.
    """

    def __init__(self, app: App, *, store: StoreChanges | None = None) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: a request, or the start and the end of the server.

        Raises:
            ConnectionCutError: the app cut the connection.
            LocalProtocolError: the app sent raw bytes, or the server asks for a protocol that is not HTTP.
        """
        match scope["type"]:
            case "http":
                await self._respond(Client(receive, send), build_request(scope))
            case "lifespan":
                await _confirm_lifespan(receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1000})  # before the handshake: refused with 403
            case other:
                raise LocalProtocolError(f"this application speaks HTTP, not {other!r}")

    async def _respond(self, client: Client, request: Request) -> None:
        reply = Reply(self._app(request))
        client.reply = reply
        try:
            while not isinstance(action := reply.next_action(), Finish):
                await self._perform(action, client)
            await client.send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnected:
            pass
        finally:
            reply.close()

    async def _perform(self, action: object, client: Client) -> None:
        match action:
            case Read():
                await client.receive()
            case Start(head):
                headers = encode_headers(head.headers.without(*_CONNECTION_FIELDS))
                await client.send({"type": "http.response.start", "status": head.status, "headers": headers})
            case Write(data):
                await client.send({"type": "http.response.body", "body": data, "more_body": True})
            case Wait(seconds):
                with anyio.move_on_after(seconds):
                    await client.wait_until_disconnected()
            case Compute():
                await anyio.to_thread.run_sync(action.perform, abandon_on_cancel=True)
            case StoreState(change):
                if self._store is not None:
                    await anyio.to_thread.run_sync(self._store(change).result, abandon_on_cancel=True)
            case RawWrite():
                raise LocalProtocolError("the app sends raw bytes, which ASGI cannot: use nai_transports.servers.serve")
            case Cut():
                raise ConnectionCutError
            case _:
                raise LocalProtocolError(f"{type(action).__name__} is no action of a handler")


class ClientDisconnected(Exception):
    """The client is gone: nobody waits for the rest."""


class Client:
    """The client's side of one request: ASGI's two callables, and the reply that gets the request's body."""

    reply: Reply

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body_ended = False

    async def send(self, message: Message) -> None:
        """Send a message; a server of ASGI 2.4 or newer raises OSError when the client is gone."""
        try:
            await self._send(message)
        except OSError:
            raise ClientDisconnected from None

    async def receive(self) -> int:
        """Hand the next piece of the request's body to the reply; return its size in bytes."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        if self._body_ended:
            return 0
        data: bytes = message.get("body", b"")
        self.reply.receive_data(data)
        if not message.get("more_body", False):
            self._body_ended = True
            self.reply.receive_eof()
        return len(data)

    async def wait_until_disconnected(self) -> None:
        """Wait until the client is gone; meanwhile, what it sends is kept, up to a bound."""
        ahead = 0
        while ahead <= _MAX_BYTES_AHEAD:
            ahead += await self.receive()
        await anyio.sleep_forever()


def build_request(scope: Message) -> Request:
    """Return the request of an HTTP scope, relative to where the application is mounted."""
    path: bytes = scope.get("raw_path") or quote(scope["path"], safe=_SAFE_IN_PATHS).encode("ascii")
    root = quote(scope.get("root_path", ""), safe=_SAFE_IN_PATHS).encode("ascii").rstrip(b"/")
    if root and (path + b"/").startswith(root + b"/"):
        path = path[len(root) :]
    query: bytes = scope.get("query_string", b"")
    target = (path or b"/") + (b"?" + query if query else b"")
    fields: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
    return Request(scope["method"], target.decode("latin-1"), headers)


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return header fields as ASGI takes them: bytes, with names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _confirm_lifespan(receive: Receive, send: Send) -> None:
    """Say that the application has started, and that it has stopped: there is nothing to do for either."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
