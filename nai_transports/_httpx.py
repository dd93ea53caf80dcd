"""What the sync and the async driver of httpx share: the few methods they use, and httpx's errors in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from nai_proto.errors import (
    LocalProtocolError,
    NaiError,
    Phase,
    RemoteProtocolError,
    TransportError,
    Truncated,
    excerpt,
)
from nai_proto.exchange.session import Budget
from nai_proto.http import Head, Headers, Request

__all__ = [
    "AsyncClientLike",
    "AsyncResponseLike",
    "ClientLike",
    "HeadersLike",
    "RequestLike",
    "ResponseLike",
    "Timeout",
    "built",
    "head_of",
    "names_of",
    "text_of",
    "timeout_of",
    "translated",
]

Timeout: TypeAlias = dict[str, float | None]
"""httpx's limits of one request. It looks at ``read`` again when it begins to read the body."""


class RequestLike(Protocol):
    """What is used of a request of httpx."""

    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


class HeadersLike(Protocol):
    """What is used of header fields of httpx."""

    def multi_items(self) -> list[tuple[str, str]]: ...


class _Answered(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> HeadersLike: ...


class ResponseLike(_Answered, Protocol):
    """What is used of a response of httpx."""

    def iter_raw(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class AsyncResponseLike(_Answered, Protocol):
    """What is used of a response of httpx's async client."""

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
    """What is used of a client of httpx."""

    def send(self, request: _Request, *, stream: bool, follow_redirects: bool) -> ResponseLike: ...
    def close(self) -> None: ...


class AsyncClientLike(_Builds[_Request], Protocol[_Request]):
    """What is used of an async client of httpx."""

    async def send(self, request: _Request, *, stream: bool, follow_redirects: bool) -> AsyncResponseLike: ...
    async def aclose(self) -> None: ...


def timeout_of(budget: Budget) -> Timeout:
    connect = budget.limit("connect")
    return {"connect": connect, "pool": connect, "write": budget.limit("write"), "read": budget.limit("read")}


def built(http: _Builds[_Built], request: Request, timeout: Timeout) -> _Built:
    return http.build_request(
        request.method,
        request.url,
        headers=request.fields(),
        content=request.body or None,
        extensions={"timeout": timeout},
    )


def head_of(response: _Answered) -> Head:
    return Head(response.status_code, Headers(response.headers.multi_items()))


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


def names_of(error: Exception) -> list[str] | None:
    """The names of its classes, if it is one of httpx's errors."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return names if {"TransportError", "StreamError", "InvalidURL"} & set(names) else None


def text_of(error: BaseException | None) -> str:
    """What it says, or what its cause does: on trio httpx says nothing of a certificate."""
    while error is not None:
        if text := str(error):
            return text
        error = error.__cause__ or error.__context__
    return ""


def translated(names: list[str], text: str, budget: Budget, phase: Phase) -> NaiError:
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
    told = (excerpt(text) if name in _TEXTS_OF_THE_SYSTEM else "") or names[0]
    return TransportError(f"{where}: {told}", sent=sent, phase=where)
