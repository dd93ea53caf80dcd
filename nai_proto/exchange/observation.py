"""What a client does, as values for observers. They have no secrets, queries or bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ..errors import NaiError
from ..http import Head, Headers, Request
from ..http.redaction import hide_secret_fields, hide_secrets

__all__ = [
    "ConnectionDiscarded",
    "ConnectionOpened",
    "ConnectionReused",
    "Event",
    "ExchangeEnded",
    "ExchangeWatch",
    "Observer",
    "ObserverFailed",
    "RequestSent",
    "ResponseReceived",
    "Waiting",
]


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """A connection was opened, including the tunnel of a proxy, and TLS."""

    host: str
    port: int
    seconds: float
    "For the look-up of the name, the tunnel and TLS too."
    tls: str | None
    "The version of TLS, such as ``TLSv1.3``; None for http."
    proxy: str | None
    "Host and port of the proxy through which it was opened, or None."


@dataclass(frozen=True, slots=True)
class ConnectionReused:
    """An idle connection is used for a request."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ConnectionDiscarded:
    """A connection was closed."""

    host: str
    port: int
    reason: str
    "Such as ``idle for too long``, ``not reusable`` or ``the exchange was given up``."


@dataclass(frozen=True, slots=True)
class RequestSent:
    """The client begins to write a request."""

    method: str
    url: str
    "Without its query."
    headers: Headers
    "The header fields that are sent; what may be secret in their values is hidden."
    body_bytes: int


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """The head of a response was received."""

    method: str
    url: str
    "Without its query."
    status: int
    headers: Headers
    "The header fields that were received; what may be secret in their values is hidden."
    seconds: float
    "Since the client began to write the request."


@dataclass(frozen=True, slots=True)
class ExchangeEnded:
    """An exchange is over; there is one such event for each `RequestSent`."""

    method: str
    url: str
    "Without its query."
    status: int | None
    "Of the response; None if no head was received."
    body_bytes: int
    "What was received of the response's body."
    seconds: float
    "Since the client began to write the request."
    is_complete: bool
    "Was the response received to its end? If not, the exchange failed, or was given up."


@dataclass(frozen=True, slots=True)
class Waiting:
    """The flow pauses, usually before it sends a request again."""

    seconds: float
    reason: str | None
    "Why the request is repeated, such as ``RateLimitError 429``; None if the flow only pauses."
    error: NaiError | None = field(repr=False)
    "The error after which the request is repeated."
    attempt: int | None
    "The number of the attempt that follows, from 2; None if the flow waits for another generation, or only pauses."
    attempts: int | None
    "How many attempts the retry policy allows; None as for `attempt`."


Event: TypeAlias = (
    ConnectionOpened | ConnectionReused | ConnectionDiscarded | RequestSent | ResponseReceived | ExchangeEnded | Waiting
)
"""What an observer is called with."""


class ObserverFailed(BaseException):
    """Carries an observer's error past the flow, which would take it for an error of the transport."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Observer(Protocol):
    """Receives events. It raises `ObserverFailed` to end the run."""

    @property
    def is_watching(self) -> bool:
        """Are events used? If not, none need be made."""
        ...

    def tell(self, event: Event) -> None:
        """Receive one event."""
        ...


class ExchangeWatch:
    """Tells an observer of one exchange: that its request is sent, that its response begins, and that it ends.

    Args:
        observer: receives the events; if it is not watching now, it receives none of this exchange.
        request: signed.
        now: returns seconds of a clock that only goes forward.
    """

    __slots__ = ("_began", "_body_bytes", "_is_open", "_now", "_observer", "_request", "_status", "_url")

    def __init__(self, observer: Observer, request: Request, now: Callable[[], float]) -> None:
        self._observer = observer if observer.is_watching else None
        self._request = request
        self._url = ""
        self._now = now
        self._began = 0.0
        self._status: int | None = None
        self._body_bytes = 0
        self._is_open = False

    def begin(self) -> None:
        """Tell that the request is being written."""
        if self._observer is None:
            return
        request = self._request
        self._url = hide_secrets(request.base + request.path)
        self._began = self._now()
        self._is_open = True
        fields = hide_secret_fields(request.fields())
        self._observer.tell(RequestSent(request.method, self._url, fields, len(request.body)))

    def receive_head(self, head: Head) -> None:
        """Tell that the response begins."""
        if self._observer is None:
            return
        self._status = head.status
        fields = hide_secret_fields(head.headers)
        seconds = self._now() - self._began
        self._observer.tell(ResponseReceived(self._request.method, self._url, head.status, fields, seconds))

    def receive_data(self, data: bytes) -> None:
        """Count a piece of the body, or tell of its end, which is ``b""``."""
        self._body_bytes += len(data)
        if not data:
            self._end(is_complete=True)

    def give_up(self) -> None:
        """Tell that the exchange failed, or was given up, unless it has ended."""
        self._end(is_complete=False)

    def _end(self, *, is_complete: bool) -> None:
        if self._observer is None or not self._is_open:
            return
        self._is_open = False
        seconds = self._now() - self._began
        self._observer.tell(
            ExchangeEnded(self._request.method, self._url, self._status, self._body_bytes, seconds, is_complete)
        )
