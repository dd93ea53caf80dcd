"""Faults of delivery: a response is late, slow, in small pieces, incomplete, or has a wrong length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final

from msgspec import Meta

from ...exchange.reply import Cut, Finish, Output, RawWrite, Start, Wait, Write
from ...http import Head
from ...http.body_framing import has_no_body
from ...http.wire import Wire
from .fault import ActionFilter, Count, FaultContext, Seconds, SpoilingFault

__all__ = ["CutOff", "Delay", "Jitter", "SlowHead", "Split", "Stall", "Throughput", "WrongLength"]

_PIECE_SECONDS: Final = 0.02
"Seconds that each piece of a throttled body takes, if it has more than one byte."


class Delay(SpoilingFault, frozen=True, tag="delay"):
    """The response begins late."""

    seconds: Annotated[Seconds, Meta(description="how late, at least")] = 1.0
    jitter: Annotated[Seconds, Meta(description="random seconds in addition, at most")] = 0.0

    def create_filter(self, context: FaultContext, /) -> ActionFilter:
        def filter_action(action: Output) -> Iterator[Output]:
            if isinstance(action, Start):
                yield Wait(self.seconds + self.jitter * context.rng.uniform())
            yield action

        return filter_action


class WrongLength(SpoilingFault, frozen=True, tag="length"):
    """The response comes in one piece with a wrong Content-Length, and the connection is closed."""

    by: Annotated[
        Annotated[int, Meta(ge=-(1 << 40), le=1 << 40)],
        Meta(description="bytes by which the Content-Length is too large; too small if negative"),
    ] = -1

    def create_filter(self, context: FaultContext, /) -> ActionFilter:
        head = Head(0)
        body = bytearray()

        def filter_action(action: Output) -> Iterator[Output]:
            nonlocal head
            match action:
                case Start():
                    head = action.head
                case Write(data) | RawWrite(data):
                    body.extend(data)
                case Finish() | Cut():
                    length = ("Content-Length", str(max(0, len(body) + self.by)))
                    fields = head.headers.without("content-length", "transfer-encoding").adding([length])
                    yield Start(Head(head.status, fields))
                    if not has_no_body(context.request.method, head.status):
                        yield RawWrite(bytes(body))
                    yield Cut()
                case _:
                    yield action

        return filter_action


class CutOff(SpoilingFault, frozen=True, tag="cut"):
    """The connection is closed before the response is complete."""

    at: Annotated[Count | None, Meta(description="bytes of the body that come before; without it, not even a head")] = (
        None
    )

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        return _stop_after(self.at, Cut())


class Stall(SpoilingFault, frozen=True, tag="stall"):
    """The response stops, and the connection stays open until the client closes it."""

    at: Annotated[Count | None, Meta(description="bytes of the body that come before; without it, not even a head")] = (
        None
    )

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        return _stop_after(self.at, Wait(None))


def _stop_after(at: int | None, end: Cut | Wait) -> ActionFilter:
    """Return a filter that ends the response after this many bytes of the body; instead of the head if None."""
    left = at or 0

    def filter_action(action: Output) -> Iterator[Output]:
        nonlocal left
        match action:
            case Start() if at is None:
                pass
            case Write(data) | RawWrite(data):
                part = data[:left]
                left -= len(part)
                if part:
                    yield replace(action, data=part)
            case _:
                yield action
        if not left and isinstance(action, Start | Write | RawWrite):
            yield end

    return filter_action


class Split(SpoilingFault, frozen=True, tag="split"):
    """The body is sent in small pieces."""

    size: Annotated[Annotated[int, Meta(ge=1)], Meta(description="bytes in each piece")] = 1

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        def filter_action(action: Output) -> Iterator[Output]:
            match action:
                case Write(data) | RawWrite(data):
                    for start in range(0, len(data), self.size):
                        yield replace(action, data=data[start : start + self.size])
                case _:
                    yield action

        return filter_action


class Jitter(SpoilingFault, frozen=True, tag="jitter"):
    """Each piece of the body is delayed by a random time."""

    seconds: Annotated[Seconds, Meta(description="of each delay, at most")] = 0.1

    def create_filter(self, context: FaultContext, /) -> ActionFilter:
        def filter_action(action: Output) -> Iterator[Output]:
            if isinstance(action, Write | RawWrite):
                yield Wait(self.seconds * context.rng.uniform())
            yield action

        return filter_action


class Throughput(SpoilingFault, frozen=True, tag="throughput"):
    """The body is sent at a limited speed."""

    rate: Annotated[Annotated[int, Meta(ge=1)], Meta(description="bytes per second")] = 1000

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        size = max(1, int(self.rate * _PIECE_SECONDS))

        def filter_action(action: Output) -> Iterator[Output]:
            match action:
                case Write(data) | RawWrite(data):
                    for start in range(0, len(data), size):
                        piece = data[start : start + size]
                        yield Wait(len(piece) / self.rate)
                        yield replace(action, data=piece)
                case _:
                    yield action

        return filter_action


class SlowHead(SpoilingFault, frozen=True, tag="slow_head"):
    """The head is sent byte by byte; the body follows, and the connection is closed."""

    seconds: Annotated[Seconds, Meta(description="before each byte")] = 0.01

    def create_filter(self, context: FaultContext, /) -> ActionFilter:
        wire = Wire("server")  # serialises the response as a server does, so that its bytes can be delayed
        wire.receive_data(f"{context.request.method} / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        wire.next_event()

        def filter_action(action: Output) -> Iterator[Output]:
            match action:
                case Start(head):
                    for byte in wire.send_response(head):
                        yield Wait(self.seconds)
                        yield RawWrite(bytes((byte,)))
                case Write(data):
                    if out := wire.send_data(data):
                        yield RawWrite(out)
                case Finish():
                    if out := wire.send_end():
                        yield RawWrite(out)
                    yield action
                case _:
                    yield action

        return filter_action
