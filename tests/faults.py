"""What may become of one request, and of several clients that ask at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from nai_proto.errors import NaiError
from nai_proto.exchange.actions import Action, Runnable, Send, Steps
from nai_proto.exchange.reply import App, Cut, Handler, Read, Start, Write
from nai_proto.http import Head, Headers, Request

Fault: TypeAlias = Callable[[App, Request], Handler]


def refused(status: int) -> Fault:
    """The service refuses and does nothing."""

    def fault(app: App, request: Request) -> Handler:
        while (yield Read()):
            pass
        yield Start(Head(status, Headers.of(content_type="text/plain")))
        yield Write(b"no")

    return fault


def lost(app: App, request: Request) -> Handler:
    """The request gets lost: the service does nothing."""
    while (yield Read()):
        pass
    yield Cut()


def unanswered(app: App, request: Request) -> Handler:
    """The service acts, and its answer gets lost."""
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


def garbled(app: App, request: Request) -> Handler:
    """The service acts, and answers with what nobody understands."""
    yield from drained(unanswered(app, request))
    yield Start(Head(200, Headers.of(content_type="application/json")))
    yield Write(b"{}")


def drained(handler: Handler) -> Handler:
    """All but the cut."""
    incoming: bytes | None = None
    action = next(handler)
    while not isinstance(action, Cut):
        incoming = yield action
        action = handler.send(incoming)


FAULTS: dict[str, Fault] = {
    "401": refused(401),
    "409": refused(409),
    "429": refused(429),
    "500": refused(500),
    "503": refused(503),
    "lost": lost,
    "unanswered": unanswered,
    "garbled": garbled,
}


def meeting(app: App, fault: Fault, *numbers: int, method: str = "", path: str = "") -> App:
    """The app, whose requests of these numbers (from 0; of all with this method and path beginning) meet a fault."""
    seen = 0

    def met(request: Request) -> Handler:
        nonlocal seen
        if method not in ("", request.method) or not request.path.startswith(path):
            return app(request)
        seen += 1
        return fault(app, request) if seen - 1 in numbers else app(request)

    return met


def interleaved(flows: Sequence[Runnable[Any, Any]], choices: Iterator[int]) -> Steps[Any, list[Any]]:
    """The flows, an exchange of one after an exchange of another as ``choices`` say; what each returned or raised."""
    ends: list[Any] = [None] * len(flows)
    waiting: dict[int, tuple[Any, Action[Any]]] = {}

    def step(number: int, steps: Any, incoming: object) -> Steps[Any, None]:
        """On to the flow's next request."""
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
