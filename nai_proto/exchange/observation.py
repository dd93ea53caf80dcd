"""What a client does, as values for observers. They have no tokens, header fields, queries or bodies."""

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
    """A connection was opened, including TLS."""

    host: str
    port: int


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


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """The head of a response was received."""

    method: str
    url: str
    "Without its query."
    status: int
    seconds: float
    "Since the client began to write the request."


@dataclass(frozen=True, slots=True)
class Waiting:
    """The flow pauses, usually before it sends a request again."""

    seconds: float
    reason: str | None
    "Why the request is repeated, such as ``RateLimitError 429``; None if the flow only pauses."


Event: TypeAlias = ConnectionOpened | ConnectionReused | ConnectionDiscarded | RequestSent | ResponseReceived | Waiting


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
