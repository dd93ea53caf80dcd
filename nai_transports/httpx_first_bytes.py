"""Recognise a peer that does not speak HTTP by its first bytes, on the connections that httpx opens.

httpx waits for the end of a head, which such a peer may never send. httpx's trace extension is called with each new stream,
whose first read is checked here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from nai_proto.errors import RemoteProtocolError
from nai_proto.exchange.connection_setup import tunnel_refused
from nai_proto.exchange.connections import host_and_port
from nai_proto.http import Request
from nai_proto.http.first_bytes import LONGEST_START, check_response_start

__all__ = ["AsyncFirstBytes", "FirstBytes"]

_CONNECTING: Final = "connection.connect_tcp.started"
_CONNECTED: Final = ("connection.connect_tcp.complete", "connection.connect_unix_socket.complete")
_ENCRYPTED: Final = ("connection.start_tls.complete", "proxy.start_tls.complete", "socks.start_tls.complete")
_HTTP_2: Final = b"\0"
"""HTTP/2 begins with a frame of settings, whose length takes less than three bytes."""


class _Stream(Protocol):
    """The used part of a stream of httpx."""

    read: Callable[..., Any]


class _StreamChecks:
    """The streams that httpx opens for a request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._peer = request.authority

    def find_stream(self, step: str, info: Mapping[str, Any]) -> _Stream | None:
        """Return the stream that a step has opened, if HTTP is spoken on it."""
        if step == _CONNECTING:
            self._peer = f"{info['host']}:{info['port']}"
        stream: _Stream | None = info.get("return_value") if step in _CONNECTED or step in _ENCRYPTED else None
        return stream

    def check(self, received: bytes, *, is_encrypted: bool) -> None:
        """Check the first bytes that were read from a stream; nothing if it ended.

        Raises:
            TransportError: they are a proxy's, and not of HTTP.
            RemoteProtocolError: they are a server's, and not of HTTP.
        """
        if not received or received.startswith(_HTTP_2):
            return
        if self._request.scheme == "http" or is_encrypted:
            check_response_start(received, f"what answers at {self._peer}")
            return
        try:
            check_response_start(received, "it")
        except RemoteProtocolError as error:
            refused = tunnel_refused(*host_and_port(self._request), error)
        else:
            return
        raise refused

    def watch_start(self, stream: _Stream, step: str) -> Callable[[bytes], bytes]:
        """Return a function that is given what each read gave, checks it, and ends with the first bytes."""
        read, start = stream.read, b""

        def take(data: bytes) -> bytes:
            nonlocal start
            start += data
            if len(start) >= LONGEST_START:
                stream.read = read
            self.check(start, is_encrypted=step in _ENCRYPTED)
            return data

        return take


class FirstBytes(_StreamChecks):
    """The first bytes on the streams of a request of the sync client."""

    def follow(self, step: str, info: Mapping[str, Any]) -> None:
        """Check the first read of the stream that an event of ``trace`` shows."""
        if (stream := self.find_stream(step, info)) is not None:
            read: Callable[..., bytes] = stream.read
            take = self.watch_start(stream, step)
            stream.read = lambda *args, **options: take(read(*args, **options))


class AsyncFirstBytes(_StreamChecks):
    """The first bytes on the streams of a request of the async client."""

    def follow(self, step: str, info: Mapping[str, Any]) -> None:
        """Check the first read of the stream that an event of ``trace`` shows."""
        if (stream := self.find_stream(step, info)) is not None:
            read: Callable[..., Awaitable[bytes]] = stream.read
            take = self.watch_start(stream, step)

            async def first_read(*args: Any, **options: Any) -> bytes:
                return take(await read(*args, **options))

            stream.read = first_read
