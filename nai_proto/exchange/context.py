"""The context in which a flow runs, as one value: made by the driver, changed by `with_options`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..limits import Limits, Timeouts
from .options import FlowOptions
from .retry import RetryPolicy
from .session import Session

__all__ = ["FlowContext"]


@dataclass(frozen=True, slots=True)
class FlowContext:
    """The context in force at one point of a flow."""

    session: Session
    "Base URLs, token, header fields, limits, timeouts and retry policy."
    now: Callable[[], float]
    "The time of day: seconds since 1970."
    entropy: Callable[[int], bytes]
    "Returns so many random bytes."
    remaining: float | None = None
    "Seconds left of the run's ``total``; None means no limit."

    @property
    def limits(self) -> Limits:
        """Bounds for what the server sends."""
        return self.session.limits

    @property
    def timeouts(self) -> Timeouts:
        """Seconds to wait, by phase."""
        return self.session.timeouts

    @property
    def retry(self) -> RetryPolicy:
        """How often a request is repeated, and how long to wait."""
        return self.session.retry

    def with_options(self, options: FlowOptions) -> FlowContext:
        """Return this context with the options that are set."""
        if options.is_empty:
            return self
        return replace(self, session=self.session.with_options(options))
