"""One account of the emulator: its keys, what it stores, and what it is doing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ...secret import AccessKey, PersistentToken
from ...tier import Tier
from ..errors import Refused
from .image_cache import ImageCache
from .profile import Profile
from .storage import Storage

__all__ = ["Account", "StreamProgress"]

_REMEMBERED: Final = 1000
"""Streams that an account remembers."""


@dataclass
class StreamProgress:
    """How far one stream has come."""

    endpoint: str
    "Its name in the endpoint table."
    chunks: int = 0
    "Written so far."
    complete: bool = False
    "Was it written to its end? Otherwise it goes on, failed, or was left by the client."


@dataclass(eq=False)
class Account:
    """One account."""

    email: str
    key: AccessKey
    persistent_token: PersistentToken
    number: int
    "Counted from 1: what it is told by for good, whatever else may change."
    storage: Storage
    "Keystore and objects."
    profile: Profile
    "Its subscription, trial and settings."
    generating: bool = field(default=False, init=False)
    "The lock: one generation at a time. See docs/protocol/native.md#43-concurrency-timeouts-retry."
    locked_until: float = field(default=0.0, init=False)
    """UNIX time until which the lock stays though nothing is generated.

    See docs/protocol/openai.md#74-concurrency-and-rate.
    """
    streams: deque[StreamProgress] = field(default_factory=lambda: deque(maxlen=_REMEMBERED), init=False)
    """Its last streams from the OpenAI-compatible endpoints, the newest last.

    See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
    """
    images: ImageCache = field(default_factory=ImageCache, init=False)
    "Those that it sent with keys. See docs/protocol/image.md#31-transport."

    @property
    def tier(self) -> Tier:
        """What it pays for now."""
        return self.profile.plan

    def charge(self, amount: int) -> None:
        """Takes so many Anlas, the subscription's before the bought ones.

        To be called when nothing else can be refused any more: only what succeeds is paid for.

        See:
            docs/protocol/image.md#210-account-data-that-image-clients-need
            docs/protocol/image.md#12-notes-for-an-emulator

        Raises:
            Refused: 402, there are not so many.
        """
        profile = self.profile
        if amount > profile.anlas + profile.bought_anlas:
            raise Refused(402, "Not enough Anlas")
        own = min(amount, profile.anlas)
        profile.anlas -= own
        profile.bought_anlas -= amount - own
