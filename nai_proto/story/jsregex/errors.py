"""What can be wrong with a pattern."""

from __future__ import annotations

from ...errors import RemoteProtocolError, excerpt

__all__ = ["PatternError", "UnsupportedPattern"]


class PatternError(RemoteProtocolError):
    """A pattern that JavaScript refuses as well.

    Attributes:
        problem: what is wrong, in a few words.
        at: where, in UTF-16 units without the flag ``u`` and in characters with it; None if nowhere in particular.
    """

    def __init__(self, problem: str, pattern: str, at: int | None = None) -> None:
        place = "" if at is None else f", at {at}"
        super().__init__(f"regular expression /{excerpt(pattern, 60)}/: {problem}{place}", excerpt=excerpt(pattern))
        self.problem = problem
        self.at = at


class UnsupportedPattern(PatternError):
    """A pattern that is fine in JavaScript, or in some versions of it, and not understood here; `problem` names the part."""
