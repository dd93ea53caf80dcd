"""How the emulator answers: the forms that all endpoints share (native §4.1, §17.1)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, TypeAlias, TypeVar

from ..codecs.json import encode
from ..exchange.flow import Compute
from ..exchange.reply import Handler, ServerAction, Start, Write
from ..http import Head, Headers

__all__ = ["OPEN", "Refused", "Steps", "answer", "answer_empty", "answer_json", "computed", "refuse"]

T = TypeVar("T")

Steps: TypeAlias = Generator[ServerAction, bytes | None, T]
"""Part of a handler, that finds something out."""

OPEN: Final = ("Access-Control-Allow-Origin", "*")
"""Any page may read any answer."""


class Refused(Exception):
    """Ends a handler with an error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def answer(status: int, content_type: str, body: bytes) -> Handler:
    """A whole answer."""
    length = ("Content-Length", str(len(body)))
    yield Start(Head(status, Headers([("Content-Type", content_type), length, OPEN])))
    yield Write(body)


def answer_json(status: int, value: object) -> Handler:
    """A JSON document."""
    yield from answer(status, "application/json", encode(value))


def answer_empty(status: int) -> Handler:
    """Nothing, as ``text/plain``: some clients insist on a content type (native §6)."""
    yield from answer(status, "text/plain; charset=utf-8", b"")


def refuse(refused: Refused) -> Handler:
    """The service's error object."""
    yield from answer_json(refused.status, {"statusCode": refused.status, "message": refused.message})


def computed(function: Callable[[], T]) -> Steps[T]:
    """What the function returns, without holding up other connections meanwhile."""
    job = Compute(function)
    yield job
    return job.result
