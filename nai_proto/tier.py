"""What accounts pay for."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Tier"]


class Tier(IntEnum):
    """What an account pays for, as the service numbers it. As a text it is its name: ``Opus``.

    See docs/protocol/native.md#64-subscription.
    """

    PAPER = 0
    "Nothing, or a trial."
    TABLET = 1
    SCROLL = 2
    OPUS = 3

    def __str__(self) -> str:
        return self.name.capitalize()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
