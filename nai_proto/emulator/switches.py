"""Switches of the emulator: how it behaves where the sources leave it open, and which limits an account has.

Those of the OpenAI-compatible endpoints are in `OpenAISwitches`; no name is in both.

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
_LEAST: Final = {
    "image_cache": 0,
    "training_speed": _ABOVE_ZERO,
    "training_limit": 0,
    "retry_after": 0,
    "linger": 0,
    "rate": 1,
    "per_seconds": _ABOVE_ZERO,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """A setting of all switches. The defaults follow the documents, and are lenient where the sources are silent.

    Raises:
        InvalidRequestError: a number is too small.
    """

    # What a request may be.
    strict_limits: bool = True
    """Refuse native text generation that would be longer than model and plan allow? The text host's status is not
    known; 400 is our choice. The api host's was observed: 201, and ``{"error": "ModelMaxLength: …"}``. Tokens of prompts
    are counted by the model's tokenizer; without it, only ``max_length`` is checked.
    """
    strict_bodies: bool = False
    """Refuse bodies that clients send although the official documents do not allow them? These are a plan that is a
    string; a registration without ``emailCleartext`` or ``allowMarketingEmails``, or with ``recapcha``; on the api host, a
    generation without ``max_length``, ``min_length`` and ``force_emotion``; a ``prefix`` of a module that the model does not
    have; and buying training steps with DELETE.

    See:
        docs/protocol/native.md#61-request-schemas
        docs/protocol/native.md#8-ai-endpoints-text-side
        docs/protocol/native.md#173-text-voice-modules
    """
    text_ranges: bool = True
    """Refuse native text with a parameter outside the range of the site's slider, where the official documents give
    none? These are ``repetition_penalty`` outside 1 to 8, ``top_p`` and ``typical_p`` outside 0 to 1, and ``top_a`` below
    0. `OpenAISwitches.ranges` is the switch of the OpenAI-compatible endpoints.

    See docs/protocol/native.md#173-text-voice-modules.
    """
    staging: bool = False
    """Does the text host have the staging models: ``blue``, ``red`` and the other colours?

    See docs/protocol/native.md#12-which-host-per-text-model.
    """
    include_stop: bool = True
    """Does native text include the stop sequence that ended it? No source says.

    See docs/protocol/native.md#18-open-points.
    """

    # Pictures (docs/protocol/image.md#2-endpoints, docs/protocol/image.md#31-transport).
    created: bool = False
    "Answer images and encoded vibes with 201, as the official documents say, instead of 200, as was observed?"
    image_cache: int = 67_108_864
    "Bytes of images that are kept for an account under the keys that it sent with them; 0 keeps none."

    old_routes: bool = False
    """Does the api host have the endpoints that released clients still use there: upscaling by ``scale``, and an
    account's subscription? Where all hosts share one address, an upscale without a model is taken for the old one.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """

    # The training of modules; no source has numbers (docs/protocol/native.md#82-modules-training).
    training_speed: float = 100.0
    "Steps of a training per second."
    training_limit: int = 2
    "Trainings of an account that may wait or run at once."

    # The lock that all generations of an account share, over all endpoints:
    # docs/protocol/native.md#43-concurrency-timeouts-retry, docs/protocol/openai.md#74-concurrency-and-rate.
    lock: bool = True
    "Refuse a second generation while one runs?"
    retry_after: int | None = None
    """Seconds in the ``Retry-After`` of such a refusal; None leaves the header out, since no source has seen it.

    See docs/protocol/openai.md#74-concurrency-and-rate.
    """
    linger: float = 0.0
    "Seconds for which the lock stays when a client has left before its response was complete."

    # The rate limit. No source has numbers: JAVA limits itself to one request a second
    # (docs/protocol/native.md#43-concurrency-timeouts-retry).
    rate: int | None = None
    """Requests that an account may send in ``per_seconds``; requests without a token share one limit. More are answered
    with 429 and ``Retry-After``. None is no limit."""
    per_seconds: float = 60.0
    "Seconds for which a request counts against ``rate``."

    @property
    def image_status(self) -> int:
        """The status of a response with an image or an encoded vibe."""
        return 201 if self.created else 200

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidRequestError(f"{name} is at least {least}, not {value}", parameter=name)
