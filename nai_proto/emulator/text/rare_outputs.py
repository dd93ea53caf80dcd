"""The two rare outputs of older models: the likeliest next tokens, and a hidden state.

See docs/protocol/native.md#97-rare-outputs-api-host-older-models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from ...text.models import Model
from ..seeded_random import SeededRandom
from .language_model import LanguageModel

__all__ = ["build_hidden_state", "list_next_words"]

_MAX_WORDS: Final = 256
_SIZES: Final[Mapping[str, int]] = {Model.EUTERPE.id: 5120, Model.KRAKE.id: 6144}
_SIZE: Final = 4096
"""How many numbers a hidden state has: as many as the published models have that these were made of. It is our choice."""
_WEIGHTS: Final = (1.0, 0.5, 0.25, 0.125)


def list_next_words(model: LanguageModel, prompt: Sequence[int]) -> list[tuple[str, float]]:
    """Return the text and the probability of the likeliest next tokens, best first."""
    candidates = model.distribution(prompt).probabilities.items()
    return [(model.vocabulary.decode((token,)), weight) for token, weight in islice(candidates, _MAX_WORDS)]


def build_hidden_state(model: Model, prompt: Sequence[int]) -> list[float]:
    """Return numbers that depend on the last four tokens, the last one most. The language model has no states of its own."""
    state = [0.0] * _SIZES.get(model.newest.id, _SIZE)
    for weight, token in zip(_WEIGHTS, reversed(prompt), strict=False):
        numbers = SeededRandom(token)
        state = [value + weight * (2 * numbers.uniform() - 1) for value in state]
    return state
