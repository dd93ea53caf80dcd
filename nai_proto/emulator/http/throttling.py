"""The limits that answer with 429: one generation at a time for an account, and requests in a while.

See:
    docs/protocol/native.md#42-status-codes
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
    """Lets each account have one generation at a time, over all endpoints.

    Args:
        now: returns UNIX time in seconds.
        switches: whether there is a lock, its ``Retry-After``, and how long it lasts after a client has left.
    """

    def __init__(self, now: Callable[[], float], switches: Switches) -> None:
        self._now: Final = now
        self._switches: Final = switches

    def hold(self, account: Account, handler: Callable[[], Handler]) -> Handler:
        """Run the handler under the account's lock, until the response is sent or the client has left.

        Raises:
            Refused: 429, the account is generating.
        """
        switches = self._switches
        if switches.lock and (account.generating or self._now() < account.locked_until):
            raise Refused(
                429,
                "Concurrent generation is locked",
                reason="another generation of this account runs, or its client has just left; wait for its response to end "
                "and send one at a time, or switch lock off",
                retry_after=switches.retry_after,
            )
        account.generating = True
        try:
            yield from handler()
        except GeneratorExit:
            account.locked_until = self._now() + switches.linger
            raise
        finally:
            account.generating = False


class RateLimit:
    """Counts each account's requests of the last seconds.

    Args:
        now: returns UNIX time in seconds.
        switches: how many requests are allowed, and for how many seconds each of them counts.
    """

    def __init__(self, now: Callable[[], float], switches: Switches) -> None:
        self._now = now
        self._max_requests = switches.rate
        self._seconds = switches.per_seconds
        self._times_without_token: deque[float] = deque()

    def count(self, account: Account | None) -> None:
        """Count a request. A refused one does not count, so a client that waits as long as it is asked to is served.

        Args:
            account: None for requests without a token, which share one limit.

        Raises:
            Refused: 429, there are too many requests.
        """
        if self._max_requests is None:
            return
        now = self._now()
        times = self._times_without_token if account is None else account.request_times
        while times and times[0] + self._seconds <= now:
            times.popleft()
        if len(times) >= self._max_requests:
            left = times[0] + self._seconds - now
            wait = math.ceil(left)
            raise Refused(
                429,
                "Too Many Requests",
                reason=f"the switch rate allows {self._max_requests} requests in {self._seconds:g} s; wait {wait} s",
                retry_after=wait,
            )
        times.append(now)
