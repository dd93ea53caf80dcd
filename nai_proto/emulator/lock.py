"""One generation at a time per account, whatever endpoint it is asked of.

See:
    docs/protocol/native.md#43-concurrency-timeouts-retry
    docs/protocol/openai.md#74-concurrency-and-rate
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..exchange.reply import Handler
from .accounts import Account
from .answers import Refused
from .switches import Switches

__all__ = ["Lock"]


class Lock:
    """The lock of every account.

    Args:
        now: UNIX time in seconds.
        switches: whether there is a lock, what it says and how long it stays.
    """

    def __init__(self, now: Callable[[], float], switches: Switches) -> None:
        self._now: Final = now
        self._switches: Final = switches

    def held(self, account: Account, handler: Callable[[], Handler]) -> Handler:
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
