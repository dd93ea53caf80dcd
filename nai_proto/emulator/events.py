"""Submissions to the service's contests, and votes for them: kept and given back as they came.

See docs/protocol/native.md#172-account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from ..exchange.reply import Handler
from .answers import Refused, answer_empty, answer_json
from .asked import Asked, Handle

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


def handlers() -> Mapping[str, Handle]:
    """By the names of the endpoint table."""
    return {
        "submit": _submit,
        "get_submission": _get_submission,
        "vote": _vote,
        "get_vote": _get_vote,
        "delete_vote": _delete_vote,
        "link_usage": _link_usage,
    }


def _submit(asked: Asked) -> Handler:
    event = asked.body(_Submission).event
    profile = asked.owner.profile
    profile.submissions = {**profile.submissions, event: asked.body(dict[str, Any])}
    yield from answer_empty(asked.row.status)


def _get_submission(asked: Asked) -> Handler:
    yield from answer_json(asked.row.status, asked.owner.profile.submissions.get(asked.parameters.path["event"], {}))


def _vote(asked: Asked) -> Handler:
    profile, event = asked.owner.profile, asked.parameters.path["event"]
    if event in profile.votes:
        raise Refused(409, "Already voted")
    profile.votes = {**profile.votes, event: {"id": asked.body(_Vote).id}}
    yield from answer_empty(asked.row.status)


def _get_vote(asked: Asked) -> Handler:
    yield from answer_json(asked.row.status, asked.owner.profile.votes.get(asked.parameters.path["event"], {}))


def _delete_vote(asked: Asked) -> Handler:
    profile, event = asked.owner.profile, asked.parameters.path["event"]
    if profile.votes.get(event) != {"id": asked.body(_Vote).id}:
        raise Refused(409, "No such vote")
    profile.votes = {name: vote for name, vote in profile.votes.items() if name != event}
    yield from answer_empty(asked.row.status)


def _link_usage(asked: Asked) -> Handler:
    asked.body(_Visitor)
    yield from answer_empty(asked.row.status)
