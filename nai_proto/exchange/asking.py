"""The client's side of one exchange over a `Wire`: what every driver of raw bytes needs, and nothing of any runtime."""

from __future__ import annotations

from ..errors import RemoteProtocolError, TransportError, Truncated
from ..http import Head, Request
from ..wire import Closed, Data, End, Wire

__all__ = ["Asking"]


class Asking:
    """Sends one request and hands out what a flow wants to be sent: the `Head`, then bytes, then ``b""``.

    Write what `send` returns; then, as often as `next_incoming` gives None, read and pass it to `receive_data`.
    """

    __slots__ = ("_answered", "_wire")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._answered = False

    def send(self, request: Request) -> bytes:
        """The bytes of a signed request."""
        return self._wire.send_request(request)

    def receive_data(self, data: bytes) -> None:
        """What was read; ``b""`` when the server has closed the connection."""
        self._wire.receive_data(data)

    def next_incoming(self) -> Head | bytes | None:
        """The head, a piece of the body, or ``b""`` at its end; None when more has to be read first.

        Raises:
            TransportError: the connection closed before there was an answer. The service may have acted all the same.
            Truncated: it closed within the body.
            RemoteProtocolError: the bytes are not HTTP.
        """
        try:
            event = self._wire.next_event()
        except Truncated:
            if self._answered:
                raise
            event = Closed()
        match event:
            case Data(data):
                return data
            case Head():
                self._answered = True
                return event
            case End():
                return b""
            case None:
                return None
            case Closed():
                raise TransportError("the server closed the connection without an answer", sent=True, phase="read")
            case _:
                raise RemoteProtocolError("the server answered with something that is no answer")
