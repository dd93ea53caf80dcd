"""All errors of this library, as one tree::

    NaiError
    ├─ LocalProtocolError                 a step that the state does not allow
    ├─ ClosedError                        the client or the stream was closed or cancelled
    ├─ InvalidRequestError                refused before it is sent; also a ValueError
    │  ├─ InvalidTypeError                a value of the wrong type; also a TypeError
    │  ├─ UnknownChoiceError              no model, preset, sampler … has this name
    │  ├─ UnknownNameError                no object has this title or id; also a LookupError
    │  ├─ AmbiguousNameError              several objects have it; also a LookupError
    │  └─ RejectedRequestError            400 413 422; also a StatusError
    ├─ FileError                          a file cannot be read or written; also an OSError
    ├─ InvalidFile                        a local file has wrong contents; also a ValueError
    ├─ MissingExtra                       an extra is not installed; also an ImportError
    ├─ RemoteProtocolError                the server sent what the protocol does not allow
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
    │  ├─ DecryptionFailed                a wrong key, or changed ciphertext
    │  ├─ Damaged                         encrypted data of a wrong form
    │  └─ KeyConflict                     two different keys for one object
    └─ TransportError                     the request or the response was not transmitted
       └─ TimedOut                        also a builtin TimeoutError

Errors hold values, never live objects; they pickle with their fields. Received text enters an error's message only through
`excerpt`: short, printable, and without anything that looks like a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "AmbiguousNameError",
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
    "UnknownChoiceError",
    "UnknownNameError",
    "excerpt",
]

Phase: TypeAlias = Literal["pool", "connect", "write", "read", "idle", "total"]
"""What a transport was doing: waiting for a free connection, connecting, writing the request, waiting for the response's
head, waiting for more of its body; ``total`` is the budget of the whole run."""

# A persistent token, a JWT or the text after "Bearer", perhaps cut off, or an access key: people paste error messages in
# public places.
_TOKENS: Final = re.compile(
    r"(?i:pst-[\w-]+|(?<=\bBearer )\S+)|eyJ[\w-]{5,}(?:\.[\w-]*)*|(?<![\w-])[A-Za-z0-9_-]{64}(?![\w-])"
)
# Blanks, control characters, line ends of any kind, marks of writing direction, lone surrogates.
_UNPRINTABLE: Final = re.compile("[\x00-\x20\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def excerpt(text: str | bytes, most: int = 200) -> str:
    """Return the start of a received text for an error message: one line, at most ``most`` characters, tokens masked."""
    if isinstance(text, bytes):
        text = text[: 4 * most].decode("utf-8", "replace")
    text = _TOKENS.sub("[token]", _UNPRINTABLE.sub(" ", text[: 4 * most])).strip()
    return text if len(text) <= most else text[: most - 1] + "…"


class NaiError(Exception):
    """Base of all errors of this library.

    Attributes:
        partial: the result so far, when a response fails half-way (for a stream of text: the text so far), else None.
        advice: what a program can do about it, in Python: the end of the message. None if there is nothing to add.
    """

    partial: object = None
    advice: str | None = None

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.advice = advice

    @property
    def plain_message(self) -> str:
        """The message without `advice`: for people who write no Python."""
        return str(self) if self.advice is None else str(self).removesuffix(f"; {self.advice}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[NaiError], args: tuple[object, ...], fields: Mapping[str, object]) -> NaiError:
    """Rebuild an error from its pickle, without ``__init__``, whose keyword arguments are the fields."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


class LocalProtocolError(NaiError):
    """A state machine was asked for a step that its state does not allow. Nothing was sent."""


class ClosedError(NaiError):
    """The client or the stream was closed or cancelled on this side; `partial` has the result so far."""


