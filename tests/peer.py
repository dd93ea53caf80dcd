"""A client of one connection in memory that speaks HTTP without any flow: one exchange after the other."""

from __future__ import annotations

from nai_proto.exchange.client import ClientExchange
from nai_proto.http import Head, Request
from nai_proto.http.wire import NEED_DATA, Wire
from nai_proto.limits import Limits
from nai_proto.testing import MemoryConnection


class Peer:
    """The client's end."""

    def __init__(self, link: MemoryConnection, limits: Limits = Limits()) -> None:
        self.link = link
        self._wire = Wire("client", limits)
        self._exchange: ClientExchange | None = None

    @property
    def reusable(self) -> bool:
        """Is the exchange cleanly over, and may the next begin?"""
        return self._wire.can_send_request and self.link.is_idle()

    def send(self, request: Request, limit: float | None = None) -> Head:
        """Send a signed request and return the head of its response."""
        self._exchange = ClientExchange(self._wire, request)
        self.link.send_all(self._exchange.data_to_send)
        self._exchange.request_written()
        head = self._next(limit)
        assert isinstance(head, Head)
        return head

    def receive(self, limit: float | None = None) -> bytes:
        """Return more of the body, ``b""`` at its end."""
        data = self._next(limit)
        assert isinstance(data, bytes)
        return data

    def _next(self, limit: float | None) -> object:
        assert self._exchange is not None
        while (incoming := self._exchange.next_incoming()) is NEED_DATA:
            self._exchange.receive_data(self.link.receive_some(limit))
        return incoming
