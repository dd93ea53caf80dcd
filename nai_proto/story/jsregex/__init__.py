"""Regular expressions of JavaScript (ECMA-262 §22.2) with a bound on what a search may cost.

A lorebook's keys are patterns that somebody else wrote, for JavaScript's engine. Python's `re` has another syntax and has no
defence against a pattern such as ``(a+)+$``. This package therefore has its own backtracking matcher, which follows the
standard and counts its steps.

It supports ECMAScript 2024 except the flag ``v`` and most Unicode properties; without the flag ``u`` it also accepts the
lenient syntax of annex B. Module `regex` explains which positions it reports.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from .pattern_source import PatternError, UnsupportedPattern
from .regex import Match, Regex, compile  # noqa: A004 - as `re` has it
from .text_forms import Span

__all__ = ["Match", "PatternError", "Regex", "Span", "UnsupportedPattern", "compile"]


def __dir__() -> list[str]:
    return __all__
