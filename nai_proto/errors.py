"""Everything that can go wrong, as one tree::

    NaiError
    ├─ LocalProtocolError                 a machine was driven out of order
    ├─ ClosedError                        the client or the stream was closed or cancelled
    ├─ InvalidRequestError                refused before it is sent: a value out of range; also a ValueError
    │  ├─ InvalidTypeError                a value of the wrong type; also a TypeError
    │  └─ RejectedRequestError            400 413 422: refused by the service; also a StatusError
    ├─ FileError                          a local file cannot be read or written; also an OSError
    ├─ InvalidFile                        a local file is not what it should be; also a ValueError
    ├─ MissingExtra                       an optional dependency is not installed; also an ImportError
    ├─ RemoteProtocolError                the server's bytes are not what the protocol says
    │  ├─ LimitExceeded                   more than `Limits` allows
    │  └─ Truncated                       the data ended before the message did
    ├─ StatusError                        a response whose status is not 2xx
    │  ├─ RejectedRequestError            400 413 422
    │  ├─ AuthenticationError             401
    │  ├─ PaymentRequiredError            402
    │  ├─ PermissionDeniedError           403
    │  ├─ NotFoundError                   404
    │  ├─ RequestTimeoutError             408
    │  ├─ ConflictError                   409
    │  ├─ RateLimitError                  429
    │  │  └─ ConcurrentGenerationError    429, another generation runs on the account
    │  └─ ServerError                     5xx
    ├─ StreamError                        an error inside a 2xx response
    ├─ CryptoError
    │  ├─ DecryptionFailed                the box does not open
    │  ├─ Damaged                         not of the right shape
    │  └─ KeyConflict                     one object, two keys
    └─ TransportError                     the bytes did not get through
       └─ TimedOut                        also a builtin TimeoutError

Errors hold values, never live objects; they pickle and keep their fields. Texts that came from outside enter an error's
message only through `excerpt`: short, printable, without anything that looks like a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "ConcurrentGenerationError",
    "ConflictError",
    "CryptoError",
    "Damaged",
    "DecryptionFailed",
    "FileError",
    "InvalidFile",
    "InvalidRequestError",
    "InvalidTypeError",
    "KeyConflict",
    "LimitExceeded",
    "LocalProtocolError",
    "MissingExtra",
    "NaiError",
    "NotFoundError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "Phase",
    "RateLimitError",
    "RejectedRequestError",
    "RemoteProtocolError",
    "RequestTimeoutError",
    "ServerError",
    "StatusError",
    "StreamError",
    "TimedOut",
    "TransportError",
    "Truncated",
    "excerpt",
]

Phase: TypeAlias = Literal["pool", "connect", "write", "read", "idle", "total"]
"""Where a transport was: waiting for a connection to become free, connecting, writing the request, waiting for the
response's head, waiting for more of its body; ``total`` is the budget of the whole run."""

# A persistent token, a JWT, or whatever follows "Bearer", each perhaps cut off: none belongs in a text that people paste.
_TOKENS: Final = re.compile(r"(?i:pst-[\w-]+|(?<=\bBearer )\S+)|eyJ[\w-]{5,}(?:\.[\w-]*)*")
# Blanks and controls, line ends of any kind, what turns the writing direction, lone surrogates.
_UNPRINTABLE: Final = re.compile("[\x00-\x20\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def excerpt(text: str | bytes, most: int = 200) -> str:
    """A piece of a foreign text that may stand in a message: one line, at most ``most`` characters, tokens masked."""
    if isinstance(text, bytes):
        text = text[: 4 * most].decode("utf-8", "replace")
    text = _TOKENS.sub("[token]", _UNPRINTABLE.sub(" ", text[: 4 * most])).strip()
    return text if len(text) <= most else text[: most - 1] + "…"


class NaiError(Exception):
    """Base of all errors of this library.

    Attributes:
        partial: what the answer had given before it failed (for a stream of text: its result so far), else None.
    """

    partial: object = None

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[NaiError], args: tuple[object, ...], fields: Mapping[str, object]) -> NaiError:
    """An error from its pickle; ``__init__`` is left out, since its keywords are the fields."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


class LocalProtocolError(NaiError):
    """A machine was driven out of order: a step that its state does not allow. Nothing was sent."""


class ClosedError(NaiError):
    """The client or the stream was closed or cancelled, here and not by the server; `partial` holds what had come."""


class InvalidRequestError(NaiError, ValueError):
    """A request that is not acceptable: refused here before anything is sent, or by the service (`RejectedRequestError`).

    Attributes:
        parameter: the name of the parameter that is wrong, or None.
    """

    parameter: str | None = None

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidTypeError(InvalidRequestError, TypeError):
    """A parameter has a value of a type that it does not take. The message names the parameter and what it takes."""


class FileError(NaiError, OSError):
    """A local file cannot be read or written, as the operating system says.

    Attributes:
        path: of the file, or ``""``.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidFile(NaiError, ValueError):
    """A local file is not what it should be: of another format, damaged, or of another account or model.

    Attributes:
        path: of the file, or ``""`` where only its content is known.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class MissingExtra(NaiError, ImportError):
    """A library that this needs is not installed; the message names the extra that brings it."""

    def __str__(self) -> str:
        return str(self.args[0])


class RemoteProtocolError(NaiError):
    """The server's bytes are not what the protocol says. The message names where and what was expected.

    Attributes:
        excerpt: the beginning of what came instead; kept out of the message.
    """

    def __init__(self, message: str, *, excerpt: str = "") -> None:
        super().__init__(message)
        self.excerpt = excerpt


class LimitExceeded(RemoteProtocolError):
    """The answer grew beyond one of the `Limits`.

    Attributes:
        what: what grew, for example ``"event"``.
        limit: how much of it is allowed.
        value: how much there was when reading stopped; at least ``limit + 1``.
    """

    def __init__(self, what: str, *, limit: int, value: int) -> None:
        super().__init__(f"{what}: {value} where at most {limit} are allowed (nai_proto.Limits)")
        self.what = what
        self.limit = limit
        self.value = value


class Truncated(RemoteProtocolError):
    """The data ended before the message did; `partial` holds what came."""


class StatusError(NaiError):
    """The service answered with a status that is not 2xx.

    See docs/protocol/native.md#4-errors-and-limits-all-endpoints.

    Attributes:
        status: the HTTP status.
        message: what the service said, as `excerpt` shows it.
        method: of the request.
        url: of the request, without query.
        request_id: the answer's identity for a support request, or None.
        retry_after: seconds to wait as the answer asked, or None.
        body: the beginning of the answer's body as it came.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        method: str = "",
        url: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(f"{status} {message}" + (f" ({method} {url})" if url else ""))
        self.status = status
        self.message = message
        self.method = method
        self.url = url
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body

    @staticmethod
    def kind(status: int, message: str = "") -> type[StatusError]:
        """The class for a status; the message tells the generation lock from other rate limits.

        See docs/protocol/native.md#41-error-body.
        """
        if status == 429 and "concurrent generation" in message.lower():
            return ConcurrentGenerationError
        return _KINDS.get(status, ServerError if 500 <= status < 600 else StatusError)


