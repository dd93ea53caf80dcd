"""An app that answers as a recording has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ...exchange.reply import Cut, Handler, Read, Wait
from ...http import Request
from ..errors import Refused
from ..http.responses import send_error
from .recording_file import Ending, RecordedExchange, Recording
from .redaction import RequestShape, is_same_request, request_shape

__all__ = ["Replayer"]


class Replayer:
    """An `App` that knows nothing but what was recorded.

    A request is answered by the first exchange that asked the same and has not been used: method, path, query and body
    are equal but for what redaction hides, so whatever password, token or prompt there is now stands for the one there
    was. Of several that are equal so far, one that is equal beyond that comes first. What the recording does not have is
    answered with 404 and a message that says what would have come next.

    Each piece of a body is written by itself, as it was. A cut is a cut; where the client left, the answer goes no
    further, and waits for it to leave again.

    Args:
        recorded: what there is to say.
        as_recorded: takes the time that it took then; without, no time at all.
    """

    def __init__(self, recorded: Recording, *, as_recorded: bool = False) -> None:
        self._left: dict[int, RecordedExchange] = dict(enumerate(recorded.exchanges))
        self._as_recorded = as_recorded
        self._shapes: dict[RequestShape, deque[int]] = {}
        for number, exchange in self._left.items():
            self._shapes.setdefault(request_shape(exchange), deque()).append(number)

    @property
    def left(self) -> Sequence[RecordedExchange]:
        """What has not been asked for yet, in order."""
        return tuple(self._left.values())

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MOST:
                break
        asked = RecordedExchange(request.method, request.target, request.headers, bytes(body))
        exchange = self._take(asked)
        if exchange is None:
            yield from send_error(Refused(404, self._missing(asked)))
            return
        for sent in exchange.answer:
            if self._as_recorded and sent.after:
                yield Wait(sent.after)
            yield sent.action
        match exchange.ending:
            case Ending.COMPLETE:
                pass
            case Ending.CUT:
                yield Cut()
            case Ending.LEFT:
                yield Wait(None)

    def _take(self, asked: RecordedExchange) -> RecordedExchange | None:
        for candidate in (asked, replace(asked, body=b"", whole=False)):  # the server may not have read all of it
            numbers = self._shapes.get(request_shape(candidate))
            if numbers:
                number = next((one for one in numbers if is_same_request(self._left[one], candidate)), numbers[0])
                numbers.remove(number)
                return self._left.pop(number)
        return None

    def _missing(self, asked: RecordedExchange) -> str:
        known = any(one[:2] == request_shape(asked)[:2] for one in self._shapes)
        why = "no more of it, or only with another body" if known else "no such request"
        following = next(iter(self._left.values()), None)
        ahead = "nothing is left of it" if following is None else f"next in it is {_told(following)}"
        return f"{_told(asked)} is not in the recording ({why}); {ahead}"


_MOST: Final = 268_435_456
"Bytes of a request's body; more is of no recording."


def _told(exchange: RecordedExchange) -> str:
    return f"{exchange.method} {exchange.target.partition('?')[0][:100]}"
