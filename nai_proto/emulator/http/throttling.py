"""One generation at a time per account, whatever endpoint it is asked of.

See:
    docs/protocol/native.md#43-concurrency-timeouts-retry
    docs/protocol/openai.md#74-concurrency-and-rate
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from ...exchange.reply import Handler
from ..accounts.account import Account
from ..errors import Refused
from ..switches import Switches

__all__ = ["GenerationLock", "RateLimit"]


class GenerationLock:
    """The lock of every account.

    Args:
        now: UNIX time in seconds.
        switches: whether there is a lock, what it says and how long it stays.
    """

    def __init__(self, now: Callable[[], float], switches: Switches) -> None:
        self._now: Final = now
        self._switches: Final = switches

    def hold(self, account: Account, handler: Callable[[], Handler]) -> Handler:
        """The handler's answer, under the lock, which goes when the answer is sent or the client has left."""
        switches = self._switches
        if switches.lock and (account.generating or self._now() < account.locked_until):
            raise Refused(429, "Concurrent generation is locked", retry_after=switches.retry_after)
        account.generating = True
        try:
            yield from handler()
        except GeneratorExit:
            account.locked_until = self._now() + switches.linger
            raise
        finally:
            account.generating = False


_NOBODY: Final = 0
"""Accounts are counted from 1."""


class RateLimit:
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
