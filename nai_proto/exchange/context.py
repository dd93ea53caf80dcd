"""What is in force while a flow runs, as one value: given by the driver, narrowed by `with_options`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ..arguments import check_type
from ..limits import Limits, Timeouts
from ..secret import Token, parse_token
from .retry import RetryPolicy
from .session import Session

__all__ = ["NO_OPTIONS", "FlowContext", "FlowOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """What `with_options` changes; None changes nothing."""

    token: Token | None = None
    timeouts: Timeouts | None = None
    limits: Limits | None = None
    retry: RetryPolicy | None = None

    @classmethod
    def of(
        cls,
        token: Token | str | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
    ) -> FlowOptions:
        """Check the arguments of `with_options`.

        Raises:
            InvalidTypeError: one has another type.
            InvalidRequestError: the token is not printable ASCII without blanks.
        """
        for name, value, kind in (
            ("timeouts", timeouts, Timeouts),
            ("limits", limits, Limits),
            ("retry", retry, RetryPolicy),
        ):
            if value is not None:
                check_type(value, kind, name, f"nai.{kind.__name__}")
        return cls(token=None if token is None else parse_token(token), timeouts=timeouts, limits=limits, retry=retry)

    @property
    def is_empty(self) -> bool:
        """Do they change nothing?"""
        return self.token is None and self.timeouts is None and self.limits is None and self.retry is None

    def updated(self, later: FlowOptions) -> FlowOptions:
        """These options with those that ``later`` has."""
        return FlowOptions(
            token=later.token or self.token,
            timeouts=later.timeouts or self.timeouts,
            limits=later.limits or self.limits,
            retry=later.retry or self.retry,
        )


NO_OPTIONS: Final = FlowOptions()


@dataclass(frozen=True, slots=True)
class FlowContext:
    """What is in force at one point of a flow."""

    session: Session
    "Base URLs, token, header fields, limits, timeouts and retry policy."
    now: Callable[[], float]
    "The time of day: seconds since 1970."
    entropy: Callable[[int], bytes]
    "Draws so many random bytes."
    remaining: float | None = None
    "Seconds left of the run's ``total``; None is without limit."

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
        """How often, and how long, a request is repeated."""
        return self.session.retry

    def with_options(self, options: FlowOptions) -> FlowContext:
        """This context with those options that are set."""
        if options.is_empty:
            return self
        return replace(self, session=self.session.with_options(options))
