"""Submit an entry to one of the service's contests, and vote for others.

The service's responses here are not documented, so results are the JSON as it comes. A request that stores something is
sent again only if the service has not acted on it: after a lost response, the service could refuse the second request
because of the first.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#61-request-schemas
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Never

from ..arguments import BYTES, TEXT, takes
from ..codecs.json import encode_json
from ..codecs.secret_box import to_base64
from ..errors import InvalidRequestError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import NOTHING, JsonBodyReader
from ..exchange.retry import Repeat
from ..http import Headers

__all__ = ["get_submission", "get_vote", "submit", "vote", "withdraw_vote"]

_JSON_BODY: Final = Headers.of(content_type="application/json")
_ACCEPT: Final = Headers.of(accept="application/json")
_MAX_CHARACTERS: Final = 256
_MAX_CHARACTERS_OF: Final = {"socials": 4096, "mediums": 4096}


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
    """Submit an entry to a contest (``POST /user/submission``).

    Args:
        event: name of the contest; at most 256 characters, as for the names and the e-mail.
        data: content of the submitted file.
        data_name: name of the file.
        author_name: the author's name.
        author_email: the author's e-mail.
        socials: the author's accounts elsewhere; at most 4096 characters.
        mediums: what the entry was made with; at most 4096 characters.

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
        most = _MAX_CHARACTERS_OF.get(name, _MAX_CHARACTERS)
        if len(text) > most:
            raise InvalidRequestError(f"submit: {name} has at most {most} characters, not {len(text)}", parameter=name)
    return _write_operation("submit", None, {"data": to_base64(data), **texts})


@takes(event=TEXT)
def get_submission(event: str) -> Operation[Never, Any]:
    """Read the account's own submission (``GET /user/submission/{event}``).

    Args:
        event: name of the contest.
    """
    return _read_operation("get_submission", event)


@takes(event=TEXT, id=TEXT)
def vote(event: str, id: str) -> Operation[Never, None]:  # noqa: A002
    """Vote for a submission (``POST /user/vote-submission/{event}``).

    Args:
        event: name of the contest.
        id: id of the submission.

    Raises (when run):
        ConflictError: the account has voted already.
    """
    return _write_operation("vote", event, {"id": id})


@takes(event=TEXT)
def get_vote(event: str) -> Operation[Never, Any]:
    """Read the account's own vote (``GET /user/vote-submission/{event}``).

    Args:
        event: name of the contest.
    """
    return _read_operation("get_vote", event)


@takes(event=TEXT, id=TEXT)
def withdraw_vote(event: str, id: str) -> Operation[Never, None]:  # noqa: A002
    """Withdraw a vote (``DELETE /user/vote-submission/{event}``).

    Args:
        event: name of the contest.
        id: id of the submission.
    """
    return _write_operation("delete_vote", event, {"id": id})


def _read_operation(name: str, event: str) -> Operation[Never, Any]:
    request = build(endpoint(name), EndpointParameters({"event": event}), _ACCEPT)
    return Operation(request, (("application/json", JsonBodyReader(object, _as_it_is)),), Repeat.ALWAYS)


def _write_operation(name: str, event: str | None, fields: Mapping[str, object]) -> Operation[Never, None]:
    path = {} if event is None else {"event": event}
    request = build(endpoint(name), EndpointParameters(path, body=encode_json(fields)), _JSON_BODY)
    return Operation(request, NOTHING, Repeat.IF_NOT_ACTED)


def _as_it_is(document: object) -> Any:
    return document
