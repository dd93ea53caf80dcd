"""The contest endpoints of the emulator: submissions and votes, stored and returned as they were sent.

See docs/protocol/native.md#172-account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from ...exchange.reply import Handler
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_empty, send_json

__all__ = ["handlers"]

_Short = Annotated[str, msgspec.Meta(max_length=256)]
_Long = Annotated[str, msgspec.Meta(max_length=4096)]


class _Submission(msgspec.Struct):
    data: str
    dataName: _Short  # noqa: N815
    authorName: _Short  # noqa: N815
    authorEmail: _Short  # noqa: N815
    event: _Short
    socials: _Long
    mediums: _Long


class _Vote(msgspec.Struct):
    id: str


class _Visitor(msgspec.Struct):
    anonymous_user_id: str


def handlers() -> Mapping[str, EndpointHandler]:
    """Return the handlers by the names of the endpoint table."""
    return {
        "submit": _submit,
        "get_submission": _get_submission,
        "vote": _vote,
        "get_vote": _get_vote,
        "delete_vote": _delete_vote,
        "link_usage": _link_usage,
    }


def _submit(context: RequestContext) -> Handler:
    event = context.body(_Submission).event
    profile = context.owner.profile
    profile.submissions = {**profile.submissions, event: context.body(dict[str, Any])}
    yield from send_empty(context.endpoint.status)


def _get_submission(context: RequestContext) -> Handler:
    yield from send_json(
        context.endpoint.status, context.owner.profile.submissions.get(context.parameters.path["event"], {})
    )


def _vote(context: RequestContext) -> Handler:
    profile, event = context.owner.profile, context.parameters.path["event"]
    if event in profile.votes:
        raise Refused(
            409,
            "Already voted",
            reason="an account has one vote in an event; DELETE takes the vote back with the same id",
        )
    profile.votes = {**profile.votes, event: {"id": context.body(_Vote).id}}
    yield from send_empty(context.endpoint.status)


def _get_vote(context: RequestContext) -> Handler:
    yield from send_json(context.endpoint.status, context.owner.profile.votes.get(context.parameters.path["event"], {}))


def _delete_vote(context: RequestContext) -> Handler:
    profile, event = context.owner.profile, context.parameters.path["event"]
    if profile.votes.get(event) != {"id": context.body(_Vote).id}:
        raise Refused(409, "No such vote", reason="the account has not voted for this id in this event")
    profile.votes = {name: vote for name, vote in profile.votes.items() if name != event}
    yield from send_empty(context.endpoint.status)


def _link_usage(context: RequestContext) -> Handler:
    context.body(_Visitor)
    yield from send_empty(context.endpoint.status)
