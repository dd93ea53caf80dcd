"""Readers for any endpoint. Their factories are frozen values, so that operations pickle."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Final, Generic, Never, TypeVar

import msgspec

from ..codecs.json import JsonDecoder, parse_service_error
from ..errors import LimitExceeded, NaiError, RemoteProtocolError
from ..http import Head
from ..limits import Limits
from .call import ANY_TYPE

__all__ = [
    "NOTHING",
    "BodyReader",
    "JsonBodyReader",
    "Nothing",
    "TextReader",
    "cached_decoder",
    "decode_body",
    "read_json",
]

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)


class BodyReader(Generic[T]):
    """Keeps a whole body, within `Limits.body`, and makes a value of it at the end.

    A body in one piece is not copied. A body in many pieces grows in place, and takes at most an eighth more memory than
    its size; joining the pieces at the end would take twice the memory.
    """

    failure: NaiError | None = None
    "Always None: there are no events."

    def __init__(self, finish: Callable[[bytes], T], limits: Limits) -> None:
        self._finish = finish
        self._limit = limits.body
        self._first = b""
        self._kept: BytesIO | None = None
        self._size = 0

    @property
    def complete(self) -> bool:
        """Always False: only the end of the body completes it."""
        return False

    @property
    def partial(self) -> T | None:
        """Always None."""
        return None

    def receive_data(self, data: bytes) -> tuple[Never, ...]:
        self._size += len(data)
        if self._size > self._limit:
            raise LimitExceeded("body", limit=self._limit, value=self._size)
        if self._kept is not None:
            self._kept.write(data)
        elif self._first:
            self._kept = BytesIO()
            self._kept.write(self._first)
            self._kept.write(data)
            self._first = b""
        else:
            self._first = data
        return ()

    def receive_eof(self) -> T:
        body, self._first = self._first if self._kept is None else self._kept.getvalue(), b""
        self._kept = None  # so that the body is freed when ``finish`` has used it
        return self._finish(body)


class JsonBodyReader(msgspec.Struct, Generic[T, R], frozen=True):
    """Reads one JSON document as ``type``, and returns ``to(document)``; raises an error that the document reports.

    See docs/protocol/native.md#41-error-body.
    """

    type: type[T]
    to: Callable[[T], R]

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[R]:  # noqa: ARG002 -- a ReaderFactory
        return read_json(cached_decoder(self.type), self.to, where, limits)  # type: ignore[arg-type]  # classes hash


@cache
def cached_decoder(type: type[T]) -> JsonDecoder[T]:  # noqa: A002
    """Return a cached decoder: making one takes longer than reading a small document."""
    return JsonDecoder(type, lenient=True)


def read_json(decoder: JsonDecoder[T], to: Callable[[T], R], where: str, limits: Limits) -> BodyReader[R]:
    """Return a reader of one JSON document; arguments as for `JsonBodyReader`."""
    return BodyReader(lambda body: to(decode_body(decoder, body, where, limits)), limits)


def decode_body(
    decoder: JsonDecoder[T], body: bytes, where: str, limits: Limits, map_position: Callable[[int], int] | None = None
) -> T:
    """Return the JSON document in a body; raise an error that it reports. Arguments are as for `JsonDecoder.decode`."""
    body = body.removeprefix(b"\xef\xbb\xbf")  # allowed, but decoders refuse it (RFC 8259 §8.1)
    if (error := parse_service_error(body)) is not None:
        raise error
    return decoder.decode(body, where=where, depth=limits.json_depth, map_position=map_position)


class TextReader(msgspec.Struct, frozen=True):
    """Reads a body as text in UTF-8, without looking for errors in it."""

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[str]:  # noqa: ARG002 -- a ReaderFactory
        def finish(body: bytes) -> str:
            try:
                return body.decode()
            except UnicodeDecodeError:
                pass  # raise below, since the codec's error has the body
            raise RemoteProtocolError(f"{where}: not UTF-8")

        return BodyReader(finish, limits)


class Nothing(msgspec.Struct, frozen=True):
    """For responses of which only the status counts; a body is ignored.

    See docs/protocol/native.md#6-account-endpoints-user.
    """

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[None]:  # noqa: ARG002 -- a ReaderFactory
        return BodyReader(_ignore, limits)


def _ignore(body: bytes) -> None:
    """Ignore the body."""


NOTHING: Final[tuple[tuple[str, Nothing], ...]] = ((ANY_TYPE, Nothing()),)
