"""One connection of a server, without I/O: an `App` over a `Wire`.

A driver performs five steps: `NeedData` (read from the client, at most for some seconds), `Write`, `Compute`, `StoreState`
and `Cut`. A wait is a read with a limit, so that a client that disconnects is noticed, and its handler is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ..errors import LimitExceeded, RemoteProtocolError
from ..http import Head, Headers, Request
from ..http.wire import ConnectionClosed, Data, EndOfMessage, Event, Signal, Wire
from ..limits import Limits, ServerTimeouts
from .actions import Compute
from .reply import App, Cut, Finish, RawWrite, Read, Reply, ReplyState, Start, StoreState, Wait, Write

__all__ = ["NeedData", "ServerStep", "in_origin_form", "server_connection"]


@dataclass(frozen=True, slots=True)
class NeedData:
    """Read from the client; send in the bytes, ``b""`` if it has closed, or None after ``seconds``."""

    seconds: float | None = None


ServerStep: TypeAlias = NeedData | Write | Compute[Any] | StoreState | Cut
_Steps: TypeAlias = Generator[ServerStep, bytes | None, None]
_CUT: Final = Cut()
_AHEAD: Final = 1_048_576
"Bytes that a client may pipeline after a request without a response."
_LEAST_BYTES_PER_SECOND: Final = 1024
"A body that comes at this rate is never too slow."
_NO_BODY: Final = Headers.of(content_length="0")
_LAST: Final = Headers.of(content_length="0", connection="close")


def server_connection(
    app: App, now: Callable[[], float], limits: Limits = Limits(), timeouts: ServerTimeouts = ServerTimeouts()
) -> _Steps:
    """Serve requests on one connection until either side closes it, or the client is too slow.

    A head or a body that is not complete in time gets 408, and the connection is cut; one that is idle for too long is cut.

    Args:
        app: returns the handler for a request.
        now: returns the seconds of a clock that only goes forward.
        limits: bounds for what the client sends.
        timeouts: how long it may take to send it.
    """
    wire = Wire("server", limits)
    while True:
        try:
            request = yield from _receive_request(wire, now, timeouts)
        except RemoteProtocolError as error:
            status = 431 if isinstance(error, LimitExceeded) else 400
            yield Write(wire.send_response(Head(status, _NO_BODY)))
            break
        except _TooSlowError:
            yield Write(wire.send_response(Head(408, _NO_BODY)))
            break
        if not isinstance(request, Request):
            break
        reply = Reply(app(in_origin_form(request)))
        try:
            yield from _answer(wire, reply, now, timeouts)
        except _TooSlowError:
            if reply.state is ReplyState.OPEN:
                yield Write(wire.send_response(Head(408, _LAST)))
            break
        except _GoneError:
            break
        finally:
            reply.close()
        if not wire.can_start_next_cycle:
            break
        wire.start_next_cycle()
    yield _CUT


def in_origin_form(request: Request) -> Request:
    """Return the request with path and query as its target: a server accepts absolute URLs too (RFC 9112 §3.2.2)."""
    origin = _ABSOLUTE.match(request.target)
    if origin is None:
        return request
    target = request.target[origin.end() :]
    return replace(request, target=target if target.startswith("/") else "/" + target)


_ABSOLUTE: Final = re.compile(r"https?://[^/?]*", re.IGNORECASE)


class _GoneError(Exception):
    """The connection must be closed: the client closed it or violated HTTP, or the handler cut it."""


class _TooSlowError(Exception):
    """The client has not sent in time what it has to send."""


def _answer(wire: Wire, reply: Reply, now: Callable[[], float], timeouts: ServerTimeouts) -> _Steps:
    ended = unasked = False
    patience = _Patience(timeouts.body)

    def read() -> Generator[ServerStep, bytes | None, bool]:
        """Pass the next piece of the body to the reply; return True at its end."""
        try:
            event = yield from _receive_event(wire, now, patience)
        except RemoteProtocolError:
            raise _GoneError from None
        if isinstance(event, Data):
            patience.extend(len(event.data) / _LEAST_BYTES_PER_SECOND)
            reply.receive_data(event.data)
            return False
        if not isinstance(event, EndOfMessage):
            raise _GoneError
        reply.receive_eof()
        return True

    while reply.state is not ReplyState.DONE:
        match reply.next_action():
            case Read():
                if wire.expects_continue and reply.state is ReplyState.OPEN:
                    yield Write(wire.send_informational(100))
                ended = yield from read()
            case Start(head):
                unasked = wire.expects_continue
                yield Write(wire.send_response(head))
            case Write(data):
                if out := wire.send_data(data):
                    yield Write(out)
            case RawWrite(data):
                yield Write(data)
            case Wait(seconds):
                yield from _wait(wire, seconds, now)
            case Compute() | StoreState() as step:
                yield step
            case Cut():
                raise _GoneError
            case Finish():
                if out := wire.send_end():
                    yield Write(out)
    if unasked:  # the response was sent without 100: the body may never come
        raise _GoneError
    while not ended:  # drop the rest of the body
        ended = yield from read()


class _Patience:
    """The seconds that are left for a client to send something. Only waits for the client use them up."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        "None for no limit."

    def extend(self, seconds: float) -> None:
        """Allow some more seconds."""
        if self.seconds is not None:
            self.seconds += seconds


def _receive_request(
    wire: Wire, now: Callable[[], float], timeouts: ServerTimeouts
) -> Generator[ServerStep, bytes | None, Event | ConnectionClosed]:
    """Return the next request, or `ConnectionClosed` if none begins; raise _TooSlowError if it does not end in time."""
    idle = _Patience(timeouts.idle)
    while isinstance(event := wire.next_event(), Signal):
        if (data := (yield from _read(now, idle))) is None:
            return ConnectionClosed()
        wire.receive_data(data)
        if data:
            return (yield from _receive_event(wire, now, _Patience(timeouts.head)))
    return event


def _receive_event(
    wire: Wire, now: Callable[[], float], patience: _Patience
) -> Generator[ServerStep, bytes | None, Event | ConnectionClosed]:
    """Return the next event; raise _TooSlowError if it does not come in time."""
    while isinstance(event := wire.next_event(), Signal):
        if (data := (yield from _read(now, patience))) is None:
            raise _TooSlowError
        wire.receive_data(data)
    return event


def _read(now: Callable[[], float], patience: _Patience) -> Generator[ServerStep, bytes | None, bytes | None]:
    """Return what the client sends, ``b""`` if it has closed; None if the patience has come to its end."""
    while patience.seconds is None or patience.seconds > 0:
        began = now()
        data = yield NeedData(patience.seconds)
        patience.extend(began - now())
        if data is not None:
            return data
    return None


def _wait(wire: Wire, seconds: float | None, now: Callable[[], float]) -> _Steps:
    """Wait; the client may pipeline meanwhile, or close the connection."""
    until = None if seconds is None else now() + seconds
    ahead = 0
    while (left := None if until is None else until - now()) is None or left > 0:
        data = yield NeedData(left)
        if data is None:
            continue
        ahead += len(data)
        if not data or ahead > _AHEAD:
            raise _GoneError
        try:
            wire.receive_data(data)
        except RemoteProtocolError:
            raise _GoneError from None
