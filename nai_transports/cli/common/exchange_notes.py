"""What is told on stderr of the exchanges with the service, as it happens: why a command waits, and what it does next."""

from __future__ import annotations

from typing import Final

from nai_proto.errors import (
    ConcurrentGenerationError,
    NaiError,
    RateLimitError,
    StatusError,
    TimedOut,
    TransportError,
    Truncated,
)

from ...events import Event, Waiting
from .error_messages import is_gateway_page
from .output import escape_line
from .progress import print_note

__all__ = ["note_wait"]

_SHORT_S: Final = 0.05
"A wait that is not worth a word."


def note_wait(event: Event) -> None:
    """Tell that a request will be sent again, and why. Other pauses are not told: they are part of the work."""
    if isinstance(event, Waiting) and event.error is not None and not _is_trifle(event.seconds, event.error):
        print_note(_describe_retry(event, event.error))


def _is_trifle(seconds: float, error: NaiError) -> bool:
    """Return whether a connection is refused at once and tried again at once: all is over before the note is read."""
    is_refused = isinstance(error, TransportError) and error.phase == "connect" and not isinstance(error, TimedOut)
    return is_refused and seconds < 1


def _describe_retry(event: Waiting, error: NaiError) -> str:
    if event.seconds < _SHORT_S:
        step = "Trying again"
    else:
        seconds = f"{event.seconds:.0f}" if event.seconds >= 1 else f"{event.seconds:.1f}"
        step = f"Waiting {seconds} s, then trying again"
    count = "" if event.attempt is None else f" (attempt {event.attempt} of {event.attempts})"
    return f"{_explain(error)}. {step}{count}."


def _explain(error: NaiError) -> str:
    """Return why a request is repeated, as the beginning of a sentence."""
    match error:
        case ConcurrentGenerationError():
            return "Another generation is running on this account"
        case StatusError() if is_gateway_page(error):
            return f"The gateway in front of the service cannot reach it ({error.status})"
        case RateLimitError():
            return f"The service is busy ({error.status})"
        case StatusError(status=503):
            return f"The service is overloaded ({error.status})"
        case StatusError():
            return f"The service failed ({error.status})"
        case Truncated():
            return "The response broke off"
        case _:
            message = escape_line(str(error))
            return message[:1].upper() + message[1:]
