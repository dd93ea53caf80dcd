"""What accounts pay for."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Tier"]


class Tier(IntEnum):
    """What an account pays for, as the service numbers it.

    See docs/protocol/native.md#64-subscription.
    """

    PAPER = 0
    "Nothing, or a trial."
    TABLET = 1
    SCROLL = 2
    OPUS = 3
