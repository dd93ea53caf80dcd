"""How the emulator takes what sources leave open, and how much of it an account gets (native §4.3, §9.6, §17).

What only the OpenAI-compatible endpoints have is switched by `OpenAISwitches`; no name is in both.
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
    """Is native text refused that would be longer than model and plan allow (native §9.6)? The text host's status is not
    known, 400 is a choice of ours; the api host's was seen: 201, and ``{"error": "ModelMaxLength: …"}``. Tokens are counted
    by the model's tokenizer where it is to be had, else in the emulator's own pieces."""
    strict_bodies: bool = False
    """Is a body refused that clients send, and that the official documents do not allow? These are: a plan that is text; a
    registration without ``emailCleartext`` or ``allowMarketingEmails``, or with ``recapcha`` (native §6.1); on the api host
    a generation without ``max_length``, ``min_length`` and ``force_emotion`` (native §17.3)."""
    staging: bool = False
    "Does the text host have the staging models: ``blue``, ``red`` and the other colours (native §1.2)?"
    include_stop: bool = True
    "Does native text end with the stop sequence that ends it? No source tells (native §18)."

    # Pictures (image §2, §3.1).
    created: bool = False
    "Are pictures and encoded vibes answered with 201, as the official documents say, and not with 200, as was seen?"
    image_cache: int = 67_108_864
    "Bytes of images that are remembered for an account under the keys that it sent with them; 0 remembers none."

    old_routes: bool = False
    """Does the api host have again what released clients still ask it for (image §12): upscaling by ``scale``, and an
    account's subscription? Where all hosts have one address, an upscale that names no model is meant so."""

    # The lock that all generations of an account share, whatever endpoint they are asked of (native §4.3, openai §7.4).
    lock: bool = True
    "Is a second generation refused while one runs?"
    retry_after: int | None = None
    "Seconds that such a refusal asks to wait, in ``Retry-After``; None does not say: no source has seen it (openai §7.4)."
    linger: float = 0.0
    "Seconds that the lock stays when a client left before its answer was complete."

    # How much may be asked. No source has numbers: JAVA keeps itself to one request a second (native §4.3).
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
