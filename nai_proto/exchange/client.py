"""The client's half of one exchange, as bytes in and bytes out: the byte face, for whoever moves bytes.

A driver writes `data_to_send`, and then asks `next_incoming` until it gives what the flow waits for. Whatever came before
the request was written, or instead of the end of a write, is a response all the same: a service that refuses a large
upload answers at once, and may close before it has read the rest.
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
        wire: of a connection on which no exchange is under way.
        request: signed; or a CONNECT.
        limits: bounds for the response; those of the wire if None.

    Raises:
        InvalidRequestError: the request cannot be sent.
        LocalProtocolError: an exchange is under way on the wire, or it is closed.
    """

    __slots__ = ("_answered", "_head", "_wire", "_written", "data_to_send")

    def __init__(self, wire: Wire, request: Request, limits: Limits | None = None) -> None:
        self._wire = wire
        self.data_to_send = wire.send_request(request, limits)
        "The bytes of the request."
        self._written = False
        self._answered = False
        self._head: Head | None = None

    @property
    def can_reuse_connection(self) -> bool:
        """Is the exchange cleanly over, so that the next one may use the connection?"""
        return self._written and self._wire.can_send_request

    @property
    def is_refused(self) -> bool:
        """Has a response come that is an error? Then the rest of the request need not be written."""
        if self._head is None and not self._answered:
            try:
                head = self._read()
            except NaiError:
                return True  # `next_incoming` raises it again: nothing that is written now helps
            if isinstance(head, Head):
                self._head = head
        return self._head is not None and self._head.status >= 400

    def request_written(self) -> None:
        """Say that all of the request went out; without it the connection is not used again."""
        self._written = True

    def receive_data(self, data: bytes) -> None:
        """Take what was read; ``b""`` when the server has closed the connection."""
        self._wire.receive_data(data)

    def next_incoming(self) -> Head | bytes | Tunnel | Signal:
        """Return the head, a piece of the body, or ``b""`` at its end; `NEED_DATA` when more has to be read first.

        A CONNECT that is granted gives its head and a `Tunnel`; the connection belongs to the caller then.

        Raises:
            TransportError: the connection closed before there was a response. The service may have acted all the same.
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
                raise TransportError("the server closed the connection without a response", sent=True, phase="read")
            case Request():
                raise RemoteProtocolError("the server answered with something that is no response")
