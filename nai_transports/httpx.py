"""httpx, and any client with the same few methods, such as httpx2: sync, and on asyncio and trio.

httpx keeps the connections and speaks HTTP; the core interprets the responses. A client that is made here reads no proxy and
no credentials from the environment, keeps no cookies, and trusts the operating system's certificate authorities
(`nai_transports.tls_connection`); a client that is passed in keeps its own settings.

httpx differs from the other drivers:

* It limits a head to 100 KiB, whatever ``Limits.head`` is.
* ``on_event`` reports requests, responses and waits, but no connections.
* The logger ``httpx`` logs each URL with its query at INFO; some endpoints take a prompt in the query.
* It writes a whole request before it reads, so that its async clients can lose the response to an upload that fails.
* A forked process must not use a client of its parent: both would use the same connections.
* It takes bytes that follow a response in the same read for the start of the next response.
* Deadlines are as exact as the other drivers' (docs/connections.md#time), with these exceptions. The sync client cannot
  interrupt a name look-up, and has the limit of connecting for each address of a host. The async client has one limit of
  writing for a whole body. A transport that does not report its phases, and connections that a program has opened by
  itself with the client that it passes in, have these limits for each read and write.

An async exchange is one task, which reads ahead of the flow. Cancelling the caller, even twice, cancels the task once, so
that httpx can clean up without being interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import anyio.lowlevel

from nai_proto.arguments import takes
from nai_proto.exchange.connection_pool import PoolLimits
from nai_proto.exchange.session import Session
from nai_proto.secret import Token

from . import clients, streams
from .events import Event
from .httpx_async import AsyncHttpxTransport, is_on_asyncio
from .httpx_messages import (
    AsyncClientLike,
    AsyncResponseLike,
    ClientLike,
    HeadersLike,
    RequestLike,
    ResponseLike,
)
from .httpx_sync import HttpxTransport
from .tls_connection import default_context

__all__ = [
    "AsyncClient",
    "AsyncClientLike",
    "AsyncResponseLike",
    "Client",
    "ClientLike",
    "HeadersLike",
    "RequestLike",
    "ResponseLike",
]

E = TypeVar("E")
R = TypeVar("R")
P = TypeVar("P")


class Client(clients.Client):
    """Run operations and flows on sync httpx.

    Args:
        session: token, addresses, timeouts, limits and retry policy: ``nai.Session(timeouts=…)``. If neither this nor
            ``base_url`` is given, the environment variables NAI_TOKEN and NAI_URL are read.
        http: a client of httpx or httpx2, with its own proxies, certificates and connection limits; it is not closed.
            If None, one is made, and closed with this client.
        token: ``pst-…``, or the token of a login. Without a token, the client is anonymous, so that flows can log in.
        base_url: ``https://host[:port][/path]``, for all of the service's hosts. Then no token is read from the
            environment.
        proxy: for a client that is made here: a URL, also of SOCKS (with ``httpx[socks]``). An HTTP proxy opens tunnels to
            https addresses; requests to http addresses, which httpx would send to the proxy itself, are refused.
        on_event: called with each `nai_transports.events.Event`; its errors end the run.

    Raises:
        InvalidRequestError: ``base_url`` or an environment variable is not valid.
        InvalidTypeError: an argument has another type.
    """

    @takes()
    def __init__(
        self,
        session: Session | None = None,
        http: ClientLike[Any] | None = None,
        *,
        token: Token | str | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        super().__init__(session, token, base_url, on_event)
        self._transport = HttpxTransport(
            _make_client(proxy) if http is None else http,
            self._log,
            owns=http is None,
            has_proxy=http is None and _is_http_proxy(proxy),
        )


class AsyncClient(clients.AsyncClient):
    """Run operations and flows on httpx's async client, on asyncio or trio.

    Args:
        session: token, addresses, timeouts, limits and retry policy: ``nai.Session(timeouts=…)``. If neither this nor
            ``base_url`` is given, the environment variables NAI_TOKEN and NAI_URL are read.
        http: an async client of httpx or httpx2, with its own proxies, certificates and connection limits; it is not
            closed. If None, one is made, and closed with this client.
        token: ``pst-…``, or the token of a login. Without a token, the client is anonymous, so that flows can log in.
        base_url: ``https://host[:port][/path]``, for all of the service's hosts. Then no token is read from the
            environment.
        proxy: for a client that is made here: a URL, also of SOCKS (with ``httpx[socks]``). An HTTP proxy opens tunnels to
            https addresses; requests to http addresses, which httpx would send to the proxy itself, are refused.
        on_event: called with each `nai_transports.events.Event`; its errors end the run.

    Raises:
        InvalidRequestError: ``base_url`` or an environment variable is not valid.
        InvalidTypeError: an argument has another type.
    """

    @takes()
    def __init__(
        self,
        session: Session | None = None,
        http: AsyncClientLike[Any] | None = None,
        *,
        token: Token | str | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        super().__init__(session, token, base_url, on_event)
        self._transport = AsyncHttpxTransport(
            _make_async_client(proxy) if http is None else http,
            self._log,
            owns=http is None,
            has_proxy=http is None and _is_http_proxy(proxy),
        )

    @property
    def _stream_type(self) -> type[streams.AsyncStream[Any, Any, Any]]:  # type: ignore[override]  # depends on the running loop
        return streams.AsyncStream if is_on_asyncio() else _TrioStream


class _TrioStream(streams.CancellableStream[E, R, P]):
    """A stream on trio."""

    _checkpoint = staticmethod(anyio.lowlevel.checkpoint)
    _check_cancelled = staticmethod(anyio.lowlevel.checkpoint_if_cancelled)


def _is_http_proxy(proxy: str | None) -> bool:
    return proxy is not None and proxy.lower().startswith("http")


def _make_client(proxy: str | None) -> ClientLike[Any]:
    import httpx

    return httpx.Client(**_client_options(httpx, proxy))


def _make_async_client(proxy: str | None) -> AsyncClientLike[Any]:
    import httpx

    return httpx.AsyncClient(**_client_options(httpx, proxy))


def _client_options(httpx: Any, proxy: str | None) -> dict[str, Any]:
    """Return the settings of a client that is made here, with the raw drivers' limits of connections."""
    pool = PoolLimits()
    limits = httpx.Limits(
        max_connections=pool.connections, max_keepalive_connections=pool.idle, keepalive_expiry=pool.keep_alive
    )
    return {
        "verify": default_context(),
        "trust_env": False,
        "proxy": proxy,
        "cookies": _no_cookies(),
        "limits": limits,
    }


def _no_cookies() -> CookieJar:
    """Return a cookie jar that stays empty, so that accounts that share a client share nothing else."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
