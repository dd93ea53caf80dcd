"""An app that forwards each request to another server, such as the service itself: a reverse proxy.

A wrapper of apps, such as a recording, can so be put in front of the service.
"""

from __future__ import annotations

import ssl
from typing import Final

from nai_proto.emulator.errors import Refused
from nai_proto.emulator.http.responses import compute, send_error
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.connections import RawExchange
from nai_proto.exchange.driving import run_steps
from nai_proto.exchange.endpoints import match
from nai_proto.exchange.reply import Cut, Handler, Read, Start, Write
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Host, Request

from ..clients import raw_transport
from ..events import EventLog
from ..proxy import Proxy, ProxyChooser
from ..sync import SyncIO

__all__ = ["ForwardingApp"]

_MAX_BODY_BYTES: Final = 268_435_456
"Longer request bodies get 413."
_REPLACED_FIELDS: Final = ("host", "content-length", "expect", "accept-encoding")
"Request fields that the client sets anew; without Accept-Encoding, since no content coding is decoded here."
_HOP_BY_HOP_FIELDS: Final = (
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
"Fields that apply to one connection only, besides those that Connection names (RFC 9110 §7.6.1, §11.7)."


class ForwardingApp:
    """An `App` that forwards each request, and streams the response back.

    It blocks in threads, by `Compute`; it notices that the client has disconnected when it writes the next piece. If the
    response breaks off, the connection to the client is cut. If there is no response, the client gets 502 and a message
    that says why.

    Args:
        session: gives the base URLs, timeouts and limits; its token is not used.
        ssl_context, proxy: as for `nai_transports.sync.Client`.
    """

    def __init__(
        self,
        session: Session,
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: Proxy | str | ProxyChooser | None = None,
    ) -> None:
        self._session = session.with_token(None)
        self._transport = raw_transport(lambda: SyncIO([]), _do_nothing, EventLog(None), ssl_context, proxy)

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def __call__(self, request: Request) -> Handler:
        """Return the handler for one request."""
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MAX_BODY_BYTES:
                yield from send_error(Refused(413, "request entity too large"))
                return
        io = self._transport.open_io()
        budget = Budget(self._session.timeouts)
        try:
            signed = self._session.sign(_build_request(request, bytes(body)))
            send = Send(signed, limits=self._session.limits)
            exchange = yield from compute(lambda: run_steps(self._transport.send(send, budget, io)))
        except InvalidRequestError as error:
            yield from send_error(Refused(400, str(error)))
        except NaiError as error:
            yield from send_error(Refused(502, str(error)))
        else:
            yield from _send_back(exchange)
        finally:
            io.close()


def _do_nothing() -> None:
    """Connections that are closed synchronously leave nothing to wait for."""


def _build_request(request: Request, body: bytes) -> Request:
    """Return the request to the host of its endpoint; the api host if no endpoint matches."""
    matched = match(request.method, None, request.target, body)
    host = Host.API if matched is None else matched[0].host
    return Request(request.method, request.target, _end_to_end(request.headers).without(*_REPLACED_FIELDS), body, host)


def _end_to_end(headers: Headers) -> Headers:
    """Return the fields that are for the other end, and not for one connection on the way."""
    named = ",".join(headers.get_all("connection")).split(",")
    return headers.without(*_HOP_BY_HOP_FIELDS, *(name.strip() for name in named))


def _send_back(exchange: RawExchange) -> Handler:
    """Write a response to the client as it arrives."""
    try:
        yield Start(Head(exchange.head.status, _end_to_end(exchange.head.headers)))
        while data := (yield from compute(lambda: run_steps(exchange.receive(None)))):
            yield Write(data)
    except NaiError:
        yield Cut()
    finally:
        exchange.abort()
