"""The forms of responses that all endpoints of the emulator share.

See:
    docs/protocol/native.md#41-error-body
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from http import HTTPStatus
from typing import Final, TypeAlias, TypeVar

from msgspec import UNSET

from ...codecs.json import encode_json
from ...exchange.actions import Compute
from ...exchange.reply import Handler, ServerAction, Start, Write
from ...http import Head, Headers
from ..errors import Refused
from ..replies.scripted_reply import ScriptedReply

__all__ = [
    "ALLOW_ANY_ORIGIN",
    "IGNORED",
    "REASON",
    "HandlerSteps",
    "compute",
    "ignored_fields",
    "reason_field",
    "send_empty",
    "send_error",
    "send_json",
    "send_reply",
    "send_response",
    "status_phrase",
]

T = TypeVar("T")

HandlerSteps: TypeAlias = Generator[ServerAction, bytes | None, T]
"""A part of a handler that returns a value."""

ALLOW_ANY_ORIGIN: Final = ("Access-Control-Allow-Origin", "*")
"""The header field that lets any web page read a response."""


REASON: Final = "X-Emulator-Reason"
"The header field of every refusal that says why the request was refused."
IGNORED: Final = "X-Emulator-Ignored"
"""The header field of an answer that names the parameters of its request that changed nothing.

See docs/protocol/native.md#171-general-behaviour.
"""
_LONGEST_FIELD: Final = 500
_IN_ASCII: Final = str.maketrans({"×": "x", "…": "...", "–": "-", "’": "'", "“": '"', "”": '"'})


def send_response(status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> Handler:
    """Send a whole response.

    Args:
        status: of the response.
        content_type: of the body.
        body: in one piece.
        *more: further header fields.
    """
    length = ("Content-Length", str(len(body)))
    yield Start(Head(status, Headers([("Content-Type", content_type), length, ALLOW_ANY_ORIGIN, *more])))
    yield Write(body)


def send_json(status: int, value: object, *more: tuple[str, str]) -> Handler:
    """Send a JSON document, with further header fields if there are any."""
    yield from send_response(status, "application/json", encode_json(value), *more)


def send_empty(status: int) -> Handler:
    """Send an empty body as ``text/plain``, since some clients require a content type.

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    yield from send_response(status, "text/plain; charset=utf-8", b"")


def send_error(
    refused: Refused, document: dict[str, object] | None = None, *, headers: Iterable[tuple[str, str]] = ()
) -> Handler:
    """Send an error: the service's error object, or another document, and a line feed; and its reason in a header field.

    Further header fields may be added.

    See docs/protocol/image.md#211-errors.
    """
    fields = [*headers, reason_field(refused.reason)]
    if refused.retry_after is not None:
        fields.append(("Retry-After", str(refused.retry_after)))
    own: dict[str, object] = {"statusCode": refused.status, "message": refused.message}
    if refused.details is not None:
        own["details"] = refused.details
    body = document or (own if refused.status >= 400 else {"error": refused.message})
    yield from send_response(refused.status, "application/json", encode_json(body) + b"\n", *fields)


def send_reply(reply: ScriptedReply) -> Handler:
    """Send the response of a scripted reply that has a status."""
    status, headers = reply.status or 200, Headers(reply.headers.items())
    others = headers.without("content-type")
    if reply.json is not UNSET:
        media_type, body = "application/json", encode_json(reply.json)
    elif reply.body_bytes is not None:
        media_type, body = "binary/octet-stream", reply.body_bytes
    elif reply.body is None and status >= 400:
        yield from send_error(Refused(status, status_phrase(status), reason=_SCRIPTED), headers=others)
        return
    else:
        media_type, body = "text/plain; charset=utf-8", (reply.body or "").encode("utf-8", "replace")
    reason = [reason_field(_SCRIPTED)] if status >= 400 else []
    yield from send_response(status, headers.get("content-type") or media_type, body, *others, *reason)


_SCRIPTED: Final = "a scripted reply"


def reason_field(reason: str) -> tuple[str, str]:
    """Return the header field that says why a request was refused."""
    return REASON, _make_printable(reason)


def ignored_fields(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the header field that names the parameters that changed nothing; none without such parameters."""
    listed = ", ".join(names)
    return ((IGNORED, _make_printable(listed)),) if listed else ()


def _make_printable(text: str) -> str:
    """Return a text as a header field can hold it: on one line, short, with ``?`` for what is not ASCII."""
    words = " ".join(text.split()).translate(_IN_ASCII)
    return "".join(letter if " " <= letter <= "~" else "?" for letter in words)[:_LONGEST_FIELD]


def status_phrase(status: int) -> str:
    """Return the phrase of a status, such as ``Too Many Requests``."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Status"


def compute(function: Callable[[], T]) -> HandlerSteps[T]:
    """Return what the function returns; other connections are served meanwhile."""
    job = Compute(function)
    yield job
    return job.result
