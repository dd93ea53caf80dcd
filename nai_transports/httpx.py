"""Sync httpx, and any client with the same few methods, such as httpx2.

httpx keeps the connections and speaks HTTP; what an answer means is decided in the core, as everywhere. Two limits are
coarser than in the other transports. ``Timeouts.total`` is looked at between reads, so a run may overstay by one read. And
the size of the head is bounded by httpx itself (100 KiB), not by ``Limits.head``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from nai_proto.errors import (
    LocalProtocolError,
    NaiError,
    Phase,
    RemoteProtocolError,
    TransportError,
    Truncated,
    excerpt,
)
from nai_proto.exchange.session import Budget, Session
from nai_proto.http import Head, Headers, Request

from . import _pump

__all__ = ["Client", "ClientLike", "HeadersLike", "RequestLike", "ResponseLike"]

T = TypeVar("T")


class RequestLike(Protocol):
    """What is used of a request of httpx."""

    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


class HeadersLike(Protocol):
    """What is used of header fields of httpx."""

    def multi_items(self) -> list[tuple[str, str]]: ...


class ResponseLike(Protocol):
    """What is used of a response of httpx."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> HeadersLike: ...
    def iter_raw(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


_Request = TypeVar("_Request", bound=RequestLike)


class ClientLike(Protocol[_Request]):
    """What is used of a client of httpx."""

    def build_request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None,
        headers: Sequence[tuple[str, str]],
        extensions: MutableMapping[str, Any],
    ) -> _Request: ...

    def send(self, request: _Request, *, stream: bool, follow_redirects: bool) -> ResponseLike: ...
    def close(self) -> None: ...


class Client(_pump.Client):
    """Runs flows on sync httpx.

    Args:
        session: who asks, and where.
        http: the client to use, of httpx or httpx2, with its own proxies, certificates and connection limits; it stays
            open. If None, one is made, and closed with this one.
    """

    def __init__(self, session: Session, http: ClientLike[Any] | None = None) -> None:
        super().__init__(session, HttpxTransport(http))


class HttpxTransport:
    """Sends requests through httpx."""

    def __init__(self, http: ClientLike[Any] | None) -> None:
        self._owns = http is None
        self._http: ClientLike[Any] = _made() if http is None else http

    def send(self, request: Request, budget: Budget) -> HttpxExchange:
        timeout = {
            "connect": budget.limit("connect"),
            "pool": budget.limit("connect"),
            "write": budget.limit("write"),
            "read": budget.limit("read"),
        }

        def send() -> HttpxExchange:
            built = self._http.build_request(
                request.method,
                request.url,
                headers=request.fields(),
                content=request.body or None,
                extensions={"timeout": timeout},
            )
            return HttpxExchange(self._http.send(built, stream=True, follow_redirects=False), timeout)

        return _told(send, budget, "read")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        if self._owns:
            self._http.close()


class HttpxExchange:
    """One response; its body is read raw, since no coding was asked for."""

    def __init__(self, response: ResponseLike, timeout: dict[str, float | None]) -> None:
        self.head = Head(response.status_code, Headers(response.headers.multi_items()))
        self._response = response
        self._timeout = timeout
        self._pieces: Iterator[bytes] | None = None

    def receive(self, budget: Budget, at_most: float | None) -> bytes:  # noqa: ARG002 -- httpx cannot change a limit while it reads
        if self._pieces is None:
            self._timeout["read"] = budget.limit("idle")  # httpx looks here once, when reading begins
            self._pieces = self._response.iter_raw()
        if budget.limit("total") == 0:
            raise budget.timed_out("total", sent=True)
        pieces = self._pieces
        return _told(lambda: next(pieces, b""), budget, "idle")

    def abort(self) -> None:
        self._response.close()


def _made() -> ClientLike[Any]:
    import httpx

    return httpx.Client()


# Exceptions have no structural type; httpx and httpx2 give theirs the same names. The first class of an exception's MRO
# that stands here decides. Their texts are shown only where they are the system's own; others may quote a header.
_PHASES: Final[Mapping[str, tuple[Phase, bool]]] = {
    "ConnectTimeout": ("connect", False),
    "PoolTimeout": ("connect", False),
    "ConnectError": ("connect", False),
    "ProxyError": ("connect", False),
    "UnsupportedProtocol": ("connect", False),
    "WriteTimeout": ("write", True),
    "WriteError": ("write", True),
    "ReadTimeout": ("read", True),
    "ReadError": ("read", True),
    "CloseError": ("read", True),
    "TransportError": ("read", True),
}
_TEXTS_OF_THE_SYSTEM: Final = frozenset(("ConnectError", "ReadError", "WriteError"))


def _told(wait: Callable[[], T], budget: Budget, phase: Phase) -> T:
    """One wait: charged to the budget, its errors told in our words."""
    began = time.monotonic()
    try:
        return wait()
    except Exception as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        if not {"TransportError", "StreamError", "InvalidURL"} & set(names):
            raise
        text = str(error)
    finally:
        budget.spend(time.monotonic() - began)
    raise _translated(names, text, budget, phase)


def _translated(names: list[str], text: str, budget: Budget, phase: Phase) -> NaiError:
    if "LocalProtocolError" in names or "InvalidURL" in names:
        return LocalProtocolError("httpx refuses the request: a header field or the URL is not valid")
    if "RemoteProtocolError" in names:
        if text.startswith("Server disconnected"):
            return TransportError("the server closed the connection without an answer", sent=True, phase="read")
        if text.startswith(("peer closed connection", "peer unexpectedly closed connection")):
            return Truncated("the connection closed before the end of the body")
        return RemoteProtocolError("the server's bytes are not HTTP", excerpt=excerpt(text))
    name = next((name for name in names if name in _PHASES), "TransportError")
    where, sent = _PHASES[name]
    where = phase if where == "read" else where
    if name.endswith("Timeout"):
        return budget.timed_out(where, sent=sent)
    told = excerpt(text) if name in _TEXTS_OF_THE_SYSTEM else names[0]
    return TransportError(f"{where}: {told}", sent=sent, phase=where)
