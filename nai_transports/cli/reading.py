"""What a command reads: standard input as text."""

from __future__ import annotations

import sys

from nai_proto.errors import InvalidFile

__all__ = ["given", "standard_input"]


def given(argument: str) -> str:
    """The argument, but for ``-``, which is standard input without the end of its last line.

    Raises:
        InvalidFile: what comes is not UTF-8.
    """
    return standard_input().removesuffix("\n") if argument == "-" else argument


def standard_input() -> str:
    """All of it, as it is.

    Raises:
        InvalidFile: it is not UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        problem = f"standard input is not UTF-8 (at byte {error.start})"
    raise InvalidFile(problem)
