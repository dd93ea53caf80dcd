"""The parts that the sync and the async driver of httpx share: the methods they use, requests, heads and errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import h11

from nai_proto.errors import InvalidRequestError, NaiError, Phase, RemoteProtocolError, TransportError, Truncated
from nai_proto.exchange.budget import Budget, LimitReached
from nai_proto.exchange.connection_setup import connection_refused
from nai_proto.exchange.connections import host_and_port
from nai_proto.http import Head, Headers, Request

from .httpx_phases import Phases
from .transport_errors import transport_error

__all__ = [
    "AsyncClientLike",
    "AsyncResponseLike",
    "ClientLike",
    "HeadersLike",
    "RequestLike",
    "ResponseLike",
    "Timeout",
    "check_proxied",
    "make_head",
    "make_request",
    "make_timeout",
    "translate",
]

Timeout: TypeAlias = dict[str, float | None]
"""httpx's limits of one request. It reads ``read`` again when it begins to read the body."""


class RequestLike(Protocol):
    """The used part of httpx's request."""

    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


class HeadersLike(Protocol):
    """The used part of httpx's header fields."""

    def multi_items(self) -> list[tuple[str, str]]: ...


class _HeadLike(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> HeadersLike: ...


class ResponseLike(_HeadLike, Protocol):
    """The used part of httpx's response."""

    @property
    def extensions(self) -> MutableMapping[str, Any]: ...
    def iter_raw(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class AsyncResponseLike(_HeadLike, Protocol):
    """The used part of the response of httpx's async client."""

    def aiter_raw(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


_Request = TypeVar("_Request", bound=RequestLike)
_Built = TypeVar("_Built", bound=RequestLike, covariant=True)


class _Builds(Protocol[_Built]):
    def build_request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None,
        headers: Sequence[tuple[str, str]],
        extensions: MutableMapping[str, Any],
    ) -> _Built: ...


class ClientLike(_Builds[_Request], Protocol[_Request]):
    """The used part of httpx's client."""

    def send(self, request: _Request, *, stream: bool, follow_redirects: bool) -> ResponseLike: ...
    def close(self) -> None: ...


class AsyncClientLike(_Builds[_Request], Protocol[_Request]):
    """The used part of httpx's async client."""

    async def send(self, request: _Request, *, stream: bool, follow_redirects: bool) -> AsyncResponseLike: ...
    async def aclose(self) -> None: ...


def check_proxied(request: Request) -> None:
    """Raise InvalidRequestError if httpx would send a request, with its token, to the HTTP proxy itself."""
    if request.scheme == "http":
        raise InvalidRequestError(
            "httpx sends what is for an http address to the proxy itself, with the token: use an https address, or the "
            "client of nai_transports.sync, .asyncio or .trio, which open a tunnel",
            parameter="proxy",
        )


def make_request(
    http: _Builds[_Built], request: Request, timeout: Timeout, trace: Callable[[str, Mapping[str, Any]], object]
) -> _Built:
    """Return a request of httpx. Its events are passed to ``trace``, a coroutine function if the client is async."""
    return http.build_request(
        request.method,
        request.url,
        headers=request.fields(),
        content=request.body or None,
        extensions={"timeout": timeout, "trace": trace},
    )


def make_timeout(budget: Budget) -> Timeout:
    """Return httpx's limits of a request, without ``read``."""
    return {"pool": budget.limit("pool"), "connect": budget.limit("connect"), "write": budget.limit("write")}


def make_head(response: _HeadLike) -> Head:
    """Return the head of a response."""
    return Head(response.status_code, Headers(response.headers.multi_items()))


# Exceptions have no structural type, but those of httpx and httpx2 have the same names. The first class of an exception's
# MRO that is listed here decides.
_PHASES: Final[Mapping[str, Phase]] = {
    "ConnectTimeout": "connect",
    "PoolTimeout": "pool",
    "ConnectError": "connect",
    "ProxyError": "connect",
    "UnsupportedProtocol": "connect",
    "WriteTimeout": "write",
    "WriteError": "write",
    "ReadTimeout": "read",
    "ReadError": "read",
    "CloseError": "read",
    "TransportError": "read",
    "StreamError": "read",
}


def translate(error: Exception, request: Request, budget: Budget, phases: Phases) -> NaiError | None:
    """Return the error of this library for an error of httpx; None for any other error.

    Args:
        error: that was raised.
        request: that was sent.
        budget: of the exchange.
        phases: of the exchange.
    """
    names = [kind.__name__ for kind in type(error).__mro__]
    host, port = host_and_port(request)
    phase = phases.phase
    if isinstance(error, NaiError):
        return None
    if isinstance(error, LimitReached):
        return budget.timed_out(phase, sent=phases.is_sent, where=f"{host}:{port}")
    if not {"TransportError", "StreamError", "InvalidURL"} & set(names):
        # httpcore passes on what it does not expect: answers of SOCKS proxies, and alerts of TLS 1.3 after the handshake.
        if phase == "connect" or isinstance(error, OSError):
            return transport_error(phase, error, host, port, phases.is_sent)
        return None
    if "LocalProtocolError" in names or "InvalidURL" in names:
        return InvalidRequestError("httpx refuses the request: a header field or the URL is not valid")
    if "RemoteProtocolError" in names:
        if phase == "connect":
            return connection_refused(host, port, "the proxy closed the connection, or sent something that is not HTTP")
        if phase == "idle":
            return Truncated("the connection closed, or violated HTTP, before the end of the body")
        if not _is_caused_by(error, h11.RemoteProtocolError):
            return TransportError(
                f"{request.authority} closed the connection without a response", sent=True, phase="read"
            )
        return RemoteProtocolError("malformed head")
    name = next(name for name in names if name in _PHASES)
    where = _PHASES[name]
    if where == "read" or phase == "connect":
        where = phase
    sent = where not in ("pool", "connect")
    if name.endswith("Timeout"):
        return budget.timed_out(where, sent=sent, where=f"{host}:{port}")
    return transport_error(where, error, host, port, sent)


def _is_caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
