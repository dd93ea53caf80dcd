"""The states of a `Wire`, one for each direction, and their transitions in two tables."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["NEED_DATA", "OUR_TRANSITIONS", "PAUSED", "PEER_TRANSITIONS", "Signal", "WireInput", "WireState"]


class Signal(enum.Enum):
    """Why `Wire.next_event` has no event. Two different things, and each wants another step of the driver."""

    NEED_DATA = "need data"
    "Read from the peer, and give it to `Wire.receive_data`."
    PAUSED = "paused"
    "The peer's message is complete; nothing more is read before ours is, and the next exchange begins."


NEED_DATA: Final = Signal.NEED_DATA
PAUSED: Final = Signal.PAUSED


class WireState(enum.Enum):
    """Where one direction of an exchange stands."""

    __hash__ = object.__hash__  # Enum's own is written in Python

    HEAD = "head"
    "the head is due"
    BODY = "body"
    "the head is over, the body is due"
    DONE = "done"
    "the message is complete"
    TUNNEL = "tunnel"
    "a CONNECT was granted; what came already is due"
    RELEASED = "released"
    "the bytes belong to someone else"
    FAILED = "failed"
    "not HTTP, or too much of it"


class WireInput(enum.Enum):
    """What can happen to one direction."""

    __hash__ = object.__hash__

    HEAD = "head"
    GRANTED = "head of a granted CONNECT"
    END = "end of the message"
    RELEASED = "rest handed over"
    NEXT = "next exchange"
    ERROR = "error"


PEER_TRANSITIONS: Final[Mapping[tuple[WireState, WireInput], WireState]] = {
    (WireState.HEAD, WireInput.HEAD): WireState.BODY,
    (WireState.HEAD, WireInput.GRANTED): WireState.TUNNEL,
    (WireState.HEAD, WireInput.ERROR): WireState.FAILED,
    (WireState.BODY, WireInput.END): WireState.DONE,
    (WireState.BODY, WireInput.ERROR): WireState.FAILED,
    (WireState.DONE, WireInput.NEXT): WireState.HEAD,
    (WireState.DONE, WireInput.GRANTED): WireState.TUNNEL,
    (WireState.DONE, WireInput.ERROR): WireState.FAILED,
    (WireState.TUNNEL, WireInput.RELEASED): WireState.RELEASED,
    (WireState.TUNNEL, WireInput.ERROR): WireState.FAILED,
}
"""What the peer's direction does. A server grants a CONNECT when the request is complete, a client reads that it is."""

OUR_TRANSITIONS: Final[Mapping[tuple[WireState, WireInput], WireState]] = {
    (WireState.HEAD, WireInput.HEAD): WireState.BODY,
    (WireState.HEAD, WireInput.GRANTED): WireState.DONE,
    (WireState.BODY, WireInput.END): WireState.DONE,
    (WireState.DONE, WireInput.NEXT): WireState.HEAD,
}
"""What our direction does. A client's request goes out whole: its head and its end at once."""
