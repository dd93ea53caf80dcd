"""A fault: which requests it applies to, how often, and how it changes their responses.

A handler is a stream of actions, so a fault that spoils a response is a function on actions, an `ActionFilter`: it gets
each action and returns what replacement instead, for `Finish` at the end as well. Filters compose as functions do, whatever
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
"""Gets each action of one response in order, and returns the actions that happen instead; `Finish` is the last one."""

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=86_400)]

_FINISH: Final = Finish()


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="fault"
):
    """A fault, as a value. It applies to the requests that fulfil all of its conditions; without conditions, to all.

    `FaultyApp.add` checks the ranges of its numbers.
    """

    method: Annotated[str | None, Meta(description="only requests with this method")] = None
    path: Annotated[str | None, Meta(description="only requests whose path begins with this")] = None
    endpoint: Annotated[
        str | None,
        Meta(description="only requests to this endpoint, by its name in the table, on any host"),
    ] = None
    times: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="how many responses it applies to, even if it does not show in them; all without it"),
    ] = None

    def matches(self, request: Request) -> bool:
        """Return whether the fault applies to this request."""
        return (
            (self.method is None or self.method.upper() == request.method)
            and (self.path is None or request.path.startswith(self.path))
            and (self.endpoint is None or _is_for_endpoint(request, self.endpoint))
        )


class ReplacingFault(Fault, frozen=True):
    """A fault whose response replaces the app's: the app does not get the request."""

    def respond(self) -> Handler:
        """Send the response; the request has been read."""
        raise AssertionError("each fault overrides this")


class SpoilingFault(Fault, frozen=True):
    """A fault that changes the app's response: the app has acted on the request."""

    def can_spoil(self, _: Head, /) -> bool:
        """Return whether the fault can spoil the response with this head; if not, it waits for another one."""
        return True

    def create_filter(self, _: FaultContext, /) -> ActionFilter:
        """Return the filter for the actions of one response, from `Start` on."""
        raise AssertionError("each fault overrides this")


@dataclass(frozen=True, slots=True)
class FaultContext:
    """A request that a fault applies to."""

    request: Request
    rng: SeededRandom
    "The random numbers of this fault in this response."


def is_stream(head: Head) -> bool:
    """Return whether the body is an event stream."""
    return head.content_type == "text/event-stream"


def has_frames(head: Head) -> bool:
    """Return whether the body is a stream of msgpack frames, as of an image generation.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """
    return head.content_type == "application/msgpack"


def filter_actions(handler: Handler, action_filter: ActionFilter) -> Handler:
    """Run a handler, with a filter on all of its actions."""
    incoming: bytes | None = None
    try:
        while True:
            action: Output
            try:
                action = handler.send(incoming)
            except StopIteration:
                action = _FINISH
            incoming = None
            for replacement in action_filter(action):
                if isinstance(replacement, Finish):
                    return
                got = yield replacement
                if replacement is action:
                    incoming = got
    finally:
        handler.close()


def _is_for_endpoint(request: Request, name: str) -> bool:
    row = endpoint(name)
    found = match(request.method, row.host, request.target)
    return found is not None and found[0] is row
