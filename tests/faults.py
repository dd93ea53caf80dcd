"""Faults of single requests, and the interleaving of several clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from nai_proto.errors import NaiError
from nai_proto.exchange.actions import Action, Runnable, Send, Steps
from nai_proto.exchange.reply import App, Cut, Handler, Read, Start, Write
from nai_proto.http import Head, Headers, Request

Fault: TypeAlias = Callable[[App, Request], Handler]


def refuse_with(status: int) -> Fault:
    """Return a fault: the service responds with a status, and does nothing."""

    def fault(app: App, request: Request) -> Handler:
        while (yield Read()):
            pass
        yield Start(Head(status, Headers.of(content_type="text/plain")))
        yield Write(b"no")

    return fault


def lose_request(app: App, request: Request) -> Handler:
    """Lose the request: the service does nothing."""
    while (yield Read()):
        pass
    yield Cut()


def lose_response(app: App, request: Request) -> Handler:
    """Lose the response: the service has acted."""
    handler = app(request)
    incoming: bytes | None = None
    started = False
    while True:
        try:
            action = handler.send(incoming) if started else next(handler)
        except StopIteration:
            break
        started = True
        incoming = (yield action) if isinstance(action, Read) else None
    yield Cut()


def garble_response(app: App, request: Request) -> Handler:
    """Replace the response by one that cannot be read: the service has acted."""
    yield from drain(lose_response(app, request))
    yield Start(Head(200, Headers.of(content_type="application/json")))
    yield Write(b"{}")


def drain(handler: Handler) -> Handler:
    """Run a handler up to its cut."""
    incoming: bytes | None = None
    action = next(handler)
    while not isinstance(action, Cut):
        incoming = yield action
        action = handler.send(incoming)


FAULTS: dict[str, Fault] = {
    "401": refuse_with(401),
    "409": refuse_with(409),
    "429": refuse_with(429),
    "500": refuse_with(500),
    "503": refuse_with(503),
    "lost": lose_request,
    "unanswered": lose_response,
    "garbled": garble_response,
}


def inject_fault(app: App, fault: Fault, *numbers: int, method: str = "", path: str = "") -> App:
    """Return the app with a fault for the requests of these numbers, counted from 0 among those with method and path."""
    seen = 0

    def met(request: Request) -> Handler:
        nonlocal seen
        if method not in ("", request.method) or not request.path.startswith(path):
            return app(request)
        seen += 1
        return fault(app, request) if seen - 1 in numbers else app(request)

    return met


def interleave(flows: Sequence[Runnable[Any, Any]], choices: Iterator[int]) -> Steps[Any, list[Any]]:
    """Run flows, one exchange at a time in the order of ``choices``; return what each has returned or raised."""
    ends: list[Any] = [None] * len(flows)
    waiting: dict[int, tuple[Any, Action[Any]]] = {}

    def step(number: int, steps: Any, incoming: object) -> Steps[Any, None]:
        """Run a flow up to its next request."""
        try:
            while not isinstance(action := steps.send(incoming), Send):
                incoming = yield action
            waiting[number] = steps, action
        except StopIteration as stop:
            ends[number] = stop.value
        except NaiError as error:
            ends[number] = error

    for number, one in enumerate(flows):
        yield from step(number, iter(one), None)
    while waiting:
        number = sorted(waiting)[next(choices) % len(waiting)]
        steps, action = waiting.pop(number)
        incoming = yield action
        yield from step(number, steps, incoming)
    return ends
