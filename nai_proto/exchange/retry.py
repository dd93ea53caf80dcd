"""Whether to try again, and when: a pure decision, made from the error alone.

Two rules stand above all settings. A request whose events the caller has seen is never repeated. And a request that may
have been accepted is repeated only where repeating does no harm: a generation costs money and may be under way, so it
is tried again only after a refusal (429, 503) or when it certainly was not sent (native §4.3, openai §9.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import (
    ConcurrentGenerationError,
    NaiError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    TransportError,
    Truncated,
)
from .flow import Sleep

__all__ = ["CAREFUL", "NEVER", "REPEATABLE", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When an operation is tried again. Seconds throughout."""

    attempts: int = 3
    "Tries in all, the first included; at least 1."
    first: float = 0.5
    "The first wait; each further one is twice as long, shortened by up to a quarter by chance."
    ceiling: float = 8.0
    "No such wait is longer."
    lock: float = 2.0
    "While another generation runs on the account: this long after the first try, twice after the second …"
    patience: float = 120.0
    "A ``Retry-After`` beyond this is not waited for: the error is final."
    repeatable: bool = False
    "May the request be repeated when the service may have acted on it already?"

    def delay(self, attempt: int, error: NaiError, *, started: bool) -> Sleep | None:
        """The wait before the next try, or None when ``error`` is final.

        Args:
            attempt: which try failed, from 1.
            error: what it failed with.
            started: has the caller seen events of it?
        """
        if started or attempt >= self.attempts or not self._may_repeat(error):
            return None
        asked = error.retry_after if isinstance(error, StatusError) else None
        if asked is not None and asked > 0:
            return Sleep(asked, asked * 1.1) if asked <= self.patience else None
        if isinstance(error, ConcurrentGenerationError):
            return Sleep(self.lock * attempt, self.lock * attempt * 1.1)
        longest = min(self.first * 2.0 ** min(attempt - 1, 60), self.ceiling)
        return Sleep(longest * 0.75, longest)

    def _may_repeat(self, error: NaiError) -> bool:
        match error:
            case RateLimitError() | ServerError(status=503):
                return True
            case ServerError() | RequestTimeoutError() | Truncated():
                return self.repeatable
            case TransportError(sent=sent):
                return self.repeatable or not sent
            case _:
                return False


CAREFUL: Final = RetryPolicy()
"""For whatever costs or changes something."""
REPEATABLE: Final = RetryPolicy(repeatable=True)
"""For reading, and for what does no harm twice."""
NEVER: Final = RetryPolicy(attempts=1)
"""One try."""
