"""Whether a request is repeated, and when: a pure decision, made from the error alone.

Two facts stand above all settings. A request whose events the caller has seen is never repeated. And what may be repeated
at all is a fact of the operation (`Repeat`): a generation costs money and may be under way, so it is sent again only when
the service has certainly not acted on it. A policy only says how often and how long.

See:
    docs/protocol/native.md#43-concurrency-timeouts-retry
    docs/protocol/openai.md#93-retry-policy
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from ..arguments import check_type
from ..errors import (
    ConcurrentGenerationError,
    InvalidRequestError,
    NaiError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    TransportError,
    Truncated,
)
from ..limits import repr_changed

__all__ = ["NO_RETRY", "Repeat", "RetryPolicy", "may_have_acted"]


class Repeat(enum.Enum):
    """When an operation may be sent again."""

    NEVER = "never"
    "Not at all: what becomes of a second one cannot be told from the first."
    IF_NOT_ACTED = "if not acted"
    "When the service has certainly not acted on it: for whatever costs or changes something."
    ALWAYS = "always"
    "Also when it may have: for reading, and for what does no harm twice."


def may_have_acted(error: NaiError) -> bool:
    """Say whether the service may have acted on the request that failed with ``error``.

    429 and 503 are refusals: the service turns a request away before it looks at it. Any other 5xx may come from a gateway
    that lost the answer, and so may a 408. An answer that broke off was an answer. Of a transport error ``sent`` tells.
    """
    match error:
        case RateLimitError() | ServerError(status=503):
            return False
        case ServerError() | RequestTimeoutError() | Truncated():
            return True
        case TransportError(sent=sent):
            return sent
        case StatusError():
            return False
        case _:
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and how long, a request is repeated. Seconds throughout.

    Raises:
        InvalidRequestError: a number is negative, or ``attempts`` is less than 1.
    """

    attempts: int = 3
    "Tries in all, the first included; at least 1. Tries that met the generation lock do not count."
    base_delay: float = 0.5
    "The first wait; each further one is twice as long, shortened by up to a quarter by chance."
    max_delay: float = 8.0
    "No such wait is longer."
    lock_wait: float = 60.0
    "How long to wait in all while another generation runs on the account; a generation takes 10 to 60 seconds."
    max_retry_after: float = 120.0
    "A ``Retry-After`` beyond this is not waited for: the error is final."

    __repr__ = repr_changed

    def __post_init__(self) -> None:
        check_type(self.attempts, int, "attempts", "a whole number")
        for name in ("base_delay", "max_delay", "lock_wait", "max_retry_after"):
            value: object = getattr(self, name)
            check_type(value, (int, float), name, "seconds")
            if not value >= 0:  # type: ignore[operator]
                raise InvalidRequestError(f"{name} is {value}; it takes 0 or more seconds", parameter=name)
        if self.attempts < 1:
            raise InvalidRequestError(f"attempts is {self.attempts}; it takes 1 or more", parameter="attempts")

    def delay(
        self,
        attempt: int,
        error: NaiError,
        *,
        repeat: Repeat = Repeat.IF_NOT_ACTED,
        started: bool = False,
        waited: float = 0.0,
        remaining: float | None = None,
    ) -> tuple[float, float] | None:
        """Return the least and the most seconds to wait before the next try, or None when ``error`` is final.

        Args:
            attempt: which try failed, from 1; those that met the generation lock left out.
            error: what it failed with.
            repeat: when the operation may be sent again.
            started: has the caller seen events of it?
            waited: seconds that were waited for the generation lock so far.
            remaining: seconds left of the run's ``total``. A wait that does not fit is not begun, so that the caller gets
                the refusal, and not a timeout in its place.
        """
        if started or not _is_repeatable(error, repeat):
            return None
        if isinstance(error, ConcurrentGenerationError):
            wait = self._lock_delay(error, waited)
        elif attempt >= self.attempts:
            return None
        else:
            wait = self._delay(attempt, error)
        if wait is None or (remaining is not None and wait[0] >= remaining):
            return None
        return wait if remaining is None else (wait[0], min(wait[1], remaining))

    def _lock_delay(self, error: ConcurrentGenerationError, waited: float) -> tuple[float, float] | None:
        """Wait a second at first, and longer with each refusal, until `lock_wait` is used up."""
        left = self.lock_wait - waited
        least = error.retry_after or min(max(1.0, waited / 2), 8.0)
        return None if left <= 0 or least > left else (least, min(least * 1.1, left))

    def _delay(self, attempt: int, error: NaiError) -> tuple[float, float] | None:
        retry_after_s = error.retry_after if isinstance(error, StatusError) else None
        if retry_after_s is not None and retry_after_s > 0:
            return (retry_after_s, retry_after_s * 1.1) if retry_after_s <= self.max_retry_after else None
        longest = min(self.base_delay * 2.0 ** min(attempt - 1, 60), self.max_delay)
        return longest * 0.75, longest


def _is_repeatable(error: NaiError, repeat: Repeat) -> bool:
    if repeat is Repeat.NEVER or not isinstance(
        error, RateLimitError | ServerError | RequestTimeoutError | Truncated | TransportError
    ):
        return False
    return repeat is Repeat.ALWAYS or not may_have_acted(error)


NO_RETRY: Final = RetryPolicy(attempts=1, lock_wait=0.0)
"""One try."""
