"""The server's counterpart of a call: a handler decides the response, and a `Reply` checks its order.

A handler is a generator, the counterpart of a flow, and yields *actions*:

==========  ===========================================================  ===============================
action      the driver                                                   and sends in
==========  ===========================================================  ===============================
Read        waits for more of the request's body                         the bytes; ``b""`` at their end
Start       sends the head of the response                               None
Write       sends a piece of its body                                    None
Wait        waits, and stops the handler if the client disconnects       None
Compute     calls ``perform``, off the event loop if there is one        None
StoreState  makes a change durable before the next action                None
RawWrite    sends bytes that no correct server sends                     None
Cut         closes the connection at once                                None
==========  ===========================================================  ===============================

`Reply` runs one handler, also in an HTTP server of your own. Its transitions are in one table, as those of `Call` are. A
handler that is stopped half-way is closed, so that its ``finally`` runs, where it releases what it holds.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..errors import LocalProtocolError
from ..http import Head, Request
from .actions import Compute

__all__ = [
    "REPLY_TRANSITIONS",
    "App",
    "Cut",
    "Finish",
    "Handler",
    "Output",
    "RawWrite",
    "Read",
    "Reply",
    "ReplyState",
    "ServerAction",
    "Start",
    "StoreState",
    "Wait",
    "Write",
]


@dataclass(frozen=True, slots=True)
class Read:
    """Wait for more of the request's body."""


@dataclass(frozen=True, slots=True)
class Start:
    """Send the head."""

    head: Head


@dataclass(frozen=True, slots=True)
class Write:
    """Send a piece of the body."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait; None means until the client closes the connection."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class StoreState:
    """Make a change durable before the next action."""

    change: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class RawWrite:
    """Send bytes that violate HTTP: a wrong length, a broken head. Only more of them can follow, and in the end the
    connection is cut."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection at once."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The response is complete. Handlers do not yield this; they return."""


ServerAction: TypeAlias = Read | Start | Write | Wait | Compute[Any] | StoreState | RawWrite | Cut
Output: TypeAlias = ServerAction | Finish
Handler: TypeAlias = Generator[ServerAction, bytes | None, None]
App: TypeAlias = Callable[[Request], Handler]
"""A server's logic: returns the handler for a request, whose body the handler reads."""


class ReplyState(enum.Enum):
    """The state of a response."""

    OPEN = "open"
    "no head yet"
    STARTED = "started"
    "the head is sent; the body is next"
    BROKEN = "broken"
    "raw bytes were sent; only more of them can follow"
    DONE = "done"
    "complete, or cut"


REPLY_TRANSITIONS: Final[Mapping[tuple[ReplyState, type[Output]], ReplyState]] = {
    (ReplyState.OPEN, Read): ReplyState.OPEN,
    (ReplyState.OPEN, Wait): ReplyState.OPEN,
    (ReplyState.OPEN, Compute): ReplyState.OPEN,
    (ReplyState.OPEN, StoreState): ReplyState.OPEN,
    (ReplyState.OPEN, Start): ReplyState.STARTED,
    (ReplyState.OPEN, RawWrite): ReplyState.BROKEN,
    (ReplyState.OPEN, Cut): ReplyState.DONE,
    (ReplyState.STARTED, Read): ReplyState.STARTED,
    (ReplyState.STARTED, Wait): ReplyState.STARTED,
    (ReplyState.STARTED, Compute): ReplyState.STARTED,
    (ReplyState.STARTED, StoreState): ReplyState.STARTED,
    (ReplyState.STARTED, Write): ReplyState.STARTED,
    (ReplyState.STARTED, RawWrite): ReplyState.BROKEN,
    (ReplyState.STARTED, Cut): ReplyState.DONE,
    (ReplyState.STARTED, Finish): ReplyState.DONE,
    (ReplyState.BROKEN, Read): ReplyState.BROKEN,
    (ReplyState.BROKEN, Wait): ReplyState.BROKEN,
    (ReplyState.BROKEN, Compute): ReplyState.BROKEN,
    (ReplyState.BROKEN, StoreState): ReplyState.BROKEN,
    (ReplyState.BROKEN, RawWrite): ReplyState.BROKEN,
    (ReplyState.BROKEN, Cut): ReplyState.DONE,
}


class Reply:
    """One use of a handler.

    Pass in the request's body with `receive_data` and `receive_eof`, and perform the actions of `next_action` until it
    returns `Finish` or `Cut`. When the client closes the connection, call `close`.
    """

    def __init__(self, handler: Handler) -> None:
        self.state = ReplyState.OPEN
        self._handler = handler
        self._body: list[bytes] = []
        self._ended = False
        self._reading = False

    def receive_data(self, data: bytes) -> None:
        """Receive a piece of the request's body."""
        if self._ended:
            raise LocalProtocolError("the request's body has ended")
        if data:
            self._body.append(data)

    def receive_eof(self) -> None:
        """Receive the end of the request's body."""
        self._ended = True

    def next_action(self) -> Output:
        """Return the next action. After `Read`, pass in more of the body before the next call."""
        while True:
            incoming: bytes | None = None
            if self._reading:
                if not self._body and not self._ended:
                    return _READ
                incoming = b"".join(self._body)
                self._body.clear()
                self._reading = False
            action = self._advance(incoming)
            following = REPLY_TRANSITIONS.get((self.state, type(action)))
            if following is None:
                self.close()
                raise LocalProtocolError(
                    f"a handler cannot {type(action).__name__} while its response is {self.state.value}"
                )
            self.state = following
            if not isinstance(action, Read):
                return action
            self._reading = True

    def _advance(self, incoming: bytes | None) -> Output:
        try:
            return self._handler.send(incoming)
        except StopIteration:
            return _CUT if self.state is ReplyState.BROKEN else _FINISH

    def close(self) -> None:
        """Stop the handler; its ``finally`` runs."""
        self._handler.close()


_READ: Final = Read()
_CUT: Final = Cut()
_FINISH: Final = Finish()
