"""How the emulator answers: the forms that all endpoints share.

See:
    docs/protocol/native.md#41-error-body
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, TypeAlias, TypeVar

from ...codecs.json import encode
from ...exchange.actions import Compute
from ...exchange.reply import Handler, ServerAction, Start, Write
from ...http import Head, Headers
from ..errors import Refused

__all__ = ["ALLOW_ANY_ORIGIN", "HandlerSteps", "compute", "send_empty", "send_error", "send_json", "send_response"]

T = TypeVar("T")

HandlerSteps: TypeAlias = Generator[ServerAction, bytes | None, T]
"""Part of a handler, that finds something out."""

ALLOW_ANY_ORIGIN: Final = ("Access-Control-Allow-Origin", "*")
"""Any page may read any answer."""


def send_response(status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> Handler:
    """A whole answer, perhaps with more header fields."""
    length = ("Content-Length", str(len(body)))
    yield Start(Head(status, Headers([("Content-Type", content_type), length, ALLOW_ANY_ORIGIN, *more])))
    yield Write(body)


def send_json(status: int, value: object, *more: tuple[str, str]) -> Handler:
    """A JSON document."""
    yield from send_response(status, "application/json", encode(value), *more)


def send_empty(status: int) -> Handler:
    """Nothing, as ``text/plain``: some clients insist on a content type.

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    yield from send_response(status, "text/plain; charset=utf-8", b"")


def send_error(refused: Refused, document: dict[str, object] | None = None) -> Handler:
    """An error: the service's error object and a line feed, or another document.

    See docs/protocol/image.md#211-errors.
    """
    wait = [] if refused.retry_after is None else [("Retry-After", str(refused.retry_after))]
    own: dict[str, object] = {"statusCode": refused.status, "message": refused.message}
    if refused.details is not None:
        own["details"] = refused.details
    said = document or (own if refused.status >= 400 else {"error": refused.message})
    yield from send_response(refused.status, "application/json", encode(said) + b"\n", *wait)


def compute(function: Callable[[], T]) -> HandlerSteps[T]:
    """What the function returns, without holding up other connections meanwhile."""
    job = Compute(function)
    yield job
    return job.result
