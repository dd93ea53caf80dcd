"""What a fault is: which requests it meets, how often, and what it makes of their answers.

A handler is a stream of actions, so a fault that spoils a response is a function on actions, an `ActionFilter`: it gets
each action and returns what happens instead, for `Finish` at the end as well. Filters compose as functions do, whatever
app they wrap; a fault that replaces the whole response is an app itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from ...exchange.endpoints import endpoint, match
from ...exchange.reply import Finish, Handler, Output
from ...http import Head, Request
from ..seeded_random import SeededRandom

__all__ = [
    "ActionFilter",
    "Count",
    "Fault",
    "FaultContext",
    "ReplacingFault",
    "Seconds",
    "SpoilingFault",
    "filter_actions",
    "has_frames",
    "is_stream",
]

ActionFilter: TypeAlias = Callable[[Output], Iterable[Output]]
"""Gets the actions of one answer in order; what it gives happens instead. Behind a `Finish` it is not asked again."""

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=86_400)]

_FINISH: Final = Finish()


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="fault"
):
    """Something that goes wrong, a value. It meets the requests for which all that it names is so; by default every one.

    Numbers are checked where a fault is used: `Faulty.add`.
    """

    method: Annotated[str | None, Meta(description="only requests with this method")] = None
    path: Annotated[str | None, Meta(description="only requests whose path begins so")] = None
    endpoint: Annotated[
        str | None,
        Meta(description="only requests to this endpoint, by its name in the table; the host it is on does not matter"),
    ] = None
    times: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="how many answers it meets, whether it shows in them or not; all, if not given"),
    ] = None

    def meets(self, request: Request) -> bool:
        """Is this one of its requests?"""
        return (
            (self.method is None or self.method.upper() == request.method)
            and (self.path is None or request.path.startswith(self.path))
            and (self.endpoint is None or _asks(request, self.endpoint))
        )


class ReplacingFault(Fault, frozen=True):
    """A fault that answers itself: the app does not hear of the request."""

    def respond(self) -> Handler:
        """What happens when the request has been read."""
        raise AssertionError("each fault has its own")


class SpoilingFault(Fault, frozen=True):
    """A fault that changes how the app's answer arrives: the app has acted on the request."""

    def fits(self, _: Head, /) -> bool:
        """Is this the head of an answer that it can spoil? If not, it waits for another."""
        return True

    def change(self, _: FaultContext, /) -> ActionFilter:
        """What it does to one answer, from `Start` on."""
        raise AssertionError("each fault has its own")


@dataclass(frozen=True, slots=True)
class FaultContext:
    """A request that a fault has met."""

    request: Request
    chance: SeededRandom
    "The fault's own."


def is_stream(head: Head) -> bool:
    """Does an event stream follow?"""
    return head.content_type == "text/event-stream"


def has_frames(head: Head) -> bool:
    """Do frames of msgpack follow, as of a picture that is drawn?

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """
    return head.content_type == "application/msgpack"


def filter_actions(answer: Handler, change: ActionFilter) -> Handler:
    """The answer with a change made to all its actions."""
    incoming: bytes | None = None
    try:
        while True:
            action: Output
            try:
                action = answer.send(incoming)
            except StopIteration:
                action = _FINISH
            incoming = None
            for happens in change(action):
                if isinstance(happens, Finish):
                    return
                got = yield happens
                if happens is action:
                    incoming = got
    finally:
        answer.close()


def _asks(request: Request, name: str) -> bool:
    row = endpoint(name)
    found = match(request.method, row.host, request.target)
    return found is not None and found[0] is row
