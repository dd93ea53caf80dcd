"""Decide whether and when a request is repeated, from the error alone, without I/O.

Two rules override all settings. A request is not repeated after its first event, other than by a flow that leaves out what
comes twice. And an operation has a rule of its own (`Repeat`): a generation costs money and may already run, so it is sent
again only if the service has certainly not acted on it. A policy sets only how often requests are repeated, and how long to
wait.

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
    "Never: the effects of a second request cannot be distinguished from those of the first."
    IF_NOT_ACTED = "if not acted"
    "If the service has certainly not acted on it: for requests that cost or change something."
    ALWAYS = "always"
    "Even if the service may have acted on it: for reading, and for what is harmless when done twice."
    EVEN_AFTER_EVENTS = "even after events"
    "Always, and also after its first events: for reading, in a flow that leaves out the events that come twice."


def may_have_acted(error: NaiError) -> bool:
    """Return whether the service may have acted on the request that failed with ``error``.

    With 429 and 503, the service refuses a request before it reads it. A 408, or another 5xx, may come from a gateway that
    lost the response. After a truncated response, the service has acted. A transport error has ``sent``.
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
    """How often a request is repeated, and how long to wait. All times are in seconds.

    Raises:
        InvalidRequestError: a number is negative, or ``attempts`` is less than 1.
    """

    attempts: int = 3
    "Tries in all, including the first; at least 1. Tries that met the generation lock do not count."
    base_delay: float = 0.5
    "The first wait; each further wait is twice as long. A wait is shortened at random by up to a quarter."
    max_delay: float = 8.0
    "The longest of these waits."
    lock_wait: float = 60.0
    "Limit of all waits for another generation on the account; a generation takes 10 to 60 seconds."
    max_retry_after: float = 120.0
    "The longest ``Retry-After`` to wait for; a longer one raises the error."

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
        """Return the least and the most seconds to wait before the next try, or None if ``error`` is final.

        Args:
            attempt: the number of the try that failed, from 1, without those that met the generation lock.
            error: of the try.
            repeat: when the operation may be sent again.
            started: has the caller received events?
            waited: seconds waited for the generation lock so far.
            remaining: seconds left of the run's ``total``. A longer wait is not begun, so that ``error`` is raised
                instead of a timeout.
        """
        if (started and repeat is not Repeat.EVEN_AFTER_EVENTS) or not _is_repeatable(error, repeat):
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
        """Wait a second first, then longer each time, until `lock_wait` is used up."""
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
    return repeat in (Repeat.ALWAYS, Repeat.EVEN_AFTER_EVENTS) or not may_have_acted(error)


NO_RETRY: Final = RetryPolicy(attempts=1, lock_wait=0.0)
"""A policy with one try."""
