"""How the emulator takes what sources leave open, and how much of it an account gets.

What only the OpenAI-compatible endpoints have is switched by `OpenAISwitches`; no name is in both.

See:
    docs/protocol/native.md#43-concurrency-timeouts-retry
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#17-checklist-for-the-emulator
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import InvalidRequestError

__all__ = ["Switches"]

_ABOVE_ZERO: Final = 0.001
_LEAST: Final = {"image_cache": 0, "retry_after": 0, "linger": 0, "rate": 1, "per_seconds": _ABOVE_ZERO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """One value of all switches. The defaults are what is documented, and where sources are silent the lenient way.

    Raises:
        InvalidRequestError: a number is too small.
    """

    # What a request may be.
    strict_limits: bool = False
    """Is native text refused that would be longer than model and plan allow? The text host's status is not
    known, 400 is a choice of ours; the api host's was seen: 201, and ``{"error": "ModelMaxLength: …"}``. Tokens are counted
    by the model's tokenizer where it is to be had, else in the emulator's own pieces.

    See docs/protocol/native.md#96-context-and-length-limits.
    """
    strict_bodies: bool = False
    """Is a body refused that clients send, and that the official documents do not allow? These are: a plan that is text; a
    registration without ``emailCleartext`` or ``allowMarketingEmails``, or with ``recapcha``; on the api host
    a generation without ``max_length``, ``min_length`` and ``force_emotion``.

    See:
        docs/protocol/native.md#61-request-schemas
        docs/protocol/native.md#173-text-voice-modules
    """
    staging: bool = False
    """Does the text host have the staging models: ``blue``, ``red`` and the other colours?

    See docs/protocol/native.md#12-which-host-per-text-model.
    """
    include_stop: bool = True
    """Does native text end with the stop sequence that ends it? No source tells.

    See docs/protocol/native.md#18-open-points.
    """

    # Pictures (docs/protocol/image.md#2-endpoints, docs/protocol/image.md#31-transport).
    created: bool = False
    "Are pictures and encoded vibes answered with 201, as the official documents say, and not with 200, as was seen?"
    image_cache: int = 67_108_864
    "Bytes of images that are remembered for an account under the keys that it sent with them; 0 remembers none."

    old_routes: bool = False
    """Does the api host have again what released clients still ask it for: upscaling by ``scale``, and an
    account's subscription? Where all hosts have one address, an upscale that names no model is meant so.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """

    # The lock that all generations of an account share, whatever endpoint they are asked of:
    # docs/protocol/native.md#43-concurrency-timeouts-retry, docs/protocol/openai.md#74-concurrency-and-rate.
    lock: bool = True
    "Is a second generation refused while one runs?"
    retry_after: int | None = None
    """Seconds that such a refusal asks to wait, in ``Retry-After``; None does not say: no source has seen it.

    See docs/protocol/openai.md#74-concurrency-and-rate.
    """
    linger: float = 0.0
    "Seconds that the lock stays when a client left before its answer was complete."

    # How much may be asked. No source has numbers: JAVA keeps itself to one request a second
    # (docs/protocol/native.md#43-concurrency-timeouts-retry).
    rate: int | None = None
    """Requests that an account may make in a while; all that have no token are of one account. What is too much is
    answered with 429, and with ``Retry-After``. None is as many as one likes."""
    per_seconds: float = 60.0
    "How long that while is."

    @property
    def drawn(self) -> int:
        """The status of an answer that was drawn or encoded."""
        return 201 if self.created else 200

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidRequestError(f"{name} is at least {least}, not {value}", parameter=name)
