"""What is told on stderr of the exchanges with the service, as it happens: why a command waits, and what it does next.

With ``--verbose`` every request and response is told too. The events of a client have no secrets and no bodies, so that what
is written here cannot have any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Final

from nai_proto.errors import (
    ConcurrentGenerationError,
    NaiError,
    StatusError,
    TimedOut,
    TransportError,
    Truncated,
)

from ...events import (
    ConnectionDiscarded,
    ConnectionOpened,
    ConnectionReused,
    Event,
    ExchangeEnded,
    RequestSent,
    ResponseReceived,
    Waiting,
)
from .error_messages import is_gateway_page
from .notes import print_note
from .output import escape_line, format_duration

__all__ = ["note_exchange", "note_wait"]

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
        step = f"Waiting {format_duration(event.seconds)}, then trying again"
    count = "" if event.attempt is None else f" (attempt {event.attempt} of {event.attempts})"
    return f"{_explain(error)}. {step}{count}."


def _explain(error: NaiError) -> str:
    """Return why a request is repeated, as the beginning of a sentence: short, so that the note fits into 80 columns."""
    match error:
        case ConcurrentGenerationError():
            return "Another generation is running on this account"
        case StatusError() if is_gateway_page(error):
            return f"The gateway failed ({error.status})"
        case StatusError(status=429 | 503):
            return f"The service is busy ({error.status})"
        case StatusError():
            return f"The service failed ({error.status})"
        case Truncated():
            return "The response broke off"
        case _:
            message = escape_line(str(error))
            return message[:1].upper() + message[1:]


# ---- with --verbose


def note_exchange(event: Event) -> None:
    """Tell what happens. The first character of each line says whose it is.

    ``>`` is what is sent, ``<`` what is received, and ``*`` what the command does itself.
    """
    for line in _list_lines(event):
        print_note(escape_line(line))


def _list_lines(event: Event) -> Iterator[str]:
    match event:
        case ConnectionOpened(host, port, seconds, tls, proxy):
            way = "" if proxy is None else f", through the proxy {proxy}"
            yield f"* Connected to {host}:{port} in {seconds:.2f} s ({tls or 'without TLS'}{way})"
        case ConnectionReused(host, port):
            yield f"* Using the open connection to {host}:{port}"
        case ConnectionDiscarded(host, port, reason):
            yield f"* Closed the connection to {host}:{port}: {reason}"
        case RequestSent(method, url, headers, size):
            yield f"> {method} {url}"
            yield from _list_fields(">", headers)
            yield f"> ({_format_size(size)})"
        case ResponseReceived(_, _, status, headers):
            yield f"< {status} {_PHRASES.get(status, '')}".rstrip()
            yield from _list_fields("<", headers)
        case ExchangeEnded(_, _, None, _, seconds):
            yield f"* No response after {seconds:.2f} s"
        case ExchangeEnded(_, _, _, size, seconds, is_complete):
            end = "" if is_complete else ", not to its end"
            yield f"< ({_format_size(size)}{end}; {seconds:.2f} s in all)"
        case Waiting(error=NaiError() as error):
            yield f"* {_describe_retry(event, error)}"
        case Waiting(seconds):
            yield f"* Waiting {seconds:.1f} s"


def _list_fields(marker: str, headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{marker} {name}: {value}" for name, value in headers)


def _format_size(size: int) -> str:
    return f"{size:,} byte{'' if size == 1 else 's'} of body" if size else "no body"


_PHRASES: Final = {each.value: each.phrase for each in HTTPStatus}
