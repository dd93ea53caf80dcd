"""The states of a `Wire`, one for each direction, and their transitions in two tables."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["NEED_DATA", "OUR_TRANSITIONS", "PAUSED", "PEER_TRANSITIONS", "Signal", "WireInput", "WireState"]


class Signal(enum.Enum):
    """Why `Wire.next_event` has no event, which tells the driver what to do next."""

    NEED_DATA = "need data"
    "Read from the peer, and pass the bytes to `Wire.receive_data`."
    PAUSED = "paused"
    "The peer's message is complete; nothing more is read until our message ends and the next exchange begins."


NEED_DATA: Final = Signal.NEED_DATA
"""`Signal.NEED_DATA`: read from the peer."""
PAUSED: Final = Signal.PAUSED
"""`Signal.PAUSED`: nothing more is read until the next exchange begins."""


class WireState(enum.Enum):
    """The state of one direction of an exchange."""

    __hash__ = object.__hash__  # Enum's own is written in Python

    HEAD = "head"
    "the head is expected"
    BODY = "body"
    "the head is complete, the body is expected"
    DONE = "done"
    "the message is complete"
    TUNNEL = "tunnel"
    "a CONNECT was granted; received bytes are to be handed over"
    RELEASED = "released"
    "the connection is a tunnel"
    FAILED = "failed"
    "the peer sent something malformed or too large"


class WireInput(enum.Enum):
    """The inputs of one direction."""

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
"""Of the peer's direction. A server grants a CONNECT after the request is complete; a client reads the granting head."""

OUR_TRANSITIONS: Final[Mapping[tuple[WireState, WireInput], WireState]] = {
    (WireState.HEAD, WireInput.HEAD): WireState.BODY,
    (WireState.HEAD, WireInput.GRANTED): WireState.DONE,
    (WireState.BODY, WireInput.END): WireState.DONE,
    (WireState.DONE, WireInput.NEXT): WireState.HEAD,
}
"""Of our direction. A client sends its request whole: the head and the end at once."""
