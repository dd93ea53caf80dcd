"""Send requests with httpx's sync client."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from nai_proto.errors import ClosedError, Phase
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.driving import IoCall, IoSteps
from nai_proto.exchange.observation import ExchangeWatch
from nai_proto.http import Request

from .events import EventLog
from .httpx_messages import (
    ClientLike,
    ResponseLike,
    Timeout,
    make_head,
    make_request,
    make_timeout,
    translate,
)

if TYPE_CHECKING:
    import socket

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """Send requests through httpx.

    Args:
        http: the client of httpx.
        observer: receives events.
        owns: is ``http`` closed with this transport?
    """

    def __init__(self, http: ClientLike[Any], observer: EventLog, *, owns: bool) -> None:
        self._http = http
        self._owns = owns
        self._observer = observer

    def open_io(self) -> HttpxIO:
        return HttpxIO()

    def send(self, send: Send, budget: Budget, io: HttpxIO) -> IoSteps[HttpxExchange]:
        request = send.request
        timeout: Timeout = {**make_timeout(budget), "read": budget.limit("read")}
        watch = ExchangeWatch(self._observer, request, io.now)
        watch.begin()
        exchange: HttpxExchange | None = None
        try:
            sending = partial(io.call, partial(self._send, make_request(self._http, request, timeout)))
            response = yield from _call(sending, io, request, budget, "read")
            exchange = HttpxExchange(response, request, timeout, budget, io, watch)
            watch.receive_head(exchange.head)
        except BaseException:
            watch.give_up() if exchange is None else exchange.abort()
            raise
        return exchange

    def _send(self, request: Any) -> ResponseLike:
        return self._http.send(request, stream=True, follow_redirects=False)

    def close(self) -> None:
        if self._owns:
            self._http.close()


class HttpxIO:
    """The I/O of one run."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self._cancelled = False

    now = staticmethod(time.monotonic)
    draw = staticmethod(random.uniform)
    sleep = staticmethod(time.sleep)

    def compute(self, function: Callable[[], None], limit: float | None) -> None:  # noqa: ARG002 -- it cannot be stopped
        function()

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function of httpx, unless the run was cancelled."""
        try:
            if not self._cancelled:
                return function()
        finally:
            if self._cancelled:
                raise ClosedError("the stream was cancelled")

    def cancel(self) -> None:
        self._cancelled = True
        self.shut_down()

    def shut_down(self) -> None:
        """End the current read."""
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(2)

    def close(self) -> None:
        self.socket = None


class HttpxExchange:
    """One response. Its body is read raw, since the request asks for no content coding."""

    def __init__(
        self,
        response: ResponseLike,
        request: Request,
        timeout: Timeout,
        budget: Budget,
        io: HttpxIO,
        watch: ExchangeWatch,
    ) -> None:
        self.head = make_head(response)
        self._response = response
        self._request = request
        self._timeout = timeout
        self._budget = budget
        self._io = io
        self._watch = watch
        self._read: Callable[[], bytes] | None = None
        stream = response.extensions.get("network_stream")
        io.socket = None if stream is None else stream.get_extra_info("socket")

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        if self._read is None:
            self._timeout["read"] = self._budget.limit("idle")  # httpx reads this once, when reading begins
            self._read = partial(self._io.call, partial(next, self._response.iter_raw(), b""))
        if self._budget.remaining == 0:
            raise self._budget.timed_out("total", sent=True)
        steps = _call(self._read, self._io, self._request, self._budget, "idle")
        data: bytes = yield from (steps if at_most is None else self._receive_soon(steps, at_most))
        self._watch.receive_data(data)
        return data

    def _receive_soon(self, steps: IoSteps[bytes], at_most: float) -> IoSteps[bytes]:
        timer = threading.Timer(at_most, self._io.shut_down)
        timer.start()
        try:
            return (yield from steps)
        finally:
            timer.cancel()

    def abort(self) -> None:
        try:
            self._watch.give_up()
        finally:
            self._response.close()


def _call(call: IoCall, io: HttpxIO, request: Request, budget: Budget, phase: Phase) -> IoSteps[Any]:
    """Call httpx: charge the time to the budget, and convert errors."""
    began = io.now() if budget.is_bounded else 0.0
    try:
        return (yield call)
    except Exception as error:
        failure = error
    finally:
        if budget.is_bounded:
            budget.spend(io.now() - began)
    raise translate(failure, request, budget, phase) or failure
