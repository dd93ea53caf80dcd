"""Send requests with httpx's sync client."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from nai_proto.errors import ClosedError
from nai_proto.exchange.actions import Send
from nai_proto.exchange.budget import Budget
from nai_proto.exchange.driving import IoStep, IoSteps
from nai_proto.exchange.observation import ExchangeWatch
from nai_proto.http import Request

from .events import EventLog
from .httpx_first_bytes import FirstBytes
from .httpx_messages import (
    ClientLike,
    ResponseLike,
    Timeout,
    check_proxied,
    make_head,
    make_request,
    make_timeout,
    translate,
)
from .httpx_phases import CURRENT, Phases, limit_stream

if TYPE_CHECKING:
    import socket

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """Send requests through httpx.

    Args:
        http: the client of httpx.
        observer: receives events.
        owns: is ``http`` closed with this transport?
        has_proxy: does ``http`` use an HTTP proxy for all requests?
    """

    def __init__(self, http: ClientLike[Any], observer: EventLog, *, owns: bool, has_proxy: bool = False) -> None:
        self._http = http
        self._has_proxy = has_proxy
        self._owns = owns
        self._observer = observer

    def open_io(self) -> HttpxIO:
        return HttpxIO()

    def send(self, send: Send, budget: Budget, io: HttpxIO) -> IoSteps[HttpxExchange]:
        request = send.request
        if self._has_proxy:
            check_proxied(request)
        timeout: Timeout = {**make_timeout(budget), "read": budget.limit("read")}
        watch = ExchangeWatch(self._observer, request, io.now)
        watch.begin()
        exchange: HttpxExchange | None = None
        try:
            phases = Phases(budget, io.now)
            follow = partial(_follow, phases, FirstBytes(request))
            sending = partial(self._send, make_request(self._http, request, timeout, follow))
            response = yield from _call(partial(io.call, sending, phases), request, budget, phases)
            exchange = HttpxExchange(response, request, timeout, budget, phases, io, watch)
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

    def call(self, function: Callable[[], Any], phases: Phases) -> Any:
        """Call a function of httpx within the deadline of a phase, unless the run was cancelled."""
        CURRENT.phases = phases
        try:
            if not self._cancelled:
                return function()
        finally:
            CURRENT.phases = None
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
        phases: Phases,
        io: HttpxIO,
        watch: ExchangeWatch,
    ) -> None:
        self.head = make_head(response)
        self._response = response
        self._request = request
        self._timeout = timeout
        self._budget = budget
        self._phases = phases
        self._io = io
        self._watch = watch
        self._read: Callable[[], bytes] | None = None
        stream = response.extensions.get("network_stream")
        limit_stream(stream)
        io.socket = None if stream is None else stream.get_extra_info("socket")

    def receive(self, at_most: float | None) -> IoSteps[bytes]:
        if self._read is None:
            self._timeout["read"] = self._budget.limit("idle")  # httpx reads this once, when reading begins
            self._read = partial(self._io.call, partial(next, self._response.iter_raw(), b""), self._phases)
        self._phases.enter("idle", at_most)
        data: bytes = yield from _call(self._read, self._request, self._budget, self._phases)
        self._watch.receive_data(data)
        return data

    def abort(self) -> None:
        try:
            self._watch.give_up()
        finally:
            self._response.close()


def _call(step: IoStep, request: Request, budget: Budget, phases: Phases) -> IoSteps[Any]:
    """Call httpx: charge the time to the budget, and convert errors."""
    try:
        phases.check()
        return (yield step)
    except Exception as error:
        failure = error
        if (stream := phases.unfinished) is not None:
            stream.close()
    finally:
        phases.pause()
    raise translate(failure, request, budget, phases) or failure


def _follow(phases: Phases, first_bytes: FirstBytes, event: str, info: Mapping[str, Any]) -> None:
    """Follow an exchange by an event of ``trace``."""
    phases.follow(event, info)
    limit_stream(phases.unfinished)
    first_bytes.follow(event, info)
