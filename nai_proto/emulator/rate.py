"""How many requests an account may make in a while.

See docs/protocol/native.md#42-status-codes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from .accounts import Account
from .answers import Refused
from .switches import Switches

__all__ = ["Rate"]

_NOBODY: Final = 0
"""Accounts are counted from 1."""


class Rate:
    """The requests of every account that still count.

    Args:
        now: UNIX time in seconds.
        switches: how many there may be, and for how long each counts.
    """

    def __init__(self, now: Callable[[], float], switches: Switches) -> None:
        self._now = now
        self._most = switches.rate
        self._while = switches.per_seconds
        self._recent: dict[int, deque[float]] = {}

    def count(self, account: Account | None) -> None:
        """One request more. One that is refused does not count: whoever waits as long as it says is served.

        Raises:
            Refused: 429, these are too many.
        """
        if self._most is None:
            return
        now = self._now()
        number = _NOBODY if account is None else account.number
        recent = self._recent.setdefault(number, deque(maxlen=self._most))
        if len(recent) == self._most and (left := recent[0] + self._while - now) > 0:
            raise Refused(429, "Too Many Requests", retry_after=math.ceil(left))
        recent.append(now)
