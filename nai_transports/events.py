"""What a client does, as values: for a callable of yours (``Client(on_event=…)``), and for the log.

Every event is logged at DEBUG on the logger ``nai_transports``. None holds a token, a header field, a query or a body.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "ConnectionClosed",
    "ConnectionOpened",
    "ConnectionReused",
    "Event",
    "Observer",
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
class ConnectionClosed:
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


Event: TypeAlias = ConnectionOpened | ConnectionReused | ConnectionClosed | RequestSent | ResponseReceived | Waiting

_LOGGER: Final = logging.getLogger("nai_transports")


class ObserverFailed(BaseException):
    """Carries what ``on_event`` raised past the flow, which would take it for an error of the transport."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Observer:
    """Tells events to the callable and to the log.

    Args:
        on_event: gets each event; what it raises ends the run, and reaches the caller unchanged.
    """

    __slots__ = ("_on_event",)

    def __init__(self, on_event: Callable[[Event], object] | None) -> None:
        self._on_event = on_event

    @property
    def is_watching(self) -> bool:
        """Does anybody look? If not, no event need be made."""
        return self._on_event is not None or _LOGGER.isEnabledFor(logging.DEBUG)

    def tell(self, event: Event) -> None:
        """Tell one event."""
        _LOGGER.debug("%s", event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except BaseException as error:
                raise ObserverFailed(error) from None
