"""The client's side of one exchange, as bytes in and bytes out, for drivers that move bytes.

A driver writes `data_to_send`, and then calls `next_incoming` until it returns what the flow waits for. A response may
arrive before the request is written, or make a write fail: a service that refuses a large upload responds at once, and may
close the connection before it has read the rest.
"""

from __future__ import annotations

from ..errors import NaiError, RemoteProtocolError, TransportError, Truncated
from ..http import Head, Request
from ..http.wire import ConnectionClosed, Data, EndOfMessage, Signal, Tunnel, Wire
from ..limits import Limits

__all__ = ["ClientExchange"]


class ClientExchange:
    """One request and its response on one connection.

    ::

        exchange = ClientExchange(wire, request)
        socket.sendall(exchange.data_to_send)
        exchange.request_written()
        while (incoming := exchange.next_incoming()) is NEED_DATA:
            exchange.receive_data(socket.recv(65536))

    Args:
        wire: of a connection without an open exchange.
        request: signed; or a CONNECT.
        limits: bounds for the response; those of the wire if None.

    Raises:
        InvalidRequestError: the request cannot be sent.
        LocalProtocolError: the wire has an open exchange, or is closed.
    """

    __slots__ = ("_answered", "_head", "_peer", "_wire", "_written", "data_to_send")

    def __init__(self, wire: Wire, request: Request, limits: Limits | None = None) -> None:
        self._wire = wire
        self._peer = request.authority or "the server"
        self.data_to_send = wire.send_request(request, limits)
        "The bytes of the request."
        self._written = False
        self._answered = False
        self._head: Head | None = None

    @property
    def can_reuse_connection(self) -> bool:
        """Is the exchange complete, so that the next one may use the connection?"""
        return self._written and self._wire.can_send_request

    @property
    def is_refused(self) -> bool:
        """Is there an error response already? Then the rest of the request need not be written."""
        if self._head is None and not self._answered:
            try:
                head = self._read()
            except NaiError:
                return True  # `next_incoming` raises it again
            if isinstance(head, Head):
                self._head = head
        return self._head is not None and self._head.status >= 400

    def request_written(self) -> None:
        """Note that the whole request is written. Without this, the connection is not reused."""
        self._written = True

    def receive_data(self, data: bytes) -> None:
        """Receive what was read; ``b""`` means that the server has closed the connection."""
        self._wire.receive_data(data)

    def next_incoming(self) -> Head | bytes | Tunnel | Signal:
        """Return the head, a piece of the body, or ``b""`` at its end; `NEED_DATA` if more must be read first.

        For a CONNECT that is granted, return its head, then a `Tunnel`; then the connection belongs to the caller.

        Raises:
            TransportError: the connection closed without a response. The service may nevertheless have acted.
            Truncated: it closed within the body.
            RemoteProtocolError: the bytes are not HTTP.
        """
        if self._head is not None:
            head, self._head = self._head, None
            self._answered = True
            return head
        incoming = self._read()
        if isinstance(incoming, Head):
            self._answered = True
        return incoming

    def _read(self) -> Head | bytes | Tunnel | Signal:
        try:
            event = self._wire.next_event()
        except Truncated:
            if self._answered:
                raise
            event = ConnectionClosed()
        match event:
            case Data(data):
                return data
            case Head() | Tunnel() | Signal():
                return event
            case EndOfMessage():
                return b""
            case ConnectionClosed():
                raise TransportError(f"{self._peer} closed the connection without a response", sent=True, phase="read")
            case Request():
                raise RemoteProtocolError("the server sent a request instead of a response")
