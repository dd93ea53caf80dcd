"""httpx, and any client with the same few methods, such as httpx2: sync, and on asyncio and trio.

httpx keeps the connections and speaks HTTP; what a response means is decided in the core, as everywhere. The size of the
head is bounded by httpx itself (100 KiB), not by ``Limits.head``. A client that is made here takes no proxy and no
credentials from the environment, keeps no cookies, and trusts the operating system's certificate authorities
(`nai_transports.tls_connection`); one that is passed in keeps its own settings.

httpx keeps its connections to itself: ``on_event`` tells of requests, responses and waits, not of connections. It logs each
URL with its query on its own logger, ``httpx``, at INFO; some endpoints take a prompt in the query.

Two things the other drivers do and httpx does not let us: it writes a request to its end before it reads, so that its
async clients can lose a refusal of an upload whose writing fails; and it takes what came in one read with the end of a
response for the start of the next one.

The sync client looks at ``Timeouts.total`` between reads, and httpx bounds each read of a head, so a run may overstay by
one read; the other one is exact. An async exchange is one task, which reads ahead of the flow: cancelling the caller, even
twice, cancels the task once, and httpx cleans up there, where nothing interrupts it.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import anyio.lowlevel

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
    """Run operations and flows on sync httpx. Session, token, ``base_url`` and ``on_event`` are those of `sync.Client`.

    Args:
        http: the client to use, of httpx or httpx2, with its own proxies, certificates and connection limits; it stays
            open. If None, one is made, and closed with this one.
        proxy: for a client that is made here, what httpx takes: a URL, also of SOCKS (with ``httpx[socks]``).
    """

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
        self._transport = HttpxTransport(_make_client(proxy) if http is None else http, self._log, owns=http is None)


class AsyncClient(clients.AsyncClient):
    """Run operations and flows on httpx's async client, on asyncio or trio. The arguments are those of `Client`."""

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
            _make_async_client(proxy) if http is None else http, self._log, owns=http is None
        )

    @property
    def _stream_type(self) -> type[streams.AsyncStream[Any, Any, Any]]:  # type: ignore[override]  # by the loop that runs
        return streams.AsyncStream if is_on_asyncio() else _TrioStream


class _TrioStream(streams.CheckpointStream[E, R, P]):
    """A stream on trio."""

    _checkpoint = staticmethod(anyio.lowlevel.checkpoint)


def _make_client(proxy: str | None) -> ClientLike[Any]:
    import httpx

    return httpx.Client(**_client_options(httpx, proxy))


def _make_async_client(proxy: str | None) -> AsyncClientLike[Any]:
    import httpx

    return httpx.AsyncClient(**_client_options(httpx, proxy))


def _client_options(httpx: Any, proxy: str | None) -> dict[str, Any]:
    """The settings of a client that is made here; as many connections as the raw drivers have."""
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
    """A jar that takes none: accounts that share a client share nothing else."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
