"""What a client does, as values, for whoever watches. None holds a token, a header field, a query or a body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

__all__ = [
    "ConnectionDiscarded",
    "ConnectionOpened",
    "ConnectionReused",
    "Event",
    "Observer",
    "ObserverFailed",
    "RequestSent",
    "ResponseReceived",
    "Waiting",
]


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """A connection stands, TLS included."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ConnectionReused:
    """An idle connection carries the next request."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ConnectionDiscarded:
    """A connection is closed."""

    host: str
    port: int
    reason: str
    "Such as ``idle for too long``, ``not reusable`` or ``the exchange was given up``."


@dataclass(frozen=True, slots=True)
class RequestSent:
    """A request begins to be written."""

    method: str
    url: str
    "Without its query."


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """The head of a response is here."""

    method: str
    url: str
    "Without its query."
    status: int
    seconds: float
    "Since the request began to be written."


@dataclass(frozen=True, slots=True)
class Waiting:
    """The flow pauses, usually before it sends a request again."""

    seconds: float
    reason: str | None
    "Why the request is repeated, such as ``RateLimitError 429``; None if the flow only pauses."


Event: TypeAlias = ConnectionOpened | ConnectionReused | ConnectionDiscarded | RequestSent | ResponseReceived | Waiting


class ObserverFailed(BaseException):
    """Carries what an observer raised past the flow, which would take it for an error of the transport."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Observer(Protocol):
    """Who is told. It raises `ObserverFailed` to end the run."""

    @property
    def is_watching(self) -> bool:
        """Does anybody look? If not, no event need be made."""
        ...

    def tell(self, event: Event) -> None:
        """Take one event."""
        ...
