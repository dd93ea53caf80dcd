"""Any app as an ASGI 3 application, to mount the emulator in a web framework or to run it under another server.

    import time
    from nai_proto.emulator import Emulator
    from nai_transports.asgi import AsgiApp
    from nai_transports.servers.serve import system_entropy

    application = AsgiApp(Emulator(now=time.time, entropy=system_entropy))      # uvicorn module:application

It follows https://asgi.readthedocs.io/en/latest/specs/www.html. ASGI cannot express what no correct server does. An app
that cuts the connection ends with `ConnectionCutError`. Raw bytes are read as a client reads them, and the response that a
client finds in them is sent: a head that comes byte by byte is sent when it is whole, and what is behind the end of a body
is left out. Raw bytes that are not HTTP end with `LocalProtocolError`. Serve an app with such faults by
`nai_transports.servers.serve`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

import anyio
import anyio.to_thread

from nai_proto.errors import LocalProtocolError, RemoteProtocolError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import App, Cut, Finish, RawWrite, Read, Reply, Start, StoreState, Wait, Write
from nai_proto.exchange.server import in_origin_form
from nai_proto.http import Head, Headers, Request
from nai_proto.http.wire import Data, EndOfMessage, Wire

from .servers.ordered_store import OrderedStore, StoreChanges

__all__ = ["AsgiApp", "ConnectionCutError"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_MAX_BYTES_AHEAD: Final = 1_048_576
"Bytes of a request that are read while the app does not want them yet; behind them, the client has to wait."
_LONGEST_TURN_S: Final = 0.02
"How long a response that never waits keeps the event loop to itself."
_SAFE_IN_PATHS: Final = "/:@!$&'()*+,;=~"
_CONNECTION_FIELDS: Final = ("connection", "keep-alive", "transfer-encoding")
"Fields of the response that are the server's own business."


class ConnectionCutError(Exception):
    """The app cut the connection. A server closes it, or answers with 500 if no head has been sent."""


class AsgiApp:
    """An ASGI 3 application that runs an app, on asyncio or trio.

    Responses are streamed, as fast as the client reads them. When the client disconnects, the app's handler is closed at
    its next wait or write, so that it gives back what it holds. Work that takes long runs in a thread.

    Args:
        app: the server's logic, for example an `nai_proto.emulator.Emulator`.
        store: stores each change that the app wants to be durable, as for `nai_transports.servers.serve.serve`. After one
            that cannot be stored, each request ends with its error.
    """

    def __init__(self, app: App, *, store: StoreChanges | None = None) -> None:
        self._app = app
        self._store = OrderedStore.of(store)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: a request, or the start and the end of the server.

        Raises:
            ConnectionCutError: the app cut the connection.
            LocalProtocolError: the app sent raw bytes that are not HTTP, or the server asks for another protocol.
        """
        match scope["type"]:
            case "http":
                request = build_request(scope)
                await self._respond(Client(receive, send, Reply(self._app(request)), RawReader(request.method)))
            case "lifespan":
                await _confirm_lifespan(receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1000})  # before the handshake: refused with 403
            case other:
                raise LocalProtocolError(f"this application speaks HTTP, not {other!r}")

    async def _respond(self, client: Client) -> None:
        try:
            while not isinstance(action := client.reply.next_action(), Finish):
                await self._perform(action, client)
                if isinstance(action, Cut):
                    break
            await client.send_end()
        except ClientDisconnected:
            pass
        finally:
            client.reply.close()

    async def _perform(self, action: object, client: Client) -> None:
        match action:
            case Read():
                await client.receive_body()
            case Start(head):
                await self._settle()
                await client.send_head(head)
            case Write(data):
                await self._settle()
                await client.give_way()
                await client.send_data(data)
            case Wait(seconds):
                await client.wait(seconds)
            case Compute():
                await anyio.to_thread.run_sync(action.perform, abandon_on_cancel=True)
            case StoreState(change):
                if self._store is not None:  # at once, which keeps the order of the changes
                    self._store(change)
                    await self._settle()
            case RawWrite(data):
                await self._settle()
                await client.send_raw(data)
            case Cut():
                if not client.raw.complete:
                    raise ConnectionCutError
            case _:
                raise LocalProtocolError(f"{type(action).__name__} is no action of a handler")

    async def _settle(self) -> None:
        """Wait until all changes are stored; raise the error of one that cannot be."""
        while self._store is not None and (pending := self._store.pending) is not None:
            await anyio.to_thread.run_sync(pending.result, abandon_on_cancel=True)


class ClientDisconnected(Exception):
    """The client is gone: nobody waits for the rest."""


