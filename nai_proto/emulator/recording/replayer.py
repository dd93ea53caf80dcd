"""An app that answers from a recording."""

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
from .request_comparison import RequestShape, find_difference, request_shape

__all__ = ["Replayer"]


class Replayer:
    """An `App` that answers with the responses of a recording.

    A request is answered by the first unused exchange with an equal request. Method, path, query and body are compared,
    and no header field. In them are not compared: secrets; what a client draws at random or reads from its clock (seeds,
    the ``meta`` and the sealed data of objects); and contents, such as a prompt, if the recording was made without them.
    Of several equal ones, the first with the same drawn values answers, if there is one. A request that is not in the
    recording is answered with 404, and a message that says what differs, and names the next recorded request.

    A body is sent in the pieces in which it was recorded. A cut is repeated. Where the client had left, the response
    stops, and waits for the client to leave.

    Args:
        recording: with the exchanges.
        as_recorded: wait between the actions as long as the server did then?
    """

    def __init__(self, recording: Recording, *, as_recorded: bool = False) -> None:
        self._unused: dict[int, RecordedExchange] = dict(enumerate(recording.exchanges))
        self._as_recorded = as_recorded
        self._shapes: dict[RequestShape, deque[int]] = {}
        self._contents = recording.contents
        for number, exchange in self._unused.items():
            self._shapes.setdefault(self._shape(exchange), deque()).append(number)

    @property
    def unused(self) -> Sequence[RecordedExchange]:
        """The exchanges that have not been used yet, in order."""
        return tuple(self._unused.values())

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request."""
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > _MAX_BODY_BYTES:
                break
        wanted = RecordedExchange(request.method, request.target, request.headers, bytes(body))
        exchange = self._take(wanted)
        if exchange is None:
            yield from send_error(Refused(404, self._explain_missing(wanted)))
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

    def _shape(self, exchange: RecordedExchange, *, drawn: bool = False) -> RequestShape:
        return request_shape(exchange, contents=self._contents, drawn=drawn)

    def _take(self, wanted: RecordedExchange) -> RecordedExchange | None:
        # The server may not have read the whole body.
        for candidate in (wanted, replace(wanted, body=b"", whole=False)):
            numbers = self._shapes.get(self._shape(candidate))
            if numbers:
                exact = self._shape(candidate, drawn=True)
                equal = (one for one in numbers if self._shape(self._unused[one], drawn=True) == exact)
                number = next(equal, numbers[0])
                numbers.remove(number)
                return self._unused.pop(number)
        return None

    def _explain_missing(self, wanted: RecordedExchange) -> str:
        shape, name, why = self._shape(wanted), _describe(wanted), ""
        alike = next((one for one in self._unused.values() if _describe(one) == name), None)
        if shape in self._shapes:
            why = " (it has been used)"
        elif alike is not None:
            why = f" (the one in it has another {find_difference(shape, self._shape(alike))})"
        following = next(iter(self._unused.values()), None)
        ahead = "nothing in it is unused" if following is None else f"the next one in it is {_describe(following)}"
        return f"the recording has no such request: {name}{why}; {ahead}"


_MAX_BODY_BYTES: Final = 268_435_456
"The largest body of a request; no recording has a larger one."


def _describe(exchange: RecordedExchange) -> str:
    return f"{exchange.method} {exchange.target.partition('?')[0][:100]}"
