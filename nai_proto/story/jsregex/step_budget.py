"""A bound on what several searches cost together, counted in steps of the matcher: see `matcher`."""

from __future__ import annotations

from ...errors import LimitExceeded

__all__ = ["StepBudget"]


class StepBudget:
    """The steps that several searches may take together.

    Args:
        limit: steps.
        what: has this limit, for the error: ``"steps of the searches for keys"``.
    """

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._spenders: dict[str, int] = {}
        self.left = limit
        "The steps that are left; below 0 when more were taken than there were."
        self.spender = ""
        "Who takes the steps, for the error; empty if nobody is named."

    def __repr__(self) -> str:
        return f"<StepBudget: {self.left} of {self._limit} left>"

    def spend(self, steps: int) -> None:
        """Take steps. `check` raises when they were too many."""
        self.left -= steps
        self._spenders[self.spender] = self._spenders.get(self.spender, 0) + steps

    def check(self) -> None:
        """Check that no more steps were taken than there were.

        Raises:
            LimitExceeded: there were. The message names who took most of them.
        """
        if self.left < 0:
            most = max(self._spenders, key=lambda name: self._spenders[name], default="")
            raise LimitExceeded(
                f"{self._what}{f', most of them for {most!r}' if most else ''}",
                limit=self._limit,
                value=self._limit + 1,
            )