class InvalidRequestError(NaiError, ValueError):
    """The request is not valid. Raised before anything is sent; `RejectedRequestError` is the service's own refusal.

    Attributes:
        parameter: the name of the wrong parameter, or None.
    """

    parameter: str | None = None

    def __init__(self, message: str, *, parameter: str | None = None, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.parameter = parameter


class InvalidTypeError(InvalidRequestError, TypeError):
    """A parameter has a value of a wrong type, or a call has an argument too many or too few. The message names it."""


class UnknownChoiceError(InvalidRequestError):
    """No model, preset, sampler or other thing to choose from has this name. The message has the nearest, and all there are.

    Attributes:
        name: that was given, shortened by `excerpt`.
        guesses: the names that come nearest, if any does.
        choices: all names that there are.
    """

    def __init__(
        self,
        message: str,
        *,
        name: str,
        guesses: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        parameter: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, parameter=parameter, advice=advice)
        self.name = name
        self.guesses = guesses
        self.choices = choices


class UnknownNameError(InvalidRequestError, LookupError):
    """Nothing that is stored has this title or id. The message lists what resembles it."""


class AmbiguousNameError(InvalidRequestError, LookupError):
    """Several stored things have this title, or a title or id that begins with it. The message lists them with their ids."""


class FileError(NaiError, OSError):
    """The operating system cannot read or write a local file.

    Attributes:
        path: of the file, or ``""``.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidFile(NaiError, ValueError):
    """A local file has another format, is damaged, or belongs to another account or model.

    Attributes:
        path: of the file, or ``""`` if only its content is known.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class MissingExtra(NaiError, ImportError):
    """A required library is not installed. The message names the extra that has it; how to install one differs.

    Attributes:
        extra: its name, such as ``image``.
    """

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra

    def __str__(self) -> str:
        return str(self.args[0])


class RemoteProtocolError(NaiError):
    """The server sent something that the protocol does not allow. The message names the place and what was expected.

    Attributes:
        excerpt: the beginning of what was received instead; not part of the message.
    """

    def __init__(self, message: str, *, excerpt: str = "", advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.excerpt = excerpt


class LimitExceeded(RemoteProtocolError):
    """The response is larger than one of the `Limits`.

    Attributes:
        what: what is too large, for example ``"event"``.
        limit: the size that is allowed.
        value: the size when reading stopped; at least ``limit + 1``.
    """

    def __init__(self, what: str, *, limit: int, value: int) -> None:
        super().__init__(f"{what}: {value} where at most {limit} are allowed", advice="nai_proto.Limits sets that")
        self.what = what
        self.limit = limit
        self.value = value


class Truncated(RemoteProtocolError):
    """The data ended before the message was complete; `partial` has the result so far."""


class StatusError(NaiError):
    """The service answered with a status that is not 2xx.

    See docs/protocol/native.md#4-errors-and-limits-all-endpoints.

    Attributes:
        status: the HTTP status.
        message: the service's message, shortened by `excerpt`.
        method: of the request.
        url: of the request, without query.
        request_id: an id to quote when you ask for support, or None.
        retry_after: seconds to wait, if the response says so, or None.
        body: the beginning of the response's body, as received.
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
        advice: str | None = None,
    ) -> None:
        super().__init__(f"{status} {message}" + (f" ({method} {url})" if url else ""), advice=advice)
        self.status = status
        self.message = message
        self.method = method
        self.url = url
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body

    @staticmethod
    def kind(status: int, message: str = "") -> type[StatusError]:
        """Return the class for a status; the message distinguishes the generation lock from other rate limits.

        See docs/protocol/native.md#41-error-body.
        """
        if status == 429 and "concurrent generation" in message.lower():
            return ConcurrentGenerationError
        return _KINDS.get(status, ServerError if 500 <= status < 600 else StatusError)


class RejectedRequestError(InvalidRequestError, StatusError):
    """400, 413 or 422: the service refused the request as not valid."""

    def __init__(self, status: int, message: str, **fields: Any) -> None:
        StatusError.__init__(self, status, message, **fields)


class AuthenticationError(StatusError):
    """401: the token, or the access key of a login, is wrong, or the endpoint does not take this kind of token.

    `advice` says whether there was a token at all.
    """


class PaymentRequiredError(StatusError):
    """402: no active subscription, or not enough Anlas."""


class PermissionDeniedError(StatusError):
    """403: not included in the account's tier, or refused by the gateway."""


class NotFoundError(StatusError):
    """404: no such object or path."""


class RequestTimeoutError(StatusError):
    """408: the service gave up waiting for the request."""


class ConflictError(StatusError):
    """409: the object was changed by someone else, or exists already."""


class RateLimitError(StatusError):
    """429: too many requests."""


class ConcurrentGenerationError(RateLimitError):
    """429: another generation is running on the account, which allows one at a time. Wait until it ends.

    See docs/protocol/native.md#43-concurrency-timeouts-retry.
    """


class ServerError(StatusError):
    """5xx: the service, or the gateway in front of it, failed."""


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
    """The service reported an error inside a 2xx response; `partial` has the result so far.

    See:
        docs/protocol/native.md#41-error-body
        docs/protocol/openai.md#65-errors-inside-a-stream

    Attributes:
        message: the service's message, shortened by `excerpt`.
        status: its ``statusCode``, or None.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{message} (statusCode {status})" if status is not None else message)
        self.message = message
        self.status = status


class CryptoError(NaiError):
    """Encrypted data could not be read.

    Attributes:
        category: the check that failed, such as ``"bad base64"``; listed in docs/protocol/content.md#21-bytes and
            docs/protocol/content.md#34-errors-a-reader-has-to-tell-apart.
    """

    def __init__(self, message: str, *, category: str = "") -> None:
        super().__init__(message)
        self.category = category


class DecryptionFailed(CryptoError):
    """The key is wrong or the ciphertext was changed; the cipher cannot tell which."""


class Damaged(CryptoError):
    """Encrypted data has a wrong form: base64, length, deflate, UTF-8 or JSON."""


class KeyConflict(CryptoError):
    """Two keystores have different keys for one object. Only one of them opens it, so both are kept.

    Attributes:
        metas: the ids of the objects' keys in the keystore.
    """

    def __init__(self, message: str, *, metas: tuple[str, ...], category: str = "two keys") -> None:
        super().__init__(message, category=category)
        self.metas = metas


class TransportError(NaiError):
    """The request or the response was not transmitted.

    Attributes:
        sent: may the service have acted on the request? False only if it certainly has not.
        phase: what the transport was doing.
    """

    def __init__(self, message: str, *, sent: bool, phase: Phase) -> None:
        super().__init__(message)
        self.sent = sent
        self.phase: Phase = phase


class TimedOut(TransportError, TimeoutError):
    """One of the `Timeouts` was reached: ``phase`` names it."""