class Client:
    """The client's side of one request: ASGI's two callables, and the reply that gets the request's body."""

    def __init__(self, receive: Receive, send: Send, reply: Reply, raw: RawReader) -> None:
        self.reply = reply
        self.raw = raw
        self._receive = receive
        self._send = send
        self._body_ended = False
        self._bytes_ahead = 0
        self._turn_began = time.monotonic()

    # Receiving

    async def receive_body(self) -> None:
        """Hand the next piece of the request's body to the reply, which wants it."""
        self._bytes_ahead = 0
        await self._receive_message()

    async def wait(self, seconds: float | None) -> None:
        """Wait; meanwhile, what the client sends is kept, up to a bound.

        Raises:
            ClientDisconnected: the client is gone, or was so before.
        """
        with anyio.move_on_after(seconds):
            while self._bytes_ahead <= _MAX_BYTES_AHEAD:
                await self._receive_message()
            await anyio.sleep_forever()
        self._turn_began = time.monotonic()

    async def give_way(self) -> None:
        """Let others run now and then. Not every server suspends when something is sent, or says that the client is gone.

        Raises:
            ClientDisconnected: as for `wait`.
        """
        if time.monotonic() - self._turn_began > _LONGEST_TURN_S:
            await self.wait(0)

    async def _receive_message(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        if self._body_ended:
            return
        data: bytes = message.get("body", b"")
        self._bytes_ahead += len(data)
        self.reply.receive_data(data)
        if not message.get("more_body", False):
            self._body_ended = True
            self.reply.receive_eof()

    # Sending

    async def send_head(self, head: Head) -> None:
        """Send the head of the response."""
        self.raw.head = head
        headers = encode_headers(head.headers.without(*_CONNECTION_FIELDS))
        await self._send_message({"type": "http.response.start", "status": head.status, "headers": headers})

    async def send_data(self, data: bytes) -> None:
        """Send a piece of the response's body."""
        await self._send_message({"type": "http.response.body", "body": data, "more_body": True})

    async def send_end(self) -> None:
        """Send the end of the response."""
        await self._send_message({"type": "http.response.body", "body": b"", "more_body": False})

    async def send_raw(self, data: bytes) -> None:
        """Send the part of a response that a client finds in raw bytes.

        Raises:
            LocalProtocolError: they are not HTTP.
        """
        for event in self.raw.read(data):
            if isinstance(event, Head):
                await self.send_head(event)
            else:
                await self.send_data(event.data)

    async def _send_message(self, message: Message) -> None:
        """Send a message; a server of ASGI 2.4 or newer raises OSError when the client is gone."""
        try:
            await self._send(message)
        except OSError:
            raise ClientDisconnected from None


class RawReader:
    """Reads raw bytes as a client reads them.

    Args:
        method: of the request, on which it depends whether a response has a body.
    """

    def __init__(self, method: str) -> None:
        self.head: Head | None = None
        "The head of the response, once it is sent: raw bytes before it begin with a head, those behind it go on."
        self.complete = False
        "Have the raw bytes come to the end of the response?"
        self._method = method
        self._wire: Wire | None = None

    def read(self, data: bytes) -> Iterator[Head | Data]:
        """Yield the parts of the response that have come with these bytes.

        Raises:
            LocalProtocolError: they are not HTTP.
        """
        if self._wire is None:
            self._wire = self._start_wire()
        try:
            if data and not self.complete:
                self._wire.receive_data(data)
                while isinstance(event := self._wire.next_event(), Head | Data):
                    yield event
                self.complete = isinstance(event, EndOfMessage)
        except RemoteProtocolError:
            raise LocalProtocolError(
                "the app sends bytes that are not HTTP, which ASGI cannot: use nai_transports.servers.serve"
            ) from None

    def _start_wire(self) -> Wire:
        wire = Wire("client")
        wire.send_request(Request(self._method, "/", Headers([("Host", "client")])))
        if self.head is not None:
            wire.receive_data(Wire("server").send_response(self.head))
            wire.next_event()
        return wire


def build_request(scope: Message) -> Request:
    """Return the request of an HTTP scope, relative to where the application is mounted."""
    path: bytes = scope.get("raw_path") or quote(scope["path"], safe=_SAFE_IN_PATHS).encode("ascii")
    path = remove_prefix(path, scope.get("root_path", "").rstrip("/"))
    query: bytes = scope.get("query_string", b"")
    target = (path or b"/") + (b"?" + query if query else b"")
    fields: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
    return in_origin_form(Request(scope["method"], target.decode("latin-1"), headers))


def remove_prefix(path: bytes, root: str) -> bytes:
    """Return a raw path without the segments of ``root``, however they are escaped; as it is if it is not below them."""
    length = len(root.encode())
    characters: list[bytes] = _CHARACTERS.findall(path)
    prefix, rest = b"".join(characters[:length]), b"".join(characters[length:])
    return rest if unquote_to_bytes(prefix) == root.encode() and rest[:1] in (b"", b"/") else path


_CHARACTERS: Final = re.compile(rb"%[0-9A-Fa-f]{2}|.", re.DOTALL)


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return header fields as ASGI takes them: bytes, with names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _confirm_lifespan(receive: Receive, send: Send) -> None:
    """Say that the application has started, and that it has stopped: there is nothing to do for either."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
