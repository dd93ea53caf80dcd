"""An app that has another server answer: so whatever stands around an app can stand before the service itself."""

from __future__ import annotations

import ssl
from typing import Final

from nai_proto.emulator.answers import Refused, computed, refuse
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.connections import RawExchange
from nai_proto.exchange.driving import run_steps
from nai_proto.exchange.endpoints import match
from nai_proto.exchange.reply import Cut, Handler, Read, Start, Write
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Host, Request

from ._runner import raw_transport
from .events import EventLog
from .proxy import Proxy
from .sync import SyncIO

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
        ssl_context, proxy: as for `nai_transports.sync.Client`.
    """

    def __init__(
        self, session: Session, *, ssl_context: ssl.SSLContext | None = None, proxy: Proxy | str | None = None
    ) -> None:
        self._session = session.with_token(None)
        self._transport = raw_transport(lambda: SyncIO([]), _nothing, EventLog(None), ssl_context, proxy)

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MOST:
                yield from refuse(Refused(413, "request entity too large"))
                return
        io = self._transport.open_io()
        budget = Budget(self._session.timeouts)
        try:
            signed = self._session.sign(_onward(request, bytes(body)))
            send = Send(signed, limits=self._session.limits)
            exchange = yield from computed(lambda: run_steps(self._transport.send(send, budget, io)))
        except InvalidRequestError as error:
            yield from refuse(Refused(400, str(error)))
        except NaiError as error:
            yield from refuse(Refused(502, str(error)))
        else:
            yield from _send_back(exchange)
        finally:
            io.close()


def _nothing() -> None:
    """There is nothing to wait for."""


def _onward(request: Request, body: bytes) -> Request:
    found = match(request.method, None, request.target, body)
    host = Host.API if found is None else found[0].host
    return Request(request.method, request.target, request.headers.without(*_ASKED, *_HOPS), body, host)


def _send_back(exchange: RawExchange) -> Handler:
    try:
        yield Start(Head(exchange.head.status, exchange.head.headers.without(*_HOPS)))
        while data := (yield from computed(lambda: run_steps(exchange.receive(None)))):
            yield Write(data)
    except NaiError:
        yield Cut()
    finally:
        exchange.abort()
