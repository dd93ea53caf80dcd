"""The options of one operation or flow, which `with_options` sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..arguments import check_type
from ..limits import Limits, Timeouts
from ..secret import Token, parse_token
from .retry import RetryPolicy

__all__ = ["NO_OPTIONS", "FlowOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """The options of one operation or flow; None is not set."""

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
        """Is no option set?"""
        return self.token is None and self.timeouts is None and self.limits is None and self.retry is None

    def updated(self, later: FlowOptions) -> FlowOptions:
        """Return these options, overridden by those that ``later`` has."""
        return FlowOptions(
            token=later.token or self.token,
            timeouts=later.timeouts or self.timeouts,
            limits=later.limits or self.limits,
            retry=later.retry or self.retry,
        )


NO_OPTIONS: Final = FlowOptions()
