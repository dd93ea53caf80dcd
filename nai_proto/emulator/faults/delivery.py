"""Faults in how an answer arrives: late, slowly, in crumbs, not whole, with a length that is not its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final

from msgspec import Meta

from ...exchange.reply import Cut, Finish, Output, RawWrite, Start, Wait, Write
from ...http import Head
from ...http.body import bodiless
from ...http.wire import Wire
from .fault import ActionFilter, Count, FaultContext, Seconds, SpoilingFault

__all__ = ["CutOff", "Delay", "Jitter", "SlowHead", "Split", "Stall", "Throughput", "WrongLength"]

_TICK: Final = 0.02
"Seconds that a piece takes whose pace is measured, if it has more than one byte."


class Delay(SpoilingFault, frozen=True, tag="delay"):
    """Time passes before the head."""

    seconds: Annotated[Seconds, Meta(description="so much of it, at least")] = 1.0
    jitter: Annotated[Seconds, Meta(description="by chance up to so many seconds more")] = 0.0

    def change(self, met: FaultContext, /) -> ActionFilter:
        def change(action: Output) -> Iterator[Output]:
            if isinstance(action, Start):
                yield Wait(self.seconds + self.jitter * met.chance.uniform())
            yield action

        return change


class WrongLength(SpoilingFault, frozen=True, tag="length"):
    """The answer comes in one piece with a Content-Length that is not its own, and the connection is closed."""

    by: Annotated[
        Annotated[int, Meta(ge=-(1 << 40), le=1 << 40)],
        Meta(description="bytes that the Content-Length is too large, or below 0 too small"),
    ] = -1

    def change(self, met: FaultContext, /) -> ActionFilter:
        head = Head(0)
        body = bytearray()

        def change(action: Output) -> Iterator[Output]:
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
                    if not bodiless(met.request.method, head.status):
                        yield RawWrite(bytes(body))
                    yield Cut()
                case _:
                    yield action

        return change


class CutOff(SpoilingFault, frozen=True, tag="cut"):
    """The connection is closed without a word."""

    at: Annotated[
        Count | None, Meta(description="bytes of the body that come before; not even a head, if not given")
    ] = None

    def change(self, _: FaultContext, /) -> ActionFilter:
        return _ending(self.at, Cut())


class Stall(SpoilingFault, frozen=True, tag="stall"):
    """Nothing more comes, and the connection stays open until the client leaves."""

    at: Annotated[
        Count | None, Meta(description="bytes of the body that come before; not even a head, if not given")
    ] = None

    def change(self, _: FaultContext, /) -> ActionFilter:
        return _ending(self.at, Wait(None))


def _ending(at: int | None, end: Cut | Wait) -> ActionFilter:
    """The end comes after so many bytes of the body; in place of the head, if None."""
    left = at or 0

    def change(action: Output) -> Iterator[Output]:
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

    return change


class Split(SpoilingFault, frozen=True, tag="split"):
    """The body is written in crumbs."""

    size: Annotated[Annotated[int, Meta(ge=1)], Meta(description="bytes in each")] = 1

    def change(self, _: FaultContext, /) -> ActionFilter:
        def change(action: Output) -> Iterator[Output]:
            match action:
                case Write(data) | RawWrite(data):
                    for start in range(0, len(data), self.size):
                        yield replace(action, data=data[start : start + self.size])
                case _:
                    yield action

        return change


class Jitter(SpoilingFault, frozen=True, tag="jitter"):
    """Time passes before each piece of the body, by chance more or less."""

    seconds: Annotated[Seconds, Meta(description="so much of it, at most")] = 0.1

    def change(self, met: FaultContext, /) -> ActionFilter:
        def change(action: Output) -> Iterator[Output]:
            if isinstance(action, Write | RawWrite):
                yield Wait(self.seconds * met.chance.uniform())
            yield action

        return change


class Throughput(SpoilingFault, frozen=True, tag="throughput"):
    """The body comes no faster than a slow line carries it."""

    rate: Annotated[Annotated[int, Meta(ge=1)], Meta(description="bytes per second")] = 1000

    def change(self, _: FaultContext, /) -> ActionFilter:
        size = max(1, int(self.rate * _TICK))

        def change(action: Output) -> Iterator[Output]:
            match action:
                case Write(data) | RawWrite(data):
                    for start in range(0, len(data), size):
                        piece = data[start : start + size]
                        yield Wait(len(piece) / self.rate)
                        yield replace(action, data=piece)
                case _:
                    yield action

        return change


class SlowHead(SpoilingFault, frozen=True, tag="slow_head"):
    """The head comes byte by byte; then the body, and the connection is closed."""

    seconds: Annotated[Seconds, Meta(description="before each byte")] = 0.01

    def change(self, met: FaultContext, /) -> ActionFilter:
        wire = Wire("server")  # says what a server would, so that it can be said in another pace
        wire.receive_data(f"{met.request.method} / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        wire.next_event()

        def change(action: Output) -> Iterator[Output]:
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

        return change
