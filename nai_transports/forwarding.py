"""An app that has another server answer: so whatever stands around an app can stand before the service itself."""

from __future__ import annotations

from typing import Any, Final

from nai_proto.emulator.answers import Refused, computed, refuse
from nai_proto.errors import NaiError
from nai_proto.exchange.endpoints import match
from nai_proto.exchange.reply import Cut, Handler, Read, Start, Write
from nai_proto.exchange.session import Budget, Session
from nai_proto.http import Head, Host, Request

from .httpx import ClientLike, HttpxExchange, HttpxTransport

__all__ = ["Forwarding"]

_MOST: Final = 268_435_456
"Bytes of a request's body."
_ASKED: Final = ("host", "content-length", "expect", "accept-encoding")
"Fields of a request that are said anew; answers come without a coding, since nobody here could read it."
_HOPS: Final = ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
"Fields that are about one connection (RFC 9110 §7.6.1)."


class Forwarding:
    """An `App` that sends each request on, and the answer back in the pieces in which it comes.

    It waits in threads, by `Compute`; that the client has left shows when the next piece cannot be sent. An answer that
    breaks off is cut. Where there is none the client gets 502, with a message that says why.

    Args:
        session: where each host's requests go, and for how long to wait; its token is not used.
        http: the client to use, as for `nai_transports.httpx.Client`. If None, one is made; `close` closes it.
    """

    def __init__(self, session: Session, http: ClientLike[Any] | None = None) -> None:
        self._session = session.with_token(None)
        self._transport = HttpxTransport(http)

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MOST:
                yield from refuse(Refused(413, "request entity too large"))
                return
        asked = self._session.sign(_onward(request, bytes(body)))
        budget = Budget(self._session.timeouts)
        try:
            exchange = yield from computed(lambda: self._transport.send(asked, budget))
        except NaiError as error:
            yield from refuse(Refused(502, str(error)))
            return
        yield from _back(exchange, budget)


def _onward(request: Request, body: bytes) -> Request:
    found = match(request.method, None, request.target, body)
    host = Host.API if found is None else found[0].host
    return Request(request.method, request.target, request.headers.without(*_ASKED, *_HOPS), body, host)


def _back(exchange: HttpxExchange, budget: Budget) -> Handler:
    try:
        yield Start(Head(exchange.head.status, exchange.head.headers.without(*_HOPS)))
        while data := (yield from computed(lambda: exchange.receive(budget, None))):
            yield Write(data)
    except NaiError:
        yield Cut()
    finally:
        exchange.abort()
