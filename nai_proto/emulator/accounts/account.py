"""One account of the emulator: its keys, what it stores, and what it is doing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ...secret import AccessKey, PersistentToken
from ...tier import Tier
from ..errors import Refused
from .profile import Profile
from .storage import Storage
from .trained_modules import ModuleCollection

__all__ = ["Account", "ImageCache", "StreamProgress"]


class ImageCache:
    """The images that an account has sent with keys; the least recently used ones are dropped first.

    See docs/protocol/image.md#31-transport.
    """

    def __init__(self) -> None:
        self._images: dict[str, bytes] = {}
        self._size = 0

    def get(self, key: str) -> bytes | None:
        """Return the image under a key; None if it is not there any more."""
        image = self._images.pop(key, None)
        if image is not None:
            self._images[key] = image
        return image

    def put(self, key: str, image: bytes, max_bytes: int) -> None:
        """Keep an image, unless it is larger than the whole cache may be.

        Args:
            key: made by the client.
            image: its bytes.
            max_bytes: of all images together.
        """
        self._size -= len(self._images.pop(key, b""))
        if len(image) <= max_bytes:
            self._images[key] = image
            self._size += len(image)
        while self._size > max_bytes:
            self._size -= len(self._images.pop(next(iter(self._images))))


_KEPT_STREAMS: Final = 1000
"""How many streams an account keeps track of."""


@dataclass
class StreamProgress:
    """How much of one streamed response has been sent."""

    endpoint: str
    "Its name in the endpoint table."
    chunks: int = 0
    "Chunks sent so far."
    complete: bool = False
    "Was it sent to its end? Otherwise it is running, has failed, or the client has left."


@dataclass(eq=False)
class Account:
    """One account of the emulator."""

    email: str = field(repr=False)
    key: AccessKey = field(repr=False)
    persistent_token: PersistentToken = field(repr=False)
    number: int
    "Counted from 1. It identifies the account, and never changes; one that is deleted may leave it to a new one."
    storage: Storage
    "Keystore and objects."
    profile: Profile
    "Its subscription, trial and settings."
    modules: ModuleCollection = field(repr=False)
    "The modules that it has trained."
    generating: bool = field(default=False, init=False)
    "Does it hold the generation lock? See docs/protocol/native.md#43-concurrency-timeouts-retry."
    locked_until: float = field(default=0.0, init=False)
    """UNIX time until which the lock stays although nothing is generated.

    See docs/protocol/openai.md#74-concurrency-and-rate.
    """
    request_times: deque[float] = field(default_factory=deque[float], init=False, repr=False)
    "UNIX times of the requests that count against the rate limit. It ends with the account: numbers are used again."
    streams: deque[StreamProgress] = field(default_factory=lambda: deque(maxlen=_KEPT_STREAMS), init=False, repr=False)
    """Its latest streams from the OpenAI-compatible endpoints, the newest last.

    See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
    """
    images: ImageCache = field(default_factory=ImageCache, init=False, repr=False)
    "Images that it sent with keys. See docs/protocol/image.md#31-transport."

    @property
    def tier(self) -> Tier:
        """The tier that it pays for now."""
        return self.profile.plan

    def charge(self, amount: int) -> None:
        """Deduct Anlas, the subscription's before the bought ones.

        Call it when nothing else can fail any more: only requests that succeed are paid for.

        See:
            docs/protocol/image.md#210-account-data-that-image-clients-need
            docs/protocol/image.md#12-notes-for-an-emulator

        Raises:
            Refused: 402, the account does not have as many.
        """
        profile = self.profile
        if amount > profile.anlas + profile.bought_anlas:
            raise Refused(
                402,
                "Not enough Anlas",
                reason=f"this costs {amount} Anlas, and the account has {profile.anlas + profile.bought_anlas}; "
                "`nai emulate --anlas`, or add_account(anlas=...) in Python, gives it more",
            )
        from_subscription = min(amount, profile.anlas)
        profile.anlas -= from_subscription
        profile.bought_anlas -= amount - from_subscription