class RejectedRequestError(InvalidRequestError, StatusError):
    """400, 413 or 422: the service finds the request not valid."""

    def __init__(self, status: int, message: str, **fields: Any) -> None:
        StatusError.__init__(self, status, message, **fields)


class AuthenticationError(StatusError):
    """401: the token, or the access key of a login, is wrong, or this kind of token is not allowed here."""


class PaymentRequiredError(StatusError):
    """402: no active subscription, or not enough Anlas."""


class PermissionDeniedError(StatusError):
    """403: not in this plan, or refused by the gateway."""


class NotFoundError(StatusError):
    """404: no such object or path."""


class RequestTimeoutError(StatusError):
    """408: the service gave up waiting for the request."""


class ConflictError(StatusError):
    """409: the object changed meanwhile, or exists already."""


class RateLimitError(StatusError):
    """429: too many requests."""


class ConcurrentGenerationError(RateLimitError):
    """429: the account's one generation at a time is under way; it ends by itself.

    See docs/protocol/native.md#43-concurrency-timeouts-retry.
    """


class ServerError(StatusError):
    """5xx: the service or the gateway before it failed."""


_KINDS: Final[Mapping[int, type[StatusError]]] = {
    400: RejectedRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    413: RejectedRequestError,
    422: RejectedRequestError,
    429: RateLimitError,
}


class StreamError(NaiError):
    """The service reported an error inside a 2xx answer; `partial` holds what came before.

    See:
        docs/protocol/native.md#41-error-body
        docs/protocol/openai.md#65-errors-inside-a-stream

    Attributes:
        message: what the service said, as `excerpt` shows it.
        status: the ``statusCode`` it gave, or None.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{message} (statusCode {status})" if status is not None else message)
        self.message = message
        self.status = status


class CryptoError(NaiError):
    """Something sealed could not be read.

    Attributes:
        category: which check failed, such as ``"bad base64"``; all of them are in docs/protocol/content.md#21-bytes and
            docs/protocol/content.md#34-errors-a-reader-has-to-tell-apart.
    """

    def __init__(self, message: str, *, category: str = "") -> None:
        super().__init__(message)
        self.category = category


class DecryptionFailed(CryptoError):
    """The box does not open: a wrong key or altered bytes; the cipher cannot tell which."""


class Damaged(CryptoError):
    """Not of the right shape: base64, length, deflate, UTF-8 or JSON."""


class KeyConflict(CryptoError):
    """Two keystores have different keys for one object. Only one of the two opens it, so neither may go.

    Attributes:
        metas: of the objects.
    """

    def __init__(self, message: str, *, metas: tuple[str, ...], category: str = "two keys") -> None:
        super().__init__(message, category=category)
        self.metas = metas


class TransportError(NaiError):
    """The bytes did not get through.

    Attributes:
        sent: may the service have acted on the request? False only when it certainly has not.
        phase: where the transport was.
    """

    def __init__(self, message: str, *, sent: bool, phase: Phase) -> None:
        super().__init__(message)
        self.sent = sent
        self.phase: Phase = phase


class TimedOut(TransportError, TimeoutError):
    """A limit of `Timeouts` ran out; ``phase`` says which."""
