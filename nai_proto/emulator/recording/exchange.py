"""One exchange as a value: what was asked, what went out when, and how it ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from ...exchange.reply import Raw, Start, Write
from ...http import NO_HEADERS, Headers

__all__ = ["Ending", "Exchange", "Going", "Sent"]

Going: TypeAlias = Start | Write | Raw
"""The actions that send something."""


class Ending(enum.Enum):
    """How an exchange ended."""

    COMPLETE = "complete"
    "with all of the answer"
    CUT = "cut"
    "the server closed the connection"
    LEFT = "left"
    "the client did, before the answer was complete"


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that the server sent."""

    action: Going
    after: float = 0.0
    "Seconds since what was sent before it; for the first, since the request came."


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and what became of it."""

    method: str
    target: str = field(repr=False)
    headers: Headers = NO_HEADERS
    body: bytes = field(default=b"", repr=False)
    "As far as the server read it."
    whole: bool = True
    "Did it read the body to its end?"
    answer: tuple[Sent, ...] = field(default=(), repr=False)
    "In order; a body stays in the pieces in which it was written."
    ending: Ending = Ending.COMPLETE
