"""Regular expressions of JavaScript, with a bound on what they may cost (ECMA-262 §22.2).

See docs/protocol/content.md#82-which-entries-take-part.

A lorebook's keys are patterns that somebody else wrote, in a syntax that Python's `re` does not have, for an engine that can
be kept busy for ever by ``(a+)+$``. So the matcher is our own: it backtracks as the standard says, and counts its steps.

All of ECMAScript 2024 is understood but the flag ``v`` and most properties of characters; without ``u`` also the lenient
syntax of annex B. `regex` tells what a character is.
"""

from __future__ import annotations

from .errors import PatternError, UnsupportedPattern
from .regex import Match, Regex, Span, compile  # noqa: A004 - as `re` has it

__all__ = ["Match", "PatternError", "Regex", "Span", "UnsupportedPattern", "compile"]
