"""Events of a client, for ``Client(on_event=…)`` and for the log.

Every event is logged at DEBUG on the logger ``nai_transports``. Events have no secrets, queries or bodies; what is logged
has no values of header fields either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from nai_proto.arguments import type_error
from nai_proto.exchange.observation import (
    ConnectionDiscarded,
    ConnectionOpened,
    ConnectionReused,
    Event,
    ExchangeEnded,
    ObserverFailed,
    RequestSent,
    ResponseReceived,
    Waiting,
)

__all__ = [
    "ConnectionDiscarded",
    "ConnectionOpened",
    "ConnectionReused",
    "Event",
    "EventLog",
    "ExchangeEnded",
    "RequestSent",
    "ResponseReceived",
    "Waiting",
]

_LOGGER: Final = logging.getLogger("nai_transports")


class EventLog:
    """Logs events, and passes them to ``on_event``.

    Args:
        on_event: called with each event; its errors end the run, and reach the caller unchanged.

    Raises:
        InvalidTypeError: ``on_event`` is not callable.
    """

    __slots__ = ("_on_event",)

    def __init__(self, on_event: Callable[[Event], object] | None) -> None:
        if on_event is not None and not callable(on_event):
            raise type_error(on_event, "on_event", "a callable")
        self._on_event = on_event

    @property
    def is_watching(self) -> bool:
        return self._on_event is not None or _LOGGER.isEnabledFor(logging.DEBUG)

    def tell(self, event: Event) -> None:
        _LOGGER.debug("%s", event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except BaseException as error:
                raise ObserverFailed(error) from None
