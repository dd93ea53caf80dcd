"""The service's contests, submissions to them and votes; and what ties a visitor's use to an account.

What the service answers here is not documented, so it is given as it comes. What is stored is
sent again only if the service has not acted on it: after a lost answer the second one could be refused because of the first.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#61-request-schemas
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Never

from ..arguments import BYTES, TEXT, takes
from ..codecs.box import to_base64
from ..codecs.json import encode
from ..errors import InvalidRequestError
from ..exchange.endpoints import Parameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import NOTHING, Json
from ..exchange.retry import Repeat
from ..http import Headers

__all__ = ["link_usage", "submission", "submit", "vote", "voted", "withdraw_vote"]

_BODY: Final = Headers.of(content_type="application/json")
_ACCEPT: Final = Headers.of(accept="application/json")
_LONG: Final = ("socials", "mediums")


@takes(event=TEXT, data=BYTES, data_name=TEXT, author_name=TEXT, author_email=TEXT, socials=TEXT, mediums=TEXT)
def submit(
    event: str,
    data: bytes,
    *,
    data_name: str,
    author_name: str,
    author_email: str,
    socials: str = "",
    mediums: str = "",
) -> Operation[Never, None]:
    """Hand something in for a contest (``POST /user/submission``).

    Args:
        event: which contest; at most 256 characters, as are the names and the e-mail.
        data: the file.
        data_name, author_name, author_email: what it is and whose.
        socials, mediums: where the author is found, and what it was made with; at most 4096 characters each.

    Raises:
        InvalidRequestError: a text is too long.
    """
    texts = {
        "dataName": data_name,
        "authorName": author_name,
        "authorEmail": author_email,
        "event": event,
        "socials": socials,
        "mediums": mediums,
    }
    for name, text in texts.items():
        most = 4096 if name in _LONG else 256
        if len(text) > most:
            raise InvalidRequestError(f"submit: {name} has at most {most} characters, not {len(text)}", parameter=name)
    return _storing("submit", None, {"data": to_base64(data), **texts})


@takes(event=TEXT)
def submission(event: str) -> Operation[Never, Any]:
    """What the account handed in (``GET /user/submission/{event}``), as the service tells it."""
    return _asking("get_submission", event)


@takes(event=TEXT, id=TEXT)
def vote(event: str, id: str) -> Operation[Never, None]:  # noqa: A002
    """Vote for a submission (``POST /user/vote-submission/{event}``).

    Raises (when run):
        ConflictError: the account has voted already.
    """
    return _storing("vote", event, {"id": id})


@takes(event=TEXT)
def voted(event: str) -> Operation[Never, Any]:
    """The account's vote (``GET /user/vote-submission/{event}``), as the service tells it."""
    return _asking("get_vote", event)


@takes(event=TEXT, id=TEXT)
def withdraw_vote(event: str, id: str) -> Operation[Never, None]:  # noqa: A002
    """Take a vote back (``DELETE /user/vote-submission/{event}``)."""
    return _storing("delete_vote", event, {"id": id})


@takes(anonymous_user_id=TEXT)
def link_usage(anonymous_user_id: str) -> Operation[Never, None]:
    """Count what a visitor used before as the account's (``POST /usage/link``).

    Args:
        anonymous_user_id: as the website draws it: ``anon-…``.
    """
    return _storing("link_usage", None, {"anonymous_user_id": anonymous_user_id}, Repeat.ALWAYS)


def _asking(name: str, event: str) -> Operation[Never, Any]:
    request = build(endpoint(name), Parameters({"event": event}), _ACCEPT)
    return Operation(request, (("application/json", Json(object, _as_it_is)),), Repeat.ALWAYS)


def _storing(
    name: str, event: str | None, fields: Mapping[str, object], repeat: Repeat = Repeat.IF_NOT_ACTED
) -> Operation[Never, None]:
    path = {} if event is None else {"event": event}
    return Operation(build(endpoint(name), Parameters(path, body=encode(fields)), _BODY), NOTHING, repeat)


def _as_it_is(document: object) -> Any:
    return document
